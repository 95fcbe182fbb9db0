import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Principal } from '../../core/access.js';
import { likelyTokenId, tokenDigest, tokenId } from '../../core/token.js';
import type { Db } from '../../store/db.js';
import { findToken } from '../../store/tokens.js';
import type { Logger } from '../../telemetry/logger.js';
import { ownBytes, ownText } from './own-copy.js';

/** The bearers of our own tokens, remembered for a second: so long a token that is revoked may go on. */
export interface TokenMemory {
  /** From memory; undefined: it has to be asked for. `null`: no token of ours, or one that is no longer good. */
  peek(token: string): Principal | null | undefined;
  ask(token: string): Promise<Principal | null>;
  /** It was good when it was last asked for. */
  recognises(token: string): boolean;
}

const MAX_AGE_MS = 1_000;
const MOST_TOKENS = 20_000;
/** The database keeps the time of its last use to the minute. */
const USE_MS = 60_000;

interface Known {
  /** `performance.now()` before the database was asked. */
  readonly askedAt: number;
  readonly digest: Buffer;
  readonly principal: Principal;
  /** Milliseconds since 1970. */
  readonly goodUntil: number;
  /** Likewise; 0: never. */
  lastUsedAt: number;
  /** The token itself, once it was right: to compare it takes less than to digest it. */
  shown: Buffer | undefined;
}

export function makeTokenMemory(deps: {
  readonly db: Db;
  readonly noteUse: (id: string) => Promise<void>;
  readonly logger: Logger;
  readonly most?: number;
}): TokenMemory {
  const { most = MOST_TOKENS } = deps;
  const known = new LRUCache<string, Known>({ max: most });
  /** The ids of which none is good: beside them, so that who makes up tokens does not make us forget those that are. */
  const refused = new LRUCache<string, true>({ max: most, ttl: MAX_AGE_MS });
  const asking = new Map<string, Promise<Known | undefined>>();

  function peek(token: string): Principal | null | undefined {
    const id = likelyTokenId(token);
    if (id === undefined) return null;
    const found = known.get(id);
    if (found !== undefined) return performance.now() - found.askedAt < MAX_AGE_MS ? bearerOf(found, token) : undefined;
    return refused.has(id) ? null : undefined;
  }

  /** Undefined: none of this id is good. */
  async function read(asked: string): Promise<Known | undefined> {
    const id = ownText(asked);
    const askedAt = performance.now();
    const found = await findToken(deps.db, id);
    if (found === undefined || found.revokedAt !== undefined) {
      known.delete(id);
      refused.set(id, true);
      return undefined;
    }
    const one: Known = {
      askedAt,
      digest: found.digest,
      principal: { name: `token:${id}`, grants: found.grants },
      goodUntil: found.expiresAt === undefined ? Infinity : Date.parse(found.expiresAt),
      lastUsedAt: found.lastUsedAt === undefined ? 0 : Date.parse(found.lastUsedAt),
      shown: undefined,
    };
    known.set(id, one);
    return one;
  }

  /** That its use cannot be noted keeps nobody out. */
  function used(one: Known, id: string): void {
    if (Date.now() - one.lastUsedAt < USE_MS) return;
    one.lastUsedAt = Date.now();
    deps.noteUse(id).catch((error: unknown) => {
      deps.logger.warn({ err: error }, 'the use of a token was not noted');
    });
  }

  return {
    peek,
    recognises(token) {
      const found = known.get(likelyTokenId(token) ?? '');
      return found !== undefined && bearerOf(found, token) !== null;
    },
    async ask(token) {
      const id = tokenId(token);
      if (id === undefined) return null;
      const asked = asking.get(id) ?? read(id).finally(() => asking.delete(id));
      asking.set(id, asked);
      const one = await asked;
      if (one === undefined) return null;
      const principal = bearerOf(one, token);
      if (principal !== null) used(one, id);
      return principal;
    },
  };
}

/** In a time that says nothing of how much of it was right. */
function bearerOf(known: Known, token: string): Principal | null {
  if (Date.now() >= known.goodUntil) return null;
  const given = Buffer.from(token);
  if (known.shown?.length === given.length && timingSafeEqual(known.shown, given)) return known.principal;
  if (!timingSafeEqual(tokenDigest(token), known.digest)) return null;
  known.shown = ownBytes(token);
  return known.principal;
}
