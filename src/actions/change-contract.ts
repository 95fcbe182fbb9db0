import { isDeepStrictEqual } from 'node:util';
import type { Pool } from 'pg';
import { FeedsError } from '../core/errors.js';
import { isXmlKind } from '../core/contract.js';
import type { Compatibility, Contract, ContractVersion, SchemaVersion } from '../core/contract.js';
import type { Feed } from '../core/feed.js';
import { judge } from '../registry/compatibility.js';
import type { Verdict } from '../registry/compatibility.js';
import type { Checkers } from '../registry/checkers.js';
import { insertContract, listContracts, setRetired } from '../store/contracts.js';
import type { Db, Tx } from '../store/db.js';
import { findFeedRecord, lockWorkspace, settingsChanged } from '../store/feeds.js';
import type { HeadMemory } from '../store/head-memory.js';
import { inTransaction } from '../store/transaction.js';
import type { FeedName } from './change-feed.js';

export interface ContractDeps {
  readonly pool: Pool;
  readonly db: Db;
  readonly memory: Pick<HeadMemory, 'changed'>;
  readonly checkers: Pick<Checkers, 'compare'>;
}

/** What became of a contract that was sent. */
export interface Registered {
  readonly version: ContractVersion;
  /** It was the newest version already. */
  readonly known: boolean;
  readonly verdict: Verdict;
}

/** A feed may have so many versions. */
const MOST_VERSIONS = 1_000;
/** Somebody else may add one while this one is compared. */
const TRIES = 5;

/**
 * Adds a contract that compiles as the next version. Rejects with `incompatible-contract`, `not-found`, or `conflict`
 * (too many versions, or others are adding theirs all the time).
 */
export async function registerContract(deps: ContractDeps, feed: Feed, contract: Contract): Promise<Registered> {
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    const before = await listContracts(deps.db, feed);
    const newest = before.findLast(({ version }) => !version.retired);
    const { compatibility } = feed.settings;
    if (newest !== undefined && isSame(newest.contract, contract)) {
      return { version: newest.version, known: true, verdict: { mode: compatibility, against: [], breaks: [] } };
    }
    if (before.length >= MOST_VERSIONS) {
      throw new FeedsError(
        'conflict',
        `this feed has ${String(before.length)} versions of its contract: no more are kept`,
      );
    }
    const verdict = await judge(deps.checkers, compatibility, before, contract);
    if (verdict.breaks.length > 0) throw incompatible(verdict);
    // Comparing takes its time, so nothing is locked meanwhile.
    const version = await inTransaction(deps.pool, async (tx) => {
      const current = await lockFeed(tx, feed);
      const last = before.at(-1)?.version.version;
      const isUnchanged =
        current.contracts.at(-1)?.version === last &&
        current.settings.compatibility === compatibility &&
        current.contracts.every(({ retired }, index) => retired === before[index]?.version.retired);
      if (!isUnchanged) return undefined;
      await settingsChanged(tx, feed.id);
      return insertContract(tx, feed, contract);
    });
    if (version !== undefined) {
      deps.memory.changed();
      return { version, known: false, verdict };
    }
  }
  throw new FeedsError('conflict', 'others are changing the contract of this feed at the same time; try again', {
    retryAfterSeconds: 1,
  });
}

/** What adding the contract would come to, by this mode or that of the feed. */
export async function judgeContract(
  deps: Pick<ContractDeps, 'db' | 'checkers'>,
  feed: Feed,
  contract: Contract,
  mode: Compatibility = feed.settings.compatibility,
): Promise<Verdict> {
  return judge(deps.checkers, mode, await listContracts(deps.db, feed), contract);
}

/** Retires a version, or takes that back. Entries that were checked against it stay. Rejects with `not-found`. */
export async function retireContract(
  { pool, memory }: Pick<ContractDeps, 'pool' | 'memory'>,
  feed: Feed,
  version: SchemaVersion,
  retired: boolean,
): Promise<ContractVersion> {
  const changed = await inTransaction(pool, async (tx) => {
    const current = await lockFeed(tx, feed);
    const found = current.contracts.find((one) => one.version === version);
    if (found === undefined) throw noSuchVersion(version);
    await settingsChanged(tx, feed.id);
    return setRetired(tx, found.id, retired);
  });
  memory.changed();
  return changed;
}

export function noSuchVersion(version: SchemaVersion | string): FeedsError {
  return new FeedsError('not-found', `the contract of this feed has no version ${String(version).slice(0, 40)}`);
}

/** JSON is the same however it is laid out. */
function isSame(one: Contract, other: Contract): boolean {
  if (one.kind !== other.kind) return false;
  const value = (contract: Contract): unknown => {
    if (isXmlKind(contract.kind)) return contract;
    const { schema, imports, assertions, example, ...rest } = contract;
    return {
      ...rest,
      schema: JSON.parse(schema) as unknown,
      imports: Object.fromEntries(Object.entries(imports).map(([name, text]) => [name, JSON.parse(text) as unknown])),
      assertions: assertions.map(({ test, message }) => ({ test: JSON.parse(test) as unknown, message })),
      example: example === undefined ? undefined : (JSON.parse(example) as unknown),
    };
  };
  return isDeepStrictEqual(value(one), value(other));
}

async function lockFeed(tx: Tx, { workspace, name, atomId }: FeedName & Pick<Feed, 'atomId'>): Promise<Feed> {
  await lockWorkspace(tx, workspace);
  const record = await findFeedRecord(tx, workspace, name);
  if (record === undefined || record.deleted || record.feed.atomId !== atomId) {
    throw new FeedsError('not-found', `the feed ${workspace}/${name} was deleted just now`);
  }
  return record.feed;
}

function incompatible({ mode, breaks }: Verdict): FeedsError {
  const [first] = breaks;
  const more = breaks.length > 1 ? ` (and ${String(breaks.length - 1)} more)` : '';
  const summary =
    first === undefined
      ? ''
      : `version ${String(first.version)}, ${first.direction}: ${first.path}: ${first.message}${more}`;
  return new FeedsError(
    'incompatible-contract',
    `the compatibility "${mode}" of this feed does not let it in: ${summary}`,
    {
      violations: breaks.map(({ path, message, rule, version, direction }) => ({
        path,
        message,
        rule,
        version,
        direction,
      })),
      extensions: { compatibility: mode },
    },
  );
}
