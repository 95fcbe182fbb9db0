import { expect } from 'chai';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from '../../src/server.js';
import { readConfig } from '../../src/config.js';
import { StartError } from '../../src/core/start-error.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { ADMIN_TOKEN, startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry, anId } from '../support/build.js';
import { deleteFeed } from '../support/deletion.js';
import { page, post, publish } from '../support/publish.js';
import { until } from '../support/waiting.js';

interface Problem {
  type: string;
  detail: string;
  errors: { path: string; message: string; line?: number; column?: number }[];
}

describe('administration', () => {
  let app: TestApp;

  before(async () => {
    app = await startApp();
  });
  after(() => app.stop());

  const put = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    app.request(path, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const remove = (path: string): Promise<Response> => app.request(path, { method: 'DELETE' });
  /** Of `shop/orders`, for good. */
  const purge = (name: string): Promise<Response> => deleteFeed(app, `/feeds/${name}`, { purge: true });
  const json = async <T = Record<string, unknown>>(response: Response | Promise<Response>): Promise<T> =>
    (await (await response).json()) as T;
  const problem = async (response: Promise<Response>, status: number): Promise<Problem> => {
    const answer = await response;
    const body = await json<Problem>(answer);
    expect(answer.status, body.detail).to.equal(status);
    return body;
  };

  describe('workspaces', () => {
    it('are created with 201, altered with 200, shown and listed', async () => {
      const created = await put('/admin/workspaces/ops', { title: 'Operations' });
      expect(created.status).to.equal(201);
      const shown = {
        name: 'ops',
        title: 'Operations',
        url: `${app.url}/feeds/ops`,
        used: { feeds: 0, entriesPerDay: 0 },
      };
      expect(await json(created)).to.deep.equal(shown);
      expect(await json(app.request('/admin/workspaces/ops'))).to.deep.equal(shown);
      expect((await put('/admin/workspaces/ops', {})).status).to.equal(200);
      expect(await json(app.request('/admin/workspaces/ops'))).to.deep.equal({
        name: 'ops',
        url: shown.url,
        used: shown.used,
      });
      const { workspaces } = await json<{ workspaces: { name: string }[] }>(app.request('/admin/workspaces'));
      expect(workspaces.map(({ name }) => name)).to.include('ops');
    });

    it('cannot be deleted while they have feeds, and say how many', async () => {
      await put('/admin/workspaces/full', {});
      await put('/admin/feeds/full/a', {});
      expect((await problem(remove('/admin/workspaces/full'), 409)).detail).to.include('the feed "a"');
      await put('/admin/feeds/full/b', {});
      expect((await problem(remove('/admin/workspaces/full'), 409)).detail).to.include('2 feeds');
      await purge('full/a');
      await purge('full/b');
      expect((await remove('/admin/workspaces/full')).status).to.equal(204);
      expect((await app.request('/admin/workspaces/full')).status).to.equal(404);
      expect((await remove('/admin/workspaces/full')).status).to.equal(404);
    });
  });

  describe('a feed', () => {
    before(() => put('/admin/workspaces/shop', {}));

    it('needs its workspace, and the message says how to make it', async () => {
      expect((await problem(put('/admin/feeds/nowhere/orders', {}), 404)).detail).to.include(
        'PUT /admin/workspaces/nowhere',
      );
    });

    it('is made, changed or deleted only where a precondition holds (RFC 9110 §13.1)', async () => {
      for (const path of ['/admin/workspaces/once', '/admin/feeds/shop/once']) {
        const having = (method: string, headers: Record<string, string>): Promise<Response> =>
          app.request(method === 'DELETE' ? `${path}?confirm=shop/once` : path, { method, headers });
        await problem(having('PUT', { 'if-match': '*' }), 412);
        await problem(having('PUT', { 'if-match': '"a"' }), 412);
        expect((await having('PUT', { 'if-none-match': '*' })).status).to.equal(201);
        expect((await problem(having('PUT', { 'if-none-match': '*' }), 412)).detail).to.include('is there already');
        expect((await having('PUT', { 'if-match': '*' })).status).to.equal(200);
        expect((await having('PUT', { 'if-none-match': '"a"' })).status).to.equal(200);
        await problem(having('DELETE', { 'if-none-match': '*' }), 412);
        await problem(having('DELETE', { 'if-match': '"a"' }), 412);
        expect((await having('DELETE', { 'if-match': '*' })).status).to.equal(204);
        await problem(having('DELETE', { 'if-none-match': '*' }), 404);
      }
    });

    it('takes JSON only, and names it', async () => {
      const headers = { 'content-type': 'application/merge-patch+json' };
      const response = await app.request('/admin/feeds/shop/typed', { method: 'PUT', headers, body: '{}' });
      expect(response.headers.get('accept')).to.equal('application/json');
      await problem(Promise.resolve(response), 415);
    });

    it('is made without a body, with every setting’s default', async () => {
      const response = await app.request('/admin/feeds/shop/plain', { method: 'PUT' });
      expect(response.status).to.equal(201);
      const { id, createdAt, ...shown } = await json(response);
      expect(id).to.match(/^urn:uuid:[0-9a-f-]{36}$/);
      expect(createdAt).to.match(/^\d{4}-\d\d-\d\dT/);
      expect(shown).to.deep.equal({
        workspace: 'shop',
        name: 'plain',
        url: `${app.url}/feeds/shop/plain`,
        public: false,
        editable: false,
        inlineJson: false,
        compatibility: 'backward',
        limits: { bodyBytes: 2_097_152, categories: 20, categoryLength: 256, links: 20 },
        head: 0,
        firstKept: 1,
      });
    });

    it('can be altered, and what was read can be sent back', async () => {
      const path = '/admin/feeds/shop/altered';
      await put(path, { title: 'One', keepDays: 7, limits: { links: 3 } });
      expect((await put(path, { public: true, keepEntries: 100, author: { name: 'We' } })).status).to.equal(200);
      const shown = await json(app.request(path));
      expect(shown).to.include({ public: true, keepEntries: 100 });
      expect(shown).not.to.have.any.keys('title', 'keepDays');
      expect(shown['limits']).to.include({ links: 20 });
      const back = await put(path, { ...shown, title: 'Two' });
      expect(back.status).to.equal(200);
      expect(await json(back)).to.deep.equal({ ...shown, title: 'Two' });
    });

    it('is in force at once: what is public can be read without a token', async () => {
      await put('/admin/feeds/shop/open', {});
      expect((await app.request('/feeds/shop/open', { anonymous: true })).status).to.equal(401);
      await put('/admin/feeds/shop/open', { public: true, title: 'Open' });
      const response = await app.request('/feeds/shop/open', { anonymous: true });
      expect(response.status).to.equal(200);
      expect(await response.text()).to.include('<title>Open</title>');
    });

    it('shows its positions', async () => {
      const path = await app.feed('counted');
      await publish(app, path);
      await publish(app, path);
      expect(await json(app.request('/admin/feeds/shop/counted'))).to.include({ head: 2, firstKept: 1 });
    });

    it('is listed', async () => {
      await put('/admin/feeds/shop/listed', {});
      const { feeds } = await json<{ feeds: { url: string }[] }>(app.request('/admin/feeds'));
      expect(feeds.map(({ url }) => url)).to.include(`${app.url}/feeds/shop/listed`);
    });

    it('stays editable or not, as it was made', async () => {
      await put('/admin/feeds/shop/fixed', { editable: true });
      expect((await problem(put('/admin/feeds/shop/fixed', {}), 409)).detail).to.include('"editable": true');
      expect((await put('/admin/feeds/shop/fixed', { editable: true, title: 'x' })).status).to.equal(200);
    });

    it('is gone once it is deleted, and another one under its name goes on after its positions', async () => {
      const path = await app.feed('twice', { title: 'First' });
      const id = await publish(app, path);
      const first = await json(app.request('/admin/feeds/shop/twice'));
      expect((await purge('shop/twice')).status).to.equal(204);
      expect((await purge('shop/twice')).status).to.equal(404);
      expect((await app.request(path)).status).to.equal(404);
      expect((await post(app, path, anEntry())).status).to.equal(404);

      expect((await put('/admin/feeds/shop/twice', {})).status).to.equal(201);
      const second = await json(app.request('/admin/feeds/shop/twice'));
      expect(second['id']).not.to.equal(first['id']);
      expect(second).to.include({ head: 1, firstKept: 2 });
      expect(second).not.to.have.property('title');
      expect((await page(app, path)).ids).to.deep.equal([]);
      await publish(app, path, { id });
      expect((await page(app, path)).ids).to.deep.equal([id]);
      expect(await json(app.request('/admin/feeds/shop/twice'))).to.include({ head: 2 });
    });

    it('is deleted under publishers, who hear that it is there or that it is not', async () => {
      const path = await app.feed('pulled');
      let created = 0;
      const publishers = Array.from({ length: 8 }, async () => {
        for (;;) {
          const response = await post(app, path, anEntry({ id: anId() }));
          await response.arrayBuffer();
          if (response.status !== 201) return response.status;
          created += 1;
        }
      });
      await until('some entries are there', () => created >= 20);
      expect((await purge('shop/pulled')).status).to.equal(204);
      expect(new Set(await Promise.all(publishers))).to.deep.equal(new Set([404]));
      await app.feed('pulled');
      expect(await json(app.request('/admin/feeds/shop/pulled'))).to.include({ head: created, firstKept: created + 1 });
    });
  });

  describe('a body', () => {
    before(() => put('/admin/workspaces/shop', {}));
    const path = '/admin/feeds/shop/bodies';

    it('is told every mistake with its place', async () => {
      const { type, errors } = await problem(
        put(path, {
          keepday: 1,
          public: 'yes',
          limits: { bodyBytes: 10, colour: 1 },
          author: { uri: 'x' },
          title: 'a\u0000',
        }),
        422,
      );
      expect(type).to.equal('urn:millrace:problem:invalid-body');
      expect(Object.fromEntries(errors.map((error) => [error.path, error.message]))).to.deep.equal({
        '/keepday': 'is unknown; did you mean "keepDays"?',
        '/public': 'is "yes", expected a boolean',
        '/limits/bodyBytes': 'is 10, expected 1000 or more',
        '/limits/colour': 'is unknown; there are bodyBytes, categories, categoryLength, links',
        '/author/name': 'is missing',
        '/author/uri': 'is "x", expected an absolute IRI',
        '/title': 'is "a\\u0000", expected characters that XML can carry',
      });
      expect((await app.request(path)).status).to.equal(404);
    });

    it('that is not JSON is refused with the place', async () => {
      const { errors } = await problem(put(path, '{\n  "public": true,\n}'), 400);
      expect(errors[0]).to.include({ line: 3, column: 1 });
    });

    it('cannot reach an object’s own machinery', async () => {
      const { errors } = await problem(put(path, '{"__proto__": {"public": true}, "limits": {"constructor": 1}}'), 422);
      expect(errors.map((error) => error.path)).to.have.members(['/__proto__', '/limits/constructor']);
    });

    it('is bounded', async () => {
      await problem(put(path, { title: 'x'.repeat(70_000) }), 413);
      await problem(put(path, '['.repeat(60_000)), 400);
      await problem(put(path, `{${Array.from({ length: 5_000 }, (_, n) => `"${String(n)}":1`).join(',')}}`), 422);
    });

    it('has to be JSON', async () => {
      await problem(put(path, 'title=x', { 'content-type': 'application/x-www-form-urlencoded' }), 415);
    });

    it('of names that cannot stand in a URL, or mean something else there, is refused', async () => {
      for (const name of ['_x', 'entries', 'Stats', 'a%20b', 'a%2Fb', '%00', 'x'.repeat(129)]) {
        expect((await put(`/admin/feeds/shop/${name}`, {})).status, name).to.equal(400);
        expect((await put(`/admin/workspaces/${name}`, {})).status, name).to.equal(400);
      }
    });
  });

  it('needs the token, whether what is asked for exists or not', async () => {
    for (const path of ['/admin/feeds', '/admin/feeds/shop/none', '/admin/workspaces', '/admin/workspaces/none']) {
      for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
        const response = await app.request(path, { method, anonymous: true });
        expect(response.status, `${method} ${path}`).to.equal(401);
        expect(response.headers.get('www-authenticate')).to.match(/^Bearer/);
      }
    }
  });

  it('tells which methods there are', async () => {
    await app.feed('methods');
    const one = 'GET, HEAD, PUT, DELETE, OPTIONS';
    const list = 'GET, HEAD, OPTIONS';
    for (const [path, allow] of [
      ['/admin/feeds/shop/methods', one],
      ['/admin/workspaces/shop', one],
      ['/admin/feeds', list],
      ['/admin/workspaces', list],
    ] as const) {
      const refused = await app.request(path, { method: 'POST' });
      expect([refused.status, refused.headers.get('allow')], path).to.deep.equal([405, allow]);
      const options = await app.request(path, { method: 'OPTIONS' });
      expect([options.status, options.headers.get('allow')], path).to.deep.equal([204, allow]);
      const head = await app.request(path, { method: 'HEAD' });
      expect([head.status, await head.text()], path).to.deep.equal([200, '']);
    }
  });
});

