-- Whose a bucket is. A row whose bucket was given back stays until every gateway is known to go by that; then it is gone, and the name
-- is anybody's.
create table bucket (
  -- In the order of bytes, as S3 lists them.
  name text collate "C" primary key,
  organization_id text not null,
  created_at timestamptz not null,
  created_by text not null,
  released_at timestamptz,
  -- The latest change's place in the order of this authority, and when it was known to be in force everywhere.
  seq bigint not null,
  enforced_at timestamptz
);
create index bucket_of_organization on bucket (organization_id, name);
-- Found again by whoever finishes what another process has left.
create index bucket_unconfirmed on bucket (seq) where enforced_at is null;
