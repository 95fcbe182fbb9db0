import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Pool } from 'pg';
import { FeedsError } from '../core/errors.js';
import { checkName } from '../core/feed.js';
import type { ChosenSettings, Feed } from '../core/feed.js';
import { ARCHIVE_PAGE_SIZE } from '../core/page.js';
import { checkFeedsQuota } from '../core/quota.js';
import type { Tx } from '../store/db.js';
import { restoreFeed, reviveFeed } from '../store/deleted-feeds.js';
import {
  changeSettings,
  countFeeds,
  findFeedRecord,
  insertFeed,
  lockHead,
  lockWorkspace,
  moveFloor,
} from '../store/feeds.js';
import type { FeedRecord } from '../store/feeds.js';
import type { HeadMemory } from '../store/head-memory.js';
import { inTransaction } from '../store/transaction.js';
import { checkExistence } from './existence.js';
import type { Existence } from './existence.js';

export interface ChangeDeps {
  readonly pool: Pool;
  readonly memory: Pick<HeadMemory, 'changed'>;
}

export type FeedName = Pick<Feed, 'workspace' | 'name'>;

/** What a PUT did. */
export type Put = 'created' | 'changed' | 'unchanged';

/** The partition that feeds are born into. */
const PARTITION = 0;

/**
 * Creates the feed, or replaces its settings. Rejects with `bad-parameter` (a name that cannot be one), `not-found` (no
 * such workspace), `conflict` (`editable` is fixed at the feed's birth; a feed of this name was deleted and can still be
 * brought back), `quota-exceeded` or `precondition-failed`.
 */
export async function putFeed(
  { pool, memory }: ChangeDeps,
  name: FeedName,
  chosen: ChosenSettings,
  asked?: Existence,
): Promise<Put> {
  const put = await inTransaction(pool, (tx) => putFeedIn(tx, name, chosen, { asked }));
  if (put !== 'unchanged') memory.changed();
  return put;
}

/**
 * The same, as a part of a greater transaction. After its commit all heads are to be forgotten. With `restore` a feed that
 * can be brought back is.
 */
export async function putFeedIn(
  tx: Tx,
  { workspace, name }: FeedName,
  chosen: ChosenSettings,
  { asked, restore = false }: { asked?: Existence | undefined; restore?: boolean } = {},
): Promise<Put> {
  checkName('workspace', workspace);
  checkName('feed', name);
  const quotas = await lockWorkspace(tx, workspace);
  if (quotas === undefined) {
    throw new FeedsError(
      'not-found',
      `there is no workspace "${workspace}": make it first, with PUT /admin/workspaces/${workspace}`,
    );
  }
  const record = await findFeedRecord(tx, workspace, name);
  checkExistence(asked, record?.deleted === false, `feed ${workspace}/${name}`);
  if (record === undefined) {
    checkFeedsQuota(workspace, quotas, await countFeeds(tx, workspace));
    const atomId = `urn:uuid:${randomUUID()}`;
    await insertFeed(tx, { partition: PARTITION, workspace, name, atomId, chosen, pageSize: ARCHIVE_PAGE_SIZE });
    return 'created';
  }
  if (!record.deleted) return changeFeed(tx, record, chosen);
  if (record.restorableUntil === undefined) {
    checkFeedsQuota(workspace, quotas, await countFeeds(tx, workspace));
    await useNameAgain(tx, record.feed, chosen);
    return 'created';
  }
  if (!restore) throw stillRestorable(record.feed, record.restorableUntil);
  await restoreIn(tx, record.feed);
  await changeFeed(tx, record, chosen);
  return 'changed';
}

async function changeFeed(tx: Tx, record: FeedRecord, chosen: ChosenSettings): Promise<Put> {
  const { id, workspace, name, settings } = record.feed;
  if ((chosen.editable ?? false) !== settings.editable) {
    throw new FeedsError(
      'conflict',
      `the feed ${workspace}/${name} was made with "editable": ${String(settings.editable)}, and that cannot change: its ` +
        `readers rely on it. Send the same, or make another feed`,
    );
  }
  if (isDeepStrictEqual(chosen, record.chosen)) return 'unchanged';
  await changeSettings(tx, id, chosen);
  return 'changed';
}

/** What the old feed still holds is shown no more. */
async function useNameAgain(tx: Tx, feed: Feed, chosen: ChosenSettings): Promise<void> {
  const head = await lockHead(tx, feed);
  await moveFloor(tx, feed, head + 1n);
  await reviveFeed(tx, feed.id, `urn:uuid:${randomUUID()}`, chosen);
}

/** Brings a deleted feed back. Rejects with `not-found` when its time has come to an end just now. */
export async function restoreIn(tx: Tx, feed: Feed): Promise<void> {
  await lockHead(tx, feed);
  if (await restoreFeed(tx, feed.id)) return;
  throw new FeedsError('not-found', `the deleted feed ${feed.workspace}/${feed.name} can be restored no more`);
}

function stillRestorable({ workspace, name }: Feed, until: string): FeedsError {
  const path = `/admin/feeds/${workspace}/${name}`;
  const message =
    `the feed ${workspace}/${name} was deleted and can be restored until ${until}: bring it back with ` +
    `POST ${path}/restore, or delete it for good with DELETE ${path}?confirm=${workspace}/${name}&purge=true; then the ` +
    `name is free`;
  return new FeedsError('conflict', message);
}
