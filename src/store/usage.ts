import type { Position } from '../core/entry.js';
import type { Feed, FeedId } from '../core/feed.js';
import type { Used } from '../core/quota.js';
import { int2Array, int4Array } from './binary-arrays.js';
import type { Db, Tx } from './db.js';

/** What the feeds of a workspace had used in the moment of one snapshot. */
export interface UsageReading extends Used {
  /** Octets of entries that the counters have not reached yet, in entries; those beyond `isComplete` are not in `octets`. */
  readonly uncounted: number;
  /** False: some feed has more that is not counted yet than is looked at at once. */
  readonly isComplete: boolean;
  /** The newest tick of each partition in that snapshot: what was committed by then is in the figures, nothing later is. */
  readonly ticks: ReadonlyMap<number, bigint>;
}

/** Entries of a feed that are looked at at once. */
const MOST_AT_ONCE = 2_000;
/** Feeds whose counters are moved in one transaction. */
const MOST_FEEDS = 100;

// Positions have no gaps, so that the entries of a day are told by the first of them and the head; ticks so young are never
// deleted (core/retention.ts). By the time alone: a second column in the order, and a plan that was made while the log was
// empty reads all ticks of a feed. The contracts are those of former lives of a feed's name too, as long as they are there: the length of
// a text is known without reading it.
const READ_USAGE = `
  select f.workspace, f.partition_id, extract(epoch from date_trunc('day', now()))::float8 * 1000,
         coalesce((select tick from ticks where partition_id = f.partition_id order by tick desc limit 1), 0),
         coalesce(sum(h.last_position - d.first_position + 1), 0)::float8,
         coalesce(sum(coalesce(u.octets, 0) + n.octets + c.octets) filter (where w.quotas ? 'bytes'), 0)::float8,
         coalesce(sum(n.entries), 0)::int, coalesce(bool_and(n.entries < $2), true)
    from feeds f
    join workspaces w on w.name = f.workspace
    left join feed_usage u on u.partition_id = f.partition_id and u.feed_id = f.feed_id
    left join lateral (
      select last_position
        from ticks
       where partition_id = f.partition_id
         and feed_id = f.feed_id
       order by last_position desc
       limit 1) h on true
    left join lateral (
      select first_position
        from ticks
       where partition_id = f.partition_id
         and feed_id = f.feed_id
         and recorded_at >= date_trunc('day', now())
       order by recorded_at
       limit 1) d on true
   cross join lateral (
      select coalesce(sum(octets), 0) as octets, count(*) as entries
        from (select octets
                from entries
               where w.quotas ? 'bytes'
                 and partition_id = f.partition_id
                 and feed_id = f.feed_id
                 and position > coalesce(u.counted_to, 0)
               order by position
               limit $2) e) n
   cross join lateral (
      select coalesce(sum(octet_length(contract)), 0) as octets
        from contracts
       where w.quotas ? 'bytes'
         and feed_id = f.feed_id) c
   where f.workspace = any($1::text[])
   group by f.workspace, f.partition_id`;

type UsageRow = [string, number, number, bigint, number, number, number, boolean];

/** What these workspaces have used; one that is missing in the answer has no feeds, and had none. */
export async function readUsage(db: Db, workspaces: readonly string[]): Promise<Map<string, UsageReading>> {
  const { rows } = await db.query<UsageRow>({
    name: 'read-usage',
    text: READ_USAGE,
    values: [workspaces, MOST_AT_ONCE],
  });
  const readings = new Map<string, UsageReading>();
  for (const [workspace, partition, dayBegan, tick, entries, octets, uncounted, isComplete] of rows) {
    const others = readings.get(workspace);
    readings.set(workspace, {
      dayBegan,
      entries: entries + (others?.entries ?? 0),
      octets: octets + (others?.octets ?? 0),
      uncounted: uncounted + (others?.uncounted ?? 0),
      isComplete: isComplete && others?.isComplete !== false,
      ticks: new Map([...(others?.ticks ?? []), [partition, tick]]),
    });
  }
  return readings;
}

