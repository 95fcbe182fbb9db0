import type { Actor } from '../core/access.js';
import { SYSTEM_WORKSPACE, changesBetween } from '../core/audit.js';
import { FeedsError } from '../core/errors.js';
import { checkName } from '../core/feed.js';
import type { Workspace } from '../core/feed.js';
import type { Tx } from '../store/db.js';
import {
  deleteWorkspace as deleteRow,
  listFeeds,
  listWorkspaces,
  lockWorkspace,
  putWorkspace as putRow,
} from '../store/feeds.js';
import { deleteGrantsOfWorkspace } from '../store/grants.js';
import { administer } from './administer.js';
import type { AdministerDeps, Tell } from './administer.js';
import { checkExistence } from './existence.js';
import type { Existence } from './existence.js';

/**
 * Creates the workspace, or replaces its title. Rejects with `bad-parameter` (a name that cannot be one) or
 * `precondition-failed`.
 */
export async function putWorkspace(
  deps: AdministerDeps,
  by: Actor,
  workspace: Workspace,
  asked?: Existence,
): Promise<'created' | 'changed'> {
  return administer(deps, by, async (tx, tell) => {
    const put = await putWorkspaceIn(tx, tell, workspace);
    checkExistence(asked, put !== 'created', `workspace ${workspace.name}`);
    return put;
  });
}

/** The same, as a part of a greater transaction. */
export async function putWorkspaceIn(tx: Tx, tell: Tell, workspace: Workspace): Promise<'created' | 'changed'> {
  const { name, title } = workspace;
  checkName('workspace', name);
  await lockWorkspace(tx, name);
  const [before] = await listWorkspaces(tx, name);
  const isNew = await putRow(tx, workspace);
  const changes = changesBetween({ title: before?.title }, { title });
  if (isNew || Object.keys(changes).length > 0) {
    tell({ act: isNew ? 'workspace.created' : 'workspace.changed', target: { workspace: name }, changes });
  }
  return isNew ? 'created' : 'changed';
}

/** What was granted in it goes too. Rejects with `not-found`, `forbidden` (it is the server's own), or with `conflict` while there are feeds in it. */
export async function deleteWorkspace(deps: AdministerDeps, by: Actor, name: string): Promise<void> {
  await administer(deps, by, async (tx, tell) => {
    if (name === SYSTEM_WORKSPACE) throw new FeedsError('forbidden', `the workspace "${name}" is the server's own`);
    if (!(await lockWorkspace(tx, name))) throw new FeedsError('not-found', `there is no workspace "${name}"`);
    const feeds = await listFeeds(tx, name);
    if (feeds.length > 0) {
      const [first] = feeds;
      const which = feeds.length === 1 ? `the feed "${first?.name ?? ''}"` : `${String(feeds.length)} feeds`;
      throw new FeedsError('conflict', `the workspace "${name}" still has ${which}; delete them first`);
    }
    await deleteGrantsOfWorkspace(tx, name);
    await deleteRow(tx, name);
    tell({ act: 'workspace.deleted', target: { workspace: name } });
  });
}
