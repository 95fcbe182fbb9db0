import { expect } from 'chai';
import type { Pool } from 'pg';
import { openPool } from '../../src/store/db.js';
import { inTransaction } from '../../src/store/transaction.js';
import { createDatabase } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';

describe('a transaction', () => {
  let database: TestDatabase;
  let pool: Pool;

  before(async () => {
    database = await createDatabase();
    pool = openPool({ connectionString: database.url }, { size: 2 });
  });

  after(async () => {
    await pool.end();
    await database.drop();
  });

  async function workspaces(): Promise<string[]> {
    const { rows } = await pool.query<{ name: string }>('select name from workspaces order by name');
    return rows.map(({ name }) => name);
  }

  it('is kept when its work resolves, and leaves nothing when it rejects', async () => {
    await inTransaction(pool, (tx) => tx.query({ name: '', text: "insert into workspaces values ('kept')" }));
    const failed = inTransaction(pool, async (tx) => {
      await tx.query({ name: '', text: "insert into workspaces values ('dropped')" });
      throw new Error('on purpose');
    });
    expect(await failed.catch((error: unknown) => (error as Error).message)).to.equal('on purpose');
    expect(await workspaces()).to.deep.equal(['kept']);
  });

  it('rejects, and nothing else, when its connection is killed between two of its queries', async () => {
    const killed = inTransaction(pool, async (tx) => {
      const { rows } = await tx.query<[number]>({ name: '', text: 'select pg_backend_pid()' });
      await pool.query('select pg_terminate_backend($1)', [rows[0]?.[0]]);
      await new Promise((resolve) => setTimeout(resolve, 100));
      await tx.query({ name: '', text: "insert into workspaces values ('lost')" });
    });
    expect(await killed.catch((error: unknown) => error)).to.be.an('error');
    expect(await workspaces()).not.to.include('lost');
  });

  it('is the only way to write: outside of it Postgres refuses', async () => {
    const write = pool.query("insert into workspaces values ('sneaked in')");
    expect(await write.catch((error: unknown) => (error as Error).message)).to.include('read-only transaction');
  });
});
