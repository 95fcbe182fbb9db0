import { expect } from 'chai';
import pg from 'pg';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { auditPublished } from '../support/audit.js';
import { idsInLog, mistakesInLog } from '../support/log.js';
import { entryXml, publish } from '../support/publisher.js';
import type { Answer } from '../support/publisher.js';
import { until } from '../support/waiting.js';

const OTHERS = ['urn:x:1', 'urn:x:2', 'urn:x:3', 'urn:x:4', 'urn:x:5'];

describe('a batch that Postgres does not take because of one entry in it', function () {
  this.timeout(60_000);

  let app: TestApp;
  let client: pg.Client;

  before(async () => {
    app = await startApp();
    client = new pg.Client({ connectionString: app.database.url });
    await client.connect();
    await client.query(`
      create function trouble() returns trigger language plpgsql as $$
      begin
        if new.atom_id like '%slow' then
          perform pg_sleep(6);
        end if;
        if new.atom_id like '%bad' then
          raise exception 'no such thing' using errcode = '22000';
        end if;
        return new;
      end
      $$;
      create trigger trouble before insert on entries for each row execute function trouble()`);
  });

  after(async () => {
    await client.end();
    await app.stop();
  });

  /** Publishes them so that they are one batch: while another of this feed waits for its lock. */
  async function publishAtOnce(path: string, ids: readonly string[]): Promise<Answer[]> {
    const url = app.url + path;
    expect((await publish(url, entryXml('urn:x:known'))).status).to.equal(201);
    await auditPublished(app.database.url);
    await client.query('begin');
    await client.query('select from heads for update');
    const first = publish(url, entryXml('urn:x:first'));
    await until('the first waits', async () => {
      const { rowCount } = await client.query(
        "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
      );
      return rowCount === 1;
    });
    const answers = Promise.all(ids.map((id) => publish(url, entryXml(id))));
    await until('all have come', async () => {
      const metrics = await (await app.request('/metrics')).text();
      return Number(/^millrace_queue_bytes ([\d.]+)/m.exec(metrics)?.[1]) > ids.length * 100;
    });
    await client.query('commit');
    expect((await first).status).to.equal(201);
    return answers;
  }

  it('is halved until the entry that cannot be stored is alone; the others are published', async () => {
    const path = await app.feed('refused', { public: true });
    const answers = await publishAtOnce(path, [...OTHERS, 'urn:x:bad']);
    expect(answers.map(({ status }) => status)).to.deep.equal([...OTHERS.map(() => 201), 500]);
    expect(await idsInLog(app.database.url, 'refused')).to.have.members(['urn:x:known', 'urn:x:first', ...OTHERS]);
    expect(await mistakesInLog(app.database.url)).to.deep.equal([]);
  });

  it('is halved until the entry that takes too long is alone; of the others most are published in time', async () => {
    const path = await app.feed('slow', { public: true });
    const answers = await publishAtOnce(path, [...OTHERS, 'urn:x:slow']);
    const [slow, ...rest] = answers.reverse();
    expect([slow?.status, slow?.retryAfter]).to.deep.equal([503, '2']);
    expect(slow?.seconds).to.be.below(11);
    const published = rest.filter(({ status }) => status === 201);
    expect(published.length).to.be.at.least(3);
    expect(rest.filter(({ status }) => status !== 201 && status !== 503)).to.deep.equal([]);
    expect(await mistakesInLog(app.database.url)).to.deep.equal([]);
  });
});

describe('a feed that somebody holds', function () {
  this.timeout(60_000);

  it('holds up what is published to other feeds for one second at most', async () => {
    const app = await startApp();
    const holder = new pg.Client({ connectionString: app.database.url });
    await holder.connect();
    try {
      const [held, free] = [await app.feed('held'), await app.feed('free')];
      // The node remembers both.
      for (const path of [held, free]) {
        expect((await publish(app.url + path, entryXml('urn:x:first'))).status).to.equal(201);
        expect((await publish(app.url + path, entryXml('urn:x:second'))).status).to.equal(201);
      }
      await holder.query('begin');
      await holder.query(
        "select from heads where feed_id = (select feed_id from feeds where name = 'held') for update",
      );
      const [waits, passes] = [held, free].map((path) => publish(app.url + path, entryXml('urn:x:third')));
      const passed = await passes!;
      expect([passed.status, passed.seconds < 1.7]).to.deep.equal([201, true], `${String(passed.seconds)} s`);
      await holder.query('commit');
      expect((await waits!).status).to.equal(201);
      expect(await mistakesInLog(app.database.url)).to.deep.equal([]);
    } finally {
      await holder.end();
      await app.stop();
    }
  });
});

describe('a log whose clock is far from that of the node', () => {
  it('takes nothing, by memory or the long way, and the node is not ready until that is over', async () => {
    const app = await startApp();
    const client = new pg.Client({ connectionString: app.database.url });
    await client.connect();
    const shift = (by: string): Promise<unknown> =>
      client.query(`update ticks set recorded_at = recorded_at + interval '${by}'`);
    const ready = async (): Promise<number> => (await app.request('/readyz')).status;
    try {
      const [known, unknown] = [await app.feed('known'), await app.feed('unknown')];
      for (const id of ['urn:x:1', 'urn:x:2']) {
        expect((await publish(app.url + known, entryXml(id))).status).to.equal(201);
      }
      await shift('5 minutes');
      for (const path of [known, unknown]) {
        const { status, retryAfter } = await publish(app.url + path, entryXml('urn:x:3'));
        expect([path, status, retryAfter]).to.deep.equal([path, 503, '30']);
      }
      expect(await ready()).to.equal(503);
      expect(await idsInLog(app.database.url, 'known')).to.deep.equal(['urn:x:1', 'urn:x:2']);
      await shift('-5 minutes');
      for (const path of [known, unknown]) {
        expect((await publish(app.url + path, entryXml('urn:x:3'))).status).to.equal(201);
      }
      expect(await ready()).to.equal(200);
    } finally {
      await client.end();
      await app.stop();
    }
  });
});

describe('a database whose transactions are serializable and read-only by default', () => {
  it('takes batches as any other', async () => {
    const app = await startApp();
    const client = new pg.Client({ connectionString: app.database.url });
    await client.connect();
    try {
      const { rows } = await client.query<{ name: string }>('select quote_ident(current_database()) as name');
      const name = rows[0]!.name;
      await client.query(`alter database ${name} set default_transaction_isolation = 'serializable'`);
      await client.query(`alter database ${name} set default_transaction_read_only = on`);
      const path = await app.feed('strict');
      const node = await startApp({ database: app.database });
      for (const id of ['urn:x:1', 'urn:x:2', 'urn:x:3']) {
        expect((await publish(node.url + path, entryXml(id))).status).to.equal(201);
      }
      await node.stop();
    } finally {
      await client.end();
      await app.stop();
    }
  });
});
