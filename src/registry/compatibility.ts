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

interface Registered {
  readonly version: ContractVersion;
  readonly contract: Contract;
}

/** More are not told. */
const MOST_BREAKS = 100;

/**
 * Compares a contract with the versions that its mode speaks of: the newest that is not retired, or all of these. Rejects
 * with `incompatible-contract` when comparing takes too long to be sure.
 */
export async function judge(
  checkers: Pick<Checkers, 'compare'>,
  mode: Compatibility,
  versions: readonly Registered[],
  contract: Contract,
): Promise<Verdict> {
  const [direction = 'none', transitive] = mode.split('-');
  const current = versions.filter(({ version }) => !version.retired);
  const compared = mode === 'none' ? [] : transitive === undefined ? current.slice(-1) : current;
  const breaks: VersionBreak[] = [];
  // The newest first: it is what most readers go by.
  for (const { version, contract: older } of compared.toReversed()) {
    if (breaks.length >= MOST_BREAKS) break;
    const found = await compareTwo(checkers, older, contract, version.version);
    for (const side of ['backward', 'forward'] as const) {
      if (direction !== side && direction !== 'full') continue;
      // Forward is the step from the new version to the older: what is told is what changes on that way.
      const way = side === 'forward' ? `going back to version ${String(version.version)}: ` : '';
      for (const one of found[side]) {
        breaks.push({ ...one, message: way + one.message, version: version.version, direction: side });
      }
    }
  }
  return {
    mode,
    against: compared.map(({ version }) => version.version),
    breaks: breaks.slice(0, MOST_BREAKS),
  };
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
  throw new FeedsError(
    'incompatible-contract',
    `whether it is compatible with version ${String(version)} cannot be told: ${compared.cutOff}`,
  );
}
