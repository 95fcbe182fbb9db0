import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { APP, ATOM, childOf, childrenOf, parseXml } from '../support/atom.js';
import { publishAll, raiseFloor } from '../support/publish.js';

describe('the documents of RFC 5023', () => {
  let app: TestApp;

  before(async () => {
    app = await startApp();
    await app.feed('orders', { public: true, title: 'Orders & more' });
    await app.feed('secret');
    await app.request('/admin/workspaces/empty', { method: 'PUT' });
    await app.request('/admin/workspaces/hidden', { method: 'PUT' });
    await app.request('/admin/feeds/hidden/plans', { method: 'PUT' });
  });
  after(() => app.stop());

  const collections = async (response: Response): Promise<Record<string, string[]>> => {
    expect(response.status).to.equal(200);
    const root = parseXml(await response.text());
    expect([root.local, root.uri]).to.deep.equal(['service', APP]);
    return Object.fromEntries(
      childrenOf(root, 'workspace', APP).map((workspace) => [
        childOf(workspace, 'title').text,
        childrenOf(workspace, 'collection', APP).map(({ attributes }) => attributes['href']!.replace(app.url, '')),
      ]),
    );
  };

  it('name every workspace and collection to who may see all', async () => {
    expect(await collections(await app.request('/feeds'))).to.deep.equal({
      'The server itself': ['/feeds/system/audit'],
      demo: ['/feeds/demo/events'],
      empty: [],
      hidden: ['/feeds/hidden/plans'],
      shop: ['/feeds/shop/orders', '/feeds/shop/secret'],
    });
    expect(await collections(await app.request('/feeds/shop'))).to.have.all.keys('shop');
    expect(await collections(await app.request('/feeds/empty/'))).to.deep.equal({ empty: [] });
  });

  it('name what is public only to who shows no token', async () => {
    expect(await collections(await app.request('/feeds', { anonymous: true }))).to.deep.equal({
      demo: ['/feeds/demo/events'],
      shop: ['/feeds/shop/orders'],
    });
    expect(await collections(await app.request('/feeds/shop', { anonymous: true }))).to.deep.equal({
      shop: ['/feeds/shop/orders'],
    });
    for (const workspace of ['hidden', 'empty', 'nowhere']) {
      const response = await app.request(`/feeds/${workspace}`, { anonymous: true });
      expect(response.status, workspace).to.equal(401);
      expect(response.headers.get('www-authenticate')).to.match(/^Bearer/);
    }
    expect((await app.request('/feeds/nowhere')).status).to.equal(404);
  });

  it('can be had as JSON, with arrays wherever there may be several', async () => {
    const collection = (type: string): unknown => ({
      href: `${app.url}/feeds/shop/orders`,
      title: { '@type': ATOM, '@text': 'Orders & more' },
      accept: [
        'application/atom+xml',
        'application/atom+xml;type=entry',
        'application/atom+xml;type=feed',
        'application/vnd.rackspace.atom+json',
        'application/json',
        'application/cloudevents+json',
        'application/cloudevents-batch+json',
      ].map((one) => (type === 'application/json' ? { '@text': one } : one)),
      categories: { href: `${app.url}/feeds/shop/orders/categories` },
    });
    for (const [accept, type] of [
      ['application/vnd.rackspace.atomsvc+json', 'application/vnd.rackspace.atomsvc+json'],
      ['application/vnd.rackspace.atom+json', 'application/vnd.rackspace.atomsvc+json'],
      ['application/json', 'application/json'],
    ] as const) {
      const response = await app.request('/feeds/shop', { anonymous: true, headers: { accept } });
      expect(response.headers.get('content-type')).to.equal(type);
      expect(await response.json()).to.deep.equal({
        service: {
          '@type': APP,
          workspace: [{ title: { '@type': ATOM, '@text': 'shop' }, collection: [collection(type)] }],
        },
      });
    }
    await publishAll(app, '/feeds/shop/orders', [{ categories: ['one'] }]);
    const categories = await app.request('/feeds/shop/orders/categories?format=json');
    expect(await categories.json()).to.deep.equal({
      categories: { '@type': APP, fixed: 'no', category: [{ '@type': ATOM, term: 'one' }] },
    });
    const refused = await app.request('/feeds', { headers: { accept: 'image/png' } });
    expect(refused.status).to.equal(406);
    expect(await refused.json()).to.deep.include({
      available: ['application/atomsvc+xml', 'application/vnd.rackspace.atomsvc+json', 'application/json', 'text/html'],
    });
  });

  it('are at the root too for an Accept that asks for them; others are told where the feeds are', async () => {
    const asked = await app.request('/', { headers: { accept: 'application/atomsvc+xml' } });
    expect(asked.headers.get('content-type')).to.match(/^application\/atomsvc\+xml/);
    expect(await collections(asked)).to.include.keys('shop');
    for (const [accept, type] of [
      ['application/atomsvc+xml', 'application/atomsvc+xml;charset=utf-8'],
      ['application/xml', 'application/atomsvc+xml;charset=utf-8'],
      ['application/vnd.rackspace.atomsvc+json', 'application/vnd.rackspace.atomsvc+json'],
      ['application/json', 'application/json'],
      ['application/json, */*', 'application/json'],
    ] as const) {
      const root = await app.request('/', { headers: { accept } });
      expect([root.status, root.headers.get('content-type')], accept).to.deep.equal([200, type]);
      const there = await app.request('/feeds', { headers: { accept } });
      expect(await root.text(), accept).to.equal(await there.text());
    }
    for (const accept of ['*/*', 'text/plain', 'text/*']) {
      const anything = await app.request('/', { anonymous: true, headers: { accept } });
      expect(anything.headers.get('content-type'), accept).to.match(/^text\/plain/);
      expect(await anything.text()).to.include(`${app.url}/feeds`);
    }
  });

  it('are given as their own type, as XML of any kind, and as nothing else', async () => {
    for (const accept of ['application/atomsvc+xml', 'application/xml', 'text/xml', '*/*']) {
      const response = await app.request('/feeds', { headers: { accept } });
      expect(response.headers.get('content-type'), accept).to.equal('application/atomsvc+xml;charset=utf-8');
    }
    for (const path of ['/feeds', '/feeds/shop', '/feeds/shop/orders/categories']) {
      expect((await app.request(path, { headers: { accept: 'image/png' } })).status, path).to.equal(406);
    }
  });

  it('are pages with links for a browser, of what its user may see', async () => {
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    for (const [path, anonymous, linked] of [
      ['/', true, ['/feeds/demo', '/feeds/demo/events', '/feeds/shop', '/feeds/shop/orders']],
      ['/feeds', true, ['/feeds/demo', '/feeds/demo/events', '/feeds/shop', '/feeds/shop/orders']],
      ['/feeds/shop', true, ['/feeds', '/feeds/shop/orders']],
      ['/feeds/shop', false, ['/feeds', '/feeds/shop/orders', '/feeds/shop/secret']],
      ['/feeds/empty', false, ['/feeds']],
    ] as const) {
      const response = await app.request(path, { anonymous, headers: { accept } });
      expect(response.headers.get('content-type'), path).to.equal('text/html;charset=utf-8');
      expect(response.headers.get('content-security-policy')).to.match(/^default-src 'none'/);
      const text = await response.text();
      const links = [...text.matchAll(/<a href="([^"]*)"/g)].map(([, href = '']) => href.replace(app.url, ''));
      expect(links, path).to.deep.equal(linked);
    }
  });

  it('need not be sent again while they are the same', async () => {
    for (const path of ['/feeds', '/feeds/shop', '/feeds/shop/orders/categories', '/']) {
      const first = await app.request(path, { anonymous: true });
      const etag = first.headers.get('etag')!;
      const again = await app.request(path, { anonymous: true, headers: { 'if-none-match': `"x", W/${etag}` } });
      expect([again.status, await again.text()], path).to.deep.equal([304, '']);
      expect(again.headers.get('etag')).to.equal(etag);
      expect(first.headers.get('cache-control')).to.equal('public, no-cache');
      expect(first.headers.get('vary')).to.equal('Accept, Accept-Encoding, Authorization, X-Auth-Token');
      expect((await app.request(path)).headers.get('cache-control')).to.equal('private, no-cache');
    }
    const before = (await app.request('/feeds')).headers.get('etag');
    await app.feed('later');
    expect((await app.request('/feeds', { headers: { 'if-none-match': before! } })).status).to.equal(200);
  });

  it('can be asked for with HEAD and OPTIONS, and not be written', async () => {
    for (const path of ['/', '/feeds', '/feeds/shop', '/feeds/shop/orders/categories']) {
      const get = await app.request(path);
      const head = await app.request(path, { method: 'HEAD' });
      expect([head.status, await head.text()], path).to.deep.equal([200, '']);
      expect(head.headers.get('etag'), path).to.equal(get.headers.get('etag'));
      const options = await app.request(path, { method: 'OPTIONS' });
      expect([options.status, options.headers.get('allow')], path).to.deep.equal([204, 'GET, HEAD, OPTIONS']);
      const refused = await app.request(path, { method: 'PUT' });
      expect([refused.status, refused.headers.get('allow')], path).to.deep.equal([405, 'GET, HEAD, OPTIONS']);
    }
  });

  describe('the categories document', () => {
    const terms = async (path: string): Promise<string[]> => {
      const response = await app.request(`${path}/categories`);
      expect(response.headers.get('content-type')).to.equal('application/atomcat+xml;charset=utf-8');
      const root = parseXml(await response.text());
      expect([root.local, root.uri, root.attributes['fixed']]).to.deep.equal(['categories', APP, 'no']);
      return childrenOf(root, 'category', ATOM).map(({ attributes }) => attributes['term']!);
    };

    it('is where the service document says', async () => {
      const root = parseXml(await (await app.request('/feeds/shop')).text());
      const orders = childrenOf(childOf(root, 'workspace', APP), 'collection', APP).find(
        (collection) => childOf(collection, 'title').text === 'Orders & more',
      );
      const { href } = childOf(orders!, 'categories', APP).attributes;
      expect((await app.request(href!)).status).to.equal(200);
    });

    it('names the terms in use once each, in the form that searches compare, and no prefix', async () => {
      const path = await app.feed('terms');
      expect(await terms(path)).to.deep.equal([]);
      await publishAll(app, path, [{ categories: ['Usage', 'tid:Ab'] }, { categories: ['usage', 'a"<b', 'Ärger'] }]);
      expect(await terms(path)).to.deep.equal(['a"<b', 'tid:Ab', 'usage', 'ärger']);
    });

    it('says in JSON too that no term is in use, and nothing else', async () => {
      const path = await app.feed('unused');
      const response = await app.request(`${path}/categories?format=json`);
      const { categories } = (await response.json()) as { categories: Record<string, unknown> };
      expect(categories).to.deep.equal({ '@type': APP, fixed: 'no', category: [] });
    });

    it('does not name terms of entries that retention has taken', async () => {
      const path = await app.feed('forgotten');
      await publishAll(app, path, [{ categories: ['old', 'both'] }, { categories: ['both', 'new'] }]);
      await raiseFloor(app, path, 2);
      expect(await terms(path)).to.deep.equal(['both', 'new']);
    });

    it('ends after a thousand terms', async () => {
      const path = await app.feed('many-terms');
      const categories = (n: number): string[] => Array.from({ length: 20 }, (_, of) => `t${String(n * 20 + of)}`);
      await publishAll(
        app,
        path,
        Array.from({ length: 60 }, (_, n) => ({ categories: categories(n) })),
      );
      expect(await terms(path)).to.have.length(1_000);
    });

    it('is for readers of the feed only', async () => {
      expect((await app.request('/feeds/shop/orders/categories', { anonymous: true })).status).to.equal(200);
      expect((await app.request('/feeds/shop/secret/categories', { anonymous: true })).status).to.equal(401);
      expect((await app.request('/feeds/shop/none/categories', { anonymous: true })).status).to.equal(401);
      expect((await app.request('/feeds/shop/none/categories')).status).to.equal(404);
    });
  });
});
