import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { writeAuthFile } from '../support/auth-file.js';
import { anEntry } from '../support/build.js';
import { startIssuer } from '../support/issuer.js';
import type { Issuer } from '../support/issuer.js';
import { SERVICE_PASSWORD, startKeystone } from '../support/keystone.js';
import type { FakeKeystone } from '../support/keystone.js';
import { bearing, issue } from '../support/tokens.js';

/** What is told of a request: it may be made (whatever comes of it then), 401, 403 or 404. */
type Told = 'yes' | 401 | 403 | 404;

/** What each operation of the API asks for. */
const NEEDS: Readonly<
  Record<
    string,
    | 'nothing'
    | 'describe'
    | 'read'
    | 'publish'
    | 'export'
    | 'feed'
    | 'workspace'
    | 'everything'
    | 'exports'
    | 'some'
    | 'any'
  >
> = {
  'get /': 'any',
  'get /feeds': 'any',
  'get /feeds/{workspace}': 'any',
  'get /feeds/{workspace}/{feed}': 'read',
  'post /feeds/{workspace}/{feed}': 'publish',
  'get /feeds/{workspace}/{feed}/entries/{id}': 'read',
  'put /feeds/{workspace}/{feed}/entries/{id}': 'publish',
  'delete /feeds/{workspace}/{feed}/entries/{id}': 'publish',
  'get /feeds/{workspace}/{feed}/archive/{n}': 'read',
  'get /feeds/{workspace}/{feed}/categories': 'read',
  'get /feeds/{workspace}/{feed}/{tenant}': 'read',
  'get /feeds/{workspace}/{feed}/{tenant}/entries/{id}': 'read',
  'get /feeds/{workspace}/{feed}/schemas': 'describe',
  'get /feeds/{workspace}/{feed}/schemas/{version}': 'describe',
  'get /feeds/{workspace}/{feed}/schemas/{version}/imports/{name}': 'describe',
  'get /feeds/{workspace}/{feed}/schemas/{version}/example': 'describe',
  'get /export': 'export',
  'get /export/{name}': 'exports',
  'post /export/{name}/ack': 'exports',
  'get /admin/exports': 'everything',
  'get /admin/exports/{name}': 'everything',
  'put /admin/exports/{name}': 'everything',
  'delete /admin/exports/{name}': 'everything',
  'post /admin/exports/{name}/reset': 'everything',
  'get /admin/exports/{name}/dead-letters': 'everything',
  'delete /admin/exports/{name}/dead-letters': 'everything',
  'delete /admin/exports/{name}/dead-letters/{letter}': 'everything',
  'post /admin/exports/{name}/dead-letters/replay': 'everything',
  'get /admin/workspaces': 'some',
  'get /admin/workspaces/{workspace}': 'workspace',
  'put /admin/workspaces/{workspace}': 'workspace',
  'delete /admin/workspaces/{workspace}': 'workspace',
  'get /admin/workspaces/{workspace}/grants': 'workspace',
  'get /admin/workspaces/{workspace}/grants/{principal}': 'workspace',
  'put /admin/workspaces/{workspace}/grants/{principal}': 'workspace',
  'delete /admin/workspaces/{workspace}/grants/{principal}': 'workspace',
  'get /admin/feeds': 'some',
  'get /admin/feeds/{workspace}/{feed}': 'feed',
  'put /admin/feeds/{workspace}/{feed}': 'feed',
  'delete /admin/feeds/{workspace}/{feed}': 'feed',
  'post /admin/feeds/{workspace}/{feed}/restore': 'feed',
  'get /admin/feeds/{workspace}/{feed}/schemas': 'feed',
  'post /admin/feeds/{workspace}/{feed}/schemas': 'feed',
  'get /admin/feeds/{workspace}/{feed}/schemas/{version}': 'feed',
  'patch /admin/feeds/{workspace}/{feed}/schemas/{version}': 'feed',
  'get /admin/tokens': 'some',
  'post /admin/tokens': 'some',
  'get /admin/tokens/{token}': 'some',
  'delete /admin/tokens/{token}': 'some',
  'get /admin/users': 'some',
  'get /admin/users/{user}': 'some',
  'put /admin/users/{user}': 'some',
  'delete /admin/users/{user}': 'some',
  'get /openapi.json': 'any',
  'get /asyncapi.json': 'any',
  'get /healthz': 'nothing',
  'get /readyz': 'nothing',
  'get /metrics': 'nothing',
};

