import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { readAudit } from '../support/audit.js';
import { writeAuthFile } from '../support/auth-file.js';
import { startIssuer } from '../support/issuer.js';
import type { Issuer } from '../support/issuer.js';
import { SERVICE_PASSWORD, startKeystone } from '../support/keystone.js';
import type { FakeKeystone } from '../support/keystone.js';
import { ask } from '../support/log.js';
import { bearing, issue } from '../support/tokens.js';
import { until } from '../support/waiting.js';

const PASSWORD = 'correct horse battery';
const JSON_BODY = { 'content-type': 'application/json' };
const READER = [{ role: 'reader', feed: 'orders' }];

interface Shown {
  readonly principal: string;
  readonly grants: Record<string, unknown>[];
}

describe('grants to principals', function () {
  this.timeout(60_000);
  let issuer: Issuer;
  let keystone: FakeKeystone;
  let app: TestApp;
  let other: TestApp;
  let feed: string;
  let owner: Record<string, string>;
  const ended: (() => Promise<unknown>)[] = [];

  before(async () => {
    [issuer, keystone] = [await startIssuer(), await startKeystone()];
    const file = await writeAuthFile({
      jwt: {
        issuer: issuer.url,
        audience: 'millrace',
        jwks: { url: issuer.jwksUrl },
        algorithms: ['ES256'],
        roles: { claim: 'roles', grants: { publisher: [{ role: 'publisher', workspace: 'shop' }] } },
      },
      keystone: { url: keystone.url, user: { name: 'millrace', password: SERVICE_PASSWORD } },
    });
    const env = { AUTH: 'token,basic,jwt,keystone', AUTH_FILE: file.path };
    app = await startApp({ env });
    other = await startApp({ env, database: app.database });
    ended.push(
      () => other.stop(),
      () => app.stop(),
      () => issuer.stop(),
      () => keystone.stop(),
      file.remove,
    );
    feed = await app.feed('orders');
    await app.feed('others');
    owner = bearing(await issue(app, [{ role: 'admin', workspace: 'shop' }]));
  });
  after(async () => {
    for (const end of ended) await end();
  });

  const pathOf = (principal: string, workspace = 'shop'): string =>
    `/admin/workspaces/${workspace}/grants/${encodeURIComponent(principal)}`;
  async function put(
    principal: string,
    grants: unknown = READER,
    headers: Record<string, string> = owner,
    workspace = 'shop',
  ): Promise<Response> {
    return app.request(pathOf(principal, workspace), {
      method: 'PUT',
      headers: { ...JSON_BODY, ...headers },
      body: JSON.stringify({ grants }),
    });
  }
  async function putUser(name: string, more: Record<string, unknown> = {}): Promise<void> {
    const response = await app.request(`/admin/users/${name}`, {
      method: 'PUT',
      headers: JSON_BODY,
      body: JSON.stringify({ password: PASSWORD, grants: [{ role: 'reader', workspace: 'elsewhere' }], ...more }),
    });
    expect(response.status, await response.text()).to.be.oneOf([200, 201]);
  }
  async function statusOf(path: string, init: RequestInit & { anonymous?: boolean } = {}, to = app): Promise<number> {
    const response = await to.request(path, init);
    await response.arrayBuffer();
    return response.status;
  }
  const basic = (name: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(`${name}:${PASSWORD}`).toString('base64')}`,
  });
  const jwt = async (sub: string, claims = {}): Promise<Record<string, string>> => ({
    authorization: `Bearer ${await issuer.sign({ sub, ...claims })}`,
  });

  it('let in who comes by a JWT, Keystone or a password, on each node, and no longer than they are there', async () => {
    await putUser('alice');
    const CALLERS: readonly (readonly [string, Record<string, string>])[] = [
      ['jwt:auth0|a/b c', await jwt('auth0|a/b c')],
      ['keystone:u1', { 'x-auth-token': keystone.issue({ user: 'u1' }) }],
      ['user:alice', basic('alice')],
    ];
    await Promise.all(
      CALLERS.map(async ([principal, headers]) => {
        const init = { anonymous: true, headers };
        for (const node of [app, other]) expect(await statusOf(feed, init, node), principal).to.equal(404);
        const made = await put(principal);
        expect(made.status, await made.text()).to.equal(201);
        for (const node of [app, other]) {
          await until(`${principal} may read`, async () => (await statusOf(feed, init, node)) === 200, 15);
          expect(await statusOf('/feeds/shop/others', init, node)).to.equal(404);
          expect(await statusOf(feed, { ...init, method: 'POST' }, node)).to.equal(403);
        }
        expect(await statusOf(pathOf(principal), { method: 'DELETE', headers: owner })).to.equal(204);
        for (const node of [app, other]) {
          await until(`${principal} may not`, async () => (await statusOf(feed, init, node)) === 404, 15);
        }
        expect(await statusOf(pathOf(principal), { headers: owner })).to.equal(404);
        expect(await statusOf(pathOf(principal), { method: 'DELETE', headers: owner })).to.equal(404);
      }),
    );
  });

  it('add up with what the credentials give, and with those of other workspaces', async () => {
    await app.request('/admin/workspaces/far', { method: 'PUT' });
    const headers = await jwt('bob', { roles: ['publisher'] });
    expect(await statusOf(feed, { headers })).to.equal(403);
    expect((await put('jwt:bob')).status).to.equal(201);
    expect((await put('jwt:bob', [{ role: 'admin' }], {}, 'far')).status).to.equal(201);
    await until('it may read', async () => (await statusOf(feed, { headers })) === 200, 15);
    expect(await statusOf(feed, { headers, method: 'POST' })).to.equal(415);
    expect(await statusOf('/admin/workspaces/far', { headers })).to.equal(200);
    expect(await statusOf('/admin/workspaces/shop', { headers })).to.equal(403);
    // Whichever of its tokens it comes with.
    expect(await statusOf(feed, { headers: await jwt('bob', { roles: ['publisher', 'x'] }) })).to.equal(200);
  });

  it('are shown as they were put, and what was read can be sent back', async () => {
    const grants = [{ role: 'publisher' }, { role: 'reader', feed: 'orders', tenants: ['t1', '5821027'] }];
    expect((await put('jwt:carol', grants)).status).to.equal(201);
    const response = await app.request(pathOf('jwt:carol'), { headers: owner });
    const shown = (await response.json()) as Shown;
    expect(shown).to.have.all.keys('principal', 'grants', 'grantedAt', 'grantedBy', 'url');
    expect(shown).to.deep.include({ principal: 'jwt:carol', grants });
    const init = { method: 'PUT', headers: { ...owner, ...JSON_BODY }, body: JSON.stringify(shown) };
    expect(await statusOf(pathOf('jwt:carol'), init)).to.equal(200);
    const list = await app.request('/admin/workspaces/shop/grants', { headers: owner });
    const { principals } = (await list.json()) as { principals: Shown[] };
    expect(principals.map(({ principal }) => principal)).to.include('jwt:carol');
    expect(await statusOf('/admin/workspaces/none/grants')).to.equal(404);
  });

  it('are put only where a precondition holds', async () => {
    expect((await put('jwt:dave', READER, { ...owner, 'if-match': '*' })).status).to.equal(412);
    expect((await put('jwt:dave', READER, { ...owner, 'if-none-match': '*' })).status).to.equal(201);
    expect((await put('jwt:dave', READER, { ...owner, 'if-none-match': '*' })).status).to.equal(412);
    const stale = { method: 'DELETE', headers: { ...owner, 'if-match': '"x"' } };
    expect(await statusOf(pathOf('jwt:dave'), stale)).to.equal(412);
  });

  it('are for those who administer the workspace', async () => {
    for (const [grants, status] of [
      [[{ role: 'admin', workspace: 'shop', feed: 'orders' }], 403],
      [[{ role: 'reader', workspace: 'shop' }], 403],
      [[{ role: 'admin', workspace: 'elsewhere' }], 404],
    ] as const) {
      const headers = bearing(await issue(app, grants));
      expect((await put('jwt:erin', READER, headers)).status).to.equal(status);
      expect(await statusOf('/admin/workspaces/shop/grants', { headers })).to.equal(status);
      expect(await statusOf(pathOf('jwt:erin'), { headers, method: 'DELETE' })).to.equal(status);
    }
    expect(await statusOf('/admin/workspaces/shop/grants', { anonymous: true })).to.equal(401);
  });

  for (const [what, principal, grants, status] of [
    ['of no kind', 'alice', READER, 400],
    ['that is the admin', 'admin', READER, 400],
    ['that is anybody', 'anonymous', READER, 400],
    ['that is a token', 'token:0123456789abcdef', READER, 400],
    ['without a name', 'jwt:', READER, 400],
    ['of a long name', `jwt:${'x'.repeat(257)}`, READER, 400],
    ['with a line end in its name', 'keystone:a\nb', READER, 400],
    ['that is a user there is not', 'user:nobody', READER, 409],
    ['that is no name of a user', 'user:a b', READER, 400],
    ['who is granted nothing', 'jwt:x', [], 422],
    ['who is granted another workspace', 'jwt:x', [{ role: 'reader', workspace: 'far' }], 422],
    ['who is granted a feed that none can be', 'jwt:x', [{ role: 'reader', feed: 'a/b' }], 400],
    ['who is to publish for tenants', 'jwt:x', [{ role: 'publisher', tenants: ['t1'] }], 422],
    ['who is to administer for tenants', 'jwt:x', [{ role: 'admin', tenants: ['t1'] }], 422],
    ['who sees the entries of no tenant', 'jwt:x', [{ role: 'reader', tenants: [] }], 422],
    ['who sees those of a tenant with a space', 'jwt:x', [{ role: 'reader', tenants: ['a b'] }], 422],
    ['who sees those of a tenant of no name', 'jwt:x', [{ role: 'reader', tenants: [''] }], 422],
    ['who sees those of half a character', 'jwt:x', [{ role: 'reader', tenants: ['\ud800'] }], 422],
    ['who sees those of a tenant with a NUL', 'jwt:x', [{ role: 'reader', tenants: ['a\0'] }], 422],
    ['who sees those of too many', 'jwt:x', [{ role: 'reader', tenants: Array.from({ length: 101 }, String) }], 422],
  ] as const) {
    it(`are not for a principal ${what}`, async () => {
      const response = await put(principal, grants);
      expect(response.status, await response.text()).to.equal(status);
    });
  }

  it('of tokens and users may be for tenants, if they are to read or to export', async () => {
    for (const [role, status] of [
      ['reader', 201],
      ['exporter', 201],
      ['publisher', 422],
      ['admin', 422],
    ] as const) {
      const grants = [{ role, workspace: 'shop', tenants: ['t1'] }];
      const init = { method: 'POST', headers: { ...owner, ...JSON_BODY }, body: JSON.stringify({ name: 'x', grants }) };
      const response = await app.request('/admin/tokens', init);
      const text = await response.text();
      expect(response.status, text).to.equal(status);
      if (status === 201) expect((JSON.parse(text) as Shown).grants).to.deep.equal(grants);
      else expect(text).to.contain('/grants/0/role').and.contain('reader or exporter');
    }
    await putUser('tom', { grants: [{ role: 'reader', tenants: ['t1'] }] });
  });

  it('go with the workspace, and with the user', async () => {
    await app.request('/admin/workspaces/brief', { method: 'PUT' });
    expect((await put('jwt:frank', [{ role: 'reader' }], {}, 'brief')).status).to.equal(201);
    expect(await statusOf('/admin/workspaces/brief', { method: 'DELETE' })).to.equal(204);
    expect((await put('jwt:frank', READER, {}, 'brief')).status).to.equal(404);
    await app.request('/admin/workspaces/brief', { method: 'PUT' });
    expect(await statusOf(pathOf('jwt:frank', 'brief'))).to.equal(404);

    await putUser('grace');
    await app.request('/admin/workspaces/second', { method: 'PUT' });
    expect((await put('user:grace')).status).to.equal(201);
    expect((await put('user:grace', [{ role: 'reader' }], {}, 'second')).status).to.equal(201);
    expect(await statusOf('/admin/users/grace', { method: 'DELETE' })).to.equal(204);
    // Who looks into the audit feed for a workspace finds it there.
    for (const workspace of ['shop', 'second']) {
      const told = (await readAudit(app, `&search=(cat=workspace:${workspace})`)).at(-1);
      expect(told).to.deep.include({ act: 'grants.deleted', target: { principal: 'user:grace', workspace } });
    }
    expect((await readAudit(app)).at(-1)).to.deep.include({ act: 'user.deleted', target: { user: 'grace' } });
    await putUser('grace');
    expect(await statusOf(pathOf('user:grace'))).to.equal(404);
  });

  it('of a user are not for another administrator of the user, who gives it a password', async () => {
    for (const workspace of ['left', 'right']) await app.request(`/admin/workspaces/${workspace}`, { method: 'PUT' });
    const left = bearing(await issue(app, [{ role: 'admin', workspace: 'left' }]));
    const grants = [{ role: 'reader', workspace: 'left' }];
    await putUser('iris', { grants });
    for (const workspace of ['left', 'right']) {
      expect((await put('user:iris', [{ role: 'admin' }], {}, workspace)).status).to.equal(201);
    }
    const again = (password?: string, headers: Record<string, string> = left): Promise<number> =>
      statusOf('/admin/users/iris', {
        method: 'PUT',
        headers: { ...JSON_BODY, ...headers },
        body: JSON.stringify({ grants, ...(password === undefined ? {} : { password }) }),
      });
    expect(await again(), 'no password').to.equal(200);
    expect(await again(PASSWORD, {}), 'by its maker').to.equal(200);
    expect(await statusOf(pathOf('user:iris', 'right'))).to.equal(200);
    expect(await again(`another ${PASSWORD}`)).to.equal(200);
    expect(await statusOf(pathOf('user:iris', 'right')), 'what is not theirs').to.equal(404);
    expect(await statusOf(pathOf('user:iris', 'left')), 'what is theirs').to.equal(200);
  });

  it('are bounded in number', async () => {
    await app.request('/admin/workspaces/full', { method: 'PUT' });
    await ask(
      app.database.url,
      `insert into grants (workspace, principal, grants, granted_by)
       select 'full', 'jwt:' || n, '[{"role":"reader"}]', 'admin' from generate_series(1, 1000) as n`,
    );
    const refused = await put('jwt:one more', [{ role: 'reader' }], {}, 'full');
    expect(refused.status, await refused.text()).to.equal(409);
    expect((await put('jwt:7', [{ role: 'publisher' }], {}, 'full')).status, 'that is there').to.equal(200);
  });

  it('are looked up once a second for a principal, not for each request', async () => {
    const headers = await jwt('henry');
    expect((await put('jwt:henry')).status).to.equal(201);
    await until('it may read', async () => (await statusOf(feed, { headers })) === 200, 15);
    const { database } = app;
    const reads = async (): Promise<number> => {
      const [row] = await ask<{ reads: string }>(
        database.url,
        `select coalesce(sum(idx_scan), 0)::text as reads from pg_stat_user_indexes where indexrelname = 'grants_of_principal'`,
      );
      return Number(row?.reads);
    };
    const before = await reads();
    const startedAt = performance.now();
    for (let n = 0; n < 200; n++) expect(await statusOf(feed, { headers })).to.equal(200);
    const seconds = (performance.now() - startedAt) / 1000;
    expect((await reads()) - before).to.be.at.most(Math.ceil(seconds) + 3);
  });
});
