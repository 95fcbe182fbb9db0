import type { Pool } from 'pg';
import type { WaitingRecord } from '../core/audit.js';
import { insertRecords } from '../store/audit-outbox.js';
import { inTransaction } from '../store/transaction.js';

/** Has refusals told in the audit feed. To record the same once more, after a failure, does no harm while it has not been published. */
export function recordRefusals(pool: Pool, refusals: readonly WaitingRecord[]): Promise<void> {
  return inTransaction(pool, (tx) => insertRecords(tx, refusals));
}
