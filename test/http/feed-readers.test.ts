import { expect } from 'chai';
import { readFileSync, readdirSync } from 'node:fs';
import { parseJsonFeed, parseRssFeed } from 'feedsmith';
import Parser from 'rss-parser';
import { toInstantMs } from '../../src/formats/dates.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { AT, ATOM, childOf, childrenOf, parseXml } from '../support/atom.js';
import type { Element } from '../support/atom.js';
import { anEntry } from '../support/build.js';
import type { EntryParts } from '../support/build.js';
import { checkJsonFeed } from '../support/json-feed-schema.js';
import { page, post, publish, publishAll, publishSome, walk } from '../support/publish.js';

const FIXTURES = new URL('../fixtures/', import.meta.url);

/** What every representation must tell alike of an entry. */
interface Told {
  readonly id: string;
  /** Milliseconds since 1970; of whole seconds. */
  readonly published: number;
  readonly categories: readonly string[];
  readonly authors: readonly string[];
}

interface ToldPage {
  readonly entries: readonly Told[];
  /** The URL of the next older page. */
  readonly next: string | undefined;
}

const EDGES: readonly EntryParts[] = [
  { title: 'no more than this' },
  { published: '2016-12-31T23:59:60Z', updated: '2017-01-01T00:00:00.999999Z', title: 'a leap second' },
  // Years below 100 are in RSS as they are, but Date.parse takes 0001 for 2001.
  { published: '0101-01-01T00:00:00Z', updated: '9999-12-31T23:59:59Z', title: 'long ago' },
  { published: '1969-07-20T22:17:40.25+02:00', author: 'Neil &amp; "Buzz" <x@example.org>', title: 'before 1970' },
  { title: ']]> & <b>&amp;</b> ]]>', categories: ['a & b', '<c>', ']]>', '&amp;', '"', 'é😀'] },
  { content: '<content type="html">&lt;p>a ]]&gt; b ]]&gt; &amp;amp;&lt;script>alert(1)&lt;/script></content>' },
  { content: '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p/>a &lt; b</div></content>' },
  { content: '<content type="application/json">{"a": ["]]&gt;", 1e400]}</content>' },
  { content: '<summary>a picture</summary><content type="image/png">iVBORw0KGgo=</content>' },
  { content: '<summary>elsewhere</summary><content type="video/mp4" src="http://example.org/v.mp4"/>' },
  {
    content:
      '<link href="http://example.org/a?b=c&amp;d=%20"/><link rel="enclosure" href="http://example.org/e" length="9"/>',
  },
  { more: '<category term="t" scheme="urn:s?&amp;&lt;"/><author><name>second</name></author>', author: 'first' },
  { more: '<author><name>&#13;&#10;\t </name></author><category term="&#9;&#13;"/>', author: 'first' },
];

