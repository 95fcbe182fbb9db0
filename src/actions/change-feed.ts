import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Pool } from 'pg';
import { FeedsError } from '../core/errors.js';
import { checkName } from '../core/feed.js';
import type { ChosenSettings, Feed } from '../core/feed.js';
import { ARCHIVE_PAGE_SIZE } from '../core/page.js';
import type { Tx } from '../store/db.js';
import {
  changeSettings,
  closeFeed,
  findFeedRecord,
  insertFeed,
  lockHead,
  lockWorkspace,
  moveFloor,
  reviveFeed,
} from '../store/feeds.js';
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
 * such workspace), `conflict` (`editable` is fixed at the feed's birth) or `precondition-failed`.
 */
export async function putFeed(
  { pool, memory }: ChangeDeps,
  name: FeedName,
  chosen: ChosenSettings,
  asked?: Existence,
): Promise<Put> {
  const put = await inTransaction(pool, (tx) => putFeedIn(tx, name, chosen, asked));
  if (put !== 'unchanged') memory.changed();
  return put;
}

/** The same, as a part of a greater transaction. After its commit all heads are to be forgotten. */
export async function putFeedIn(
  tx: Tx,
  { workspace, name }: FeedName,
  chosen: ChosenSettings,
  asked?: Existence,
): Promise<Put> {
  checkName('workspace', workspace);
  checkName('feed', name);
  if (!(await lockWorkspace(tx, workspace))) {
    throw new FeedsError(
      'not-found',
      `there is no workspace "${workspace}": make it first, with PUT /admin/workspaces/${workspace}`,
    );
  }
  const record = await findFeedRecord(tx, workspace, name);
  checkExistence(asked, record?.deleted === false, `feed ${workspace}/${name}`);
  const atomId = `urn:uuid:${randomUUID()}`;
  if (record === undefined) {
    await insertFeed(tx, { partition: PARTITION, workspace, name, atomId, chosen, pageSize: ARCHIVE_PAGE_SIZE });
    return 'created';
  }
  if (record.deleted) {
    await reviveFeed(tx, record.feed.id, atomId, chosen);
    return 'created';
  }
  const { editable } = record.feed.settings;
  if ((chosen.editable ?? false) !== editable) {
    throw new FeedsError(
      'conflict',
      `the feed ${workspace}/${name} was made with "editable": ${String(editable)}, and that cannot change: its readers ` +
        `rely on it. Send the same, or make another feed`,
    );
  }
  if (isDeepStrictEqual(chosen, record.chosen)) return 'unchanged';
  await changeSettings(tx, record.feed.id, chosen);
  return 'changed';
}

/**
 * Deletes the feed: a batch that is under way finishes first, then nothing of it is shown any more, and retention deletes
 * what it held. Its name may be used again; positions then go on. Rejects with `not-found`.
 */
export async function deleteFeed({ pool, memory }: ChangeDeps, { workspace, name }: FeedName): Promise<void> {
  await inTransaction(pool, async (tx) => {
    await lockWorkspace(tx, workspace);
    const record = await findFeedRecord(tx, workspace, name);
    if (record === undefined || record.deleted)
      throw new FeedsError('not-found', `there is no feed ${workspace}/${name}`);
    const head = await lockHead(tx, record.feed);
    await moveFloor(tx, record.feed, head + 1n);
    await closeFeed(tx, record.feed.id);
  });
  memory.changed();
}
