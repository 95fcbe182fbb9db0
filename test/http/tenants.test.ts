import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeSeals } from '../../src/core/seal.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { childOf, linksOf, readFeed } from '../support/atom.js';
import type { FeedPage } from '../support/atom.js';
import { anEntry } from '../support/build.js';
import { ask } from '../support/log.js';
import { post, publish, publishAll } from '../support/publish.js';
import { bearing, issue } from '../support/tokens.js';
import { until } from '../support/waiting.js';

const FORMATS = ['atom', 'json', 'cloudfeeds', 'jsonfeed', 'rss', 'html', 'cloudevents'];
const ENTRY_FORMATS = ['atom', 'json', 'cloudfeeds', 'html', 'cloudevents'];

/** All that a response tells but what is of this request alone. */
async function told(response: Response): Promise<{ status: number; headers: Record<string, string>; body: string }> {
  const own = ['date', 'x-request-id', 'keep-alive', 'connection', 'content-length'];
  const headers = Object.fromEntries([...response.headers].filter(([name]) => !own.includes(name)));
  const body = (await response.text()).replace(/urn:millrace:request:[\w-]+/, '');
  return { status: response.status, headers, body };
}

/** The other of two directions. */
function way(_whole: string, from: string): string {
  return `direction=${from === 'back' ? 'for' : 'back'}ward`;
}

