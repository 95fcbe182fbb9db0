import { SERVER } from '../core/access.js';
import { commonTick } from '../core/epoch.js';
import type { Epochs } from '../core/epoch.js';
import { TICKS_KEPT_HOURS } from '../core/retention.js';
import {
  beginEpoch,
  isSameDatabase,
  lockClock,
  newestTick,
  readEpochs,
  recordedAt,
  setIdentity,
} from '../store/epochs.js';
import type { SeenTick } from '../store/epochs.js';
import type { Tx } from '../store/db.js';
import type { Logger } from '../telemetry/logger.js';
import { administer } from './administer.js';
import type { AdministerDeps } from './administer.js';

/**
 * Begins a new epoch when the log may have gone back: when the database is another one than last time (restored from a
 * dump, recovered to a point in time, failed over, copied, or another copy of its files), or when it no longer holds the
 * newest tick that this node has seen (a snapshot of the files put back). Called at the start and each time that the
 * connection to the database comes back, before anything is answered from memory. `known` are the epochs that this node
 * has heard of. Resolves with the newest tick.
 */
export async function checkEpoch(
  deps: AdministerDeps & { readonly logger: Logger },
  partition: number,
  seen: SeenTick | undefined,
  known: Epochs,
): Promise<SeenTick | undefined> {
  return administer(deps, SERVER, async (tx, tell) => {
    const { identity, present } = await lockClock(tx, partition);
    const newest = await newestTick(tx, partition);
    const lost = seen !== undefined && (await isLost(tx, partition, seen, known));
    const same = isSameDatabase(identity, present);
    if (lost || (same === false && identity !== '')) {
      const end = newest?.tick ?? 0n;
      // When the log has grown past the place since, somebody has written who did not see that it had gone back: how
      // much is in common is not known.
      const common = lost && end >= seen.tick ? 0n : end;
      deps.logger.error(
        { partition, seen: seen?.tick, newest: end, was: identity, is: present },
        lost ? 'the log has gone back: a new epoch begins' : 'this is another database than before: a new epoch begins',
      );
      await beginEpoch(tx, partition, common, present);
      tell({ act: 'epoch.began', target: { partition } });
    } else if (same !== true && present.length > identity.length) {
      await setIdentity(tx, partition, present);
    }
    return newestTick(tx, partition);
  });
}

/** The log does not hold the tick, and no epoch that has begun since says so. */
async function isLost(tx: Tx, partition: number, seen: SeenTick, known: Epochs): Promise<boolean> {
  const epochs = await readEpochs(tx, partition);
  if (seen.epoch !== epochs.current) {
    const isPast = epochs.past.some((one) => one.epoch === seen.epoch);
    // The log is of a time before that epoch, unless another node has seen that already.
    if (!isPast) return known.past.some((one) => one.epoch === epochs.current);
    const common = commonTick(epochs, seen.epoch);
    if (common !== undefined && common < seen.tick) return false;
  }
  const found = await recordedAt(tx, partition, seen.tick);
  if (found !== undefined) return found !== seen.recordedAt;
  // Retention takes ticks, but none so young.
  return Date.now() - Date.parse(seen.recordedAt) < TICKS_KEPT_HOURS * 3_600_000;
}
