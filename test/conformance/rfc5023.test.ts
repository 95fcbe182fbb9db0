import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { APP, ATOM, childOf, childrenOf, linksOf, parseXml } from '../support/atom.js';
import type { Element } from '../support/atom.js';
import { aFeedOf, anEntry, anId } from '../support/build.js';
import { ENTRY_TYPE, FEED_TYPE, page, post, publish, publishSome, walk } from '../support/publish.js';

describe('RFC 5023, the Atom publishing protocol', () => {
  let app: TestApp;
  let feed: string;
  let editable: string;

  before(async () => {
    app = await startApp();
    feed = await app.feed('facts');
    editable = await app.feed('editable', { editable: true });
  });
  after(() => app.stop());

  const member = (path: string, id: string): string => `${path}/entries/${encodeURIComponent(id)}`;
  const document = async (path: string): Promise<Element> => {
    const response = await app.request(path);
    expect(response.status).to.equal(200);
    return parseXml(await response.text());
  };

  it('§4.2: ids and URIs of entries are IRIs, and URIs are what HTTP is spoken with', async () => {
    const id = 'http://example.org/é';
    const response = await post(app, feed, anEntry({ id }));
    expect(response.headers.get('location')).to.match(/^http:\/\/[!-~]+$/);
  });

  it('§5.1: a service document leads to the collections', async () => {
    const workspaces = childrenOf(await document('/feeds'), 'workspace', APP);
    const collections = workspaces.flatMap((workspace) => childrenOf(workspace, 'collection', APP));
    const hrefs = collections.map(({ attributes }) => attributes['href']);
    expect(hrefs).to.include(`${app.url}${feed}`);
  });

  it('§5.3: POST to a collection creates a member: 201 with its Location', async () => {
    const response = await post(app, feed, anEntry());
    expect(response.status).to.equal(201);
    expect((await app.request(response.headers.get('location') ?? '')).status).to.equal(200);
  });

  it('§5.4.1, §5.4.2, §5.4.3: GET, PUT and DELETE of a member', async () => {
    const id = await publish(app, editable);
    const url = member(editable, id);
    const get = await app.request(url);
    await get.arrayBuffer();
    const put = await app.request(url, {
      method: 'PUT',
      headers: { 'content-type': ENTRY_TYPE, 'if-match': get.headers.get('etag') ?? '' },
      body: anEntry({ id, title: 'new' }),
    });
    expect(put.status).to.equal(200);
    expect((await app.request(url, { method: 'DELETE' })).status).to.equal(204);
    expect((await app.request(url)).status).to.equal(410);
  });

  it('§8.3.1: a service document has workspaces, each with one title', async () => {
    const root = await document('/feeds');
    expect([root.local, root.uri]).to.deep.equal(['service', APP]);
    const workspaces = childrenOf(root, 'workspace', APP);
    expect(workspaces.length).to.be.above(0);
    for (const workspace of workspaces) expect(childrenOf(workspace, 'title', ATOM)).to.have.length(1);
  });

  it('§8.3.3, §8.3.4: a collection has an href, one title, and what it accepts', async () => {
    for (const workspace of childrenOf(await document('/feeds'), 'workspace', APP)) {
      for (const collection of childrenOf(workspace, 'collection', APP)) {
        expect(collection.attributes['href']).to.match(/^http/);
        expect(childrenOf(collection, 'title', ATOM)).to.have.length(1);
        const accepts = childrenOf(collection, 'accept', APP).map(({ text }) => text);
        // To the server's own feed nobody publishes.
        const isOwn = collection.attributes['href']?.endsWith('/feeds/system/audit') === true;
        if (isOwn) expect(accepts).to.deep.equal(['']);
        else expect(accepts).to.include('application/atom+xml;type=entry');
      }
    }
  });

  it('§8: a service document is application/atomsvc+xml, §7: a categories document application/atomcat+xml', async () => {
    for (const [path, type] of [
      ['/feeds', 'application/atomsvc+xml'],
      ['/feeds/shop', 'application/atomsvc+xml'],
      [`${feed}/categories`, 'application/atomcat+xml'],
    ] as const) {
      const response = await app.request(path);
      await response.arrayBuffer();
      expect(response.headers.get('content-type'), path).to.include(type);
    }
  });

  it('§7.2.1: a categories document that is open says so or nothing', async () => {
    await publish(app, feed, { categories: ['some.term'] });
    const root = await document(`${feed}/categories`);
    expect([root.local, root.uri]).to.deep.equal(['categories', APP]);
    expect(root.attributes['fixed'] ?? 'no').to.equal('no');
    expect(childrenOf(root, 'category', ATOM).map(({ attributes }) => attributes['term'])).to.include('some.term');
  });

  it('§9.2: what was posted is answered with the entry, and Content-Location equal to Location says that it is that', async () => {
    const id = anId();
    const response = await post(app, feed, anEntry({ id, title: 't' }));
    expect(response.headers.get('content-location')).to.equal(response.headers.get('location'));
    expect(response.headers.get('content-type')).to.match(/^application\/atom\+xml/);
    expect(childOf(parseXml(await response.text()), 'id').text).to.equal(id);
  });

  it('§9.2: an entry and a feed are told apart by the media type, never by looking', async () => {
    expect((await post(app, feed, aFeedOf([{}]), { 'content-type': 'application/atom+xml' })).status).to.equal(422);
    expect((await post(app, feed, aFeedOf([{}]), { 'content-type': FEED_TYPE })).status).to.equal(201);
    expect((await post(app, feed, anEntry(), { 'content-type': FEED_TYPE })).status).to.equal(422);
  });

  it('§9.3: PUT keeps what it does not know, and the id', async () => {
    const id = await publish(app, editable);
    const body = anEntry({ id, more: '<x:y xmlns:x="urn:x" z="1"/>' });
    const headers = { 'content-type': ENTRY_TYPE, 'if-match': '*' };
    const put = await app.request(member(editable, id), { method: 'PUT', headers, body });
    const entry = parseXml(await put.text());
    expect(childOf(entry, 'id').text).to.equal(id);
    expect(childOf(entry, 'y', 'urn:x').attributes).to.deep.equal({ z: '1' });
  });

  it('§9.5: a lost update is refused', async () => {
    const id = await publish(app, editable);
    const get = await app.request(member(editable, id));
    await get.arrayBuffer();
    const headers = { 'content-type': ENTRY_TYPE, 'if-match': get.headers.get('etag') ?? '' };
    const put = (title: string): Promise<Response> =>
      app.request(member(editable, id), { method: 'PUT', headers, body: anEntry({ id, title }) });
    expect((await put('mine')).status).to.equal(200);
    expect((await put('theirs')).status).to.equal(412);
  });

  it('§9.6: media types are told in the service document, any other gets 415', async () => {
    expect((await post(app, feed, 'x', { 'content-type': 'image/png' })).status).to.equal(415);
  });

  it('§9.7.1: a Slug is percent-encoded UTF-8', async () => {
    const response = await post(app, feed, anEntry(), { slug: 'The Beach at S%C3%A8te' });
    expect(childOf(parseXml(await response.text()), 'title').text).to.equal('The Beach at Sète');
  });

  it('§10: a collection lists its members, most recently edited first', async () => {
    const path = await app.feed('listed', { editable: true });
    const [one = '', two = '', three = ''] = await publishSome(app, path, 3);
    const headers = { 'content-type': ENTRY_TYPE, 'if-match': '*' };
    await app.request(member(path, one), { method: 'PUT', headers, body: anEntry({ id: one, title: 'new' }) });
    expect((await page(app, path)).ids).to.deep.equal([one, three, two]);
  });

  it('§10.1: a partial list leads on with next, and clients see all by following it', async () => {
    const path = await app.feed('partial');
    const ids = await publishSome(app, path, 7);
    const pages = await walk(app, `${path}?limit=2`, 'next');
    expect(pages.flatMap((one) => one.ids)).to.deep.equal(ids.toReversed());
  });

  it('§10.2: an entry says exactly once when it was edited, and the server alone says it', async () => {
    const edited = `<app:edited xmlns:app="${APP}">1999-01-01T00:00:00Z</app:edited>`;
    await publish(app, feed, { more: edited + edited });
    for (const entry of (await page(app, feed)).entries) {
      expect(childOf(entry, 'edited', APP).text).to.match(/^20\d\d-/);
    }
  });

  it('§11.1: a member that can be edited says where, one that cannot does not', async () => {
    for (const [path, expected] of [
      [editable, true],
      [feed, false],
    ] as const) {
      const id = await publish(app, path);
      const entry = await document(member(path, id));
      expect(linksOf(entry).has('edit')).to.equal(expected);
      if (expected) expect((await app.request(linksOf(entry).get('edit') ?? '')).status).to.equal(200);
    }
  });

  it('§12: the type parameter of application/atom+xml is entry or feed', async () => {
    expect((await post(app, feed, anEntry(), { 'content-type': 'application/atom+xml;type=x' })).status).to.equal(415);
    const id = await publish(app, feed);
    const one = await app.request(member(feed, id));
    expect(one.headers.get('content-type')).to.include('type=entry');
    expect((await page(app, feed)).headers.get('content-type')).to.include('type=feed');
  });
});
