import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { StartError } from '../../src/core/start-error.js';
import { copyDatabase, type CopiedTable } from '../../src/store/copy.js';
import { isMigrated } from '../../src/store/migrate.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

const SETTINGS = `'{"public":true,"title":"tab\\tnew\\nline \\\\ “ß” 𝄞"}'`;
const TABLES = `
  select table_name as name
    from information_schema.tables
   where table_schema = 'public'
     and table_name not in ('migrations', 'rates')
   order by 1`;

describe('copying a database', () => {
  let source: TestDatabase;
  let target: TestDatabase;
  let clients: pg.Client[];

  beforeEach(async () => {
    clients = [];
    [source, target] = [await createDatabase(), await createDatabase('empty')];
  });

  afterEach(async () => {
    await Promise.all(clients.map((client) => client.end()));
    await source.drop();
    await target.drop();
  });

  async function open(database: TestDatabase): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: database.url });
    client.on('error', () => undefined);
    clients.push(client);
    await client.connect();
    return client;
  }

  /** Two feeds, one deleted feed's hole in the numbers, and entries with what COPY must escape. */
  async function fill(db: pg.Client): Promise<void> {
    await db.query(`
      insert into workspaces (name, title) values ('demo', 'Demo');
      insert into feeds (workspace, name, atom_id, settings)
      select 'demo', n, 'urn:uuid:' || gen_random_uuid(), ${SETTINGS} from unnest(array['a', 'gone', 'b']) as n;
      delete from feeds where name = 'gone';
      insert into heads (partition_id, feed_id, page_size) select partition_id, feed_id, 100 from feeds;
      insert into entries (partition_id, feed_id, position, kind, octets, atom_key, atom_id, terms, xml)
      select 0, 1, n, 0, 100, md5(n::text)::uuid, 'urn:x:' || n, array['a', 'b"\\', null, ''],
             E'<entry>\\\\. \\t\\r\\n\\\\N ' || n || '</entry>'
        from generate_series(1, 1000) as n;
      insert into exports (name, feeds, format, batch_rows, epoch, tick, feed_id, position, newest_batch, pending)
      values ('nightly', '{demo/*,"a/b"}', 'ndjson', 100, '0123abcd', 1, 1, 500, 7, '{"number":"7","feeds":["demo/*"]}');
      insert into ticks (partition_id, tick, feed_id, first_position, last_position, recorded_at)
      values (0, 1, 1, 1, 1000, '2026-02-03 04:05:06.123456+00')`);
  }

  function copy(copied?: (table: CopiedTable) => void): Promise<CopiedTable[]> {
    return copyDatabase({ connectionString: source.url }, { connectionString: target.url }, copied);
  }

  async function refusal(): Promise<StartError> {
    const error = await copy().then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).to.be.instanceOf(StartError);
    return error as StartError;
  }

  it('takes every row of every table along, and the next numbers', async () => {
    const [from, to] = [await open(source), await open(target)];
    await fill(from);
    const told: CopiedTable[] = [];
    const report = await copy((table) => told.push(table));

    const tables = (await from.query<{ name: string }>(TABLES)).rows.map(({ name }) => name);
    expect(report.map(({ table }) => table).sort()).to.deep.equal(tables);
    expect(told).to.deep.equal(report);
    expect(report.find(({ table }) => table === 'entries')).to.deep.equal({ table: 'entries', rows: 1000 });
    for (const name of tables) {
      const rows = `select t::text as row from ${name} t order by 1`;
      expect((await to.query(rows)).rows, name).to.deep.equal((await from.query(rows)).rows);
    }
    expect(await isMigrated(to)).to.equal(true);
    const next = `insert into feeds (workspace, name, atom_id, settings) values ('demo', 'c', 'urn:c', '{}') returning feed_id`;
    expect((await to.query(next)).rows).to.deep.equal([{ feed_id: 4 }]);
  });

  it('refuses a target that has feeds, and one that is somebody else’s', async () => {
    const to = await open(target);
    await to.query('create table invoices (n int); insert into invoices values (1)');
    expect((await refusal()).message).to.contain('the target is not empty: it has the table invoices');
    expect((await to.query(TABLES)).rows).to.deep.equal([{ name: 'invoices' }]);

    await to.query('drop table invoices');
    await copy();
    await fill(to);
    expect((await refusal()).message).to.contain('the target already has feeds, demo/');
    expect((await to.query('select count(*)::int as n from entries')).rows).to.deep.equal([{ n: 1000 }]);
  });

  it('refuses to copy a database to itself', async () => {
    const error = await copyDatabase({ connectionString: source.url }, { connectionString: source.url }).catch(
      (cause: unknown) => cause,
    );
    expect(String(error)).to.contain('the same database');
  });

  it('leaves the target as it was when it fails in the middle', async () => {
    const [from, to] = [await open(source), await open(target)];
    await fill(from);
    const error = await copy(({ table }) => {
      if (table === 'feeds') throw new Error('the power went');
    }).catch((cause: unknown) => cause);
    expect(String(error)).to.contain('the power went');
    for (const table of ['feeds', 'entries', 'workspaces']) {
      expect((await to.query(`select count(*)::int as n from ${table}`)).rows, table).to.deep.equal([{ n: 0 }]);
    }
    expect(await copy()).to.deep.include({ table: 'entries', rows: 1000 });
  });

  it('has what was being written when it began, lets nothing be written meanwhile, and lets everything be read', async () => {
    const [from, reading] = [await open(source), await open(source)];
    await fill(from);
    // A batch that has locked its feed and has not committed yet.
    await from.query('begin; select from heads where feed_id = 1 for no key update');
    let writing: Promise<unknown> | undefined;
    let isWritten = false;
    const copying = copy(({ table }) => {
      writing ??= open(source)
        .then((client) => client.query(`select epoch from clocks for no key update`))
        .then(() => (isWritten = true));
      if (table === 'ticks') expect(isWritten, 'a writer waits').to.equal(false);
    });
    await sleep(100);
    await from.query(`insert into entries (partition_id, feed_id, position, kind, octets, atom_key, atom_id, terms, xml)
      values (0, 1, 1001, 0, 1, gen_random_uuid(), 'urn:late', '{}', '<entry/>')`);
    await from.query('select from clocks for no key update; commit');
    expect((await reading.query('select count(*)::int as n from entries')).rows).to.deep.equal([{ n: 1001 }]);
    expect(await copying).to.deep.include({ table: 'entries', rows: 1001 });
    await writing;
    expect(isWritten).to.equal(true);
  });

  it('says so when the target cannot be reached', async () => {
    const error = await copyDatabase(
      { connectionString: source.url },
      { connectionString: 'postgresql://me:geheim@127.0.0.1:1/there' },
    ).catch((cause: unknown) => cause);
    expect(error).to.be.instanceOf(StartError);
    expect(String(error))
      .to.contain('the target "there" at 127.0.0.1:1 cannot be reached')
      .and.not.to.contain('geheim');
  });
});