describe('the feeds file', () => {
  let app: TestApp;
  let directory: string;
  let file: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-feeds-'));
    file = join(directory, 'feeds.yaml');
    await writeFile(file, FIRST);
    app = await startApp({ env: { FEEDS_FILE: file } });
  });
  afterEach(async () => {
    await app.stop();
    await rm(directory, { recursive: true });
  });

  const FIRST = `
workspaces:
  - name: shop
    title: The shop
    feeds:
      - name: orders
        public: true
        keepDays: 30
      - name: audit
        editable: true
`;
  const settings = async (name: string): Promise<Record<string, unknown>> => {
    const response = await app.request(`/admin/feeds/shop/${name}`);
    return response.status === 200 ? ((await response.json()) as Record<string, unknown>) : {};
  };
  const refusal = async (text: string): Promise<StartError> => {
    await writeFile(file, text);
    return app.running.reload().then(
      () => expect.fail('it was applied'),
      (error: unknown) => {
        if (error instanceof StartError) return error;
        throw error;
      },
    );
  };

  it('is applied at the start, and again when the server is told; what it does not name stays', async () => {
    expect(await settings('orders')).to.include({ public: true, keepDays: 30 });
    expect(await settings('audit')).to.include({ editable: true });
    await app.feed('by-hand');
    const { id } = await settings('orders');

    await writeFile(
      file,
      JSON.stringify({ workspaces: [{ name: 'shop', feeds: [{ name: 'orders' }, { name: 'new' }] }] }),
    );
    await app.running.reload();
    expect(await settings('orders'))
      .to.include({ id, public: false })
      .and.not.to.have.property('keepDays');
    expect(await settings('new')).to.include({ public: false });
    expect(await settings('audit')).to.include({ editable: true });
    expect(await settings('by-hand')).to.include({ name: 'by-hand' });
  });

  it('is taken as docs/feeds-file.md shows it', async () => {
    const guide = await readFile(new URL('../../docs/feeds-file.md', import.meta.url), 'utf8');
    const [, example = ''] = /```yaml\n(.*?)```/s.exec(guide) ?? [];
    await writeFile(file, example);
    await app.running.reload();
    expect(await settings('returns')).to.include({ keepDays: 90, public: true });
    expect(await settings('carts')).to.deep.include({ editable: true, author: { name: 'The shop' } });
  });

  it('with mistakes changes nothing, and tells all of them with their paths', async () => {
    const error = await refusal(`
workspaces:
  - name: shop
    feeds:
      - name: fresh
      - name: orders
        publik: true
        keepDays: soon
  - title: nameless
`);
    expect(error.message).to.include('/workspaces/0/feeds/1/publik is unknown; did you mean "public"?');
    expect(error.message).to.include('/workspaces/0/feeds/1/keepDays is "soon", expected an integer');
    expect(error.message).to.include('/workspaces/1/name is missing');
    expect(await settings('fresh')).to.deep.equal({});
  });

  it('that asks for what cannot be changes nothing, and tells all of it', async () => {
    const error = await refusal(`
workspaces:
  - name: shop
    feeds:
      - name: fresh
      - name: audit
      - { name: orders, editable: true }
`);
    expect(error.message).to.include('/workspaces/0/feeds/1 the feed shop/audit was made with "editable": true');
    expect(error.message).to.include('/workspaces/0/feeds/2 the feed shop/orders was made with "editable": false');
    expect(await settings('fresh')).to.deep.equal({});
  });

  it('with names that cannot be, or are there twice, is refused', async () => {
    const error = await refusal(`
workspaces:
  - name: shop
    feeds: [{ name: a }, { name: a }, { name: entries }]
  - name: shop
  - name: a/b
`);
    expect(error.message.split('\n').slice(1)).to.have.length(4);
    expect(error.message).to.include('/workspaces/0/feeds/1/name the feed "a" is in the file twice');
    expect(error.message).to.include('/workspaces/1/name the workspace "shop" is in the file twice');
  });

  it('that is not YAML is refused with the place', async () => {
    expect((await refusal('workspaces:\n  - name: [a\n')).message).to.match(/at line \d+, column \d+/);
  });

  it('that blows up on reading is refused', async () => {
    const levels = Array.from({ length: 12 }, (_, n) =>
      n === 0
        ? 'a0: &a0 [x,x,x,x,x,x,x,x,x,x]'
        : `a${String(n)}: &a${String(n)} [${Array(10)
            .fill(`*a${String(n - 1)}`)
            .join(',')}]`,
    );
    expect((await refusal(levels.join('\n'))).message).to.include('alias');
  });

  it('that is wrong or missing keeps the server from starting', async () => {
    for (const [name, text] of [
      ['wrong.yaml', 'feeds: []'],
      ['missing.yaml', undefined],
    ] as const) {
      const path = join(directory, name);
      if (text !== undefined) await writeFile(path, text);
      const config = readConfig({ PORT: '0', DATABASE_URL: app.database.url, ADMIN_TOKEN, FEEDS_FILE: path });
      const error = await start(config, createLogger('silent')).then(
        async (running) => {
          await running.stop();
        },
        (failure: unknown) => failure,
      );
      expect(error).to.be.instanceOf(StartError);
      expect((error as StartError).message).to.include(path);
    }
  });
});
