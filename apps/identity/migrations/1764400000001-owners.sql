-- Everything that takes something away carries who and when, the last marker that enforcers must have applied, and when they had.
-- Counts the passwords that were set: a rehash of the same one is none, so that a sign-in under way can tell the two apart.
alter table user_account add column password_number integer not null default 0;

alter table organization
  add column suspended_at timestamptz,
  add column suspended_by text,
  add column seq bigint,
  add column enforced_at timestamptz;

-- A membership that was removed stays as a row, so that a repeat of its removal answers with the first.
alter table membership
  add column created_by text,
  add column disabled_at timestamptz,
  add column disabled_by text,
  add column removed_at timestamptz,
  add column removed_by text,
  add column seq bigint,
  add column enforced_at timestamptz;
create index membership_page on membership (organization_id, user_id desc) where removed_at is null;

create table service_account (
  id text primary key,
  organization_id text not null references organization (id),
  name text not null,
  description text,
  roles text[] not null,
  permissions text[] not null,
  created_at timestamptz not null,
  created_by text not null,
  disabled_at timestamptz,
  disabled_by text,
  deleted_at timestamptz,
  deleted_by text,
  seq bigint,
  enforced_at timestamptz
);
create index service_account_page on service_account (organization_id, id desc);
-- The name of one that is deleted is free again.
create unique index service_account_name on service_account (organization_id, lower(name)) where deleted_at is null;

-- Links by which people set their first password. Of the token only its SHA-256: it has 256 random bits.
create table invitation (
  id text primary key,
  token_sha256 text not null unique,
  user_id text not null references user_account (id),
  organization_id text not null references organization (id),
  created_at timestamptz not null,
  expires_at timestamptz not null,
  accepted_at timestamptz,
  -- By a later link, by a password that was set otherwise, by the end of the membership.
  voided_at timestamptz
);
create index invitation_user on invitation (user_id);
create index invitation_expires on invitation (expires_at);

-- Keys of owners who are gone, which api-key has yet to revoke. A row is the truth until api-key has said that they are.
create table key_debt (
  id bigint generated always as identity primary key,
  owner_id text not null,
  -- Null: in every organization.
  organization_id text,
  revoked_by text not null,
  because text not null,
  made_before timestamptz not null,
  attempts integer not null default 0,
  due_at timestamptz not null
);
create index key_debt_due on key_debt (due_at, id);
