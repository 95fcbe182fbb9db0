import { expect } from 'chai';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { StartError } from '../../src/core/start-error.js';
import { isMigrated, migrate, pendingMigrations } from '../../src/store/migrate.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url));

describe('migrate', () => {
  let database: TestDatabase;
  let db: pg.Client;
  let directory: string;

  beforeEach(async () => {
    database = await createDatabase('empty');
    db = new pg.Client({ connectionString: database.url });
    await db.connect();
    directory = await mkdtemp(join(tmpdir(), 'millrace-migrations-'));
  });

  afterEach(async () => {
    await db.end();
    await database.drop();
    await rm(directory, { recursive: true });
  });

  const write = (file: string, sql: string): Promise<void> => writeFile(join(directory, file), sql);
  const run = (): Promise<string[]> => migrate({ connectionString: database.url }, directory);
  const refusal = (): Promise<unknown> =>
    run().then(
      () => expect.fail('it was not refused'),
      (error: unknown) => error,
    );
  const applied = async (): Promise<unknown[]> =>
    (await db.query('select version, name from migrations order by 1')).rows;

  it('applies files in order and remembers them', async () => {
    await write('0001_first.sql', 'create table a (n int); insert into a values (1);');
    await write('0002_second.sql', 'update a set n = n + 1;');
    expect(await run()).to.deep.equal(['0001_first.sql', '0002_second.sql']);
    expect(await run()).to.deep.equal([]);
    expect((await db.query('select n from a')).rows).to.deep.equal([{ n: 2 }]);
    expect(await applied()).to.deep.equal([
      { version: 1, name: 'first' },
      { version: 2, name: 'second' },
    ]);
  });

  it('goes on after what an earlier run applied', async () => {
    await write('0001_first.sql', 'create table a (n int);');
    await run();
    await write('0002_second.sql', 'insert into a values (5);');
    expect(await isMigrated(db, directory)).to.equal(false);
    await run();
    expect((await db.query('select n from a')).rows).to.deep.equal([{ n: 5 }]);
    expect(await isMigrated(db, directory)).to.equal(true);
  });

  it('applies each file once when nodes start together', async () => {
    await write('0001_first.sql', 'create table a (n int); insert into a values (0);');
    await write('0002_second.sql', 'update a set n = n + 1; select pg_sleep(0.05);');
    await write('0003_third.sql', 'update a set n = n + 10;');
    await Promise.all([run(), run(), run(), run()]);
    expect((await db.query('select n from a')).rows).to.deep.equal([{ n: 11 }]);
  });

  it('leaves nothing of a file that fails, and names the line', async () => {
    await write('0001_first.sql', 'create table a (n int);');
    await write('0002_second.sql', '-- “one”\ninsert into a values (1);\ninsert into b values (2);\n');
    const error = await refusal();
    expect(error).to.be.instanceOf(StartError);
    expect((error as StartError).message).to.match(/0002_second\.sql, line 3 failed: relation "b" does not exist/);
    expect((await db.query('select n from a')).rows).to.deep.equal([]);
    expect(await pendingMigrations(db, directory)).to.deep.equal(['0002_second.sql']);
  });

  it('refuses a database that newer code has migrated', async () => {
    await write('0001_first.sql', 'create table a (n int);');
    await write('0002_second.sql', 'create table b (n int);');
    await run();
    await rm(join(directory, '0002_second.sql'));
    const error = await refusal();
    expect(error).to.be.instanceOf(StartError);
    expect((error as StartError).message).to.match(/newer Millrace: it has migration 2 \(second\), this code knows 1/);
    expect(await isMigrated(db, directory), 'an old node beside new ones is ready').to.equal(true);
  });

  it('refuses a file that was edited after it was applied, but not one with other line ends', async () => {
    await write('0001_first.sql', 'create table a (\n n int);\n');
    await run();
    await write('0001_first.sql', 'create table a (\r\n n int);\r\n');
    await run();
    await write('0001_first.sql', 'create table a (\n n bigint);\n');
    const error = await refusal();
    expect(error).to.be.instanceOf(StartError);
    expect((error as StartError).message).to.match(/0001_first\.sql is not what was applied/);
  });

  it('refuses numbers with a gap or twice the same', async () => {
    await write('0001_first.sql', 'select 1;');
    await write('0001_other.sql', 'select 1;');
    expect(String(await refusal())).to.match(/0001_other\.sql is out of the row: expected 0002_name\.sql/);
    await rm(join(directory, '0001_other.sql'));
    await write('0003_third.sql', 'select 1;');
    expect(String(await refusal())).to.match(/0003_third\.sql is out of the row: expected 0002_name\.sql/);
  });

  it('works for a user whose transactions are read-only by default', async () => {
    await write('0001_first.sql', 'create table a (n int);');
    await migrate({ connectionString: database.url, options: '-c default_transaction_read_only=on' }, directory);
    expect(await isMigrated(db, directory)).to.equal(true);
  });

  it('says where the database is when it cannot be reached, without its password', async () => {
    const error = await migrate({ connectionString: 'postgresql://me:geheim@127.0.0.1:1/there' }, directory).catch(
      (cause: unknown) => cause,
    );
    expect(error).to.be.instanceOf(StartError);
    expect((error as StartError).message).to.match(/"there" at 127\.0\.0\.1:1 cannot be reached: .*ECONNREFUSED/);
    expect((error as StartError).message).not.to.contain('geheim');
  });

  it('brings an empty database to the state of the code', async () => {
    await migrate({ connectionString: database.url });
    expect(await pendingMigrations(db)).to.deep.equal([]);
  });

  it('takes private entries out of the term index’s lists of the others', async () => {
    const until = async (last: number): Promise<void> => {
      const files = (await readdir(MIGRATIONS)).filter((file) => Number(file.slice(0, 4)) <= last);
      for (const file of files) await cp(join(MIGRATIONS, file), join(directory, file));
      await run();
    };
    await until(6);
    await db.query(`
      insert into entries (partition_id, feed_id, position, kind, octets, atom_key, atom_id, terms, xml)
      select 0, 1, n, 0, 1, gen_random_uuid(), n::text,
             case when n in (2, 5) then '{tid:a,cloudfeeds:private}' else '{tid:a}' end::text[], '<entry/>'
        from generate_series(1, 6) n`);
    await db.query(`
      insert into entry_terms (partition_id, feed_id, term, last_position, earlier)
      values (0, 1, 'tid:a', 3, '{1,2}'), (0, 1, 'tid:a', 4, null), (0, 1, 'tid:a', 6, '{5}'),
             (0, 1, 'cloudfeeds:private', 5, '{2}'), (0, 2, 'tid:a', 9, '{8}')`);
    await until(7);
    const { rows } = await db.query({
      rowMode: 'array',
      text: `select feed_id, replace(term, E'\\x01', '!'), last_position::int, earlier::int[] from entry_terms order by 1, 2, 3`,
    });
    expect(rows).to.deep.equal([
      [1, '!!cloudfeeds:private', 2, null],
      [1, '!!cloudfeeds:private', 5, null],
      [1, '!!tid:a', 2, null],
      [1, '!!tid:a', 5, null],
      [1, 'tid:a', 1, null],
      [1, 'tid:a', 3, null],
      [1, 'tid:a', 4, null],
      [1, 'tid:a', 6, null],
      [2, 'tid:a', 9, [8]],
    ]);
  });
});
