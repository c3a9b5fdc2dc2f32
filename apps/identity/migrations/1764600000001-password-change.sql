-- The last change of each person's password: another process confirms it if the one that made it dies while it waits.
create table password_change (
  user_id text primary key references user_account (id),
  organization_id text,
  seqs bigint[] not null,
  enforced_at timestamptz
);
create index password_change_unconfirmed on password_change (user_id) where enforced_at is null;
