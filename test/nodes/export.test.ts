import { expect } from 'chai';
import { once } from 'node:events';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { copyDatabase } from '../../src/store/copy.js';
import { ADMIN_TOKEN, startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { createDatabase, withDatabase } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';
import { fillLog } from '../support/fill-log.js';
import { ask, idsInLog, insertFeed, mistakesInLog } from '../support/log.js';
import { startNode } from '../support/node-process.js';
import type { NodeProcess } from '../support/node-process.js';
import { publishAll } from '../support/publish.js';
import { startPublishers } from '../support/publisher.js';
import { until } from '../support/waiting.js';

/** Entries of the large log. */
const MANY = 1_000_000;
const MEBIBYTES = 1024 * 1024;

interface Row {
  readonly feed: string;
  readonly position: number;
  readonly atom_id: string;
}

interface End {
  readonly kind: 'end';
  readonly after: string;
  readonly rows: number;
  readonly lost: readonly { readonly feed: string; readonly entries: number; readonly atMost: boolean }[];
}

describe('an export, whatever becomes of the log, its reader or the node', function () {
  this.timeout(90_000);

  /** The stream, of which nothing is read yet. */
  async function begin(url: string, query: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
    const request = get(`${url}/export?${query}`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...headers } });
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    expect(answer.statusCode).to.equal(200);
    answer.on('error', () => undefined);
    return answer;
  }

  async function readAll(answer: IncomingMessage): Promise<{ rows: Row[]; end: End }> {
    let text = '';
    for await (const chunk of answer.setEncoding('utf8')) text += chunk as string;
    const rows = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Row);
    const end = rows.pop() as unknown as End;
    expect(end.kind).to.equal('end');
    return { rows, end };
  }

  const pull = async ({ url }: { url: string }, query: string): Promise<{ rows: Row[]; end: End }> =>
    readAll(await begin(url, `columns=feed,position,atom_id&${query}`));
  const ids = (rows: readonly Row[]): string[] => rows.map((row) => row.atom_id);

  /** When an export last asked the database for something. */
  async function lastAsked({ url }: TestDatabase): Promise<string> {
    const [row] = await ask<{ at: string | null }>(
      url,
      `select max(query_start)::text as at
         from pg_stat_activity
        where datname = current_database()
          and pid <> pg_backend_pid()
          and (query like 'copy (%' or query like '%as f (feed_id, position)%')`,
    );
    return row?.at ?? '';
  }

  /** Resolves when an export has filled the buffers of a reader who takes nothing, and asks for nothing more. */
  async function untilItWaits(database: TestDatabase): Promise<void> {
    let newest = '';
    let since = 0;
    const hasNotAsked = async (): Promise<boolean> => {
      await sleep(100);
      const asked = await lastAsked(database);
      if (asked > newest) [newest, since] = [asked, performance.now()];
      return newest !== '' && performance.now() - since > 2_000;
    };
    await until('it waits for its readers', hasNotAsked, 60);
  }

  async function publishNumbers(app: TestApp, from: number, to: number): Promise<string[]> {
    const published: string[] = [];
    for (let n = from; n <= to; n++)
      published.push(
        ...(await publishAll(app, `/feeds/shop/${n % 2 === 0 ? 'even' : 'odd'}`, [{ id: `urn:x:${String(n)}` }])),
      );
    return published;
  }

  describe('of a log that was put back to a dump', () => {
    const ways: Record<string, (from: TestDatabase) => Promise<TestDatabase>> = {
      'by `millrace copy`': async (from) => {
        const to = await createDatabase('empty');
        await copyDatabase({ connectionString: from.url }, { connectionString: to.url });
        return to;
      },
      'of the whole database': async (from) => {
        const name = /\/([^/?]+)(?:\?|$)/.exec(from.url)![1]!;
        const admin = withDatabase(from.url, 'postgres');
        await ask(admin, `create database ${name}_dump template ${name} strategy file_copy`);
        const drop = async (): Promise<void> => {
          await ask(admin, `drop database ${name}_dump with (force)`);
        };
        return { url: withDatabase(from.url, `${name}_dump`), drop };
      },
    };
    for (const [way, dumpOf] of Object.entries(ways)) {
      it(`${way}, it goes on from a token of before, and from the last common place where one is from beyond`, async () => {
        const database = await createDatabase();
        let restored: TestDatabase | undefined;
        const apps: TestApp[] = [];
        const startOn = async (on: TestDatabase): Promise<TestApp> => {
          const app = await startApp({ database: on });
          apps.push(app);
          return app;
        };
        try {
          await insertFeed(database.url, 'even');
          await insertFeed(database.url, 'odd');
          let app = await startOn(database);
          const common = await publishNumbers(app, 1, 10);
          // In the middle of what both have, and in the middle of what only one has.
          const { rows: begun, end: before } = await pull(app, 'feeds=shop/*&limit=7');
          expect(ids(begun)).to.deep.equal(common.slice(0, 7));
          await apps.pop()?.stop();
          restored = await dumpOf(database);
          app = await startOn(database);
          await publishNumbers(app, 11, 20);
          const { end: beyond } = await pull(app, 'feeds=shop/*&limit=15');
          const { rows: all, end: farBeyond } = await pull(app, 'feeds=shop/*');
          expect(all).to.have.length(20);
          await apps.pop()?.stop();

          app = await startOn(restored);
          const expectGood = async (since: readonly string[]): Promise<void> => {
            const onwards = await pull(app, `feeds=shop/*&after=${before.after}`);
            expect(ids(onwards.rows)).to.deep.equal([...common.slice(7), ...since]);
            expect(onwards.end.lost).to.deep.equal([]);
            for (const { after } of [beyond, farBeyond]) {
              const refused = await app.request(`/export?feeds=shop/*&after=${after}`);
              const text = await refused.text();
              expect(refused.status, text).to.equal(409);
              const { type, lastCommon } = JSON.parse(text) as { type: string; lastCommon: string };
              expect(type).to.equal('urn:millrace:problem:marker-beyond-log');
              // Who had all of the common past has it, and all of the new log, once.
              const next = await pull(app, `feeds=shop/*&after=${lastCommon}`);
              expect(ids(next.rows)).to.deep.equal(since);
              expect(next.end.lost).to.deep.equal([]);
            }
          };
          await expectGood([]);
          const since = await publishNumbers(app, 101, 105);
          await expectGood(since);
          // By now it is longer than the log that is gone.
          since.push(...(await publishNumbers(app, 106, 125)));
          await expectGood(since);
          expect(ids((await pull(app, 'feeds=shop/*')).rows)).to.deep.equal([...common, ...since]);
          expect(await mistakesInLog(restored.url)).to.deep.equal([]);
        } finally {
          for (const app of apps) await app.stop();
          await restored?.drop();
          await database.drop();
        }
      });
    }
  });

  it('has each entry once while others publish to two nodes, with tokens that go from one to the other', async () => {
    const one = await startApp();
    const other = await startApp({ database: one.database });
    try {
      const names = ['a', 'b', 'c'];
      for (const name of names) await one.feed(name);
      const target = (id: string): string => {
        const n = Number(/\d+$/.exec(id)?.[0]);
        return `${(n % 2 === 0 ? one : other).url}/feeds/shop/${names[n % 3] ?? ''}`;
      };
      const publishers = startPublishers(8, 'two', target);
      let published = Infinity;
      const readers = [0, 1, 2].map(async (reader) => {
        const seen: string[] = [];
        let after = '';
        for (let round = 0; ; round++) {
          const node = (round + reader) % 2 === 0 ? one : other;
          // A pull that began while they published may have nothing to tell and be answered when they are done.
          const afterAll = published < Infinity;
          const { rows, end } = await pull(node, `feeds=shop/*&limit=${String(3 + 20 * reader)}&after=${after}`);
          seen.push(...ids(rows));
          after = end.after;
          if (seen.length >= published || (rows.length === 0 && afterAll)) return seen;
        }
      });
      await until('many are published', () => publishers.published.size > 300, 60);
      await publishers.stop();
      expect([...publishers.failed]).to.deep.equal([]);
      published = publishers.published.size;
      const { rows: all, end } = await pull(one, 'feeds=shop/*');
      expect(end.rows).to.equal(published);
      for (const seen of await Promise.all(readers)) expect(seen).to.deep.equal(ids(all));
      for (const name of names) {
        expect(ids(all.filter((row) => row.feed === name))).to.deep.equal(await idsInLog(one.database.url, name));
      }
    } finally {
      await other.stop();
      await one.stop();
    }
  });

  describe('under way while retention takes what is before it', () => {
    // More than an export looks ahead, and than the buffers of the system hold.
    const EACH = 15_000;
    const cases: [string, number][] = [
      ['that was recorded today', 0],
      ['so old that its ticks go too', 3],
    ];
    for (const [what, daysAgo] of cases) {
      it(`tells how much, ${what}`, async () => {
        const database = await createDatabase();
        await fillLog(database.url, ['a', 'b'], { each: EACH, aTick: 1, daysAgo });
        expect(await mistakesInLog(database.url)).to.deep.equal([]);
        const app = await startApp({ database, env: { RETENTION_SECONDS: '1' } });
        try {
          const answer = await begin(app.url, 'feeds=shop/*', { 'accept-encoding': 'identity' });
          await untilItWaits(database);
          await ask(database.url, `update feeds set settings = '{"keepEntries": 500}' where workspace = 'shop'`);
          await until(
            'it is gone',
            async () => {
              const [row] = await ask<{ entries: number; ticks: number }>(
                database.url,
                `select (select min(position)::int from entries join feeds using (feed_id) where workspace = 'shop') as entries,
                        (select min(last_position)::int from ticks join feeds using (feed_id) where workspace = 'shop') as ticks`,
              );
              return row!.entries > 14_000 && (daysAgo === 0 || row!.ticks > 14_000);
            },
            60,
          );
          const { rows, end } = await readAll(answer);
          expect(end.rows).to.equal(rows.length);
          expect(rows.length, 'something was gone when its turn came').to.be.below(2 * EACH);
          for (const feed of ['a', 'b']) {
            const positions = rows.filter((row) => row.feed === feed).map((row) => row.position);
            expect(positions).to.deep.equal([...new Set(positions)].sort((x, y) => x - y));
            expect(positions.at(-1)).to.equal(EACH);
            const lost = end.lost.find((one) => one.feed === feed)?.entries ?? 0;
            expect(positions.length + lost, `rows of ${feed} and what was lost of it`).to.equal(EACH);
          }
        } finally {
          await app.stop();
          await database.drop();
        }
      });
    }
  });

  describe(`of ${String(MANY)} entries, from a node with a small heap`, function () {
    this.timeout(300_000);

    let database: TestDatabase;
    let node: NodeProcess;
    before(async () => {
      database = await createDatabase();
      // Small ones: half a gigabyte in all is enough not to be held.
      await fillLog(database.url, ['a', 'b', 'c', 'd'], { each: MANY / 4, words: 2 });
      // It starts with 30 MB.
      node = await startNode({ DATABASE_URL: database.url, NODE_OPTIONS: '--max-old-space-size=64' });
    });
    after(async () => {
      await node.kill();
      await database.drop();
    });

    async function metric(name: string): Promise<number> {
      const text = await (await fetch(`${node.url}/metrics`)).text();
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    }
    const memory = (): Promise<number> => metric('process_resident_memory_bytes');

    it('reads no further than its reader does, and serves others meanwhile', async () => {
      const before = await memory();
      const slow = await Promise.all(
        Array.from({ length: 4 }, () => begin(node.url, 'feeds=shop/*', { 'accept-encoding': 'identity' })),
      );
      await untilItWaits(database);
      for (let n = 0; n < 20; n++) {
        const page = await fetch(`${node.url}/feeds/shop/a?limit=10`, {
          headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
        });
        expect(page.status).to.equal(200);
        await page.arrayBuffer();
        await sleep(100);
      }
      expect((await pull(node, 'feeds=shop/a&limit=100')).rows).to.have.length(100);
      expect((await memory()) - before).to.be.below(100 * MEBIBYTES);
      for (const answer of slow) answer.destroy();
    });

    it('frees everything when its readers go away in the middle', async () => {
      for (const [coding, format] of [
        ['identity', 'ndjson'],
        ['gzip', 'ndjson'],
        ['br', 'csv'],
        ['zstd', 'ndjson'],
        ['identity', 'parquet'],
      ] as const) {
        await Promise.all(
          Array.from({ length: 4 }, async (_, n) => {
            const answer = await begin(node.url, `feeds=shop/*&format=${format}`, { 'accept-encoding': coding });
            for (let chunks = 0; chunks < Math.min(n, format === 'parquet' ? 1 : 3); chunks++)
              await once(answer, 'data');
            answer.destroy();
          }),
        );
      }
      await until('no connection is lent out', async () => (await metric('millrace_pool_connections_in_use')) === 0);
      // Who was at a row group finds out at its next batch.
      await until('nobody asks any more', async () => {
        const asked = await lastAsked(database);
        await sleep(1_000);
        return (await lastAsked(database)) <= asked;
      });
      const active = await ask(
        database.url,
        `select state, query from pg_stat_activity
          where datname = current_database() and application_name = 'millrace' and state like 'idle in transaction%'`,
      );
      expect(active).to.deep.equal([]);
    });

    it('has every row, in memory that does not grow', async () => {
      const before = await memory();
      const answer = await begin(node.url, 'feeds=shop/*', { 'accept-encoding': 'identity' });
      let [lines, most, tail] = [0, 0, ''];
      const watching = setInterval(() => void memory().then((now) => (most = Math.max(most, now))), 500);
      try {
        for await (const chunk of answer as AsyncIterable<Buffer>) {
          for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
          tail = (tail + chunk.toString('latin1')).slice(-2_000);
        }
      } finally {
        clearInterval(watching);
      }
      expect(lines).to.equal(MANY + 1);
      const end = JSON.parse(tail.trimEnd().split('\n').at(-1)!) as End;
      expect([end.kind, end.rows, end.lost]).to.deep.equal(['end', MANY, []]);
      expect(most - before).to.be.below(100 * MEBIBYTES);
    });
  });
});
