import { expect } from 'chai';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBucket } from '../support/bucket.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { createDatabase } from '../support/database.js';
import { startFakeServer } from '../support/fake-server.js';
import { makeLake } from '../support/lake.js';
import type { Lake } from '../support/lake.js';
import { ask } from '../support/log.js';
import { startNode } from '../support/node-process.js';
import type { NodeProcess } from '../support/node-process.js';
import { publishSome } from '../support/publish.js';
import { sideBySide } from '../support/side-by-side.js';
import { until } from '../support/waiting.js';

describe('an export that is pushed, whatever becomes of nodes and targets', function () {
  this.timeout(120_000);

  async function put(app: TestApp, name: string, body: object): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const response = await app.request(`/admin/exports/${name}`, {
      method: 'PUT',
      headers,
      body: JSON.stringify(body),
    });
    expect(response.ok, await response.text()).to.equal(true);
  }

  interface Shown {
    readonly pending?: object;
    readonly lag: { readonly entries: number };
    readonly push?: { readonly failures: number; readonly lastError?: string };
  }
  const shown = async (app: TestApp, name: string): Promise<Shown> =>
    (await (await app.request(`/admin/exports/${name}`)).json()) as Shown;

  const hasAll = async (app: TestApp, name: string): Promise<boolean> => {
    const { lag, pending } = await shown(app, name);
    return lag.entries === 0 && pending === undefined;
  };

  /** In the order of texts. */
  const places = (feed: string, count: number): string[] =>
    Array.from({ length: count }, (_, n) => `shop/${feed}/${String(n + 1)}`).sort();

  /** Who had it has come to its end: what 15 seconds would do. */
  const endLeases = (url: string): Promise<unknown> =>
    ask(url, 'update export_pushes set leased_until = null, next_try_at = null');

  const partsAreWhole = async (lake: Lake): Promise<void> => {
    expect((await lake.files()).filter((file) => !/\/(part-[\w-]+\.parquet|_SUCCESS)$/.test(file))).to.deep.equal([]);
  };

  /** What `_SUCCESS` tells is what is in the files that it names, which are all that there are. */
  async function successAgrees(lake: Lake, feed: string, date: string, rows: number): Promise<void> {
    const told = await lake.success(feed, date);
    const directory = `feed=${encodeURIComponent(feed)}/date=${date}`;
    const files = (await lake.files(directory)).filter((file) => file.endsWith('.parquet'));
    expect(files).to.have.members((told?.parts ?? []).map((part) => `${directory}/${part}`));
    expect(told?.rows).to.equal(rows);
    const paths = files.map((file) => `'${lake.path}/${file}'`).join(', ');
    expect(await lake.duckdb.ask(`select count(*) from read_parquet([${paths}])`)).to.deep.equal([[String(rows)]]);
  }

  const test = sideBySide();

  test(0, 'has each entry once, though its node is killed again and again', async () => {
    const lake = await makeLake();
    const database = await createDatabase();
    const app = await startApp({ database });
    let node: NodeProcess | undefined;
    const env = { DATABASE_URL: database.url, TARGETS_FILE: lake.targetsFile };
    try {
      for (const name of ['one', 'two']) await publishSome(app, await app.feed(name), 1_500);
      await ask(database.url, `update ticks set recorded_at = recorded_at - interval '1 day'`);
      const date = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
      // As a node that knows the target would.
      node = await startNode(env);
      await put({ ...app, request: (path, init) => app.request(`${node?.url ?? ''}${path}`, init) }, 'all', {
        feeds: ['shop/*'],
        target: 'lake',
        everySeconds: 1,
        batchRows: 40,
      });
      for (let round = 1; round <= 5; round++) {
        const before = (await lake.files()).length;
        await until('it stores some', async () => (await lake.files()).length > before + 2);
        await sleep(Math.random() * 60);
        await node.kill();
        await endLeases(database.url);
        node = await startNode(env);
      }
      await until('all is stored', () => hasAll(app, 'all'), 60);
      expect(await lake.rows()).to.deep.equal([...places('one', 1_500), ...places('two', 1_500)]);
      for (const feed of ['shop/one', 'shop/two']) {
        await until('the day is told', async () => (await lake.success(feed, date)) !== undefined);
        await successAgrees(lake, feed, date, 1_500);
      }
      await partsAreWhole(lake);
      expect(await node.stop()).to.equal(0);
    } finally {
      await node?.kill();
      await app.stop();
      await database.drop();
      await lake.remove();
    }
  });

  test(1, 'has each entry once, though two nodes push it at the same time', async () => {
    const lake = await makeLake();
    const database = await createDatabase();
    const env = { TARGETS_FILE: lake.targetsFile };
    const nodes = await Promise.all([startApp({ database, env }), startApp({ database, env })]);
    const [app] = nodes;
    try {
      await publishSome(app, await app.feed('both'), 2_000);
      await put(app, 'both', { feeds: ['shop/both'], target: 'lake', everySeconds: 1, batchRows: 25 });
      // Neither respects that the other one is at it.
      await until(
        'all is stored',
        async () => {
          await endLeases(database.url);
          return hasAll(app, 'both');
        },
        60,
      );
      expect(await lake.rows()).to.deep.equal(places('both', 2_000));
      expect(await ask(database.url, 'select sum(rows)::int as rows from export_parts')).to.deep.equal([
        { rows: 2_000 },
      ]);
      await partsAreWhole(lake);
    } finally {
      for (const node of nodes) await node.stop();
      await database.drop();
      await lake.remove();
    }
  });

  test(1, 'is taken over by another node when the one that pushes it is gone', async () => {
    const lake = await makeLake();
    const database = await createDatabase();
    const app = await startApp({ database, env: { TARGETS_FILE: lake.targetsFile } });
    try {
      const path = await app.feed('left');
      await put(app, 'left', { feeds: ['shop/left'], target: 'lake', everySeconds: 1 });
      await ask(
        database.url,
        `insert into export_pushes (export_id, node, leased_until)
         select export_id, gen_random_uuid(), now() + interval '4 seconds' from exports
         on conflict (export_id) do update set node = excluded.node, leased_until = excluded.leased_until`,
      );
      await publishSome(app, path, 3);
      const begin = performance.now();
      await until('it is taken over', () => hasAll(app, 'left'), 30);
      expect(performance.now() - begin).to.be.greaterThan(2_000);
      expect(await lake.rows()).to.deep.equal(places('left', 3));
    } finally {
      await app.stop();
      await database.drop();
      await lake.remove();
    }
  });

  test(1, 'goes to a bucket and to a Postgres as well, each entry once', async () => {
    const bucket = await startBucket();
    const warehouse = await createDatabase('empty');
    const lake = await makeLake({ bucket: bucket.settings, warehouse: { kind: 'postgres', url: warehouse.url } });
    const app = await startApp({ env: { TARGETS_FILE: lake.targetsFile } });
    try {
      await publishSome(app, await app.feed('everywhere'), 250);
      for (const target of ['bucket', 'warehouse']) {
        await put(app, target, { feeds: ['shop/everywhere'], target, everySeconds: 1, batchRows: 100 });
      }
      for (const target of ['bucket', 'warehouse']) await until(`${target} has all`, () => hasAll(app, target), 30);
      await bucket.download(lake.path);
      expect(await lake.rows()).to.deep.equal(places('everywhere', 250));
      const counts = 'select count(*)::int as rows, count(distinct position)::int as positions from millrace_events';
      expect(await ask(warehouse.url, counts)).to.deep.equal([{ rows: 250, positions: 250 }]);
      const metrics = await (await app.request('/metrics')).text();
      expect(metrics).to.contain('millrace_export_pushed_rows_total{export="warehouse"} 250');
      expect(metrics).to.contain('millrace_export_push_failures{export="warehouse"} 0');
      expect(metrics).to.contain('millrace_export_dead_letters{export="bucket"} 0');
    } finally {
      await app.stop();
      await bucket.stop();
      await warehouse.drop();
      await lake.remove();
    }
  });

  test(1, 'goes on while the target of another one hangs, and stops promptly all the same', async () => {
    const fake = await startFakeServer(() => undefined);
    fake.behave('hanging');
    const bucket = { kind: 's3', endpoint: fake.url, bucket: 'lake', accessKeyId: 'a', secretAccessKey: 'very-secret' };
    const lake = await makeLake({ bucket });
    const app = await startApp({ env: { TARGETS_FILE: lake.targetsFile, PUSH_TIMEOUT_SECONDS: '2' } });
    let stopped = false;
    try {
      const path = await app.feed('some');
      await put(app, 'hangs', { feeds: ['shop/some'], target: 'bucket', everySeconds: 1 });
      await publishSome(app, path, 5);
      await until('it hangs', () => fake.requests() > 0);
      await put(app, 'goes-on', { feeds: ['shop/some'], target: 'lake', everySeconds: 1 });
      await until('the other one is stored', () => hasAll(app, 'goes-on'));
      await until('it was given up', async () => ((await shown(app, 'hangs')).push?.failures ?? 0) > 0);
      const { push, lag } = await shown(app, 'hangs');
      expect(push?.lastError).to.match(/has not taken anything for 2 s/);
      expect(JSON.stringify(push)).not.to.contain('very-secret');
      expect(lag.entries).to.equal(5);
      expect(await lake.rows()).to.deep.equal(places('some', 5));
      const begin = performance.now();
      stopped = true;
      await app.stop();
      expect(performance.now() - begin).to.be.lessThan(15_000);
    } finally {
      if (!stopped) await app.stop();
      await fake.stop();
      await lake.remove();
    }
  });

  test(1, 'leaves nothing of what was cut off when the same is stored again', async () => {
    const lake = await makeLake();
    const app = await startApp({ env: { TARGETS_FILE: lake.targetsFile } });
    try {
      await publishSome(app, await app.feed('cut'), 2);
      const date = new Date().toISOString().slice(0, 10);
      await put(app, 'cut', { feeds: ['shop/cut'], target: 'lake', everySeconds: 3600, batchRows: 3 });
      const [row] = await ask<{ id: string; epoch: string }>(
        app.database.url,
        `select left(export_id::text, 8) as id, epoch from exports`,
      );
      const directory = join(lake.path, 'feed=shop%2Fcut', `date=${date}`);
      await mkdir(directory, { recursive: true });
      const name = `part-${row?.id ?? ''}-${row?.epoch ?? ''}-1.parquet`;
      await writeFile(join(directory, `.${name}.0123456789abcdef.tmp`), 'PAR1 and no end');
      await publishSome(app, '/feeds/shop/cut', 1);
      await until('it is stored', () => hasAll(app, 'cut'));
      expect(await lake.files()).to.deep.equal([`feed=shop%2Fcut/date=${date}/${name}`]);
      expect(await lake.rows()).to.deep.equal(places('cut', 3));
    } finally {
      await app.stop();
      await lake.remove();
    }
  });
});
