import type { Entry, Instant, Position } from '../core/entry.js';
import type { Feed } from '../core/feed.js';
import { planSearch } from '../core/search.js';
import type { Search } from '../core/search.js';
import type { Db } from './db.js';
import { indexedPositions, stretchSql } from './indexed-positions.js';
import { LOG_STATE } from './log-state-sql.js';
import { readPlainPage } from './plain-page.js';
import type { Direction, LogView } from './plain-page.js';
import { privateSql, searchCondition } from './search-sql.js';
import { KINDS } from './write-batch.js';

/** Stored bytes of one page; `next` goes on. */
export const PAGE_OCTETS = 8 * 1024 * 1024;
/** A search that no index answers looks at this many positions for one page. */
const SCAN_POSITIONS = 5_000n;
/** Tombstones do not count towards the limit, but a page of them ends somewhere. */
export const MOST_TOMBSTONES = 100;

/** Rows of one page, newest first, with the state of the log in the same statement. */
export interface PageRows {
  readonly head: Position;
  readonly firstKept: Position;
  /** The uuid of the epoch. */
  readonly epoch: string;
  /** When the feed's log last changed. */
  readonly changedAt: Instant | undefined;
  readonly entries: Entry[];
  /** The place of the last that was read, in the view or not. */
  readonly end: Position | undefined;
  /** The positions that were looked at, from low to high. */
  readonly low: Position;
  readonly high: Position;
  /** The page ends because it is full, not because there was no more to look at. */
  readonly full: boolean;
}

/**
 * One page: `backward` from the position (inclusive; undefined: from the head), `forward` after it. Reads the head, the
 * floor and the entries in one statement, so the page may be named after the head that it returns.
 */
export async function readPage(
  db: Db,
  feed: Feed,
  view: LogView,
  direction: Direction,
  from: Position | undefined,
  limit: number,
  search: Search | undefined,
): Promise<PageRows> {
  const bound = from ?? END_OF_LOG;
  if (search === undefined && !feed.settings.editable) {
    const plain = await readPlainPage(db, feed, view, direction, from, limit, PAGE_OCTETS);
    return stretchOf(plain, direction, from, undefined);
  }
  const { name, text, values, windowed } = statementFor(feed.settings.editable, view, direction, search);
  const { rows } = await db.query<PageRow>({ name, text, values: [feed.partition, feed.id, bound, limit, ...values] });
  const [first] = rows;
  if (first === undefined) throw new Error(`feed ${String(feed.id)} has no head`);
  const [head, firstKept, epoch, changed] = first;
  const found = first[4] === null ? [] : rows;
  const entries = found.filter((row) => view === 'whole' || row[11] !== true).map(toEntry);
  const total = first[9] ?? 0n;
  const full = total > BigInt(found.length);
  const end = found.at(-1)?.[4] ?? undefined;
  const read = { head, firstKept, epoch, changedAt: changed ?? undefined, entries, end, full };
  return stretchOf(read, direction, from, windowed ? SCAN_POSITIONS : undefined);
}

/** Which stretch of the log the rows account for: up to the last of a full page, else all that could be looked at. */
export function stretchOf(
  read: Omit<PageRows, 'low' | 'high'>,
  direction: Direction,
  from: Position | undefined,
  window: Position | undefined,
): PageRows {
  const bound = from ?? END_OF_LOG;
  const { head, firstKept, entries, end, full } = read;
  if (direction === 'backward') {
    const high = bound < head ? bound : head;
    const lowest = window === undefined ? firstKept : high - window + 1n;
    return { low: full && end !== undefined ? end : lowest > firstKept ? lowest : firstKept, high, ...read };
  }
  entries.reverse();
  const low = bound + 1n > firstKept ? bound + 1n : firstKept;
  const highest = window === undefined ? head : low + window - 1n;
  const high = full && end !== undefined ? end : highest < head ? highest : head;
  return { low, high: high < low ? low - 1n : high, ...read };
}

const ARCHIVE = `
  select e.position, e.kind, e.atom_id, e.xml, e.schema_version, r.recorded_at, ${privateSql('e.terms')}
    from heads h
    join entries e on e.partition_id = h.partition_id and e.feed_id = h.feed_id
    left join lateral (
      select recorded_at
        from ticks
       where partition_id = e.partition_id
         and feed_id = e.feed_id
         and last_position >= e.position
       order by last_position
       limit 1) r on true
   where h.partition_id = $1
     and h.feed_id = $2
     and e.position >= greatest($3, h.first_kept)
     and e.position <= $4
   order by e.position desc`;

