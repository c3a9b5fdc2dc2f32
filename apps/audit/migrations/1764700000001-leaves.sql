-- What is hashed is the text of an event, so it is kept to the letter: jsonb writes members in an order of its own. Rows of before
-- have no salt and no leaf; the first process of the new version gives them both, in the order of their indexes.
alter table event alter column body type json using body::json;
alter table event add column salt bytea check (octet_length(salt) = 32);

-- Hashes of the tree (RFC 9162), 256 to a row, from left to right: those of level n are of complete subtrees over 256^n leaves,
-- level 0 are the leaves. Rows grow at their end and never change otherwise. Hashes do not compress.
create table tile (
  level smallint not null check (level >= 0),
  index bigint not null check (index >= 0),
  hashes bytea not null check (octet_length(hashes) between 32 and 8192 and octet_length(hashes) % 32 = 0),
  primary key (level, index)
);
alter table tile alter column hashes set storage external;

-- One row: the tree as it was last signed. Grows in the transaction that keeps the events; `log_size` is the lock before it.
create table log_head (
  singleton boolean primary key default true check (singleton),
  -- The log's name, the first line of its checkpoints. Given at the first start.
  origin text,
  size bigint not null default 0,
  root bytea,
  note text,
  signed_at timestamptz,
  -- The key that signs. Here as well, so that whoever has waited for the row knows of a rotation that was just done.
  key_id text
);
insert into log_head default values;

-- Checkpoints of before, at most one a minute: what the log is checked against while it runs.
create table checkpoint (
  size bigint primary key,
  root bytea not null,
  note text not null,
  signed_at timestamptz not null
);
create index checkpoint_by_time on checkpoint (signed_at);

-- The keys that sign checkpoints. The private half goes when a key retires; the verifier key stays: old notes are verified by it.
create table log_key (
  id text primary key,
  verifier_key text not null unique,
  private_key text,
  created_at timestamptz not null,
  retired_at timestamptz
);
create unique index one_log_key_signs on log_key ((true)) where retired_at is null;

-- Events whose body and salt are gone. Their leaves stand, and their ids are known, so that a late repeat is still a repeat.
create table erased (
  leaf_index bigint primary key,
  id text not null unique,
  service text not null,
  reader text not null,
  erased_at timestamptz not null,
  erased_by text not null
);
create index erased_by_reader on erased (reader, leaf_index);

-- One row: how far the log was held against what was signed, by whichever replica's turn it was, and the first thing that was wrong.
create table log_check (
  singleton boolean primary key default true check (singleton),
  next_index bigint not null default 0,
  -- When all of it had been gone through for the last time.
  completed_at timestamptz,
  damaged_index bigint,
  damage text,
  damaged_at timestamptz
);
insert into log_check default values;
