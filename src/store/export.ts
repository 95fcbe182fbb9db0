import pg from 'pg';
import type { Pool } from 'pg';
import type { Instant, Position } from '../core/entry.js';
import type { ExportPlace, ExportStretch, ExportedEntry, TimedTick } from '../core/export.js';
import type { Feed, FeedId } from '../core/feed.js';
import { isEarlier } from '../core/instants.js';
import { tenantTerms } from '../core/search.js';
import type { CopyDb, Db } from './db.js';
import { FEED_COLUMNS, FEED_COLUMN_COUNT, toFeed } from './feeds.js';
import type { FeedRow } from './feeds.js';
import type { Utf8Room } from '../core/utf8.js';
import { privateSql } from './search-sql.js';
import { TERM_SEPARATOR } from './write-batch.js';
import { EXPORTED_COLUMNS, entriesIn } from './exported-entries.js';
import type { FoundEntry } from './exported-entries.js';

/**
 * The log over all feeds, in the order of the clock. All that stands at or before the newest tick stays as it is, save that retention takes
 * it from behind, so that it can be read in many statements, none of them long.
 */

/** How far an export has come in a feed, and what is still there. */
export interface ExportedTo {
  readonly feed: FeedId;
  readonly position: Position;
  /** It is no longer known; `position` is the least that it can be. */
  readonly isUnsure: boolean;
  readonly firstKept: Position;
  readonly head: Position;
}

/** What retention and deletion have taken is not begun with. */
export function startOf({ position, firstKept }: ExportedTo): Position {
  return position < firstKept ? firstKept - 1n : position;
}

// Of a feed, ticks, positions and times go up together: the time finds the tick, which has no index of its own in a feed.
const EXPORTED_TO = `
  select f.feed_id, coalesce(t.last_position, 0), h.first_kept, coalesce(newest.last_position, 0),
         t.last_position is null and coalesce(oldest.first_position, 1) > 1
    from unnest($2::int[]) as f (feed_id)
   cross join lateral (
      select first_kept from heads where partition_id = $1 and feed_id = f.feed_id limit 1) h
    left join lateral (
      select last_position
        from ticks
       where partition_id = $1
         and feed_id = f.feed_id
         and recorded_at <= $3
         and (tick < $4 or (tick = $4 and f.feed_id < $5))
       order by recorded_at desc, last_position desc
       limit 1) t on true
    left join lateral (
      select first_position
        from ticks
       where partition_id = $1
         and feed_id = f.feed_id
       order by last_position
       limit 1) oldest on true
    left join lateral (
      select last_position
        from ticks
       where partition_id = $1
         and feed_id = f.feed_id
       order by last_position desc
       limit 1) newest on true`;

/** `recordedAt`: when the tick of the place was. */
export async function readExportedTo(
  db: Db,
  partition: number,
  feeds: readonly FeedId[],
  place: ExportPlace,
  recordedAt: Instant,
): Promise<ExportedTo[]> {
  const { rows } = await db.query<[FeedId, Position, Position, Position, boolean]>({
    name: 'exported-to',
    text: EXPORTED_TO,
    values: [partition, feeds, recordedAt, place.tick, place.feed],
  });
  return rows.map(([feed, before, firstKept, head, isUnsure]) => {
    const position = feed === place.feed && place.position > before ? place.position : before;
    return { feed, position, isUnsure: isUnsure && position === before, firstKept, head };
  });
}

const WAITING = `
  select f.feed_id, greatest(0, extract(epoch from clock_timestamp() - t.recorded_at))::float8
    from unnest($2::int[], $3::bigint[]) as f (feed_id, position)
   cross join lateral (
      select recorded_at
        from ticks
       where partition_id = $1
         and feed_id = f.feed_id
         and last_position > f.position
       order by last_position
       limit 1) t`;

