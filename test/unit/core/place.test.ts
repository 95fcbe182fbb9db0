import { expect } from 'chai';
import type { FeedState, NewEntry, Operation, WriteRequest } from '../../../src/core/batch.js';
import { placeNew } from '../../../src/core/place.js';

const FEED: FeedState = { atomId: 'urn:x:feed', deleted: false, editable: false, firstKept: 1n, head: 5n };

function entry(atomId: string): NewEntry {
  const key = Buffer.alloc(16);
  return { atomId, atomKey: key, digest: key, xml: '<entry/>', octets: 8, terms: [], indexTerms: [] };
}

function request(feedId: number, ...ids: string[]): WriteRequest {
  const operations = ids.map((id): Operation => ({ kind: 'publish', entry: entry(id) }));
  return { feedId, feedAtomId: 'urn:x:feed', operations, attempted: false };
}

describe('placeNew', () => {
  const remembered = new Map([
    [1, FEED],
    [2, { ...FEED, head: 0n }],
  ]);

  it('gives each entry the next position of its feed, in the order of arrival', () => {
    const requests = [request(1, 'urn:x:a'), request(2, 'urn:x:a', 'urn:x:b'), request(1, 'urn:x:c')];
    const placing = placeNew(requests, remembered);
    expect(placing?.entries.map(({ feedId, position, entry: { atomId } }) => [feedId, position, atomId])).to.deep.equal(
      [
        [1, 6n, 'urn:x:a'],
        [2, 1n, 'urn:x:a'],
        [2, 2n, 'urn:x:b'],
        [1, 7n, 'urn:x:c'],
      ],
    );
    expect(placing?.feeds.map(({ feedId, first, last }) => [feedId, first, last])).to.deep.equal([
      [1, 6n, 7n],
      [2, 1n, 2n],
    ]);
    expect(placing?.decisions).to.deep.equal([
      { request: requests[0], results: [{ kind: 'created', position: 6n }] },
      {
        request: requests[1],
        results: [
          { kind: 'created', position: 1n },
          { kind: 'created', position: 2n },
        ],
      },
      { request: requests[2], results: [{ kind: 'created', position: 7n }] },
    ]);
  });

  const remove: Operation = {
    kind: 'delete',
    atomId: 'urn:x:a',
    atomKey: Buffer.alloc(16),
    precondition: () => true,
    tombstone: '',
    octets: 0,
  };
  for (const [what, requests] of [
    ['a feed that is not remembered', [request(3, 'urn:x:a')]],
    ['another life of the feed', [{ ...request(1, 'urn:x:a'), feedAtomId: 'urn:x:older' }]],
    ['an id that is there twice', [request(1, 'urn:x:a'), request(1, 'urn:x:a')]],
    ['a request that was attempted before', [{ ...request(1, 'urn:x:a'), attempted: true }]],
    ['a deletion', [{ ...request(1), operations: [remove] }]],
    ['a feed that gets nothing', [request(1, 'urn:x:a'), request(2)]],
  ] as const) {
    it(`leaves ${what} to those who look`, () => {
      expect(placeNew(requests, remembered)).to.equal(undefined);
    });
  }

  it('leaves a feed that was deleted to those who look', () => {
    expect(placeNew([request(1, 'urn:x:a')], new Map([[1, { ...FEED, deleted: true }]]))).to.equal(undefined);
  });
});
