import type { Entry, Instant, Position } from '../core/entry.js';
import type { Feed } from '../core/feed.js';
import type { View } from '../core/view.js';
import { toInstant } from './db.js';
import type { Db } from './db.js';
import { LOG_STATE } from './log-state-sql.js';
import { privateSql } from './search-sql.js';

/**
 * The page that is asked for most: of an ordinary feed, by position, without a search. Its rows have no gaps and no
 * tombstones, so plain index scans side by side give everything at half the cost of joining it (docs/performance.md).
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

/** Stands in no XML and in no id that was taken out of some (XML 1.0 §2.2). */
const BETWEEN = '\u0001';

/**
 * One row of three texts: the log, the entries, the ticks. Rows and columns of their own would cost the driver, and us, twice as much
 * (docs/performance.md). $1 partition, $2 feed, $3 limit, $4 bytes up to which an entry's text comes along, $5 from. Which entries and ticks
 * they are, and in which order, is pasted in.
 */
function statement(entries: string, ticks: string): string {
  return `
  select concat(h.first_kept, ',', c.epoch, ',', newest.last_position, ',', newest.recorded_at), e.listed, t.listed
    from ${LOG_STATE}
   cross join lateral (
      select string_agg(
               concat(
                 position, ',', octets, ',', schema_version, ',', case when ${privateSql('terms')} then 'p' end,
                 E'\\x01', atom_id, E'\\x01', case when octets <= $4 then xml end),
               E'\\x01') as listed
        from (
          select position, octets, schema_version, terms, atom_id, xml
            from entries
           where partition_id = $1
             and feed_id = $2
             and ${entries}
           limit $3) page) e
   cross join lateral (
      select string_agg(concat(last_position, ',', recorded_at), ',') as listed
        from (
          select last_position, recorded_at
            from ticks
           where partition_id = $1
             and feed_id = $2
             and ${ticks}
           limit $3) page) t
   where h.partition_id = $1
     and h.feed_id = $2`;
}

/** The last position of the tick that holds this one, or the head where that is before it. */
function tickOf(position: string): string {
  return `(
               select last_position
                 from ticks
                where partition_id = $1
                  and feed_id = $2
                  and last_position >= least(${position}, newest.last_position)
                order by last_position
                limit 1)`;
}

const BACKWARD = statement(
  'position <= $5 and position >= h.first_kept order by position desc',
  `last_position > least($5::bigint, newest.last_position) - $3 and last_position <= ${tickOf('$5')} order by last_position`,
);

const FROM_HEAD = statement(
  'position >= h.first_kept order by position desc',
  'last_position > newest.last_position - $3 order by last_position',
);

const AFTER = 'greatest($5::bigint + 1, h.first_kept)';

const FORWARD = statement(
  `position >= ${AFTER} order by position`,
  `last_position >= ${AFTER} and last_position <= ${tickOf(`${AFTER} + $3 - 1`)} order by last_position`,
);

type Row = [log: string, entries: string | null, ticks: string | null];

interface Found {
  readonly position: Position;
  readonly atomId: string;
  /** Empty where it is too large to come along. */
  readonly xml: string;
  readonly version: number | undefined;
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
  const [row] = rows;
  if (row === undefined) throw new Error(`feed ${String(feed.id)} has no head`);
  const [firstKept = '', epoch = '', head = '', changedAt = ''] = row[0].split(',');
  const { found, full } = foundIn(row[1], octets);
  const texts = await textsOf(db, feed, found);
  // Retention took one of them between the two statements: its floor has moved before, and the page begins behind it now.
  if (found.some(({ position, xml }) => xml === '' && !texts.has(position))) {
    return readPlainPage(db, feed, view, direction, from, limit, octets);
  }
  const recordedAt = recordingTimes(ticksIn(row[2]), direction === 'forward');
  const entries: Entry[] = [];
  for (const { position, atomId, xml, version, isPrivate } of found) {
    const time = recordedAt(position);
    if (isPrivate && view !== 'whole') continue;
    const text = xml === '' ? (texts.get(position) ?? '') : xml;
    entries.push({ position, kind: 'entry', atomId, xml: text, recordedAt: time, schemaVersion: version });
  }
  const end = found.at(-1)?.position;
  return {
    head: BigInt(head),
    firstKept: BigInt(firstKept),
    epoch,
    changedAt: changedAt === '' ? undefined : toInstant(changedAt),
    entries,
    end,
    full: full || found.length >= limit,
  };
}

/** Up to so many octets, and whether that is where they ended. */
function foundIn(listed: string | null, octets: number): { found: Found[]; full: boolean } {
  const found: Found[] = [];
  if (listed === null) return { found, full: false };
  const pieces = listed.split(BETWEEN);
  let bytes = 0;
  for (let index = 0; index < pieces.length; index += 3) {
    const [position = '', size = '', version = '', isPrivate = ''] = pieces[index]?.split(',') ?? [];
    bytes += Number(size);
    if (bytes > octets && index > 0) return { found, full: true };
    found.push({
      position: BigInt(position),
      atomId: pieces[index + 1] ?? '',
      xml: pieces[index + 2] ?? '',
      version: version === '' ? undefined : Number(version),
      isPrivate: isPrivate !== '',
    });
  }
  return { found, full: false };
}

interface Tick {
  readonly last: Position;
  readonly recordedAt: Instant;
}

function ticksIn(listed: string | null): Tick[] {
  const ticks: Tick[] = [];
  const pieces = listed?.split(',') ?? [];
  for (let index = 0; index < pieces.length; index += 2)
    ticks.push({ last: BigInt(pieces[index] ?? ''), recordedAt: toInstant(pieces[index + 1] ?? '') });
  return ticks;
}

/** The texts that were too large to come along. */
async function textsOf(db: Db, feed: Feed, found: readonly Found[]): Promise<Map<Position, string>> {
  const missing = found.filter((one) => one.xml === '').map((one) => one.position);
  if (missing.length === 0) return new Map();
  const values = [feed.partition, feed.id, missing.map(String)];
  const { rows } = await db.query<[Position, string]>({ name: 'plain-rest', text: REST, values });
  return new Map(rows);
}

/** When a position was recorded, for positions asked for one after the other in one direction. */
function recordingTimes(ticks: readonly Tick[], ascending: boolean): (position: Position) => Instant {
  let at = ascending ? 0 : ticks.length - 1;
  return (position) => {
    if (ascending) while (at < ticks.length - 1 && (ticks[at]?.last ?? 0n) < position) at += 1;
    else while (at > 0 && (ticks[at - 1]?.last ?? 0n) >= position) at -= 1;
    return ticks[at]?.recordedAt ?? '';
  };
}
