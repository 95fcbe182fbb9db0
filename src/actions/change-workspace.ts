import { isDeepStrictEqual } from 'node:util';
import { mayGrant } from '../core/access.js';
import type { Actor, Principal } from '../core/access.js';
import { SYSTEM_WORKSPACE, changesBetween } from '../core/audit.js';
import { FeedsError } from '../core/errors.js';
import { checkName } from '../core/feed.js';
import type { Workspace } from '../core/feed.js';
import type { Quotas } from '../core/quota.js';
import type { Tx } from '../store/db.js';
import { listRestorable } from '../store/deleted-feeds.js';
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
import type { ChangeDeps } from './change-feed.js';
import { checkExistence } from './existence.js';
import type { Existence } from './existence.js';

/**
 * Creates the workspace, or replaces its title, and its quotas where they are named. Rejects with `bad-parameter` (a name that
 * cannot be one), `forbidden` (quotas are changed by who administers everything) or `precondition-failed`.
 */
export async function putWorkspace(
  deps: ChangeDeps,
  by: Principal & Actor,
  workspace: Workspace,
  asked?: Existence,
): Promise<'created' | 'changed'> {
  const put = await administer(deps, by, async (tx, tell) => {
    checkName('workspace', workspace.name);
    const { quotas, ...others } = workspace;
    const isChange = changesQuotas(await lockWorkspace(tx, workspace.name), quotas);
    if (isChange) checkMaySetQuotas(by, 'set');
    // What is as it was is not written: somebody else may make the workspace just now.
    const done = await putWorkspaceIn(tx, tell, isChange ? workspace : others);
    checkExistence(asked, done !== 'created', `workspace ${workspace.name}`);
    return { done, isChange };
  });
  if (put.isChange) deps.memory.changed();
  return put.done;
}

/** The same, as a part of a greater transaction. After its commit all heads are to be forgotten where quotas were named. */
export async function putWorkspaceIn(tx: Tx, tell: Tell, workspace: Workspace): Promise<'created' | 'changed'> {
  const { name, quotas } = workspace;
  checkName('workspace', name);
  const isChange = changesQuotas(await lockWorkspace(tx, name), quotas);
  if (isChange && name === SYSTEM_WORKSPACE) {
    throw new FeedsError('forbidden', `the workspace "${name}" is the server's own: it has no quotas`);
  }
  const before = await settingsOf(tx, name);
  const isNew = await putRow(tx, workspace);
  const changes = changesBetween(before, await settingsOf(tx, name));
  if (isNew || Object.keys(changes).length > 0) {
    tell({ act: isNew ? 'workspace.created' : 'workspace.changed', target: { workspace: name }, changes });
  }
  return isNew ? 'created' : 'changed';
}

function changesQuotas(current: Quotas = {}, wanted: Quotas | undefined): boolean {
  return wanted !== undefined && !isDeepStrictEqual(wanted, current);
}

async function settingsOf(tx: Tx, name: string): Promise<object> {
  const [workspace] = await listWorkspaces(tx, name);
  return { title: workspace?.title, quotas: workspace?.quotas };
}

function checkMaySetQuotas(by: Principal, what: 'set' | 'lifted'): void {
  if (mayGrant(by, { role: 'admin' })) return;
  const hint = what === 'set' ? 'leave them out, or send them as they are' : 'ask them to delete this workspace';
  throw new FeedsError('forbidden', `quotas are ${what} by those who administer the whole server only: ${hint}`);
}

/**
 * What was granted in it goes too. Rejects with `not-found`, with `conflict` while there are feeds in it, or deleted ones that
 * can be restored, or with `forbidden`: it is the server's own, or it has quotas, which go with it, and it could be made again without.
 */
export async function deleteWorkspace(deps: AdministerDeps, by: Principal & Actor, name: string): Promise<void> {
  await administer(deps, by, async (tx, tell) => {
    if (name === SYSTEM_WORKSPACE) throw new FeedsError('forbidden', `the workspace "${name}" is the server's own`);
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
    await deleteGrantsOfWorkspace(tx, name);
    await deleteRow(tx, name);
    tell({ act: 'workspace.deleted', target: { workspace: name } });
  });
}
