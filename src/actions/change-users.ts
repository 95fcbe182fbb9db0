import type { Pool } from 'pg';
import { administersAll } from '../core/access.js';
import type { Grant, Principal } from '../core/access.js';
import { FeedsError } from '../core/errors.js';
import { hashPassword } from '../core/password.js';
import { checkUserName } from '../core/user.js';
import type { User } from '../core/user.js';
import type { Db } from '../store/db.js';
import { changeUser, deleteUser as deleteRow, findUser, insertUser, lockUser } from '../store/users.js';
import { inTransaction } from '../store/transaction.js';
import { checkGrants } from './check-grants.js';
import { checkExistence } from './existence.js';
import type { Existence } from './existence.js';

interface UserDeps {
  readonly db: Db;
  readonly pool: Pool;
}

/**
 * Makes a user, or replaces its grants and, where one is given, its password. Rejects with `bad-parameter` (a name that cannot be
 * one), `invalid-body` (a new user without a password), `forbidden` (grants in what the caller does not administer, new ones or
 * those that there are), `conflict` (another makes it at the same time) or `precondition-failed`.
 */
export async function putUser(
  { pool }: UserDeps,
  by: Principal,
  name: string,
  { password, grants }: { readonly password?: string; readonly grants: readonly Grant[] },
  asked?: Existence,
): Promise<'created' | 'changed'> {
  checkUserName(name);
  checkGrants(by, grants);
  // It takes a tenth of a second: nothing is locked meanwhile.
  const hash = password === undefined ? undefined : await hashPassword(password);
  return inTransaction(pool, async (tx) => {
    const found = await lockUser(tx, name);
    if (found !== undefined && !administersAll(by, found.grants)) {
      throw new FeedsError('forbidden', `the user "${name}" has grants that are administered by others`);
    }
    checkExistence(asked, found !== undefined, `user ${name}`);
    if (found !== undefined) {
      await changeUser(tx, { name, password: hash ?? found.password, grants });
      return 'changed';
    }
    if (hash === undefined) {
      const violations = [{ path: '/password', message: 'is missing: a new user needs one' }];
      throw new FeedsError('invalid-body', 'the body is not a new user: /password is missing', { violations });
    }
    if (await insertUser(tx, { name, password: hash, grants, createdBy: by.name })) return 'created';
    throw new FeedsError('conflict', `the user "${name}" was made at the same time; try again`, {
      retryAfterSeconds: 1,
    });
  });
}

/** From then on nobody gets in by that name, on any node within a second. Rejects with `not-found`. */
export async function deleteUser({ db, pool }: UserDeps, by: Principal, name: string): Promise<void> {
  await knownUser(db, by, name);
  await inTransaction(pool, (tx) => deleteRow(tx, name));
}

/** A user all of whose grants the caller administers; others are as if they were not there. Rejects with `not-found`. */
export async function knownUser(db: Db, by: Principal, name: string): Promise<User> {
  checkUserName(name);
  const found = await findUser(db, name);
  if (found !== undefined && administersAll(by, found.grants)) return found;
  throw new FeedsError('not-found', `there is no user "${name}"`);
}
