import type { Pool } from 'pg';
import { takeEmptyTick } from '../store/export.js';
import { inTransaction } from '../store/transaction.js';

/** Makes the clock of an idle log tick, so that it is certain that nothing will be recorded before now any more. */
export async function closeWindow(pool: Pool, partition: number): Promise<void> {
  await inTransaction(pool, (tx) => takeEmptyTick(tx, partition));
}
