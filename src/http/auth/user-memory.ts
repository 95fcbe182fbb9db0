import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Principal } from '../../core/access.js';
import { FeedsError } from '../../core/errors.js';
import { NOBODYS } from '../../core/password.js';
import { userPrincipal } from '../../core/principal-grants.js';
import { isUserName } from '../../core/user.js';
import type { Db } from '../../store/db.js';
import { findUser } from '../../store/users.js';
import type { KeptUser } from '../../store/users.js';
import { ownText } from './own-copy.js';
import type { Passwords } from './passwords.js';

/**
 * Users and their passwords. Users are remembered for a second: so long one that is deleted, or has another password now, may go on. A
 * password that was right is not worked out again while the user has the same: that takes some tenths of a second.
 */
export interface UserMemory {
  /** From memory; undefined: it has to be asked for. */
  peek(name: string, password: string): Principal | undefined;
  /** Rejects with `overloaded` when too many passwords wait to be worked out. */
  ask(name: string, password: string): Promise<Principal | null>;
  /** It was right when it was last worked out. */
  recognises(name: string, password: string): boolean;
  /** There is a password for it to be compared with. */
  remembers(name: string): boolean;
}

const MAX_AGE_MS = 1_000;
const MOST_USERS = 10_000;
/** Of one name, so that whoever guesses at it does not take the turns of all. */
const MOST_WAITING_OF_ONE = 4;
/** Longer ones are nobody's (schemas/api/user.json: 1,000 characters). */
const MOST_PASSWORD_BYTES = 4_000;

export function makeUserMemory({ db, passwords }: { readonly db: Db; readonly passwords: Passwords }): UserMemory {
  const users = new LRUCache<string, { readonly user: KeptUser | undefined; readonly askedAt: number }>({
    max: MOST_USERS,
  });
  /** What is kept of the password that was right, and its seal. */
  const right = new LRUCache<string, { readonly kept: string; readonly seal: Buffer }>({ max: MOST_USERS });
  /** Who sends the same wrong one again and again is not worth another try for a second. */
  const wrong = new LRUCache<string, true>({ max: MOST_USERS, ttl: MAX_AGE_MS });
  /** Passwords that are being worked out, and how many of each name. */
  const trying = new Map<string, Promise<boolean>>();
  const waiting = new Map<string, number>();
  /** Passwords are remembered under a key that this process alone has. */
  const key = randomBytes(32);

  function sealOf(...parts: readonly string[]): Buffer {
    const seal = createHmac('sha256', key);
    for (const part of parts) seal.update(`${String(part.length)}:${part}`);
    return seal.digest();
  }

  function isKnown(user: KeptUser, password: string): boolean {
    const known = right.get(user.name);
    return known?.kept === user.password && timingSafeEqual(known.seal, sealOf(password));
  }

  function remembered(name: string): { readonly user: KeptUser | undefined } | undefined {
    const found = users.get(name);
    return found !== undefined && performance.now() - found.askedAt < MAX_AGE_MS ? found : undefined;
  }

  async function read(name: string): Promise<KeptUser | undefined> {
    const askedAt = performance.now();
    const user = await findUser(db, name);
    users.set(ownText(name), { user, askedAt });
    return user;
  }

  async function workOut(name: string, password: string, kept: string): Promise<boolean> {
    const already = waiting.get(name) ?? 0;
    if (already >= MOST_WAITING_OF_ONE) {
      throw new FeedsError('overloaded', 'too many log in by this name at once', { retryAfterSeconds: 2 });
    }
    waiting.set(name, already + 1);
    try {
      return await passwords.isRight(password, kept);
    } finally {
      const left = (waiting.get(name) ?? 1) - 1;
      if (left === 0) waiting.delete(name);
      else waiting.set(name, left);
    }
  }

  return {
    recognises(name, password) {
      const known = right.get(name);
      return known !== undefined && timingSafeEqual(known.seal, sealOf(password));
    },
    remembers: (name) => right.has(name),
    peek(name, password) {
      const user = remembered(name)?.user;
      return user !== undefined && isKnown(user, password) ? principalOf(user) : undefined;
    },
    async ask(name, password) {
      // What cannot be a name is nobody's, as everybody knows.
      if (!isUserName(name) || Buffer.byteLength(password) > MOST_PASSWORD_BYTES) return null;
      const known = remembered(name);
      const user = known === undefined ? await read(name) : known.user;
      if (user !== undefined && isKnown(user, password)) return principalOf(user);
      // A name that is not known takes as long as one that is.
      const kept = user?.password ?? NOBODYS;
      const tried = sealOf(name, password, kept).toString('base64');
      if (wrong.has(tried)) return null;
      // Many connections at once that send the same wait for the same.
      const isRight = trying.get(tried) ?? workOut(name, password, kept).finally(() => trying.delete(tried));
      trying.set(tried, isRight);
      if (!(await isRight) || user === undefined) {
        wrong.set(tried, true);
        return null;
      }
      // It may have waited for its turn: what is true now counts.
      const now = await read(name);
      if (now?.password !== kept) return null;
      right.set(ownText(name), { kept, seal: sealOf(password) });
      return principalOf(now);
    },
  };
}

function principalOf({ name, grants }: KeptUser): Principal {
  return { name: userPrincipal(name), grants };
}
