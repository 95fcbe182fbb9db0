import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Holds exports up while the server's thread is busy, so that publishing and polling keep the processor: all exports together then have
 * a ninth of the time, and all of it when there is nothing else to do. To be waited for with each piece; `tookMs`: for so long the thread that
 * writes them has worked at it.
 */
export type Pace = (tookMs: number, signal: AbortSignal) => Promise<void>;

/** Of the thread's time; to hand exports on takes it a quarter. */
const BUSY = 0.6;
/** So many times as long as a piece has taken nothing is exported. */
const REST = 8;
/** What has taken longer did so on a machine that is short of everything, and is not to be made to wait for seconds. */
const LONGEST_MS = 20;
/** However many exports there are. */
const MOST_REST_MS = 2_000;
/** Pieces come in bursts: it is looked at no more often. */
const LOOK_MS = 100;

export function makePace(): Pace {
  let seen = performance.eventLoopUtilization();
  let lookedAt = performance.now();
  let isBusy = false;
  let restUntil = 0;
  return async (tookMs, signal) => {
    const now = performance.now();
    if (now - lookedAt >= LOOK_MS) {
      isBusy = performance.eventLoopUtilization(seen).utilization > BUSY;
      seen = performance.eventLoopUtilization();
      lookedAt = now;
    }
    if (!isBusy) return;
    restUntil = Math.min(Math.max(restUntil, now) + Math.min(tookMs, LONGEST_MS) * REST, now + MOST_REST_MS);
    await sleep(restUntil - now, undefined, { signal });
  };
}
