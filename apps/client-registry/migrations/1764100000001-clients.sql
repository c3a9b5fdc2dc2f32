create table client (
  id text primary key,
  organization_id text not null,
  -- Unique in the installation: the keyid of its signatures and its OAuth client id.
  client_id text not null unique,
  name text not null,
  networks text[] not null,
  roles text[] not null,
  created_at timestamptz not null,
  created_by text not null,
  disabled_at timestamptz,
  rotated_at timestamptz,
  revoked_at timestamptz,
  revoked_by text,
  revoked_seq bigint,
  enforced_at timestamptz,
  last_used_at timestamptz,
  last_used_ip text,
  last_used_user_agent text
);
create index client_by_organization on client (organization_id, id desc);

-- A client may have two keys while one replaces the other.
create table client_key (
  client_id text not null references client,
  -- SHA-256 of the DER form, hex.
  fingerprint text not null,
  algorithm text not null,
  spki bytea not null,
  created_at timestamptz not null,
  expires_at timestamptz,
  primary key (client_id, fingerprint)
);
