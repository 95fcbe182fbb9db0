import { expect } from 'chai';
import type { FeedState, NewEntry } from '../../../src/core/batch.js';
import type { Placed, PlacedFeed } from '../../../src/core/place.js';
import { termLists } from '../../../src/core/term-lists.js';

function feed(feedId: number, editable = false): PlacedFeed {
  const state: FeedState = { atomId: 'urn:x:feed', deleted: false, editable, firstKept: 1n, head: 0n };
  return { feedId, state, first: 1n, last: 1n };
}

function placed(feedId: number, position: bigint, ...indexTerms: string[]): Placed {
  const key = Buffer.alloc(16);
  const entry: NewEntry = {
    atomId: 'urn:x:a',
    atomKey: key,
    digest: key,
    xml: '<entry/>',
    octets: 8,
    terms: indexTerms,
    indexTerms,
  };
  return { feedId, position, entry };
}

function rows(entries: readonly Placed[], feeds: readonly PlacedFeed[]): unknown[] {
  return termLists(entries, feeds).map(({ feedId, term, earlier, last }) => [feedId, term, earlier, last]);
}

describe('termLists', () => {
  it('gathers the positions of each term of each feed', () => {
    const entries = [
      placed(1, 6n, 'a', 'b'),
      placed(2, 6n, 'a'),
      placed(1, 7n),
      placed(1, 8n, 'a'),
      placed(2, 7n, 'a'),
    ];
    expect(rows(entries, [feed(1), feed(2)])).to.deep.equal([
      [1, 'a', [6n], 8n],
      [1, 'b', [], 6n],
      [2, 'a', [6n], 7n],
    ]);
  });

  it('begins another list after 128 positions', () => {
    const entries = Array.from({ length: 300 }, (_, index) => placed(1, BigInt(index + 1), 'a'));
    const lists = termLists(entries, [feed(1)]);
    expect(lists.map(({ earlier, last }) => [earlier[0], earlier.length, last])).to.deep.equal([
      [1n, 127, 128n],
      [129n, 127, 256n],
      [257n, 43, 300n],
    ]);
  });

  it('gives each position of an editable feed a list of its own', () => {
    const entries = [placed(1, 1n, 'a'), placed(2, 1n, 'a'), placed(1, 2n, 'a'), placed(2, 2n, 'a')];
    expect(rows(entries, [feed(1, true), feed(2)])).to.deep.equal([
      [1, 'a', [], 1n],
      [2, 'a', [1n], 2n],
      [1, 'a', [], 2n],
    ]);
  });
});
