import type { Db } from '../store/db.js';
import { readLags } from '../store/export-lag.js';

type Lags = Awaited<ReturnType<typeof readLags>>;

/** However often it is asked for. */
const GOOD_MS = 1_000;
/** Whoever scrapes metrics does not wait any longer. */
const PATIENCE_MS = 2_000;
const OLDEST_MS = 5 * 60_000;

/**
 * How far named exports are behind, for /metrics: read once at a time, and once a second at most. Where that takes too long, or fails, what
 * was read last is told for some minutes. Undefined: there is nothing.
 */
export function makeLagMemory(db: Db): () => Promise<Lags | undefined> {
  let asked: Promise<Lags | undefined> | undefined;
  let isRead = false;
  let goodUntil = 0;
  let last: { readonly lags: Lags; readonly readAt: number } | undefined;
  return () => {
    if (asked === undefined || (isRead && performance.now() > goodUntil)) {
      isRead = false;
      asked = readLags(db)
        .catch(() => undefined)
        .then((lags) => {
          isRead = true;
          goodUntil = performance.now() + GOOD_MS;
          if (lags !== undefined) last = { lags, readAt: performance.now() };
          return lags;
        });
    }
    return inTime(asked).then((lags) => {
      if (lags !== undefined || last === undefined) return lags;
      return performance.now() - last.readAt < OLDEST_MS ? last.lags : undefined;
    });
  };
}

async function inTime(asked: Promise<Lags | undefined>): Promise<Lags | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      resolve(undefined);
    }, PATIENCE_MS);
  });
  return Promise.race([asked, late]).finally(() => {
    clearTimeout(timer);
  });
}
