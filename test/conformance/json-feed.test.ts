import { expect } from 'chai';
import { readFileSync, readdirSync } from 'node:fs';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { checkJsonFeed } from '../support/json-feed-schema.js';
import type { JsonFeed, JsonFeedItem } from '../support/json-feed-schema.js';
import { post, publish, publishSome } from '../support/publish.js';

const FIXTURES = new URL('../fixtures/', import.meta.url);

/** https://www.jsonfeed.org/version/1.1/; checkJsonFeed holds each page against the whole of it. */
describe('JSON Feed 1.1', () => {
  let app: TestApp;
  let feed: string;
  let pages: JsonFeed[];
  let items: JsonFeedItem[];

  before(async () => {
    app = await startApp();
    feed = await app.feed('samples', { public: true, editable: true });
    for (const name of readdirSync(FIXTURES).filter((one) => one.endsWith('.xml'))) {
      expect((await post(app, feed, readFileSync(new URL(name, FIXTURES)))).status, name).to.equal(201);
    }
    await publish(app, feed, { content: '<link href="http://example.org/1"/>', title: '' });
    await publish(app, feed, {
      more: '<link rel="enclosure" href="http://example.org/a"/>',
      attributes: 'xml:lang="en-GB"',
    });
    const gone = await publish(app, feed);
    await app.request(`${feed}/entries/${encodeURIComponent(gone)}`, { method: 'DELETE' });
    pages = await walkNext(`${feed}?limit=4&format=jsonfeed`);
    items = pages.flatMap((one) => one.items);
  });
  after(() => app.stop());

  const pageAt = async (url: string): Promise<JsonFeed> => checkJsonFeed(await (await app.request(url)).text());
  const walkNext = async (start: string): Promise<JsonFeed[]> => {
    const found = [await pageAt(start)];
    for (let next = found[0]?.next_url; next !== undefined; next = found.at(-1)?.next_url)
      found.push(await pageAt(next));
    return found;
  };

  it('§top-level: version is the URL of the version, and appears at the very top', async () => {
    const body = await (await app.request(`${feed}?format=jsonfeed`)).text();
    expect(body).to.match(/^\{"version":"https:\/\/jsonfeed\.org\/version\/1\.1",/);
  });

  it('§top-level: title is there', () => {
    for (const page of pages) expect(page.title).to.equal('shop/samples');
  });

  it('§top-level: home_page_url is an HTML page', async () => {
    for (const page of pages) {
      const response = await app.request(page.home_page_url ?? '');
      expect(response.status).to.equal(200);
      expect(response.headers.get('content-type')).to.match(/^text\/html\b/);
      await response.text();
    }
  });

  it('§top-level: feed_url is the URL of the feed', async () => {
    for (const page of pages) expect(await pageAt(page.feed_url ?? '')).to.deep.equal(page);
  });

  it('§top-level: next_url is not feed_url, and not a next_url from before', async () => {
    const empty = await app.feed('empty', { public: true });
    const some = await app.feed('some', { public: true });
    await publishSome(app, some, 60);
    for (const start of [
      `${empty}?`,
      `${some}?limit=7&`,
      `${some}?search=%2Bnone&limit=9&`,
      `${some}?marker=60&`,
      `${some}/archive/2?`,
    ]) {
      const walked = await walkNext(`${start}format=jsonfeed`);
      const nexts = walked.flatMap(({ next_url: next }) => (next === undefined ? [] : [next]));
      expect(new Set(nexts).size, start).to.equal(nexts.length);
      for (const { feed_url: own, next_url: next } of walked) expect(own, start).not.to.equal(next);
    }
  });

  it('§top-level: authors has objects with at least one member', () => {
    for (const page of pages) expect(page.authors).to.deep.equal([{ name: 'shop' }]);
  });

  it('§items: id is a string, unique for that item over time', () => {
    expect(items.length).to.be.greaterThan(15);
    expect(new Set(items.map(({ id }) => id)).size).to.equal(items.length);
  });

  it('§items: url is present regardless of the id, and leads to the item', async () => {
    for (const { id, url = '' } of items) {
      expect(URL.canParse(url), id).to.equal(true);
      if (url.startsWith(app.url)) expect((await app.request(url)).status, url).to.equal(200);
    }
  });

  it('§items: content_html or content_text is present', () => {
    for (const { id, content_html: html, content_text: text } of items) expect(html ?? text, id).to.be.a('string');
  });

  it('§items: dates are those of RFC 3339', () => {
    for (const { id, date_published: published, date_modified: modified } of items) {
      for (const date of [published, modified]) {
        expect(date, id).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
      }
    }
  });

  it('§items: tags are strings', () => {
    expect(items.flatMap(({ tags = [] }) => tags)).to.include('tid:6140233');
  });

  it('§attachments: url and mime_type are there', () => {
    expect(items.flatMap(({ attachments = [] }) => attachments)).to.deep.equal([
      { url: 'http://example.org/a', mime_type: 'application/octet-stream' },
    ]);
  });

  it('§extensions: names begin with _ and a letter, and neither they nor their keys hold a dot', () => {
    for (const page of pages) {
      const own = Object.keys(page).filter((name) => name.startsWith('_'));
      expect(own).to.deep.equal(['_millrace']);
      for (const key of Object.keys(page._millrace)) expect(key).to.match(/^[a-z]+$/);
    }
    expect(pages.flatMap((page) => page._millrace.deleted)).to.have.length(1);
  });

  it('§suggestions for publishers: it is served as application/feed+json in UTF-8, with conditional GET', async () => {
    const response = await app.request(feed, { headers: { accept: 'application/feed+json' } });
    expect(response.headers.get('content-type')).to.equal('application/feed+json');
    new TextDecoder('utf-8', { fatal: true }).decode(await response.arrayBuffer());
    const headers = { accept: 'application/feed+json', 'if-none-match': response.headers.get('etag') ?? '' };
    expect((await app.request(feed, { headers })).status).to.equal(304);
  });
});
