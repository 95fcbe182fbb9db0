import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../core/access.js';
import { AUDIT_FEED, SYSTEM_WORKSPACE, changesBetween, isAuditFeed } from '../core/audit.js';
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
 * such workspace), `conflict` (`editable` is fixed at the feed's birth), `precondition-failed`, or `forbidden` (in the server's own workspace).
 */
export async function putFeed(
  deps: ChangeDeps,
  by: Actor,
  name: FeedName,
  chosen: ChosenSettings,
  asked?: Existence,
): Promise<Put> {
  const put = await administer(deps, by, (tx, tell) => putFeedIn(tx, tell, name, chosen, asked));
  if (put !== 'unchanged') deps.memory.changed();
  return put;
}

/** The same, as a part of a greater transaction. After its commit all heads are to be forgotten. */
export async function putFeedIn(
  tx: Tx,
  tell: Tell,
  { workspace, name }: FeedName,
  chosen: ChosenSettings,
  asked?: Existence,
): Promise<Put> {
  checkName('workspace', workspace);
  checkName('feed', name);
  checkServersOwn({ workspace, name }, chosen);
  if (!(await lockWorkspace(tx, workspace))) {
    throw new FeedsError(
      'not-found',
      `there is no workspace "${workspace}": make it first, with PUT /admin/workspaces/${workspace}`,
    );
  }
  const record = await findFeedRecord(tx, workspace, name);
  checkExistence(asked, record?.deleted === false, `feed ${workspace}/${name}`);
  const target = { feed: name, workspace };
  if (record === undefined || record.deleted) {
    const atomId = `urn:uuid:${randomUUID()}`;
    const made = { partition: PARTITION, workspace, name, atomId, chosen, pageSize: ARCHIVE_PAGE_SIZE };
    if (record === undefined) await insertFeed(tx, made);
    else await reviveFeed(tx, record.feed.id, atomId, chosen);
    tell({ act: 'feed.created', target, changes: changesBetween({}, chosen) });
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
  tell({ act: 'feed.changed', target, changes: changesBetween(record.chosen, chosen) });
  return 'changed';
}

/**
 * Deletes the feed: a batch that is under way finishes first, then nothing of it is shown any more, and retention deletes
 * what it held. Its name may be used again; positions then go on. Rejects with `not-found`, or with
 * `forbidden` (it is the server's own).
 */
export async function deleteFeed(deps: ChangeDeps, by: Actor, { workspace, name }: FeedName): Promise<void> {
  await administer(deps, by, async (tx, tell) => {
    refuseAuditFeed({ workspace, name }, 'cannot be deleted');
    await lockWorkspace(tx, workspace);
    const record = await findFeedRecord(tx, workspace, name);
    if (record === undefined || record.deleted)
      throw new FeedsError('not-found', `there is no feed ${workspace}/${name}`);
    const head = await lockHead(tx, record.feed);
    await moveFloor(tx, record.feed, head + 1n);
    await closeFeed(tx, record.feed.id);
    tell({ act: 'feed.deleted', target: { feed: name, workspace } });
  });
  deps.memory.changed();
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
