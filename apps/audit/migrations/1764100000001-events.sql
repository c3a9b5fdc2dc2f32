-- The record. An event's index is given in the transaction that keeps it, without gaps: the leaves of the log to come.
create table event (
  leaf_index bigint primary key,
  id text not null unique,
  time timestamptz not null,
  organization_id text,
  action text not null,
  outcome text not null,
  actor_id text,
  credential_id text,
  resource_kind text not null,
  resource_id text,
  request_id text,
  body jsonb not null
);
-- A reader sees one organization, newest first; each filter has an index that ends in the order of the list.
create index event_by_organization on event (organization_id, leaf_index desc);
create index event_by_action on event (organization_id, action, leaf_index desc);
create index event_by_actor on event (organization_id, actor_id, leaf_index desc);
create index event_by_credential on event (organization_id, credential_id, leaf_index desc);
create index event_by_resource on event (organization_id, resource_id, leaf_index desc);
create index event_by_request on event (organization_id, request_id, leaf_index desc);
create index event_by_time on event (organization_id, time);

-- One row: how many events there are. Its lock is what makes the index dense however many replicas append.
create table log_size (
  singleton boolean primary key default true check (singleton),
  size bigint not null default 0
);
insert into log_size default values;

-- Messages that are no events of ours, or that a service published in another's name. Kept aside, so that they stop nothing.
create table rejected (
  stream_seq bigint primary key,
  subject text not null,
  reason text not null,
  body text not null,
  received_at timestamptz not null default now()
);
