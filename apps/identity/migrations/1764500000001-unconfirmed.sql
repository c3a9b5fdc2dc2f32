-- Found again by whoever finishes what another process has left: few rows at any time.
create index token_family_unconfirmed on token_family (revoked_seq) where revoked_seq is not null and enforced_at is null;
create index organization_unconfirmed on organization (seq) where seq is not null and enforced_at is null;
create index membership_unconfirmed on membership (seq) where seq is not null and enforced_at is null;
create index service_account_unconfirmed on service_account (seq) where seq is not null and enforced_at is null;
create index role_token_revocation_unconfirmed on role_token_revocation (id) where enforced_at is null;
