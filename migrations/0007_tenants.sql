-- What retention took of each tenant's entries: their readers are told what they lost, and not of what others did.
create table tenant_losses (
  partition_id smallint not null,
  feed_id int not null,
  tenant text collate "C" not null,
  -- of the last entry that was taken
  last_position bigint not null,
  primary key (partition_id, feed_id, tenant)
);

-- Whether a contract names values that only some may see: of those that do not, nothing need be taken out of any entry.
alter table contracts add column has_private boolean not null default false;
update contracts
   set has_private = true
 where json_array_length(coalesce(contract::json -> 'private', '[]')) > 0;
alter table contracts alter column has_private drop default;

-- What the term index holds of private entries stands under terms of its own (U+0001 twice, then the term), so that those
-- who do not see them never come across them. Lists that private entries share with others are taken apart.
create temporary table mixed_lists on commit drop as
with private as (
  select partition_id, feed_id, position
    from entries
   where 'cloudfeeds:private' = any(terms))
select t.partition_id, t.feed_id, t.term, t.last_position, t.earlier
  from entry_terms t
 where (t.partition_id, t.feed_id) in (select partition_id, feed_id from private)
   and exists (
     select
       from unnest(t.earlier || t.last_position) as p (position)
       join private e on e.partition_id = t.partition_id and e.feed_id = t.feed_id and e.position = p.position);

delete from entry_terms t
 using mixed_lists m
 where t.partition_id = m.partition_id
   and t.feed_id = m.feed_id
   and t.term = m.term
   and t.last_position = m.last_position;

insert into entry_terms (partition_id, feed_id, term, last_position)
select m.partition_id, m.feed_id,
       case when 'cloudfeeds:private' = any(e.terms) then E'\x01\x01' || m.term else m.term end, e.position
  from mixed_lists m
 cross join unnest(m.earlier || m.last_position) as p (position)
  join entries e on e.partition_id = m.partition_id and e.feed_id = m.feed_id and e.position = p.position;
