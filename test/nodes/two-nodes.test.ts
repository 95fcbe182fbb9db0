import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase } from '../support/database.js';
import { ask, idsInLog, insertFeed, mistakesInLog } from '../support/log.js';
import { startPoller } from '../support/poller.js';
import { FEED_TYPE, entryXml, feedXml, publish, startPublishers } from '../support/publisher.js';
import { until } from '../support/waiting.js';

describe('two nodes on one database', function () {
  this.timeout(120_000);

  let database: TestDatabase;
  let nodes: TestApp[];

  beforeEach(async () => {
    database = await createDatabase();
    nodes = await Promise.all([startApp({ database }), startApp({ database })]);
  });

  afterEach(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await database.drop();
  });

  function baseOf(turn: number): string {
    return nodes[turn % nodes.length]!.url;
  }

  it('show each entry once, in one order, to all who follow a feed while both publish, slow commits included', async () => {
    // One commit in ten takes 150 ms, with the locks of its feeds and of the clock held.
    await ask(
      database.url,
      `create function dawdle() returns trigger language plpgsql as $$
       begin
         if random() < 0.1 then perform pg_sleep(0.15); end if;
         return null;
       end $$;
       create constraint trigger slow after insert on ticks deferrable initially deferred
         for each row execute function dawdle()`,
    );
    const names = ['a', 'b', 'c'];
    const paths = await Promise.all(names.map((name) => insertFeed(database.url, name)));
    let turn = 0;
    const pollers = paths.map((path) => [
      startPoller(baseOf(0), path),
      startPoller(baseOf(1), path),
      startPoller(() => baseOf(turn++), path),
      startPoller(() => baseOf(turn++), `${path}?limit=3`, 2),
    ]);
    const publishers = names.flatMap((name, index) =>
      [0, 1].map((node) =>
        // Slower than the pollers, of which some read three entries at a time.
        startPublishers(2, `${name}${String(node)}`, () => baseOf(node) + paths[index]!, { pauseMs: 20 }),
      ),
    );
    // Documents, so that batches lock several entries of several feeds at once; and a lock that nobody lets go of.
    const documents = (async () => {
      for (let n = 0; n < 30; n++) {
        const entries = [1, 2, 3].map((part) => ({ id: `urn:x:document:${String(n)}:${String(part)}` }));
        const answer = await publish(baseOf(n) + paths[n % 3]!, feedXml(entries), { type: FEED_TYPE });
        expect(answer.status, answer.body).to.equal(201);
      }
    })();
    await sleep(1_500);
    await hold('a', 1_500);
    await documents;
    await Promise.all(publishers.map((one) => one.stop()));

    expect(publishers.flatMap((one) => [...one.failed.values()])).to.deep.equal([]);
    for (const [index, name] of names.entries()) {
      const log = await idsInLog(database.url, name);
      expect(log.length).to.be.above(20);
      for (const poller of pollers[index]!) {
        await until(`a poller of ${name} has seen all`, () => poller.seen.length >= log.length, 60);
        await poller.stop();
        expect(poller.seen).to.deep.equal(log);
        expect([...poller.failures]).to.deep.equal([]);
      }
      const answered = publishers
        .flatMap((one) => [...one.published.keys()])
        .filter((id) => id.startsWith(`urn:x:${name}`));
      expect(new Set(log)).to.include.all.keys(answered);
    }
    expect(await mistakesInLog(database.url)).to.deep.equal([]);
  });

  /** Locks a feed for a while, as a long transaction would. */
  async function hold(name: string, ms: number): Promise<void> {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      await client.query('begin');
      await client.query('select 1 from heads join feeds using (feed_id) where name = $1 for update of heads', [name]);
      await sleep(ms);
      await client.query('commit');
    } finally {
      await client.end();
    }
  }

  it('take one of two equal entries that are published to both at the same time, and answer both alike', async () => {
    const path = await insertFeed(database.url, 'same');
    const ids = Array.from({ length: 60 }, (_, n) => `urn:x:same:${String(n)}`);
    const answers = await Promise.all(
      ids.map((id) => Promise.all([0, 1, 0, 1].map((node) => publish(baseOf(node) + path, entryXml(id))))),
    );
    for (const four of answers) {
      expect(four.map((answer) => answer.status)).to.deep.equal([201, 201, 201, 201]);
      expect(four.filter((answer) => !answer.replayed)).to.have.length(1);
      expect(new Set(four.map((answer) => answer.location)).size).to.equal(1);
      expect(four[0]!.location).not.to.equal('');
      const stored = four.map(({ body }) => /<app:edited[^>]*>([^<]*)</.exec(body)?.[1]);
      expect(new Set(stored).size).to.equal(1);
    }
    expect((await idsInLog(database.url, 'same')).sort()).to.deep.equal(ids.sort());
    expect(await mistakesInLog(database.url)).to.deep.equal([]);
  });

  it('take one of two different entries of one id and refuse the other', async () => {
    const path = await insertFeed(database.url, 'conflict');
    const ids = Array.from({ length: 60 }, (_, n) => `urn:x:conflict:${String(n)}`);
    await Promise.all(
      ids.map(async (id) => {
        const both = await Promise.all([0, 1].map((node) => publish(baseOf(node) + path, entryXml(id, `of ${node}`))));
        expect(both.map((answer) => answer.status).sort()).to.deep.equal([201, 409]);
        const winner = both.findIndex((answer) => answer.status === 201);
        const shown = await (await nodes[1 - winner]!.request(both[winner]!.location)).text();
        expect(shown).to.contain(`of ${winner}`);
      }),
    );
    expect((await idsInLog(database.url, 'conflict')).length).to.equal(ids.length);
    expect(await mistakesInLog(database.url)).to.deep.equal([]);
  });

  it('take documents for overlapping sets of feeds at the same time without deadlock, gap or half of one', async () => {
    const names = ['p', 'q', 'r', 's'];
    const paths = await Promise.all(names.map((name) => insertFeed(database.url, name)));
    const before = await deadlocks();
    const rounds = Array.from({ length: 25 }, (_, n) => n);
    const documents = rounds.map((n) =>
      feedXml([0, 1, 2].map((part) => ({ id: `urn:x:overlap:${String(n)}:${String(part)}`, content: String(n) }))),
    );
    // Each node takes the feeds in an order of its own; some documents share an id with another one and are refused.
    const clash = rounds.map((n) =>
      feedXml([{ id: `urn:x:own:${String(n)}` }, { id: `urn:x:overlap:${String(n)}:1`, content: 'other' }]),
    );
    const answers = await Promise.all(
      [0, 1].flatMap((node) =>
        (node === 0 ? paths : paths.toReversed()).flatMap((path) =>
          rounds.flatMap((n) =>
            [documents[n]!, clash[n]!].map((document) => publish(baseOf(node) + path, document, { type: FEED_TYPE })),
          ),
        ),
      ),
    );
    for (const answer of answers) expect(answer.status, answer.body).to.be.oneOf([201, 409]);
    expect(answers.filter((answer) => answer.status >= 500)).to.have.length(0);
    for (const name of names) {
      const ids = await idsInLog(database.url, name);
      expect(new Set(ids).size).to.equal(ids.length);
      for (const n of rounds) {
        const whole = [0, 1, 2].filter((part) => ids.includes(`urn:x:overlap:${String(n)}:${String(part)}`)).length;
        const other = ids.includes(`urn:x:own:${String(n)}`);
        expect([whole, other]).to.deep.equal(other ? [1, true] : [3, false]);
      }
    }
    // A connection tells its statistics at the end of a transaction, once a second at most.
    await sleep(1_100);
    for (const node of [0, 1]) await publish(baseOf(node) + paths[0]!, entryXml(`urn:x:last:${String(node)}`));
    expect(await deadlocks()).to.equal(before);
    expect(await mistakesInLog(database.url)).to.deep.equal([]);
  });

  it('say that a feed is not there when it went while an entry for it was on its way', async () => {
    const [gone, there] = [await insertFeed(database.url, 'gone'), await insertFeed(database.url, 'there')];
    expect((await publish(baseOf(0) + gone, entryXml('urn:x:1'))).status).to.equal(201);
    await ask(database.url, `delete from heads using feeds where heads.feed_id = feeds.feed_id and name = 'gone'`);
    const [answer, other] = await Promise.all([
      publish(baseOf(0) + gone, entryXml('urn:x:2')),
      publish(baseOf(0) + there, entryXml('urn:x:2')),
    ]);
    expect([answer.status, other.status], answer.body).to.deep.equal([404, 201]);
    expect(answer.seconds).to.be.below(2);
  });

  async function deadlocks(): Promise<string> {
    const [row] = await ask<{ deadlocks: string }>(
      database.url,
      'select deadlocks from pg_stat_database where datname = current_database()',
    );
    return row!.deadlocks;
  }
});
