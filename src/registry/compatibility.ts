import { FeedsError } from '../core/errors.js';
import type { Break, Compatibility, Contract, ContractVersion, SchemaVersion } from '../core/contract.js';
import type { Checkers } from './checkers.js';

/** What a new version of a contract would break. */
export interface Verdict {
  readonly mode: Compatibility;
  /** The versions that it was compared with. */
  readonly against: readonly SchemaVersion[];
  readonly breaks: readonly VersionBreak[];
}

export interface VersionBreak extends Break {
  readonly version: SchemaVersion;
  /** Backward: who reads by the new version stumbles over older entries. Forward: who reads by the older over new ones. */
  readonly direction: 'backward' | 'forward';
}

export interface JudgeDeps {
  readonly checkers: Pick<Checkers, 'compare'>;
  /** A version's contract; each may be large, and is asked for when its turn comes. */
  readonly read: (version: ContractVersion) => Promise<Contract>;
}

/** More are not told. */
const MOST_BREAKS = 100;

/** With as many versions as can be compared in this time. */
const MOST_MS = 30_000;

/**
 * Compares a contract with the versions that its mode speaks of: the newest that is not retired, or all of these. Rejects
 * with `incompatible-contract` when comparing takes too long to be sure.
 */
export async function judge(
  { checkers, read }: JudgeDeps,
  mode: Compatibility,
  versions: readonly ContractVersion[],
  contract: Contract,
): Promise<Verdict> {
  const [direction = 'none', transitive] = mode.split('-');
  const current = versions.filter(({ retired }) => !retired);
  const compared = mode === 'none' ? [] : transitive === undefined ? current.slice(-1) : current;
  const breaks: VersionBreak[] = [];
  const begun = performance.now();
  // The newest first: it is what most readers go by.
  for (const older of compared.toReversed()) {
    const { version } = older;
    if (breaks.length >= MOST_BREAKS) break;
    if (performance.now() - begun > MOST_MS) throw undecided(version, 'comparing all takes too long');
    const found = await compareTwo(checkers, await read(older), contract, version);
    for (const side of ['backward', 'forward'] as const) {
      if (direction !== side && direction !== 'full') continue;
      // Forward is the step from the new version to the older: what is told is what changes on that way.
      const way = side === 'forward' ? `going back to version ${String(version)}: ` : '';
      for (const one of found[side]) {
        breaks.push({ ...one, message: way + one.message, version, direction: side });
      }
    }
  }
  return { mode, against: compared.map(({ version }) => version), breaks: breaks.slice(0, MOST_BREAKS) };
}

async function compareTwo(
  checkers: Pick<Checkers, 'compare'>,
  older: Contract,
  newer: Contract,
  version: SchemaVersion,
): Promise<{ backward: readonly Break[]; forward: readonly Break[] }> {
  if (older.kind !== newer.kind) {
    const change = {
      rule: 'kind-changed',
      path: '/kind',
      message: `version ${String(version)} is of the kind ${older.kind}`,
    };
    return { backward: [change], forward: [change] };
  }
  const compared = await checkers.compare(older, newer);
  if (!('cutOff' in compared)) return compared;
  throw undecided(version, compared.cutOff);
}

function undecided(version: SchemaVersion, why: string): FeedsError {
  const message = `whether it is compatible with version ${String(version)} cannot be told: ${why}`;
  return new FeedsError('incompatible-contract', message);
}
