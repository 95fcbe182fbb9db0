-- The log. Every table has the partition first in its key, so that it can be distributed by it.

-- One row a partition, locked as the last act of every batch and never written by one.
create table clocks (
  partition_id smallint primary key,
  epoch uuid not null default gen_random_uuid(),
  -- the last tick that this epoch has in common with the one before it
  common_tick bigint not null default 0,
  -- which database this is: changes by restore, failover and copy, which is how a new epoch comes to be noticed
  identity text not null default ''
);
insert into clocks (partition_id) values (0);

-- Past epochs and the last tick that each has in common with what followed.
create table epochs (
  partition_id smallint not null,
  epoch uuid not null,
  common_tick bigint not null,
  ended_at timestamptz not null default now(),
  primary key (partition_id, epoch)
);

-- One row a feed: the lock that a batch takes, and the floor that retention moves. Not written by a publish.
create table heads (
  partition_id smallint not null,
  feed_id int not null,
  -- the lowest position that is still to be shown
  first_kept bigint not null default 1,
  -- positions in an archived page, fixed at the feed's birth
  page_size int not null,
  primary key (partition_id, feed_id)
);

-- Which stretch of a feed's positions was committed at which tick of the clock. A feed's head is its newest row.
create table ticks (
  partition_id smallint not null,
  tick bigint not null,
  feed_id int not null,
  first_position bigint not null,
  last_position bigint not null,
  recorded_at timestamptz not null,
  primary key (partition_id, tick, feed_id)
);
create unique index ticks_by_position on ticks (partition_id, feed_id, last_position)
  include (first_position, tick, recorded_at);
create index ticks_by_time on ticks (partition_id, feed_id, recorded_at);

create table entries (
  partition_id smallint not null,
  feed_id int not null,
  position bigint not null,
  -- 0 an entry, 1 a revision of one, 2 a tombstone
  kind smallint not null,
  octets int not null,
  -- 128 bits of SHA-256 of atom_id
  atom_key uuid not null,
  atom_id text collate "C" not null,
  -- normalised category terms, for the bounded scan
  terms text[] collate "C" not null,
  xml text not null,
  primary key (partition_id, feed_id, position)
) with (autovacuum_vacuum_insert_scale_factor = 0.02, toast_tuple_target = 8160);

-- The ids of a feed: where each stands now and what was first published under it.
create table members (
  partition_id smallint not null,
  feed_id int not null,
  atom_key uuid not null,
  position bigint not null,
  first_position bigint not null,
  first_digest uuid not null,
  editable boolean not null,
  deleted boolean not null default false,
  primary key (partition_id, feed_id, atom_key)
);
-- The pages of editable feeds: what is there now, and the tombstones of what is not.
create unique index members_editable on members (partition_id, feed_id, position) where editable;

create table entry_terms (
  partition_id smallint not null,
  feed_id int not null,
  term text collate "C" not null,
  position bigint not null,
  primary key (partition_id, feed_id, term, position)
) with (autovacuum_vacuum_insert_scale_factor = 0.02);

-- The last act of a batch: lock the clock, take the next tick, write down what was committed at it. PL/pgSQL because
-- each statement of a volatile function has a snapshot of its own, so the look at the newest tick sees the tick of the
-- batch that held the lock before. Ticks are never in the past of an earlier one.
--
-- An empty batch (no feeds) makes the clock tick for whoever needs a window closed: it is recorded for feed 0.
-- Raises MR001 when the clock of this machine and that of the node differ by more than a minute, or when the log is
-- that far in the future: then there is no tick.
create function take_tick(p_partition smallint, p_feeds int[], p_first bigint[], p_last bigint[], p_node_time timestamptz)
returns table (epoch uuid, tick bigint, recorded_at timestamptz)
language plpgsql as $$
#variable_conflict use_column
declare
  v_epoch uuid;
  v_tick bigint;
  v_newest timestamptz;
  v_now timestamptz;
begin
  select c.epoch into strict v_epoch from clocks c where c.partition_id = p_partition for no key update;
  v_now := clock_timestamp();
  select t.tick, t.recorded_at into v_tick, v_newest
    from ticks t
   where t.partition_id = p_partition
   order by t.tick desc
   limit 1;
  v_now := greatest(v_now, v_newest);
  if abs(extract(epoch from v_now - p_node_time)) > 60 then
    raise exception 'the clock stands at %, the node says %', v_now, p_node_time using errcode = 'MR001';
  end if;
  v_tick := coalesce(v_tick, 0) + 1;
  if cardinality(p_feeds) = 0 then
    insert into ticks (partition_id, tick, feed_id, first_position, last_position, recorded_at)
    values (p_partition, v_tick, 0, v_tick, v_tick, v_now);
  else
    insert into ticks (partition_id, tick, feed_id, first_position, last_position, recorded_at)
    select p_partition, v_tick, r.feed_id, r.first_position, r.last_position, v_now
      from unnest(p_feeds, p_first, p_last) as r (feed_id, first_position, last_position);
  end if;
  return query select v_epoch, v_tick, v_now;
end
$$;

-- For a batch that was decided by what the node remembered: with the feeds locked, is that still how it is, and is none
-- of the ids taken? Raises MR002 when not; nothing of the batch is then written.
create function confirm_batch(
  p_partition smallint, p_feeds int[], p_atom_ids text[], p_first_kept bigint[], p_heads bigint[], p_key_feeds int[], p_keys uuid[])
returns void
language plpgsql as $$
begin
  perform
    from unnest(p_feeds, p_atom_ids, p_first_kept, p_heads) as e (feed_id, atom_id, first_kept, head)
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
      or coalesce(t.last_position, 0) <> e.head;
  if found then
    raise exception 'a feed is not as the node remembers it' using errcode = 'MR002';
  end if;
  perform
    from unnest(p_key_feeds, p_keys) as k (feed_id, atom_key)
   cross join lateral (
      select 1 from members where partition_id = p_partition and feed_id = k.feed_id and atom_key = k.atom_key limit 1) m;
  if found then
    raise exception 'an id of the batch is taken' using errcode = 'MR002';
  end if;
end
$$;
