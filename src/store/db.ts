import pg from 'pg';
import type { Instant, Position } from '../core/entry.js';
import type { Utf8Room } from '../core/utf8.js';
import { copyOut } from './bulk-read.js';

/** May read. Every query is prepared once a connection, under its name. */
export interface Db {
  query<Row extends unknown[]>(query: Query): Promise<{ rows: Row[] }>;
}

/** Where many rows can be had at once, too. */
export interface CopyDb extends Db {
  /** Reads what a query gives into the room, by COPY in its binary format (PostgreSQL, COPY). It is planned each time, and has no parameters. */
  copy(text: string, into: Utf8Room): Promise<void>;
}

declare const writes: unique symbol;
/** May write, until its transaction ends. Made by `inTransaction` and by the log's writer only. */
export interface Tx extends Db {
  readonly [writes]: true;
}

/** Rows come back as arrays, in the order of the columns. */
export interface Query {
  readonly name: string;
  readonly text: string;
  readonly values?: unknown[];
}

export type ConnectionConfig = pg.ClientConfig;

/** Types of Postgres, from its pg_type.dat. */
const INT8 = 20;
const TIMESTAMPTZ = 1184;

const usualParser = pg.types.getTypeParser as (oid: number, format?: 'text' | 'binary') => unknown;

/** bigint stays bigint; a timestamptz becomes the RFC 3339 text that it nearly is already (the session is in UTC). */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === INT8) return (text: string): Position => BigInt(text);
    if (oid === TIMESTAMPTZ) return toInstant;
    return usualParser(oid, format);
  }) as typeof pg.types.getTypeParser,
};

/** `2026-11-21 09:08:07.123456+00` → `2026-11-21T09:08:07.123456Z`; the session is in UTC. */
export function toInstant(text: string): Instant {
  return `${text.slice(0, 10)}T${text.slice(11, -3)}Z`;
}

const SESSION = {
  types,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
  connectionTimeoutMillis: 3_000,
  application_name: 'millrace',
};

/**
 * Each statement is planned once for a connection, maybe while the tables are still empty: then anything looks cheap. Every
 * query of the log has an index that gives its rows in order, so the ways that read a whole table are off.
 */
const PLANNING =
  '-c timezone=UTC -c jit=off -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_bitmapscan=off';

/** Readers: read-only unless a transaction says otherwise, so that a write outside an action is refused by Postgres too. */
export function openPool(config: ConnectionConfig, options: { size: number }): pg.Pool {
  const pool = new pg.Pool({
    ...config,
    ...SESSION,
    max: options.size,
    idleTimeoutMillis: 30_000,
    // A publisher or reader is answered within some ten seconds, whatever the database does.
    statement_timeout: 8_000,
    query_timeout: 9_000,
    options: `-c default_transaction_read_only=on ${PLANNING}`,
  });
  // A connection that breaks is replaced by the pool, and whoever used it hears of it at its next query; without these
  // listeners, for idle ones and for those lent out, it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** As pg takes it. Written out: to add a member to a copy that was made by `...` takes V8 forty times as long, and this is done for each page. */
export function inRows({ name, text, values = [] }: Query): pg.QueryArrayConfig & { name: string } {
  return { name, text, values, rowMode: 'array' };
}

/** The pool, or one connection, as a `Db`. */
export function reader(from: pg.Pool): CopyDb;
export function reader(from: pg.Client): Db;
export function reader(from: pg.Pool | pg.Client): CopyDb {
  const source = from as pg.Pool;
  return {
    query: <Row extends unknown[]>(query: Query) => source.query<Row>(inRows(query)),
    copy: (text, into) => copyOut(source, text, into),
  };
}

/**
 * A connection of its own that sends queries without waiting for the answers of those before. Used by the log's writer:
 * a node that hangs in mid-batch is thrown out by Postgres after two seconds, and waits for no lock longer than one.
 */
export function openWriter(config: ConnectionConfig): pg.Client {
  return new pg.Client({
    ...config,
    ...SESSION,
    pipeline: true,
    idle_in_transaction_session_timeout: 2_000,
    lock_timeout: 1_000,
    statement_timeout: 5_000,
    // A batch relies on each statement having a snapshot of its own (docs/adr/0002).
    options: `-c default_transaction_isolation=read\\ committed -c default_transaction_read_only=off ${PLANNING}`,
  });
}

/** A connection for LISTEN and NOTIFY: it must be direct, not through a transaction pooler. */
export function openListener(config: ConnectionConfig): pg.Client {
  return new pg.Client({
    ...config,
    ...SESSION,
    statement_timeout: 2_000,
    query_timeout: 3_000,
    // To notify is to commit; nobody is to wait for the disk for that, and least of all the batches behind it.
    options: '-c default_transaction_read_only=on -c timezone=UTC -c synchronous_commit=off',
  });
}

/** Ends a connection at once: whatever waits on it is told so. */
export function destroy(client: pg.Client): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

const END_MS = 1_000;

/** Ends a connection, politely when the other side still listens. */
export async function endSoon(client: pg.Client): Promise<void> {
  const late = setTimeout(() => {
    destroy(client);
  }, END_MS);
  await client.end().catch(() => undefined);
  clearTimeout(late);
}

/** What Postgres calls the error, or undefined when it did not come from Postgres. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** As `take_tick` raises it. */
export const CLOCKS_DIFFER = 'MR001';

/**
 * The database is away, shutting down, out of room, too slow, or being put back from a backup (no such database, role or
 * table for a while): not a bug of ours, and it may come back.
 */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) {
    // 55000: the database lets nobody in for now.
    return /^(08|28|3D|53|57|58)/.test(state) || ['25P03', '42P01', '55000'].includes(state);
  }
  if (!(error instanceof Error)) return false;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return (
    /^(ECONN|EPIPE|ENOENT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ERR_STREAM)/.test(code) ||
    /connection|timeout|not queryable|pool after calling end/i.test(error.message)
  );
}
