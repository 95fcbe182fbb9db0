import pg from 'pg';
import { destroy } from './db.js';

/**
 * Somebody else's Postgres, which takes what is exported. It is not the log's database: transactions in it are opened by the files
 * `warehouse-…` beside this one.
 */
export interface Warehouse {
  /** Does the work with one connection, which is given up when that rejects: what was not committed is gone then. */
  withConnection<T>(work: (connection: WarehouseConnection) => Promise<T>): Promise<T>;
  /** Work under way rejects. */
  stop(): Promise<void>;
}

export type WarehouseConnection = pg.PoolClient;

/** One for batches, and one for what is replayed meanwhile. */
const CONNECTIONS = 2;
const CONNECT_MS = 10_000;
/** Of a statement, in the server. */
const STATEMENT_MS = 12_000;
/** Then nobody waits for it any more, whatever it does, and the connection is ended. */
const ANSWER_MS = STATEMENT_MS + 3_000;

/** @param url as libpq has it: TLS is by its `sslmode` */
export function openWarehouse(url: string, answerMs = ANSWER_MS): Warehouse {
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS,
    connectionTimeoutMillis: CONNECT_MS,
    idleTimeoutMillis: 30_000,
    query_timeout: answerMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'millrace',
  });
  const clients = new Set<pg.PoolClient>();
  let ended: Promise<void> | undefined;
  // Whoever uses a connection that breaks hears of it at the next query; without listeners it would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    clients.add(client);
    client.on('error', () => undefined);
  });
  pool.on('remove', (client) => clients.delete(client));

  return {
    async withConnection(work) {
      const client = await connect(pool);
      let failure: Error | undefined;
      try {
        return await work(client);
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
        throw error;
      } finally {
        client.release(failure);
      }
    },
    async stop() {
      ended ??= pool.end();
      for (const client of clients) destroy(client);
      await ended;
    },
  };
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (cause) {
    // Where a name has several addresses, the error of all of them has a code and no message.
    const { message, code = '' } = cause as NodeJS.ErrnoException;
    throw new Error(`the warehouse cannot be reached: ${message === '' ? code : message}`, { cause });
  }
}

/**
 * Begins a transaction in which nothing waits for long. It is said in the transaction, since a pooler between us and Postgres may take nothing
 * when a connection is opened. A constraint that waits for the commit would not tell which row it refuses.
 */
export const BEGIN = `
  begin isolation level read committed read write;
  set local statement_timeout = ${STATEMENT_MS};
  set local lock_timeout = 5000;
  set local idle_in_transaction_session_timeout = 10000;
  set local timezone = 'UTC';
  set constraints all immediate`;
