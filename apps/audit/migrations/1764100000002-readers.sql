-- Who reads an event: its organization, or for what is nobody's the word that its subject has. A value there instead of
-- null lets every list walk one index in the order of the list and end as soon as the page is full.
alter table event add column reader text not null generated always as (coalesce(organization_id, 'installation')) stored;
drop index event_by_organization, event_by_action, event_by_actor, event_by_credential, event_by_resource, event_by_request, event_by_time;
-- With the time beside the index a list by time alone reads no table.
create index event_by_reader on event (reader, leaf_index desc) include (time);
create index event_by_time on event (reader, time);
create index event_by_action on event (reader, action, leaf_index desc);
-- No filter is as long as these, and an index holds no value without end.
create index event_by_actor on event (reader, left(actor_id, 128), leaf_index desc);
create index event_by_credential on event (reader, left(credential_id, 128), leaf_index desc);
create index event_by_resource on event (reader, left(resource_id, 128), leaf_index desc);
create index event_by_kind on event (reader, left(resource_kind, 128), leaf_index desc);
create index event_by_request on event (reader, left(request_id, 129), leaf_index desc);
-- Successes are nearly all; what was not one is what is looked for.
create index event_by_outcome on event (reader, outcome, leaf_index desc) where outcome <> 'success';
