import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase } from '../support/database.js';
import { idsInLog, insertFeed, mistakesInLog } from '../support/log.js';
import { type NodeProcess, startNode } from '../support/node-process.js';
import { type Proxy, startProxy } from '../support/proxy.js';
import { entryXml, publish, startPublishers } from '../support/publisher.js';
import { sideBySide } from '../support/side-by-side.js';
import { until } from '../support/waiting.js';

/** Two seconds until Postgres throws the frozen node out; the rest is for a busy machine. */
const HELD_UP_SECONDS = 3.5;
/** Whoever is held up at all is for two seconds, or until the node goes on. */
const NOT_HELD_UP_SECONDS = 1.8;

/** Often enough to be held up. */
const STEADILY = { pauseMs: 20 };

/** A node that is frozen, behind a network in which what it sends is withheld, and another one. */
interface World {
  readonly database: TestDatabase;
  readonly proxy: Proxy;
  readonly frozen: NodeProcess;
  readonly other: TestApp;
}

describe('a node that stands still in the middle of a batch', function () {
  this.timeout(90_000);

  let worlds: World[];
  let feeds = 0;

  before(async () => {
    worlds = await Promise.all([1, 2, 3].map(makeWorld));
  });

  after(async () => {
    for (const { database, proxy, frozen, other } of worlds) {
      frozen.goOn();
      await frozen.kill();
      await other.stop();
      await proxy.stop();
      await database.drop();
    }
  });

  async function makeWorld(): Promise<World> {
    const database = await createDatabase();
    const proxy = await startProxy(database.url);
    const frozen = await startNode({ DATABASE_URL: proxy.url });
    return { database, proxy, frozen, other: await startApp({ database }) };
  }

  /** That no node has written to. */
  const newFeed = async ({ database }: World): Promise<{ name: string; path: string }> => {
    const name = `feed-${String((feeds += 1))}`;
    return { name, path: await insertFeed(database.url, name) };
  };

  const test = sideBySide();

  async function freezeAt(
    world: World,
    step: string,
    options: { knows: boolean; bytes?: number; seconds?: number },
  ): Promise<number> {
    const { database, proxy, frozen, other } = world;
    const { name, path } = await newFeed(world);
    const url = frozen.url + path;
    const first = options.knows ? url : frozen.url + (await newFeed(world)).path;
    expect((await publish(first, entryXml('urn:x:first', 'x', ['a']))).status).to.equal(201);
    const held = proxy.hold(step, { bytes: options.bytes ?? 0 });
    const own = publish(url, entryXml('urn:x:own', step, ['a', 'b']));
    const withheld = await held;
    frozen.freeze();
    const others = startPublishers(2, 'other', () => other.url + path, STEADILY);
    const { seconds = 2.5 } = options;
    await sleep(seconds * 1000);
    await until('the other node publishes', () => others.published.size > 10);
    frozen.goOn();
    withheld.release();
    const answer = await own;
    expect(answer.status, answer.body).to.be.oneOf(seconds > 10 ? [201, 503] : [201]);
    const again = await publish(url, entryXml('urn:x:own', step, ['a', 'b']));
    expect([again.status, again.replayed]).to.deep.equal([201, answer.status === 201]);
    await others.stop();
    expect([...others.failed]).to.deep.equal([]);
    const ids = [...others.published.keys(), ...(options.knows ? ['urn:x:first'] : []), 'urn:x:own'];
    expect(await idsInLog(database.url, name)).to.have.members(ids);
    expect(await mistakesInLog(database.url)).to.deep.equal([]);
    return others.slowest;
  }

  for (const step of ['look-feeds', 'insert-entries', 'tick', 'commit']) {
    test(
      0,
      `holds the others up for two seconds at most when it stopped having sent a batch up to "${step}"`,
      async () => {
        const slowest = await freezeAt(worlds[0]!, step, { knows: false });
        expect(slowest).to.be.within(step === 'look-feeds' ? 0 : 1, HELD_UP_SECONDS);
      },
    );
  }

  // A node that has written to a feed before decides by what it remembers and sends everything in one statement; the longer
  // of the times is one after which its own publisher should have been answered.
  for (const [lane, sent, bytes, seconds] of [
    [1, 'nothing', 0, 2.5],
    [2, 'half', 700, 10.5],
  ] as const) {
    test(lane, `holds nobody up when it stopped with ${sent} sent of a batch that it decided by memory`, async () => {
      const slowest = await freezeAt(worlds[lane]!, 'publish-batch', { knows: true, bytes, seconds });
      expect(slowest).to.be.below(NOT_HELD_UP_SECONDS);
    });
  }

  test(
    1,
    'holds the others up for two seconds at most when it stopped while sending a first batch, a large one',
    async () => {
      const { database, proxy, frozen, other } = worlds[1]!;
      const { path } = await newFeed(worlds[1]!);
      const others = startPublishers(2, 'other', () => other.url + path, STEADILY);
      const held = proxy.hold('insert-entries', { bytes: 100_000, including: 'urn:x:large' });
      const own = publish(frozen.url + path, entryXml('urn:x:large', 'x'.repeat(300_000)));
      const withheld = await held;
      frozen.freeze();
      await sleep(4_000);
      frozen.goOn();
      withheld.release();
      expect((await own).status).to.equal(201);
      await others.stop();
      expect([...others.failed]).to.deep.equal([]);
      expect(others.slowest).to.be.within(1.5, HELD_UP_SECONDS);
      expect(await mistakesInLog(database.url)).to.deep.equal([]);
    },
  );

  test(1, 'shows no stale page when it goes on', async () => {
    const { frozen, other } = worlds[1]!;
    const { path } = await newFeed(worlds[1]!);
    const url = frozen.url + path;
    expect((await publish(url, entryXml('urn:x:before'))).status).to.equal(201);
    const headers = { authorization: 'Bearer test-token-0123456789abcdef' };
    const page = await fetch(url, { headers });
    const etag = page.headers.get('etag')!;
    await page.text();
    frozen.freeze();
    expect((await publish(other.url + path, entryXml('urn:x:meanwhile'))).status).to.equal(201);
    await sleep(1_100);
    frozen.goOn();
    const after = await fetch(url, { headers: { ...headers, 'if-none-match': etag } });
    expect(after.status).to.equal(200);
    expect(await after.text()).to.contain('urn:x:meanwhile');
  });

  it('holds nobody up for longer when it is stopped at any moment of its load', async () => {
    const { database, frozen, other } = worlds[0]!;
    const { name, path } = await newFeed(worlds[0]!);
    const unrelated = await insertFeed(database.url, 'unrelated');
    const own = startPublishers(8, 'own', () => frozen.url + path);
    const others = startPublishers(2, 'other', () => other.url + path, STEADILY);
    const elsewhere = startPublishers(2, 'elsewhere', () => other.url + unrelated, STEADILY);
    for (let round = 0; round < 3; round++) {
      await sleep(100 + Math.random() * 150);
      frozen.freeze();
      await sleep(2_300);
      frozen.goOn();
    }
    await Promise.all([own.stop(), others.stop(), elsewhere.stop()]);
    expect([...others.failed, ...elsewhere.failed]).to.deep.equal([]);
    expect(Math.max(others.slowest, elsewhere.slowest)).to.be.below(HELD_UP_SECONDS);
    for (const answer of own.failed.values()) expect([answer.status, answer.retryAfter]).to.deep.equal([503, '2']);
    for (const id of own.failed.keys())
      expect((await publish(frozen.url + path, entryXml(id, id))).status).to.equal(201);
    const ids = [...others.published.keys(), ...own.published.keys(), ...own.failed.keys()];
    expect(await idsInLog(database.url, name)).to.have.members(ids);
    expect(await mistakesInLog(database.url)).to.deep.equal([]);
  });
});
