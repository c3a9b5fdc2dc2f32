-- A database that was put back, or a standby that took over, may have forgotten enforcers that hold leases: until L has passed in its
-- history nobody may believe its rows to be all (EnforcementAuthority). `settled` is the last history of which that is known.
alter table enforcement_head add column settled text;

-- Beside the installation, the server and the timeline: the table itself, which a dump that is put back makes anew, and when the server
-- began to run, since data files that are put back are put back under a server that stands still.
create or replace view enforcement_position as
select
  head.installed || '-' || system.system_identifier || '-' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) || '-' ||
    head.tableoid || '-' || (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint as history,
  head.last_seq as seq
from enforcement_head head, pg_control_system() system;

-- Of a new installation nobody can hold a lease.
update enforcement_head set settled = (select history from enforcement_position) where last_seq = 0;
