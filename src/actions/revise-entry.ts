import type { NewEntry, Precondition } from '../core/batch.js';
import { atomKey } from '../core/entry.js';
import type { Entry } from '../core/entry.js';
import type { Feed } from '../core/feed.js';
import { storedEntry } from './publish.js';
import type { PublishDeps } from './publish.js';
import { revisionWithinQuotas } from './within-quotas.js';

/**
 * Replaces an entry of an editable feed by a new revision, which takes the next position (RFC 5023 §9.3). The
 * precondition is asked under the feed's lock. Rejects with `not-found`, `gone`, `precondition-failed`,
 * `quota-exceeded` or `daily-quota-exceeded`.
 */
export async function reviseEntry(
  deps: PublishDeps,
  feed: Feed,
  entry: NewEntry,
  precondition: Precondition,
): Promise<Entry> {
  const request = {
    feedId: feed.id,
    feedAtomId: feed.atomId,
    operations: [{ kind: 'revise' as const, entry, precondition }],
    attempted: false,
  };
  const committed = await revisionWithinQuotas(deps, feed, entry, () =>
    deps.groupCommit(feed.partition).submit(request, entry.octets),
  );
  const [result] = committed.results;
  if (result === undefined) throw new Error('a committed request without a result');
  return storedEntry(deps.db, feed, entry, result, committed);
}

/**
 * Deletes an entry of an editable feed (RFC 5023 §9.4): a tombstone takes the next position. No quota keeps anybody from that,
 * though it counts.
 */
export async function deleteEntry(
  deps: PublishDeps,
  feed: Feed,
  atomId: string,
  tombstone: string,
  precondition: Precondition,
): Promise<void> {
  const octets = Buffer.byteLength(tombstone);
  const operation = { kind: 'delete', atomId, atomKey: atomKey(atomId), tombstone, octets, precondition } as const;
  await deps
    .groupCommit(feed.partition)
    .submit({ feedId: feed.id, feedAtomId: feed.atomId, operations: [operation], attempted: false }, octets);
}
