import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { aFeedOf, anEntry, anId } from '../support/build.js';
import { postContract, refusalIn, textOf } from '../support/contracts.js';
import { deleteFeed } from '../support/deletion.js';
import { ask } from '../support/log.js';
import { FEED_TYPE, post } from '../support/publish.js';
import { bearing, issue } from '../support/tokens.js';

interface Shown {
  readonly quotas?: Record<string, number>;
  readonly used: Record<string, number>;
}

describe('quotas', function () {
  this.timeout(60_000);
  let app: TestApp;
  let made = 0;

  before(async () => {
    app = await startApp({ env: { RETENTION_SECONDS: '86400' } });
  });
  after(() => app.stop());

  const put = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    app.request(path, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const shown = async (workspace: string): Promise<Shown> =>
    JSON.parse(await textOf(await app.request(`/admin/workspaces/${workspace}`), 200)) as Shown;
  const setQuotas = async (workspace: string, quotas: Record<string, number>): Promise<void> => {
    expect((await put(`/admin/workspaces/${workspace}`, { quotas })).status).to.be.oneOf([200, 201]);
  };
  /** A workspace of its own with these quotas and a feed in it. */
  const limited = async (quotas: Record<string, number>, settings = {}): Promise<[string, string]> => {
    const workspace = `w${String(++made)}`;
    await setQuotas(workspace, quotas);
    expect((await put(`/admin/feeds/${workspace}/one`, settings)).status).to.equal(201);
    return [workspace, `/feeds/${workspace}/one`];
  };
  const postFeed = (path: string, ids: readonly string[]): Promise<Response> =>
    post(app, path, aFeedOf(ids.map((id) => ({ id }))), { 'content-type': FEED_TYPE });
  const octetsIn = async (workspace: string): Promise<number> => {
    const [row] = await ask<{ octets: string }>(
      app.database.url,
      `select coalesce(sum(octets), 0) as octets from entries join feeds using (feed_id) where workspace = $1`,
      [workspace],
    );
    return Number(row!.octets);
  };

  describe('are set', () => {
    it('by who administers everything, shown with what is used of them, and stay when they are not named', async () => {
      const quotas = { feeds: 3, entriesPerDay: 100, bytes: 1_000_000 };
      const created = await put('/admin/workspaces/set', { title: 'Set', quotas });
      expect(JSON.parse(await textOf(created, 201))).to.deep.equal({
        name: 'set',
        title: 'Set',
        url: `${app.url}/feeds/set`,
        quotas,
        used: { feeds: 0, entriesPerDay: 0, bytes: 0 },
      });
      await put('/admin/feeds/set/one', {});
      await post(app, '/feeds/set/one', anEntry());
      const { used } = await shown('set');
      expect(used).to.deep.equal({ feeds: 1, entriesPerDay: 1, bytes: await octetsIn('set') });
      await put('/admin/workspaces/set', {});
      expect((await shown('set')).quotas).to.deep.equal(quotas);
      await setQuotas('set', { feeds: 2 });
      expect((await shown('set')).quotas).to.deep.equal({ feeds: 2 });
      await setQuotas('set', {});
      const { quotas: none, used: still } = await shown('set');
      expect(none).to.equal(undefined);
      expect(still).to.deep.equal({ feeds: 1, entriesPerDay: 1 });
    });

    it('to whole numbers, and not negative', async () => {
      for (const quotas of [{ feeds: -1 }, { bytes: 1.5 }, { entriesPerDay: '5' }, { files: 1 }, { feeds: null }, 5]) {
        await refusalIn(await put('/admin/workspaces/set', { quotas }), 422, 'invalid-body');
      }
    });

    it('not by an owner, who sees them and may send them back', async () => {
      await setQuotas('owned', { feeds: 2 });
      const owner = bearing(await issue(app, [{ role: 'admin', workspace: 'owned' }]));
      const read = await textOf(await app.request('/admin/workspaces/owned', { headers: owner }), 200);
      expect((JSON.parse(read) as Shown).quotas).to.deep.equal({ feeds: 2 });
      for (const quotas of [{}, { feeds: 3 }, { feeds: 2, bytes: 1 }]) {
        const answer = await put('/admin/workspaces/owned', { quotas }, owner);
        expect((await refusalIn(answer, 403, 'forbidden')).detail).to.include('quotas are set by those who administer');
      }
      expect((await put('/admin/workspaces/owned', { ...JSON.parse(read), title: 'Ours' }, owner)).status).to.equal(
        200,
      );
      expect((await put('/admin/workspaces/owned', { title: 'Ours too' }, owner)).status).to.equal(200);
      expect(await shown('owned')).to.deep.include({ title: 'Ours too', quotas: { feeds: 2 } });
      // To delete the workspace and make it anew would lift them.
      const removed = await app.request('/admin/workspaces/owned', { method: 'DELETE', headers: owner });
      await refusalIn(removed, 403, 'forbidden');
      expect((await app.request('/admin/workspaces/owned', { method: 'DELETE' })).status).to.equal(204);
      await refusalIn(await put('/admin/workspaces/owned', { quotas: { feeds: 9 } }, owner), 403, 'forbidden');
      expect((await put('/admin/workspaces/owned', {}, owner)).status).to.equal(201);
      expect((await app.request('/admin/workspaces/owned', { method: 'DELETE', headers: owner })).status).to.equal(204);
    });
  });

  describe('of feeds', () => {
    it('are exact, also when many are made at once, and count what can be restored', async () => {
      await setQuotas('many', { feeds: 3 });
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, n) => put(`/admin/feeds/many/f${String(n)}`, {})),
      );
      const made = answers.flatMap(({ status }, n) => (status === 201 ? [n] : []));
      expect(made).to.have.length(3);
      const refused = answers.find(({ status }) => status !== 201)!;
      const { detail, ...problem } = await refusalIn(refused, 403, 'quota-exceeded');
      expect(problem).to.deep.include({ quota: 'feeds', limit: 3, used: 3 });
      expect(detail).to.include('"many" has 3 feeds').and.to.include('quota of 3').and.to.include('administers');

      expect((await put(`/admin/feeds/many/f${String(made[0])}`, { title: 'x' })).status).to.equal(200);
      await deleteFeed(app, `/feeds/many/f${String(made[0])}`);
      expect((await shown('many')).used['feeds']).to.equal(3);
      await refusalIn(await put('/admin/feeds/many/next', {}), 403, 'quota-exceeded');
      await deleteFeed(app, `/feeds/many/f${String(made[0])}`, { purge: true });
      expect((await put('/admin/feeds/many/next', {})).status).to.equal(201);
      await refusalIn(await put(`/admin/feeds/many/f${String(made[0])}`, {}), 403, 'quota-exceeded');
    });
  });

  describe('of entries a day', () => {
    it('are exact on one node, also when many are published at once; what is refused or repeated costs nothing', async () => {
      const [workspace, path] = await limited({ entriesPerDay: 20 });
      const first = anId();
      const others = Array.from({ length: 29 }, anId);
      expect((await post(app, path, anEntry({ id: first }))).status).to.equal(201);
      expect((await post(app, path, '<entry xmlns="http://www.w3.org/2005/Atom"/>')).status).to.equal(422);
      const answers = await Promise.all(
        [...others, first, first, first].map(async (id) => (await post(app, path, anEntry({ id }))).status),
      );
      expect(answers.filter((status) => status === 201)).to.have.length(19 + 3);
      expect(answers.filter((status) => status === 429)).to.have.length(10);
      expect((await shown(workspace)).used['entriesPerDay']).to.equal(20);

      const refused = await post(app, path, anEntry());
      const toMidnight = (86_400_000 - (Date.now() % 86_400_000)) / 1000;
      expect(Number(refused.headers.get('retry-after'))).to.be.within(toMidnight - 60, toMidnight + 60);
      const { detail, ...problem } = await refusalIn(refused, 429, 'daily-quota-exceeded');
      expect(problem).to.deep.include({ quota: 'entriesPerDay', limit: 20, used: 20 });
      expect(detail).to.include(`"${workspace}"`).and.to.include('20 a day').and.to.include('administers');

      const replayed = await post(app, path, anEntry({ id: first }));
      expect([replayed.status, replayed.headers.get('idempotent-replayed')]).to.deep.equal([201, 'true']);
      await refusalIn(await post(app, `${path}?dry-run=true`, anEntry()), 429, 'daily-quota-exceeded');
      expect((await post(app, `${path}?dry-run=true`, anEntry({ id: first }))).status).to.equal(200);
      await setQuotas(workspace, { entriesPerDay: 21 });
      expect((await post(app, path, anEntry())).status).to.equal(201);
      await refusalIn(await post(app, path, anEntry()), 429, 'daily-quota-exceeded');
    });

    it('take a document as a whole, and of one that was sent before only what is new', async () => {
      const [workspace, path] = await limited({ entriesPerDay: 5 });
      const ids = Array.from({ length: 7 }, anId);
      expect((await postFeed(path, ids.slice(0, 4))).status).to.equal(201);
      await refusalIn(await postFeed(path, ids.slice(4, 6)), 429, 'daily-quota-exceeded');
      await refusalIn(await postFeed(path, ids.slice(2, 6)), 429, 'daily-quota-exceeded');
      const more = Array.from({ length: 6 }, anId);
      expect((await refusalIn(await postFeed(path, more), 403, 'quota-exceeded')).detail).to.include('less at once');
      expect((await postFeed(path, ids.slice(0, 5))).status).to.equal(201);
      const { status, headers } = await postFeed(path, ids.slice(0, 5));
      expect([status, headers.get('idempotent-replayed')]).to.deep.equal([201, 'true']);
      expect((await shown(workspace)).used['entriesPerDay']).to.equal(5);
    });

    it('answer what was published before also where more is used than the quota has by now', async () => {
      const [workspace, path] = await limited({ entriesPerDay: 5 });
      const ids = Array.from({ length: 3 }, anId);
      expect((await postFeed(path, ids)).status).to.equal(201);
      await setQuotas(workspace, { entriesPerDay: 1, bytes: 1 });
      for (const again of [await postFeed(path, ids), await post(app, path, anEntry({ id: ids[0]! }))]) {
        expect([again.status, again.headers.get('idempotent-replayed')]).to.deep.equal([201, 'true']);
      }
      expect((await post(app, `${path}?dry-run=true`, anEntry({ id: ids[0]! }))).status).to.equal(200);
      await refusalIn(await postFeed(path, [...ids, anId()]), 403, 'quota-exceeded');
      expect((await shown(workspace)).used['entriesPerDay']).to.equal(3);
    });

    it('count all feeds of the workspace, revisions and deletions, and what deleted feeds had; deletions are never refused', async () => {
      const [workspace, path] = await limited({ entriesPerDay: 4 }, { editable: true });
      await put(`/admin/feeds/${workspace}/two`, {});
      const id = anId();
      await post(app, path, anEntry({ id }));
      await post(app, `/feeds/${workspace}/two`, anEntry());
      const headers = { 'content-type': 'application/atom+xml', 'if-match': '*' };
      const edit = (title: string, query = ''): Promise<Response> =>
        app.request(`${path}/entries/${id}${query}`, { method: 'PUT', headers, body: anEntry({ id, title }) });
      expect((await edit('a')).status).to.equal(200);
      expect((await edit('b')).status).to.equal(200);
      await refusalIn(await edit('c'), 429, 'daily-quota-exceeded');
      await refusalIn(await edit('c', '?dry-run=true'), 429, 'daily-quota-exceeded');
      expect((await app.request(`${path}/entries/${id}`, { method: 'DELETE', headers })).status).to.equal(204);
      expect((await shown(workspace)).used['entriesPerDay']).to.equal(5);
      await deleteFeed(app, path, { purge: true });
      await put(`/admin/feeds/${workspace}/one`, {});
      await refusalIn(await post(app, path, anEntry()), 429, 'daily-quota-exceeded');
    });

    it('bind a revision that says what the entry said first: it is one more all the same', async () => {
      const [workspace, path] = await limited({ entriesPerDay: 2 }, { editable: true });
      const [id, other] = [anId(), anId()];
      const body = anEntry({ id });
      await post(app, path, body);
      await post(app, path, anEntry({ id: other }));
      const headers = { 'content-type': 'application/atom+xml', 'if-match': '*' };
      const revise = (query = ''): Promise<Response> =>
        app.request(`${path}/entries/${id}${query}`, { method: 'PUT', headers, body });
      await refusalIn(await revise(), 429, 'daily-quota-exceeded');
      await refusalIn(await revise('?dry-run=true'), 429, 'daily-quota-exceeded');
      await setQuotas(workspace, { bytes: await octetsIn(workspace) });
      await refusalIn(await revise(), 403, 'quota-exceeded');
      await setQuotas(workspace, { entriesPerDay: 3 });
      expect((await revise()).status).to.equal(200);
      await refusalIn(await revise(), 429, 'daily-quota-exceeded');
      expect((await shown(workspace)).used['entriesPerDay']).to.equal(3);
    });

    it('begin anew at midnight UTC', async () => {
      const [workspace, path] = await limited({ entriesPerDay: 3 });
      await postFeed(path, [anId(), anId(), anId()]);
      await refusalIn(await post(app, path, anEntry()), 429, 'daily-quota-exceeded');
      await ask(
        app.database.url,
        `update ticks set recorded_at = date_trunc('day', now() at time zone 'utc') at time zone 'utc' - interval '1 second'
          where feed_id = (select feed_id from feeds where workspace = $1)`,
        [workspace],
      );
      expect((await shown(workspace)).used['entriesPerDay']).to.equal(0);
      expect((await post(app, path, anEntry())).status).to.equal(201);
      expect((await shown(workspace)).used['entriesPerDay']).to.equal(1);
    });
  });

  describe('of bytes', () => {
    it('refuse what would be too much, and take what fits', async () => {
      const [workspace, path] = await limited({ bytes: 2_000 });
      const big = anEntry({ title: 'x'.repeat(1_000) });
      expect((await post(app, path, big)).status).to.equal(201);
      const used = await octetsIn(workspace);
      const { detail, ...problem } = await refusalIn(
        await post(app, path, anEntry({ title: 'y'.repeat(1_000) })),
        403,
        'quota-exceeded',
      );
      expect(problem).to.deep.include({ quota: 'bytes', limit: 2_000, used });
      expect(detail).to.include('2,000').and.to.include('retention').and.to.include('administers');
      expect((await post(app, path, big)).status, 'a retry').to.equal(201);
      expect((await post(app, path, anEntry())).status).to.equal(201);
      expect((await shown(workspace)).used['bytes']).to.equal(await octetsIn(workspace));
    });

    it('are those of contracts too', async () => {
      const [workspace, path] = await limited({ bytes: 3_000 });
      const contract = (letter: string): object => ({
        kind: 'json-schema',
        schema: { description: letter.repeat(1_500) },
      });
      expect((await postContract(app, path, contract('a'))).status).to.equal(201);
      const used = (await shown(workspace)).used['bytes'];
      expect(used).to.be.within(1_500, 1_800);
      expect((await postContract(app, path, contract('a'))).status, 'the same again').to.equal(200);
      const { detail, ...problem } = await refusalIn(
        await postContract(app, path, contract('b')),
        403,
        'quota-exceeded',
      );
      expect(problem).to.deep.include({ quota: 'bytes', limit: 3_000, used });
      expect(detail).to.include('bytes of entries and contracts');
      await put(`/admin/feeds/${workspace}/two`, {});
      const entry = anEntry({ title: 'x'.repeat(2_000) });
      await refusalIn(await post(app, `/feeds/${workspace}/two`, entry), 403, 'quota-exceeded');
      // A name that is used again goes on with the room that is left, until retention has been there.
      await deleteFeed(app, path, { purge: true });
      await put(`/admin${path}`, {});
      await refusalIn(await postContract(app, path, contract('b')), 403, 'quota-exceeded');
      expect((await shown(workspace)).used['bytes']).to.equal(used);
      await setQuotas(workspace, {});
      expect((await postContract(app, path, contract('b'))).status).to.equal(201);
    });

    it('are told in every form that a problem has', async () => {
      const [, path] = await limited({ bytes: 10, entriesPerDay: 0 });
      for (const accept of ['application/atom+xml', 'application/vnd.rackspace.atom+json', 'application/json']) {
        expect(await textOf(await post(app, path, anEntry(), { accept }), 403)).to.include('its quota is 10');
      }
    });
  });
});
