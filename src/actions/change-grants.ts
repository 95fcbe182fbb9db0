import type { Actor, Grant, Principal } from '../core/access.js';
import { changesBetween } from '../core/audit.js';
import { FeedsError } from '../core/errors.js';
import { checkName } from '../core/feed.js';
import { checkGrantee, userOf } from '../core/principal-grants.js';
import type { PrincipalGrants } from '../core/principal-grants.js';
import type { Db, Tx } from '../store/db.js';
import { lockWorkspace } from '../store/feeds.js';
import { countGrants, deleteGrants as deleteRow, findGrants, putGrants as putRow } from '../store/grants.js';
import { keepUser } from '../store/users.js';
import { administer } from './administer.js';
import type { AdministerDeps, Tell } from './administer.js';
import { checkGrants } from './check-grants.js';
import { checkExistence } from './existence.js';
import type { Existence } from './existence.js';

/** Principals that are granted something in one workspace. */
const MOST_PRINCIPALS = 1_000;

interface Grantee {
  readonly workspace: string;
  readonly principal: string;
}

/**
 * Replaces what the principal was granted in the workspace; its credentials' own grants are not touched. Rejects with `bad-parameter`
 * (a name that cannot be one), `forbidden` (grants in what the caller does not administer), `not-found` (no such workspace), `conflict`
 * (a user that there is not, or too many principals) or `precondition-failed`.
 */
export async function putGrants(
  deps: AdministerDeps,
  by: Principal & Actor,
  { workspace, principal }: Grantee,
  grants: readonly Omit<Grant, 'workspace'>[],
  asked?: Existence,
): Promise<{ readonly created: boolean; readonly put: PrincipalGrants }> {
  checkName('workspace', workspace);
  checkGrantee(principal);
  const inWorkspace = grants.map((grant): Grant => ({ workspace, ...grant }));
  checkGrants(by, inWorkspace);
  return administer(deps, by, async (tx, tell) => {
    if (!(await lockWorkspace(tx, workspace))) throw noWorkspace(workspace);
    return putGrantsIn(tx, tell, by, { workspace, principal }, inWorkspace, asked);
  });
}

/** The same, as a part of a greater transaction, in a workspace that is locked and that whoever does it administers. */
export async function putGrantsIn(
  tx: Tx,
  tell: Tell,
  by: Actor,
  { workspace, principal }: Grantee,
  inWorkspace: readonly Grant[],
  asked?: Existence,
): Promise<{ readonly created: boolean; readonly put: PrincipalGrants }> {
  checkGrantee(principal);
  for (const { feed } of inWorkspace) if (feed !== undefined) checkName('feed', feed);
  await mustBeThere(tx, principal);
  const before = await findGrants(tx, workspace, principal);
  const exists = before !== undefined;
  checkExistence(asked, exists, `grant to ${principal}`);
  if (!exists && (await countGrants(tx, workspace)) >= MOST_PRINCIPALS) {
    const message = `${String(MOST_PRINCIPALS)} principals have grants in "${workspace}", and no more can`;
    throw new FeedsError('conflict', message);
  }
  const changes = changesBetween({ grants: before?.grants }, { grants: inWorkspace });
  if (before !== undefined && Object.keys(changes).length === 0) return { created: false, put: before };
  const put = await putRow(tx, { workspace, principal, grants: inWorkspace, grantedBy: by.name });
  tell({ act: 'grants.changed', target: { principal, workspace }, changes });
  return { created: !exists, put };
}

/** What is granted to a user that there is not would be for whoever makes it, and knows its password. */
async function mustBeThere(tx: Tx, principal: string): Promise<void> {
  const user = userOf(principal);
  if (user === undefined || (await keepUser(tx, user))) return;
  throw new FeedsError('conflict', `there is no user "${user}" that could be granted something`);
}

/** From then on the principal has what its credentials give it only, on any node within a second. Rejects with `not-found`. */
export async function deleteGrants(deps: AdministerDeps, by: Actor, grantee: Grantee): Promise<void> {
  const { workspace, principal } = grantee;
  await administer(deps, by, async (tx, tell) => {
    if (!(await deleteRow(tx, workspace, principal))) throw noGrants(grantee);
    tell({ act: 'grants.deleted', target: { principal, workspace } });
  });
}

/** Rejects with `bad-parameter` or `not-found`. */
export async function knownGrants(db: Db, grantee: Grantee): Promise<PrincipalGrants> {
  const { workspace, principal } = grantee;
  checkName('workspace', workspace);
  checkGrantee(principal);
  const found = await findGrants(db, workspace, principal);
  if (found === undefined) throw noGrants(grantee);
  return found;
}

function noWorkspace(name: string): FeedsError {
  return new FeedsError('not-found', `there is no workspace "${name}"`);
}

function noGrants({ workspace, principal }: Grantee): FeedsError {
  return new FeedsError('not-found', `nothing in "${workspace}" is granted to "${principal}"`);
}
