import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { StartError } from '../core/start-error.js';
import { migrate } from './migrate.js';

export interface CopiedTable {
  readonly table: string;
  readonly rows: number;
}

interface Table {
  readonly name: string;
  readonly columns: readonly string[];
}

/** Any number that only this uses: "move" in ASCII. */
const LOCK = 0x6d6f7665;
const LOCK_TRIES = 5;
/** Its rows come from migrating the target, not from the source. */
const MIGRATIONS_TABLE = 'migrations';
/** `rates` holds what was used in the last minute. */
const LEFT_BEHIND = [MIGRATIONS_TABLE, 'rates'];
/**
 * In this order writers take their first locks, so that waiting for one of them cannot close a circle: a change of
 * feeds goes from `feeds` to `heads`, a batch from `heads` to `clocks`, a change of grants from `workspaces` and `users` to `grants`, retention from
 * `feed_usage` to what it deletes, a push from `exports` to what it stored. All other tables come later.
 */
const LOCKED_FIRST = ['workspaces', 'users', 'grants', 'feeds', 'heads', 'clocks', 'feed_usage', 'exports'];
/** Whatever is changed, what the audit feed will tell of it is written last. */
const LOCKED_LAST = 'audit_outbox';

/**
 * Copies everything of the Millrace in `source` to the empty database `target`, all or nothing. Both are migrated first.
 * Nothing can be written to the source meanwhile; its readers are not disturbed.
 * @param copied told after each table
 * @throws StartError
 */
export async function copyDatabase(
  source: pg.ClientConfig,
  target: pg.ClientConfig,
  copied: (table: CopiedTable) => void = () => undefined,
): Promise<CopiedTable[]> {
  await migrate(source);
  await refuseStrangers(target);
  await migrate(target);
  // One connection locks: a snapshot taken by the transaction that waits for locks would be older than what it waited for.
  return withClients([source, source, target], async ([guard, reader, writer]) => {
    await refuseSameDatabase(guard, writer);
    await guard.query('begin');
    await lockAll(guard);
    await reader.query('begin isolation level repeatable read read only');
    await writer.query('begin read write');
    await refuseFeeds(writer);
    const tables = await agreedTables(reader, writer);
    await writer.query(`truncate ${tables.map(({ name }) => pg.escapeIdentifier(name)).join(', ')}`);
    const report: CopiedTable[] = [];
    for (const table of tables) {
      const rows = await copyTable(reader, writer, table);
      report.push({ table: table.name, rows });
      copied({ table: table.name, rows });
    }
    await copySequences(reader, writer);
    await writer.query('commit');
    await writer.query('analyze');
    return report;
  });
}

type Three = readonly [pg.Client, pg.Client, pg.Client];

async function withClients<T>(
  configs: readonly [pg.ClientConfig, pg.ClientConfig, pg.ClientConfig],
  work: (clients: Three) => Promise<T>,
): Promise<T> {
  const open = (config: pg.ClientConfig): pg.Client => {
    const client = new pg.Client({ connectionTimeoutMillis: 10_000, keepAlive: true, ...config });
    // The query that was waiting fails too; without a listener the process would end here.
    client.on('error', () => undefined);
    return client;
  };
  const clients: Three = [open(configs[0]), open(configs[1]), open(configs[2])];
  try {
    for (const client of clients) {
      await client.connect();
      await client.query(
        'set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0',
      );
    }
    return await work(clients);
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
  }
}

