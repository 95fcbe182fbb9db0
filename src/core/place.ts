import type { Decision, FeedState, NewEntry, WriteRequest } from './batch.js';
import type { Position } from './entry.js';
import type { FeedId } from './feed.js';

/** A new entry and where it goes. */
export interface Placed {
  readonly feedId: FeedId;
  readonly position: Position;
  readonly entry: NewEntry;
}

/** A feed as it is remembered, and the positions that it gets. */
export interface PlacedFeed {
  readonly feedId: FeedId;
  readonly state: FeedState;
  readonly first: Position;
  last: Position;
}

export interface Placing {
  readonly decisions: Decision[];
  readonly entries: Placed[];
  readonly feeds: PlacedFeed[];
}

/**
 * Decides a batch of publishes by what is remembered of its feeds, taking all ids for new: whoever writes it has to confirm
 * both. Undefined when that cannot be so, or when there is more to decide than a place for each entry: then core/batch.ts
 * decides, by what is stored.
 */
export function placeNew(
  requests: readonly WriteRequest[],
  remembered: ReadonlyMap<FeedId, FeedState>,
): Placing | undefined {
  const decisions: Decision[] = [];
  const entries: Placed[] = [];
  const feeds = new Map<FeedId, { feed: PlacedFeed; ids: Set<string> }>();
  for (const request of requests) {
    const { feedId, feedAtomId, operations, attempted } = request;
    let known = feeds.get(feedId);
    if (known === undefined) {
      const state = remembered.get(feedId);
      if (state === undefined || state.deleted) return undefined;
      known = { feed: { feedId, state, first: state.head + 1n, last: state.head }, ids: new Set() };
      feeds.set(feedId, known);
    }
    const { feed, ids } = known;
    if (attempted || feed.state.atomId !== feedAtomId) return undefined;
    const results = [];
    for (const operation of operations) {
      if (operation.kind !== 'publish' || operation.entry.replayOnly === true) return undefined;
      const { entry } = operation;
      if (ids.size === ids.add(entry.atomId).size) return undefined;
      const position = (feed.last += 1n);
      entries.push({ feedId, position, entry });
      results.push({ kind: 'created' as const, position });
    }
    decisions.push({ request, results });
  }
  const placed = [...feeds.values()].map(({ feed }) => feed);
  // A feed document may be empty; its feed gets nothing then, and there is nothing to confirm.
  return placed.every(({ first, last }) => last >= first) ? { decisions, entries, feeds: placed } : undefined;
}
