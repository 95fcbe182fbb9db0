import { expect } from 'chai';
import pg from 'pg';
import type { Pool } from 'pg';
import { raiseFloor } from '../../src/actions/apply-retention.js';
import { readContract } from '../../src/store/contracts.js';
import { openPool, reader } from '../../src/store/db.js';
import { listRetained, whileAlone } from '../../src/store/retention.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { retain } from '../../src/workers/retention.js';
import type { RetentionWorkerDeps } from '../../src/workers/retention.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry, anId } from '../support/build.js';
import { addContract } from '../support/contracts.js';
import { deleteFeed } from '../support/deletion.js';
import { ask } from '../support/log.js';
import { ENTRY_TYPE, inOrder, page, post, publish, publishAll, publishSome, walk } from '../support/publish.js';
import { until } from '../support/waiting.js';

describe('retention', () => {
  let app: TestApp;
  let pool: Pool;
  let deps: RetentionWorkerDeps;
  let removed = 0;

  before(async () => {
    app = await startApp({ env: { RETENTION_SECONDS: '86400' } });
    pool = openPool({ connectionString: app.database.url }, { size: 4 });
    deps = {
      pool,
      db: reader(pool),
      // What the other nodes of a server with this database do when they are told.
      memory: { changed: () => void ask(app.database.url, `select pg_notify('millrace', 'all')`) },
      metrics: {
        removed: (entries) => {
          removed += entries;
        },
      },
      logger: createLogger('silent'),
    };
  });

  after(async () => {
    await pool.end();
    await app.stop();
  });

  const run = (): Promise<void> => retain(deps, new AbortController().signal);
  const rows = async (name: string): Promise<Record<'entries' | 'members' | 'terms' | 'ticks', string>> => {
    const [counted] = await ask<Record<'entries' | 'members' | 'terms' | 'ticks', string>>(
      app.database.url,
      `select (select min(position) || '-' || max(position) || ':' || count(*) from entries where feed_id = f.feed_id) as entries,
              (select min(position) || '-' || max(position) || ':' || count(*) from members where feed_id = f.feed_id) as members,
              (select min(position) || '-' || max(position) || ':' || count(*)
                 from entry_terms
                cross join lateral unnest(earlier || last_position) as p (position)
                where feed_id = f.feed_id) as terms,
              (select min(first_position) || '-' || max(last_position) || ':' || count(*) from ticks where feed_id = f.feed_id) as ticks
         from feeds f
        where f.workspace = 'shop' and f.name = $1`,
      [name],
    );
    return counted!;
  };
  /** As if what was recorded up to the position had been so many days ago. */
  const age = (name: string, upTo: number, days: number): Promise<unknown> =>
    ask(
      app.database.url,
      `update ticks t
          set recorded_at = recorded_at - make_interval(days => $3)
         from feeds f
        where f.feed_id = t.feed_id and f.workspace = 'shop' and f.name = $1 and t.last_position <= $2`,
      [name, upTo, days],
    );
  const some = (count: number): { categories: string[] }[] =>
    Array.from({ length: count }, () => ({ categories: ['tid:1', 'Usage'] }));

  it('keeps as many entries as were asked for, and the rest of their oldest page', async () => {
    const path = await app.feed('by-count', { keepEntries: 50 });
    const others = await app.feed('untouched');
    const ids = await publishAll(app, path, some(130));
    await publishSome(app, others, 30);
    removed = 0;
    await run();

    expect(await rows('by-count')).to.include({ entries: '76-130:55', members: '76-130:55', terms: '76-130:165' });
    expect((await rows('untouched')).entries).to.equal('1-30:30');
    expect(removed).to.equal(75);
    const kept = inOrder(await walk(app, path, 'next'), 'next');
    expect(kept).to.deep.equal(ids.slice(75));
    expect((await app.request(`${path}/archive/3`)).status).to.equal(410);
    expect((await page(app, `${path}/archive/4`)).ids).to.deep.equal(ids.slice(75, 100).toReversed());
    expect((await page(app, `${path}?search=%2Btid:1&marker=last&limit=1000`)).ids).to.have.length(55);
  });

  it('lets go what is older than so many days, by when it was recorded', async () => {
    const path = await app.feed('by-age', { keepDays: 7 });
    await publishSome(app, path, 60);
    await publishSome(app, path, 60);
    await age('by-age', 60, 8);
    await run();
    expect((await rows('by-age')).entries).to.equal('51-120:70');
  });

  it('hides first and deletes later', async () => {
    const path = await app.feed('hidden', { keepEntries: 1 });
    const ids = await publishSome(app, path, 51);
    const feed = (await listRetained(deps.db)).find(({ settings }) => settings.keepEntries === 1);
    expect(await raiseFloor(deps, feed!)).to.equal(true);
    expect(await raiseFloor(deps, feed!)).to.equal(false);
    await ask(app.database.url, `select pg_notify('millrace', 'all')`);
    expect((await page(app, `${path}?marker=last`)).ids).to.deep.equal(ids.slice(50));
    expect((await rows('hidden')).entries).to.equal('1-51:51');
    await run();
    expect((await rows('hidden')).entries).to.equal('51-51:1');
  });

  it('deletes behind a floor even when the settings keep everything by now', async () => {
    const path = await app.feed('forgiven', { keepEntries: 25 });
    await publishSome(app, path, 50);
    const feed = (await listRetained(deps.db)).find(({ settings }) => settings.keepEntries === 25);
    await raiseFloor(deps, feed!);
    await app.feed('forgiven', {});
    await run();
    expect((await rows('forgiven')).entries).to.equal('26-50:25');
  });

  it('keeps an entry that was edited since, under its old id', async () => {
    const path = await app.feed('edited', { editable: true, keepEntries: 10 });
    const id = await publish(app, path);
    await publishSome(app, path, 59);
    const entry = `${path}/entries/${encodeURIComponent(id)}`;
    const etag = (await app.request(entry)).headers.get('etag')!;
    const headers = { 'if-match': etag, 'content-type': 'application/atom+xml' };
    const put = await app.request(entry, { method: 'PUT', headers, body: anEntry({ id, title: 'edited' }) });
    expect(put.status).to.equal(200);
    await run();
    expect(await rows('edited')).to.include({ entries: '51-61:11', members: '51-61:11' });
    expect(await (await app.request(entry)).text()).to.include('<title>edited</title>');
  });

  it('makes an id free again', async () => {
    const path = await app.feed('again', { keepEntries: 1 });
    const id = await publish(app, path);
    await publishSome(app, path, 25);
    await run();
    const response = await post(app, path, anEntry({ id, title: 'another' }));
    expect(response.status).to.equal(201);
    expect(response.headers.get('idempotent-replayed')).to.equal(null);
  });

  it('empties a deleted feed, and keeps what its name holds when it is used again', async () => {
    const path = await app.feed('reused');
    const [id] = await publishAll(app, path, some(30));
    expect((await deleteFeed(app, path, { purge: true })).status).to.equal(204);
    await app.feed('reused');
    await publishAll(app, path, [{ id: id! }, {}, ...some(1)]);
    await run();
    expect(await rows('reused')).to.include({ entries: '31-33:3', members: '31-33:3', terms: '33-33:3' });

    expect((await deleteFeed(app, path, { purge: true })).status).to.equal(204);
    await run();
    expect(await rows('reused')).to.include({ entries: null, members: null, terms: null });
  });

  it('leaves a deleted feed alone for a day, and empties it then', async () => {
    const path = await app.feed('undone', { keepEntries: 1 });
    await publishSome(app, path, 30);
    expect((await deleteFeed(app, path)).status).to.equal(204);
    await run();
    expect((await rows('undone')).entries).to.equal('1-30:30');
    const [feed] = (await listRetained(deps.db)).filter(({ deleted, head }) => deleted && head === 30n);
    await ask(app.database.url, `update feeds set restorable_until = now() where name = 'undone'`);

    // Retention found its time over before somebody made it last longer: brought back in between, it stays.
    await ask(app.database.url, `update feeds set deleted_at = null, restorable_until = null where name = 'undone'`);
    expect(await raiseFloor(deps, { ...feed!, expired: true })).to.equal(false);
    expect((await page(app, path)).entries).to.have.length(25);

    await deleteFeed(app, path);
    await ask(app.database.url, `update feeds set restorable_until = now() where name = 'undone'`);
    await run();
    expect(await rows('undone')).to.include({ entries: null, members: null, terms: null });
    expect((await app.request(`/admin${path}/restore`, { method: 'POST' })).status).to.equal(404);
    await app.feed('undone');
    await publish(app, path);
    expect((await rows('undone')).entries).to.equal('31-31:1');
  });

  it('deletes old ticks of what is gone, but never the one that tells the head', async () => {
    const path = await app.feed('ticks', { keepEntries: 25 });
    for (let n = 0; n < 4; n++) await publishSome(app, path, 25);
    await run();
    expect((await rows('ticks')).ticks).to.equal('1-100:4');
    await age('ticks', 100, 2);
    await run();
    expect((await rows('ticks')).ticks).to.equal('51-100:2');

    await deleteFeed(app, path, { purge: true });
    await run();
    expect(await rows('ticks')).to.include({ entries: null, ticks: '76-100:1' });
    await app.feed('ticks');
    await publish(app, path);
    expect((await rows('ticks')).entries).to.equal('101-101:1');
  });

  it('leaves an export that has come to what is kept certain that it has missed nothing', async () => {
    const path = await app.feed('exported', { keepEntries: 25 });
    const pull = async (after: string): Promise<{ rows: number; after: string; lost: unknown[] }> => {
      const text = await (await app.request(`/export?feeds=shop/exported&after=${after}`)).text();
      return JSON.parse(text.trimEnd().split('\n').at(-1)!) as { rows: number; after: string; lost: unknown[] };
    };
    for (let n = 0; n < 3; n++) await publishSome(app, path, 25);
    const { after } = await pull('');
    await age('exported', 75, 2);
    await publishSome(app, path, 25);
    await run();
    expect(await rows('exported')).to.include({ entries: '76-100:25', ticks: '51-100:2' });
    expect(await pull(after)).to.deep.include({ rows: 25, lost: [] });
  });

  it('leaves the work to the node that is at it', async () => {
    const path = await app.feed('alone', { keepEntries: 1 });
    await publishSome(app, path, 26);
    await whileAlone(pool, run);
    expect((await rows('alone')).entries).to.equal('1-26:26');
    await run();
    expect((await rows('alone')).entries).to.equal('26-26:1');
  });

  it('stops between two portions when asked, and goes on with the next run', async () => {
    const path = await app.feed('stopped', { keepEntries: 1 });
    await publishSome(app, path, 2_501);
    const abort = new AbortController();
    const metrics = {
      removed: () => {
        abort.abort();
      },
    };
    await retain({ ...deps, metrics }, abort.signal);
    expect((await rows('stopped')).entries).to.equal('1001-2501:1501');
    await run();
    expect((await rows('stopped')).entries).to.equal('2501-2501:1');
  });

  it('is in nobody’s way who publishes the same ids again meanwhile', async () => {
    const path = await app.feed('meanwhile', { keepEntries: 25 });
    const ids = await publishSome(app, path, 1_500);
    const feed = (await listRetained(deps.db)).find(({ head }) => head === 1_500n);
    await raiseFloor(deps, feed!);
    await ask(app.database.url, `select pg_notify('millrace', 'all')`);
    await page(app, path);
    const [, ...answers] = await Promise.all([
      run(),
      ...ids.slice(0, 300).map(async (id) => {
        const response = await post(app, path, anEntry({ id, title: 'again' }));
        return `${String(response.status)} ${response.headers.get('idempotent-replayed') ?? 'new'}`;
      }),
    ]);
    expect([...new Set(answers)]).to.deep.equal(['201 new']);
    await run();
    const found = await rows('meanwhile');
    expect(found.entries).to.equal('1776-1800:25');
    expect(found.members).to.equal('1776-1800:25');
  });

  describe('between the batch that finds a replay and the reading of its entry', () => {
    const put = (path: string, id: string, title: string): Promise<Response> =>
      app.request(`${path}/entries/${id}`, {
        method: 'PUT',
        headers: { 'content-type': ENTRY_TYPE, 'if-match': '*' },
        body: anEntry({ id, title }),
      });
    /** The answer to the replay; what retention takes meanwhile is what lies up to the position. */
    const replayWhileTaken = async (path: string, name: string, body: string, upTo: number): Promise<Response> => {
      const retention = new pg.Client({ connectionString: app.database.url });
      await retention.connect();
      try {
        await retention.query('begin');
        await retention.query('lock table entries in access exclusive mode');
        const answer = post(app, path, body);
        await until('the replay is about to read its entry', async () => {
          const { rows } = await retention.query(
            `select from pg_locks
              where relation = 'entries'::regclass
                and not granted
                and database = (select oid from pg_database where datname = current_database())`,
          );
          return rows.length > 0;
        });
        const { rows } = await retention.query<{ feed_id: number }>(
          `update heads set first_kept = $2
            where feed_id = (select feed_id from feeds where workspace = 'shop' and name = $1)
        returning feed_id`,
          [name, upTo + 1],
        );
        for (const [table, column] of [
          ['entries', 'position'],
          ['members', 'position'],
          ['entry_terms', 'last_position'],
        ] as const) {
          await retention.query(`delete from ${table} where feed_id = $1 and ${column} <= $2`, [
            rows[0]?.feed_id,
            upTo,
          ]);
        }
        await retention.query('commit');
        return await answer;
      } finally {
        await retention.end();
      }
    };

    it('makes its answer 410, as the entry was there and is no more', async () => {
      const path = await app.feed('raced');
      const body = anEntry({ id: anId() });
      expect((await post(app, path, body)).status).to.equal(201);
      await publishSome(app, path, 30);
      const answer = await replayWhileTaken(path, 'raced', body, 25);
      expect(answer.status).to.equal(410);
      expect(((await answer.json()) as { detail: string }).detail).to.contain('retention');
      const again = await post(app, path, body);
      expect([again.status, again.headers.get('idempotent-replayed')]).to.deep.equal([201, null]);
    });

    it('is answered as it was sent when only its first revision is taken, not with what another wrote since', async () => {
      const path = await app.feed('raced-revision', { editable: true });
      const id = anId();
      const body = anEntry({ id, title: 'first' });
      expect((await post(app, path, body)).status).to.equal(201);
      await publishSome(app, path, 30);
      expect((await put(path, id, 'second')).status).to.equal(200);
      const raced = await replayWhileTaken(path, 'raced-revision', body, 25);
      // Whoever posts it again later is a publisher still, who may not read.
      const later = await post(app, path, body);
      for (const answer of [raced, later]) {
        expect([answer.status, answer.headers.get('idempotent-replayed')]).to.deep.equal([201, 'true']);
        expect(await answer.text())
          .to.contain('<title>first</title>')
          .and.not.to.contain('second');
      }
      // Its tag is that of what is no more: it does not let anybody replace what they have not seen.
      expect(later.headers.get('etag')).not.to.equal((await app.request(`${path}/entries/${id}`)).headers.get('etag'));
    });
  });

  it('deletes the contracts of feeds that are gone for good, and their versions are never used again', async () => {
    const contract = (title: string): object => ({ kind: 'json-schema', schema: { title } });
    const kept = async (name: string): Promise<string[]> => {
      const rows = await ask<{ kept: string }>(
        app.database.url,
        `select version || case when contract = '' then ' empty' else '' end as kept
           from contracts join feeds using (feed_id) where workspace = 'shop' and name = $1 order by version`,
        [name],
      );
      return rows.map((row) => row.kept);
    };
    const paths = await Promise.all(['gone', 'again', 'expired', 'back'].map((name) => app.feed(name)));
    for (const path of paths) for (const title of ['a', 'b', 'c']) await addContract(app, path, contract(title));
    const [{ id }] = (await ask<{ id: number }>(
      app.database.url,
      `select contract_id as id from contracts join feeds using (feed_id) where name = 'gone' order by version desc limit 1`,
    )) as [{ id: number }];
    const [gone, again, expired, back] = paths as [string, string, string, string];
    for (const path of [gone, again]) await deleteFeed(app, path, { purge: true });
    for (const path of [expired, back]) await deleteFeed(app, path);
    await app.feed('again');
    expect((await addContract(app, again, contract('d'))).version).to.equal(4);
    await ask(
      app.database.url,
      `update feeds set restorable_until = now() where workspace = 'shop' and name = 'expired'`,
    );
    for (let n = 0; n < 2; n++) {
      await run();
      expect(await Promise.all(['gone', 'again', 'expired', 'back'].map(kept))).to.deep.equal([
        ['3 empty'],
        ['4'],
        ['3 empty'],
        ['1', '2', '3'],
      ]);
    }
    const refusal = await readContract(deps.db, id).catch((error: unknown) => error);
    expect(refusal, 'for a node that has not heard of it yet').to.include({ name: 'FeedsError', code: 'not-found' });
    await app.request(`/admin${back}/restore`, { method: 'POST' });
    expect((await app.request(`${back}/schemas/3`)).status).to.equal(200);
    await app.feed('gone');
    expect((await addContract(app, gone, contract('d'))).version).to.equal(4);
    await run();
    expect(await kept('gone')).to.deep.equal(['4']);
  });
});
