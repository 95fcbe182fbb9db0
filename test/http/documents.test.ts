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

  it('are at the root too for an Accept that asks for them; others are told where the feeds are', async () => {
    const asked = await app.request('/', { headers: { accept: 'application/atomsvc+xml' } });
    expect(asked.headers.get('content-type')).to.match(/^application\/atomsvc\+xml/);
    expect(await collections(asked)).to.include.keys('shop');
    const browser = await app.request('/', { anonymous: true, headers: { accept: 'text/html,*/*;q=0.8' } });
    expect(browser.headers.get('content-type')).to.match(/^text\/plain/);
    expect(await browser.text()).to.include(`${app.url}/feeds`);
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
