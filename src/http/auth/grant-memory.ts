import { LRUCache } from 'lru-cache';
import type { Grant, Principal } from '../../core/access.js';
import type { Db } from '../../store/db.js';
import { grantsOfPrincipal } from '../../store/grants.js';

/**
 * What principals were granted in workspaces, beside what their credentials give them: remembered for a second, as tokens are. So long
 * one from whom something was taken may go on.
 */
export interface GrantMemory {
  /** The principal with all that it may; undefined: it has to be asked for. */
  peek(principal: Principal): Principal | undefined;
  ask(principal: Principal): Promise<Principal>;
}

const MAX_AGE_MS = 1_000;
const MOST_PRINCIPALS = 20_000;

interface Known {
  /** `performance.now()` before the database was asked. */
  readonly askedAt: number;
  readonly grants: readonly Grant[];
  /** What the credentials gave the last time, and the principal with both: most come again with the same. */
  own: readonly Grant[] | undefined;
  whole: Principal | undefined;
}

export function makeGrantMemory({ db }: { readonly db: Db }): GrantMemory {
  const known = new LRUCache<string, Known>({ max: MOST_PRINCIPALS });
  const asking = new Map<string, Promise<Known>>();

  async function read(name: string): Promise<Known> {
    const askedAt = performance.now();
    const one = { askedAt, grants: await grantsOfPrincipal(db, name), own: undefined, whole: undefined };
    known.set(name, one);
    return one;
  }

  return {
    peek(principal) {
      const found = known.get(principal.name);
      const isFresh = found !== undefined && performance.now() - found.askedAt < MAX_AGE_MS;
      return isFresh ? withGrants(principal, found) : undefined;
    },
    async ask(principal) {
      const { name } = principal;
      const asked = asking.get(name) ?? read(name).finally(() => asking.delete(name));
      asking.set(name, asked);
      return withGrants(principal, await asked);
    },
  };
}

function withGrants(principal: Principal, known: Known): Principal {
  const { name, grants } = principal;
  if (known.grants.length === 0) return principal;
  if (known.own !== grants || known.whole === undefined) {
    known.own = grants;
    known.whole = { name, grants: [...grants, ...known.grants] };
  }
  return known.whole;
}
