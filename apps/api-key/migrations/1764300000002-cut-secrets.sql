-- Ended by a rotation without overlap: it is over for everybody, whatever their clocks say.
alter table key_secret add column cut boolean not null default false;
