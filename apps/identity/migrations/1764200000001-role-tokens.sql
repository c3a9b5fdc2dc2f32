-- One row. `id` tells this installation's role tokens from those of others with the same key; a token of a lower epoch is refused.
create table installation (
  singleton boolean primary key default true check (singleton),
  id text not null default 'ins_' || replace(gen_random_uuid()::text, '-', ''),
  role_token_epoch bigint not null default 1,
  -- Those of others that were issued before (seconds since 1970) are refused: their epochs are not ours.
  role_tokens_of_others_from bigint not null default 0
);
insert into installation default values;

-- Which family a token is of, for a revocation by its id alone. The token itself is kept nowhere; nothing here is asked to accept one.
create table role_token (
  id text primary key,
  family_id text not null,
  family_ends_at timestamptz not null
);
create index role_token_family_ends on role_token (family_ends_at);

create table role_token_revocation (
  -- The id of a token or of a family, or `all:<epoch>`.
  id text primary key,
  revoked_at timestamptz not null,
  revoked_by text not null,
  -- The markers, to confirm them again.
  seqs bigint[] not null,
  enforced_at timestamptz,
  -- Nothing that it refuses can be valid any more.
  ends_at timestamptz
);
create index role_token_revocation_ends on role_token_revocation (ends_at);

-- Wrong node passwords of the last minute, by address group.
create table node_password_failure (
  id bigint generated always as identity primary key,
  address text not null,
  failed_at timestamptz not null
);
create index node_password_failure_address on node_password_failure (address, failed_at);
create index node_password_failure_at on node_password_failure (failed_at);
