-- Events that a committed change owes. A row is the truth until audit has said that it keeps the event.
create table outbox (
  id text primary key,
  event jsonb not null,
  attempts integer not null default 0,
  due_at timestamptz not null default now()
);
create index outbox_due on outbox (due_at, id);

-- Answers of mutations that carried an Idempotency-Key, for a day. The body itself is never kept.
create table idempotency (
  principal text not null,
  operation text not null,
  key text not null,
  body_hmac text not null,
  reply jsonb not null,
  created_at timestamptz not null,
  primary key (principal, operation, key)
);
create index idempotency_created on idempotency (created_at);