/**
 * For each caller what it is told of reading, publishing to and administering a feed: one that is closed, one that is public,
 * one that there is not (all in the workspace shop), one of another workspace; then of administering shop, and far.
 * Y: yes, and the last digit of 401, 403 and 404.
 */
const CALLERS: Readonly<
  Record<
    string,
    {
      grants?: Record<string, unknown>[];
      /** It comes by these; else by a token of ours. */
      by?: 'jwt' | 'keystone';
      told: readonly [string, string, string, string, string];
      /** Of pulling each of EXPORTS; where it is left out, whoever may export nothing is told that whatever it names. */
      exports?: string;
    }
  >
> = {
  nobody: { told: ['111', 'Y11', '111', '111', '11'] },
  'admin of everything': { grants: [{ role: 'admin' }], told: ['YYY', 'YYY', 'YYY', 'YYY', 'YY'], exports: 'YYYY' },
  'admin of the workspace': {
    grants: [{ role: 'admin', workspace: 'shop' }],
    told: ['YYY', 'YYY', 'YYY', '444', 'Y4'],
    exports: '4YY4',
  },
  'admin of the feed': {
    grants: [{ role: 'admin', workspace: 'shop', feed: 'closed' }],
    told: ['YYY', 'Y33', '444', '444', '34'],
    exports: '44Y4',
  },
  'publisher to everything': { grants: [{ role: 'publisher' }], told: ['3Y3', 'YY3', '3Y3', '3Y3', '33'] },
  'publisher to the workspace': {
    grants: [{ role: 'publisher', workspace: 'shop' }],
    told: ['3Y3', 'YY3', '3Y3', '444', '34'],
  },
  'publisher to the feed': {
    grants: [{ role: 'publisher', workspace: 'shop', feed: 'closed' }],
    told: ['3Y3', 'Y33', '444', '444', '34'],
  },
  'reader of everything': { grants: [{ role: 'reader' }], told: ['Y33', 'Y33', 'Y33', 'Y33', '33'] },
  'reader of the workspace': {
    grants: [{ role: 'reader', workspace: 'shop' }],
    told: ['Y33', 'Y33', 'Y33', '444', '34'],
  },
  'reader of the feed': {
    grants: [{ role: 'reader', workspace: 'shop', feed: 'closed' }],
    told: ['Y33', 'Y33', '444', '444', '34'],
  },
  'reader of a tenant in the workspace': {
    grants: [{ role: 'reader', workspace: 'shop', tenants: ['own'] }],
    told: ['Y33', 'Y33', 'Y33', '444', '34'],
  },
  'exporter of a tenant in everything': {
    grants: [{ role: 'exporter', tenants: ['own'] }],
    told: ['Y33', 'Y33', 'Y33', 'Y33', '33'],
    exports: '3333',
  },
  'exporter of the workspace': {
    grants: [{ role: 'exporter', workspace: 'shop' }],
    told: ['Y33', 'Y33', 'Y33', '444', '34'],
    exports: '4YY4',
  },
  'reader and publisher of different feeds': {
    grants: [
      { role: 'reader', workspace: 'shop', feed: 'closed' },
      { role: 'publisher', workspace: 'far', feed: 'closed' },
    ],
    told: ['Y33', 'Y33', '444', '3Y3', '33'],
  },
  'reader of the feed, by a JWT': {
    grants: [{ role: 'reader', workspace: 'shop', feed: 'closed' }],
    by: 'jwt',
    told: ['Y33', 'Y33', '444', '444', '34'],
  },
  'admin of the workspace, by Keystone': {
    grants: [{ role: 'admin', workspace: 'shop' }],
    by: 'keystone',
    told: ['YYY', 'YYY', 'YYY', '444', 'Y4'],
    exports: '4YY4',
  },
  'reader of something else': {
    grants: [{ role: 'reader', workspace: 'elsewhere' }],
    told: ['444', 'Y33', '444', '444', '44'],
  },
};
/** What AUTH_FILE has those do who come by an issuer, or by a Keystone. */
const rolesOf = (way: 'jwt' | 'keystone'): Record<string, Record<string, unknown>[]> =>
  Object.fromEntries(
    Object.entries(CALLERS).flatMap(([caller, { grants = [], by }]) =>
      by === way ? [[caller.replaceAll(' ', '-'), grants] as const] : [],
    ),
  );
