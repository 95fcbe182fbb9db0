import type { Instant, Position } from '../core/entry.js';
import type { Feed } from '../core/feed.js';
import { tenantTerms } from '../core/search.js';
import type { Search } from '../core/search.js';
import type { Db } from './db.js';
import { indexedPositions } from './indexed-positions.js';
import { COLUMNS, END_OF_LOG, MOST_TOMBSTONES, entryAt, pageText, toEntry } from './pages.js';
import type { PageRow, PageRows } from './pages.js';
import { LOG_STATE } from './log-state-sql.js';
import type { Direction } from './plain-page.js';
import { searchCondition } from './search-sql.js';
import { inOrderOfBytes } from './terms.js';

/**
 * Pages of what some tenants may see. All that is told of the log beside its rows (where it ends, what is older) is that of
 * their own entries: nothing depends on those of others, save how long it takes.
 */

/** A search looks at this many of the tenants' own entries for one page. */
const EXAMINED = 1_000;

/** $1 partition, $2 feed, $3 terms, $4 the place to start from, $5 how many. */
function ownText(direction: Direction): string {
  return `
  select h.head, h.first_kept, h.epoch, newest.position, r.recorded_at, below.position,
         array(select position from (${indexedPositions(direction, '$3', '$4::bigint', '$5::int')}) own
                order by position ${direction === 'forward' ? 'asc' : 'desc'})
    from (
      select h.first_kept, c.epoch, coalesce(newest.last_position, 0) as head
        from ${LOG_STATE}
       where h.partition_id = $1
         and h.feed_id = $2) h
    left join lateral (${indexedPositions('backward', '$3', String(END_OF_LOG), '1')}) newest on true
    left join lateral (${indexedPositions('backward', '$3', '$4::bigint', '1')}) below on true
    left join lateral (
      select recorded_at
        from ticks
       where partition_id = $1
         and feed_id = $2
         and last_position >= newest.position
       order by last_position
       limit 1) r on true`;
}

const OWN: Readonly<Record<Direction, string>> = { forward: ownText('forward'), backward: ownText('backward') };

type OwnRow = [Position, Position, string, Position | null, Instant | null, Position | null, readonly string[]];

/** $3: positions; $5 and on: what a search wants. */
function rowsText(direction: Direction, condition: string | undefined): string {
  return pageText(
    direction,
    `
              select ${COLUMNS}
                from unnest($3::bigint[]) as i (position)
               ${entryAt('i.position')}
               where x.position >= h.first_kept${condition === undefined ? '' : ` and ${condition}`}`,
  );
}

/** As a page of the whole log, with what else has to be told by the tenants' own entries. */
export interface TenantPageRows extends Pick<PageRows, 'head' | 'firstKept' | 'epoch' | 'entries' | 'low' | 'high'> {
  /** When the newest of their entries was recorded. */
  readonly changedAt: Instant | undefined;
  /**
   * The place of the next of their own entries: the one before the last on the page, whosever it is, would look like a place
   * of theirs, or not, and so tell whether anybody else has something in between.
   */
  readonly older: Position | undefined;
}

/** Where a page of theirs begins: a place that was handed out is good as it is, any other is told by the entry before it. */
export interface TenantStart {
  readonly direction: Direction;
  readonly from: Position | undefined;
  readonly isHandedOut: boolean;
}

