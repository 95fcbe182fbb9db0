import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { NO_LIMITS } from '../../src/core/feed.js';
import { readFeedDocument } from '../../src/formats/atom/atom-read.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { AT, childOf, childrenOf, linksOf, parseXml, readFeed } from '../support/atom.js';
import type { Element, FeedPage } from '../support/atom.js';
import { anEntry } from '../support/build.js';
import { page, post, publish, publishAll } from '../support/publish.js';
import { bearing, issue } from '../support/tokens.js';

const OURS = 'urn:millrace:export';
const TYPE = 'application/atom+xml;type=feed;charset=utf-8';

/** What the export puts before the end tag of an entry. */
const ADDED =
  /<((?:[^\s<>/]+:)?)source(?: xmlns="[^"]*")?>(?:(?!<\/\1source>).)*<\/\1source>(?=<x:row )|<x:row xmlns:x="urn:millrace:export"[^>]*\/>/gs;

describe('the export as Atom', function () {
  this.timeout(30_000);
  let app: TestApp;
  before(async () => {
    app = await startApp();
  });
  after(() => app.stop());

  const fresh = (): string => `f${randomUUID().slice(0, 8)}`;

  async function pull(query: string, init: RequestInit = {}): Promise<FeedPage & { readonly end: Element }> {
    const response = await app.request(`/export?format=atom&${query}`, init);
    const read = await readFeed(response);
    expect(response.headers.get('content-type')).to.equal(TYPE);
    const last = read.root.children.at(-1);
    expect([last?.local, last?.uri]).to.deep.equal(['end', OURS]);
    return { ...read, end: last! };
  }

  const rowOf = (entry: Element): Readonly<Record<string, string>> => childOf(entry, 'row', OURS).attributes;

  it('is one feed of entries in the order of the log, with what their rows have and where they are from', async () => {
    const [a, b] = [fresh(), fresh()];
    const [one, other] = [await app.feed(a, { title: 'A & B' }), await app.feed(b)];
    const ids = [
      await publish(app, one, { author: 'a' }),
      await publish(app, other, { author: 'b' }),
      await publish(app, one, { author: 'a' }),
    ];
    const { root, entries, ids: given, end } = await pull(`feeds=shop/${a},shop/${b}`);
    expect(given).to.deep.equal(ids);
    expect(childOf(root, 'id').text).to.match(/^http:.*\/export\?feeds=/);
    expect(childOf(root, 'title').text).to.include(`shop/${a}`);
    expect(childOf(childOf(root, 'author'), 'name').text).to.not.equal('');
    expect(linksOf(root).get('self')).to.include('format=atom');
    const [first] = entries;
    const { recorded_at: recordedAt, ...row } = rowOf(first!);
    expect(row).to.deep.equal({ workspace: 'shop', feed: a, position: '1', kind: 'entry' });
    expect(recordedAt).to.equal(childOf(first!, 'edited', 'http://www.w3.org/2007/app').text);
    const source = childOf(first!, 'source');
    const own = await page(app, one);
    expect(childOf(source, 'id').text).to.equal(childOf(own.root, 'id').text);
    expect(childOf(source, 'title').text).to.equal('A & B');
    expect(linksOf(source).get('self')).to.equal(`${app.url}/feeds/shop/${a}`);
    expect(entries.map((entry) => rowOf(entry)['position'])).to.deep.equal(['1', '1', '2']);
    expect(end.attributes).to.include({ rows: '3', complete: 'false' });
    expect(childOf(root, 'updated').text).to.equal(end.attributes['until']);
    expect((await pull(`feeds=shop/${a},shop/${b}&after=${end.attributes['after']!}`)).ids).to.deep.equal([]);
  });

  it('has entries as the pages of their feeds have them, to the octet', async () => {
    const name = fresh();
    const feed = await app.feed(name);
    const large = 'x <source/> '.replaceAll('<', '&lt;').repeat(10_000);
    await publishAll(app, feed, [
      {},
      { content: '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>&amp; ü 𝄞</p></div></content>' },
      { content: '<content type="application/xml"><source xmlns="urn:x">no Atom</source></content>' },
      { content: `<content>${large}</content>`, author: 'a' },
    ]);
    await post(
      app,
      feed,
      '<a:entry xmlns:a="http://www.w3.org/2005/Atom"><a:title>prefixed</a:title><a:content>c</a:content></a:entry>',
    );
    const own = await page(app, feed);
    const exported = await pull(`feeds=shop/${name}`);
    const elements = (xml: string): string[] =>
      [...xml.matchAll(/^<(a:)?entry[ >].*?<\/\1entry>$/gms)].map(([text]) => text.replaceAll(ADDED, ''));
    expect(exported.xml.match(ADDED)?.length).to.equal(10);
    expect(elements(exported.xml)).to.deep.equal(elements(own.xml).toReversed());
    expect(elements(own.xml)).to.have.lengthOf(5);
  });

  it('leaves an entry the source that it came with', async () => {
    const name = fresh();
    const feed = await app.feed(name);
    const source = '<source><id>urn:elsewhere</id><title>t</title><updated>2026-01-01T00:00:00Z</updated></source>';
    await publish(app, feed, { author: 'a', more: source });
    const [entry] = (await pull(`feeds=shop/${name}`)).entries;
    expect(childOf(childOf(entry!, 'source'), 'id').text).to.equal('urn:elsewhere');
    expect(rowOf(entry!)).to.include({ feed: name, position: '1' });
  });

  it('has revisions under one id, and tombstones (RFC 6721)', async () => {
    const name = fresh();
    const feed = await app.feed(name, { editable: true });
    const posted = await post(app, feed, anEntry({ id: 'urn:e:1', author: 'a' }));
    const location = posted.headers.get('location') ?? '';
    const headers = {
      'content-type': 'application/atom+xml;type=entry',
      'if-match': posted.headers.get('etag') ?? '',
    };
    const body = anEntry({ id: 'urn:e:1', author: 'a', title: 'revised' });
    expect((await app.request(location, { method: 'PUT', headers, body })).status).to.equal(200);
    expect((await app.request(location, { method: 'DELETE' })).status).to.be.below(300);
    const { root, ids, entries } = await pull(`feeds=shop/${name}`);
    expect(ids).to.deep.equal(['urn:e:1', 'urn:e:1', '-urn:e:1']);
    expect(entries.map((entry) => rowOf(entry)['kind'])).to.deep.equal(['entry', 'revision']);
    const edited = entries.map((entry) => childOf(entry, 'edited', 'http://www.w3.org/2007/app').text);
    expect(new Set(edited).size).to.equal(2);
    const [tombstone] = childrenOf(root, 'deleted-entry', AT);
    expect(rowOf(tombstone!)).to.include({ kind: 'tombstone', position: '3', feed: name });
    expect(childOf(tombstone!, 'source').children).to.not.deep.equal([]);
  });

  it('is taken by our own strict reader, and can be published elsewhere', async () => {
    const name = fresh();
    const feed = await app.feed(name);
    const ids = await publishAll(
      app,
      feed,
      Array.from({ length: 300 }, (_, n) => ({ title: String(n) })),
    );
    const { xml } = await pull(`feeds=shop/${name}`);
    const drafts = await readFeedDocument(Buffer.from(xml), 'utf-8', { limits: NO_LIMITS });
    expect(drafts.map(({ atomId }) => atomId)).to.deep.equal(ids);
    const copy = await app.feed(fresh());
    const response = await post(app, copy, xml, { 'content-type': 'application/atom+xml;type=feed' });
    expect(response.status, await response.text()).to.equal(201);
  });

  it('is had by Accept too, in gzip and zstd, announces its trailers, and only its head to HEAD', async () => {
    const name = fresh();
    await publishAll(app, await app.feed(name), [{}, {}]);
    const plain = await pull(`feeds=shop/${name}`);
    for (const accept of ['application/atom+xml', 'application/atom+xml;type=feed', 'text/xml']) {
      const response = await app.request(`/export?feeds=shop/${name}`, { headers: { accept } });
      expect(response.headers.get('content-type'), accept).to.equal(TYPE);
      expect((await readFeed(response)).ids, accept).to.deep.equal(plain.ids);
    }
    const coded = await app.request(`/export?feeds=shop/${name}&format=atom`, {
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(coded.headers.get('content-encoding')).to.equal('gzip');
    expect(coded.headers.get('trailer')).to.include('Millrace-Export-After');
    expect((await readFeed(coded)).ids).to.deep.equal(plain.ids);
    const zstd = await app.request(`/export?feeds=shop/${name}&format=atom`, {
      headers: { 'accept-encoding': 'zstd' },
      method: 'HEAD',
    });
    expect([zstd.status, zstd.headers.get('content-encoding'), await zstd.text()]).to.deep.equal([200, 'zstd', '']);
    expect(zstd.headers.get('trailer')).to.equal(null);
  });

  it('is not well-formed when it was cut off', async () => {
    const name = fresh();
    await publishAll(app, await app.feed(name), [{}, {}, {}]);
    const { xml } = await pull(`feeds=shop/${name}`);
    for (const at of [100, xml.indexOf('</entry>'), xml.indexOf('<x:end'), xml.lastIndexOf('</feed>')]) {
      expect(() => parseXml(xml.slice(0, at)), String(at)).to.throw();
    }
  });

  it('has no columns', async () => {
    const response = await app.request('/export?format=atom&columns=workspace');
    expect(response.status).to.equal(400);
    expect(await response.text()).to.include('goes with ndjson, csv and parquet only');
    const put = await app.request('/admin/exports/no-columns', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ feeds: ['shop/*'], format: 'atom', columns: ['workspace'] }),
    });
    expect(put.status).to.equal(400);
  });

  it('tells who is bound to a tenant neither positions nor when others publish', async () => {
    const name = fresh();
    const feed = await app.feed(name);
    await publish(app, feed, { categories: ['tid:1'] });
    await publish(app, feed, { categories: ['tid:2'] });
    const token = await issue(app, [{ role: 'exporter', workspace: 'shop', tenants: ['1'] }]);
    const { entries, root, end } = await pull(`feeds=shop/${name}`, { headers: bearing(token) });
    expect(entries).to.have.lengthOf(1);
    expect(rowOf(entries[0]!)).to.not.have.property('position');
    expect(end.attributes).to.not.have.property('until');
    const own = childOf(entries[0]!, 'edited', 'http://www.w3.org/2007/app').text;
    expect(childOf(root, 'updated').text > own).to.equal(true);
  });

  it('is what batches of a named export are in, each time the same', async () => {
    const name = fresh();
    const ids = await publishAll(app, await app.feed(name), [{}, {}, {}]);
    const put = await app.request(`/admin/exports/${name}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ feeds: [`shop/${name}`], format: 'atom' }),
    });
    expect(put.status, await put.text()).to.equal(201);
    const batch = await app.request(`/export/${name}`);
    const key = batch.headers.get('millrace-export-batch');
    const read = await readFeed(batch);
    expect(read.ids).to.deep.equal(ids);
    expect((await (await app.request(`/export/${name}`)).text()) === read.xml).to.equal(true);
    const { receipt, batch: told } = read.root.children.at(-1)!.attributes;
    expect(told).to.equal(key);
    const ack = await app.request(`/export/${name}/ack`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ receipt }),
    });
    expect(ack.status, await ack.text()).to.equal(200);
    const rest = await readFeed(await app.request(`/export/${name}`));
    expect(rest.ids).to.deep.equal([]);
    expect(childOf(rest.root, 'id').text).to.equal(childOf(read.root, 'id').text);
    expect(rest.root.children.at(-1)!.attributes).to.not.have.property('receipt');
  });
});
