import { FeedsError } from '../core/errors.js';
import { RESTORABLE_HOURS } from '../core/retention.js';
import type { Tx } from '../store/db.js';
import { closeFeed, purgeFeed } from '../store/deleted-feeds.js';
import { findFeedRecord, lockHead, lockWorkspace, moveFloor } from '../store/feeds.js';
import type { FeedRecord } from '../store/feeds.js';
import { inTransaction } from '../store/transaction.js';
import { restoreIn } from './change-feed.js';
import type { ChangeDeps, FeedName } from './change-feed.js';

/**
 * Deletes the feed: a batch that is under way finishes first, then nothing of it is shown any more. For a day it can be
 * brought back; with `purge` it is gone at once, also when it was deleted before. What it held is then deleted by
 * retention, and its name may be used again; positions go on. Rejects with `not-found`.
 */
export async function deleteFeed(
  { pool, memory }: ChangeDeps,
  name: FeedName,
  { purge }: { readonly purge: boolean },
): Promise<void> {
  await inTransaction(pool, async (tx) => {
    const { feed, deleted, restorableUntil } = await lockedRecord(tx, name);
    if (deleted && !(purge && restorableUntil !== undefined)) throw noSuchFeed(name, restorableUntil);
    const head = await lockHead(tx, feed);
    if (!purge) {
      await closeFeed(tx, feed.id, RESTORABLE_HOURS);
      return;
    }
    await moveFloor(tx, feed, head + 1n);
    await purgeFeed(tx, feed.id);
  });
  memory.changed();
}

/**
 * Brings a deleted feed back, whole: its `atom:id`, entries, positions, contracts, and what readers hold of it. A feed that is
 * there stays as it is. Rejects with `not-found` where there is none, or none any more.
 */
export async function restoreDeletedFeed({ pool, memory }: ChangeDeps, name: FeedName): Promise<void> {
  await inTransaction(pool, async (tx) => {
    const { feed, deleted, restorableUntil } = await lockedRecord(tx, name);
    if (!deleted) return;
    if (restorableUntil === undefined) throw noSuchFeed(name);
    await restoreIn(tx, feed);
  });
  memory.changed();
}

async function lockedRecord(tx: Tx, name: FeedName): Promise<FeedRecord> {
  await lockWorkspace(tx, name.workspace);
  const record = await findFeedRecord(tx, name.workspace, name.name);
  if (record === undefined) throw noSuchFeed(name);
  return record;
}

function noSuchFeed({ workspace, name }: FeedName, restorableUntil?: string): FeedsError {
  const shown = `${workspace.slice(0, 140)}/${name.slice(0, 140)}`;
  const deleted = restorableUntil === undefined ? '' : `: it was deleted, and can be restored until ${restorableUntil}`;
  return new FeedsError('not-found', `there is no feed ${shown}${deleted}`);
}