/** For how many seconds the first entry behind the position has been there, of each of these feeds that has one. */
export async function secondsWaiting(
  db: Db,
  partition: number,
  feeds: readonly { readonly feed: FeedId; readonly position: Position }[],
): Promise<ReadonlyMap<FeedId, number>> {
  if (feeds.length === 0) return new Map();
  const { rows } = await db.query<[FeedId, number]>({
    name: 'seconds-waiting',
    text: WAITING,
    values: [partition, feeds.map(({ feed }) => feed), feeds.map(({ position }) => String(position))],
  });
  return new Map(rows);
}

const STRETCHES_OF_FEEDS = `
  select t.tick, t.feed_id, t.first_position, t.last_position, t.recorded_at
    from unnest($2::int[], $3::bigint[]) as f (feed_id, position)
   cross join lateral (
      select tick, feed_id, first_position, last_position, recorded_at
        from ticks
       where partition_id = $1
         and feed_id = f.feed_id
         and last_position > f.position
         and tick <= $4
       order by last_position
       limit $5) t
   order by f.feed_id, t.last_position`;

/** The next stretches of each of these feeds behind its position, up to the tick; so many of each, in the order of the feed. */
export async function readStretchesOf(
  db: Db,
  partition: number,
  feeds: readonly { readonly feed: FeedId; readonly position: Position }[],
  lastTick: bigint,
  limit: number,
): Promise<ExportStretch[]> {
  const { rows } = await db.query<StretchRow>({
    name: 'stretches-of-feeds',
    text: STRETCHES_OF_FEEDS,
    values: [partition, feeds.map(({ feed }) => feed), feeds.map(({ position }) => String(position)), lastTick, limit],
  });
  return rows.map(toStretch);
}

const STRETCHES = `
  select tick, feed_id, first_position, last_position, recorded_at
    from ticks
   where partition_id = $1
     and (tick, feed_id) > ($2, $3)
     and tick <= $4
   order by tick, feed_id
   limit $5`;

/** The next stretches of whatever feed, in order. */
export async function readStretches(
  db: Db,
  partition: number,
  after: Pick<ExportStretch, 'tick' | 'feed'>,
  lastTick: bigint,
  limit: number,
): Promise<ExportStretch[]> {
  const values = [partition, after.tick, after.feed, lastTick, limit];
  const { rows } = await db.query<StretchRow>({ name: 'stretches', text: STRETCHES, values });
  return rows.map(toStretch);
}

type StretchRow = [bigint, FeedId, Position, Position, Instant];

function toStretch([tick, feed, first, last, recordedAt]: StretchRow): ExportStretch {
  return { tick, feed, first, last, recordedAt };
}

/** What of a stretch is read; undefined `tenants`: all of it. */
export interface ExportedStretch extends ExportStretch {
  readonly tenants: readonly string[] | undefined;
}

/** Larger ones are read one by one, when their turn comes. */
const ALONG_OCTETS = 16_384;

// Put in order by the reader: Postgres would carry the texts along for that. Without terms: of a stretch of which all is seen.
function entriesText(partition: number, stretches: readonly ExportedStretch[]): string {
  // One constant each: many would have to be parsed one by one.
  const list = (of: (stretch: ExportedStretch) => string): string => pg.escapeLiteral(`{${stretches.map(of).join()}}`);
  const feeds = list(({ feed }) => String(feed));
  const firsts = list(({ first }) => String(first));
  const lasts = list(({ last }) => String(last));
  const terms = list(({ tenants }) =>
    tenants === undefined ? 'null' : inArray(tenantTerms(tenants).join(TERM_SEPARATOR)),
  );
  return `
    select ${EXPORTED_COLUMNS}, case when e.octets <= ${String(ALONG_OCTETS)} then e.xml end
      from unnest(${feeds}::int[], ${firsts}::bigint[], ${lasts}::bigint[], ${terms}::text[])
           with ordinality as s (feed_id, first, last, terms, at)
     cross join lateral (
        select position, kind, schema_version, atom_id, octets, terms, xml
          from entries
         where partition_id = ${String(partition)}
           and feed_id = s.feed_id
           and position >= greatest(s.first, (select first_kept from heads where partition_id = ${String(partition)} and feed_id = s.feed_id))
           and position <= s.last
         order by position
         limit 100000) e
     where s.terms is null or (e.terms && string_to_array(s.terms, E'\\x01') and not ${privateSql('e.terms')})`;
}