/** Exports by their names, and what they name. */
const EXPORTS = { all: ['*'], shop: ['shop/*'], closed: ['shop/closed'], both: ['shop/closed', 'far/closed'] };
const TARGETS = ['shop/closed', 'shop/open', 'shop/none', 'far/closed'] as const;
const MEANT: Readonly<Record<string, Told>> = { Y: 'yes', 1: 401, 3: 403, 4: 404 };

describe('who may do what, over HTTP', function () {
  this.timeout(60_000);
  let app: TestApp;
  let issuer: Issuer;
  let keystone: FakeKeystone;
  let file: Awaited<ReturnType<typeof writeAuthFile>>;
  let id: string;

  before(async () => {
    [issuer, keystone] = [await startIssuer(), await startKeystone()];
    file = await writeAuthFile({
      jwt: {
        issuer: issuer.url,
        audience: 'millrace',
        jwks: { url: issuer.jwksUrl },
        algorithms: ['ES256'],
        roles: { claim: 'roles', grants: rolesOf('jwt') },
      },
      keystone: {
        url: keystone.url,
        user: { name: 'millrace', password: SERVICE_PASSWORD },
        roles: { grants: rolesOf('keystone') },
      },
    });
    app = await startApp({ env: { AUTH: 'token,jwt,keystone', AUTH_FILE: file.path } });
    await app.feed('closed');
    await app.feed('open', { public: true });
    for (const path of ['workspaces/far', 'workspaces/elsewhere', 'feeds/far/closed']) {
      await app.request(`/admin/${path}`, { method: 'PUT' });
    }
    for (const [name, feeds] of Object.entries(EXPORTS)) {
      const headers = { 'content-type': 'application/json' };
      await app.request(`/admin/exports/${name}`, { method: 'PUT', headers, body: JSON.stringify({ feeds }) });
    }
    for (const target of TARGETS) {
      if (target === 'shop/none') continue;
      const headers = { 'content-type': 'application/atom+xml' };
      id = 'urn:x:1';
      await app.request(`/feeds/${target}`, { method: 'POST', headers, body: anEntry({ id }) });
    }
  });
  after(async () => {
    await app.stop();
    await Promise.all([issuer.stop(), keystone.stop(), file.remove()]);
  });

  async function credentialsOf(caller: string): Promise<Record<string, string>> {
    const { grants, by } = CALLERS[caller] ?? {};
    if (grants === undefined) return {};
    const roles = [caller.replaceAll(' ', '-')];
    if (by === 'jwt') return bearing({ token: await issuer.sign({ roles }) });
    return by === 'keystone' ? { 'x-auth-token': keystone.issue({ roles }) } : bearing(await issue(app, grants));
  }

  it('is asked of every operation that there is', async () => {
    const { paths } = (await (await app.request('/openapi.json')).json()) as { paths: Record<string, object> };
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter((method) => method !== 'parameters')
        .map((method) => `${method} ${path}`),
    );
    expect(operations).to.have.members(Object.keys(NEEDS));
  });

  for (const [caller, { grants, told, exports = grants === undefined ? '1111' : '3333' }] of Object.entries(CALLERS)) {
    it(`by ${caller}`, async () => {
      const headers = await credentialsOf(caller);
      const ask = async (operation: string, target: string): Promise<[Told, Response]> => {
        const [method = '', template = ''] = operation.split(' ');
        const [workspace = '', feed = ''] = target.split('/');
        const path = template
          .replace('{workspace}', workspace)
          .replace('{feed}', feed)
          .replace('{id}', id)
          .replace(/\{(n|version)\}/, '1')
          .replace(/\{\w+\}/, 'none');
        // Nothing is changed by it: who may is told that this cannot be true, or that the body is none.
        const response = await app.request(path, {
          anonymous: true,
          method: method.toUpperCase(),
          headers: { ...headers, ...(method === 'get' ? {} : { 'if-match': '"none"' }) },
        });
        const { status } = response;
        expect(status, operation).to.be.below(500);
        return [status === 401 || status === 403 || status === 404 ? status : 'yes', response];
      };
      const expectTold = async (operation: string, target: string, meant: string | undefined): Promise<void> => {
        const [got, response] = await ask(operation, target);
        const text = await response.text();
        const want = MEANT[meant ?? ''];
        const what = `${operation} of ${target}: ${text.slice(0, 300)}`;
        // What may be asked for need not be there.
        if (want === 'yes') expect(got, what).to.be.oneOf(['yes', 404]);
        else expect(got, what).to.equal(want);
        if (got === 401) {
          expect(response.headers.get('www-authenticate')).to.equal(
            `Bearer realm="millrace", Keystone uri="${keystone.url}"`,
          );
        }
        if (got === 403) expect(response.headers.get('www-authenticate')).to.contain('error="insufficient_scope"');
      };
      const has = (wanted: string): boolean => grants?.some(({ role }) => role === wanted) === true;
      for (const [operation, need] of Object.entries(NEEDS)) {
        for (const [index, target] of TARGETS.entries()) {
          const [read, publish, feed] = told[index] ?? '';
          if (need === 'read') await expectTold(operation, target, read);
          // Whoever may read or publish may know what the feed takes.
          if (need === 'describe') await expectTold(operation, target, publish === 'Y' ? publish : read);
          if (need === 'publish') await expectTold(operation, target, publish);
          if (need === 'feed') await expectTold(operation, target, feed);
          // Exporters may read what they may export, and admins administer it; who is neither is told so whatever it names.
          const exported = has('admin') ? feed : has('exporter') ? read : grants === undefined ? '1' : '3';
          if (need === 'export') await expectTold(`${operation}?feeds=${target}`, target, exported);
        }
        for (const [index, workspace] of ['shop', 'far'].entries()) {
          if (need === 'workspace') await expectTold(operation, workspace, told[4][index]);
        }
        if (need === 'everything') {
          const isAll = grants?.some(({ role, workspace }) => role === 'admin' && workspace === undefined) === true;
          await expectTold(operation, '', isAll ? 'Y' : grants === undefined ? '1' : '3');
        }
        if (need === 'exports') {
          for (const [index, name] of Object.keys(EXPORTS).entries()) {
            await expectTold(operation.replace('{name}', name), '', exports[index]);
          }
        }
        if (need === 'some') {
          await expectTold(operation, '', has('admin') ? 'Y' : grants === undefined ? '1' : '3');
        }
        if (need === 'any' && !operation.includes('{')) await expectTold(operation, '', 'Y');
        if (need === 'nothing') expect((await ask(operation, ''))[0]).to.equal('yes');
      }
    });
  }

  it('publishers may ask what a feed takes', async () => {
    const headers = bearing(await issue(app, [{ role: 'publisher', workspace: 'shop', feed: 'closed' }]));
    const response = await app.request('/feeds/shop/closed', { method: 'OPTIONS', headers });
    expect(response.status).to.equal(204);
    expect(response.headers.get('accept-post')).to.contain('application/atom+xml');
    expect((await app.request('/feeds/shop/closed/schemas', { headers })).status).to.equal(200);
  });

  describe('of entries that are theirs, another tenant’s, nobody’s, or private', () => {
    const OWNERS = { own: ['tid:own'], other: ['tid:other'], none: [], private: ['tid:own', 'cloudfeeds:private'] };
    /** For each reader what it is told of the entries in the order above, in the feed and as `own` sees it; Y or 404. */
    const READERS: Readonly<
      Record<
        string,
        { grants?: Record<string, unknown>[]; entries: string; asOwn: string; views: string; archive: string }
      >
    > = {
      nobody: { entries: 'YYY4', asOwn: 'Y444', views: 'YY', archive: 'Y' },
      'a publisher': { grants: [{ role: 'publisher' }], entries: 'YYY4', asOwn: 'Y444', views: 'YY', archive: 'Y' },
      'a reader': { grants: [{ role: 'reader' }], entries: 'YYYY', asOwn: 'Y444', views: 'YY', archive: 'Y' },
      'an exporter': { grants: [{ role: 'exporter' }], entries: 'YYYY', asOwn: 'Y444', views: 'YY', archive: 'Y' },
      'an admin': { grants: [{ role: 'admin' }], entries: 'YYYY', asOwn: 'Y444', views: 'YY', archive: 'Y' },
      'a reader of the tenant': {
        grants: [{ role: 'reader', tenants: ['own'] }],
        entries: 'Y444',
        asOwn: 'Y444',
        views: 'Y4',
        archive: '4',
      },
      'an exporter of the tenant': {
        grants: [{ role: 'exporter', tenants: ['own'] }],
        entries: 'Y444',
        asOwn: 'Y444',
        views: 'Y4',
        archive: '4',
      },
      'a reader of the other tenant': {
        grants: [{ role: 'reader', tenants: ['other'] }],
        entries: '4Y44',
        asOwn: '4444',
        views: '4Y',
        archive: '4',
      },
      'a reader of both': {
        grants: [
          { role: 'reader', tenants: ['own'] },
          { role: 'reader', workspace: 'shop', tenants: ['other'] },
        ],
        entries: 'YY44',
        asOwn: 'Y444',
        views: 'YY',
        archive: '4',
      },
      'a reader of the tenant who publishes': {
        grants: [{ role: 'reader', tenants: ['own'] }, { role: 'publisher' }],
        entries: 'Y444',
        asOwn: 'Y444',
        views: 'Y4',
        archive: '4',
      },
      'a reader of the tenant elsewhere': {
        grants: [{ role: 'reader', workspace: 'elsewhere', tenants: ['own'] }],
        entries: 'YYY4',
        asOwn: 'Y444',
        views: 'YY',
        archive: 'Y',
      },
      'a reader of the tenant, and of all': {
        grants: [
          { role: 'reader', tenants: ['own'] },
          { role: 'reader', workspace: 'shop', feed: 'owned' },
        ],
        entries: 'YYYY',
        asOwn: 'Y444',
        views: 'YY',
        archive: 'Y',
      },
    };

    before(async () => {
      await app.feed('owned', { public: true });
      for (let n = 0; n < 25; n += 1) {
        const [owner, categories] = Object.entries(OWNERS)[n % 4] ?? [];
        const headers = { 'content-type': 'application/atom+xml' };
        const body = anEntry({
          id: n < 4 ? `urn:owned:${owner ?? ''}` : `urn:x:${String(n)}`,
          categories: categories ?? [],
        });
        await app.request('/feeds/shop/owned', { method: 'POST', headers, body });
      }
    });

    for (const [reader, { grants, ...expected }] of Object.entries(READERS)) {
      it(`by ${reader}`, async () => {
        const headers: Record<string, string> = grants === undefined ? {} : bearing(await issue(app, grants));
        const told = async (paths: readonly string[]): Promise<string> => {
          const got = await Promise.all(
            paths.map(async (path) => {
              const { status } = await app.request(`/feeds/shop/owned${path}`, { anonymous: true, headers });
              return status === 200 ? 'Y' : String(status).slice(-1);
            }),
          );
          return got.join('');
        };
        const members = Object.keys(OWNERS).map((owner) => `/entries/urn:owned:${owner}`);
        expect({
          entries: await told(members),
          asOwn: await told(members.map((path) => `/own${path}`)),
          views: await told(['/own', '/other']),
          archive: await told(['/archive/1']),
        }).to.deep.equal(expected);
        expect(await told(['', '/categories', '/schemas'])).to.equal('YYY');
        const markers = Object.keys(OWNERS).map((owner) => `?marker=urn:owned:${owner}`);
        expect(await told(markers), 'by marker').to.equal(expected.entries);
      });
    }
  });

  it('a feed that is unknown is told of in the same words whether it is there or not', async () => {
    const headers = bearing(await issue(app, [{ role: 'reader', workspace: 'elsewhere' }]));
    for (const path of [
      '/feeds/shop/NAME',
      '/feeds/shop/NAME/entries/urn:x:1',
      '/admin/feeds/shop/NAME',
      '/feeds/shop/NAME/schemas',
    ]) {
      const bodies = await Promise.all(
        ['closed', 'none'].map(async (name) => {
          const response = await app.request(path.replace('NAME', name), { headers });
          const { instance: _instance, ...body } = (await response.json()) as Record<string, unknown>;
          return { status: response.status, body };
        }),
      );
      expect(bodies[0], path).to.deep.equal(bodies[1]);
    }
  });

  it('documents show what the caller may know of', async () => {
    const seen = async (grants?: Record<string, unknown>[]): Promise<string[]> => {
      const headers: Record<string, string> = grants === undefined ? {} : bearing(await issue(app, grants));
      const text = await (await app.request('/feeds', { anonymous: true, headers })).text();
      const asyncApi = await (await app.request('/asyncapi.json', { anonymous: true, headers })).text();
      const feeds = [...text.matchAll(/<collection href="[^"]*\/feeds\/([^"]*)"/g)]
        .map(([, name = '']) => name)
        .filter((name) => name !== 'demo/events');
      for (const name of ['shop/closed', 'shop/open', 'far/closed']) {
        expect(asyncApi.includes(`/feeds/${name}`), name).to.equal(feeds.includes(name));
      }
      return feeds;
    };
    expect(await seen()).to.deep.equal(['shop/open']);
    expect(await seen([{ role: 'reader', workspace: 'elsewhere' }])).to.deep.equal(['shop/open']);
    expect(await seen([{ role: 'publisher', workspace: 'far', feed: 'closed' }])).to.have.members([
      'shop/open',
      'far/closed',
    ]);
    expect(await seen([{ role: 'reader', workspace: 'shop' }])).to.have.members(['shop/closed', 'shop/open']);
    const stranger = bearing(await issue(app, [{ role: 'reader', workspace: 'elsewhere' }]));
    expect((await app.request('/feeds/far', { headers: stranger })).status).to.equal(404);
    expect((await app.request('/feeds/elsewhere', { headers: stranger })).status).to.equal(200);
  });

  it('lists show what their reader administers', async () => {
    const headers = bearing(await issue(app, [{ role: 'admin', workspace: 'far' }]));
    const { workspaces } = (await (await app.request('/admin/workspaces', { headers })).json()) as {
      workspaces: { name: string }[];
    };
    expect(workspaces.map(({ name }) => name)).to.deep.equal(['far']);
    const { feeds } = (await (await app.request('/admin/feeds', { headers })).json()) as {
      feeds: { workspace: string }[];
    };
    expect(feeds.map(({ workspace }) => workspace)).to.deep.equal(['far']);
  });
});
