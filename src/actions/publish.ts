import type { Committed, GroupCommit } from './group-commit.js';
import type { NewEntry, Operation, OperationResult } from '../core/batch.js';
import type { Entry, Instant } from '../core/entry.js';
import { FeedsError } from '../core/errors.js';
import { WHOLE } from '../core/view.js';
import type { Feed } from '../core/feed.js';
import type { Db } from '../store/db.js';
import { findMember } from '../store/members.js';
import { readStretch } from '../store/pages.js';
import { withinQuotas } from './within-quotas.js';
import type { QuotaDeps } from './within-quotas.js';

export interface WriteDeps {
  /** The group commit of the feed's partition. */
  readonly groupCommit: (partition: number) => GroupCommit;
}

export type PublishDeps = WriteDeps & QuotaDeps;

/** What became of one entry that was published. */
export interface Published {
  readonly entry: Entry;
  /** It was there already: the answer of the first time is given again, and nothing was written. */
  readonly replayed: boolean;
}

/**
 * Publishes entries as one batch, all or none. Resolves after the commit, in the order given. Rejects with what was
 * wrong: `id-conflict`, `gone`, `not-found`, `quota-exceeded`, `daily-quota-exceeded`, `overloaded`, `unavailable`, `outcome-unknown`.
 */
export async function publishEntries(
  deps: PublishDeps,
  feed: Feed,
  entries: readonly NewEntry[],
): Promise<Published[]> {
  const { entries: written, committed } = await withinQuotas(deps, feed, entries, (taken) =>
    writeEntries(deps, feed, taken),
  );
  const stored = written.map((entry, index) => {
    const result = committed.results[index];
    if (result === undefined) throw new Error('a committed request without a result for each operation');
    return storedEntry(deps.db, feed, entry, result, committed);
  });
  // Read back are only those that were there already: nearly always none.
  const waits = stored.some((one) => one instanceof Promise);
  const known = waits ? await Promise.all(stored.map((one) => Promise.resolve(one))) : (stored as Entry[]);
  return known.map((entry, index) => ({ entry, replayed: committed.results[index]?.kind === 'replayed' }));
}

/** The same whatever the quotas of the feed's workspace are, for what the server publishes itself. */
export function writeEntries({ groupCommit }: WriteDeps, feed: Feed, entries: readonly NewEntry[]): Promise<Committed> {
  const operations = entries.map((entry): Operation => ({ kind: 'publish', entry }));
  const octets = entries.reduce((sum, entry) => sum + entry.octets, 0);
  return groupCommit(feed.partition).submit(
    { feedId: feed.id, feedAtomId: feed.atomId, operations, attempted: false },
    octets,
  );
}

/** The entry as the log now holds it: as it was written, or read back where an earlier request had written it. */
export function storedEntry(
  db: Db,
  feed: Feed,
  entry: NewEntry,
  result: OperationResult,
  committed: Committed,
): Entry | Promise<Entry> {
  const earlier = result.kind === 'replayed' || (result.kind !== 'deleted' && result.earlier === true);
  if (earlier || committed.tick === undefined) return readBack(db, feed, entry, result);
  return asSent(entry, result, committed.tick.recordedAt);
}

function asSent({ atomId, xml, schemaVersion }: NewEntry, { kind, position }: OperationResult, at: Instant): Entry {
  return { position, kind: kind === 'revised' ? 'revision' : 'entry', atomId, xml, recordedAt: at, schemaVersion };
}

async function readBack(db: Db, feed: Feed, entry: NewEntry, result: OperationResult): Promise<Entry> {
  const [found] = await readStretch(db, feed, 'whole', result.position, result.position);
  if (found !== undefined) return found;
  if ((await findMember(db, feed, entry.atomKey, WHOLE)) === undefined) {
    throw new FeedsError('gone', `retention has taken the entry ${entry.atomId} just now`);
  }
  // Retention has taken this revision of an entry that was edited since. The current one may be another's, and whoever publishes
  // need not be one who may read; what was sent is the same as what was there.
  return asSent(entry, result, new Date().toISOString());
}
