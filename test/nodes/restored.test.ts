import { expect } from 'chai';
import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbedded } from '../../src/store/embedded.js';
import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase, withDatabase } from '../support/database.js';
import { ask, idsInLog, insertFeed, mistakesInLog } from '../support/log.js';
import { idsOf, linkOf } from '../support/poller.js';
import { startProxy } from '../support/proxy.js';
import { entryXml, publish } from '../support/publisher.js';
import { until } from '../support/waiting.js';

/** Of ours, to be refused when a log of this database has gone back. */
interface Places {
  /** Where a reader would have gone on. */
  readonly poll: string;
  readonly etag: string;
  readonly ids: string[];
}

describe('a database that is put back to an older state', function () {
  this.timeout(90_000);

  const PATH = '/feeds/shop/restored';

  async function publishSome(app: TestApp, from: number, to: number): Promise<void> {
    for (let n = from; n <= to; n++) {
      const answer = await publish(app.url + PATH, entryXml(`urn:x:${String(n)}`));
      expect(answer.status, answer.body).to.equal(201);
    }
  }

  async function placesOf(app: TestApp): Promise<Places> {
    const page = await app.request(PATH);
    expect(page.status).to.equal(200);
    return {
      poll: linkOf(page, 'previous'),
      etag: page.headers.get('etag')!,
      ids: idsOf(await page.text()),
    };
  }

  /** What is beyond the last common place is refused, by marker and by tag, in every direction. */
  async function expectRefusal(app: TestApp, { poll, etag }: Places, lastCommon: number): Promise<void> {
    for (const [path, headers] of [
      [poll, {}],
      [poll.replace('forward', 'backward'), {}],
      [poll, { 'if-none-match': etag }],
      [PATH, { 'if-none-match': etag }],
      [`${PATH}?limit=7`, { 'if-none-match': etag.replace('"', 'W/"') }],
    ] as const) {
      const answer = await app.request(path, { headers });
      const text = await answer.text();
      expect([path, answer.status], text).to.deep.equal([path, 409]);
      expect(JSON.parse(text)).to.include({ type: 'urn:millrace:problem:marker-beyond-log', lastCommon });
    }
  }

  /** A place from before goes on with what came after it. */
  async function expectToGoOn(app: TestApp, { poll, etag, ids }: Places, next: readonly string[]): Promise<void> {
    const onwards = await app.request(poll);
    expect(onwards.status).to.equal(200);
    expect(idsOf(await onwards.text()).toReversed()).to.deep.equal(next);
    const same = await app.request(poll.replace('forward', 'backward'));
    expect(idsOf(await same.text())).to.deep.equal(ids);
    const tagged = await app.request(PATH, { headers: { 'if-none-match': etag } });
    await tagged.arrayBuffer();
    expect(tagged.status).to.equal(200);
  }

  /** A reader polls the whole time; nothing but these may come of it. */
  function watch(app: TestApp): { statuses: ReadonlySet<number>; stop(): Promise<void> } {
    const statuses = new Set<number>();
    const stopped = new AbortController();
    const running = (async () => {
      while (!stopped.signal.aborted) {
        for (const query of ['', '?limit=2']) {
          const answer = await app.request(PATH + query);
          await answer.arrayBuffer();
          statuses.add(answer.status);
        }
        await sleep(10);
      }
    })();
    return {
      statuses,
      async stop() {
        stopped.abort();
        await running;
      },
    };
  }

  it('from a copy, under a running server, is noticed: no place from beyond it is answered', async () => {
    const database = await createDatabase();
    const name = /\/([^/?]+)(?:\?|$)/.exec(database.url)![1]!;
    const admin = withDatabase(database.url, 'postgres');
    await insertFeed(database.url, 'restored');
    let app = await startApp({ database });
    let other: TestApp | undefined;
    try {
      await publishSome(app, 1, 30);
      const before = await placesOf(app);
      await app.stop();
      await ask(admin, `create database ${name}_copy template ${name} strategy file_copy`);
      [app, other] = await Promise.all([startApp({ database }), startApp({ database })]);
      await publishSome(app, 31, 50);
      const lost = await placesOf(app);
      await placesOf(other);

      const watching = watch(other);
      await ask(admin, `alter database ${name} allow_connections false`);
      await ask(admin, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`);
      await until('nobody is connected', async () => {
        const rows = await ask(admin, `select 1 from pg_stat_activity where datname = '${name}'`);
        return rows.length === 0;
      });
      // Long enough for every part of the servers to try and fail.
      await sleep(300);
      await until('who reads is told', () => watching.statuses.has(503));
      await ask(admin, `alter database ${name} rename to ${name}_lost`);
      await ask(admin, `alter database ${name}_copy rename to ${name}`);

      for (const node of [app, other]) {
        await until('it is back', async () => (await node.request(PATH)).status === 200);
        await expectRefusal(node, lost, 30);
      }
      await watching.stop();
      expect([...watching.statuses].sort()).to.deep.equal([200, 503]);
      const again = Array.from({ length: 30 }, (_, n) => `urn:x:${String(1_001 + n)}`);
      for (const id of again) {
        await until('it takes entries', async () => {
          const { status } = await publish(app.url + PATH, entryXml(id));
          return status === 201;
        });
      }
      for (const node of [app, other]) {
        await expectRefusal(node, lost, 30);
        await expectToGoOn(node, before, again.slice(0, 25));
      }
      expect(await mistakesInLog(database.url)).to.deep.equal([]);
    } finally {
      await Promise.all([app.stop(), other?.stop()]);
      await database.drop();
      await ask(admin, `drop database if exists ${name}_copy with (force)`);
      await ask(admin, `drop database if exists ${name}_lost with (force)`);
    }
  });

  it('without a trace but what nodes remember is noticed once, whichever node comes first, and who only read too', async () => {
    const database = await createDatabase();
    const proxy = await startProxy(database.url);
    await insertFeed(database.url, 'restored');
    const [writer, reader] = await Promise.all([
      startApp({ database }),
      startApp({ database: { ...database, url: proxy.url } }),
    ]);
    try {
      await publishSome(writer, 1, 30);
      const before = await placesOf(reader);
      await publishSome(writer, 31, 50);
      const lost = await placesOf(reader);
      // It remembers what it saw two seconds ago at the latest.
      await sleep(2_100);
      proxy.refuse(true);
      const tick = await loseAfter(database, 30);
      await terminate(database);
      await until('the writer is back', async () => (await writer.request(PATH)).status === 200);
      await expectRefusal(writer, lost, 30);
      // Past the old place, before the other node has seen anything of it.
      const again = Array.from({ length: 25 }, (_, n) => `urn:x:${String(1_001 + n)}`);
      for (const id of again) {
        await until('it takes entries', async () => (await publish(writer.url + PATH, entryXml(id))).status === 201);
      }
      proxy.refuse(false);
      await until('the reader is back', async () => (await reader.request(PATH)).status === 200);
      await until('it listens', async () => (await listens(reader)) === '1');
      expect(await ask(database.url, 'select common_tick::int from epochs')).to.deep.equal([{ common_tick: tick }]);
      for (const node of [reader, writer]) {
        await expectRefusal(node, lost, 30);
        await expectToGoOn(node, before, again);
      }

      // Once more, and now who only reads is the first to come back.
      const second = await placesOf(reader);
      await sleep(2_100);
      await loseAfter(database, 40);
      proxy.cut();
      await until('the reader notices', async () => (await ask(database.url, 'select 1 from epochs')).length === 2);
      await terminate(database);
      for (const node of [reader, writer]) {
        await until('it is back', async () => (await node.request(PATH)).status === 200);
        await until('it listens', async () => (await listens(node)) === '1');
        await expectRefusal(node, second, 40);
        await expectRefusal(node, lost, 30);
      }
      expect((await ask(database.url, 'select 1 from epochs')).length).to.equal(2);
    } finally {
      await Promise.all([writer.stop(), reader.stop()]);
      await proxy.stop();
      await database.drop();
    }
  });

  it('is noticed by a node that has not heard of it yet, in the statement that reads the page', async () => {
    // Not the one that wrote the entries, which remembers them for a while.
    const app = await startApp();
    try {
      await insertFeed(app.database.url, 'restored');
      const writer = await startApp({ database: app.database });
      await publishSome(writer, 1, 10);
      await writer.stop();
      const lost = await placesOf(app);
      // What another node does that notices first, and then takes entries.
      await ask(
        app.database.url,
        `with past as (insert into epochs (partition_id, epoch, common_tick) select partition_id, epoch, $1 from clocks)
         update clocks set epoch = gen_random_uuid(), common_tick = $1`,
        [await tickOf(app.database, 5)],
      );
      await expectRefusal(app, lost, 5);
    } finally {
      await app.stop();
    }
  });

  async function tickOf({ url }: TestDatabase, position: number): Promise<number> {
    const [row] = await ask<{ tick: number }>(
      url,
      `select tick::int from ticks join feeds using (feed_id) where name = 'restored' and last_position = $1`,
      [position],
    );
    return row!.tick;
  }

  /** Puts the log back to where the feed had so many entries, and gives the tick of that place. */
  async function loseAfter(database: TestDatabase, position: number): Promise<number> {
    const tick = await tickOf(database, position);
    await ask(database.url, 'delete from ticks where tick > $1', [tick]);
    for (const table of ['entries', 'members']) {
      await ask(
        database.url,
        `delete from ${table} t
          where position > (select max(last_position) from ticks where ticks.feed_id = t.feed_id)`,
      );
    }
    return tick;
  }

  async function listens(app: TestApp): Promise<string | undefined> {
    const text = await (await app.request('/metrics')).text();
    return /^millrace_head_memory_listening (.)$/m.exec(text)?.[1];
  }

  async function terminate(database: TestDatabase): Promise<void> {
    await ask(
      database.url,
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`,
    );
  }

  for (const when of ['while the server is stopped', 'under a running server'] as const) {
    it(`from a copy of the files, ${when}, is noticed`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'millrace-restored-'));
      const dataDir = join(folder, 'data');
      const settings = { fsync: 'off' };
      let postgres = await startEmbedded({ dataDir, settings });
      const database: TestDatabase = { url: postgres.connectionString, drop: () => Promise.resolve() };
      let app: TestApp | undefined;
      try {
        app = await startApp({ database });
        await insertFeed(database.url, 'restored');
        await publishSome(app, 1, 30);
        const before = await placesOf(app);
        if (when === 'while the server is stopped') await app.stop();
        await postgres.stop();
        await cp(join(dataDir, 'postgres'), join(folder, 'copy'), { recursive: true, preserveTimestamps: true });
        postgres = await startEmbedded({ dataDir, settings });
        if (when === 'while the server is stopped') app = await startApp({ database });
        await until('it takes entries', async () => {
          const { status } = await publish(app!.url + PATH, entryXml('urn:x:31'));
          return status === 201;
        });
        await publishSome(app, 32, 50);
        const lost = await placesOf(app);

        if (when === 'while the server is stopped') await app.stop();
        await postgres.stop();
        await rename(join(dataDir, 'postgres'), join(folder, 'lost'));
        await rename(join(folder, 'copy'), join(dataDir, 'postgres'));
        postgres = await startEmbedded({ dataDir, settings });
        if (when === 'while the server is stopped') app = await startApp({ database });
        const again = Array.from({ length: 30 }, (_, n) => `urn:x:${String(1_001 + n)}`);
        for (const id of again) {
          await until('it takes entries', async () => (await publish(app!.url + PATH, entryXml(id))).status === 201);
        }
        await expectRefusal(app, lost, 30);
        await expectToGoOn(app, before, again.slice(0, 25));
        expect(await idsInLog(database.url, 'restored')).to.have.length(60);
        expect(await mistakesInLog(database.url)).to.deep.equal([]);
      } finally {
        await app?.stop();
        await postgres.stop();
        await rm(folder, { recursive: true, force: true });
      }
    });
  }
});
