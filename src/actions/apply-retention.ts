import type { Pool } from 'pg';
import type { Position } from '../core/entry.js';
import { floorFor } from '../core/retention.js';
import { indexTerms } from '../core/search.js';
import { deleteContractsOfTheGone } from '../store/contracts.js';
import type { Db } from '../store/db.js';
import { expireFeed } from '../store/deleted-feeds.js';
import { lockHead, moveFloor } from '../store/feeds.js';
import { deleteExpired, deleteTicks, expiredPosition, findRetained, readExpired } from '../store/retention.js';
import type { RetainedFeed } from '../store/retention.js';
import { inTransaction } from '../store/transaction.js';

export interface RetentionDeps {
  readonly pool: Pool;
  readonly db: Db;
}

/** Entries, or ticks, of one transaction. */
const MOST_AT_ONCE = 1_000;

/**
 * Moves the feed's floor to where its settings want it, that of a deleted feed behind all that it held once it cannot be
 * brought back any more; from the commit on nothing below is shown. Resolves with whether it moved. Holds the feed's lock
 * for the two statements that need it only.
 */
export async function raiseFloor({ pool, db }: RetentionDeps, feed: RetainedFeed): Promise<boolean> {
  if (feed.deleted) return feed.expired && expire(pool, feed);
  if ((await wantedFloor(db, feed)) <= feed.firstKept) return false;
  return inTransaction(pool, async (tx) => {
    await lockHead(tx, feed);
    const now = await findRetained(tx, feed.id);
    if (now === undefined || now.deleted) return false;
    const floor = await wantedFloor(tx, now);
    if (floor <= now.firstKept) return false;
    await moveFloor(tx, feed, floor);
    return true;
  });
}

async function expire(pool: Pool, feed: RetainedFeed): Promise<boolean> {
  return inTransaction(pool, async (tx) => {
    const head = await lockHead(tx, feed);
    if (!(await expireFeed(tx, feed.id))) return false;
    await moveFloor(tx, feed, head + 1n);
    return true;
  });
}

async function wantedFloor(db: Db, feed: RetainedFeed): Promise<Position> {
  const { keepDays } = feed.settings;
  return floorFor(feed, feed.head, keepDays === undefined ? 0n : await expiredPosition(db, feed, keepDays));
}

/** How far a feed's cleaning has come. */
export interface Cleaned {
  readonly count: number;
  /** Where it goes on, so that dead rows need not be passed again; undefined: there is nothing left. */
  readonly next: Position | undefined;
}

/** Deletes up to a thousand entries behind the feed's floor, from the position on, with their ids and terms. */
export async function deleteEntriesBehindFloor(
  { pool, db }: RetentionDeps,
  feed: RetainedFeed,
  from: Position,
): Promise<Cleaned> {
  const entries = await readExpired(db, feed, from, MOST_AT_ONCE);
  const last = entries.at(-1)?.position;
  if (last === undefined) return { count: 0, next: undefined };
  await inTransaction(pool, (tx) => deleteExpired(tx, feed, entries, indexTerms));
  return { count: entries.length, next: entries.length < MOST_AT_ONCE ? undefined : last + 1n };
}

/** Deletes up to a thousand ticks of entries that are gone, from the position on. */
export async function deleteTicksBehindFloor(
  { pool }: RetentionDeps,
  feed: RetainedFeed,
  from: Position,
): Promise<Cleaned> {
  const { ticks, last } = await inTransaction(pool, (tx) => deleteTicks(tx, feed, from, MOST_AT_ONCE));
  return { count: ticks, next: ticks < MOST_AT_ONCE ? undefined : last + 1n };
}

/** Deletes the contracts of feeds that cannot be brought back: nothing that is shown names them any more. */
export async function deleteContracts({ pool }: RetentionDeps): Promise<void> {
  await inTransaction(pool, deleteContractsOfTheGone);
}
