create table organization (
  id text primary key,
  name text not null,
  status text not null check (status in ('active', 'suspended')),
  -- The one that the installation began with: role tokens and the installation's own events belong to it.
  first boolean not null default false,
  created_at timestamptz not null
);
create unique index organization_first on organization (first) where first;

create table user_account (
  id text primary key,
  email text not null,
  -- The address as it is compared: trimmed, lower case.
  email_key text not null unique,
  name text,
  status text not null check (status in ('active', 'disabled', 'deleted')),
  -- argon2id as a PHC string; null while no password is set.
  password_hash text,
  created_at timestamptz not null
);

create table membership (
  user_id text not null references user_account (id),
  organization_id text not null references organization (id),
  roles text[] not null,
  permissions text[] not null default '{}',
  created_at timestamptz not null,
  primary key (user_id, organization_id)
);
create index membership_organization on membership (organization_id, user_id);

-- A login session, or what one client secret was exchanged for. Its id is the sid of its tokens.
create table token_family (
  id text primary key,
  kind text not null check (kind in ('session', 'api-key')),
  credential_id text not null,
  principal_kind text not null check (principal_kind in ('user', 'service_account')),
  principal_id text not null,
  organization_id text,
  created_at timestamptz not null,
  -- No token of the family outlives this, however often it is refreshed.
  ends_at timestamptz not null,
  revoked_at timestamptz,
  revoked_by text,
  -- The marker of the revocation, to confirm it again while enforced_at is null.
  revoked_seq bigint,
  enforced_at timestamptz
);
create index token_family_ends on token_family (ends_at);
create index token_family_principal on token_family (principal_id);

-- One row for each pair that was issued. The tokens themselves are kept nowhere: without the signing key a jti is worth nothing.
create table refresh_token (
  jti text primary key,
  family_id text not null references token_family (id) on delete cascade,
  access_jti text not null,
  access_expires_at timestamptz not null,
  not_before timestamptz not null,
  expires_at timestamptz not null,
  issued_at timestamptz not null,
  used_at timestamptz,
  -- The pair that its use was answered with; the last one, where an answer was lost.
  successor text,
  -- Its own pair was such a lost answer and has been replaced.
  replaced_at timestamptz
);
create index refresh_token_family on refresh_token (family_id);
create index refresh_token_expires on refresh_token (expires_at);

create table signing_key (
  kid text primary key,
  public_jwk jsonb not null,
  -- PKCS#8, encrypted under the key-encryption key with the kid as context; null once nothing it signed can be valid.
  private_key text,
  created_at timestamptz not null,
  signs_from timestamptz not null,
  retires_at timestamptz not null,
  retired_at timestamptz
);
create index signing_key_retires on signing_key (retires_at);

create table gateway_key (
  gateway_id text primary key,
  kid text not null unique,
  public_jwk jsonb not null,
  registered_at timestamptz not null,
  seen_at timestamptz not null
);
create index gateway_key_seen on gateway_key (seen_at);

-- Failed sign-ins of the last quarter of an hour. Digests, not addresses of people: whoever mistypes leaves no e-mail here.
create table sign_in_failure (
  id bigint generated always as identity primary key,
  pair text not null,
  address text not null,
  failed_at timestamptz not null
);
create index sign_in_failure_pair on sign_in_failure (pair, failed_at);
create index sign_in_failure_address on sign_in_failure (address, failed_at);
create index sign_in_failure_at on sign_in_failure (failed_at);
