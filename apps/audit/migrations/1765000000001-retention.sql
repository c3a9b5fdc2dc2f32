-- One row: below which index every body whose term was over is gone. Whoever takes bodies away holds its lock: erasing as well.
create table retention (
  singleton boolean primary key default true check (singleton),
  next_index bigint not null default 0,
  -- Null: a turn is due at once.
  due_at timestamptz,
  ran_at timestamptz
);
insert into retention default values;

-- Null: nobody erased it, its term was over.
alter table erased alter column erased_by drop not null;
