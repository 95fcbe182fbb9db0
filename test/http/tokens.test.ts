import { expect } from 'chai';
import { request } from 'node:http';
import pg from 'pg';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry } from '../support/build.js';
import { bearing, issue } from '../support/tokens.js';
import { until } from '../support/waiting.js';

interface Kept {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly grants: unknown;
  readonly createdBy: string;
  readonly expiresAt?: string;
  readonly lastUsedAt?: string;
  readonly token?: string;
}

describe('bearer tokens', () => {
  let app: TestApp;
  let feed: string;
  const READER = [{ role: 'reader', workspace: 'shop', feed: 'orders' }];

  before(async () => {
    app = await startApp();
    feed = await app.feed('orders');
    await app.feed('others');
  });
  after(() => app.stop());

  const statusOf = async (path: string, init: RequestInit = {}): Promise<number> => {
    const response = await app.request(path, init);
    await response.arrayBuffer();
    return response.status;
  };
  const post = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    app.request('/admin/tokens', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const kept = async (id: string): Promise<Kept> => (await (await app.request(`/admin/tokens/${id}`)).json()) as Kept;

  it('are shown when they are made, and never again', async () => {
    const response = await post({ name: 'The warehouse', grants: READER, expiresInDays: 30 });
    expect(response.status).to.equal(201);
    expect(response.headers.get('cache-control')).to.equal('no-store');
    const made = (await response.json()) as Kept;
    expect(made).to.include({ name: 'The warehouse', state: 'good', createdBy: 'admin' });
    expect(made.grants).to.deep.equal(READER);
    expect(response.headers.get('location')).to.equal(`${app.url}/admin/tokens/${made.id}`);
    const days = (Date.parse(made.expiresAt ?? '') - Date.now()) / 86_400_000;
    expect(days).to.be.within(29.9, 30.1);
    const { token = '' } = made;
    for (const path of ['/admin/tokens', `/admin/tokens/${made.id}`]) {
      const text = await (await app.request(path)).text();
      expect(text).to.contain(made.id).and.not.to.contain(token.slice(-43));
    }
    const client = new pg.Client({ connectionString: app.database.url });
    await client.connect();
    const { rows } = await client.query<{ row: string }>('select tokens::text as row from tokens');
    await client.end();
    expect(rows.map(({ row }) => row).join()).not.to.contain(token.slice(-43));
  });

  it('let their bearer in, at once and again and again', async () => {
    const headers = bearing(await issue(app, [...READER, { role: 'publisher', workspace: 'shop', feed: 'orders' }]));
    for (let n = 0; n < 3; n++) {
      const body = anEntry({});
      const entry = { method: 'POST', headers: { ...headers, 'content-type': 'application/atom+xml' }, body };
      expect(await statusOf(feed, entry)).to.equal(201);
      expect(await statusOf(feed, { headers })).to.equal(200);
    }
    expect(await statusOf('/feeds/shop/others', { headers })).to.equal(404);
  });

  it('that are revoked let nobody in, on another node within a second or so', async () => {
    const other = await startApp({ database: app.database });
    try {
      const issued = await issue(app, READER);
      const headers = bearing(issued);
      expect(await statusOf(feed, { headers })).to.equal(200);
      expect((await other.request(feed, { headers })).status).to.equal(200);
      expect(await statusOf(`/admin/tokens/${issued.id}`, { method: 'DELETE' })).to.equal(204);
      for (const node of [app, other]) {
        await until('the token is refused', async () => (await node.request(feed, { headers })).status === 401, 3);
      }
      const refused = await app.request(feed, { headers });
      expect(refused.headers.get('www-authenticate')).to.equal('Bearer realm="millrace", error="invalid_token"');
      expect(await kept(issued.id)).to.include({ state: 'revoked' });
      expect(await statusOf(`/admin/tokens/${issued.id}`, { method: 'DELETE' })).to.equal(204);
    } finally {
      await other.stop();
    }
  });

  it('that are revoked while a body is under way have come too late', async () => {
    const issued = await issue(app, [{ role: 'admin' }]);
    const { port } = new URL(app.url);
    const body = JSON.stringify({ name: 'left behind', grants: [{ role: 'admin' }] });
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { ...bearing(issued), 'content-type': 'application/json', 'content-length': String(body.length) };
      const sending = request(
        { host: '127.0.0.1', port, method: 'POST', path: '/admin/tokens', headers },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      sending.on('error', reject);
      sending.write(body.slice(0, 10));
      setTimeout(() => {
        void statusOf(`/admin/tokens/${issued.id}`, { method: 'DELETE' }).then(() => {
          setTimeout(() => sending.end(body.slice(10)), 1_500);
        }, reject);
      }, 200);
    });
    expect(status).to.equal(401);
  });

  it('that are expired let nobody in', async () => {
    const issued = await issue(app, READER, { expiresInDays: 1 });
    const client = new pg.Client({ connectionString: app.database.url });
    await client.connect();
    await client.query("update tokens set expires_at = now() + interval '3 seconds' where token_id = $1", [issued.id]);
    await client.end();
    const headers = bearing(issued);
    expect(await statusOf(feed, { headers })).to.equal(200);
    await until('it is expired', async () => (await statusOf(feed, { headers })) === 401);
    expect(await kept(issued.id)).to.include({ state: 'expired' });
  });

  it('that are nearly right are wrong, whatever was asked for before', async () => {
    const issued = await issue(app, READER);
    const { token } = issued;
    expect(await statusOf(feed, { headers: bearing(issued) })).to.equal(200);
    const last = token.endsWith('A') ? 'B' : 'A';
    const wrong = [
      token.slice(0, -1) + last,
      token.slice(0, -1),
      `${token}A`,
      token.replace(issued.id, 'f'.repeat(16)),
    ];
    for (const text of wrong) {
      for (const path of [feed, '/admin/feeds', '/feeds', '/feeds/shop/none']) {
        expect(await statusOf(path, { headers: { authorization: `Bearer ${text}` } }), text).to.equal(401);
      }
    }
    expect(await statusOf(feed, { headers: bearing(issued) })).to.equal(200);
  });

  it('have the time of their last use, to the minute', async () => {
    const issued = await issue(app, READER);
    expect(await kept(issued.id)).not.to.have.property('lastUsedAt');
    expect(await statusOf(feed, { headers: bearing({ token: issued.token.slice(0, -1) + '~' }) })).to.equal(401);
    expect(await statusOf(feed, { headers: bearing(issued) })).to.equal(200);
    await until('its use is noted', async () => (await kept(issued.id)).lastUsedAt !== undefined, 3);
    const { lastUsedAt = '' } = await kept(issued.id);
    expect(Date.now() - Date.parse(lastUsedAt)).to.be.below(60_000);
  });

  it('that were revoked or expired a month ago are forgotten when another is made', async () => {
    const [old, young] = [await issue(app, READER), await issue(app, READER)];
    for (const { id } of [old, young]) await statusOf(`/admin/tokens/${id}`, { method: 'DELETE' });
    const client = new pg.Client({ connectionString: app.database.url });
    await client.connect();
    await client.query("update tokens set revoked_at = now() - interval '31 days' where token_id = $1", [old.id]);
    await client.end();
    await issue(app, READER);
    expect(await statusOf(`/admin/tokens/${old.id}`)).to.equal(404);
    expect(await statusOf(`/admin/tokens/${young.id}`)).to.equal(200);
  });

  it('are bounded in number for each maker', async () => {
    const maker = await issue(app, [{ role: 'admin', workspace: 'shop' }]);
    const client = new pg.Client({ connectionString: app.database.url });
    await client.connect();
    await client.query(
      `insert into tokens (token_id, name, digest, grants, created_by)
       select 'many-' || n, 'x', '', '[{"role": "reader", "workspace": "shop"}]', $1 from generate_series(1, 1000) as n`,
      [`token:${maker.id}`],
    );
    const refused = await post({ name: 'one more', grants: READER }, bearing(maker));
    expect(refused.status).to.equal(409);
    expect(await refused.text()).to.contain('1000 of your making');
    // Those that would be forgotten stand in nobody's way.
    await client.query("update tokens set revoked_at = now() - interval '31 days' where token_id like 'many-%'");
    await client.end();
    expect((await post({ name: 'one more', grants: READER }, bearing(maker))).status).to.equal(201);
  });

  it('are made by whoever administers all that they are good for', async () => {
    const headers = bearing(await issue(app, [{ role: 'admin', workspace: 'shop' }], { name: 'owner' }));
    const made = await post({ name: 'mine', grants: [{ role: 'publisher', workspace: 'shop' }] }, headers);
    expect(made.status).to.equal(201);
    const { id, createdBy } = (await made.json()) as Kept;
    expect(createdBy).to.match(/^token:[0-9a-f]{16}$/);
    for (const grants of [
      [{ role: 'reader' }],
      [{ role: 'reader', workspace: 'other' }],
      [{ role: 'publisher', workspace: 'shop' }, { role: 'admin' }],
    ]) {
      const refused = await post({ name: 'more', grants }, headers);
      expect(refused.status).to.equal(403);
      expect(((await refused.json()) as { detail: string }).detail).to.contain('one has to administer that');
    }
    const foreign = await issue(app, [{ role: 'reader' }]);
    expect(await statusOf(`/admin/tokens/${foreign.id}`, { headers })).to.equal(404);
    expect(await statusOf(`/admin/tokens/${foreign.id}`, { headers, method: 'DELETE' })).to.equal(404);
    const { tokens } = (await (await app.request('/admin/tokens', { headers })).json()) as { tokens: Kept[] };
    expect(tokens.map((one) => one.id))
      .to.include(id)
      .and.not.to.include(foreign.id);
    expect(await statusOf(`/admin/tokens/${id}`, { headers, method: 'DELETE' })).to.equal(204);
    expect(await statusOf(feed, { headers: bearing(foreign) })).to.equal(200);
  });

  for (const [what, body, status] of [
    ['no JSON', '{', 400],
    ['no grants', { name: 'x', grants: [] }, 422],
    ['no name', { grants: READER }, 422],
    ['an unknown role', { name: 'x', grants: [{ role: 'owner' }] }, 422],
    ['a feed without its workspace', { name: 'x', grants: [{ role: 'reader', feed: 'orders' }] }, 422],
    ['a name that no workspace can have', { name: 'x', grants: [{ role: 'reader', workspace: 'a/b' }] }, 400],
    ['a name that no feed can have', { name: 'x', grants: [{ role: 'reader', workspace: 'a', feed: '_x' }] }, 400],
    ['a time that is none', { name: 'x', grants: READER, expiresInDays: 0 }, 422],
    ['something unknown', { name: 'x', grants: READER, tenants: ['1'] }, 422],
  ] as const) {
    it(`are not made of ${what}`, async () => {
      const response = await post(body);
      expect(response.status, await response.text()).to.equal(status);
    });
  }

  it('are revoked only where a precondition holds', async () => {
    const { id } = await issue(app, READER);
    const remove = (headers: Record<string, string>): Promise<number> =>
      statusOf(`/admin/tokens/${id}`, { method: 'DELETE', headers });
    expect(await remove({ 'if-match': '"x"' })).to.equal(412);
    expect(await remove({ 'if-none-match': '*' })).to.equal(412);
    expect(await kept(id)).to.include({ state: 'good' });
    expect(await remove({ 'if-match': '*' })).to.equal(204);
  });

  it('that are not there are 404', async () => {
    for (const id of ['0'.repeat(16), 'x', '%00', "'", 'x'.repeat(5_000)]) {
      expect(await statusOf(`/admin/tokens/${id}`), id).to.be.oneOf([400, 404]);
      expect(await statusOf(`/admin/tokens/${id}`, { method: 'DELETE' }), id).to.be.oneOf([400, 404]);
    }
  });
});
