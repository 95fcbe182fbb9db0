import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { writeAuthFile } from '../support/auth-file.js';
import { SERVICE_PASSWORD, startKeystone } from '../support/keystone.js';
import type { FakeKeystone } from '../support/keystone.js';
import { bearing, issue } from '../support/tokens.js';
import { until } from '../support/waiting.js';

const ROLES = {
  feeds_admin: [{ role: 'admin', workspace: 'shop', project: 'p-admin' }],
  member: [{ role: 'reader', workspace: 'shop' }],
  publisher: [{ role: 'publisher', workspace: 'shop', feed: 'orders' }],
};

describe('tokens of Keystone in X-Auth-Token', function () {
  this.timeout(60_000);
  let keystone: FakeKeystone;
  let app: TestApp;
  let feed: string;
  const ended: (() => Promise<unknown>)[] = [];

  /** A server that asks the Keystone, with these settings beside. */
  async function asking(more: Record<string, unknown> = {}, env: Record<string, string> = {}): Promise<TestApp> {
    const file = await writeAuthFile({
      keystone: {
        url: keystone.url,
        user: { name: 'millrace', password: SERVICE_PASSWORD },
        roles: { grants: ROLES },
        ...more,
      },
    });
    const first = app as TestApp | undefined;
    const started = await startApp({
      ...(first === undefined ? {} : { database: first.database }),
      env: { AUTH: 'token,keystone', AUTH_FILE: file.path, ...env },
    });
    ended.unshift(() => started.stop(), file.remove);
    return started;
  }

  before(async () => {
    keystone = await startKeystone();
    app = await asking();
    feed = await app.feed('orders');
  });
  after(async () => {
    for (const end of ended) await end();
    await keystone.stop();
  });
  afterEach(async () => {
    keystone.behave('up');
    keystone.serviceSeconds = 3600;
    // Until those that had it in vain ask again.
    await until('it is asked again', async () => (await statusOf(keystone.issue({ roles: ['member'] }))) === 200, 10);
  });

  async function ask(token: string, to: TestApp = app, path = feed, init: RequestInit = {}): Promise<Response> {
    return to.request(path, { anonymous: true, ...init, headers: { 'x-auth-token': token, ...init.headers } });
  }
  async function statusOf(token: string, to?: TestApp, path?: string, init?: RequestInit): Promise<number> {
    const response = await ask(token, to, path, init);
    await response.arrayBuffer();
    return response.status;
  }

  it('let their bearer do what its roles give, in the project that they are for', async () => {
    const member = keystone.issue({ roles: ['member', 'other'], project: 'p1' });
    expect(await statusOf(member)).to.equal(200);
    expect(await statusOf(member, app, feed, { method: 'POST', body: '' })).to.equal(403);
    expect(await statusOf(keystone.issue({ roles: ['publisher'] }), app, feed, { method: 'POST' })).to.equal(415);
    const inProject = keystone.issue({ roles: ['feeds_admin'], project: 'p-admin' });
    expect(await statusOf(inProject, app, '/admin/feeds/shop/orders')).to.equal(200);
    for (const project of ['p1', undefined]) {
      const elsewhere = keystone.issue({ roles: ['feeds_admin'], ...(project === undefined ? {} : { project }) });
      expect(await statusOf(elsewhere, app, '/admin/feeds/shop/orders'), String(project)).to.equal(404);
    }
    expect(await statusOf(keystone.issue({}))).to.equal(404);
  });

  it('that are not good are refused, with the way to a good one', async () => {
    for (const token of ['junk', '', 'a b', 'x'.repeat(5_000), keystone.issue({ roles: ['member'], seconds: -1 })]) {
      const response = await ask(token);
      expect(response.status, token.slice(0, 20)).to.equal(401);
      await response.arrayBuffer();
      expect(response.headers.get('www-authenticate')).to.equal(
        `Bearer realm="millrace", error="invalid_token", Keystone uri="${keystone.url}"`,
      );
    }
    const without = await app.request(feed, { anonymous: true });
    expect(without.headers.get('www-authenticate')).to.equal(`Bearer realm="millrace", Keystone uri="${keystone.url}"`);
  });

  it('are asked about once, by however many at once, and then remembered', async () => {
    const token = keystone.issue({ roles: ['member'] });
    const before = keystone.asked().validations;
    const all = await Promise.all(Array.from({ length: 30 }, () => statusOf(token)));
    for (let n = 0; n < 5; n++) all.push(await statusOf(token));
    expect(new Set(all)).to.deep.equal(new Set([200]));
    expect(keystone.asked().validations).to.equal(before + 1);
  });

  it('that are refused are remembered for a moment', async () => {
    const before = keystone.asked().validations;
    const all = await Promise.all(Array.from({ length: 10 }, () => statusOf('the-same-junk')));
    for (let n = 0; n < 5; n++) all.push(await statusOf('the-same-junk'));
    expect(new Set(all)).to.deep.equal(new Set([401]));
    expect(keystone.asked().validations).to.equal(before + 1);
  });

  it('that are revoked go on until they are asked about again, and no longer', async () => {
    const quick = await asking({ cacheSeconds: 1 });
    const token = keystone.issue({ roles: ['member'] });
    expect(await statusOf(token, quick)).to.equal(200);
    keystone.revoke(token);
    await until('it is refused', async () => (await statusOf(token, quick)) === 401, 5);
  });

  it('are never remembered beyond their end', async () => {
    const token = keystone.issue({ roles: ['member'], seconds: 3 });
    expect(await statusOf(token)).to.equal(200);
    await until('it is refused', async () => (await statusOf(token)) === 401, 5);
  });

  for (const behaviour of ['failing', 'hanging', 'away'] as const) {
    it(`that are known go on while Keystone is ${behaviour}; of others nobody can tell: 503`, async () => {
      const fresh = await asking(behaviour === 'hanging' ? { timeoutSeconds: 2 } : {});
      const known = keystone.issue({ roles: ['member'] });
      const unseen = keystone.issue({ roles: ['member'] });
      expect(await statusOf(known, fresh)).to.equal(200);
      keystone.behave(behaviour);
      expect(await statusOf(known, fresh)).to.equal(200);
      const startedAt = performance.now();
      const response = await ask(unseen, fresh);
      expect(response.status, await response.text()).to.equal(503);
      expect(response.headers.get('retry-after')).to.match(/^\d+$/);
      expect(response.headers.get('www-authenticate')).to.equal(null);
      const others = await Promise.all(Array.from({ length: 50 }, (_, n) => statusOf(`other-${String(n)}`, fresh)));
      expect(new Set(others)).to.deep.equal(new Set([503]));
      expect(performance.now() - startedAt, 'one after the other they would wait for minutes').to.be.below(15_000);
      expect((await fresh.request(feed)).status, 'the admin token').to.equal(200);
      keystone.behave('up');
      await until('it is asked again', async () => (await statusOf(unseen, fresh)) === 200, 10);
    });
  }

  it('that are known do not go on for ever while Keystone is away', async () => {
    const fresh = await asking({ cacheSeconds: 1 });
    const token = keystone.issue({ roles: ['member'] });
    expect(await statusOf(token, fresh)).to.equal(200);
    keystone.behave('away');
    await until('it is not known any more', async () => (await statusOf(token, fresh)) === 503);
  });

  it('are asked about with a token of our own, renewed before it ends and when it is not taken any more', async () => {
    keystone.serviceSeconds = 2;
    const fresh = await asking();
    const before = keystone.asked().logins;
    const next = (): Promise<number> => statusOf(keystone.issue({ roles: ['member'] }), fresh);
    expect(await Promise.all([next(), next(), next()])).to.deep.equal([200, 200, 200]);
    expect(keystone.asked().logins, 'one for all').to.equal(before + 1);
    await sleep(2_100);
    expect(await next()).to.equal(200);
    keystone.serviceSeconds = 3600;
    keystone.forgetServices();
    expect(await Promise.all([next(), next(), next()])).to.deep.equal([200, 200, 200]);
  });

  it('of others can be asked about while one is not looked for', async () => {
    expect(await statusOf(keystone.forbidden())).to.equal(503);
    expect(await statusOf(keystone.issue({ roles: ['member'] }))).to.equal(200);
  });

  it('cannot be asked about with a wrong password: 503, and nobody is told of it but the log', async () => {
    const fresh = await asking({}, { KEYSTONE_PASSWORD: 'hush-wrong' });
    const response = await ask(keystone.issue({ roles: ['member'] }), fresh);
    expect(response.status).to.equal(503);
    expect(await response.text()).not.to.contain('hush');
  });

  it('are asked about by an application credential too, or for a project', async () => {
    const id = 'c0ffee';
    keystone.expectLogin({
      identity: { methods: ['application_credential'], application_credential: { id, secret: 'hush-secret' } },
    });
    const credential = { user: undefined, applicationCredential: { id } };
    const byCredential = await asking(credential, { KEYSTONE_PASSWORD: 'hush-secret' });
    expect(await statusOf(keystone.issue({ roles: ['member'] }), byCredential)).to.equal(200);
    const password = { user: { name: 'm', domain: { name: 'services' }, password: 'hush' } };
    const scope = { project: { name: 'service', domain: { name: 'Default' } } };
    keystone.expectLogin({ identity: { methods: ['password'], password }, scope });
    const user = { name: 'm', domain: 'services', password: 'hush', project: { name: 'service' } };
    expect(await statusOf(keystone.issue({ roles: ['member'] }), await asking({ user }))).to.equal(200);
  });

  it('do not count beside an Authorization header', async () => {
    const member = keystone.issue({ roles: ['member'] });
    const before = keystone.asked().validations;
    const other = bearing(await issue(app, [{ role: 'reader', workspace: 'elsewhere' }]));
    expect(await statusOf(member, app, feed, { headers: other })).to.equal(404);
    expect(await statusOf(member, app, feed, { headers: { authorization: 'Bearer wrong' } })).to.equal(401);
    expect(keystone.asked().validations).to.equal(before);
    expect(await statusOf(member)).to.equal(200);
  });

  it('are not looked at where the server is not told to', async () => {
    const without = await asking({}, { AUTH: 'token' });
    const response = await ask(keystone.issue({ roles: ['member'] }), without);
    expect(response.status).to.equal(401);
    expect(response.headers.get('www-authenticate')).to.equal('Bearer realm="millrace"');
  });

  it('may be bad on a public feed too, where their sender hears of it', async () => {
    const open = await app.feed('open', { public: true });
    expect((await app.request(open, { anonymous: true })).headers.get('cache-control')).to.contain('public');
    expect(await statusOf('junk', app, open)).to.equal(401);
    const mine = await ask(keystone.issue({}), app, open);
    expect(mine.status).to.equal(200);
    expect(mine.headers.get('cache-control')).to.contain('private');
    expect(mine.headers.get('vary')).to.contain('X-Auth-Token');
  });
});
