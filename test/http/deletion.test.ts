import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry } from '../support/build.js';
import { EVENT_JSON_SCHEMA, addContract, refusalIn, retire, textOf } from '../support/contracts.js';
import { deleteFeed, deletionOf } from '../support/deletion.js';
import { ask } from '../support/log.js';
import { page, post, publish, publishSome } from '../support/publish.js';
import { bearing, issue } from '../support/tokens.js';
import { until } from '../support/waiting.js';

describe('deleting a feed', function () {
  this.timeout(60_000);
  let app: TestApp;

  before(async () => {
    app = await startApp({ env: { RETENTION_SECONDS: '86400' } });
  });
  after(() => app.stop());

  const restore = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    app.request(`/admin${path}/restore`, { method: 'POST', headers });
  const shown = async (response: Promise<Response>): Promise<Record<string, unknown>> =>
    JSON.parse(await textOf(await response, 200)) as Record<string, unknown>;
  const deleted = async (headers: Record<string, string> = {}): Promise<Record<string, string>[]> =>
    (await shown(app.request('/admin/feeds?deleted=true', { headers })))['feeds'] as Record<string, string>[];
  const idOf = async (path: string): Promise<unknown> => (await shown(app.request(`/admin${path}`)))['id'];
  /** As if the day were over. */
  const dayOver = (name: string): Promise<unknown> =>
    ask(app.database.url, `update feeds set restorable_until = now() - interval '1 second' where name = $1`, [name]);

  it('takes its name once more, else nothing is deleted and the message says what to send', async () => {
    const path = await app.feed('named');
    for (const query of ['', '?confirm=', '?confirm=named', '?confirm=shop/other', '?confirm=shop%2Fnamed%20']) {
      const { detail } = await refusalIn(
        await app.request(`/admin${path}${query}`, { method: 'DELETE' }),
        400,
        'bad-parameter',
      );
      expect(detail).to.include('send ?confirm=shop/named').and.to.include('nothing was deleted');
    }
    await refusalIn(await app.request(`${deletionOf(path)}&purge=yes`, { method: 'DELETE' }), 400, 'bad-parameter');
    expect((await app.request(path)).status).to.equal(200);
    expect((await app.request(`/admin${path}?confirm=shop%2Fnamed`, { method: 'DELETE' })).status).to.equal(204);
    expect((await app.request(path)).status).to.equal(404);
  });

  it('can be taken back: it is whole again, and what readers hold of it is good', async () => {
    const path = await app.feed('undone', { editable: true, title: 'Undone' });
    const [id] = await publishSome(app, path, 30);
    await addContract(app, path, { kind: 'json-schema', schema: true });
    await retire(app, path, 1);
    const member = `${path}/entries/${id!}`;
    const whole = async (): Promise<Record<string, unknown>> => {
      const response = await app.request(path);
      return {
        settings: await shown(app.request(`/admin${path}`)),
        schemas: await shown(app.request(`/admin${path}/schemas`)),
        page: await textOf(response, 200),
        etag: response.headers.get('etag'),
        second: await textOf(await app.request(`${path}?marker=5`), 200),
        member: (await app.request(member)).headers.get('etag'),
      };
    };
    const before = await whole();
    expect((await deleteFeed(app, path)).status).to.equal(204);
    for (const gone of [path, member, `/admin${path}`, `${path}/schemas`]) {
      expect((await app.request(gone)).status, gone).to.equal(404);
    }
    expect((await post(app, path, anEntry())).status).to.equal(404);
    expect((await app.request(path, { anonymous: true })).status).to.equal(401);

    expect(await shown(restore(path))).to.deep.equal(before['settings']);
    expect(await whole()).to.deep.equal(before);
    const poll = await app.request(path, { headers: { 'if-none-match': before['etag'] as string } });
    expect(poll.status).to.equal(304);
    const headers = { 'content-type': 'application/atom+xml', 'if-match': before['member'] as string };
    const edited = await app.request(member, { method: 'PUT', headers, body: anEntry({ id: id! }) });
    expect(edited.status).to.equal(200);
    await publish(app, path);
    expect(await shown(app.request(`/admin${path}`))).to.include({ head: 32, firstKept: 1 });
  });

  it('is listed until the day is over, to those who administer it', async () => {
    const path = await app.feed('listed');
    expect((await deleted()).map(({ name }) => name)).not.to.include('listed');
    const before = Date.now();
    await deleteFeed(app, path);
    const { feeds } = await shown(app.request('/admin/feeds'));
    expect((feeds as { name: string }[]).map(({ name }) => name)).not.to.include('listed');
    const found = (await deleted()).find(({ name }) => name === 'listed');
    expect(found).to.include({ workspace: 'shop' });
    expect(Math.abs(Date.parse(found!['deletedAt']!) - before)).to.be.below(60_000);
    const hours = (Date.parse(found!['restorableUntil']!) - Date.parse(found!['deletedAt']!)) / 3_600_000;
    expect(hours).to.be.within(23.9, 24.1);
    const stranger = bearing(await issue(app, [{ role: 'admin', workspace: 'elsewhere' }]));
    expect(await deleted(stranger)).to.deep.equal([]);
    await refusalIn(await restore(path, stranger), 404, 'not-found');
    const owner = bearing(await issue(app, [{ role: 'admin', workspace: 'shop', feed: 'listed' }]));
    expect((await restore(path, owner)).status).to.equal(200);
    expect(await deleted(owner)).to.deep.equal([]);
  });

  it('cannot be taken back after the day', async () => {
    const path = await app.feed('late');
    const id = await idOf(path);
    await publishSome(app, path, 3);
    await deleteFeed(app, path);
    await dayOver('late');
    await refusalIn(await restore(path), 404, 'not-found');
    expect((await deleted()).map(({ name }) => name)).not.to.include('late');
    await refusalIn(await deleteFeed(app, path, { purge: true }), 404, 'not-found');
    // Retention has not been there yet; what the feed held is not shown all the same.
    await app.feed('late');
    expect(await idOf(path)).not.to.equal(id);
    expect(await shown(app.request(`/admin${path}`))).to.include({ head: 3, firstKept: 4 });
    expect((await page(app, path)).entries).to.deep.equal([]);
  });

  it('keeps its name from being used by accident, and says both ways out', async () => {
    const path = await app.feed('kept');
    await publishSome(app, path, 2);
    await deleteFeed(app, path);
    for (const headers of [{}, { 'if-none-match': '*' }]) {
      const put = await app.request(`/admin${path}`, { method: 'PUT', headers });
      const { detail } = await refusalIn(put, 409, 'conflict');
      expect(detail)
        .to.include(`POST /admin${path}/restore`)
        .and.to.include(`DELETE ${deletionOf(path)}&purge=true`);
    }
    const again = await refusalIn(await deleteFeed(app, path), 404, 'not-found');
    expect(again.detail).to.include('can be restored until');
    expect((await restore(path)).status).to.equal(200);
    expect((await restore(path)).status, 'a feed that is there').to.equal(200);
    expect((await page(app, path)).entries).to.have.length(2);
  });

  it('is for good with purge, of a feed that is there and of one that was deleted', async () => {
    for (const first of [false, true]) {
      const path = await app.feed('purged');
      const id = await idOf(path);
      await addContract(app, path, { kind: 'json-schema', schema: EVENT_JSON_SCHEMA }).catch(() => undefined);
      if (first) expect((await deleteFeed(app, path)).status).to.equal(204);
      expect((await deleteFeed(app, path, { purge: true })).status).to.equal(204);
      await refusalIn(await restore(path), 404, 'not-found');
      await refusalIn(await deleteFeed(app, path, { purge: true }), 404, 'not-found');
      await app.feed('purged');
      expect(await idOf(path)).not.to.equal(id);
      await publish(app, path);
      expect((await shown(app.request(`/admin${path}/schemas`)))['versions']).to.deep.equal([]);
    }
    expect((await refusalIn(await restore('/feeds/shop/never'), 404, 'not-found')).detail).to.include('shop/never');
  });

  it('keeps the workspace while the feed can be restored', async () => {
    await app.request('/admin/workspaces/emptied', { method: 'PUT' });
    await app.request('/admin/feeds/emptied/one', { method: 'PUT' });
    await deleteFeed(app, '/feeds/emptied/one');
    const remove = (): Promise<Response> => app.request('/admin/workspaces/emptied', { method: 'DELETE' });
    const { detail } = await refusalIn(await remove(), 409, 'conflict');
    expect(detail).to.include('"one"').and.to.include('&purge=true');
    await deleteFeed(app, '/feeds/emptied/one', { purge: true });
    expect((await remove()).status).to.equal(204);
  });

  it('and taking it back are known to the other nodes', async () => {
    const other = await startApp({ database: app.database });
    try {
      const path = await app.feed('everywhere');
      await publish(app, path);
      const status = async (): Promise<number> => (await other.request(path)).status;
      await until('the other node has it', async () => (await status()) === 200);
      await deleteFeed(app, path);
      await until('the other node has it no more', async () => (await status()) === 404);
      await deleteFeed(other, path).then((response) => refusalIn(response, 404, 'not-found'));
      await restore(path);
      await until('the other node has it again', async () => (await status()) === 200);
      expect((await page(other, path)).entries).to.have.length(1);
      expect((await post(other, path, anEntry())).status).to.equal(201);
    } finally {
      await other.stop();
    }
  });
});
