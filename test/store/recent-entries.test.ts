import { expect } from 'chai';
import type { Epochs } from '../../src/core/epoch.js';
import type { Feed } from '../../src/core/feed.js';
import type { Placed } from '../../src/core/place.js';
import { keepRecentEntries } from '../../src/store/recent-entries.js';

const EPOCH = '01234567-0000-4000-8000-000000000000';
const EPOCHS: Epochs = { current: '01234567', past: [] };

function placed(feedId: number, position: bigint, octets: number): Placed {
  const key = Buffer.alloc(16);
  const entry = { atomId: 'urn:x:a', atomKey: key, digest: key, xml: '<entry/>', octets, terms: [], indexTerms: [] };
  return { feedId, position, entry };
}

function feed(id: number): Feed {
  return { id, settings: { editable: false } } as Feed;
}

describe('recent entries', () => {
  const recent = keepRecentEntries();
  const commit = (entries: Placed[], epoch = EPOCH): void => {
    recent.committed({ epoch, recordedAt: '2026-01-01T00:00:00Z' }, entries);
  };
  /** How many of the newest `limit` entries are shown; undefined: not all of them are here. */
  const shown = (id: number, head: bigint, limit = 1): number | undefined =>
    recent.page(feed(id), { head, firstKept: 1n, epochs: EPOCHS }, 'whole', 'backward', undefined, limit)?.entries
      .length;

  it('are let go of feeds that were written to longest ago when they are too many bytes together', () => {
    for (let id = 1; id <= 300; id += 1) commit([placed(id, 1n, 100_000)]);
    expect([shown(1, 1n), shown(100, 1n)]).to.deep.equal([undefined, undefined]);
    expect([shown(200, 1n), shown(300, 1n)]).to.deep.equal([1, 1]);
  });

  it('are let go one by one of a feed that has too many, and all when the newest is too large', () => {
    for (let position = 1n; position <= 1_000n; position += 1n) commit([placed(1_001, position, 100)]);
    expect([shown(1_001, 1_000n, 64), shown(1_001, 1_000n, 200)]).to.deep.equal([64, undefined]);
    commit([placed(1_001, 1_001n, 1_000_000)]);
    expect(shown(1_001, 1_001n)).to.equal(undefined);
  });

  it('are forgotten when an entry does not follow them, by its position or by its epoch', () => {
    commit([placed(1_002, 1n, 10), placed(1_002, 2n, 10)]);
    expect([shown(1_002, 2n, 2), shown(1_002, 3n)]).to.deep.equal([2, undefined]);
    commit([placed(1_002, 4n, 10)]);
    expect([shown(1_002, 4n, 1), shown(1_002, 4n, 2)]).to.deep.equal([1, undefined]);
    commit([placed(1_002, 5n, 10)], EPOCH.replace('0', 'f'));
    expect(shown(1_002, 5n)).to.equal(undefined);
  });
});
