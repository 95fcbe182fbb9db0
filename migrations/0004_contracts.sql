-- Contracts: what may be published in a feed. Versions 1, 2, 3 … never change; a feed's name used again goes on after the
-- last version of the feed before it, so that the URL of a version means one contract for ever.
create table contracts (
  contract_id int generated always as identity primary key,
  feed_id int not null,
  version int not null,
  -- which life of the feed's name it belongs to
  feed_atom_id text collate "C" not null,
  kind text not null,
  -- as JSON; text, so that nothing of it is put in order
  contract text not null,
  created_at timestamptz not null default now(),
  retired_at timestamptz,
  unique (feed_id, version)
);

-- The version that an entry was checked against when it was published; null: none.
alter table entries add column schema_version int;

-- As in 0003_publish_batch.sql, and with the version of each entry, 0 for none.
drop procedure publish_batch;
create procedure publish_batch(
  p_partition smallint, p_node_time timestamptz,
  p_feeds int[], p_feed_atom_ids text[], p_first_kept bigint[], p_heads bigint[],
  p_firsts bigint[], p_lasts bigint[], p_editable_feeds int[],
  p_entry_feeds int[], p_positions bigint[], p_octets int[], p_keys uuid[], p_digests uuid[],
  p_atom_ids text[], p_terms text[], p_xml text[], p_schema_versions int[],
  p_list_feeds int[], p_list_terms text[], p_list_lasts bigint[], p_list_earlier text[],
  out o_epoch uuid, out o_tick bigint, out o_recorded_at timestamptz)
language plpgsql as $$
begin
  if cardinality(p_feeds) = 0 then
    return;
  end if;
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'a batch is written at the isolation level read committed';
  end if;

  perform
     from heads
    where partition_id = p_partition
      and feed_id = any(p_feeds)
    order by feed_id
      for no key update;

  -- With `limit 1` the planner keeps to this order: it plans once, maybe while the tables are empty, and would then read
  -- all of a partition for each batch.
  perform
     from unnest(p_feeds, p_feed_atom_ids, p_first_kept, p_heads) as e (feed_id, atom_id, first_kept, head)
     left join lateral (
       select first_kept from heads where partition_id = p_partition and feed_id = e.feed_id limit 1) h on true
     left join lateral (
       select atom_id from feeds where feed_id = e.feed_id and deleted_at is null limit 1) f on true
     left join lateral (
       select last_position
         from ticks
        where partition_id = p_partition and feed_id = e.feed_id
        order by last_position desc
        limit 1) t on true
    where h.first_kept is distinct from e.first_kept
       or f.atom_id is distinct from e.atom_id
       or coalesce(t.last_position, 0) <> e.head
    union all
   select
     from unnest(p_entry_feeds, p_keys) as k (feed_id, atom_key)
    cross join lateral (
       select from members where partition_id = p_partition and feed_id = k.feed_id and atom_key = k.atom_key limit 1) m;
  if found then
    raise exception 'a feed is not as the node remembers it, or an id is taken' using errcode = 'MR002';
  end if;

  insert into entries (partition_id, feed_id, position, kind, octets, atom_key, atom_id, terms, xml, schema_version)
  select p_partition, feed_id, position, 0, octets, atom_key, atom_id, string_to_array(terms, E'\x01'), xml,
         nullif(schema_version, 0)
    from unnest(p_entry_feeds, p_positions, p_octets, p_keys, p_atom_ids, p_terms, p_xml, p_schema_versions)
      as e (feed_id, position, octets, atom_key, atom_id, terms, xml, schema_version);

  insert into members (partition_id, feed_id, atom_key, position, first_position, first_digest, editable)
  select p_partition, feed_id, atom_key, position, position, digest, feed_id = any(p_editable_feeds)
    from unnest(p_entry_feeds, p_positions, p_keys, p_digests) as e (feed_id, position, atom_key, digest);

  insert into entry_terms (partition_id, feed_id, term, last_position, earlier)
  select p_partition, feed_id, term, last_position, nullif(earlier, '')::bigint[]
    from unnest(p_list_feeds, p_list_terms, p_list_lasts, p_list_earlier) as l (feed_id, term, last_position, earlier);

  -- As take_tick does it, in fewer steps: a batch of one entry is mostly steps.
  select epoch into strict o_epoch from clocks where partition_id = p_partition for no key update;
  with n as (
    select coalesce(max(tick), 0) + 1 as tick, greatest(clock_timestamp(), max(recorded_at)) as recorded_at
      from (select tick, recorded_at from ticks where partition_id = p_partition order by tick desc limit 1) newest),
  written as (
    insert into ticks (partition_id, tick, feed_id, first_position, last_position, recorded_at)
    select p_partition, n.tick, feed_id, first_position, last_position, n.recorded_at
      from n, unnest(p_feeds, p_firsts, p_lasts) as f (feed_id, first_position, last_position))
  select tick, recorded_at into o_tick, o_recorded_at from n;
  if abs(extract(epoch from o_recorded_at - p_node_time)) > 60 then
    raise exception 'the clock stands at %, the node says %', o_recorded_at, p_node_time using errcode = 'MR001';
  end if;
  commit;
end
$$;
