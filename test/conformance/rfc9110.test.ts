import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry } from '../support/build.js';
import { ENTRY_TYPE, post, publish, publishSome } from '../support/publish.js';

describe('RFC 9110, HTTP semantics', () => {
  let app: TestApp;
  let feed: string;
  let entry: string;
  let all: string[];

  before(async () => {
    app = await startApp();
    feed = await app.feed('http', { public: true, editable: true });
    await publishSome(app, feed, 30);
    entry = `${feed}/entries/${await publish(app, feed)}`;
    all = [feed, `${feed}?marker=31`, `${feed}/archive/1`, entry, '/feeds', '/feeds/shop', `${feed}/categories`];
  });
  after(() => app.stop());

  const headersOf = (response: Response): Record<string, string> => {
    const perRequest = ['date', 'x-request-id', 'connection', 'keep-alive', 'transfer-encoding', 'content-length'];
    return Object.fromEntries([...response.headers].filter(([name]) => !perRequest.includes(name)));
  };
  const get = async (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> => {
    const response = await app.request(path, { method, headers });
    await response.arrayBuffer();
    return response;
  };

  it('§6.6.1: an answer has a Date', async () => {
    for (const path of [...all, '/nothing']) {
      expect(Date.parse((await get(path)).headers.get('date') ?? ''), path).to.be.closeTo(Date.now(), 5_000);
    }
  });

  it('§8.6: there is no Content-Length in a 204', async () => {
    for (const path of all) {
      const response = await get(path, {}, 'OPTIONS');
      expect(response.status, path).to.equal(204);
      expect(response.headers.get('content-length'), path).to.equal(null);
    }
  });

  it('§8.8.3: a tag is quoted, and strong', async () => {
    for (const path of all) expect((await get(path)).headers.get('etag'), path).to.match(/^"[\x21\x23-\x7e]+"$/);
  });

  it('§8.8.3.3: representations in different codings have different tags', async () => {
    for (const path of [feed, `${feed}/archive/1`]) {
      const tags = await Promise.all(
        ['identity', 'gzip', 'br'].map(async (coding) =>
          (await get(path, { 'accept-encoding': coding })).headers.get('etag'),
        ),
      );
      expect(new Set(tags).size).to.equal(3);
    }
  });

  it('§9.3.2: HEAD gives the headers of GET and no content', async () => {
    for (const path of [...all, '/nothing', `${feed}?limit=0`]) {
      const head = await app.request(path, { method: 'HEAD' });
      expect(await head.text()).to.equal('');
      const same = await get(path);
      expect(head.status, path).to.equal(same.status);
      expect(headersOf(head), path).to.deep.equal(headersOf(same));
    }
  });

  it('§9.3.7: OPTIONS tells the methods, and each of them is there', async () => {
    for (const path of all) {
      const allow = (await get(path, {}, 'OPTIONS')).headers.get('allow')?.split(', ') ?? [];
      expect(allow, path).to.include.members(['GET', 'HEAD', 'OPTIONS']);
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH']) {
        if (path === entry && method === 'DELETE') continue;
        const { status } = await get(path, {}, method);
        expect(status === 405, `${method} ${path}`).to.equal(!allow.includes(method));
      }
    }
  });

  it('§10.2.1, §15.5.6: a 405 has a true Allow', async () => {
    for (const path of all) {
      const response = await get(path, {}, 'PATCH');
      expect(response.status).to.equal(405);
      expect(response.headers.get('allow')).to.equal((await get(path, {}, 'OPTIONS')).headers.get('allow'));
    }
  });

  it('§11.6.1, §15.5.2: a 401 has a challenge', async () => {
    const closed = await app.feed('closed');
    const response = await app.request(closed, { anonymous: true });
    expect(response.status).to.equal(401);
    expect(response.headers.get('www-authenticate')).to.match(/^Bearer realm="[^"]+"$/);
  });

  it('§12.4.2: quality 0 is not acceptable, and a more specific range goes before a wider one', async () => {
    const status = async (accept: string): Promise<number> => (await get(feed, { accept })).status;
    const other = await get(feed, { accept: 'application/atom+xml;q=0, */*' });
    expect(other.status).to.equal(200);
    expect(other.headers.get('content-type')).not.to.include('atom+xml');
    expect(await status('application/*;q=0, text/*;q=0, */*')).to.equal(406);
    expect(await status('*/*;q=0')).to.equal(406);
    expect(await status('*/*;q=0, application/atom+xml;q=0.001')).to.equal(200);
  });

  it('§12.5.3: a coding of quality 0 is not used, identity is when nothing else fits', async () => {
    const coding = async (accept: string): Promise<string | null> =>
      (await get(feed, { 'accept-encoding': accept })).headers.get('content-encoding');
    expect(await coding('br;q=0, gzip;q=0')).to.equal(null);
    expect(await coding('br;q=0, *')).to.equal('gzip');
    expect(await coding('identity;q=1, *;q=0')).to.equal(null);
    expect(await coding('compress')).to.equal(null);
    expect(await coding('GZIP')).to.equal('gzip');
  });

  it('§12.5.5: Vary names what the answer was chosen by', async () => {
    for (const path of all) {
      for (const accept of ['*/*', 'image/png']) {
        const vary = (await get(path, { accept })).headers.get('vary')?.toLowerCase() ?? '';
        for (const name of ['accept', 'accept-encoding', 'authorization']) expect(vary, path).to.include(name);
      }
    }
  });

  it('§13.1.1: If-Match compares strongly, and 412 stops a change', async () => {
    const id = await publish(app, feed);
    const url = `${feed}/entries/${id}`;
    const etag = (await get(url)).headers.get('etag') ?? '';
    const put = async (ifMatch: string): Promise<number> => {
      const headers = { 'content-type': ENTRY_TYPE, 'if-match': ifMatch };
      return (await app.request(url, { method: 'PUT', headers, body: anEntry({ id, title: ifMatch }) })).status;
    };
    expect(await put(`W/${etag}`)).to.equal(412);
    expect(await put('"other"')).to.equal(412);
    expect(await put(etag)).to.equal(200);
  });

  it('§13.1.1: If-Match holds for GET too', async () => {
    for (const path of all) {
      const etag = (await get(path)).headers.get('etag') ?? '';
      expect((await get(path, { 'if-match': etag })).status, path).to.equal(200);
      expect((await get(path, { 'if-match': '*' })).status, path).to.equal(200);
      for (const wrong of ['"x"', `W/${etag}`]) {
        expect((await get(path, { 'if-match': wrong })).status, path).to.equal(412);
        expect((await get(path, { 'if-match': wrong, 'if-none-match': etag })).status, path).to.equal(412);
      }
    }
  });

  it('§13.1.2: If-None-Match compares weakly, takes lists and a star', async () => {
    for (const path of all) {
      const etag = (await get(path)).headers.get('etag') ?? '';
      for (const value of [etag, `W/${etag}`, `"x", ${etag}`, `"x" , W/"y",${etag}`, '*']) {
        expect((await get(path, { 'if-none-match': value })).status, `${path} ${value}`).to.equal(304);
        expect((await get(path, { 'if-none-match': value }, 'HEAD')).status, `${path} ${value}`).to.equal(304);
      }
      for (const value of ['"x"', `"${etag.slice(1, -1)}x"`]) {
        expect((await get(path, { 'if-none-match': value })).status, `${path} ${value}`).to.equal(200);
      }
    }
  });

  it('§13.1.2: If-None-Match: * keeps a PUT from replacing what is there', async () => {
    const id = await publish(app, feed);
    const headers = { 'content-type': ENTRY_TYPE, 'if-match': '*', 'if-none-match': '*' };
    const url = `${feed}/entries/${id}`;
    expect((await app.request(url, { method: 'PUT', headers, body: anEntry({ id, title: 'x' }) })).status).to.equal(
      412,
    );
  });

  it('§13.2.1: a condition does not change what would be refused without it', async () => {
    for (const [path, status] of [
      [`${feed}?limit=0`, 400],
      [`${feed}?marker=999`, 409],
      [`${feed}?marker=urn:x:nobody`, 404],
      [`${feed}/archive/99`, 404],
      [`${feed}/entries/urn:x:nobody`, 404],
      ['/feeds/shop/nowhere', 404],
    ] as const) {
      const etag = (await get(feed)).headers.get('etag') ?? '';
      for (const tag of ['*', etag]) expect((await get(path, { 'if-none-match': tag })).status, path).to.equal(status);
    }
  });

  it('§14: without Accept-Ranges a Range is passed over', async () => {
    const response = await get(feed, { range: 'bytes=0-9' });
    expect(response.status).to.equal(200);
  });

  it('§15.3.2: a 201 names what was made', async () => {
    const response = await post(app, feed, anEntry());
    expect(response.status).to.equal(201);
    expect(response.headers.get('location')).to.match(/^http/);
  });

  it('§15.4.5: a 304 has the Cache-Control, ETag and Vary of the 200, and no content', async () => {
    for (const path of all) {
      for (const coding of ['identity', 'gzip', 'br']) {
        const ok = await get(path, { 'accept-encoding': coding });
        for (const tag of [ok.headers.get('etag') ?? '', '*']) {
          const not = await app.request(path, { headers: { 'accept-encoding': coding, 'if-none-match': tag } });
          expect(not.status, path).to.equal(304);
          expect(await not.text()).to.equal('');
          for (const name of ['cache-control', 'etag', 'vary', 'content-location', 'expires']) {
            expect(not.headers.get(name), `${path} ${coding} ${name}`).to.equal(ok.headers.get(name));
          }
        }
      }
    }
  });

  it('§15.5.16: a 415 tells what would have been taken', async () => {
    const type = await post(app, feed, anEntry(), { 'content-type': 'text/plain' });
    expect(type.headers.get('accept-post')).to.include('application/atom+xml');
    const coding = await post(app, feed, anEntry(), { 'content-encoding': 'gzip' });
    expect(coding.headers.get('accept-encoding')).to.equal('identity');
  });
});