/** Every entry of a stretch that is in the view, superseded revisions and tombstones included, newest first. */
export async function readStretch(
  db: Db,
  feed: Feed,
  view: LogView,
  first: Position,
  last: Position,
): Promise<Entry[]> {
  const { rows } = await db.query<[Position, number, string, string, number | null, Instant, boolean]>({
    name: 'stretch',
    text: ARCHIVE,
    values: [feed.partition, feed.id, first, last],
  });
  const seen = rows.filter(([, , , , , , isPrivate]) => view === 'whole' || !isPrivate);
  return seen.map(([position, kind, atomId, xml, version, recordedAt]) => ({
    position,
    kind: KINDS[kind] ?? 'entry',
    atomId,
    xml,
    recordedAt,
    schemaVersion: version ?? undefined,
  }));
}

const STRETCH_OCTETS = `
  select coalesce(sum(octets), 0)
    from entries
   where partition_id = $1
     and feed_id = $2
     and position >= $3
     and position <= $4`;

/** Stored bytes of a stretch of the log. */
export async function stretchOctets(db: Db, feed: Feed, first: Position, last: Position): Promise<bigint> {
  const { rows } = await db.query<[bigint]>({
    name: 'stretch-octets',
    text: STRETCH_OCTETS,
    values: [feed.partition, feed.id, first, last],
  });
  return rows[0]?.[0] ?? 0n;
}

/** Past every position, and one more than it is still an int8. */
export const END_OF_LOG = 9_223_372_036_854_775_000n;

export type PageRow = [
  Position,
  Position,
  string,
  Instant | null,
  Position | null,
  number,
  string,
  string,
  Instant,
  bigint | null,
  number | null,
  boolean | null,
];

export function toEntry([, , , , position, kind, atomId, xml, recordedAt, , version]: PageRow): Entry {
  const schemaVersion = version ?? undefined;
  return { position: position ?? 0n, kind: KINDS[kind] ?? 'entry', atomId, xml, recordedAt, schemaVersion };
}

interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
  readonly windowed: boolean;
}

const prepared = new Map<string, string>();

function statementFor(editable: boolean, view: LogView, direction: Direction, search: Search | undefined): Statement {
  const shape = `page-${direction}${editable ? '-editable' : ''}`;
  const plan = search === undefined ? undefined : planSearch(search, { withPrivate: view === 'whole' });
  if (plan?.by === 'scan') {
    const condition = searchCondition(plan.search, 'x.terms', 5);
    // Without a name: each shape of a search is a statement of its own, and a connection keeps what it has prepared.
    return {
      name: '',
      text: pageText(direction, scanSource(editable, direction, condition.sql)),
      values: condition.values,
      windowed: true,
    };
  }
  const name = plan === undefined ? shape : `${shape}-index`;
  let text = prepared.get(name);
  if (text === undefined) {
    text = pageText(direction, plan === undefined ? memberSource(direction) : indexSource(direction));
    prepared.set(name, text);
  }
  return { name, text, values: plan === undefined ? [] : [plan.terms], windowed: false };
}

/**
 * Since there can be tombstones, and since only a further row tells whether a search goes on, more rows than the limit
 * are read and counted.
 */
const CANDIDATES = `$4 + ${String(MOST_TOMBSTONES)}`;
export const COLUMNS = 'x.position, x.octets, x.kind, x.atom_id, x.xml, x.schema_version, x.terms';

