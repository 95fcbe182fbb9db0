import { setTimeout as sleep } from 'node:timers/promises';

/** Resolves when it holds; rejects, saying what did not come about, when it does not in time. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, seconds = 30): Promise<void> {
  const late = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > late) throw new Error(`not within ${String(seconds)} s: ${what}`);
    await sleep(20);
  }
}
