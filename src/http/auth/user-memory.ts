import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Principal } from '../../core/access.js';
import { NOBODYS, isPassword } from '../../core/password.js';
import type { Db } from '../../store/db.js';
import { findUser } from '../../store/users.js';
import type { KeptUser } from '../../store/users.js';
import { makeTurns } from '../turns.js';

/**
 * Users and their passwords. Users are remembered for a second: so long one that is deleted, or has another password now, may go on. A
 * password that was right is not worked out again while the user has the same: that takes some tenths of a second.
 */
export interface UserMemory {
  /** From memory; undefined: it has to be asked for. */
  peek(name: string, password: string): Principal | undefined;
  /** Rejects with `overloaded` when too many passwords wait to be worked out. */
  ask(name: string, password: string): Promise<Principal | null>;
}

const MAX_AGE_MS = 1_000;
const MOST_USERS = 20_000;
/** Each takes 32 MiB, and a thread of four that files and name resolution need too. */
const AT_ONCE = 2;
const MOST_WAITING = 20;
/** Longer ones are nobody's (schemas/api/user.json). */
const MOST_CHARACTERS = 1_000;

export function makeUserMemory(db: Db): UserMemory {
  const users = new LRUCache<string, { readonly user: KeptUser | undefined }>({ max: MOST_USERS, ttl: MAX_AGE_MS });
  /** What is kept of the password that was right, and its seal. */
  const right = new LRUCache<string, { readonly kept: string; readonly seal: Buffer }>({ max: MOST_USERS });
  /** Who sends the same wrong one again and again is not worth another try for a second. */
  const wrong = new LRUCache<string, true>({ max: MOST_USERS, ttl: MAX_AGE_MS });
  const asking = new Map<string, Promise<KeptUser | undefined>>();
  const turns = makeTurns(AT_ONCE, MOST_WAITING);
  /** Passwords are remembered under a key that this process alone has. */
  const key = randomBytes(32);

  function sealOf(password: string): Buffer {
    return createHmac('sha256', key).update(password).digest();
  }

  function isKnown(user: KeptUser, seal: Buffer): boolean {
    const known = right.get(user.name);
    return known?.kept === user.password && timingSafeEqual(known.seal, seal);
  }

  async function read(name: string): Promise<KeptUser | undefined> {
    const user = await findUser(db, name);
    users.set(name, { user });
    return user;
  }

  return {
    peek(name, password) {
      const user = users.get(name)?.user;
      return user !== undefined && isKnown(user, sealOf(password)) ? principalOf(user) : undefined;
    },
    async ask(name, password) {
      // Postgres has no text with a zero in it.
      if (name.length > MOST_CHARACTERS || password.length > MOST_CHARACTERS || name.includes('\0')) return null;
      const remembered = users.get(name);
      const asked =
        remembered === undefined ? (asking.get(name) ?? read(name).finally(() => asking.delete(name))) : undefined;
      if (asked !== undefined) asking.set(name, asked);
      const user = remembered === undefined ? await asked : remembered.user;
      const seal = sealOf(password);
      if (user !== undefined && isKnown(user, seal)) return principalOf(user);
      const tried = `${seal.toString('base64')} ${name}`;
      if (wrong.has(tried)) return null;
      // A name that is not known takes as long as one that is.
      const isRight = await turns.run(() => isPassword(password, user?.password ?? NOBODYS));
      if (user === undefined || !isRight) {
        wrong.set(tried, true);
        return null;
      }
      right.set(name, { kept: user.password, seal });
      return principalOf(user);
    },
  };
}

function principalOf({ name, grants }: KeptUser): Principal {
  return { name: `user:${name}`, grants };
}
