-- In a transaction of its own, so that it holds nothing that those who are in the midst of an append could be waiting for.
drop index if exists old_event_by_reader, old_event_by_time, old_event_by_action, old_event_by_actor, old_event_by_credential,
  old_event_by_resource, old_event_by_kind, old_event_by_request, old_event_by_outcome;
