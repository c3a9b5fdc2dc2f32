-- What was called with which key. One partition for each UTC day (`request_2026_11_24`), made when the first of its rows comes and
-- dropped as a whole when its days are over: deleting row by row would cost as much again as writing did.
create table request (
  time timestamptz not null,
  -- The batch that brought it and its place there: a batch that comes twice is kept once.
  batch text not null,
  place smallint not null,
  organization_id text not null,
  api_key_id text not null,
  principal_kind text not null,
  principal_id text not null,
  secret_id text,
  request_id text not null,
  method text not null,
  path text not null,
  route text,
  status smallint not null,
  duration_ms integer not null,
  client_ip text not null,
  user_agent text,
  omitted integer,
  primary key (time, batch, place)
) partition by range (time);
-- Lists are newest first and of one organization.
create index request_of_organization on request (organization_id, time desc, batch desc, place desc);
create index request_of_key on request (organization_id, api_key_id, time desc, batch desc, place desc);
create index request_of_principal on request (organization_id, principal_id, time desc, batch desc, place desc);

-- The budgets of limited keys in use: one row a key, under whose lock every gateway takes its slices. `ledger` is `LedgerState` of
-- `enforcement`. Room in each page lets an update stay where the row is.
create table budget (
  key_id text primary key references api_key on delete cascade,
  ledger jsonb
) with (fillfactor = 50);
