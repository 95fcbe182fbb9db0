import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { FH, childrenOf, linkHeaderOf } from '../support/atom.js';
import type { FeedPage } from '../support/atom.js';
import { anEntry } from '../support/build.js';
import { ENTRY_TYPE, page, post, publish, publishAll, publishSome, raiseFloor } from '../support/publish.js';

describe('the archive of a feed', () => {
  let app: TestApp;

  before(async () => {
    app = await startApp();
  });
  after(() => app.stop());

  const status = async (path: string, init: RequestInit = {}): Promise<number> => {
    const response = await app.request(path, init);
    await response.arrayBuffer();
    return response.status;
  };

  /** The head and what `prev-archive` leads to, as a reader of RFC 5005 §4 collects it. */
  const chain = async (path: string): Promise<FeedPage[]> => {
    const pages = [await page(app, path)];
    for (let href = pages[0]?.links.get('prev-archive'); href !== undefined;) {
      const older = await page(app, href);
      pages.push(older);
      href = older.links.get('prev-archive');
    }
    return pages;
  };

  it('is the whole feed together with the head at every size from 0 to 120, and its pages never change', async function () {
    this.timeout(60_000);
    const path = await app.feed('growing');
    const ids: string[] = [];
    const kept = new Map<string, string>();
    for (let size = 0; size <= 120; size += 1) {
      if (size > 0) ids.push(await publish(app, path));
      const pages = await chain(path);
      const seen = new Set(pages.flatMap((one) => one.ids));
      expect([...seen].toSorted(), `size ${String(size)}`).to.deep.equal(ids.toSorted());
      for (const one of pages.slice(1)) {
        const self = one.links.get('self') ?? '';
        const bytes = one.etag + one.xml;
        expect(kept.get(self) ?? bytes, self).to.equal(bytes);
        kept.set(self, bytes);
      }
    }
    expect(kept.size).to.equal(4);
  });

  it('has pages of 25 positions each, marked as archived, that lead both ways', async () => {
    const path = await app.feed('three', { public: true });
    const ids = await publishSome(app, path, 60);
    const url = `${app.url}${path}`;
    const one = await page(app, `${path}/archive/1`);
    expect(one.ids).to.deep.equal(ids.slice(0, 25).toReversed());
    expect(childrenOf(one.root, 'archive', FH)).to.have.length(1);
    expect(Object.fromEntries(one.links)).to.deep.equal({
      self: `${url}/archive/1`,
      current: url,
      'next-archive': `${url}/archive/2`,
      alternate: `${url}/archive/1?format=html`,
    });
    expect(linkHeaderOf(one.headers)).to.deep.equal(one.links);
    const two = await page(app, `${path}/archive/2`);
    expect(two.ids).to.deep.equal(ids.slice(25, 50).toReversed());
    expect(two.links.get('prev-archive')).to.equal(`${url}/archive/1`);
    expect(two.links.get('next-archive')).to.equal(`${url}/archive/3`);
    expect(childrenOf((await page(app, path)).root, 'archive', FH)).to.deep.equal([]);
  });

  it('redirects from the page that is not full yet to the feed, which nothing may keep', async () => {
    const path = await app.feed('filling');
    for (const [count, n] of [
      [0, 1],
      [24, 1],
      [1, 2],
    ] as const) {
      if (count > 0) await publishSome(app, path, count);
      const response = await app.request(`${path}/archive/${String(n)}`);
      expect(response.status).to.equal(307);
      expect(response.headers.get('location')).to.equal(`${app.url}${path}`);
      expect(response.headers.get('cache-control')).to.equal('no-store');
      expect(await status(`${path}/archive/${String(n + 1)}`)).to.equal(404);
    }
    expect(await status(`${path}/archive/1`)).to.equal(200);
  });

  it('knows no pages but 1, 2, 3 …', async () => {
    const path = await app.feed('numbers');
    await publishSome(app, path, 25);
    for (const n of ['0', '01', '-1', '1.0', 'one', '1%20', '99999999999999999999', '9999999999999999']) {
      expect(await status(`${path}/archive/${n}`), n).to.equal(404);
    }
    for (const garbage of ['%zz', '%00']) expect(await status(`${path}/archive/${garbage}`)).to.equal(400);
  });

  it('has a page the moment that it is full, on another node too', async () => {
    const other = await startApp({ database: app.database });
    try {
      const path = await app.feed('nodes');
      await page(other, path);
      await publishSome(app, path, 24);
      await page(other, path);
      await publish(app, path);
      expect((await page(other, `${path}/archive/1`)).ids).to.have.length(25);
    } finally {
      await other.stop();
    }
  });

  it('keeps superseded revisions and tombstones of an editable feed, in the order of the log', async () => {
    const path = await app.feed('edited', { editable: true });
    const ids = await publishSome(app, path, 23);
    const [first = '', second = ''] = ids;
    await app.request(`${path}/entries/${first}`, {
      method: 'PUT',
      headers: { 'content-type': ENTRY_TYPE, 'if-match': '*' },
      body: anEntry({ id: first, title: 'again' }),
    });
    await app.request(`${path}/entries/${second}`, { method: 'DELETE' });
    const { ids: archived, xml } = await page(app, `${path}/archive/1`);
    expect(archived).to.deep.equal([`-${second}`, first, ...ids.toReversed()]);
    expect(await status(`${path}/entries/${first}`, { method: 'DELETE' })).to.equal(204);
    expect((await page(app, `${path}/archive/1`)).xml).to.equal(xml);
    const current = await chain(path);
    expect(new Set(current.flatMap((one) => one.ids))).to.include(`-${first}`);
  });

  it('together with the head tells of every entry and deletion of an editable feed', async () => {
    const path = await app.feed('busy', { editable: true });
    const expected = new Set<string>();
    for (let round = 0; round < 12; round += 1) {
      const ids = await publishSome(app, path, 7);
      for (const id of ids) expected.add(id);
      const dead = ids[round % 7] ?? '';
      await app.request(`${path}/entries/${dead}`, { method: 'DELETE' });
      expected.add(`-${dead}`);
      const seen = new Set((await chain(path)).flatMap((one) => one.ids));
      // Where the deletion is told, what was deleted need not be.
      const missed = [...expected].filter((id) => !seen.has(id) && !seen.has(`-${id}`));
      expect(missed, `round ${String(round)}`).to.deep.equal([]);
    }
  });

  it('may be kept a day, by anyone what is public, and answers 304', async () => {
    const path = await app.feed('cached', { public: true });
    await publishSome(app, path, 25);
    const url = `${path}/archive/1`;
    const open = await app.request(url, { anonymous: true });
    await open.arrayBuffer();
    expect(open.headers.get('cache-control')).to.equal('public, max-age=86400');
    expect(open.headers.get('vary')).to.equal('Accept, Accept-Encoding, Authorization, X-Auth-Token');
    const mine = await app.request(url);
    await mine.arrayBuffer();
    expect(mine.headers.get('cache-control')).to.equal('private, max-age=86400');
    const etag = open.headers.get('etag') ?? '';
    await publishSome(app, path, 30);
    for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const not = await app.request(url, { anonymous: true, headers: { 'if-none-match': tag } });
      expect(not.status, tag).to.equal(304);
      expect(not.headers.get('etag')).to.equal(etag);
      expect(not.headers.get('cache-control')).to.equal('public, max-age=86400');
    }
    expect(await status(url, { headers: { 'if-none-match': '"x"' } })).to.equal(200);
  });

  it('has GET, HEAD and OPTIONS only', async () => {
    const path = await app.feed('methods');
    await publishSome(app, path, 25);
    const url = `${path}/archive/1`;
    const head = await app.request(url, { method: 'HEAD' });
    expect(head.status).to.equal(200);
    expect(await head.text()).to.equal('');
    const options = await app.request(url, { method: 'OPTIONS' });
    expect(options.headers.get('allow')).to.equal('GET, HEAD, OPTIONS');
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const refused = await app.request(url, { method });
      expect(refused.status, method).to.equal(405);
      expect(refused.headers.get('allow')).to.equal('GET, HEAD, OPTIONS');
    }
    expect(await status(url, { headers: { accept: 'image/png' } })).to.equal(406);
  });

  it('is gone with 410 where retention has been, and the head no longer leads there', async () => {
    const path = await app.feed('kept');
    const ids = await publishSome(app, path, 80);
    expect(await status(`${path}/archive/1`)).to.equal(200);
    await raiseFloor(app, path, 51);
    expect(await status(`${path}/archive/1`)).to.equal(410);
    expect(await status(`${path}/archive/2`, { headers: { 'if-none-match': '*' } })).to.equal(410);
    expect((await page(app, `${path}/archive/3`)).ids).to.deep.equal(ids.slice(50, 75).toReversed());
    const head = await page(app, path);
    expect(head.links.get('prev-archive')).to.equal(`${app.url}${path}/archive/3`);
    expect((await page(app, `${path}?limit=30`)).links.has('prev-archive')).to.equal(false);
  });

  it('is not open to anyone when the feed is not', async () => {
    const path = await app.feed('closed');
    await publishSome(app, path, 25);
    const response = await app.request(`${path}/archive/1`, { anonymous: true });
    expect(response.status).to.equal(401);
    expect(response.headers.get('www-authenticate')).to.match(/^Bearer /);
  });

  it('gives pages larger than any other page may be, and the head leads on past 8 MiB', async function () {
    this.timeout(60_000);
    const path = await app.feed('large');
    const content = `<content>${'x'.repeat(400_000)}</content>`;
    const ids: string[] = [];
    for (let count = 0; count < 7; count += 1) {
      ids.push(
        ...(await publishAll(
          app,
          path,
          Array.from({ length: 4 }, () => ({ content })),
        )),
      );
    }
    const archived = await page(app, `${path}/archive/1`, { 'accept-encoding': 'identity' });
    expect(archived.ids).to.deep.equal(ids.slice(0, 25).toReversed());
    const head = await page(app, path, { 'accept-encoding': 'identity' });
    expect(head.xml.length).to.be.within(7_000_000, 9_000_000);
    expect(new Set((await chain(path)).flatMap((one) => one.ids)).size).to.equal(28);
    const next = await page(app, head.links.get('next') ?? '');
    expect([...head.ids, ...next.ids]).to.deep.equal(ids.toReversed());
    const not = await app.request(`${path}/archive/1`, { headers: { 'if-none-match': archived.etag } });
    expect(not.status).to.equal(304);
    expect((await post(app, `${path}/archive/1`, anEntry())).status).to.equal(405);
  });

  it('is named by the first page on the way back that leaves out nothing, when 8 MiB end the head above it', async function () {
    this.timeout(60_000);
    const path = await app.feed('largest');
    const ids = await publishSome(app, path, 25);
    const content = `<content>${'x'.repeat(1_900_000)}</content>`;
    for (let count = 0; count < 8; count += 1) ids.push(...(await publishAll(app, path, [{ content }])));
    const walked: FeedPage[] = [await page(app, path)];
    for (let last = walked[0]; last?.links.has('prev-archive') === false; last = walked.at(-1)) {
      walked.push(await page(app, last.links.get('next') ?? ''));
    }
    const current = walked.flatMap((one) => one.ids);
    expect(walked[0]?.ids).to.deep.equal(ids.slice(-4).toReversed());
    expect(current).to.deep.equal(ids.toReversed().slice(0, current.length));
    const archived = await page(app, walked.at(-1)?.links.get('prev-archive') ?? '');
    expect([...new Set([...current, ...archived.ids])]).to.deep.equal(ids.toReversed());
  });
});