export async function readTenantPage(
  db: Db,
  feed: Feed,
  tenants: readonly string[],
  start: TenantStart,
  limit: number,
  search: Search | undefined,
): Promise<TenantPageRows> {
  const { direction, from, isHandedOut } = start;
  const most = search === undefined ? limit + MOST_TOMBSTONES : EXAMINED;
  const terms = tenantTerms(tenants);
  const { rows } = await db.query<OwnRow>({
    name: `tenant-${direction}`,
    text: OWN[direction],
    values: [feed.partition, feed.id, terms, from ?? END_OF_LOG, most + 1],
  });
  const [first] = rows;
  if (first === undefined) throw new Error(`feed ${String(feed.id)} has no head`);
  const [head, firstKept, epoch, newest, newestAt, below, own] = first;
  const examined = own.slice(0, most).map(BigInt);
  const { entries, full, floor } = await entriesAt(db, feed, direction, examined, limit, search);
  // Retention has moved its floor between the two statements: what is lost by that is told by a page that begins behind it.
  if (floor !== undefined && floor > firstKept) return readTenantPage(db, feed, tenants, start, limit, search);
  // Where the reading ended: behind it there is more to look at, or nothing.
  const end = full ? entries.at(-1)?.position : own.length > most ? examined.at(-1) : undefined;
  const log = { head, firstKept, epoch, changedAt: newestAt ?? undefined };
  if (direction === 'backward') {
    const begun = from === undefined ? newest : isHandedOut ? from : (examined[0] ?? null);
    const high = from === undefined ? (newest ?? 0n) : (entries[0]?.position ?? begun ?? 0n);
    const older = end === undefined ? undefined : own.map(BigInt).find((position) => position < end);
    return { ...log, entries, low: end ?? firstKept, high, older };
  }
  const begun = isHandedOut && from !== undefined ? from : (below ?? 0n);
  const high = end ?? examined.at(-1) ?? begun;
  return { ...log, entries: entries.toReversed(), low: begun + 1n, high, older: below ?? undefined };
}

async function entriesAt(
  db: Db,
  feed: Feed,
  direction: Direction,
  positions: readonly Position[],
  limit: number,
  search: Search | undefined,
): Promise<Pick<PageRows, 'entries' | 'full'> & { readonly floor: Position | undefined }> {
  if (positions.length === 0) return { entries: [], full: false, floor: undefined };
  const condition = search === undefined ? undefined : searchCondition(search, 'x.terms', 5);
  const { rows } = await db.query<PageRow>({
    // Each shape of a search is a statement of its own, and a connection keeps what it has prepared.
    name: condition === undefined ? `tenant-rows-${direction}` : '',
    text: rowsText(direction, condition?.sql),
    values: [feed.partition, feed.id, positions.map(String), limit, ...(condition?.values ?? [])],
  });
  const entries = (rows[0]?.[4] ?? null) === null ? [] : rows.map(toEntry);
  return { entries, full: (rows[0]?.[9] ?? 0n) > BigInt(entries.length), floor: rows[0]?.[1] };
}

/** What retention took of theirs after the position, gone already or about to be. */
const LOST = `
  select exists (
    select
      from tenant_losses
     where partition_id = $1
       and feed_id = $2
       and tenant = any($3)
       and last_position > $5)
      or exists (
    select
      from unnest($4::text[]) as t (term)
     cross join lateral (
        select last_position, earlier
          from entry_terms
         where partition_id = $1
           and feed_id = $2
           and term = t.term
           and last_position > $5
         order by last_position
         limit 1) l
     cross join lateral unnest(l.earlier || l.last_position) as p (position)
     where p.position > $5
       and ($6 or p.position < (select first_kept from heads where partition_id = $1 and feed_id = $2)))`;

/** Has retention taken entries of theirs after this position? With `deleted` what is still kept of the feed is lost too. */
export async function hasLost(
  db: Db,
  feed: Feed,
  tenants: readonly string[],
  after: Position,
  { deleted } = { deleted: false },
): Promise<boolean> {
  const values = [feed.partition, feed.id, tenants, tenantTerms(tenants), after, deleted];
  const { rows } = await db.query<[boolean]>({ name: 'tenant-losses', text: LOST, values });
  return rows[0]?.[0] === true;
}

const TERMS = `
  select e.terms
    from (
      select 9223372036854775000 as head, first_kept
        from heads
       where partition_id = $1
         and feed_id = $2) h
   cross join lateral (${indexedPositions('backward', '$3', String(END_OF_LOG), '$4::int')}) i
   cross join lateral (
      select terms
        from entries
       where partition_id = $1
         and feed_id = $2
         and position = i.position
       limit 1) e`;

/** The terms of their newest entries, in the order of their bytes, at most so many. */
export async function tenantTermsInUse(
  db: Db,
  feed: Feed,
  tenants: readonly string[],
  most: number,
): Promise<string[]> {
  const values = [feed.partition, feed.id, tenantTerms(tenants), EXAMINED];
  const { rows } = await db.query<[readonly string[]]>({ name: 'tenant-terms', text: TERMS, values });
  return inOrderOfBytes([...new Set(rows.flatMap(([own]) => own))]).slice(0, most);
}