describe('for feed readers', () => {
  let app: TestApp;
  let feed: string;

  before(async () => {
    app = await startApp();
    feed = await app.feed('readers', { public: true, title: 'Orders & <more>' });
    for (const name of readdirSync(FIXTURES).filter((one) => one.endsWith('.xml'))) {
      expect((await post(app, feed, readFileSync(new URL(name, FIXTURES)))).status, name).to.equal(201);
    }
    for (const parts of EDGES) await publish(app, feed, parts);
  });
  after(() => app.stop());

  const get = async (url: string): Promise<string> => {
    const response = await app.request(url, { anonymous: true });
    const body = await response.text();
    if (response.status !== 200) throw new Error(`${url}: ${String(response.status)} ${body}`);
    return body;
  };
  const seconds = (text: string): number => Math.floor((toInstantMs(text) ?? NaN) / 1_000) * 1_000;

  const inAtom = (source: string): ToldPage => {
    const root = parseXml(source);
    const texts = (element: Element, name: string): string[] => childrenOf(element, name).map(({ text }) => text);
    return {
      entries: childrenOf(root, 'entry').map((entry) => ({
        id: childOf(entry, 'id').text,
        published: seconds(texts(entry, 'published')[0] ?? childOf(entry, 'updated').text),
        categories: childrenOf(entry, 'category').map(({ attributes }) => attributes['term'] ?? ''),
        authors: childrenOf(entry, 'author').flatMap((author) => texts(author, 'name')),
      })),
      next: childrenOf(root, 'link').find(({ attributes }) => attributes['rel'] === 'next')?.attributes['href'],
    };
  };

  const inJsonFeed = (source: string): ToldPage => {
    const { items, next_url: next } = checkJsonFeed(source);
    return {
      entries: items.map(({ id, date_published: date = '', tags = [], authors = [] }) => ({
        id,
        published: seconds(date),
        categories: tags,
        authors: authors.map(({ name = '' }) => name),
      })),
      next,
    };
  };

  const inRss = (source: string): ToldPage => {
    const channel = childOf(parseXml(source), 'channel', '');
    return {
      entries: childrenOf(channel, 'item', '').map((item) => ({
        id: childOf(item, 'guid', '').text,
        published: Date.parse(childOf(item, 'pubDate', '').text),
        categories: childrenOf(item, 'category', '').map(({ text }) => text),
        authors: childrenOf(item, 'creator', 'http://purl.org/dc/elements/1.1/').map(({ text }) => text),
      })),
      next: childrenOf(channel, 'link', ATOM).find(({ attributes }) => attributes['rel'] === 'next')?.attributes[
        'href'
      ],
    };
  };

  /** All entries from the newest to the oldest, by the paging links of the representation itself. */
  const walkIn = async (read: (source: string) => ToldPage, start: string): Promise<Told[]> => {
    const told: Told[] = [];
    for (let url: string | undefined = start; url !== undefined;) {
      const { entries, next } = read(await get(url));
      told.push(...entries);
      url = next;
    }
    return told;
  };

  /** All but private ones: those are not for anyone. */
  const count = (): number => {
    const texts = readdirSync(FIXTURES)
      .filter((name) => name.endsWith('.xml'))
      .map((name) => readFileSync(new URL(name, FIXTURES), 'utf8'));
    return texts.filter((text) => !text.includes('cloudfeeds:private')).length + EDGES.length;
  };

  it('the pages tell the same ids, times, categories and authors as those in Atom, to the end', async () => {
    for (const query of ['limit=5', 'limit=1000', 'limit=2&search=%2Brgn%3Aord', 'limit=3&marker=9']) {
      const atom = await walkIn(inAtom, `${feed}?${query}`);
      expect(atom.length, query).to.be.greaterThan(2);
      if (query === 'limit=5') expect(atom).to.have.length(count());
      expect(await walkIn(inRss, `${feed}?${query}&format=rss`), query).to.deep.equal(atom);
      const once = atom.map((entry) => ({ ...entry, categories: [...new Set(entry.categories)] }));
      expect(await walkIn(inJsonFeed, `${feed}?${query}&format=jsonfeed`), query).to.deep.equal(once);
    }
  });

  it('RSS is read alike by a reader that knows namespaces', async () => {
    const atom = await walkIn(inAtom, feed);
    const read = await walkIn((source) => {
      const { items = [], atom: links } = parseRssFeed(source);
      return {
        entries: items.map(({ guid, pubDate, categories = [], dc }) => ({
          id: guid?.value ?? '',
          published: Date.parse(pubDate ?? ''),
          categories: categories.map(({ name = '' }) => name),
          authors: (dc?.creators ?? []).map(String),
        })),
        next: links?.links?.find(({ rel }) => rel === 'next')?.href,
      };
    }, `${feed}?format=rss`);
    // This reader trims what it reads, and drops what is blank.
    const trimmed = (texts: readonly string[]): string[] =>
      texts.map((text) => text.trim()).filter((text) => text !== '');
    expect(read).to.deep.equal(
      atom.map((entry) => ({ ...entry, categories: trimmed(entry.categories), authors: trimmed(entry.authors) })),
    );
  });

  it('RSS is read alike by a reader that knows no namespaces', async () => {
    const [atom, rss] = [await walkIn(inAtom, `${feed}?limit=100`), await get(`${feed}?limit=100&format=rss`)];
    const { title, items } = await new Parser().parseString(rss);
    expect(title).to.equal('Orders & <more>');
    expect(items.map(({ guid, isoDate }) => [guid, isoDate])).to.deep.equal(
      atom.map(({ id, published }) => [id, new Date(published).toISOString()]),
    );
    for (const item of items) expect(item.content ?? item['content:encoded'] ?? item.title, item.guid).not.to.equal('');
    expect(items.find((item) => item.title === ']]> & <b>&amp;</b> ]]>')?.categories).to.deep.equal(
      EDGES[4]?.categories,
    );
    const html = items.find(
      (item) => typeof item['content:encoded'] === 'string' && item['content:encoded'].includes(']]>'),
    );
    expect(html?.['content:encoded']).to.equal('<p>a ]]> b ]]> &amp;<script>alert(1)</script>');
  });

  it('JSON Feed is read alike by a reader of it', async () => {
    const [atom, json] = [await walkIn(inAtom, `${feed}?limit=100`), await get(`${feed}?limit=100&format=jsonfeed`)];
    const read = parseJsonFeed(json);
    expect(read.title).to.equal('Orders & <more>');
    expect((read.items ?? []).map(({ id, date_published: date }) => [id, seconds(String(date))])).to.deep.equal(
      atom.map(({ id, published }) => [id, published]),
    );
  });

  it('is what an Accept header asks for', async () => {
    for (const [accept, type] of [
      [
        'application/rss+xml, application/rdf+xml;q=0.8, application/atom+xml;q=0.6, */*;q=0.1',
        'application/rss+xml;charset=utf-8',
      ],
      ['application/feed+json', 'application/feed+json'],
    ] as const) {
      const response = await app.request(feed, { headers: { accept } });
      expect(response.status).to.equal(200);
      expect(response.headers.get('content-type')?.replaceAll(' ', '')).to.equal(type);
      const next = (type.includes('json') ? inJsonFeed : inRss)(await response.text()).next ?? '';
      // Feed readers follow links without saying again what they accept.
      expect(new URL(next).searchParams.get('format')).to.equal(type.includes('json') ? 'jsonfeed' : 'rss');
    }
  });

  it('a deleted entry is told in each representation, and only its last revision is shown', async () => {
    const path = await app.feed('edited', { public: true, editable: true });
    const [kept, gone] = [await publish(app, path, { title: 'one' }), await publish(app, path)];
    const member = (id: string): string => `${path}/entries/${encodeURIComponent(id)}`;
    const etag = (await app.request(member(kept))).headers.get('etag') ?? '';
    const body = anEntry({ id: kept, title: 'two' });
    const headers = { 'content-type': 'application/atom+xml;type=entry', 'if-match': etag };
    expect((await app.request(member(kept), { method: 'PUT', headers, body })).status).to.equal(200);
    expect((await app.request(member(gone), { method: 'DELETE' })).status).to.equal(204);

    const [tombstone] = childrenOf((await page(app, path)).root, 'deleted-entry', AT);
    const json = checkJsonFeed(await get(`${path}?format=jsonfeed`));
    expect(json.items.map(({ id, title }) => [id, title])).to.deep.equal([[kept, 'two']]);
    expect(json._millrace.deleted).to.deep.equal([{ id: gone, when: tombstone?.attributes['when'] }]);
    const rss = await get(`${path}?format=rss`);
    expect(inRss(rss).entries.map(({ id }) => id)).to.deep.equal([kept]);
    const channel = childOf(parseXml(rss), 'channel', '');
    expect(childOf(channel, 'deleted-entry', AT).attributes).to.deep.equal(tombstone?.attributes);
    expect((await new Parser().parseString(rss)).items.map(({ title }) => title)).to.deep.equal(['two']);
  });

  describe('the links to other representations', () => {
    const TYPES = ['application/feed+json', 'application/rss+xml', 'text/html'];
    let path: string;

    before(async () => {
      path = await app.feed('alternates', { public: true });
      await publishSome(app, path, 30);
    });

    for (const query of [
      '',
      '?limit=2',
      '?marker=7&limit=3',
      '?marker=last',
      '?search=%28%21%28cat%3Dx%29%29&limit=4',
      '/archive/1',
    ]) {
      it(`lead from ${query === '' ? 'the head' : query} to the same page`, async () => {
        const { root, ids, headers } = await page(app, `${path}${query}`);
        const links = childrenOf(root, 'link').filter(({ attributes }) => attributes['rel'] === 'alternate');
        expect(links.map(({ attributes }) => attributes['type'])).to.deep.equal(TYPES);
        for (const { attributes } of links) {
          const { href = '', type = '' } = attributes;
          expect(headers.get('link')).to.include(`<${href}>; rel="alternate"; type="${type}"`);
          const response = await app.request(href);
          expect(response.status, href).to.equal(200);
          expect(response.headers.get('content-type')?.split(';')[0]).to.equal(type);
          const body = await response.text();
          if (type === 'text/html') for (const id of ids) expect(body, href).to.include(encodeURIComponent(id));
          else
            expect(
              (type === 'application/rss+xml' ? inRss : inJsonFeed)(body).entries.map(({ id }) => id),
            ).to.deep.equal(ids);
        }
      });
    }
  });

  it('an archived page larger than any other page may be is whole too', async function () {
    this.timeout(60_000);
    const path = await app.feed('large', { public: true });
    const content = `<content type="html">${`&lt;p>]]&gt; &amp;amp; ${'x'.repeat(250)}`.repeat(1_400)}</content>`;
    for (let at = 0; at < 25; at += 1) await publishAll(app, path, [{ content }]);
    const atom = inAtom(await get(`${path}/archive/1`));
    expect(atom.entries).to.have.length(25);
    expect(inRss(await get(`${path}/archive/1?format=rss`)).entries).to.deep.equal(atom.entries);
    const feedOf = checkJsonFeed(await get(`${path}/archive/1?format=jsonfeed`));
    expect(feedOf.items.map(({ id }) => id)).to.deep.equal(atom.entries.map(({ id }) => id));
    for (const item of feedOf.items)
      expect(item.content_html).to.equal(`<p>]]> &amp; ${'x'.repeat(250)}`.repeat(1_400));
  });

  it('the archive goes on by its own links', async () => {
    const path = await app.feed('archived', { public: true });
    const ids = await publishSome(app, path, 60);
    const json = await walkIn(inJsonFeed, `${path}/archive/2?format=jsonfeed`);
    expect(json.map(({ id }) => id)).to.deep.equal(ids.slice(0, 50).toReversed());
    expect(json.length).to.equal(
      (await walk(app, `${path}?marker=50&direction=backward`, 'next')).flatMap((one) => one.ids).length,
    );
  });
});