/** PostgreSQL, "Array Input and Output Syntax". */
function inArray(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

const LARGE = 'select xml from entries where partition_id = $1 and feed_id = $2 and position = $3';

/**
 * The entries of these stretches, in order; some 1,000 of them are as many as should be asked for at once. Left out is what
 * retention has taken by then, and, where only some tenants' are seen, everything else. By COPY: what comes is read as it is, where the driver
 * would make strings of it first. They are good until the room is used again.
 */
export async function readExported(
  db: CopyDb,
  partition: number,
  stretches: readonly ExportedStretch[],
  room: Utf8Room,
): Promise<FoundEntry[]> {
  await db.copy(entriesText(partition, stretches), room);
  return entriesIn(room, stretches);
}

/** The text of one that was too large to come along; undefined: retention has taken it since. */
export async function readExportedText(
  db: Db,
  partition: number,
  { feed, position }: Pick<ExportedEntry, 'feed' | 'position'>,
): Promise<string | undefined> {
  const { rows } = await db.query<[string]>({
    name: 'exported-text',
    text: LARGE,
    values: [partition, feed, position],
  });
  return rows[0]?.[0];
}

const TICK_FROM = `
  select tick, recorded_at
    from ticks
   where partition_id = $1
     and tick >= $2
   order by tick
   limit 1`;

/** The first tick at or after this number; undefined: there is none. */
export async function tickFrom(
  db: Db,
  partition: number,
  tick: bigint,
): Promise<{ readonly tick: bigint; readonly recordedAt: Instant } | undefined> {
  const { rows } = await db.query<[bigint, Instant]>({ name: 'tick-from', text: TICK_FROM, values: [partition, tick] });
  const [row] = rows;
  return row === undefined ? undefined : { tick: row[0], recordedAt: row[1] };
}

/** The last tick before the time, found by halving. */
export async function lastTickBefore(
  db: Db,
  partition: number,
  time: Instant | undefined,
  newest: { readonly tick: bigint; readonly recordedAt: Instant },
): Promise<TimedTick> {
  if (time === undefined || isEarlier(newest.recordedAt, time)) return newest;
  // `low` is before the time, `high` is not.
  let low: TimedTick = { tick: 0n, recordedAt: undefined };
  let high = newest.tick;
  while (high - low.tick > 1n) {
    const middle = (low.tick + high) / 2n;
    const found = await tickFrom(db, partition, middle);
    if (found === undefined || !isEarlier(found.recordedAt, time)) high = middle;
    else low = found;
  }
  return low;
}

/** What time it is there. */
export async function databaseNow(db: Db): Promise<Instant> {
  const { rows } = await db.query<[Instant]>({ name: 'now', text: 'select clock_timestamp()' });
  return rows[0]?.[0] ?? '';
}

const LIST_EXPORTED = `
  select ${FEED_COLUMNS}, f.deleted_at is not null
    from feeds f
    join heads h on h.partition_id = f.partition_id and h.feed_id = f.feed_id
   where $1::text[] is null or f.workspace = any($1)
   order by f.feed_id`;

/** The feeds of these workspaces, or of all (undefined), deleted ones too. */
export async function listExported(
  db: Db,
  workspaces: readonly string[] | undefined,
): Promise<{ readonly feed: Feed; readonly deleted: boolean }[]> {
  const { rows } = await db.query<[...FeedRow, boolean]>({
    name: 'list-exported',
    text: LIST_EXPORTED,
    values: [workspaces ?? null],
  });
  return rows.map((row) => ({
    feed: toFeed(row.slice(0, FEED_COLUMN_COUNT) as FeedRow),
    deleted: row[FEED_COLUMN_COUNT],
  }));
}

/** In one message, a transaction of its own: nobody who publishes waits for this node. */
export async function takeEmptyTick(pool: Pool, partition: number, nodeTime: Date): Promise<void> {
  await pool.query(`
    set transaction read write;
    select tick from take_tick(${String(partition)}::smallint, '{}', '{}', '{}', '${nodeTime.toISOString()}')`);
}
