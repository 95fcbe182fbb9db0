import type { Entry, Instant, Position } from '../core/entry.js';
import type { Feed } from '../core/feed.js';
import type { View } from '../core/view.js';
import type { Db } from './db.js';
import { privateSql } from './search-sql.js';

/**
 * The page that is asked for most: of an ordinary feed, by position, without a search. Its rows have no gaps and no
 * tombstones, so plain index scans laid end to end give everything at half the cost of joining it (docs/performance.md).
 */

/** What the log was when the rows were read, and the rows. */
export interface PlainRows {
  readonly head: Position;
  readonly firstKept: Position;
  readonly epoch: string;
  readonly changedAt: Instant | undefined;
  /** In the order that they were read: backward from the place, or forward; those that are in the view. */
  readonly entries: Entry[];
  /** The place of the last that was read, in the view or not. */
  readonly end: Position | undefined;
  /** Ended by the limit or by the bytes. */
  readonly full: boolean;
}

export type Direction = 'forward' | 'backward';

/** Who goes through a log by its positions sees all of it, or what is not private (core/view.ts). */
export type LogView = Exclude<View['kind'], 'tenants'>;

/** $1 partition, $2 feed, $3 limit, $4 bytes up to which an entry's text comes along, $5 from. */
const LOG = `
  select 'floor', first_kept, null::text, null::text, null::timestamptz, null::int, null::int, null::boolean
    from heads
   where partition_id = $1
     and feed_id = $2
   union all
  select 'epoch', null, epoch::text, null, null, null, null, null
    from clocks
   where partition_id = $1
   union all
 (select 'head', last_position, null, null, recorded_at, null, null, null
    from ticks
   where partition_id = $1
     and feed_id = $2
   order by last_position desc
   limit 1)`;

const ENTRY = `'entry', position, atom_id, case when octets <= $4 then xml end, null, octets, schema_version, ${privateSql('terms')}`;

const FLOOR = '(select first_kept from heads where partition_id = $1 and feed_id = $2)';

const BACKWARD = `${LOG}
   union all
 (select ${ENTRY}
    from entries
   where partition_id = $1
     and feed_id = $2
     and position <= $5
     and position >= ${FLOOR}
   order by position desc
   limit $3)
   union all
 (select 'tick', last_position, null, null, recorded_at, null, null, null
    from ticks
   where partition_id = $1
     and feed_id = $2
     and last_position > $5::bigint - $3
   order by last_position
   limit $3)`;

const FROM_HEAD = `${LOG}
   union all
 (select ${ENTRY}
    from entries
   where partition_id = $1
     and feed_id = $2
     and position >= ${FLOOR}
   order by position desc
   limit $3)
   union all
 (select 'tick', last_position, null, null, recorded_at, null, null, null
    from ticks
   where partition_id = $1
     and feed_id = $2
   order by last_position desc
   limit $3)`;

const FORWARD = `${LOG}
   union all
 (select ${ENTRY}
    from entries
   where partition_id = $1
     and feed_id = $2
     and position >= greatest($5::bigint + 1, ${FLOOR})
   order by position
   limit $3)
   union all
 (select 'tick', last_position, null, null, recorded_at, null, null, null
    from ticks
   where partition_id = $1
     and feed_id = $2
     and last_position >= greatest($5::bigint + 1, ${FLOOR})
   order by last_position
   limit $3)`;

type Row = [
  'floor' | 'epoch' | 'head' | 'tick' | 'entry',
  Position,
  string,
  string | null,
  Instant,
  number,
  number | null,
  boolean,
];

interface Found {
  readonly position: Position;
  readonly atomId: string;
  readonly xml: string | null;
  readonly version: number | null;
  readonly isPrivate: boolean;
}

const REST = `
  select position, xml
    from entries
   where partition_id = $1
     and feed_id = $2
     and position = any($3::bigint[])`;

/**
 * Reads at most `limit` entries and `octets` bytes of them, one entry at the least, and gives those that are not private, or
 * all. `from` undefined: backward from the head. Entries that take more than their share of the bytes are read when it is known that they are on the page.
 */
export async function readPlainPage(
  db: Db,
  feed: Feed,
  view: LogView,
  direction: Direction,
  from: Position | undefined,
  limit: number,
  octets: number,
): Promise<PlainRows> {
  const share = Math.ceil((2 * octets) / limit);
  const place = [feed.partition, feed.id];
  const { rows } = await db.query<Row>(
    from === undefined
      ? { name: 'plain-head', text: FROM_HEAD, values: [...place, limit, share] }
      : direction === 'backward'
        ? { name: 'plain-backward', text: BACKWARD, values: [...place, limit, share, from] }
        : { name: 'plain-forward', text: FORWARD, values: [...place, limit, share, from] },
  );
  let head = 0n;
  let firstKept = 1n;
  let epoch = '';
  let changedAt: Instant | undefined;
  let bytes = 0;
  let full = false;
  const ticks: { last: Position; recordedAt: Instant }[] = [];
  const found: Found[] = [];
  for (const [kind, position, text, xml, recordedAt, size, version, isPrivate] of rows) {
    if (kind === 'entry') {
      bytes += size;
      if (bytes > octets && found.length > 0) full = true;
      if (!full) found.push({ position, atomId: text, xml, version, isPrivate });
    } else if (kind === 'tick') {
      ticks.push({ last: position, recordedAt });
    } else if (kind === 'floor') {
      firstKept = position;
    } else if (kind === 'epoch') {
      epoch = text;
    } else {
      head = position;
      changedAt = recordedAt;
    }
  }
  const texts = await textsOf(db, feed, found);
  // Retention took one of them between the two statements: its floor has moved before, and the page begins behind it now.
  if (found.some(({ position, xml }) => xml === null && !texts.has(position))) {
    return readPlainPage(db, feed, view, direction, from, limit, octets);
  }
  ticks.sort((a, b) => (a.last < b.last ? -1 : 1));
  const recordedAt = recordingTimes(ticks, direction === 'forward');
  const entries: Entry[] = [];
  for (const { position, atomId, xml, version, isPrivate } of found) {
    const time = recordedAt(position);
    if (isPrivate && view !== 'whole') continue;
    const text = xml ?? texts.get(position) ?? '';
    entries.push({ position, kind: 'entry', atomId, xml: text, recordedAt: time, schemaVersion: version ?? undefined });
  }
  const end = found.at(-1)?.position;
  return { head, firstKept, epoch, changedAt, entries, end, full: full || found.length >= limit };
}

/** The texts that were too large to come along. */
async function textsOf(
  db: Db,
  feed: Feed,
  found: readonly { position: Position; xml: string | null }[],
): Promise<Map<Position, string>> {
  const missing = found.filter((one) => one.xml === null).map((one) => one.position);
  if (missing.length === 0) return new Map();
  const values = [feed.partition, feed.id, missing.map(String)];
  const { rows } = await db.query<[Position, string]>({ name: 'plain-rest', text: REST, values });
  return new Map(rows);
}

/** When a position was recorded, for positions asked for one after the other in one direction. */
function recordingTimes(
  ticks: readonly { last: Position; recordedAt: Instant }[],
  ascending: boolean,
): (position: Position) => Instant {
  let at = ascending ? 0 : ticks.length - 1;
  return (position) => {
    if (ascending) while (at < ticks.length - 1 && (ticks[at]?.last ?? 0n) < position) at += 1;
    else while (at > 0 && (ticks[at - 1]?.last ?? 0n) >= position) at -= 1;
    return ticks[at]?.recordedAt ?? '';
  };
}
