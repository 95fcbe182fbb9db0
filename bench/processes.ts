import { fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { ARCHIVE_PAGE_SIZE } from '../src/core/page.js';
import { insertFeed, putWorkspace } from '../src/store/feeds.js';
import { migrate } from '../src/store/migrate.js';
import { inTransaction } from '../src/store/transaction.js';
import type { HttpJob, Job, Outcome } from './jobs.js';

export const TOKEN = randomBytes(16).toString('hex');
const WORKSPACE = 'bench';
const START_MS = 20_000;

/** Makes a database in the Postgres of the bench, with these settings for whoever connects to it. */
export async function createDatabase(
  postgres: string,
  name: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<string> {
  await execute(postgres, `create database ${name} encoding 'UTF8' locale 'C' template template0`);
  for (const [setting, value] of Object.entries(settings))
    await execute(postgres, `alter database ${name} set ${setting} = '${value}'`);
  return postgres.replace(/^(\w+:\/\/[^/]*\/)[^?]*/, `$1${name}`);
}

export async function execute(connectionString: string, ...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

export async function query<Row extends pg.QueryResultRow>(connectionString: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Migrates the database and makes public feeds in it; gives their paths. */
export async function createFeeds(connectionString: string, names: readonly string[]): Promise<string[]> {
  await migrate({ connectionString });
  const pool = new pg.Pool({ connectionString, max: 1 });
  try {
    await inTransaction(pool, async (tx) => {
      await putWorkspace(tx, { name: WORKSPACE });
      for (const name of names) {
        const atomId = `urn:uuid:${randomUUID()}`;
        const chosen = { public: true };
        await insertFeed(tx, { partition: 0, workspace: WORKSPACE, name, atomId, chosen, pageSize: ARCHIVE_PAGE_SIZE });
      }
    });
  } finally {
    await pool.end();
  }
  return names.map((name) => `/feeds/${WORKSPACE}/${name}`);
}

export interface ServerUnderTest {
  readonly url: string;
  readonly pid: number;
  /** Entries that it has answered 201 for; whoever publishes adds to it. */
  published: number;
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** The built dist/cli/main.js. */
  readonly main: string;
  readonly databaseUrl: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Where its log goes; else it is thrown away, after having been written. */
  readonly log?: string | undefined;
  /** Writes a CPU profile into this directory when it ends. */
  readonly profileTo?: string | undefined;
}

/** The server under test: the built one, a process of its own, at its default log level. */
export async function startServer(options: ServerOptions): Promise<ServerUnderTest> {
  const port = await freePort();
  const url = `http://127.0.0.1:${String(port)}`;
  const profiling = options.profileTo === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', options.profileTo];
  const env = { ...process.env, DATABASE_URL: options.databaseUrl, ADMIN_TOKEN: TOKEN, PORT: String(port) };
  const child = spawn(process.execPath, [...profiling, options.main, 'serve'], {
    env: { ...env, LOG_LEVEL: 'info', ...options.env },
    stdio: ['ignore', options.log === undefined ? 'ignore' : openSync(options.log, 'a'), 'inherit'],
  });
  const end = Date.now() + START_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended with code ${String(child.exitCode)}`);
    if (await answers(url)) break;
    if (Date.now() > end) throw new Error('the server does not answer');
    await sleep(20);
  }
  return {
    url,
    pid: child.pid ?? 0,
    published: 0,
    stop: () => stop(child),
  };
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill();
  await ended;
}

export interface Load {
  run(job: Job): Promise<Outcome>;
  stop(): Promise<void>;
}

/** A process that makes load. */
export function startLoad(): Load {
  const child = fork(fileURLToPath(new URL('./load.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] });
  return {
    async run(job) {
      const answered = once(child, 'message');
      child.send(job);
      const [message] = (await answered) as [{ outcome: Outcome } | { error: string }];
      if ('error' in message) throw new Error(`the load failed: ${message.error}`);
      return message.outcome;
    },
    stop: () => stop(child),
  };
}

/** Publishes, and counts what was answered 201. */
export async function publish(load: Load, server: ServerUnderTest, job: Omit<HttpJob, 'kind' | 'url' | 'expect'>) {
  const outcome = await load.run({ ...job, kind: 'http', url: server.url, expect: 201 });
  server.published += outcome.answers;
  return outcome;
}

export interface PlainServer {
  readonly url: string;
  readonly pid: number;
  /** Who sends this as If-None-Match gets 304. */
  readonly tag: string;
  stop(): Promise<void>;
}

/** Bare node:http that answers every GET with this body. */
export async function startPlainServer(body: string): Promise<PlainServer> {
  const child = fork(fileURLToPath(new URL('./plain-server.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] });
  const listening = once(child, 'message');
  child.send(body);
  const [{ url, tag }] = (await listening) as [{ url: string; tag: string }];
  return { url, tag, pid: child.pid ?? 0, stop: () => stop(child) };
}
