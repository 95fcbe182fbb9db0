import type { Position } from './entry.js';
import type { FeedId } from './feed.js';
import type { Placed, PlacedFeed } from './place.js';

/** A row of the term index: where the term stands in a feed. */
export interface TermList {
  readonly feedId: FeedId;
  readonly term: string;
  /** Ascending; all before `last`. */
  readonly earlier: Position[];
  last: Position;
}

/** Whoever reads one position of a list reads all of it. */
const MOST_POSITIONS = 128;

/**
 * What the term index gets for a batch of new entries, those of a feed in the order of their positions. The lists of a term
 * do not overlap. In an editable feed they have one position each, so that a superseded revision can leave the index.
 */
export function termLists(entries: readonly Placed[], feeds: readonly PlacedFeed[]): TermList[] {
  const lists: TermList[] = [];
  const ordinary = feeds.filter(({ state }) => !state.editable);
  const open = new Map(ordinary.map(({ feedId }) => [feedId, new Map<string, TermList>()]));
  for (const { feedId, position, entry } of entries) {
    const ofFeed = open.get(feedId);
    for (const term of entry.indexTerms) {
      const list = ofFeed?.get(term);
      if (list !== undefined && list.earlier.length < MOST_POSITIONS - 1) {
        list.earlier.push(list.last);
        list.last = position;
      } else {
        const begun: TermList = { feedId, term, earlier: [], last: position };
        lists.push(begun);
        ofFeed?.set(term, begun);
      }
    }
  }
  return lists;
}
