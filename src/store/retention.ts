import type { Pool } from 'pg';
import type { Digest, Position } from '../core/entry.js';
import type { ChosenSettings, Feed, FeedId } from '../core/feed.js';
import { TICKS_KEPT_HOURS } from '../core/retention.js';
import { isPrivate, tenantsIn } from '../core/search.js';
import { int8Array, textArray, uuidArray } from './binary-arrays.js';
import type { Db, Tx } from './db.js';
import { lockCounter, takeOff } from './usage.js';

/** A feed that may have something to let go, deleted ones too. */
export interface RetainedFeed extends Pick<Feed, 'id' | 'partition' | 'pageSize'> {
  readonly settings: Pick<ChosenSettings, 'keepDays' | 'keepEntries'>;
  readonly deleted: boolean;
  /** It was deleted, and the time to bring it back is over. */
  readonly expired: boolean;
  readonly firstKept: Position;
  readonly head: Position;
  /** What lies behind the floor and can be deleted begins here; undefined: there is nothing. */
  readonly lowestEntry: Position | undefined;
  readonly lowestTick: Position | undefined;
}

type RetainedRow = [
  number,
  number,
  number,
  ChosenSettings,
  boolean,
  boolean,
  Position,
  Position,
  Position | null,
  Position | null,
];

// A feed's newest tick behind the floor stays, however old it is: it tells the head where nothing is left, and an export that has come
// to it that it has missed nothing.
const COLUMNS = `
  select f.feed_id, f.partition_id, h.page_size, f.settings, f.deleted_at is not null,
         coalesce(f.restorable_until <= now(), false), h.first_kept, t.head,
         (select case when e.position < h.first_kept then e.position end
            from entries e
           where e.partition_id = h.partition_id
             and e.feed_id = h.feed_id
           order by e.position
           limit 1),
         (select case when l.recorded_at < now() - make_interval(hours => $1)
                       and (select k.last_position
                              from ticks k
                             where k.partition_id = h.partition_id
                               and k.feed_id = h.feed_id
                               and k.last_position > l.last_position
                             order by k.last_position
                             limit 1) < h.first_kept then l.last_position end
            from ticks l
           where l.partition_id = h.partition_id
             and l.feed_id = h.feed_id
           order by l.last_position
           limit 1)
    from feeds f
    join heads h on h.partition_id = f.partition_id and h.feed_id = f.feed_id
   cross join lateral (
      select coalesce(max(last_position), 0) as head
        from ticks
       where partition_id = h.partition_id
         and feed_id = h.feed_id) t`;

// Floors that were moved may have entries behind them still, whatever the settings are by now.
const RETAINED_FEEDS = `${COLUMNS}
   where h.first_kept > 1
      or f.restorable_until is not null
      or f.settings ?| array['keepDays', 'keepEntries']
   order by f.feed_id`;

export async function listRetained(db: Db): Promise<RetainedFeed[]> {
  const { rows } = await db.query<RetainedRow>({
    name: 'retained-feeds',
    text: RETAINED_FEEDS,
    values: [TICKS_KEPT_HOURS],
  });
  return rows.map(toRetained);
}

const RETAINED_FEED = `${COLUMNS}
   where f.feed_id = $2`;

export async function findRetained(db: Db, feedId: FeedId): Promise<RetainedFeed | undefined> {
  const { rows } = await db.query<RetainedRow>({
    name: 'retained-feed',
    text: RETAINED_FEED,
    values: [TICKS_KEPT_HOURS, feedId],
  });
  return rows.map(toRetained)[0];
}

function toRetained([
  id,
  partition,
  pageSize,
  settings,
  deleted,
  expired,
  firstKept,
  head,
  entry,
  tick,
]: RetainedRow): RetainedFeed {
  const lowestEntry = entry ?? undefined;
  const lowestTick = tick ?? undefined;
  return { id, partition, pageSize, settings, deleted, expired, firstKept, head, lowestEntry, lowestTick };
}

type Log = Pick<RetainedFeed, 'id' | 'partition'>;

const EXPIRED_POSITION = `
  select last_position
    from ticks
   where partition_id = $1
     and feed_id = $2
     and recorded_at < now() - make_interval(days => $3)
   order by recorded_at desc, last_position desc
   limit 1`;

/** The last position that was recorded more than so many days ago; 0: none. */
export async function expiredPosition(db: Db, feed: Log, days: number): Promise<Position> {
  const { rows } = await db.query<[Position]>({
    name: 'expired-position',
    text: EXPIRED_POSITION,
    values: [feed.partition, feed.id, days],
  });
  return rows[0]?.[0] ?? 0n;
}

/** What has to go with an entry. */
export interface ExpiredEntry {
  readonly position: Position;
  readonly atomKey: Digest;
  readonly terms: readonly string[];
}

const EXPIRED_ENTRIES = `
  select e.position, e.atom_key, e.terms
    from entries e
    join heads h on h.partition_id = e.partition_id and h.feed_id = e.feed_id
   where e.partition_id = $1
     and e.feed_id = $2
     and e.position >= $3
     and e.position < h.first_kept
   order by e.position
   limit $4`;

/** The lowest entries behind the floor, from the position on. */
export async function readExpired(db: Db, feed: Log, from: Position, limit: number): Promise<ExpiredEntry[]> {
  const { rows } = await db.query<[Position, string, string[]]>({
    name: 'expired-entries',
    text: EXPIRED_ENTRIES,
    values: [feed.partition, feed.id, from, limit],
  });
  return rows.map(([position, key, terms]) => ({
    position,
    atomKey: Buffer.from(key.replaceAll('-', ''), 'hex'),
    terms,
  }));
}

