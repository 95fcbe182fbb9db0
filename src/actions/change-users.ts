import { isDeepStrictEqual } from 'node:util';
import { administersAll, mayGrant } from '../core/access.js';
import type { Actor, Grant, Principal } from '../core/access.js';
import { changesBetween } from '../core/audit.js';
import type { Act } from '../core/audit.js';
import { FeedsError } from '../core/errors.js';
import { userPrincipal } from '../core/principal-grants.js';
import { checkUserName } from '../core/user.js';
import type { User } from '../core/user.js';
import type { Db, Tx } from '../store/db.js';
import { deleteGrants, workspacesOfPrincipal } from '../store/grants.js';
import { changeUser, deleteUser as deleteRow, findUser, insertUser, lockUser } from '../store/users.js';
import type { KeptUser } from '../store/users.js';
import { administer } from './administer.js';
import type { AdministerDeps, Tell } from './administer.js';
import { checkGrants } from './check-grants.js';
import { checkExistence } from './existence.js';
import type { Existence } from './existence.js';

export interface UserDeps extends AdministerDeps {
  readonly db: Db;
  readonly passwords: { hash(password: string): Promise<string> };
}

interface Change {
  readonly password?: string;
  readonly grants: readonly Grant[];
}

/**
 * Makes a user, or replaces its grants and, where one is given, its password. Rejects with `bad-parameter` (a name that cannot be
 * one), `invalid-body` (without a password where one is needed), `forbidden` (grants in what the caller does not administer, new
 * ones or those that there are), `conflict` (another makes it at the same time), `precondition-failed` or `overloaded`.
 */
export async function putUser(
  deps: UserDeps,
  by: Principal & Actor,
  name: string,
  change: Change,
  asked?: Existence,
): Promise<{ readonly created: boolean; readonly user: User }> {
  checkUserName(name);
  checkGrants(by, change.grants);
  const { password, grants } = change;
  // Before the work of it, and once more when nobody can change it: nothing is locked meanwhile.
  checkChange(by, name, await findUser(deps.db, name), change, asked);
  const hash = password === undefined ? undefined : await deps.passwords.hash(password);
  return administer(deps, by, async (tx, tell) => {
    const found = await lockUser(tx, name);
    checkChange(by, name, found, change, asked);
    if (found !== undefined) {
      await changeUser(tx, { name, password: hash ?? found.password, grants });
      const changes = { ...changesBetween({ grants: found.grants }, { grants }), ...passwordSet(hash) };
      if (Object.keys(changes).length > 0) tell({ act: 'user.changed', target: { user: name }, changes });
      if (hash !== undefined && found.createdBy !== by.name) {
        // Those of others: theirs were for who had the password before, or for the user's maker, who may always have known it.
        await takeBackGrants(tx, tell, name, (workspace) => !mayGrant(by, { role: 'admin', workspace }));
      }
      return { created: false, user: { ...found, grants } };
    }
    const made =
      hash === undefined ? undefined : await insertUser(tx, { name, password: hash, grants, createdBy: by.name });
    if (made !== undefined) {
      const changes = { ...changesBetween({}, { grants }), ...passwordSet(hash) };
      tell({ act: 'user.created', target: { user: name }, changes });
      return { created: true, user: made };
    }
    throw new FeedsError('conflict', `the user "${name}" was changed at the same time; try again`, {
      retryAfterSeconds: 1,
    });
  });
}

/** What the user, who is locked, is granted in those workspaces. Told in each: its owners look there. */
async function takeBackGrants(
  tx: Tx,
  tell: Tell,
  name: string,
  isTakenBack: (workspace: string) => boolean,
): Promise<void> {
  const principal = userPrincipal(name);
  for (const workspace of await workspacesOfPrincipal(tx, principal)) {
    if (!isTakenBack(workspace)) continue;
    await deleteGrants(tx, workspace, principal);
    tell({ act: 'grants.deleted', target: { principal, workspace } });
  }
}

/** That there is a new one, never which. */
function passwordSet(hash: string | undefined): Act['changes'] {
  return hash === undefined ? {} : { password: { to: 'a new one' } };
}

function checkChange(
  by: Principal,
  name: string,
  found: KeptUser | undefined,
  { password, grants }: Change,
  asked: Existence | undefined,
): void {
  if (found !== undefined && !administersAll(by, found.grants)) {
    throw new FeedsError('forbidden', `the user "${name}" has grants that are administered by others`);
  }
  checkExistence(asked, found !== undefined, `user ${name}`);
  if (password !== undefined) return;
  if (found === undefined) throw passwordMissing('a new user needs one');
  // Whoever made it knows its password.
  const more = grants.some((grant) => !found.grants.some((known) => isDeepStrictEqual(known, grant)));
  if (more && found.createdBy !== by.name) {
    throw passwordMissing(
      `${found.createdBy} made this user, and may know its password: with more grants it needs another`,
    );
  }
}

function passwordMissing(why: string): FeedsError {
  const violations = [{ path: '/password', message: `is missing: ${why}` }];
  return new FeedsError('invalid-body', `the body is not that of a user: /password is missing: ${why}`, { violations });
}

/**
 * From then on nobody gets in by that name, on any node within a second. What it was granted in workspaces goes too: who makes a user
 * of this name again shall not have it. Rejects with `not-found`.
 */
export async function deleteUser(deps: AdministerDeps, by: Principal & Actor, name: string): Promise<void> {
  checkUserName(name);
  await administer(deps, by, async (tx, tell) => {
    mustBeKnown(by, name, await lockUser(tx, name));
    await takeBackGrants(tx, tell, name, () => true);
    await deleteRow(tx, name);
    tell({ act: 'user.deleted', target: { user: name } });
  });
}

/** A user all of whose grants the caller administers; others are as if they were not there. Rejects with `not-found`. */
export async function knownUser(db: Db, by: Principal, name: string): Promise<User> {
  checkUserName(name);
  return mustBeKnown(by, name, await findUser(db, name));
}

function mustBeKnown(by: Principal, name: string, found: KeptUser | undefined): KeptUser {
  if (found !== undefined && administersAll(by, found.grants)) return found;
  throw new FeedsError('not-found', `there is no user "${name}"`, { hidden: !mayGrant(by, { role: 'admin' }) });
}
