import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase } from '../support/database.js';
import { idsInLog, insertFeed, mistakesInLog } from '../support/log.js';
import { startPoller } from '../support/poller.js';
import { type Proxy, startProxy } from '../support/proxy.js';
import { sideBySide } from '../support/side-by-side.js';
import { bearing, issue } from '../support/tokens.js';
import { type Answer, entryXml, publish, startPublishers } from '../support/publisher.js';
import { until } from '../support/waiting.js';

/** The server promises an answer after 10 s; the rest is for machines with much to do. */
const BOUND_SECONDS = 12.5;

/** A node behind a network that can fail. */
interface World {
  readonly database: TestDatabase;
  readonly proxy: Proxy;
  readonly app: TestApp;
  readonly path: string;
}

describe('a Postgres that is away', function () {
  this.timeout(90_000);

  const together = sideBySide();

  /** A test that has a world of its own. */
  function test(lane: number, title: string, work: (world: World) => Promise<void>): void {
    together(lane, title, async () => {
      const database = await createDatabase();
      const proxy = await startProxy(database.url);
      const app = await startApp({ database: { ...database, url: proxy.url }, env: { QUEUE_BYTES: '1048576' } });
      try {
        await work({ database, proxy, app, path: await insertFeed(database.url, 'away') });
      } finally {
        proxy.stall(false);
        proxy.refuse(false);
        await app.stop();
        await proxy.stop();
        await database.drop();
      }
    });
  }

  async function read(
    { app, path }: World,
    query = '',
  ): Promise<{ status: number; retryAfter: string | null; seconds: number }> {
    const since = performance.now();
    const response = await app.request(path + query);
    await response.arrayBuffer();
    return {
      status: response.status,
      retryAfter: response.headers.get('retry-after'),
      seconds: (performance.now() - since) / 1000,
    };
  }

  function expectUnavailable(answers: readonly Pick<Answer, 'status' | 'retryAfter' | 'seconds'>[]): void {
    for (const answer of answers) {
      expect(answer.status, JSON.stringify(answer)).to.equal(503);
      expect(answer.retryAfter).to.match(/^[1-9]\d?$/);
      expect(answer.seconds).to.be.below(BOUND_SECONDS);
    }
  }

  /** Each id was answered or refused; none is there twice, and those that were answered are there. */
  async function expectRecovery(
    { app, database, path }: World,
    published: readonly string[],
    refused: readonly string[],
  ): Promise<void> {
    for (const id of refused) {
      const again = await publish(app.url + path, entryXml(id, id));
      expect(again.status, again.body).to.equal(201);
    }
    const log = await idsInLog(database.url, 'away');
    expect(log).to.have.members([...published, ...refused]);
    expect(await mistakesInLog(database.url)).to.deep.equal([]);
  }

  test(
    0,
    'is told to publishers and readers within 12 seconds when it does not answer, and they go on when it does',
    async (world) => {
      const { app, database, path, proxy } = world;
      const poller = startPoller(app.url, path);
      const publishers = startPublishers(8, 'stalled', () => app.url + path);
      await until('it takes entries', () => publishers.published.size > 50);
      proxy.stall(true);
      const since = performance.now();
      await sleep(1_200);
      const reads = Promise.all([read(world), read(world, '?limit=3'), read(world, '?search=%2Bx')]);
      await until('publishers are told', () => publishers.failed.size >= 8, 20);
      const late = await reads;
      // Whoever comes now waits too, and is told too.
      const [first, again] = await Promise.all([
        read(world),
        publish(app.url + path, entryXml('urn:x:late', 'urn:x:late')),
      ]);
      expectUnavailable([...publishers.failed.values(), ...late, first, again]);
      expect((performance.now() - since) / 1000).to.be.below(2 * BOUND_SECONDS);
      proxy.stall(false);

      const enough = publishers.published.size + 50;
      await until('it takes entries again', () => publishers.published.size > enough);
      await publishers.stop();
      await expectRecovery(world, [...publishers.published.keys()], [...publishers.failed.keys(), 'urn:x:late']);
      const log = await idsInLog(database.url, 'away');
      await until('the poller has seen all', () => poller.seen.length >= log.length);
      await poller.stop();
      expect(poller.seen).to.deep.equal(log);
    },
  );

  test(1, 'is told at once to readers, and soon to publishers, when it refuses connections', async (world) => {
    const { app, path, proxy } = world;
    expect((await publish(app.url + path, entryXml('urn:x:before', 'urn:x:before'))).status).to.equal(201);
    proxy.refuse(true);
    await sleep(1_100);
    const answers = await Promise.all([
      read(world),
      read(world, '?limit=2'),
      ...[1, 2, 3].map((n) => publish(app.url + path, entryXml(`urn:x:${String(n)}`, `urn:x:${String(n)}`))),
    ]);
    expectUnavailable(answers);
    expect(answers[0].seconds).to.be.below(2);
    proxy.refuse(false);
    await until('it takes entries again', async () => {
      const { status } = await publish(app.url + path, entryXml('urn:x:after', 'urn:x:after'));
      return status === 201;
    });
    await expectRecovery(world, ['urn:x:before', 'urn:x:after'], ['urn:x:1', 'urn:x:2', 'urn:x:3']);
  });

  test(1, 'lets no more than QUEUE_BYTES wait: the rest is refused at once', async (world) => {
    const { app, database, path, proxy } = world;
    expect((await publish(app.url + path, entryXml('urn:x:first'))).status).to.equal(201);
    proxy.stall(true);
    const content = 'x'.repeat(100_000);
    const refused: Answer[] = [];
    const answers = Array.from({ length: 40 }, async (_, n) => {
      const answer = await publish(app.url + path, entryXml(`urn:x:big:${String(n)}`, content));
      if (answer.status !== 201) refused.push(answer);
      return answer;
    });
    await until('those for whom there is no room are refused', () => refused.length >= 28, 5);
    proxy.stall(false);
    const taken = (await Promise.all(answers)).filter((answer) => answer.status === 201);
    expectUnavailable(refused);
    for (const answer of refused) expect(answer.body).to.contain('overloaded');
    expect(taken.length).to.be.within(9, 12);
    expect((await idsInLog(database.url, 'away')).length).to.equal(taken.length + 1);
    expect(await mistakesInLog(database.url)).to.deep.equal([]);
  });

  test(1, 'is no reason to hang for a node that is told to stop', async (world) => {
    const { app, path, proxy } = world;
    expect((await publish(app.url + path, entryXml('urn:x:last'))).status).to.equal(201);
    proxy.stall(true);
    const other = await Promise.race([app.running.stop().then(() => 'stopped'), sleep(40_000, 'hangs')]);
    expect(other).to.equal('stopped');
  });

  test(
    1,
    'does not keep a node from listening again when only its LISTEN connection is gone, without a word',
    async (world) => {
      const { app, path, proxy } = world;
      proxy.forgetListeners();
      await until('it finds out', async () => (await listens(world)) === '0');
      expect((await publish(app.url + path, entryXml('urn:x:first'))).status).to.equal(201);
      await until('it listens again', async () => (await listens(world)) === '1');
    },
  );

  test(2, 'keeps no metrics back for long, and what was read from it is told as it was', async (world) => {
    const { app, proxy } = world;
    const headers = { 'content-type': 'application/json' };
    const body = '{"feeds":["*"]}';
    expect((await app.request('/admin/exports/nightly', { method: 'PUT', headers, body })).status).to.equal(201);
    const lagIsTold = async (): Promise<boolean> => {
      const since = performance.now();
      const response = await app.request('/metrics');
      const text = await response.text();
      expect(response.status).to.equal(200);
      // The server itself publishes to its audit feed meanwhile.
      expect(text).to.match(/^millrace_queue_bytes \d/m);
      expect((performance.now() - since) / 1000).to.be.below(BOUND_SECONDS);
      return text.includes('millrace_export_lag_seconds{export="nightly"}');
    };
    await until('the lag is told', lagIsTold);
    proxy.stall(true);
    for (let scrape = 0; scrape < 3; scrape++) {
      await sleep(1_100);
      expect(await lagIsTold()).to.equal(true);
    }
    proxy.stall(false);
    await until('it has been asked again', lagIsTold, 30);
  });

  async function listens({ app }: World): Promise<string | undefined> {
    const text = await (await app.request('/metrics')).text();
    return /^millrace_head_memory_listening (.)$/m.exec(text)?.[1];
  }

  test(2, 'does not keep a node from listening when the connection breaks as soon as it listens', async (world) => {
    const { app, database, path, proxy } = world;
    proxy.cut();
    const held = await proxy.hold('read-epochs');
    proxy.cutListeners();
    await sleep(100);
    held.release();
    // Listening for others too: what another node publishes is heard of, not asked for.
    await until('it listens again', async () => (await listens(world)) === '1');
    await sleep(300);
    expect(await listens(world)).to.equal('1');
    const other = await startApp({ database });
    try {
      expect((await read(world)).status).to.equal(200);
      expect((await publish(other.url + path, entryXml('urn:x:heard'))).status).to.equal(201);
      // Sooner than it would ask by itself.
      const heard = async (): Promise<boolean> => (await (await app.request(path)).text()).includes('urn:x:heard');
      await until('it has heard of it', heard, 0.7);
    } finally {
      await other.stop();
    }
  });

  test(2, 'is told to an export that it leaves before the first row, in every format', async (world) => {
    const { app, path, proxy } = world;
    expect((await publish(app.url + path, entryXml('urn:x:one', 'urn:x:one'))).status).to.equal(201);
    for (const format of ['ndjson', 'csv', 'parquet']) {
      const held = proxy.hold('copy');
      const answer = app.request(`/export?format=${format}`);
      await held;
      proxy.cut();
      const response = await answer;
      await response.arrayBuffer().catch(() => undefined);
      expect(response.status, format).to.equal(503);
      await until('it is there again', async () => (await listens(world)) === '1');
    }
  });

  test(
    2,
    'is waited for by who is refused, whether the feed is remembered or there is none: the time tells nothing',
    async (world) => {
      const { app, path, proxy } = world;
      const credentials = bearing(await issue(app, [{ role: 'admin', workspace: 'elsewhere' }]));
      const asked = [path, `${path}-absent`, `/admin${path}`, `/admin${path}-absent`].flatMap((url) => [
        { url, headers: {} },
        { url, headers: credentials },
      ]);
      const statusesOf = (): Promise<number>[] =>
        asked.map(async ({ url, headers }) => (await app.request(url, { anonymous: true, headers })).status);
      expect((await app.request(path)).status).to.equal(200);
      const before = await Promise.all(statusesOf());
      expect(new Set(before)).to.deep.equal(new Set([401, 404]));
      proxy.stall(true);
      const answered: string[] = [];
      const late = statusesOf().map(async (status, n) => {
        answered.push(`${asked[n]?.url ?? ''} ${String(await status)}`);
        return status;
      });
      await sleep(300);
      // Nobody without credentials administers anything, whatever there is.
      expect(answered.filter((one) => !/^\/admin.* 401$/.test(one))).to.deep.equal([]);
      proxy.stall(false);
      expect(await Promise.all(late)).to.deep.equal(before);
    },
  );
});