/** $1 partition, $2 feed, $3 from, $4 limit. `source` may use `h`: its head and first_kept. */
export function pageText(direction: Direction, source: string): string {
  const order = direction === 'forward' ? 'asc' : 'desc';
  return `
  select h.head, h.first_kept, h.epoch, h.changed_at, p.position, p.kind, p.atom_id, p.xml, r.recorded_at, p.total,
         p.schema_version, ${privateSql('p.terms')}
    from (
      select h.partition_id, h.feed_id, h.first_kept, c.epoch, coalesce(newest.last_position, 0) as head,
             newest.recorded_at as changed_at
        from ${LOG_STATE}
       where h.partition_id = $1
         and h.feed_id = $2) h
    left join lateral (
      select *
        from (
          select x.*, row_number() over so_far as n, sum(octets) over so_far as octets_so_far,
                 count(*) filter (where kind <> 2) over so_far as live,
                 count(*) over () as total
            from (${source}) x
          window so_far as (order by position ${order} rows unbounded preceding)) x
       where n < ${CANDIDATES}
         and (n = 1 or octets_so_far <= ${String(PAGE_OCTETS)})
         and (live < $4 or live = $4 and kind <> 2)) p on true
    left join lateral (
      select recorded_at
        from ticks
       where partition_id = h.partition_id
         and feed_id = h.feed_id
         and last_position >= p.position
       order by last_position
       limit 1) r on true
   order by p.position ${order}`;
}

/** With `limit 1` the planner looks it up by its position, even if it plans while the log is empty (see store/db.ts). */
export function entryAt(position: string): string {
  return `cross join lateral (
                  select *
                    from entries
                   where partition_id = $1 and feed_id = $2 and position = ${position}
                   limit 1) x`;
}

/** Of an editable feed: what is there now and the tombstones, by position, so that superseded revisions cost nothing. */
function memberSource(direction: Direction): string {
  return `
              select ${COLUMNS}
                from (
                  select m.position
                    from members m
                   where m.partition_id = $1 and m.feed_id = $2 and m.editable and ${stretchSql(direction, 'm.position', '$3::bigint')}
                   order by m.position ${direction === 'forward' ? 'asc' : 'desc'}
                   limit ${CANDIDATES}) m
               ${entryAt('m.position')}`;
}

/** $5: terms of the index. */
function indexSource(direction: Direction): string {
  return `
              select ${COLUMNS}
                from (${indexedPositions(direction, '$5', '$3::bigint', CANDIDATES)}) i
               ${entryAt('i.position')}`;
}

/** What no index answers: a bounded stretch of the log is looked at. */
function scanSource(editable: boolean, direction: Direction, condition: string): string {
  const window =
    direction === 'forward'
      ? `x.position < greatest($3::bigint + 1, h.first_kept) + ${String(SCAN_POSITIONS)}`
      : `x.position > least($3::bigint, h.head) - ${String(SCAN_POSITIONS)}`;
  const current = editable
    ? `
                 and exists (
                   select 1
                     from members m
                    where m.partition_id = $1 and m.feed_id = $2 and m.atom_key = x.atom_key and m.position = x.position)`
    : '';
  return `
              select ${COLUMNS}
                from entries x
               where x.partition_id = $1 and x.feed_id = $2 and ${stretchSql(direction, 'x.position', '$3::bigint')}
                 and ${window}
                 and ${condition}${current}
               order by x.position ${direction === 'forward' ? 'asc' : 'desc'}
               limit ${CANDIDATES}`;
}

/** The head is that of the same snapshot: what comes later is after the position, whenever the log is read. */
const POSITION_SINCE = `
  select coalesce(
    (select first_position
       from ticks
      where partition_id = $1
        and feed_id = $2
        and recorded_at >= $3
      order by recorded_at, last_position
      limit 1),
    (select last_position + 1
       from ticks
      where partition_id = $1
        and feed_id = $2
      order by last_position desc
      limit 1),
    1)`;

/** The first position that was recorded at or after the time; when there is none yet, the one behind the head. */
export async function positionSince(db: Db, feed: Feed, time: Instant): Promise<Position> {
  const { rows } = await db.query<[Position]>({
    name: 'position-since',
    text: POSITION_SINCE,
    values: [feed.partition, feed.id, time],
  });
  return rows[0]?.[0] ?? 1n;
}

const POSITION_UNTIL = `
  select last_position
    from ticks
   where partition_id = $1
     and feed_id = $2
     and recorded_at <= $3
   order by recorded_at desc, last_position desc
   limit 1`;

/** The last position that was recorded at or before the time; 0: none. */
export async function positionUntil(db: Db, feed: Feed, time: Instant): Promise<Position> {
  const { rows } = await db.query<[Position]>({
    name: 'position-until',
    text: POSITION_UNTIL,
    values: [feed.partition, feed.id, time],
  });
  return rows[0]?.[0] ?? 0n;
}