// With the entry of its last position a list goes: those before it are gone by then, or go as well.
const DELETE_TERMS = `
  delete from entry_terms t
   using unnest($3::text[], $4::bigint[]) as d (term, position)
   where t.partition_id = $1
     and t.feed_id = $2
     and t.term = d.term
     and t.last_position = d.position`;

// An id that was published again, or edited, has its place above the floor by now. A batch that publishes one again may
// hold its old row; it deletes that row itself, and it must not wait for us, nor we for it.
const DELETE_MEMBERS = `
  delete from members
   where ctid = any (array(
     select m.ctid
       from unnest($3::uuid[]) as d (atom_key)
       join members m on m.partition_id = $1 and m.feed_id = $2 and m.atom_key = d.atom_key
      where m.position < (select first_kept from heads where partition_id = $1 and feed_id = $2)
        for update of m skip locked))`;

const DELETE_ENTRIES = `
  with gone as (
    delete from entries e
     using unnest($3::bigint[]) as d (position)
     where e.partition_id = $1
       and e.feed_id = $2
       and e.position = d.position
       and e.position < (select first_kept from heads where partition_id = $1 and feed_id = $2)
    returning e.position, e.octets)
  select coalesce(sum(octets), 0)::bigint
    from gone
   where position <= $4`;

const NOTE_LOSSES = `
  insert into tenant_losses (partition_id, feed_id, tenant, last_position)
  select $1, $2, tenant, position
    from unnest($3::text[], $4::bigint[]) as l (tenant, position)
      on conflict (partition_id, feed_id, tenant)
      do update set last_position = greatest(tenant_losses.last_position, excluded.last_position)`;

/**
 * Deletes entries behind the floor with their ids and terms, and notes whose they were; `indexTerms` makes the index's terms
 * of an entry's.
 */
export async function deleteExpired(
  tx: Tx,
  feed: Log,
  entries: readonly ExpiredEntry[],
  indexTerms: (terms: readonly string[]) => readonly string[],
): Promise<void> {
  const counted = await lockCounter(tx, feed);
  const terms = entries.flatMap(({ position, terms: own }) => indexTerms(own).map((term) => ({ term, position })));
  await tx.query({
    name: 'delete-terms',
    text: DELETE_TERMS,
    values: [
      feed.partition,
      feed.id,
      textArray(terms.map(({ term }) => term)),
      int8Array(terms.map(({ position }) => position)),
    ],
  });
  const losses = lossesOf(entries);
  await tx.query({
    name: 'note-losses',
    text: NOTE_LOSSES,
    values: [feed.partition, feed.id, textArray([...losses.keys()]), int8Array([...losses.values()])],
  });
  await tx.query({
    name: 'delete-members',
    text: DELETE_MEMBERS,
    values: [feed.partition, feed.id, uuidArray(entries.map(({ atomKey }) => atomKey))],
  });
  const { rows } = await tx.query<[bigint]>({
    name: 'delete-entries',
    text: DELETE_ENTRIES,
    values: [feed.partition, feed.id, int8Array(entries.map(({ position }) => position)), counted],
  });
  const octets = rows[0]?.[0] ?? 0n;
  if (octets > 0n) await takeOff(tx, feed, octets);
}

/** The last position of each tenant among them; in order, so that two who note the same do not wait in a circle. */
function lossesOf(entries: readonly ExpiredEntry[]): Map<string, Position> {
  const last = new Map<string, Position>();
  for (const { position, terms } of entries) {
    if (isPrivate(terms)) continue;
    for (const tenant of tenantsIn(terms)) last.set(tenant, position);
  }
  return new Map([...last].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const DELETE_TICKS = `
  with gone as (
    delete from ticks
     where ctid = any (array(
       select t.ctid
         from ticks t
        where t.partition_id = $1
          and t.feed_id = $2
          and t.last_position >= $3
          and t.last_position < (
            select k.last_position
              from ticks k
             where k.partition_id = $1
               and k.feed_id = $2
               and k.last_position < (select first_kept from heads where partition_id = $1 and feed_id = $2)
             order by k.last_position desc
             limit 1)
          and t.recorded_at < now() - make_interval(hours => $4)
        order by t.last_position
        limit $5))
    returning last_position)
  select count(*)::int, coalesce(max(last_position), $3)
    from gone`;

/** Deletes the lowest ticks behind the floor, but the newest of them, from the position on; resolves with how many, and the last one's. */
export async function deleteTicks(
  tx: Tx,
  feed: Log,
  from: Position,
  limit: number,
): Promise<{ ticks: number; last: Position }> {
  const { rows } = await tx.query<[number, Position]>({
    name: 'delete-ticks',
    text: DELETE_TICKS,
    values: [feed.partition, feed.id, from, TICKS_KEPT_HOURS, limit],
  });
  const [ticks, last] = rows[0] ?? [0, from];
  return { ticks, last };
}

/** Any number, as long as nobody else locks it in this database: "keep" in ASCII. */
const LOCK = 0x6b656570;

/** Does the work unless another node is at it; resolves with whether it was done. Takes a connection for that time. */
export async function whileAlone(pool: Pool, work: () => Promise<void>): Promise<boolean> {
  const client = await pool.connect();
  // The lock ends with its connection. Without a listener the break would end the process.
  const broken = (): void => undefined;
  client.on('error', broken);
  let unlocked = false;
  try {
    const { rows } = await client.query<{ alone: boolean }>('select pg_try_advisory_lock($1) as alone', [LOCK]);
    if (rows[0]?.alone !== true) {
      unlocked = true;
      return false;
    }
    await work();
    await client.query('select pg_advisory_unlock($1)', [LOCK]);
    unlocked = true;
    return true;
  } finally {
    client.off('error', broken);
    // A connection that may still hold the lock is not lent to anyone else.
    client.release(!unlocked);
  }
}
