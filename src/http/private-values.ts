import { activeVersion } from '../core/contract.js';
import type { ContractVersion } from '../core/contract.js';
import type { Entry } from '../core/entry.js';
import { FeedsError } from '../core/errors.js';
import type { Feed } from '../core/feed.js';
import type { View } from '../core/view.js';
import { readContract } from '../store/contracts.js';
import type { Services } from './services.js';

/**
 * Entries as the view shows them: without what a contract calls private, that which they were checked against and the active
 * one. Rejects with `unavailable` when that cannot be told in time: nothing is shown then.
 */
export async function withoutPrivate(
  services: Pick<Services, 'db' | 'checkers'>,
  feed: Feed,
  view: View,
  entries: readonly Entry[],
): Promise<readonly Entry[]> {
  if (view.kind === 'whole') return entries;
  refuseUnheard(feed, entries);
  if (!feed.contracts.some(({ hasPrivate }) => hasPrivate)) return entries;
  const active = activeVersion(feed.contracts);
  let shown = entries;
  for (const contract of feed.contracts) {
    if (!contract.hasPrivate) continue;
    const concerns = ({ kind, schemaVersion }: Entry): boolean =>
      kind !== 'tombstone' && (contract === active || schemaVersion === contract.version);
    shown = await redacted(services, contract, shown, concerns);
  }
  return shown;
}

/** What this node has not heard of yet may call anything private. It hears of it within a second. */
function refuseUnheard({ contracts }: Feed, entries: readonly Entry[]): void {
  for (const { schemaVersion } of entries) {
    if (schemaVersion === undefined || contracts.some(({ version }) => version === schemaVersion)) continue;
    const message = `this node has not heard yet of version ${String(schemaVersion)} of the contract, and so not of what it keeps from others`;
    throw new FeedsError('unavailable', message, { retryAfterSeconds: 1 });
  }
}

async function redacted(
  { db, checkers }: Pick<Services, 'db' | 'checkers'>,
  { id, version }: ContractVersion,
  entries: readonly Entry[],
  concerns: (entry: Entry) => boolean,
): Promise<readonly Entry[]> {
  const concerned = entries.filter(concerns);
  if (concerned.length === 0) return entries;
  const contract = { id, contract: () => readContract(db, id) };
  const result = await checkers.redact(
    contract,
    concerned.map(({ xml }) => xml),
  );
  if ('cutOff' in result) {
    const message = `what version ${String(version)} of the contract keeps from others cannot be told now: ${result.cutOff}`;
    throw new FeedsError('unavailable', message, { retryAfterSeconds: RETRY_AFTER_SECONDS });
  }
  const texts = new Map(concerned.map((entry, index) => [entry, result[index]]));
  return entries.map((entry) => ({ ...entry, xml: texts.get(entry) ?? entry.xml }));
}

const RETRY_AFTER_SECONDS = 5;
