import { expect } from 'chai';
import { ADMIN_TOKEN, startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { readAudit } from '../support/audit.js';
import type { Told } from '../support/audit.js';
import { anEntry } from '../support/build.js';
import { deleteFeed, deletionOf } from '../support/deletion.js';
import { createDatabase } from '../support/database.js';
import { ask } from '../support/log.js';
import { bearing, issue } from '../support/tokens.js';

const PASSWORD = 'correct horse battery';
const GRANT = { role: 'reader', workspace: 'shop' };
const CONTRACT = { kind: 'json-schema', schema: { type: 'object' } };
const JSON_BODY = { 'content-type': 'application/json' };

describe('the audit feed', function () {
  this.timeout(60_000);
  let app: TestApp;

  before(async () => {
    app = await startApp({ env: { AUTH: 'token,basic' } });
    await app.feed('orders');
  });
  after(() => app.stop());

  const send = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const headers = body === undefined ? {} : JSON_BODY;
    return app.request(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  };
  /** What is told of a request, and its answer. */
  const toldOf = async (method: string, path: string, body?: unknown): Promise<{ told: Told[]; answer: Response }> => {
    const before = await readAudit(app);
    const answer = await send(method, path, body);
    const after = await readAudit(app);
    return { told: after.slice(before.length), answer };
  };

  /** Each operation that changes something, as it is done once, and what is told of it. */
  const OPERATIONS: Readonly<
    Record<string, { body?: unknown; path?: () => string | Promise<string>; told: Partial<Told>; again?: boolean }>
  > = {
    'put /admin/workspaces/{workspace}': {
      body: { title: 'The store' },
      told: { act: 'workspace.created', target: { workspace: 'store' }, changes: { title: { to: 'The store' } } },
      again: true,
    },
    'put /admin/feeds/{workspace}/{feed}': {
      body: { keepDays: 30 },
      told: {
        act: 'feed.created',
        target: { workspace: 'store', feed: 'sales' },
        changes: { keepDays: { to: 30 } },
      },
      again: true,
    },
    'post /admin/feeds/{workspace}/{feed}/schemas': {
      body: CONTRACT,
      told: { act: 'contract.registered', target: { workspace: 'store', feed: 'sales', version: 1 } },
      again: true,
    },
    'patch /admin/feeds/{workspace}/{feed}/schemas/{version}': {
      body: { retired: true },
      told: { act: 'contract.retired', target: { workspace: 'store', feed: 'sales', version: 1 } },
      again: true,
    },
    'put /admin/workspaces/{workspace}/grants/{principal}': {
      path: () => '/admin/workspaces/store/grants/jwt:ada',
      body: { grants: [{ role: 'reader' }] },
      told: {
        act: 'grants.changed',
        target: { principal: 'jwt:ada', workspace: 'store' },
        changes: { grants: { to: [{ role: 'reader', workspace: 'store' }] } },
      },
      again: true,
    },
    'delete /admin/workspaces/{workspace}/grants/{principal}': {
      path: () => '/admin/workspaces/store/grants/jwt:ada',
      told: { act: 'grants.deleted', target: { principal: 'jwt:ada', workspace: 'store' } },
    },
    'delete /admin/feeds/{workspace}/{feed}': {
      path: () => deletionOf('/feeds/store/sales'),
      told: { act: 'feed.deleted', target: { workspace: 'store', feed: 'sales' } },
    },
    'post /admin/feeds/{workspace}/{feed}/restore': {
      told: { act: 'feed.restored', target: { workspace: 'store', feed: 'sales' } },
      again: true,
    },
    'delete /admin/workspaces/{workspace}': {
      path: async () => {
        await deleteFeed(app, '/feeds/store/sales', { purge: true });
        return '/admin/workspaces/store';
      },
      told: { act: 'workspace.deleted', target: { workspace: 'store' } },
    },
    'post /admin/tokens': {
      body: { name: 'The shop', grants: [GRANT] },
      told: { act: 'token.created', changes: { name: { to: 'The shop' }, grants: { to: [GRANT] } } },
    },
    'delete /admin/tokens/{token}': {
      path: async () => `/admin/tokens/${(await issue(app, [GRANT])).id}`,
      told: { act: 'token.revoked' },
    },
    'put /admin/users/{user}': {
      body: { password: PASSWORD, grants: [GRANT] },
      told: {
        act: 'user.created',
        target: { user: 'alice' },
        changes: { grants: { to: [GRANT] }, password: { to: 'a new one' } },
      },
    },
    'put /admin/exports/{name}': {
      body: { feeds: ['shop/*', 'system/*'] },
      told: { act: 'export.created', target: { export: 'nightly' } },
      again: true,
    },
    'post /admin/exports/{name}/reset': {
      path: async () => {
        await (await app.request('/export/nightly')).text();
        return '/admin/exports/nightly/reset';
      },
      body: { to: 'start' },
      told: { act: 'export.reset', target: { export: 'nightly' }, changes: { place: { from: 'start', to: 'start' } } },
    },
    'delete /admin/exports/{name}/dead-letters/{letter}': {
      path: async () => `/admin/exports/nightly/dead-letters/${await deadLetter()}`,
      told: {
        act: 'export.letters-deleted',
        target: { export: 'nightly' },
        changes: { deadLetters: { from: 1, to: 0 } },
      },
    },
    'delete /admin/exports/{name}/dead-letters': {
      path: async () => {
        await deadLetter();
        return '/admin/exports/nightly/dead-letters';
      },
      told: {
        act: 'export.letters-deleted',
        target: { export: 'nightly' },
        changes: { deadLetters: { from: 1, to: 0 } },
      },
    },
    'post /admin/exports/{name}/dead-letters/replay': {
      path: async () => {
        await deadLetter();
        // Of another node: this one knows none, so that it stays as it is.
        await ask(app.database.url, `update exports set target = 'lake'`);
        return '/admin/exports/nightly/dead-letters/replay';
      },
      told: { act: 'export.replayed', target: { export: 'nightly' }, changes: { replayed: { to: 1 } } },
    },
    'delete /admin/exports/{name}': { told: { act: 'export.deleted', target: { export: 'nightly' } } },
    'delete /admin/users/{user}': { told: { act: 'user.deleted', target: { user: 'alice' } } },
  };

  async function deadLetter(): Promise<string> {
    const [row] = await ask<{ id: string }>(
      app.database.url,
      `insert into export_dead_letters (export_id, feed_id, position, kind, atom_id, recorded_at, xml, reason, batch)
       select export_id, 1, 1, 'entry', 'urn:x', now(), '', 'bad', 'b' from exports where name = 'nightly'
       returning letter_id::text as id`,
    );
    return row?.id ?? '';
  }

  it('is told of every operation that changes something', async () => {
    const { paths } = (await (await app.request('/openapi.json')).json()) as { paths: Record<string, object> };
    const operations = Object.entries(paths)
      .filter(([path]) => path.startsWith('/admin/'))
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`))
      .filter((operation) => /^(put|post|patch|delete) /.test(operation));
    expect(Object.keys(OPERATIONS)).to.have.members(operations);
  });

  for (const [operation, { body, path, told, again = false }] of Object.entries(OPERATIONS)) {
    it(`has one entry for ${operation}${again ? ', and none for the same again' : ''}`, async () => {
      const [method = '', template = ''] = operation.split(' ');
      const at =
        (await path?.()) ??
        template
          .replace('{workspace}', 'store')
          .replace('{feed}', 'sales')
          .replace('{version}', '1')
          .replace('{user}', 'alice')
          .replace('{name}', 'nightly');
      const first = await toldOf(method.toUpperCase(), at, body);
      expect(first.answer.status, await first.answer.text()).to.be.oneOf([200, 201, 202, 204]);
      expect(first.told).to.have.length(1);
      const [entry] = first.told;
      expect(entry).to.deep.include({ ...told, version: 1, outcome: 'allowed', by: 'admin', address: '127.0.0.1' });
      expect(Object.keys(entry!.target ?? {})).to.have.length.above(0);
      expect(entry!.terms).to.include.members([
        `act:${entry!.act}`,
        'outcome:allowed',
        'by:admin',
        'address:127.0.0.1',
      ]);
      expect(entry!.title).to.match(/^admin /);
      if (again) expect((await toldOf(method.toUpperCase(), at, body)).told).to.deep.equal([]);
    });
  }

  it('tells what changed from what to what', async () => {
    await send('PUT', '/admin/feeds/shop/orders', { keepDays: 30, title: 'Orders' });
    const { told } = await toldOf('PUT', '/admin/feeds/shop/orders', { keepDays: 7, title: 'Orders', public: true });
    expect(told).to.have.length(1);
    expect(told[0]!.act).to.equal('feed.changed');
    expect(told[0]!.changes).to.deep.equal({ keepDays: { from: 30, to: 7 }, public: { to: true } });
    expect(told[0]!.title).to.equal('admin changed the feed shop/orders');
    await send('PUT', '/admin/users/bob', { password: PASSWORD, grants: [GRANT] });
    const user = await toldOf('PUT', '/admin/users/bob', { password: `${PASSWORD}!`, grants: [GRANT] });
    expect(user.told[0]).to.deep.include({ act: 'user.changed', changes: { password: { to: 'a new one' } } });
    expect((await toldOf('PUT', '/admin/users/bob', { grants: [GRANT] })).told).to.deep.equal([]);
  });

  it('tells of quotas what they were and are, and of a feed that was deleted for good', async () => {
    const quotas = (await toldOf('PUT', '/admin/workspaces/bound', { quotas: { feeds: 1 } })).told;
    expect(quotas.map(({ act, changes }) => [act, changes])).to.deep.equal([
      ['workspace.created', { quotas: { to: { feeds: 1 } } }],
    ]);
    expect((await toldOf('PUT', '/admin/workspaces/bound', {})).told).to.deep.equal([]);
    const lifted = (await toldOf('PUT', '/admin/workspaces/bound', { quotas: {} })).told;
    expect(lifted.map(({ act, changes }) => [act, changes])).to.deep.equal([
      ['workspace.changed', { quotas: { from: { feeds: 1 } } }],
    ]);
    for (const deletedBefore of [false, true]) {
      await send('PUT', '/admin/feeds/bound/gone', {});
      if (deletedBefore) await deleteFeed(app, '/feeds/bound/gone');
      const purge = (await toldOf('DELETE', deletionOf('/feeds/bound/gone', { purge: true }))).told;
      expect(purge.map(({ act, target, title }) => [act, target, title])).to.deep.equal([
        ['feed.purged', { workspace: 'bound', feed: 'gone' }, 'admin purged the feed bound/gone'],
      ]);
    }
  });

  it('tells by whom, and of contracts that come back', async () => {
    await app.feed('contracted');
    await send('POST', '/admin/feeds/shop/contracted/schemas', CONTRACT);
    const { id, ...token } = await issue(app, [{ role: 'admin', workspace: 'shop' }]);
    for (const retired of [true, false]) {
      const headers = { ...JSON_BODY, ...bearing(token) };
      const body = JSON.stringify({ retired });
      await app.request('/admin/feeds/shop/contracted/schemas/1', { method: 'PATCH', headers, body });
    }
    expect((await readAudit(app)).slice(-2).map(({ by, act }) => [by, act])).to.deep.equal([
      [`token:${id}`, 'contract.retired'],
      [`token:${id}`, 'contract.reinstated'],
    ]);
  });

  it('tells nothing of what was only tried, or was not done', async () => {
    expect((await toldOf('POST', '/admin/feeds/shop/orders/schemas?dry-run=true', CONTRACT)).told).to.deep.equal([]);
    for (const [method, path, body] of [
      ['DELETE', deletionOf('/feeds/shop/none'), undefined],
      ['DELETE', '/admin/feeds/shop/orders?confirm=shop/other', undefined],
      ['POST', '/admin/feeds/shop/none/restore', undefined],
      ['PUT', '/admin/feeds/none/none', {}],
      ['PUT', '/admin/feeds/shop/orders', { keepDays: 'x' }],
      ['DELETE', '/admin/workspaces/shop', undefined],
    ] as const) {
      const { told, answer } = await toldOf(method, path, body);
      expect(answer.status, path).to.be.within(400, 499);
      expect(told, path).to.deep.equal([]);
    }
  });

  it('tells what the server did at its first start', async () => {
    const [system, feed, demo] = await readAudit(app);
    expect([system!.title, feed!.title, demo!.title]).to.deep.equal([
      'server made the workspace system',
      'server made the feed system/audit',
      'server made the workspace demo',
    ]);
  });

  it('is found by its categories', async () => {
    const found = await readAudit(
      app,
      `&search=${encodeURIComponent('(&(cat=act:feed.created)(cat=feed:shop/orders))')}`,
    );
    expect(found.map(({ title }) => title)).to.deep.equal(['admin made the feed shop/orders']);
  });

  it('is read by who was granted that, and by nobody else', async () => {
    const path = '/feeds/system/audit';
    const status = async (grants: Record<string, string>[]): Promise<number> =>
      (await app.request(path, { headers: bearing(await issue(app, grants)) })).status;
    expect((await app.request(path, { anonymous: true })).status).to.equal(401);
    expect(await status([{ role: 'reader', workspace: 'system', feed: 'audit' }])).to.equal(200);
    expect(await status([{ role: 'reader' }])).to.equal(200);
    expect(await status([{ role: 'admin', workspace: 'shop' }])).to.equal(404);
    const documents = await (
      await app.request('/feeds', { headers: bearing(await issue(app, [{ role: 'admin', workspace: 'shop' }])) })
    ).text();
    expect(documents).to.contain('shop/orders').and.not.to.contain('system');
  });

  describe('is the server’s own', () => {
    const forbidden = async (answer: Response, what: RegExp): Promise<void> => {
      const text = await answer.text();
      expect(answer.status, text).to.equal(403);
      expect((JSON.parse(text) as { detail: string }).detail).to.match(what);
    };
    const ENTRY = { 'content-type': 'application/atom+xml' };

    it('nobody publishes to it, changes it or tries that', async () => {
      const [newest] = (await readAudit(app)).slice(-1);
      for (const [method, path] of [
        ['POST', ''],
        ['POST', '?dry-run=true'],
        ['PUT', `/entries/${newest!.id}`],
        ['DELETE', `/entries/${newest!.id}`],
      ] as const) {
        const init = {
          method,
          headers: ENTRY,
          ...(method === 'DELETE' ? {} : { body: anEntry({ id: 'urn:x:forged' }) }),
        };
        for (let time = 1; time <= 2; time++) {
          await forbidden(await app.request(`/feeds/system/audit${path}`, init), /only the server itself publishes/);
        }
      }
      const publisher = bearing(await issue(app, [{ role: 'publisher', workspace: 'system', feed: 'audit' }]));
      await forbidden(
        await app.request('/feeds/system/audit', {
          method: 'POST',
          headers: { ...ENTRY, ...publisher },
          body: anEntry({ id: 'urn:x:forged' }),
        }),
        /only the server/,
      );
      expect((await readAudit(app)).map(({ id }) => id)).not.to.include('urn:x:forged');
    });

    it('it is neither deleted nor made public or editable, nor given a contract', async () => {
      const path = '/admin/feeds/system/audit';
      for (const purge of [false, true]) {
        await forbidden(
          await send('DELETE', deletionOf('/feeds/system/audit', { purge })),
          /own feed: it cannot be deleted/,
        );
      }
      await forbidden(await send('POST', `${path}/restore`), /server's own feed: it cannot be deleted/);
      await forbidden(await send('PUT', '/admin/workspaces/system', { quotas: { bytes: 1 } }), /has no quotas/);
      await forbidden(await send('PUT', path, { public: true }), /cannot be public/);
      await forbidden(await send('PUT', path, { editable: true }), /cannot be editable/);
      await forbidden(await send('POST', `${path}/schemas`, CONTRACT), /has no contract/);
      await forbidden(await send('DELETE', '/admin/workspaces/system'), /server's own/);
      await forbidden(await send('PUT', '/admin/feeds/system/mine', {}), /holds the feed audit and no other/);
    });

    it('how long it is kept, and its title, can be chosen', async () => {
      const { told, answer } = await toldOf('PUT', '/admin/feeds/system/audit', { keepDays: 90, title: 'Audit' });
      expect(answer.status).to.equal(200);
      expect(told.map(({ act, changes }) => [act, changes!['keepDays']])).to.deep.equal([
        ['feed.changed', { from: 365, to: 90 }],
      ]);
    });

    it('what can be published is told of it as nothing', async () => {
      const text = await (
        await app.request('/feeds/system', { headers: { accept: 'application/atomsvc+xml' } })
      ).text();
      expect(text).to.match(/system\/audit">\s*<atom:title>[^<]*<\/atom:title>\s*<accept\/>/);
      const options = await app.request('/feeds/system/audit', { method: 'OPTIONS' });
      expect(options.headers.get('allow')).to.equal('GET, HEAD, OPTIONS');
    });
  });

  it('tells names as they are, whatever would be markup in them', async () => {
    const name = '</title> & ]]> "x" 日本';
    const { told, answer } = await toldOf('POST', '/admin/tokens', { name, grants: [GRANT] });
    expect(answer.status, await answer.text()).to.equal(201);
    expect(told[0]!.changes!['name']).to.deep.equal({ to: name });
  });
});

describe('refusals in the audit feed', function () {
  this.timeout(60_000);

  it('are one entry for each caller and reason, with a count, and nothing secret is in any', async () => {
    const database = await createDatabase();
    const env = { AUTH: 'token,basic' };
    let app = await startApp({ database, env });
    try {
      await app.feed('orders');
      const reader = await issue(app, [{ role: 'reader', workspace: 'shop' }]);
      const stranger = await issue(app, [{ role: 'reader', workspace: 'elsewhere' }]);
      const user = { password: PASSWORD, grants: [{ role: 'reader', workspace: 'shop' }] };
      await app.request('/admin/users/alice', { method: 'PUT', headers: JSON_BODY, body: JSON.stringify(user) });
      const expectStatus = async (
        path: string,
        init: RequestInit & { anonymous?: boolean },
        status: number,
      ): Promise<void> => {
        const response = await app.request(path, init);
        expect(response.status, path).to.equal(status);
        await response.arrayBuffer();
      };
      const entry = { method: 'POST', headers: { 'content-type': 'application/atom+xml' }, body: anEntry({}) };
      for (let n = 0; n < 20; n++) await expectStatus('/feeds/shop/orders?search=x', { anonymous: true }, 401);
      for (const token of [reader.token, ADMIN_TOKEN]) {
        await expectStatus(`/feeds/shop/${token}`, { anonymous: true }, 401);
      }
      const wrong = Buffer.from('alice:wrong horse battery').toString('base64');
      for (let n = 0; n < 3; n++)
        await expectStatus('/feeds/shop/orders', { headers: { authorization: `Basic ${wrong}` } }, 401);
      await expectStatus('/feeds/shop/orders', { ...entry, headers: { ...entry.headers, ...bearing(reader) } }, 403);
      await expectStatus('/admin/tokens', { headers: bearing(reader) }, 403);
      for (const path of ['/feeds/shop/orders', '/feeds/shop', '/feeds/shop/none', '/admin/feeds/shop/orders']) {
        await expectStatus(path, { headers: bearing(stranger) }, 404);
      }
      // Whoever tries names is told of for each, there or not.
      const bound = await issue(app, [{ role: 'reader', workspace: 'shop', tenants: ['A'] }]);
      for (const path of ['/feeds/shop/orders/B', '/feeds/shop/orders/C/entries/urn:x', '/feeds/shop/orders/A']) {
        await expectStatus(path, { headers: bearing(bound) }, path.endsWith('A') ? 200 : 404);
      }
      const owner = await issue(app, [{ role: 'admin', workspace: 'other' }]);
      for (const path of ['/admin/users/alice', '/admin/users/nobody', `/admin/tokens/${'0'.repeat(16)}`]) {
        await expectStatus(path, { headers: bearing(owner) }, 404);
        await expectStatus(path, { method: 'DELETE', headers: bearing(owner) }, 404);
      }
      // What is not there for who may know of it is no refusal, nor is a mistake.
      await expectStatus('/feeds/shop/none', {}, 404);
      await expectStatus('/feeds/shop/orders/entries', {}, 404);
      await expectStatus('/admin/users/nobody', { method: 'DELETE' }, 404);
      await expectStatus(`/admin/tokens/${'0'.repeat(16)}`, {}, 404);
      await expectStatus('/feeds/shop/orders?limit=x', { headers: bearing(reader) }, 400);
      await expectStatus('/nothing', { anonymous: true }, 404);
      await app.stop();
      app = await startApp({ database, env });
      const all = await readAudit(app);
      const refused = all.filter(({ outcome }) => outcome === 'refused');
      expect(refused.map(({ by, reason, count }) => [by, reason, count])).to.have.deep.members([
        ['anonymous', 'no-credentials', 22],
        ['anonymous', 'wrong-credentials', 3],
        [`token:${reader.id}`, 'forbidden', 2],
        [`token:${stranger.id}`, 'unknown', 4],
        [`token:${bound.id}`, 'unknown', 2],
        [`token:${owner.id}`, 'unknown', 6],
      ]);
      const [first] = refused;
      expect(first).to.deep.include({
        act: 'access.refused',
        address: '127.0.0.1',
        title: 'anonymous (127.0.0.1) was refused 22 times: showed no credentials',
        requests: [
          { method: 'GET', path: '/feeds/shop/orders', count: 20 },
          { method: 'GET', path: `/feeds/shop/mrt_${reader.id}_…`, count: 1 },
          { method: 'GET', path: '/feeds/shop/…', count: 1 },
        ],
        more: 0,
      });
      expect(first!.terms).to.include.members(['reason:no-credentials', 'workspace:shop', 'feed:shop/orders']);

      const [kept] = await ask<{ digest: Buffer; password: string }>(
        database.url,
        `select encode(digest, 'hex') as digest, (select password from users) as password from tokens limit 1`,
      );
      const text = JSON.stringify(all);
      for (const secret of [
        reader.token.slice(21),
        PASSWORD,
        'wrong horse',
        wrong,
        kept!.password,
        String(kept!.digest),
      ]) {
        expect(text).not.to.contain(secret);
      }
      // In the database nothing else is left of them.
      expect(await ask(database.url, 'select from audit_outbox')).to.deep.equal([]);
    } finally {
      await app.stop();
      await database.drop();
    }
  });
});
