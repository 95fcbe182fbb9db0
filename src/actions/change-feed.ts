import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../core/access.js';
import { AUDIT_FEED, SYSTEM_WORKSPACE, changesBetween, isAuditFeed } from '../core/audit.js';
import type { Act } from '../core/audit.js';
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
import { administer } from './administer.js';
import type { AdministerDeps, Tell } from './administer.js';
import { checkExistence } from './existence.js';
import type { Existence } from './existence.js';

export interface ChangeDeps extends AdministerDeps {
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
 * brought back), `quota-exceeded`, `precondition-failed`, or `forbidden` (in the server's own workspace).
 */
export async function putFeed(
  deps: ChangeDeps,
  by: Actor,
  name: FeedName,
  chosen: ChosenSettings,
  asked?: Existence,
): Promise<Put> {
  const put = await administer(deps, by, (tx, tell) => putFeedIn(tx, tell, name, chosen, { asked }));
  if (put !== 'unchanged') deps.memory.changed();
  return put;
}

/**
 * The same, as a part of a greater transaction. After its commit all heads are to be forgotten. With `restore` a feed that
 * can be brought back is.
 */
export async function putFeedIn(
  tx: Tx,
  tell: Tell,
  { workspace, name }: FeedName,
  chosen: ChosenSettings,
  { asked, restore = false }: { asked?: Existence | undefined; restore?: boolean } = {},
): Promise<Put> {
  checkName('workspace', workspace);
  checkName('feed', name);
  checkServersOwn({ workspace, name }, chosen);
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
    tell(madeOf({ workspace, name }, chosen));
    return 'created';
  }
  if (!record.deleted) return changeFeed(tx, tell, record, chosen);
  if (record.restorableUntil === undefined) {
    checkFeedsQuota(workspace, quotas, await countFeeds(tx, workspace));
    await useNameAgain(tx, record.feed, chosen);
    tell(madeOf({ workspace, name }, chosen));
    return 'created';
  }
  if (!restore) throw stillRestorable(record.feed, record.restorableUntil);
  await restoreIn(tx, tell, record.feed);
  await changeFeed(tx, tell, record, chosen);
  return 'changed';
}

function madeOf({ workspace, name }: FeedName, chosen: ChosenSettings): Act {
  return { act: 'feed.created', target: { feed: name, workspace }, changes: changesBetween({}, chosen) };
}

async function changeFeed(tx: Tx, tell: Tell, record: FeedRecord, chosen: ChosenSettings): Promise<Put> {
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
  tell({
    act: 'feed.changed',
    target: { feed: name, workspace },
    changes: changesBetween(record.chosen, chosen),
  });
  return 'changed';
}

/** What the old feed still holds is shown no more. */
async function useNameAgain(tx: Tx, feed: Feed, chosen: ChosenSettings): Promise<void> {
  const head = await lockHead(tx, feed);
  await moveFloor(tx, feed, head + 1n);
  await reviveFeed(tx, feed.id, `urn:uuid:${randomUUID()}`, chosen);
}

/** Brings a deleted feed back. Rejects with `not-found` when its time has come to an end just now. */
export async function restoreIn(tx: Tx, tell: Tell, feed: Feed): Promise<void> {
  const { id, workspace, name } = feed;
  await lockHead(tx, feed);
  if (!(await restoreFeed(tx, id))) {
    throw new FeedsError('not-found', `the deleted feed ${workspace}/${name} can be restored no more`);
  }
  tell({ act: 'feed.restored', target: { feed: name, workspace } });
}

function stillRestorable({ workspace, name }: Feed, until: string): FeedsError {
  const path = `/admin/feeds/${workspace}/${name}`;
  const message =
    `the feed ${workspace}/${name} was deleted and can be restored until ${until}: bring it back with ` +
    `POST ${path}/restore, or delete it for good with DELETE ${path}?confirm=${workspace}/${name}&purge=true; then the ` +
    `name is free`;
  return new FeedsError('conflict', message);
}

/** What the server writes for itself stays as it writes it. Throws `forbidden`. */
export function refuseAuditFeed(name: FeedName, what: string): void {
  if (isAuditFeed(name)) {
    throw new FeedsError('forbidden', `${name.workspace}/${name.name} is the server's own feed: it ${what}`);
  }
}

/** Throws `forbidden` for feeds that nobody makes in the server's own workspace, and for what its feed cannot be. */
function checkServersOwn(name: FeedName, chosen: ChosenSettings): void {
  if (name.workspace !== SYSTEM_WORKSPACE) return;
  if (!isAuditFeed(name)) {
    const message = `the workspace "${SYSTEM_WORKSPACE}" is the server's own: it holds the feed ${AUDIT_FEED.name} and no other`;
    throw new FeedsError('forbidden', message);
  }
  if (chosen.public === true) refuseAuditFeed(name, 'cannot be public');
  if (chosen.editable === true) refuseAuditFeed(name, 'cannot be editable');
}
