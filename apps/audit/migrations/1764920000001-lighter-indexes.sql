-- Indexes were most of what an append costs Postgres. Ascending ones fill their pages; values that are made of the time come before
-- the reader, so that new ones lie side by side; what is not there is in none. They end in `leaf_index + 0` because the primary key is no walk for a list:
-- the planner prefers it for a filter that it takes for common, and goes through millions of events if those that match are old.
-- The old ones go in the next migration: dropping them keeps readers out, and here that would last through all builds.
alter index event_by_reader rename to old_event_by_reader;
alter index event_by_time rename to old_event_by_time;
alter index event_by_action rename to old_event_by_action;
alter index event_by_actor rename to old_event_by_actor;
alter index event_by_credential rename to old_event_by_credential;
alter index event_by_resource rename to old_event_by_resource;
alter index event_by_kind rename to old_event_by_kind;
alter index event_by_request rename to old_event_by_request;
alter index event_by_outcome rename to old_event_by_outcome;
create index event_by_reader on event (reader, (leaf_index + 0));
create index event_by_action on event (reader, action, (leaf_index + 0));
create index event_by_kind on event (reader, left(resource_kind, 128), (leaf_index + 0));
create index event_by_actor on event (left(actor_id, 128), reader, (leaf_index + 0)) where actor_id is not null;
create index event_by_credential on event (left(credential_id, 128), reader, (leaf_index + 0)) where credential_id is not null;
create index event_by_resource on event (left(resource_id, 128), reader, (leaf_index + 0)) where resource_id is not null;
create index event_by_request on event (left(request_id, 129), reader, (leaf_index + 0)) where request_id is not null;
create index event_by_outcome on event (reader, outcome, (leaf_index + 0)) where outcome <> 'success';

-- Between which times 1,024 neighbouring events lie. Clocks of several machines make no order, so a search by time asks here between
-- which indexes it may find something. An event that is taken away leaves its time: that never hides another.
create table stretch (
  number bigint primary key,
  earliest timestamptz not null,
  latest timestamptz not null
);
insert into stretch select leaf_index / 1024, min(time), max(time) from event group by 1;
-- By the database and not by who appends: a process of the version before, which knows no stretch, appends as well.
create function widen_stretches() returns trigger language plpgsql set search_path from current as $$
begin
  insert into stretch select leaf_index / 1024, min(time), max(time) from appended group by 1
  on conflict (number) do update
    set earliest = least(stretch.earliest, excluded.earliest), latest = greatest(stretch.latest, excluded.latest);
  return null;
end $$;
create trigger widen_stretches after insert on event referencing new table as appended
  for each statement execute function widen_stretches();
analyze event;
analyze stretch;
