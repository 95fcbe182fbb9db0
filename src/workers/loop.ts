import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../telemetry/logger.js';

export interface Loop {
  /** Ends the pause: there is something to do. Also while the job runs, which may not see it any more. */
  wake(): void;
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
  let pause = new AbortController();
  let woken = false;

  const stopped = (): boolean => signal.aborted;
  const isWoken = (): boolean => woken;

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopped()) {
      woken = false;
      try {
        await job(signal);
        failures = 0;
      } catch (error) {
        if (stopped()) return;
        failures += 1;
        logger.warn({ err: error, job: name }, 'a job failed and will be tried again');
      }
      if (stopped() || (isWoken() && failures === 0)) continue;
      pause = new AbortController();
      const seconds = everySeconds * Math.min(2 ** failures, MOST_BACK_OFF);
      await sleep(seconds * 1000, undefined, { signal: pause.signal, ref: false }).catch(() => undefined);
    }
  }

  const running = run();
  return {
    wake() {
      woken = true;
      pause.abort();
    },
    async stop() {
      abort.abort();
      pause.abort();
      await running;
    },
  };
}
