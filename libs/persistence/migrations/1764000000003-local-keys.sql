-- Keys that a service makes for itself and shares among its replicas: for cursors and for HMACs of request bodies.
create table local_key (
  purpose text primary key,
  key bytea not null,
  created_at timestamptz not null default now()
);
