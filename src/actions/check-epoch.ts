import type { Pool } from 'pg';
import type { Instant } from '../core/entry.js';
import { beginEpoch, lockClock, newestTick, recordedAt, setIdentity } from '../store/epochs.js';
import { inTransaction } from '../store/transaction.js';
import type { Logger } from '../telemetry/logger.js';

/** The newest tick that this node has seen. */
export interface SeenTick {
  readonly tick: bigint;
  readonly recordedAt: Instant;
}

/**
 * Begins a new epoch when the log may have gone back: when the database is another one than last time (restored from a
 * dump, recovered to a point in time, failed over, copied), or when it no longer holds a tick that this node has seen
 * (a snapshot of the files put back). Called at the start and each time that the connection to the database comes back,
 * before anything is answered from memory. Resolves with whether a new epoch began.
 */
export async function checkEpoch(
  deps: { pool: Pool; logger: Logger },
  partition: number,
  seen: SeenTick | undefined,
): Promise<boolean> {
  return inTransaction(deps.pool, async (tx) => {
    const { identity, present } = await lockClock(tx, partition);
    const newest = await newestTick(tx, partition);
    if (seen !== undefined) {
      const found = await recordedAt(tx, partition, seen.tick);
      if (found !== seen.recordedAt) {
        // When the tick is there with another time, somebody has written since: how much is in common is not known.
        const common = found === undefined && newest < seen.tick ? newest : 0n;
        deps.logger.error({ partition, seen: seen.tick, newest }, 'the log has gone back: a new epoch begins');
        await beginEpoch(tx, partition, common, present);
        return true;
      }
    }
    if (identity === present) return false;
    if (identity === '') {
      await setIdentity(tx, partition, present);
      return false;
    }
    deps.logger.warn(
      { partition, was: identity, is: present, newest },
      'this is another database than before: a new epoch begins',
    );
    await beginEpoch(tx, partition, newest, present);
    return true;
  });
}
