import type { Logger } from '../../telemetry/logger.js';
import type { Bucket } from './buckets.js';

/** Tells the other nodes what was taken here, and takes over what they took. Nobody waits for it. */
export interface Settlement {
  /** Soon; again and again is once. */
  readonly tell: (bucket: Bucket) => void;
  /** Resolves when what is under way has ended. */
  stop(): Promise<void>;
}

export interface SettlementOptions {
  /** Adds to what all nodes have taken, in milliseconds of refilling; resolves with those until each bucket is full again, by key. */
  readonly settle: (spent: readonly { key: string; ms: number }[]) => Promise<ReadonlyMap<string, number>>;
  readonly logger: Logger;
}

/** From the end of one statement to the beginning of the next: twenty in a second at most. */
const PAUSE_MS = 50;
/** After one that failed; until the next works each node goes by what it has counted itself. */
const PAUSE_AFTER_FAILURE_MS = 1_000;
const MOST_AT_ONCE = 200;
/** What comes beyond these is told when more is taken from the same bucket. */
const MOST_WAITING = 5_000;

export function startSettlement({ settle, logger }: SettlementOptions): Settlement {
  const waiting = new Set<Bucket>();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let notBefore = 0;
  let works = true;
  let stopped = false;

  function schedule(): void {
    if (stopped || running !== undefined || timer !== undefined || waiting.size === 0) return;
    timer = setTimeout(
      () => {
        timer = undefined;
        running = run().finally(() => {
          running = undefined;
          notBefore = performance.now() + (works ? PAUSE_MS : PAUSE_AFTER_FAILURE_MS);
          schedule();
        });
      },
      Math.max(0, notBefore - performance.now()),
    );
    timer.unref();
  }

  async function run(): Promise<void> {
    const told: { readonly bucket: Bucket; readonly ms: number }[] = [];
    for (const bucket of waiting) {
      if (told.length === MOST_AT_ONCE) break;
      waiting.delete(bucket);
      told.push({ bucket, ms: bucket.untoldMs });
      bucket.untoldMs = 0;
    }
    // One that was forgotten while it waited may have come back beside itself, and a statement takes each key once.
    const spent = new Map<string, number>();
    for (const { bucket, ms } of told) spent.set(bucket.key, (spent.get(bucket.key) ?? 0) + ms);
    try {
      const missing = await settle([...spent].map(([key, ms]) => ({ key, ms })));
      const now = performance.now();
      for (const { bucket } of told) bucket.fullAt = now + (missing.get(bucket.key) ?? 0) + bucket.untoldMs;
      if (!works) logger.info({}, 'limits on use are settled with the other nodes again');
      works = true;
    } catch (error) {
      for (const { bucket, ms } of told) bucket.untoldMs += ms;
      if (works) logger.warn({ err: error }, 'limits on use could not be settled with the other nodes');
      works = false;
    }
  }

  return {
    tell(bucket) {
      if (waiting.size >= MOST_WAITING) return;
      waiting.add(bucket);
      schedule();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
