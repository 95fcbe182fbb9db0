import type { Pool } from 'pg';
import { addSpent, deleteFull } from '../store/rates.js';
import type { Spent } from '../store/rates.js';
import { inTransaction } from '../store/transaction.js';

/** Adds what this node counted to what all have; resolves with the milliseconds in which each bucket is full again, by key. */
export function settleRates(pool: Pool, spent: readonly Spent[]): Promise<Map<string, number>> {
  return inTransaction(pool, (tx) => addSpent(tx, spent));
}

/** Deletes what no longer says anything. */
export function forgetFullRates(pool: Pool): Promise<void> {
  return inTransaction(pool, deleteFull);
}
