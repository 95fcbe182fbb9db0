import type { Pool } from 'pg';
import { FeedsError } from '../core/errors.js';
import { inRows, isUnavailable, sqlState } from './db.js';
import type { Query, Tx } from './db.js';

/** The only maker of a `Tx` besides the log's writer: commits when `work` resolves, rolls back when it rejects. */
export async function inTransaction<T>(pool: Pool, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin isolation level read committed read write');
    const tx = {
      query: <Row extends unknown[]>(query: Query) => client.query<Row>(inRows(query)),
    } as unknown as Tx;
    const result = await work(tx);
    await client.query('commit');
    return result;
  } catch (error) {
    // Who did not answer just now would not answer this either, and keep the connection for as long again: it is given up.
    const isAway = error instanceof Error && !(error instanceof FeedsError) && sqlState(error) === undefined;
    if (isAway && isUnavailable(error)) broken = error;
    else {
      await client.query('rollback').catch((failure: unknown) => {
        broken = failure instanceof Error ? failure : new Error(String(failure));
      });
    }
    throw error;
  } finally {
    client.release(broken);
  }
}
