alter table api_key
  -- {requests, per_seconds}; null is no limit.
  add column rate_limit jsonb,
  add column disabled_by text,
  -- The latest change that gateways judge by (grant, networks, limit, secrets, disabled): its place in the order of this
  -- authority, and when it was confirmed. What a repeat waits for again.
  add column changed_seq bigint,
  add column change_enforced_at timestamptz,
  -- Of any of its secrets.
  add column last_used_at timestamptz,
  add column last_used_ip text,
  add column last_used_user_agent text,
  -- What has been told already: the days before expiry, and since when it lies unused.
  add column expiry_told_days smallint,
  add column unused_told_at timestamptz;

alter table key_secret
  -- One more with each rotation, the same for all forms. Tokens name the generation of the secret that they were got with.
  add column generation integer not null default 1,
  -- Of a key that was made elsewhere: what such keys begin with. It is found by its digest.
  add column foreign_prefix text;
create unique index key_secret_by_digest on key_secret (sha256);

-- What gateways look up by digest. Rows stay: a prefix whose keys are all revoked costs one look-up.
create table foreign_prefix (
  prefix text primary key,
  organization_id text not null,
  created_at timestamptz not null
);

create index api_key_by_expiry on api_key (expires_at) where revoked_at is null;
create index api_key_of_organization_by_expiry on api_key (organization_id, expires_at) where revoked_at is null;
create index api_key_of_organization_by_owner on api_key (organization_id, owner_id, id desc);
create index api_key_by_role on api_key using gin (roles);
create index api_key_by_use on api_key ((coalesce(last_used_at, created_at))) where revoked_at is null;
create index api_key_of_organization_by_use on api_key (organization_id, (coalesce(last_used_at, created_at)));
