-- Revocations in commit order, and the enforcers that must have applied them (the protocol is in libs/enforcement).

-- One row. Whoever takes the next seq holds its lock until commit: that is what makes seq the commit order.
create table enforcement_head (
  singleton boolean primary key default true check (singleton),
  installed text not null default md5(random()::text || clock_timestamp()::text),
  last_seq bigint not null default 0
);
insert into enforcement_head default values;

create table marker (
  seq bigint primary key,
  scope text not null,
  subject text not null,
  effect text not null check (effect in ('drop', 'block', 'lift', 'epoch')),
  keep_ms bigint,
  epoch bigint,
  created_at timestamptz not null default now()
);
create index marker_subject on marker (scope, subject, seq);

create table enforcer (
  id text primary key,
  incarnation bigint not null,
  state text not null check (state in ('live', 'fenced')),
  applied_through bigint not null,
  granted_through bigint not null,
  lease_ms bigint not null,
  renewals bigint not null,
  renewed_at timestamptz not null default now()
);

-- Where this history stands. A restored dump keeps `installed`; another server or a promoted standby does not keep the rest.
-- The timeline is the one being written: pg_control_checkpoint() names the old one until the first checkpoint after a promotion.
-- A standby has none and refuses, so that no record is ever read from a server that may lag behind a revocation.
create view enforcement_position as
select
  head.installed || '-' || system.system_identifier || '-' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as history,
  head.last_seq as seq
from enforcement_head head, pg_control_system() system;