describe('a reader that is bound to tenants', function () {
  this.timeout(60_000);
  let app: TestApp;
  let a: Record<string, string>;
  let ab: Record<string, string>;
  let nobodys: Record<string, string>;

  before(async () => {
    app = await startApp({ env: { RETENTION_SECONDS: '1' } });
    const bound = async (tenants: string[]): Promise<Record<string, string>> =>
      bearing(await issue(app, [{ role: 'reader', workspace: 'shop', tenants }]));
    a = await bound(['A']);
    ab = await bound(['B', 'A']);
    nobodys = await bound(['nobody']);
  });
  after(() => app.stop());

  const get = (url: string, headers: Record<string, string>): Promise<Response> => app.request(url, { headers });
  const page = async (url: string, headers: Record<string, string>): Promise<FeedPage> =>
    readFeed(await get(url, headers));

  /** All ids that are found from a page on by one link relation. */
  async function walked(url: string, headers: Record<string, string>, rel: 'next' | 'previous'): Promise<string[]> {
    const ids: string[] = [];
    for (let next: string | undefined = url, most = 200; next !== undefined && most > 0; most -= 1) {
      const { ids: found, links } = await page(next, headers);
      ids.push(...(rel === 'next' ? found : found.toReversed()));
      next = rel === 'previous' && found.length === 0 ? undefined : links.get(rel);
    }
    return ids;
  }

  it('finds its own entries only, whichever way it goes', async () => {
    const path = await app.feed('mixed');
    const of = (n: number): string[] => {
      if (n % 7 === 0) return ['tid:A', 'cloudfeeds:private'];
      if (n % 5 === 0) return ['tid:A', 'tid:B'];
      return n % 3 === 0 ? ['TID:A', 'odd:yes'] : n % 2 === 0 ? ['tid:B'] : [];
    };
    const entries = Array.from({ length: 120 }, (_, n) => ({ id: `urn:mixed:${String(n)}`, categories: of(n) }));
    await publishAll(app, path, entries);
    const expected = (tenants: string[]): string[] =>
      entries
        .filter(({ categories }) => !categories.includes('cloudfeeds:private'))
        .filter(({ categories }) => categories.some((term) => tenants.includes(term.slice(4))))
        .map(({ id }) => id);
    for (const [headers, tenants] of [
      [a, ['A']],
      [ab, ['A', 'B']],
      [nobodys, ['nobody']],
    ] as const) {
      const own = expected([...tenants]);
      expect(await walked(`${path}?limit=7`, headers, 'next'), 'backward').to.deep.equal(own.toReversed());
      expect(await walked(`${path}?limit=7&marker=last`, headers, 'previous'), 'forward').to.deep.equal(own);
      expect(await walked(`${path}?limit=7&marker=0`, headers, 'previous'), 'from 0').to.deep.equal(own);
      const since = `${path}?limit=7&startingAt=2020-01-01T00:00:00Z`;
      expect(await walked(since, headers, 'previous'), 'since a time').to.deep.equal(own);
    }
    const odd = expected(['A']).filter((id) => of(Number(id.slice(10))).includes('odd:yes'));
    for (const search of ['(cat=odd:yes)', '%2Bodd:yes', '(%26(cat=tid:*)(!(cat=tid:B)))', '(cat=odd:*)']) {
      const found = await walked(`${path}?limit=3&search=${search}`, a, 'next');
      expect(found, search).to.deep.equal(odd.toReversed());
    }
    expect(await walked(`${path}?search=(cat=tid:B)&limit=4`, a, 'next')).to.deep.equal(
      expected(['A'])
        .filter((id) => of(Number(id.slice(10))).includes('tid:B'))
        .toReversed(),
    );
    expect(await walked(`${path}?search=(cat=cloudfeeds:private)`, a, 'next')).to.deep.equal([]);
  });

  it('is told nothing by what others publish, nor by what is private', async () => {
    const path = await app.feed('quiet');
    await publish(app, path, { id: 'urn:quiet:theirs', categories: ['tid:B'] });
    await publish(app, path, { id: 'urn:quiet:1', categories: ['tid:A'] });
    await publish(app, path, { id: 'urn:quiet:2', categories: ['tid:A', 'color:red'] });
    const { links } = await page(`${path}?limit=1`, a);
    const urls = [
      ...FORMATS.map((format) => `${path}?format=${format}`),
      ...FORMATS.map((format) => `${path}?format=${format}&limit=1`),
      `${path}?marker=0`,
      `${path}?marker=last`,
      `${path}?marker=last&direction=backward`,
      `${path}?marker=urn:quiet:1`,
      `${path}?marker=urn:quiet:1&direction=backward`,
      `${path}?startingAt=2020-01-01T00:00:00Z`,
      `${path}?startingAt=2100-01-01T00:00:00Z`,
      `${path}?startingAt=2100-01-01T00:00:00Z&direction=backward`,
      `${path}?startingAt=2020-01-01T00:00:00Z&direction=backward`,
      ...['(cat=color:red)', '(cat=color:*)', '(cat=tid:*)', '(cat=none)', '(!(cat=color:red))', '(cat=tid:B)'].flatMap(
        (search) => [`${path}?search=${search}`, `${path}?search=${search}&marker=last`],
      ),
      links.get('previous') ?? '',
      links.get('next') ?? '',
      `${path}/categories`,
      `${path}/A`,
      `${path}/entries/urn:quiet:2`,
      `${path}/A/entries/urn:quiet:2`,
      `${path}/archive/1`,
      `${path}/archive/2`,
    ];
    const readers = { a, nobodys };
    const before = new Map<string, unknown>();
    for (const [who, headers] of Object.entries(readers)) {
      for (const url of urls) before.set(`${who} ${url}`, await told(await get(url, headers)));
    }
    const others = Array.from({ length: 60 }, (_, n) => ({
      id: `urn:quiet:others:${String(n)}`,
      categories: n % 2 === 0 ? ['tid:B', 'color:red'] : ['tid:A', 'cloudfeeds:private', 'color:blue'],
    }));
    await publishAll(app, path, others);
    for (const [who, headers] of Object.entries(readers)) {
      for (const url of urls) {
        expect(await told(await get(url, headers)), `${who} ${url}`).to.deep.equal(before.get(`${who} ${url}`));
      }
    }
    const etag = (await get(path, a)).headers.get('etag') ?? '';
    await publish(app, path, { categories: ['tid:B'] });
    expect((await get(path, { ...a, 'if-none-match': etag })).status).to.equal(304);
    await publish(app, path, { categories: ['tid:A'] });
    expect((await get(path, { ...a, 'if-none-match': etag })).status).to.equal(200);
  });

  it('cannot tell a foreign or a private entry from one that is not there', async () => {
    const path = await app.feed('hidden');
    await publish(app, path, { id: 'urn:hidden:a', categories: ['tid:A'] });
    await publish(app, path, { id: 'urn:hidden:b', categories: ['tid:B'] });
    await publish(app, path, { id: 'urn:hidden:none' });
    await publish(app, path, { id: 'urn:hidden:private', categories: ['tid:A', 'cloudfeeds:private'] });
    const shape = async (url: string, id: string): Promise<unknown> =>
      JSON.parse(JSON.stringify(await told(await get(url, a))).replaceAll(id, 'ID'));
    for (const url of [
      (id: string) => `${path}/entries/${id}`,
      (id: string) => `${path}/A/entries/${id}`,
      (id: string) => `${path}?marker=${id}`,
      (id: string) => `${path}?marker=${id}&direction=backward`,
    ]) {
      const absent = await shape(url('urn:hidden:xxx'), 'urn:hidden:xxx');
      expect(absent).to.have.property('status', 404);
      for (const id of ['urn:hidden:b', 'urn:hidden:none', 'urn:hidden:private']) {
        expect(await shape(url(id), id), url(id)).to.deep.equal(absent);
      }
      expect((await get(url('urn:hidden:a'), a)).status, url('urn:hidden:a')).to.equal(200);
    }
    for (const format of ENTRY_FORMATS) {
      expect((await get(`${path}/entries/urn:hidden:private?format=${format}`, a)).status, format).to.equal(404);
      expect((await get(`${path}/entries/urn:hidden:a?format=${format}`, a)).status, format).to.equal(200);
    }
  });

  it('gets no positions: markers are sealed, and tags and links are of its view alone', async () => {
    const path = await app.feed('sealed');
    for (let n = 0; n < 12; n += 1) await publish(app, path, { categories: [n % 2 === 0 ? 'tid:A' : 'tid:B'] });
    const response = await get(`${path}?limit=2`, a);
    const text = await response.clone().text();
    const { links } = await readFeed(response);
    expect(links.get('previous')).to.match(/marker=~[A-Za-z0-9_-]{22}&/);
    expect(links.get('next')).to.match(/marker=~[A-Za-z0-9_-]{22}&/);
    expect([...links.keys()]).not.to.include('prev-archive');
    expect(text).not.to.match(/marker=\d/);
    expect(response.headers.get('link')).not.to.match(/marker=\d|archive/);
    expect(response.headers.get('etag')).to.match(/^"[0-9a-f]{32}(-gzip)?"$/);
    const member = await get(`${path}/entries/${(await page(path, a)).ids[0] ?? ''}`, a);
    expect(member.headers.get('etag')).to.match(/^"[0-9a-f]{32}(-gzip)?"$/);
    for (const marker of ['3', '~AAAAAAAAAAAAAAAAAAAAAA']) {
      const refused = await get(`${path}?marker=${marker}`, a);
      expect(refused.status, marker).to.equal(400);
    }
    // Another feed's is none here.
    const other = await app.feed('sealed-too');
    const marker = /marker=(~[^&]+)/.exec(links.get('previous') ?? '')?.[1] ?? '';
    expect((await get(`${other}?marker=${marker}`, a)).status).to.equal(400);
    // Who sees all may go on from it.
    expect((await page(`${path}?marker=${marker}&direction=backward&limit=1`, {})).entries).to.have.length(1);
  });

  it('cannot tell by what is alike among its markers whether there is something between its entries', async () => {
    const shapes: string[] = [];
    for (const between of [0, 1, 2]) {
      const path = await app.feed(`between-${String(between)}`);
      for (let n = 0; n < 4; n += 1) {
        await publish(app, path, { categories: ['tid:A'] });
        for (let more = 0; more < between; more += 1) await publish(app, path, { categories: ['tid:B'] });
      }
      const shown: string[] = [];
      for (const [start, rel] of [
        ['', 'next'],
        ['&marker=last', 'previous'],
        ['&search=(cat=tid:A)', 'next'],
      ] as const) {
        let url: string | undefined = `${path}?limit=1${start}`;
        for (let most = 6; url !== undefined && most > 0; most -= 1) {
          const { links } = await page(url, a);
          for (const [, href] of links) shown.push(...(/~[A-Za-z0-9_-]{22}/.exec(href) ?? []));
          // The same place in the other direction.
          const turned = url.includes('marker=~') ? url.replace(/direction=(back|for)ward/, way) : undefined;
          for (const [, href] of turned === undefined ? [] : (await page(turned, a)).links) {
            shown.push(...(/~[A-Za-z0-9_-]{22}/.exec(href) ?? []));
          }
          url = links.get(rel);
        }
      }
      shapes.push(shown.map((marker) => shown.indexOf(marker)).join(' '));
    }
    expect(shapes[1]).to.equal(shapes[0]);
    expect(shapes[2]).to.equal(shapes[0]);
  });

  it('is refused a place beyond the log, and told the last common one without its position', async () => {
    const path = await app.feed('beyond');
    for (let n = 0; n < 3; n += 1) await publish(app, path, { categories: ['tid:A'] });
    const [key] = await ask<{ value: string }>(
      app.database.url,
      `select value from server_settings where name = 'marker-key'`,
    );
    const [place] = await ask<{ epoch: string; feed_id: number }>(
      app.database.url,
      `select epoch, feed_id from clocks, feeds where name = 'beyond'`,
    );
    const seals = makeSeals(Buffer.from(key?.value ?? '', 'base64url'));
    const marker = seals.seal(place!.feed_id, place!.epoch.slice(0, 8), 1_000_000n);
    const refused = await get(`${path}?marker=${marker}`, a);
    expect(refused.status).to.equal(409);
    const text = await refused.text();
    const { lastCommon } = JSON.parse(text) as { lastCommon: string };
    expect(lastCommon).to.match(/^~/);
    expect(text)
      .not.to.contain('1000000')
      .and.not.to.match(/position \d/);
    expect((await page(`${path}?marker=${lastCommon}&direction=backward`, a)).entries).to.have.length(3);
  });

  it('gets the same sealed markers from every node', async () => {
    const path = await app.feed('nodes');
    await publish(app, path, { categories: ['tid:A'] });
    const second = await startApp({ database: app.database, env: { PUBLIC_URL: app.url } });
    try {
      const here = await (await get(path, a)).text();
      expect(await (await second.request(path, { headers: a })).text()).to.equal(here);
    } finally {
      await second.stop();
    }
  });

  it('sees one tenant below its id, and none that is not its own', async () => {
    const path = await app.feed('views', { public: true });
    await publish(app, path, { id: 'urn:views:a', categories: ['tid:A'] });
    await publish(app, path, { id: 'urn:views:b', categories: ['tid:B'] });
    await publish(app, path, { id: 'urn:views:p', categories: ['tid:A', 'cloudfeeds:private'] });
    const ids = async (url: string, headers: Record<string, string>): Promise<string[]> =>
      (await page(url, headers)).ids;
    expect(await ids(`${path}/A`, ab)).to.deep.equal(['urn:views:a']);
    expect(await ids(`${path}/B`, ab)).to.deep.equal(['urn:views:b']);
    expect(await ids(`${path}/A`, {}), 'the admin').to.deep.equal(['urn:views:a']);
    expect(await ids(path, a), 'bound, of what is public').to.deep.equal(['urn:views:a']);
    expect((await get(`${path}/B`, a)).status).to.equal(404);
    expect((await get(`${path}/B/entries/urn:views:b`, a)).status).to.equal(404);
    expect((await get(`${path}/A/entries/urn:views:b`, ab)).status).to.equal(404);
    const anonymous = await app.request(`${path}/A`, { anonymous: true });
    expect((await readFeed(anonymous)).ids).to.deep.equal(['urn:views:a']);
    for (const word of ['stats', 'stream', '_x', 'entries']) {
      expect((await get(`${path}/${word}`, {})).status, word).to.equal(404);
    }
    // Its links stay in it.
    const { links, entries } = await page(`${path}/A?limit=1`, ab);
    for (const [rel, href] of links) {
      if (rel !== 'describedby') expect(href, rel).to.contain(`${path}/A`);
    }
    expect(linksOf(entries[0]!).get('self')).to.contain(`${path}/A/entries/`);
    const posted = await post(app, `${path}/A`, anEntry(), {});
    expect([posted.status, posted.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD, OPTIONS']);
  });

  it('is led on where nothing but the way on is new: events have their links in the header alone', async () => {
    const path = await app.feed('led-on');
    const url = `${path}?format=cloudevents&search=(cat=wanted)`;
    const poll = async (from: string, tag = ''): Promise<{ status: number; tag: string; next: string }> => {
      const { status, headers } = await get(from, { ...a, ...(tag === '' ? {} : { 'if-none-match': tag }) });
      const next = /<([^>]*)>; rel="previous"/.exec(headers.get('link') ?? '')?.[1] ?? '';
      return { status, tag: headers.get('etag') ?? '', next };
    };
    await publish(app, path, { categories: ['tid:A'] });
    const { next: end } = await poll(url);
    const { tag } = await poll(end);
    expect(await poll(end, tag)).to.include({ status: 304 });
    // More than a search looks at for one page.
    await publishAll(
      app,
      path,
      Array.from({ length: 1_001 }, () => ({ categories: ['tid:A'] })),
    );
    const wanted = await publish(app, path, { categories: ['tid:A', 'wanted'] });
    const further = await poll(end, tag);
    expect(further.status).to.equal(200);
    expect(further.next).not.to.equal(end);
    expect(await (await get(further.next, a)).text()).to.contain(wanted);
  });

  it('hears of what retention took of its own, and of nothing else', async () => {
    const path = await app.feed('kept');
    const publishAs = async (tenant: string, count: number): Promise<void> => {
      await publishAll(
        app,
        path,
        Array.from({ length: count }, () => ({ categories: [`tid:${tenant}`] })),
      );
    };
    await publishAs('A', 3);
    const start = (await page(`${path}?limit=1&marker=last`, a)).links.get('previous') ?? '';
    const end = (await page(path, a)).links.get('previous') ?? '';
    const never = (await page(path, nobodys)).links.get('previous') ?? '';
    const search = `format=cloudevents&search=(cat=none)`;
    const lost = `${path}?${start.split('?')[1] ?? ''}&${search}`;
    const lostTag = (await get(lost, a)).headers.get('etag') ?? '';
    await publishAs('B', 97);
    const empty = await told(await get(end, a));
    expect((await page(path, a)).links.get('urn:millrace:gap')).to.equal(undefined);
    await app.feed('kept', { keepEntries: 25 });
    await until('retention has taken some', async () => {
      const shown = (await (await app.request('/admin/feeds/shop/kept')).json()) as { firstKept: number };
      return shown.firstKept > 1;
    });
    await publishAs('A', 1);
    await sleep(1_500);
    // What it had seen is gone, and it has seen it.
    expect((await get(end, a)).headers.get('millrace-gap')).to.equal(null);
    expect(empty.body).not.to.contain('urn:millrace:gap');
    expect((await get(never, nobodys)).headers.get('millrace-gap')).to.equal(null);
    const gap = await get(start, a);
    expect(gap.headers.get('millrace-gap')).to.equal('unnumbered');
    expect((await readFeed(gap)).entries).to.have.length(1);
    // Nothing of it is left, and the tag of the empty page from before is not that of one with a gap.
    const later = await get(lost, { ...a, 'if-none-match': lostTag });
    expect([later.status, later.headers.get('millrace-gap')]).to.deep.equal([200, 'unnumbered']);
  }).timeout(60_000);

  it('can do nothing else', async () => {
    const path = await app.feed('acts', { editable: true });
    const id = await publish(app, path, { categories: ['tid:A'] });
    const responses = await Promise.all([
      app.request(path, { method: 'POST', headers: a, body: anEntry() }),
      app.request(`${path}/entries/${id}`, { method: 'DELETE', headers: a }),
      app.request('/admin/feeds/shop/acts', { headers: a }),
      app.request('/admin/tokens', { headers: a }),
    ]);
    expect(responses.map(({ status }) => status)).to.deep.equal([403, 403, 403, 403]);
  });

  it('sees the revisions and tombstones of its own entries', async () => {
    const path = await app.feed('edited', { editable: true });
    const mine = await publish(app, path, { categories: ['tid:A'], title: 'first' });
    const theirs = await publish(app, path, { categories: ['tid:B'] });
    const before = (await page(path, a)).links.get('previous') ?? '';
    const put = async (id: string, title: string, category: string): Promise<void> => {
      const etag = (await app.request(`${path}/entries/${id}`)).headers.get('etag') ?? '';
      const response = await app.request(`${path}/entries/${id}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/atom+xml', 'if-match': etag },
        body: anEntry({ id, title, categories: [category] }),
      });
      expect(response.status).to.equal(200);
    };
    await put(theirs, 'second', 'tid:B');
    expect((await page(before, a)).ids).to.deep.equal([]);
    await put(mine, 'second', 'tid:A');
    const revised = await page(before, a);
    expect(revised.entries.map((entry) => childOf(entry, 'title').text)).to.deep.equal(['second']);
    await app.request(`${path}/entries/${theirs}`, { method: 'DELETE' });
    await app.request(`${path}/entries/${mine}`, { method: 'DELETE' });
    const text = await (await get(revised.links.get('previous') ?? '', a)).text();
    expect(text).to.contain(`ref="${mine}"`).and.not.to.contain(theirs);
    expect((await get(`${path}/entries/${mine}`, a)).status).to.equal(410);
    expect((await get(`${path}/entries/${theirs}`, a)).status).to.equal(404);
  });

  it('is not told the position of a revision, in what names it as an event', async () => {
    const path = await app.feed('revised-events', { editable: true });
    const id = await publish(app, path, { categories: ['tid:A'] });
    const revise = async (): Promise<void> => {
      const etag = (await app.request(`${path}/entries/${id}`)).headers.get('etag') ?? '';
      const response = await app.request(`${path}/entries/${id}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/atom+xml', 'if-match': etag },
        body: anEntry({ id, categories: ['tid:A'] }),
      });
      expect(response.status).to.equal(200);
    };
    const nameOf = async (url: string): Promise<string> => {
      const [event] = [JSON.parse(await (await get(`${url}?format=cloudevents`, a)).text())].flat() as { id: string }[];
      return event?.id ?? '';
    };
    const names = new Set<string>();
    for (let n = 0; n < 2; n += 1) {
      await revise();
      const name = await nameOf(path);
      expect(name).to.match(/;revision=[A-Za-z0-9_-]{22}$/);
      expect(await nameOf(`${path}/entries/${id}`)).to.equal(name);
      names.add(name);
    }
    expect(names.size).to.equal(2);
  });

  it('may also be bound by a user’s grant', async () => {
    const body = {
      password: 'long enough a password',
      grants: [{ role: 'reader', feed: 'mixed', workspace: 'shop', tenants: ['B'] }],
    };
    const headers = { 'content-type': 'application/json' };
    const made = await app.request('/admin/users/bound', { method: 'PUT', headers, body: JSON.stringify(body) });
    expect(made.status).to.equal(201);
    const wrong = { ...body, grants: [{ role: 'admin', tenants: ['B'] }] };
    const refused = await app.request('/admin/users/bound2', { method: 'PUT', headers, body: JSON.stringify(wrong) });
    expect(refused.status).to.equal(422);
  });
});

describe('a reader of a public feed', function () {
  this.timeout(60_000);
  let app: TestApp;
  before(async () => {
    app = await startApp();
  });
  after(() => app.stop());
  const open = (url: string, headers: Record<string, string> = {}): Promise<Response> =>
    app.request(url, { anonymous: true, headers });

  it('sees no private entry, on any page and in no representation', async () => {
    const path = await app.feed('open', { public: true });
    const entries = Array.from({ length: 60 }, (_, n) => ({
      id: `urn:open:${String(n)}`,
      title: n % 4 === 0 ? 'for few' : 'for all',
      categories: n % 4 === 0 ? ['CloudFeeds:Private', 'tid:secret', 'tid:A'] : ['tid:A', `n:${String(n)}`],
    }));
    await publishAll(app, path, entries);
    const shown = entries.filter(({ title }) => title === 'for all').map(({ id }) => id);
    const walkedBy = async (rel: 'next' | 'previous', url: string): Promise<string[]> => {
      const ids: string[] = [];
      for (let next: string | undefined = url; next !== undefined;) {
        const read: FeedPage = await readFeed(await open(next));
        ids.push(...read.ids);
        next = rel === 'previous' && read.ids.length === 0 ? undefined : read.links.get(rel);
      }
      return ids;
    };
    expect(await walkedBy('next', `${path}?limit=7`)).to.deep.equal(shown.toReversed());
    expect((await walkedBy('previous', `${path}?limit=9&marker=last`)).sort()).to.deep.equal(shown.toSorted());
    expect(await walkedBy('next', `${path}?search=(cat=tid:secret)&limit=1`)).to.deep.equal([]);
    expect(await walkedBy('next', `${path}?search=(cat=tid:A)&limit=7`)).to.deep.equal(shown.toReversed());
    expect(await walkedBy('next', `${path}?search=(cat=cloudfeeds:*)`)).to.deep.equal([]);
    expect(await walkedBy('next', `${path}?search=(!(cat=none))`)).to.deep.equal(shown.toReversed());
    for (const format of FORMATS) {
      for (const url of [
        `${path}?format=${format}`,
        `${path}/archive/1?format=${format}`,
        `${path}?limit=60&format=${format}`,
      ]) {
        const text = await (await open(url)).text();
        expect(text, url).to.contain('for all').and.not.to.contain('for few');
      }
      expect(await (await app.request(`${path}?limit=60&format=${format}`)).text(), format).to.contain('for few');
    }
    expect((await open(`${path}/entries/urn:open:4`)).status).to.equal(404);
    expect((await app.request(`${path}/entries/urn:open:4`)).status).to.equal(200);
    expect((await open(`${path}?marker=urn:open:4`)).status).to.equal(404);
    const categories = await (await open(`${path}/categories`)).text();
    expect(categories)
      .to.contain('tid:A')
      .and.not.to.match(/secret|private/);
    expect(await (await app.request(`${path}/categories`)).text())
      .to.match(/secret/)
      .and.to.match(/cloudfeeds:private/);
  });

  it('has other tags than who sees all, and an index search tells nothing of what is private', async () => {
    const path = await app.feed('tags', { public: true });
    await publish(app, path, { categories: ['x:public'] });
    await publish(app, path, { categories: ['x:hidden', 'cloudfeeds:private'] });
    const tag = async (anonymous: boolean): Promise<string | null> =>
      (await app.request(path, { anonymous })).headers.get('etag');
    expect(await tag(true)).not.to.equal(await tag(false));
    const same = async (term: string): Promise<string> => {
      const response = await open(`${path}?limit=1&search=(cat=${term})`);
      return (await response.text()).replaceAll(term.slice(2), 'TERM');
    };
    expect(await same('x:hidden')).to.equal(await same('x:nothing'));
  });

  it('sees what is new at once, from memory too, and never what is private', async () => {
    const path = await app.feed('live', { public: true });
    let url = (await readFeed(await open(path))).links.get('previous') ?? '';
    for (let n = 0; n < 20; n += 1) {
      const isHidden = n % 3 === 0;
      const id = await publish(app, path, { categories: isHidden ? ['cloudfeeds:private'] : [] });
      const read = await readFeed(await open(url));
      expect(read.ids).to.deep.equal(isHidden ? [] : [id]);
      url = read.links.get('previous') ?? '';
    }
  });

  it('of an editable feed sees neither private revisions nor their tombstones', async () => {
    const path = await app.feed('open-edited', { public: true, editable: true });
    const id = await publish(app, path, { categories: ['cloudfeeds:private'] });
    const seen = await publish(app, path);
    await app.request(`${path}/entries/${id}`, { method: 'DELETE' });
    const text = await (await open(path)).text();
    expect(text).to.contain(seen).and.not.to.contain(id);
    expect((await open(`${path}/entries/${id}`)).status).to.equal(404);
  });
});

describe('sealed markers', () => {
  it('come back as what they were, for their feed alone', () => {
    const seals = makeSeals(Buffer.alloc(32, 7));
    const texts = new Set<string>();
    for (const position of [0n, 1n, 2n, 255n, 2n ** 62n]) {
      const text = seals.seal(7, '0123abcd', position);
      expect(text).to.match(/^~[A-Za-z0-9_-]{22}$/);
      expect(seals.open(7, text)).to.deep.equal({ position, epoch: '0123abcd' });
      expect(seals.open(8, text)).to.equal(undefined);
      expect(makeSeals(Buffer.alloc(32, 8)).open(7, text)).to.equal(undefined);
      texts.add(text);
    }
    expect(texts.size).to.equal(5);
    expect(seals.open(7, '~')).to.equal(undefined);
  });
});
