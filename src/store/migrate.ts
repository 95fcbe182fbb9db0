import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { StartError } from '../core/start-error.js';

/** The migrations that came with this code. */
const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url));

/** The oldest Postgres that we run on, as `server_version_num`. */
const OLDEST_POSTGRES = 150_000;
/** Any number, as long as nobody else locks it in this database: "mill" in ASCII. */
const LOCK = 0x6d696c6c;
const FILE_NAME = /^(\d{4})_([a-z0-9_-]+)\.sql$/;

interface Migration {
  readonly version: number;
  /** Without number and suffix: `log` of `0002_log.sql`. */
  readonly name: string;
  readonly file: string;
  readonly sql: string;
  /** SHA-256 of the text, in hexadecimal; with line ends as git keeps them, whatever a checkout made of them. */
  readonly checksum: string;
}

interface Applied {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

/** What asking a question needs: a pool or a client. */
type Asker = Pick<pg.ClientBase, 'query'>;

/**
 * Applies what the database lacks of `directory`'s `NNNN_name.sql`, in order, each in a transaction of its own. Nodes
 * that start together wait for each other.
 * @returns the names of the files that were applied
 * @throws StartError when the database cannot be reached or used, was migrated by newer code, or a migration fails
 */
export async function migrate(connection: pg.ClientConfig, directory: string = MIGRATIONS): Promise<string[]> {
  const migrations = await readMigrations(directory);
  const client = new pg.Client({ connectionTimeoutMillis: 10_000, ...connection });
  // A connection that dies also fails the query that was waiting; without a listener it would end the process.
  client.on('error', () => undefined);
  await connect(client, connection);
  try {
    await checkServer(client);
    // One transaction each, with a lock that ends with it: nothing is left behind when a node dies, and poolers do no harm.
    const files: string[] = [];
    for (
      let next = await applyNext(client, migrations);
      next !== undefined;
      next = await applyNext(client, migrations)
    ) {
      files.push(next.file);
    }
    return files;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Files of `directory` that the database has not seen, in order. */
export async function pendingMigrations(db: Asker, directory: string = MIGRATIONS): Promise<string[]> {
  const [migrations, applied] = [await readMigrations(directory), await readApplied(db)];
  const versions = new Set(applied.map(({ version }) => version));
  return migrations.filter(({ version }) => !versions.has(version)).map(({ file }) => file);
}

/** Whether the database has everything that this code needs; it may have more. */
export async function isMigrated(db: Asker, directory: string = MIGRATIONS): Promise<boolean> {
  return (await pendingMigrations(db, directory)).length === 0;
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const files = (await readdir(directory)).filter((file) => file.endsWith('.sql')).sort();
  return Promise.all(
    files.map(async (file, index) => {
      const [, number, name] = FILE_NAME.exec(file) ?? [];
      if (number === undefined || name === undefined || Number(number) !== index + 1) {
        const expected = String(index + 1).padStart(4, '0');
        throw new StartError(`${join(directory, file)} is out of the row: expected ${expected}_name.sql`);
      }
      const sql = (await readFile(join(directory, file), 'utf8')).replaceAll('\r\n', '\n');
      return { version: index + 1, name, file, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function connect(client: pg.Client, connection: pg.ClientConfig): Promise<void> {
  try {
    await client.connect();
  } catch (cause) {
    // Never the URL: it may hold a password.
    const where = client.host.startsWith('/') ? client.host : `${client.host}:${String(client.port)}`;
    const { message, code } = cause as { message: string; code?: string };
    throw new StartError(
      `the database "${client.database ?? ''}" at ${where} cannot be reached: ${message === '' ? (code ?? 'no connection') : message}`,
      {
        hint:
          connection.connectionString === undefined
            ? 'Check that Postgres runs there.'
            : 'Check DATABASE_URL, and that Postgres runs there and lets this user in.',
        cause,
      },
    );
  }
}

async function checkServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: string; number: number; encoding: string }>(`
    select current_setting('server_version') as version,
           current_setting('server_version_num')::int as number,
           current_setting('server_encoding') as encoding`);
  const [server] = rows;
  if (server === undefined) return;
  if (server.number < OLDEST_POSTGRES) {
    throw new StartError(`the database is Postgres ${server.version}; Millrace needs 15 or newer`);
  }
  if (server.encoding !== 'UTF8') {
    throw new StartError(`the database's encoding is ${server.encoding}; Millrace needs UTF8`, {
      hint: "Make one with: create database millrace encoding 'UTF8' template template0",
    });
  }
}

/** @returns what was applied; undefined when there was nothing left to apply. */
async function applyNext(client: pg.Client, migrations: readonly Migration[]): Promise<Migration | undefined> {
  // The pool's role may be read-only by default.
  await client.query('begin read write');
  try {
    await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
    const applied = await readApplied(client);
    const next = firstToApply(applied, migrations);
    if (next !== undefined) await apply(client, next);
    await client.query('commit');
    return next;
  } catch (cause) {
    await client.query('rollback').catch(() => undefined);
    throw cause;
  }
}

function firstToApply(applied: readonly Applied[], migrations: readonly Migration[]): Migration | undefined {
  for (const done of applied) {
    const known = migrations[done.version - 1];
    if (known === undefined) {
      throw new StartError(
        `the database was migrated by a newer Millrace: it has migration ${String(done.version)} (${done.name}), this code knows ${String(migrations.length)}`,
        { hint: 'Start the newer Millrace. There is no way back but a backup from before.' },
      );
    }
    if (known.checksum !== done.checksum) {
      throw new StartError(
        `${known.file} is not what was applied to this database as migration ${String(done.version)} (${done.name})`,
        {
          hint: 'Migrations are never edited: put the file back as it was, and make the change in a new one.',
        },
      );
    }
  }
  return migrations[applied.length];
}

async function readApplied(db: Asker): Promise<Applied[]> {
  const { rows: found } = await db.query<{ exists: boolean }>(`select to_regclass('migrations') is not null as exists`);
  if (found[0]?.exists !== true) return [];
  const { rows } = await db.query<Applied>(`
    select version, name, checksum
      from migrations
     order by version`);
  return rows;
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  if (migration.version === 1) {
    await client.query(`
      create table if not exists migrations (
        version int primary key,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default now()
      )`);
  }
  try {
    await client.query(migration.sql);
  } catch (cause) {
    const { message, position } = cause as { message: string; position?: string };
    const line = position === undefined ? '' : `, line ${String(lineAt(migration.sql, Number(position)))}`;
    throw new StartError(`migration ${migration.file}${line} failed: ${message}`, {
      hint: 'Nothing of it was applied.',
      cause,
    });
  }
  await client.query('insert into migrations (version, name, checksum) values ($1, $2, $3)', [
    migration.version,
    migration.name,
    migration.checksum,
  ]);
}

/** `position` counts characters from 1 (Postgres' field P). */
function lineAt(sql: string, position: number): number {
  return Array.from(sql)
    .slice(0, position - 1)
    .reduce((line, character) => (character === '\n' ? line + 1 : line), 1);
}
