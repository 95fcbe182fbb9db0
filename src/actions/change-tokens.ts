import { administersAll, mayGrant } from '../core/access.js';
import type { Actor, Grant, Principal } from '../core/access.js';
import { changesBetween } from '../core/audit.js';
import { FeedsError } from '../core/errors.js';
import { makeToken, tokenDigest } from '../core/token.js';
import type { Token } from '../core/token.js';
import type { Db, Tx } from '../store/db.js';
import { countTokens, deleteOldTokens, findToken, insertToken, setRevoked } from '../store/tokens.js';
import { administer } from './administer.js';
import type { AdministerDeps } from './administer.js';
import { checkGrants } from './check-grants.js';

const DAY_MS = 86_400_000;
/** Those that are revoked or expired are shown for so long. */
const KEPT_DAYS = 30;
const MOST_TOKENS = { inAll: 10_000, ofOneMaker: 1_000 };

/**
 * Makes a token. What it is shows now and never again. Rejects with `forbidden` where it would do what its maker does not
 * administer, with `bad-parameter` for a name that no workspace or feed can have (that these are there is not asked), and with
 * `conflict` where there are too many.
 */
export async function issueToken(
  deps: AdministerDeps,
  by: Principal & Actor,
  { name, grants, expiresInDays }: { name: string; grants: readonly Grant[]; expiresInDays?: number },
): Promise<{ readonly token: string; readonly kept: Token }> {
  checkGrants(by, grants);
  const { id, token } = makeToken();
  const expiresAt =
    expiresInDays === undefined ? undefined : new Date(Date.now() + expiresInDays * DAY_MS).toISOString();
  const made = { id, name, grants, digest: tokenDigest(token), createdBy: by.name, expiresAt };
  const kept = await administer(deps, by, async (tx, tell) => {
    await deleteOldTokens(tx, KEPT_DAYS);
    await refuseTooMany(tx, by);
    const inserted = await insertToken(tx, made);
    tell({ act: 'token.created', target: { token: id }, changes: changesBetween({}, { name, grants, expiresAt }) });
    return inserted;
  });
  return { token, kept };
}

async function refuseTooMany(tx: Tx, by: Principal): Promise<void> {
  const { inAll, ofOneMaker } = await countTokens(tx, by.name);
  if (inAll < MOST_TOKENS.inAll && ofOneMaker < MOST_TOKENS.ofOneMaker) return;
  const message = `there are ${String(inAll)} tokens, ${String(ofOneMaker)} of your making; ${String(MOST_TOKENS.inAll)} are kept in all, and ${String(MOST_TOKENS.ofOneMaker)} of one maker`;
  throw new FeedsError('conflict', message);
}

/** From then on nobody gets in with it, on any node within a second. */
export function revokeToken(deps: AdministerDeps, by: Actor, id: string): Promise<void> {
  return administer(deps, by, async (tx, tell) => {
    if (await setRevoked(tx, id)) tell({ act: 'token.revoked', target: { token: id } });
  });
}

/** A token that the principal administers; others are as if they were not there. Rejects with `not-found`. */
export async function knownToken(db: Db, by: Principal, id: string): Promise<Token> {
  const found = await findToken(db, id);
  if (found === undefined || !administersAll(by, found.grants)) {
    throw new FeedsError('not-found', 'there is no token of this id', { hidden: !mayGrant(by, { role: 'admin' }) });
  }
  return found;
}
