import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { processStart } from '../../src/store/data-directory.js';
import { type EmbeddedPostgres, startEmbedded } from '../../src/store/embedded.js';
import { migrate } from '../../src/store/migrate.js';

export interface TestDatabase {
  /** For `pg`, and for DATABASE_URL of a server under test. */
  readonly url: string;
  /** Also ends connections that are still open. */
  drop(): Promise<void>;
}

/** What mocha's processes inherit from the one that has started it. */
const SERVER = 'TEST_DATABASE_URL';
const TEMPLATE = 'TEST_TEMPLATE';

let made = 0;

/** A database of its own for a test file, with all migrations applied (or `empty`, with none). */
export async function createDatabase(kind: 'migrated' | 'empty' = 'migrated'): Promise<TestDatabase> {
  const { [SERVER]: url, [TEMPLATE]: template } = process.env;
  if (url === undefined || template === undefined) throw new Error('startTestServer was not called');
  const name = `${template}_${String(process.pid)}_${String(++made)}`;
  const from = kind === 'migrated' ? template : 'template0';
  // Copying files takes 50 ms, five times less than copying through the log.
  await command(url, `create database ${name} template ${from} strategy file_copy`);
  return {
    url: withDatabase(url, name),
    drop: () => command(url, `drop database if exists ${name} with (force)`),
  };
}

/**
 * Before the first test: the Postgres in which databases are made, an embedded one or the one that TEST_DATABASE_URL
 * names, with a database that has all migrations. What is returned ends it, after the last test.
 */
export async function startTestServer(): Promise<() => Promise<void>> {
  const given = process.env[SERVER] ?? '';
  const { url, stop } = given === '' ? await startOwn() : { url: given, stop: () => Promise.resolve() };
  const template = `millrace_test_${randomBytes(4).toString('hex')}`;
  await command(url, `create database ${template} encoding 'UTF8' locale 'C' template template0`);
  await migrate({ connectionString: withDatabase(url, template) });
  process.env[SERVER] = url;
  process.env[TEMPLATE] = template;
  return async () => {
    if (given !== '') await command(url, `drop database if exists ${template} with (force)`);
    await stop();
  };
}

/** Ends the embedded Postgres that a killed server left on this data directory, if there is one. */
export async function endLeftBehind(dataDir: string): Promise<void> {
  const text = await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'latin1').catch(() => '');
  const pid = Number.parseInt(text, 10);
  if (!(pid > 0) || pid === process.pid || processStart(pid) === undefined) return;
  process.kill(pid, 'SIGQUIT');
  while (processStart(pid) !== undefined) await sleep(10);
}

/** Without fsync: these tests ask what is in the database, not whether it survives the machine. */
async function startOwn(): Promise<{ url: string; stop: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-test-'));
  const settings = {
    fsync: 'off',
    full_page_writes: 'off',
    shared_buffers: '128MB',
    max_wal_size: '1GB',
    max_connections: '300',
  };
  let postgres: EmbeddedPostgres;
  try {
    postgres = await startEmbedded({ dataDir, settings });
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
  return {
    url: postgres.connectionString,
    async stop() {
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The same server, another database. */
export function withDatabase(url: string, name: string): string {
  const [, before, after] = /^(\w+:\/\/[^/]*\/)[^?]*(.*)$/s.exec(url) ?? [];
  if (before === undefined || after === undefined) throw new Error('expected postgresql://…/database');
  return `${before}${name}${after}`;
}

async function command(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
