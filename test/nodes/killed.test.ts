import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EmbeddedPostgres, startEmbedded } from '../../src/store/embedded.js';
import { startApp } from '../support/app.js';
import { type TestDatabase, createDatabase } from '../support/database.js';
import { idsInLog, insertFeed, mistakesInLog } from '../support/log.js';
import { type NodeProcess, startNode } from '../support/node-process.js';
import { startPoller } from '../support/poller.js';
import { startProxy } from '../support/proxy.js';
import { type Answer, FEED_TYPE, entryXml, feedXml, publish, startPublishers } from '../support/publisher.js';
import { until } from '../support/waiting.js';

describe('a node that loses its life, its Postgres or its connection in the middle of the work', function () {
  this.timeout(90_000);

  /** Sends what was not answered 201 once more, and checks that it is there once, wherever the first attempt came to. */
  async function checkAll(
    databaseUrl: string,
    name: string,
    url: string,
    published: ReadonlyMap<string, Answer>,
    failed: ReadonlyMap<string, Answer>,
  ): Promise<void> {
    const before = await idsInLog(databaseUrl, name);
    expect(before).to.include.members([...published.keys()]);
    for (const id of failed.keys()) {
      const again = await publish(url, entryXml(id, id));
      expect(again.status, again.body).to.equal(201);
      expect(again.replayed, `${id} was there: ${String(before.includes(id))}`).to.equal(before.includes(id));
    }
    for (const [id, answer] of [...published].slice(-20)) {
      const again = await publish(url, entryXml(id, id));
      expect([again.status, again.replayed, again.location]).to.deep.equal([201, true, answer.location]);
    }
    const after = await idsInLog(databaseUrl, name);
    expect(after.slice(0, before.length)).to.deep.equal(before);
    expect([...after].sort()).to.deep.equal([...published.keys(), ...failed.keys()].sort());
    expect(await mistakesInLog(databaseUrl)).to.deep.equal([]);
  }

  it('keeps every entry that it answered when it is killed again and again', async () => {
    const database = await createDatabase();
    const path = await insertFeed(database.url, 'killed');
    let node: NodeProcess | undefined;
    try {
      const published = new Map<string, Answer>();
      const failed = new Map<string, Answer>();
      let base = '';
      const other = await startApp({ database });
      const poller = startPoller(other.url, path);
      for (let round = 1; round <= 4; round++) {
        node = await startNode({ DATABASE_URL: database.url });
        base = node.url;
        const url = base + path;
        const publishers = startPublishers(16, `killed:${String(round)}`, () => url);
        await until('it takes entries', () => publishers.published.size > 40 * round);
        await sleep(Math.random() * 100);
        await node.kill();
        await publishers.stop();
        for (const [id, answer] of publishers.published) published.set(id, answer);
        for (const [id, answer] of publishers.failed) failed.set(id, answer);
      }
      node = await startNode({ DATABASE_URL: database.url });
      await checkAll(database.url, 'killed', node.url + path, published, failed);
      expect(failed.size).to.be.above(4 * 15);
      const log = await idsInLog(database.url, 'killed');
      await until('the poller of the other node has seen all', () => poller.seen.length >= log.length);
      await poller.stop();
      await other.stop();
      expect(poller.seen).to.deep.equal(log);
      expect(await node.stop()).to.equal(0);
    } finally {
      await node?.kill();
      await database.drop();
    }
  });

  describe('with a Postgres of its own', () => {
    let dataDir: string;
    let postgres: EmbeddedPostgres;

    beforeEach(async () => {
      dataDir = await mkdtemp(join(tmpdir(), 'millrace-killed-'));
      postgres = await startEmbedded({ dataDir });
    });

    afterEach(async () => {
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    });

    it('keeps every entry that it answered when its Postgres is killed again and again', async () => {
      const url = postgres.connectionString;
      const database: TestDatabase = { url, drop: () => Promise.resolve() };
      const app = await startApp({ database });
      try {
        const path = await insertFeed(url, 'crashed');
        const poller = startPoller(app.url, path);
        const publishers = startPublishers(8, 'crashed', () => app.url + path);
        for (let round = 1; round <= 3; round++) {
          const enough = publishers.published.size + 60;
          await until('it takes entries', () => publishers.published.size > enough);
          await sleep(Math.random() * 50);
          const { pid } = postgres;
          process.kill(pid!, 'SIGKILL');
          await until('Postgres runs again', () => postgres.pid !== undefined && postgres.pid !== pid);
        }
        const enough = publishers.published.size + 60;
        await until('it takes entries', () => publishers.published.size > enough);
        await publishers.stop();
        for (const answer of publishers.failed.values()) {
          expect(answer.status, answer.body).to.equal(503);
          expect(answer.retryAfter).to.match(/^\d+$/);
        }
        await checkAll(url, 'crashed', app.url + path, publishers.published, publishers.failed);
        const log = await idsInLog(url, 'crashed');
        await until('the poller has seen all', () => poller.seen.length >= log.length);
        await poller.stop();
        expect(poller.seen).to.deep.equal(log);
        expect([...poller.failures.keys()].filter((status) => status !== 503)).to.deep.equal([]);
      } finally {
        await app.stop();
      }
    });
  });

  describe('behind a network that fails', () => {
    it('finds out by itself what became of a batch whose connection broke between commit and answer', async () => {
      const database = await createDatabase();
      const proxy = await startProxy(database.url);
      const app = await startApp({ database: { ...database, url: proxy.url } });
      try {
        const path = await insertFeed(database.url, 'cut');
        const poller = startPoller(app.url, path);
        const publishers = startPublishers(8, 'cut', () => app.url + path);
        for (let round = 1; round <= 8; round++) {
          proxy.cutAfterCommit(1);
          await until('a commit was cut off', () => proxy.commitsCut >= round);
          const enough = publishers.published.size + 20;
          await until('it goes on', () => publishers.published.size > enough);
        }
        await publishers.stop();
        // The writer found each batch in the log: nobody was told to try again, and nothing is called a replay.
        expect([...publishers.failed]).to.deep.equal([]);
        expect([...publishers.published.values()].filter((answer) => answer.replayed)).to.deep.equal([]);
        await checkAll(database.url, 'cut', app.url + path, publishers.published, publishers.failed);

        // A whole document, a batch with a conflict in it, an edit and a deletion.
        proxy.cutAfterCommit(1);
        const entries = [1, 2, 3].map((n) => ({ id: `urn:x:document:${String(n)}` }));
        const document = await publish(app.url + path, feedXml(entries), { type: FEED_TYPE });
        expect([document.status, document.replayed]).to.deep.equal([201, false]);

        const editable = await insertFeed(database.url, 'cut-editable', { editable: true });
        const { location } = await publish(app.url + editable, entryXml('urn:x:edited', 'one'));
        const etag = (await app.request(location)).headers.get('etag')!;
        proxy.cutAfterCommit(1);
        const put = await app.request(location, {
          method: 'PUT',
          headers: { 'content-type': 'application/atom+xml;type=entry', 'if-match': etag },
          body: entryXml('urn:x:edited', 'two'),
        });
        expect(put.status, await put.text()).to.equal(200);
        proxy.cutAfterCommit(1);
        const deleted = await app.request(location, {
          method: 'DELETE',
          headers: { 'if-match': put.headers.get('etag')! },
        });
        expect(deleted.status, await deleted.text()).to.equal(204);
        expect(proxy.commitsCut).to.equal(11);
        expect(await idsInLog(database.url, 'cut-editable')).to.deep.equal(Array(3).fill('urn:x:edited'));
        expect(await mistakesInLog(database.url)).to.deep.equal([]);

        const log = await idsInLog(database.url, 'cut');
        await until('the poller has seen all', () => poller.seen.length >= log.length);
        await poller.stop();
        expect(poller.seen).to.deep.equal(log);
      } finally {
        await app.stop();
        await proxy.stop();
        await database.drop();
      }
    });

    it('goes on when all its connections are cut at any moment', async () => {
      const database = await createDatabase();
      const proxy = await startProxy(database.url);
      const app = await startApp({ database: { ...database, url: proxy.url } });
      try {
        const path = await insertFeed(database.url, 'cuts');
        const publishers = startPublishers(8, 'cuts', () => app.url + path);
        for (let round = 1; round <= 12; round++) {
          await sleep(50 + Math.random() * 100);
          proxy.cut();
        }
        const enough = publishers.published.size + 20;
        await until('it goes on', () => publishers.published.size > enough);
        await publishers.stop();
        for (const answer of publishers.failed.values()) expect(answer.status, answer.body).to.equal(503);
        await checkAll(database.url, 'cuts', app.url + path, publishers.published, publishers.failed);
        await until('it listens again', async () => (await app.request('/readyz')).status === 200);
      } finally {
        await app.stop();
        await proxy.stop();
        await database.drop();
      }
    });
  });
});
