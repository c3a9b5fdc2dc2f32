create table api_key (
  id text primary key,
  organization_id text not null,
  name text not null,
  description text,
  owner_kind text not null check (owner_kind in ('user', 'service_account')),
  owner_id text not null,
  forms text[] not null,
  key_prefix text,
  client_id text unique,
  roles text[] not null,
  permissions text[] not null,
  buckets jsonb,
  networks text[],
  metadata jsonb not null,
  created_at timestamptz not null,
  created_by text not null,
  expires_at timestamptz,
  disabled_at timestamptz,
  revoked_at timestamptz,
  revoked_by text,
  -- The revocation's place in the order of this authority: what a repeat waits for again.
  revoked_seq bigint,
  enforced_at timestamptz
);
-- Lists are newest first; ids sort by the time they were made.
create index api_key_by_organization on api_key (organization_id, id desc);
create index api_key_by_owner on api_key (owner_id, id desc);

-- A secret is kept as the SHA-256 of what is presented: it has more than 190 random bits, so no slow hash is needed.
create table key_secret (
  id text primary key,
  key_id text not null references api_key,
  form text not null check (form in ('bearer', 'client_credentials')),
  lookup text unique,
  sha256 text not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  last_used_at timestamptz
);
create index key_secret_by_key on key_secret (key_id);
