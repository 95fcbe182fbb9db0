import type { Pool } from 'pg';
import { FeedsError } from '../core/errors.js';
import { checkName } from '../core/feed.js';
import type { Workspace } from '../core/feed.js';
import { listRestorable } from '../store/deleted-feeds.js';
import { deleteWorkspace as deleteRow, listFeeds, lockWorkspace, putWorkspace as putRow } from '../store/feeds.js';
import { inTransaction } from '../store/transaction.js';
import { checkExistence } from './existence.js';
import type { Existence } from './existence.js';

/**
 * Creates the workspace, or replaces its title. Rejects with `bad-parameter` (a name that cannot be one) or
 * `precondition-failed`.
 */
export async function putWorkspace(
  { pool }: { pool: Pool },
  workspace: Workspace,
  asked?: Existence,
): Promise<'created' | 'changed'> {
  checkName('workspace', workspace.name);
  return inTransaction(pool, async (tx) => {
    const isNew = await putRow(tx, workspace);
    checkExistence(asked, !isNew, `workspace ${workspace.name}`);
    return isNew ? 'created' : 'changed';
  });
}

/** Rejects with `not-found`, or with `conflict` while there are feeds in it, or deleted ones that can be brought back. */
export async function deleteWorkspace({ pool }: { pool: Pool }, name: string): Promise<void> {
  await inTransaction(pool, async (tx) => {
    if (!(await lockWorkspace(tx, name))) throw new FeedsError('not-found', `there is no workspace "${name}"`);
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
