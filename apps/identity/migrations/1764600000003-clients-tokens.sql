-- What machine clients get for an assertion that they sign is a family as well.
alter table token_family drop constraint token_family_kind_check;
alter table token_family add constraint token_family_kind_check check (kind in ('session', 'api-key', 'client'));
alter table token_family drop constraint token_family_principal_kind_check;
alter table token_family
  add constraint token_family_principal_kind_check check (principal_kind in ('user', 'service_account', 'client'));
