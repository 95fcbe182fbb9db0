import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { FH, childOf, childrenOf } from '../support/atom.js';
import { page, publish, publishSome, walk } from '../support/publish.js';

describe('RFC 5005, feed paging and archiving', () => {
  let app: TestApp;
  let feed: string;

  before(async () => {
    app = await startApp();
    feed = await app.feed('history', { public: true });
    await publishSome(app, feed, 60);
  });
  after(() => app.stop());

  it('§2: a feed document that is not complete in itself does not say fh:complete', async () => {
    for (const path of [feed, `${feed}/archive/1`]) {
      expect(childrenOf((await page(app, path)).root, 'complete', FH)).to.deep.equal([]);
    }
  });

  it('§3: a paged document has at least one of first, last, next and previous', async () => {
    for (const query of ['', '?marker=last', '?marker=60', '?limit=1&marker=30']) {
      const { links } = await page(app, feed + query);
      expect(
        ['first', 'last', 'next', 'previous'].some((rel) => links.has(rel)),
        query,
      ).to.equal(true);
    }
  });

  it('§3: next and previous lead to documents that follow on each other', async () => {
    const [one, two] = await walk(app, `${feed}?limit=10`, 'next');
    const back = await page(app, two?.links.get('previous') ?? '');
    expect(back.ids).to.deep.equal(one?.ids);
  });

  it('§3: first leads to the furthest preceding document, last to the furthest following', async () => {
    const { links } = await page(app, `${feed}?limit=10&marker=30`);
    const newest = await page(app, links.get('first') ?? '');
    expect(newest.ids).to.deep.equal((await page(app, `${feed}?limit=10`)).ids);
    const oldest = await page(app, links.get('last') ?? '');
    expect(oldest.links.has('next')).to.equal(false);
    expect(oldest.ids).to.have.length(10);
  });

  it('§3: all documents of a paged feed have the same id', async () => {
    const pages = await walk(app, `${feed}?limit=25`, 'next');
    expect(new Set(pages.map(({ root }) => childOf(root, 'id').text)).size).to.equal(1);
  });

  it('§4: an archive document says fh:archive, the subscription document does not', async () => {
    expect(childrenOf((await page(app, `${feed}/archive/1`)).root, 'archive', FH)).to.have.length(1);
    expect(childrenOf((await page(app, feed)).root, 'archive', FH)).to.deep.equal([]);
  });

  it('§4: an archive document has a current link to the subscription document', async () => {
    const { links, ids } = await page(app, (await page(app, `${feed}/archive/2`)).links.get('current') ?? '');
    expect(ids).to.deep.equal((await page(app, feed)).ids);
    expect(links.get('prev-archive')).to.equal(`${app.url}${feed}/archive/2`);
  });

  it('§4: prev-archive leads from the subscription document to the archive, and from each archive to the one before', async () => {
    const head = await page(app, feed);
    const two = await page(app, head.links.get('prev-archive') ?? '');
    const one = await page(app, two.links.get('prev-archive') ?? '');
    expect(one.links.has('prev-archive')).to.equal(false);
    expect(new Set([...head.ids, ...two.ids, ...one.ids]).size).to.equal(60);
    expect(two.links.get('next-archive')).to.equal(`${app.url}${feed}/archive/3`);
    expect((await page(app, one.links.get('next-archive') ?? '')).ids).to.deep.equal(two.ids);
  });

  it('§4: the URI and the content of an archive document do not change', async () => {
    const before = await page(app, `${feed}/archive/2`);
    for (let count = 0; count < 20; count += 1) await publish(app, feed);
    const after = await page(app, `${feed}/archive/2`);
    expect([after.xml, after.etag]).to.deep.equal([before.xml, before.etag]);
  });

  it('§4: all documents of an archived feed have the same id', async () => {
    const ids = await Promise.all(
      [feed, `${feed}/archive/1`, `${feed}/archive/2`].map(
        async (path) => childOf((await page(app, path)).root, 'id').text,
      ),
    );
    expect(new Set(ids).size).to.equal(1);
  });
});
