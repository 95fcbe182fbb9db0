import type { NewEntry } from '../core/batch.js';
import type { Feed } from '../core/feed.js';
import type { Amount } from '../core/quota.js';
import type { Db } from '../store/db.js';
import { findRetries } from './find-retries.js';
import type { Committed } from './group-commit.js';
import type { Room, UsageMeter } from './usage-meter.js';

export interface QuotaDeps {
  readonly db: Db;
  readonly meter: Pick<UsageMeter, 'makeRoom'>;
}

/** What was written, and of which entries. */
export interface Written {
  readonly entries: readonly NewEntry[];
  readonly committed: Committed;
}

/**
 * Has entries written, by `write`, if the quotas of the feed's workspace have room for them. What was published before costs
 * nothing, and is answered again where there is no room. Rejects with `quota-exceeded` or `daily-quota-exceeded`, else as
 * `write` does.
 */
export async function withinQuotas(
  deps: QuotaDeps,
  feed: Feed,
  entries: readonly NewEntry[],
  write: (entries: readonly NewEntry[]) => Promise<Committed>,
): Promise<Written> {
  if (feed.quotas === undefined) return { entries, committed: await write(entries) };
  const { room, known } = await roomFor(deps, feed, entries);
  return { entries: known, committed: await writeIn(room, feed, known, () => write(known)) };
}

/** The same of a revision, which takes its room whatever it says, what the entry said first too. */
export async function revisionWithinQuotas(
  { meter }: QuotaDeps,
  feed: Feed,
  revision: NewEntry,
  write: () => Promise<Committed>,
): Promise<Committed> {
  if (feed.quotas === undefined) return write();
  return writeIn(await meter.makeRoom(feed, sizeOf([revision])), feed, [revision], write);
}

/** Has entries written that there is room for. */
async function writeIn(
  room: Room,
  feed: Feed,
  entries: readonly NewEntry[],
  write: () => Promise<Committed>,
): Promise<Committed> {
  let committed: Committed | undefined;
  try {
    committed = await write();
    return committed;
  } finally {
    if (committed?.tick === undefined) room.givenUp();
    else room.taken(feed.partition, committed.tick.tick, costOf(entries, committed));
  }
}

/** Room for the entries; where there is none for all, for those that were not published before. */
async function roomFor(
  { db, meter }: QuotaDeps,
  feed: Feed,
  entries: readonly NewEntry[],
): Promise<{ room: Room; known: readonly NewEntry[] }> {
  try {
    return { room: await meter.makeRoom(feed, sizeOf(entries)), known: entries };
  } catch (refusal) {
    const retries = await findRetries(db, feed, entries);
    if (retries.size === 0) throw refusal;
    const known = entries.map((entry, index) => (retries.has(index) ? { ...entry, replayOnly: true } : entry));
    return { room: await meter.makeRoom(feed, sizeOf(known)), known };
  }
}

/** What is only told of again is not written. */
export function sizeOf(entries: readonly NewEntry[]): Amount {
  const fresh = entries.filter(({ replayOnly }) => replayOnly !== true);
  return { entries: fresh.length, octets: fresh.reduce((sum, { octets }) => sum + octets, 0) };
}

function costOf(entries: readonly NewEntry[], { results }: Committed): Amount {
  return sizeOf(
    entries.filter((_, index) => {
      const result = results[index];
      return (result?.kind === 'created' || result?.kind === 'revised') && result.earlier !== true;
    }),
  );
}
