import { FeedsError } from '../core/errors.js';

/** Work that holds many times the bytes of what it works on: a little of it at once, the rest in its turn. */
export interface Turns {
  /** Rejects with `overloaded` when too many wait already. The work is told whether it has waited: much may have changed then. */
  run<Result>(work: (waited: boolean) => Promise<Result>): Promise<Result>;
}

/** From this size on a text takes its turn where its tree is many times as large. In bytes or characters. */
const LARGE = 64 * 1024;

/** What is small need not wait. */
export function inTurn<Result>(size: number, turns: Turns, work: () => Promise<Result>): Promise<Result> {
  return size < LARGE ? work() : turns.run(work);
}

export function makeTurns(
  atOnce: number,
  mostWaiting: number,
  full = 'too much large work is waiting for its turn',
): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;

  async function run<Result>(work: (waited: boolean) => Promise<Result>): Promise<Result> {
    const waits = running >= atOnce;
    if (waits) {
      if (waiting.length >= mostWaiting) {
        throw new FeedsError('overloaded', full, { retryAfterSeconds: 2 });
      }
      // Who is woken has the turn of the one that ended.
      await new Promise<void>((resolve) => void waiting.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await work(waits);
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  }

  return { run };
}
