import type { Pool } from 'pg';
import { noteUse } from '../store/tokens.js';
import { inTransaction } from '../store/transaction.js';

/** Keeps the time of its use, to the minute. */
export function noteTokenUse(pool: Pool, id: string): Promise<void> {
  return inTransaction(pool, (tx) => noteUse(tx, id));
}
