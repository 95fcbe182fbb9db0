import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../core/access.js';
import type { Act } from '../core/audit.js';
import { FeedsError } from '../core/errors.js';
import { activeVersion, isXmlKind } from '../core/contract.js';
import type { ColumnTypesOfVersions } from '../core/content-columns.js';
import type { Compatibility, Contract, ContractVersion, SchemaVersion } from '../core/contract.js';
import type { Feed } from '../core/feed.js';
import { checkEntryQuotas } from '../core/quota.js';
import { judge as compare } from '../registry/compatibility.js';
import type { Verdict, VersionBreak } from '../registry/compatibility.js';
import type { Checkers } from '../registry/checkers.js';
import { insertContract, octetsOf, readColumnTypes, readContract, setRetired } from '../store/contracts.js';
import type { Db, Tx } from '../store/db.js';
import { findFeed, findFeedRecord, lockWorkspace, settingsChanged } from '../store/feeds.js';
import type { HeadMemory } from '../store/head-memory.js';
import { readUsage } from '../store/usage.js';
import { administer } from './administer.js';
import type { AdministerDeps } from './administer.js';
import { refuseAuditFeed } from './change-feed.js';
import type { FeedName } from './change-feed.js';

export interface ContractDeps extends AdministerDeps {
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
 * Adds a contract that compiles as the next version. Rejects with `incompatible-contract`, `not-found`, `conflict`
 * (too many versions, or others are adding theirs all the time), `quota-exceeded`, or `forbidden` (it is the server's own feed).
 */
export async function registerContract(
  deps: ContractDeps,
  by: Actor,
  feed: Feed,
  contract: Contract,
): Promise<Registered> {
  refuseAuditFeed(feed, 'has no contract');
  return afterJudging<Registered>(deps, by, feed, async (current) => {
    const newest = await sameAsNewest(deps.db, current, contract);
    if (newest !== undefined) {
      const verdict: Verdict = { mode: current.settings.compatibility, against: [], breaks: [] };
      return { done: { version: newest, known: true, verdict } };
    }
    const verdict = await judgeNext(deps, current, contract);
    const write = async (tx: Tx, locked: Feed): Promise<Registered> => {
      return { version: await addVersion(tx, locked, contract), known: false, verdict };
    };
    return { write, told: ({ version }) => registrationOf(feed, version, contract) };
  });
}

/**
 * Adds the contract, if the quota of the feed's workspace has room for it. That has to be locked: so contracts are never more than it
 * has room for, on all nodes together. Rejects with `quota-exceeded`.
 */
export async function addVersion(tx: Tx, feed: Feed, contract: Contract): Promise<ContractVersion> {
  const { workspace, quotas } = feed;
  if (quotas?.bytes !== undefined) {
    const used = (await readUsage(tx, [workspace])).get(workspace);
    if (used === undefined) throw new Error('the workspace of a feed that is there has none');
    checkEntryQuotas(workspace, quotas, used, { entries: 0, octets: octetsOf(contract) }, Date.now());
  }
  return insertContract(tx, feed, contract);
}

/** What is told of a contract that was added. */
export function registrationOf(feed: FeedName, { version }: ContractVersion, { kind }: Contract): Act {
  return { act: 'contract.registered', target: targetOf(feed, version), changes: { kind: { to: kind } } };
}

/** The newest version in force, if it is this very contract. */
export async function sameAsNewest(
  db: Db,
  { contracts }: Pick<Feed, 'contracts'>,
  contract: Contract,
): Promise<ContractVersion | undefined> {
  const newest = activeVersion(contracts);
  return newest !== undefined && isSame(await readContract(db, newest.id), contract) ? newest : undefined;
}

/** May the contract be the next version? Rejects with `incompatible-contract` or `conflict` when not. */
export async function judgeNext(
  deps: Pick<ContractDeps, 'db' | 'checkers'>,
  feed: Judged,
  contract: Contract,
): Promise<Verdict> {
  const { length } = feed.contracts;
  if (length >= MOST_VERSIONS) {
    throw new FeedsError('conflict', `this feed has ${String(length)} versions of its contract: no more are kept`);
  }
  const verdict = await judgeContract(deps, feed, contract);
  if (verdict.breaks.length > 0) throw incompatible(verdict);
  return verdict;
}

/** What of a feed its contract is judged by. */
export interface Judged {
  readonly contracts: Feed['contracts'];
  readonly settings: Pick<Feed['settings'], 'compatibility'>;
}

/** What judging came to: there is nothing to write, or this. */
type Outcome<T> =
  { readonly done: T } | { readonly write: (tx: Tx, locked: Feed) => Promise<T>; readonly told: (written: T) => Act };

/**
 * What is judged must still be so when it is written; nothing is locked while contracts are compared, which takes its time.
 */
async function afterJudging<T>(
  deps: ContractDeps,
  by: Actor,
  feed: Feed,
  judge: (current: Feed) => Promise<Outcome<T>>,
): Promise<T> {
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    const current = await currentFeed(deps.db, feed);
    const judged = await judge(current);
    if ('done' in judged) return judged.done;
    const written = await administer(deps, by, async (tx, tell) => {
      const locked = await lockFeed(tx, feed);
      const isUnchanged =
        isDeepStrictEqual(locked.contracts, current.contracts) &&
        locked.settings.compatibility === current.settings.compatibility;
      if (!isUnchanged) return undefined;
      await settingsChanged(tx, feed.id);
      const value = await judged.write(tx, locked);
      tell(judged.told(value));
      return { value };
    });
    if (written === undefined) continue;
    deps.memory.changed();
    return written.value;
  }
  throw new FeedsError('conflict', 'others are changing the contract of this feed at the same time; try again', {
    retryAfterSeconds: 1,
  });
}

/** What adding the contract would come to, by this mode or that of the feed. */
export async function judgeContract(
  { db, checkers }: Pick<ContractDeps, 'db' | 'checkers'>,
  { contracts, settings }: Judged,
  contract: Contract,
  mode: Compatibility = settings.compatibility,
): Promise<Verdict> {
  const typesOf = contract.columns === undefined ? undefined : await readColumnTypes(db, contracts);
  const ofColumns = typesOf === undefined ? [] : columnBreaks(contracts, typesOf, contract);
  const verdict = await compare({ checkers, read: ({ id }) => readContract(db, id) }, mode, contracts, contract);
  return { ...verdict, breaks: [...ofColumns, ...verdict.breaks] };
}

const COLUMN_RULE = 'column-type-changed';

/** A column keeps its type in all versions, retired ones too and whatever the mode: exports go by it. */
function columnBreaks(
  versions: readonly ContractVersion[],
  typesOf: ColumnTypesOfVersions,
  { columns = {} }: Contract,
): VersionBreak[] {
  return Object.entries(columns).flatMap(([name, { type }]) => {
    for (const { id, version } of versions) {
      const types = typesOf.get(id) ?? {};
      if (!Object.hasOwn(types, name) || types[name] === type) continue;
      const message = `"${name}" must be of the type ${String(types[name])}, as in version ${String(version)}: a column keeps its type in all versions of a feed`;
      return [{ rule: COLUMN_RULE, path: `/columns/${name}/type`, message, version, direction: 'backward' as const }];
    }
    return [];
  });
}

/** Retires a version. Entries that were checked against it stay. Rejects with `not-found`. */
export async function retireContract(
  deps: Pick<ContractDeps, 'pool' | 'audit' | 'memory'>,
  by: Actor,
  feed: Feed,
  version: SchemaVersion,
): Promise<void> {
  await administer(deps, by, async (tx, tell) => {
    const { id, retired } = versionOf(await lockFeed(tx, feed), version);
    if (retired) return;
    await settingsChanged(tx, feed.id);
    await setRetired(tx, id, true);
    tell({ act: 'contract.retired', target: targetOf(feed, version) });
  });
  deps.memory.changed();
}

/**
 * Takes back that a version was retired. It has to be compatible with the older ones in force as if it were new, and each
 * newer one, or the next where the mode is not transitive, with it. Rejects with `incompatible-contract`, `not-found` or
 * `conflict`.
 */
export async function reinstateContract(
  deps: ContractDeps,
  by: Actor,
  feed: Feed,
  version: SchemaVersion,
): Promise<void> {
  await afterJudging(deps, by, feed, async (current) => {
    const { settings } = current;
    const found = versionOf(current, version);
    if (!found.retired) return { done: undefined };
    const accepted = current.contracts.filter(({ retired }) => !retired);
    const older = accepted.filter((one) => one.version < version);
    const newer = accepted.filter((one) => one.version > version);
    const judged = [{ contracts: older, contract: found }];
    for (const contract of settings.compatibility.endsWith('-transitive') ? newer : newer.slice(0, 1)) {
      judged.push({ contracts: [{ ...found, retired: false }], contract });
    }
    for (const { contracts, contract } of judged) {
      if (contracts.length === 0) continue;
      const verdict = await judgeContract(deps, { contracts, settings }, await readContract(deps.db, contract.id));
      if (verdict.breaks.length > 0) throw incompatible(verdict);
    }
    return {
      write: (tx) => setRetired(tx, found.id, false),
      told: () => ({ act: 'contract.reinstated', target: targetOf(feed, version) }),
    };
  });
}

function targetOf({ workspace, name }: FeedName, version: SchemaVersion): Act['target'] {
  return { version, feed: name, workspace };
}

function versionOf({ contracts }: Pick<Feed, 'contracts'>, version: SchemaVersion): ContractVersion {
  const found = contracts.find((one) => one.version === version);
  if (found === undefined) throw noSuchVersion(version);
  return found;
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

type Life = FeedName & Pick<Feed, 'atomId'>;

async function currentFeed(db: Db, feed: Life): Promise<Feed> {
  const found = await findFeed(db, feed.workspace, feed.name);
  if (found?.feed.atomId !== feed.atomId) throw deletedMeanwhile(feed);
  return found.feed;
}

async function lockFeed(tx: Tx, feed: Life): Promise<Feed> {
  await lockWorkspace(tx, feed.workspace);
  const record = await findFeedRecord(tx, feed.workspace, feed.name);
  if (record === undefined || record.deleted || record.feed.atomId !== feed.atomId) throw deletedMeanwhile(feed);
  return record.feed;
}

function deletedMeanwhile({ workspace, name }: Life): FeedsError {
  return new FeedsError('not-found', `the feed ${workspace}/${name} was deleted just now`);
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
    first?.rule === COLUMN_RULE
      ? first.message
      : `the compatibility "${mode}" of this feed does not let it in: ${summary}`,
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
