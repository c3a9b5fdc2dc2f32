alter table signing_key
  add column revoked_at timestamptz,
  add column revoked_by text,
  add column seq bigint,
  add column enforced_at timestamptz;
create index signing_key_unconfirmed on signing_key (seq) where seq is not null and enforced_at is null;
