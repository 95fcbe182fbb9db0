import type { Pool } from 'pg';
import { FeedsError } from '../core/errors.js';
import { CLOCKS_DIFFER, sqlState } from '../store/db.js';
import { takeEmptyTick } from '../store/export.js';

/**
 * Makes the clock of an idle log tick, so that it is certain that nothing will be recorded before now any more. Rejects with
 * `unavailable` when the clocks of this node and of the database differ too much to tell.
 */
export async function closeWindow(pool: Pool, partition: number): Promise<void> {
  try {
    await takeEmptyTick(pool, partition, new Date());
  } catch (error) {
    if (sqlState(error) !== CLOCKS_DIFFER) throw error;
    const message = 'the clocks of this node and of its database differ too much to tell that the window is over';
    throw new FeedsError('unavailable', message, { retryAfterSeconds: 30, cause: error });
  }
}
