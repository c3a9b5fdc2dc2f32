alter table webhook add column description text;

-- Organizations that are suspended, by the record itself: their webhooks are sent nothing until they are resumed.
create table suspended_organization (
  organization_id text primary key
);
insert into suspended_organization
select organization_id
  from (select distinct organization_id from webhook) as hook
 cross join lateral (
   select action from event
    where reader = hook.organization_id and action in ('organization.suspended', 'organization.resumed')
    order by leaf_index desc limit 1) as last
 where last.action = 'organization.suspended';

-- What became of attempts, since the beginning. Replicas add what they have counted.
create table webhook_attempts (
  outcome text primary key,
  count bigint not null
);
