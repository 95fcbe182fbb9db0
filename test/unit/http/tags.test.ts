import { expect } from 'chai';
import { DEFAULT_LIMITS } from '../../../src/core/feed.js';
import type { Feed } from '../../../src/core/feed.js';
import { heldTag, inViewOf, knownPageTags, pageTag, quoted } from '../../../src/http/tags.js';

const FEED: Feed = {
  id: 1,
  partition: 0,
  workspace: 'shop',
  name: 'orders',
  atomId: 'urn:uuid:9909a11e-0000-4000-8000-000000000001',
  pageSize: 25,
  settings: { public: true, editable: false, limits: DEFAULT_LIMITS, inlineJson: false, compatibility: 'backward' },
  settingsVersion: 3,
  contracts: [],
  createdAt: '2026-11-23T08:00:00Z',
} as unknown as Feed;

describe('the tags of the pages of a feed that is known', () => {
  it('are those of the pages, as the log goes on, in each view and representation', () => {
    const known = { feed: FEED, head: 7n, firstKept: 1n, epochs: { current: 'abcdef01', past: [] } };
    const tagOf = knownPageTags('12ab');
    for (const head of [7n, 8n, 9_007_199_254_740_993n, 7n]) {
      known.head = head;
      for (const closed of [false, true]) {
        for (const kind of ['whole', 'open'] as const) {
          for (const representation of ['atom', 'json']) {
            const expected = pageTag('12ab', FEED, known, closed, inViewOf({ kind }, representation));
            expect(tagOf(known, closed, { kind }, representation)).to.equal(expected);
            expect(tagOf(known, closed, { kind }, representation)).to.equal(expected);
          }
        }
      }
    }
    expect(tagOf(known, false, { kind: 'open' }, 'atom')).to.equal('abcdef01-12ab-3-1-h7-atom.o');
    // What is found out anew is told apart, though the head is the same.
    const later = { ...known, firstKept: 5n };
    expect(tagOf(later, true, { kind: 'whole' }, 'atom')).to.equal('abcdef01-12ab-3-5-c-atom');
  });
});

describe('what a client holds', () => {
  const tag = 'abcdef01-12ab-3-1-h7-atom';

  it('is told by its tag, in the coding that it wants where it has several', () => {
    const both = `"${tag}", "${tag}-gzip"`;
    for (const [header, wanted, held] of [
      [`"${tag}"`, 'identity', `"${tag}"`],
      [`W/"${tag}"`, 'identity', `"${tag}"`],
      [`"${tag}-gzip"`, 'gzip', `"${tag}-gzip"`],
      [`"${tag}"`, 'gzip', `"${tag}"`],
      [both, 'gzip', `"${tag}-gzip"`],
      [both, 'identity', `"${tag}"`],
      [` "${tag}" `, 'identity', `"${tag}"`],
    ] as const)
      expect(heldTag(header, tag, wanted), `${header} ${wanted}`).to.equal(held);
  });

  it('is nothing of ours when anything in it is another', () => {
    const longer = `${tag}x`;
    for (const header of [
      '*',
      '""',
      `"${longer}"`,
      `x${tag}"`,
      `"${tag}x`,
      `'${tag}'`,
      quoted(`${tag.slice(0, -1)}x`, 'identity'),
    ])
      expect(heldTag(header, tag, 'identity'), header).to.equal(undefined);
  });
});
