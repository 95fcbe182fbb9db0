import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../telemetry/logger.js';

export interface Loop {
  /** Resolves when the job that is under way has come to its end; the job hears of it by its signal. */
  stop(): Promise<void>;
}

export interface LoopOptions {
  /** For the log: `retention`. */
  readonly name: string;
  /** From the end of one run to the beginning of the next. */
  readonly everySeconds: number;
  readonly logger: Logger;
}

/** After failures the pause grows up to so many times its length. */
const MOST_BACK_OFF = 8;

/** Does one job again and again until it is stopped. A failure is logged, and the next run waits longer. */
export function startLoop(
  { name, everySeconds, logger }: LoopOptions,
  job: (signal: AbortSignal) => Promise<void>,
): Loop {
  const abort = new AbortController();
  const { signal } = abort;

  const stopped = (): boolean => signal.aborted;

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopped()) {
      try {
        await job(signal);
        failures = 0;
      } catch (error) {
        if (stopped()) return;
        failures += 1;
        logger.warn({ err: error, job: name }, 'a job failed and will be tried again');
      }
      const pause = everySeconds * Math.min(2 ** failures, MOST_BACK_OFF);
      await sleep(pause * 1000, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  const running = run();
  return {
    async stop() {
      abort.abort();
      await running;
    },
  };
}