/** A target may be empty, or migrated and never used; not somebody else's. */
async function refuseStrangers(target: pg.ClientConfig): Promise<void> {
  const client = new pg.Client({ connectionTimeoutMillis: 10_000, ...target });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const tables = (await readTables(client)).map(({ name }) => name);
    const { rows } = await client.query<{ exists: boolean }>(
      `select to_regclass('${MIGRATIONS_TABLE}') is not null as exists`,
    );
    if (rows[0]?.exists !== true && tables.length > 0) {
      throw new StartError(`the target is not empty: it has the table ${tables.slice(0, 3).join(', ')}`, {
        hint: 'Name a new database. Nothing was touched.',
      });
    }
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    const where = client.host.startsWith('/') ? client.host : `${client.host}:${String(client.port)}`;
    throw new StartError(
      `the target "${client.database ?? ''}" at ${where} cannot be reached: ${(cause as Error).message}`,
      { hint: 'Check the URL behind --to, and that Postgres runs there and lets this user in.', cause },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function refuseSameDatabase(source: pg.Client, target: pg.Client): Promise<void> {
  await source.query('select pg_advisory_lock($1)', [LOCK]);
  const { rows } = await target.query<{ free: boolean }>('select pg_try_advisory_lock($1) as free', [LOCK]);
  if (rows[0]?.free !== true) {
    throw new StartError('source and target are the same database, or another copy to this target is under way', {
      hint: 'Name a new database.',
    });
  }
}

/** EXCLUSIVE lets readers read. A circle that closes all the same is cut by Postgres, and tried again. */
async function lockAll(guard: pg.Client): Promise<void> {
  const names = (await readTables(guard)).map(({ name }) => name);
  const sorted = [
    ...LOCKED_FIRST.filter((name) => names.includes(name)),
    ...names.filter((name) => !LOCKED_FIRST.includes(name) && name !== LOCKED_LAST),
    ...names.filter((name) => name === LOCKED_LAST),
  ];
  const statement = `lock table ${sorted.map((name) => pg.escapeIdentifier(name)).join(', ')} in exclusive mode`;
  for (let attempt = 1; ; attempt++) {
    try {
      await guard.query(statement);
      return;
    } catch (error) {
      const isDeadlock = error instanceof pg.DatabaseError && error.code === '40P01';
      if (!isDeadlock || attempt === LOCK_TRIES) throw error;
      await guard.query('rollback');
      await guard.query('begin');
    }
  }
}

async function refuseFeeds(target: pg.Client): Promise<void> {
  const { rows } = await target.query<{ workspace: string; name: string }>('select workspace, name from feeds limit 1');
  const [feed] = rows;
  if (feed !== undefined) {
    throw new StartError(`the target already has feeds, ${feed.workspace}/${feed.name} for one`, {
      hint: 'Copying goes to a database that has never been used. Nothing was touched.',
    });
  }
}

/** All tables of the schema that are copied, those that others refer to first. */
async function agreedTables(source: pg.Client, target: pg.Client): Promise<Table[]> {
  const [tables, theirs] = [await readTables(source), await readTables(target)];
  const print = (all: readonly Table[]): string =>
    all
      .map(({ name, columns }) => `${name} (${[...columns].sort().join(', ')})`)
      .sort()
      .join('\n');
  if (print(tables) !== print(theirs)) {
    throw new StartError(
      `source and target do not have the same tables:\n${print(tables)}\n\nand\n\n${print(theirs)}`,
      {
        hint: 'Both were migrated by this Millrace, so something else has been changed by hand.',
      },
    );
  }
  return tables;
}

async function readTables(client: pg.Client): Promise<Table[]> {
  const { rows } = await client.query<Table>(
    `
    select t.table_name::text as name,
           array_agg(c.column_name::text order by c.ordinal_position) filter (where c.is_generated = 'NEVER') as columns
      from information_schema.tables t
      join information_schema.columns c using (table_schema, table_name)
     where t.table_schema = current_schema()
       and t.table_type = 'BASE TABLE'
       and t.table_name <> all($1)
     group by t.table_name
     order by t.table_name`,
    [LEFT_BEHIND],
  );
  return rows;
}

async function copyTable(source: pg.Client, target: pg.Client, table: Table): Promise<number> {
  const name = pg.escapeIdentifier(table.name);
  const columns = table.columns.map((column) => pg.escapeIdentifier(column)).join(', ');
  const out = source.query(copyTo(`copy (select ${columns} from ${name}) to stdout`));
  await pipeline(out, target.query(copyFrom(`copy ${name} (${columns}) from stdin`)));
  const { rows } = await target.query<{ count: string }>(`select count(*)::text as count from ${name}`);
  const [sent, found] = [out.rowCount, Number(rows[0]?.count)];
  if (sent !== found) throw new Error(`table ${table.name}: ${String(sent)} rows sent, ${String(found)} rows there`);
  return found;
}

/** Also those behind identity columns, so that the next feed gets the next number. */
async function copySequences(source: pg.Client, target: pg.Client): Promise<void> {
  const { rows: sequences } = await source.query<{ name: string }>(`
    select sequencename::text as name
      from pg_sequences
     where schemaname = current_schema()`);
  for (const { name } of sequences) {
    const { rows } = await source.query<{ last: string; called: boolean }>(
      `select last_value::text as last, is_called as called from ${pg.escapeIdentifier(name)}`,
    );
    const [state] = rows;
    if (state === undefined) continue;
    await target.query('select setval($1::regclass, $2::bigint, $3)', [
      pg.escapeIdentifier(name),
      state.last,
      state.called,
    ]);
  }
}
