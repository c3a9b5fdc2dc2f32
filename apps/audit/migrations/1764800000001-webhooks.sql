-- Where an organization's events are sent. Each has its own place in the record, so that one which is away keeps no other waiting.
create table webhook (
  id text primary key,
  organization_id text not null,
  name text not null,
  url text not null,
  -- Null: all. An action, or `noun.*`.
  actions text[],
  -- Null: all. Ids or kinds of resources.
  subjects text[],
  status text not null default 'active' check (status in ('active', 'disabled')),
  disabled_reason text,
  created_at timestamptz not null,
  created_by text not null,
  failing_since timestamptz,
  delivered_at timestamptz,
  -- The receiver has asked for patience (Retry-After).
  held_until timestamptz,
  -- The first index of the record that was not looked at for it yet.
  next_index bigint not null
);
create index webhook_by_organization on webhook (organization_id, id desc);

-- Envelopes under PORTCULLIS_KEY_ENCRYPTION_KEY: they have to be recomputed with, so they cannot be hashed.
create table webhook_secret (
  id text primary key,
  webhook_id text not null references webhook on delete cascade,
  envelope text not null,
  created_at timestamptz not null,
  -- Null: the newest.
  expires_at timestamptz
);
create unique index one_newest_webhook_secret on webhook_secret (webhook_id) where expires_at is null;
create index webhook_secret_by_webhook on webhook_secret (webhook_id);

-- What is to be sent. A row goes when the receiver has taken its event.
create table webhook_delivery (
  webhook_id text not null references webhook on delete cascade,
  leaf_index bigint not null,
  event_id text not null,
  attempts int not null default 0,
  -- When it may be tried; null: it was given up.
  due_at timestamptz,
  -- A process is at it; another takes it when this is over.
  leased_until timestamptz,
  reason text,
  died_at timestamptz,
  primary key (webhook_id, leaf_index),
  check ((due_at is null) = (died_at is not null))
);
create index webhook_delivery_due on webhook_delivery (webhook_id, due_at) where due_at is not null;
create index webhook_delivery_dead on webhook_delivery (died_at) where died_at is not null;
