import type { Actor } from '../core/access.js';
import { FeedsError } from '../core/errors.js';
import { RESTORABLE_HOURS } from '../core/retention.js';
import type { Tx } from '../store/db.js';
import { closeFeed, purgeFeed } from '../store/deleted-feeds.js';
import { findFeedRecord, lockHead, lockWorkspace, moveFloor } from '../store/feeds.js';
import type { FeedRecord } from '../store/feeds.js';
import { administer } from './administer.js';
import { refuseAuditFeed, restoreIn } from './change-feed.js';
import type { ChangeDeps, FeedName } from './change-feed.js';

/**
 * Deletes the feed: a batch that is under way finishes first, then nothing of it is shown any more. For a day it can be
 * brought back; with `purge` it is gone at once, also when it was deleted before. What it held is then deleted by
 * retention, and its name may be used again; positions go on. Rejects with `not-found`, or with `forbidden` (it is the
 * server's own).
 */
export async function deleteFeed(
  deps: ChangeDeps,
  by: Actor,
  name: FeedName,
  { purge }: { readonly purge: boolean },
): Promise<void> {
  refuseAuditFeed(name, 'cannot be deleted');
  const target = { feed: name.name, workspace: name.workspace };
  await administer(deps, by, async (tx, tell) => {
    const { feed, deleted, restorableUntil } = await lockedRecord(tx, name);
    if (deleted && !(purge && restorableUntil !== undefined)) throw noSuchFeed(name, restorableUntil);
    const head = await lockHead(tx, feed);
    if (!purge) {
      await closeFeed(tx, feed.id, RESTORABLE_HOURS);
      tell({ act: 'feed.deleted', target });
      return;
    }
    await moveFloor(tx, feed, head + 1n);
    await purgeFeed(tx, feed.id);
    tell({ act: 'feed.purged', target });
  });
  deps.memory.changed();
}

/**
 * Brings a deleted feed back, whole: its `atom:id`, entries, positions, contracts, and what readers hold of it. A feed that is
 * there stays as it is. Rejects with `not-found` where there is none, or none any more, or with `forbidden` (it is the
 * server's own).
 */
export async function restoreDeletedFeed(deps: ChangeDeps, by: Actor, name: FeedName): Promise<void> {
  refuseAuditFeed(name, 'cannot be deleted, so that there is nothing to restore');
  await administer(deps, by, async (tx, tell) => {
    const { feed, deleted, restorableUntil } = await lockedRecord(tx, name);
    if (!deleted) return;
    if (restorableUntil === undefined) throw noSuchFeed(name);
    await restoreIn(tx, tell, feed);
  });
  deps.memory.changed();
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
