import { isDeepStrictEqual } from 'node:util';
import { DEFAULT_COMPATIBILITY } from '../core/contract.js';
import type { Contract } from '../core/contract.js';
import { FeedsError } from '../core/errors.js';
import type { Violation } from '../core/errors.js';
import type { Feed } from '../core/feed.js';
import type { DeclaredFeed } from '../core/feeds-file.js';
import type { Checkers } from '../registry/checkers.js';
import type { Db, Tx } from '../store/db.js';
import { findFeedRecord, settingsChanged } from '../store/feeds.js';
import type { Tell } from './administer.js';
import { addVersion, judgeNext, registrationOf, sameAsNewest } from './change-contract.js';
import { refuseAuditFeed } from './change-feed.js';
import type { FeedName } from './change-feed.js';

export interface PlanDeps {
  readonly db: Db;
  readonly checkers: Pick<Checkers, 'compile' | 'compare'>;
}

/** What is to become of a feed's contract, as long as the feed is what it was found to be. */
export interface ContractPlan {
  /** Undefined: there was no such feed, none that could be restored either. */
  readonly atomId: string | undefined;
  readonly contracts: Feed['contracts'];
  /** The contract to add as the next version; undefined: it is in force already. */
  readonly added: Contract | undefined;
}

/**
 * Compiles and judges the contract that a file declares for a feed. Nothing is locked meanwhile: it takes its time. What is wrong
 * with it comes as mistakes, with paths from the contract on.
 */
export async function planContract(
  deps: PlanDeps,
  workspace: string,
  { name, settings }: DeclaredFeed,
  contract: Contract,
): Promise<{ readonly plan: ContractPlan; readonly mistakes: readonly Violation[] }> {
  const record = await findFeedRecord(deps.db, workspace, name);
  const isThere = record !== undefined && (!record.deleted || record.restorableUntil !== undefined);
  const { atomId, contracts } = isThere ? record.feed : { atomId: undefined, contracts: [] };
  const known = await sameAsNewest(deps.db, { contracts }, contract);
  const plan = { atomId, contracts, added: known === undefined ? contract : undefined };
  if (known !== undefined) return { plan, mistakes: [] };
  const wrong = await deps.checkers.compile(contract);
  if (wrong.length > 0) {
    const mistakes = wrong.map(({ pointer, line, message }) => ({
      path: `${pointer}${line === undefined ? '' : `, line ${String(line)}`}`,
      message,
    }));
    return { plan, mistakes };
  }
  const compatibility = settings.compatibility ?? DEFAULT_COMPATIBILITY;
  try {
    await judgeNext(deps, { contracts, settings: { compatibility } }, contract);
    return { plan, mistakes: [] };
  } catch (error) {
    if (!(error instanceof FeedsError) || error.code === 'overloaded') throw error;
    return { plan, mistakes: [{ path: '', message: error.message }] };
  }
}

/**
 * Does what was planned, in a transaction that has its feed's workspace locked and the feed made; false: the feed is not what it
 * was, and it has to be planned anew. Rejects with `quota-exceeded`.
 */
export async function carryOut(
  tx: Tx,
  tell: Tell,
  { atomId, contracts, added }: ContractPlan,
  { workspace, name }: FeedName,
): Promise<boolean> {
  refuseAuditFeed({ workspace, name }, 'has no contract');
  const record = await findFeedRecord(tx, workspace, name);
  if (record === undefined) return false;
  const { feed } = record;
  if (!isDeepStrictEqual(feed.contracts, contracts) || (atomId !== undefined && atomId !== feed.atomId)) return false;
  if (added !== undefined) {
    await settingsChanged(tx, feed.id);
    tell(registrationOf(feed, await addVersion(tx, feed, added), added));
  }
  return true;
}
