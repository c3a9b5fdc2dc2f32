-- Events that are nobody's are the installation's, by the word that their subject has. With a value there instead of null
-- every list below is one walk along one index, in the order of the list, and ends as soon as the page is full.
drop index event_by_organization, event_by_action, event_by_actor, event_by_credential, event_by_resource, event_by_request, event_by_time;
create index event_by_reader on event (coalesce(organization_id, 'installation'), leaf_index desc);
create index event_by_action on event (coalesce(organization_id, 'installation'), action, leaf_index desc);
create index event_by_actor on event (coalesce(organization_id, 'installation'), left(actor_id, 128), leaf_index desc);
create index event_by_credential on event (coalesce(organization_id, 'installation'), left(credential_id, 128), leaf_index desc);
create index event_by_resource on event (coalesce(organization_id, 'installation'), left(resource_id, 128), leaf_index desc);
create index event_by_kind on event (coalesce(organization_id, 'installation'), left(resource_kind, 128), leaf_index desc);
create index event_by_request on event (coalesce(organization_id, 'installation'), left(request_id, 129), leaf_index desc);
create index event_by_time on event (coalesce(organization_id, 'installation'), time);
-- Successes are nearly all; what was not one is what is looked for.
create index event_by_outcome on event (coalesce(organization_id, 'installation'), outcome, leaf_index desc) where outcome <> 'success';
