import { isDeepStrictEqual } from 'node:util';
import { mayGrant } from '../core/access.js';
import type { Principal } from '../core/access.js';
import { FeedsError } from '../core/errors.js';
import { checkName } from '../core/feed.js';
import type { Workspace } from '../core/feed.js';
import { listRestorable } from '../store/deleted-feeds.js';
import { deleteWorkspace as deleteRow, listFeeds, lockWorkspace, putWorkspace as putRow } from '../store/feeds.js';
import { inTransaction } from '../store/transaction.js';
import type { ChangeDeps } from './change-feed.js';
import { checkExistence } from './existence.js';
import type { Existence } from './existence.js';

/**
 * Creates the workspace, or replaces its title, and its quotas where they are named. Rejects with `bad-parameter` (a name that
 * cannot be one), `forbidden` (quotas are changed by who administers everything) or `precondition-failed`.
 */
export async function putWorkspace(
  { pool, memory }: ChangeDeps,
  by: Principal,
  workspace: Workspace,
  asked?: Existence,
): Promise<'created' | 'changed'> {
  checkName('workspace', workspace.name);
  const { quotas, ...others } = workspace;
  const put = await inTransaction(pool, async (tx) => {
    const current = (await lockWorkspace(tx, workspace.name)) ?? {};
    const isChange = quotas !== undefined && !isDeepStrictEqual(quotas, current);
    if (isChange) checkMaySetQuotas(by, 'set');
    const isNew = await putRow(tx, isChange ? workspace : others);
    checkExistence(asked, !isNew, `workspace ${workspace.name}`);
    return { isNew, isChange };
  });
  if (put.isChange) memory.changed();
  return put.isNew ? 'created' : 'changed';
}

function checkMaySetQuotas(by: Principal, what: 'set' | 'lifted'): void {
  if (mayGrant(by, { role: 'admin' })) return;
  const hint = what === 'set' ? 'leave them out, or send them as they are' : 'ask them to delete this workspace';
  throw new FeedsError('forbidden', `quotas are ${what} by those who administer the whole server only: ${hint}`);
}

/**
 * Rejects with `not-found`, with `conflict` while there are feeds in it, or deleted ones that can be restored, or with
 * `forbidden`: with it go its quotas, and it could be made again without.
 */
export async function deleteWorkspace({ pool }: Pick<ChangeDeps, 'pool'>, by: Principal, name: string): Promise<void> {
  await inTransaction(pool, async (tx) => {
    const quotas = await lockWorkspace(tx, name);
    if (quotas === undefined) throw new FeedsError('not-found', `there is no workspace "${name}"`);
    if (Object.keys(quotas).length > 0) checkMaySetQuotas(by, 'lifted');
    const feeds = await listFeeds(tx, name);
    if (feeds.length > 0) {
      const [first] = feeds;
      const which = feeds.length === 1 ? `the feed "${first?.name ?? ''}"` : `${String(feeds.length)} feeds`;
      throw new FeedsError('conflict', `the workspace "${name}" still has ${which}; delete them first`);
    }
    const [deleted] = await listRestorable(tx, name);
    if (deleted !== undefined) {
      const { feed, restorableUntil } = deleted;
      const message =
        `the workspace "${name}" has the deleted feed "${feed.name}", which can be restored until ${restorableUntil}; ` +
        `wait until then, or delete it for good with DELETE /admin/feeds/${name}/${feed.name}?confirm=${name}/${feed.name}&purge=true`;
      throw new FeedsError('conflict', message);
    }
    await deleteRow(tx, name);
  });
}
