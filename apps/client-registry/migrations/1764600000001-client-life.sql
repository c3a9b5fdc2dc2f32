alter table client
  add column disabled_by text,
  add column changed_seq bigint,
  add column change_enforced_at timestamptz;
create index client_unconfirmed on client (changed_seq) where changed_seq is not null and change_enforced_at is null;
create index client_unconfirmed_revocation on client (revoked_seq) where revoked_seq is not null and enforced_at is null;

-- A key that was replaced without overlap: it is over for everybody, whatever their clocks say.
alter table client_key
  add column cut boolean not null default false,
  -- Which of the client's keys it is, counted from 1: of two that were made at one time one is the newer.
  add column generation integer not null default 1;

-- Whoever looks for another client with the same key.
create index client_key_fingerprint on client_key (fingerprint);

-- Signed requests that were taken, each once, by the digest of what was signed. Kept until nobody would accept them any more.
create table signature_claim (
  digest bytea primary key,
  client_id text not null,
  until timestamptz not null
);
create index signature_claim_until on signature_claim (until);