const MAKE_COUNTERS = `
  insert into feed_usage (partition_id, feed_id)
  select f.partition_id, f.feed_id
    from feeds f
   where f.workspace = any($1::text[])
     and not exists (select from feed_usage u where u.partition_id = f.partition_id and u.feed_id = f.feed_id)
      on conflict do nothing`;

// Whoever has one of them locked counts it, or deletes what was counted: nobody waits for that.
const LOCK_COUNTERS = `
  select u.partition_id, u.feed_id
    from feeds f
    join feed_usage u on u.partition_id = f.partition_id and u.feed_id = f.feed_id
   cross join lateral (
      select last_position
        from ticks
       where partition_id = f.partition_id
         and feed_id = f.feed_id
       order by last_position desc
       limit 1) h
   where f.workspace = any($1::text[])
     and h.last_position > u.counted_to
   order by h.last_position - u.counted_to desc
   limit $2
     for update of u skip locked`;

// A statement of its own: with the rows locked, its snapshot has what those before have done. What is left of a feed may be gone:
// to the head of that same snapshot nothing else can come, and a counter that stood still would be in the way of others for ever.
const MOVE_COUNTERS = `
  update feed_usage u
     set octets = u.octets + n.octets, counted_to = case when n.entries < $3 then h.last_position else n.last end
    from unnest($1::smallint[], $2::int[]) as c (partition_id, feed_id)
    join feed_usage before on before.partition_id = c.partition_id and before.feed_id = c.feed_id
   cross join lateral (
      select last_position
        from ticks
       where partition_id = c.partition_id
         and feed_id = c.feed_id
       order by last_position desc
       limit 1) h
   cross join lateral (
      select coalesce(sum(octets), 0) as octets, count(*) as entries, max(position) as last
        from (select octets, position
                from entries
               where partition_id = c.partition_id
                 and feed_id = c.feed_id
                 and position > before.counted_to
               order by position
               limit $3) e) n
   where u.partition_id = c.partition_id
     and u.feed_id = c.feed_id`;

/**
 * Counts the octets of the entries that were not counted yet, of each feed so many at most. False: there was nothing to count, or
 * others are at it.
 */
export async function countOctets(tx: Tx, workspaces: readonly string[]): Promise<boolean> {
  await tx.query({ name: 'make-counters', text: MAKE_COUNTERS, values: [workspaces] });
  const { rows } = await tx.query<[number, FeedId]>({
    name: 'lock-counters',
    text: LOCK_COUNTERS,
    values: [workspaces, MOST_FEEDS],
  });
  if (rows.length === 0) return false;
  await tx.query({
    name: 'move-counters',
    text: MOVE_COUNTERS,
    values: [
      int2Array(rows.map(([partition]) => partition)),
      int4Array(rows.map(([, feedId]) => feedId)),
      MOST_AT_ONCE,
    ],
  });
  return true;
}

type Log = Pick<Feed, 'id' | 'partition'>;

const MAKE_COUNTER = 'insert into feed_usage (partition_id, feed_id) values ($1, $2) on conflict do nothing';
const LOCK_COUNTER = 'select counted_to from feed_usage where partition_id = $1 and feed_id = $2 for update';

/** For who is about to delete entries: nobody counts them meanwhile. Resolves with the last position that was counted. */
export async function lockCounter(tx: Tx, feed: Log): Promise<Position> {
  await tx.query({ name: 'make-counter', text: MAKE_COUNTER, values: [feed.partition, feed.id] });
  const { rows } = await tx.query<[Position]>({
    name: 'lock-counter',
    text: LOCK_COUNTER,
    values: [feed.partition, feed.id],
  });
  return rows[0]?.[0] ?? 0n;
}

const TAKE_OFF = 'update feed_usage set octets = octets - $3 where partition_id = $1 and feed_id = $2';

/** Counted entries of so many octets were deleted. The counter must be locked. */
export async function takeOff(tx: Tx, feed: Log, octets: bigint): Promise<void> {
  await tx.query({ name: 'take-off', text: TAKE_OFF, values: [feed.partition, feed.id, octets] });
}
