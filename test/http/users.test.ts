import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { bearing, issue } from '../support/tokens.js';
import { until } from '../support/waiting.js';
import { stopwatch } from '../support/stopwatch.js';

const PASSWORD = 'correct horse battery';

function basic(name: string, password = PASSWORD): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` };
}

describe('users with passwords', function () {
  this.timeout(60_000);
  let app: TestApp;
  let feed: string;
  const READER = [{ role: 'reader', workspace: 'shop', feed: 'orders' }];

  before(async () => {
    app = await startApp({ env: { AUTH: 'basic, token' } });
    feed = await app.feed('orders');
  });
  after(() => app.stop());

  const statusOf = async (path: string, init: RequestInit = {}): Promise<number> => {
    const response = await app.request(path, init);
    await response.arrayBuffer();
    return response.status;
  };
  const put = (name: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    app.request(`/admin/users/${name}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const make = async (name: string, grants: unknown = READER, password = PASSWORD): Promise<void> => {
    const response = await put(name, { password, grants });
    expect(response.status, await response.text()).to.be.oneOf([200, 201]);
  };

  it('get in with these, and may do what they are granted', async () => {
    await make('alice@example.org');
    const headers = basic('alice@example.org');
    for (let n = 0; n < 3; n++) expect(await statusOf(feed, { headers })).to.equal(200);
    expect(await statusOf(feed, { method: 'POST', headers, body: '' })).to.equal(403);
    expect(await statusOf('/feeds/shop/other', { headers })).to.equal(404);
  });

  it('are known again without their password being worked out again', async () => {
    await make('quick');
    const headers = basic('quick');
    expect(await statusOf(feed, { headers })).to.equal(200);
    const took = stopwatch();
    for (let n = 0; n < 100; n++) expect(await statusOf(feed, { headers })).to.equal(200);
    // Worked out, each would take more than a tenth of a second.
    expect(took()).to.be.below(5_000);
  });

  it('get in with many connections at once, before anybody knows them', async () => {
    await make('busy');
    const all = Array.from({ length: 30 }, () => statusOf(feed, { headers: basic('busy') }));
    expect(new Set(await Promise.all(all))).to.deep.equal(new Set([200]));
  });

  it('with a wrong password are told so as those that are not there, with each way in', async () => {
    await make('bob');
    expect(await statusOf(feed, { headers: basic('bob') })).to.equal(200);
    const wrong = [
      basic('bob', 'wrong'),
      basic('bob', ''),
      basic('bob', `${PASSWORD} `),
      basic('nobody'),
      basic(''),
      basic('bo\0b'),
      basic('x'.repeat(2_000)),
      { authorization: `Basic ${Buffer.from('bob').toString('base64')}` },
      { authorization: 'Basic !' },
      { authorization: `Digest username="bob"` },
    ];
    const told = new Set<string>();
    for (const headers of wrong) {
      const response = await app.request(feed, { headers });
      const { instance: _instance, ...body } = (await response.json()) as Record<string, unknown>;
      told.add(JSON.stringify({ ...body, challenge: response.headers.get('www-authenticate') }));
    }
    expect([...told]).to.have.length(1);
    expect([...told][0])
      .to.contain('"status":401')
      .and.contain(
        'Bearer realm=\\"millrace\\", error=\\"invalid_token\\", Basic realm=\\"millrace\\", charset=\\"UTF-8\\"',
      );
    expect(await statusOf(feed, { headers: basic('bob') })).to.equal(200);
  });

  it('may be called by any letters in their password, in UTF-8 (RFC 7617 §2.1), and colons', async () => {
    await make('ulla', READER, 'Müll:graben:7 €');
    expect(await statusOf(feed, { headers: basic('ulla', 'Müll:graben:7 €') })).to.equal(200);
    expect(await statusOf(feed, { headers: basic('ulla', 'Müll') })).to.equal(401);
  });

  it('are shown without their password, and what was read can be sent back', async () => {
    await make('carol');
    const shown = (await (await app.request('/admin/users/carol')).json()) as Record<string, unknown>;
    expect(shown).to.have.all.keys('name', 'grants', 'createdAt', 'createdBy', 'url');
    expect((await put('carol', shown)).status).to.equal(200);
    expect(await statusOf(feed, { headers: basic('carol') })).to.equal(200);
    const { users } = (await (await app.request('/admin/users')).json()) as { users: { name: string }[] };
    expect(users.map(({ name }) => name)).to.include('carol');
  });

  it('are no longer let in when their password is another, their grants are gone or they are', async () => {
    await make('dave');
    const headers = basic('dave');
    expect(await statusOf(feed, { headers })).to.equal(200);
    await make('dave', READER, 'another password');
    await until('the old password is refused', async () => (await statusOf(feed, { headers })) === 401, 4);
    const newer = basic('dave', 'another password');
    expect(await statusOf(feed, { headers: newer })).to.equal(200);
    expect((await put('dave', { grants: [{ role: 'reader', workspace: 'elsewhere' }] })).status).to.equal(200);
    await until('the grant is gone', async () => (await statusOf(feed, { headers: newer })) === 404, 4);
    expect(await statusOf('/admin/users/dave', { method: 'DELETE' })).to.equal(204);
    await until('the user is gone', async () => (await statusOf(feed, { headers: newer })) === 401, 4);
    expect(await statusOf('/admin/users/dave')).to.equal(404);
  });

  it('are administered by whoever administers all that they are granted', async () => {
    const headers = bearing(await issue(app, [{ role: 'admin', workspace: 'shop' }]));
    expect((await put('erin', { password: PASSWORD, grants: READER }, headers)).status).to.equal(201);
    expect((await put('erin', { grants: [{ role: 'admin' }] }, headers)).status).to.equal(403);
    await make('frank', [{ role: 'reader' }]);
    expect((await put('frank', { password: 'taken over now', grants: READER }, headers)).status).to.equal(403);
    expect(await statusOf('/admin/users/frank', { headers })).to.equal(404);
    expect(await statusOf('/admin/users/frank', { headers, method: 'DELETE' })).to.equal(404);
    const { users } = (await (await app.request('/admin/users', { headers })).json()) as { users: { name: string }[] };
    expect(users.map(({ name }) => name))
      .to.include('erin')
      .and.not.to.include('frank');
  });

  it('are made and changed only where a precondition holds', async () => {
    const having = (headers: Record<string, string>): Promise<Response> =>
      put('grace', { password: PASSWORD, grants: READER }, headers);
    expect((await having({ 'if-match': '*' })).status).to.equal(412);
    expect((await having({ 'if-none-match': '*' })).status).to.equal(201);
    expect((await having({ 'if-none-match': '*' })).status).to.equal(412);
    expect(await statusOf('/admin/users/grace', { method: 'DELETE', headers: { 'if-match': '"x"' } })).to.equal(412);
  });

  it('whose login waits for its turn are not let in when they are deleted meanwhile', async () => {
    await make('vic');
    const others = Array.from({ length: 10 }, (_, n) => statusOf(feed, { headers: basic(`other${String(n)}`) }));
    const login = statusOf(feed, { headers: basic('vic') });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await statusOf('/admin/users/vic', { method: 'DELETE' })).to.equal(204);
    expect(await login).to.equal(401);
    expect(new Set(await Promise.all(others))).to.deep.equal(new Set([401]));
  });

  it('are not worked on for those who may not change them', async () => {
    await make('quiet', [{ role: 'reader' }]);
    const headers = bearing(await issue(app, [{ role: 'admin', workspace: 'shop' }]));
    const all = Array.from(
      { length: 60 },
      async () => (await put('quiet', { password: PASSWORD, grants: READER }, headers)).status,
    );
    const took = stopwatch();
    expect(new Set(await Promise.all(all))).to.deep.equal(new Set([403]));
    expect(took(), 'worked out, they would take ten seconds').to.be.below(5_000);
  });

  it('get no more grants by another with the password that their maker knows', async () => {
    const owner = bearing(await issue(app, [{ role: 'admin', workspace: 'shop' }]));
    expect((await put('jack', { password: PASSWORD, grants: READER }, owner)).status).to.equal(201);
    const more = [...READER, { role: 'admin' }];
    const refused = await put('jack', { grants: more });
    expect(refused.status).to.equal(422);
    expect(await refused.text()).to.contain('made this user');
    expect((await put('jack', { grants: READER })).status).to.equal(200);
    expect((await put('jack', { password: 'another password', grants: more })).status).to.equal(200);
    expect(await statusOf('/admin/feeds', { headers: basic('jack') })).to.equal(401);
    expect(await statusOf('/admin/feeds', { headers: basic('jack', 'another password') })).to.equal(200);
  });

  for (const [what, name, body, status] of [
    ['no password', 'new', { grants: READER }, 422],
    ['a short password', 'new', { password: 'short', grants: READER }, 422],
    ['half a character in its password', 'new', { password: '\ud800'.repeat(12), grants: READER }, 422],
    ['no grants', 'new', { password: PASSWORD, grants: [] }, 422],
    ['an unknown role', 'new', { password: PASSWORD, grants: [{ role: 'owner' }] }, 422],
    ['a name with a colon', 'a:b', { password: PASSWORD, grants: READER }, 400],
    ['a name that is long', 'x'.repeat(129), { password: PASSWORD, grants: READER }, 400],
  ] as const) {
    it(`are not made with ${what}`, async () => {
      const response = await put(name, body);
      expect(response.status, await response.text()).to.equal(status);
    });
  }

  it('of whom many come at once are all answered, or put off', async () => {
    await make('henry');
    const all = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        statusOf(feed, { headers: basic(n % 2 === 0 ? 'henry' : `henry${String(n)}`, `guess ${String(n)}`) }),
      ),
    );
    for (const status of all) expect(status).to.be.oneOf([401, 503]);
    expect(all).to.include(401);
    expect(await statusOf(feed)).to.equal(200);
  });

  it('are not asked for where the server is not set up for them, and tokens likewise', async () => {
    const plain = await startApp({ database: app.database });
    const passwords = await startApp({ database: app.database, env: { AUTH: 'basic' } });
    try {
      await make('ida');
      const refused = await plain.request(feed, { headers: basic('ida') });
      expect(refused.status).to.equal(401);
      expect(refused.headers.get('www-authenticate')).not.to.contain('Basic');
      const headers = bearing(await issue(app, READER));
      expect((await plain.request(feed, { headers })).status).to.equal(200);
      expect((await passwords.request(feed, { headers })).status).to.equal(401);
      expect((await passwords.request(feed, { headers: basic('ida') })).status).to.equal(200);
      expect((await passwords.request(feed)).status, 'the admin token').to.equal(200);
    } finally {
      await plain.stop();
      await passwords.stop();
    }
  });
});
