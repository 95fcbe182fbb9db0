import { setTimeout as sleep } from 'node:timers/promises';
import {
  deleteContracts,
  deleteEntriesBehindFloor,
  deleteTicksBehindFloor,
  raiseFloor,
} from '../actions/apply-retention.js';
import type { Cleaned, RetentionDeps } from '../actions/apply-retention.js';
import type { Position } from '../core/entry.js';
import type { HeadMemory } from '../store/head-memory.js';
import { listRetained, whileAlone } from '../store/retention.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import { startLoop } from './loop.js';
import type { Loop } from './loop.js';

export interface RetentionWorkerDeps extends RetentionDeps {
  readonly memory: Pick<HeadMemory, 'changed'>;
  readonly metrics: Pick<Metrics, 'removed'>;
  readonly logger: Logger;
}

/** Between two transactions that delete: others come first. */
const PAUSE_MS = 20;

/** Lets old entries go, every so many seconds, on one node at a time. */
export function startRetention(deps: RetentionWorkerDeps, everySeconds: number): Loop {
  return startLoop({ name: 'retention', everySeconds, logger: deps.logger }, (signal) => retain(deps, signal));
}

/**
 * One run: all floors move first, which is quick and is what readers see; then what is behind them is deleted, a little
 * at a time. Returns early when the signal is given; the next run goes on where this one stopped.
 */
export async function retain(deps: RetentionWorkerDeps, signal: AbortSignal): Promise<void> {
  await whileAlone(deps.pool, async () => {
    let moved = 0;
    for (const feed of await listRetained(deps.db)) {
      if (signal.aborted) break;
      if (await raiseFloor(deps, feed)) moved += 1;
    }
    if (moved > 0) deps.memory.changed();

    let entries = 0;
    for (const feed of await listRetained(deps.db)) {
      entries += await clean(signal, feed.lowestEntry, async (from) => {
        const cleaned = await deleteEntriesBehindFloor(deps, feed, from);
        deps.metrics.removed(cleaned.count);
        return cleaned;
      });
      await clean(signal, feed.lowestTick, (from) => deleteTicksBehindFloor(deps, feed, from));
    }
    if (!signal.aborted) await deleteContracts(deps);
    if (moved > 0 || entries > 0) deps.logger.info({ floorsMoved: moved, entriesDeleted: entries }, 'retention');
  });
}

/** Repeats a step until there is nothing left; resolves with how much there was. */
async function clean(
  signal: AbortSignal,
  lowest: Position | undefined,
  step: (from: Position) => Promise<Cleaned>,
): Promise<number> {
  let count = 0;
  let next = lowest;
  while (next !== undefined && !signal.aborted) {
    const cleaned = await step(next);
    count += cleaned.count;
    next = cleaned.next;
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined);
  }
  return count;
}
