import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Principal } from '../../core/access.js';
import { grantsFor } from '../../core/identity.js';
import type { KeystoneSettings } from '../../core/identity.js';
import { isSubject } from '../../core/principal-grants.js';
import { makeTurns } from '../turns.js';
import { isAuthToken } from './auth-token.js';
import type { Keystone, KeystoneToken } from './keystone.js';

/**
 * The bearers of tokens of a Keystone. What it said of one is taken for true for a time (`cacheSeconds`, never beyond the token's end),
 * whether it can still be asked or not: so long one that is revoked there may go on. Remembered by a digest.
 */
export interface KeystoneMemory {
  /** From memory; undefined: it has to be asked for. `null`: none that is good. */
  peek(token: string): Principal | null | undefined;
  /** Rejects with `unavailable` where Keystone cannot be asked, and with `overloaded` where too many wait for it. */
  ask(token: string): Promise<Principal | null>;
  /** It was good when it was last asked for. */
  recognises(token: string): boolean;
}

const MOST_TOKENS = 20_000;
/** One that is no good may be good soon, on a Keystone of several nodes. */
const REFUSED_MS = 5_000;
const AT_ONCE = 20;
const MOST_WAITING = 500;

interface Known {
  readonly principal: Principal;
  /** Milliseconds since 1970. */
  readonly goodUntil: number;
}

type Settings = Pick<KeystoneSettings, 'cacheSeconds' | 'rules'>;

export function makeKeystoneMemory(settings: Settings, { keystone }: { readonly keystone: Keystone }): KeystoneMemory {
  const known = new LRUCache<string, Known>({ max: MOST_TOKENS });
  /** Beside them, so that who sends junk does not make us forget those that are good. */
  const refused = new LRUCache<string, true>({ max: MOST_TOKENS, ttl: REFUSED_MS });
  const asking = new Map<string, Promise<Principal | null>>();
  const turns = makeTurns(AT_ONCE, MOST_WAITING, 'too many tokens wait to be looked for in Keystone');

  function remembered(digest: string): Principal | null | undefined {
    const found = known.get(digest);
    if (found !== undefined && Date.now() < found.goodUntil) return found.principal;
    return refused.has(digest) ? null : undefined;
  }

  async function look(token: string, digest: string): Promise<Principal | null> {
    const askedAt = Date.now();
    const told = await turns.run(() => keystone.whose(token));
    if (told === null || told.expiresAt <= Date.now() || !isSubject(told.userId)) {
      known.delete(digest);
      refused.set(digest, true);
      return null;
    }
    const principal = principalOf(told, settings);
    known.set(digest, { principal, goodUntil: Math.min(told.expiresAt, askedAt + settings.cacheSeconds * 1000) });
    return principal;
  }

  return {
    recognises: (token) => isAuthToken(token) && known.has(digestOf(token)),
    peek: (token) => (isAuthToken(token) ? remembered(digestOf(token)) : null),
    async ask(token) {
      if (!isAuthToken(token)) return null;
      const digest = digestOf(token);
      const found = remembered(digest);
      if (found !== undefined) return found;
      const asked = asking.get(digest) ?? look(token, digest).finally(() => asking.delete(digest));
      asking.set(digest, asked);
      return asked;
    },
  };
}

/** The tenant is the project that the token is for, in OpenStack's first years called so too. */
function principalOf({ userId, roles, projectId }: KeystoneToken, { rules }: Settings): Principal {
  const tenants = projectId === undefined ? [] : [projectId];
  return { name: `keystone:${userId}`, grants: grantsFor(rules, { roles, tenants, project: projectId }) };
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
