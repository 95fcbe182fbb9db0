import { setImmediate as pause } from 'node:timers/promises';

/** Characters between two looks at the clock; the worst that can be made of so many takes a few milliseconds. */
const SLICE = 8 * 1024;
/** For so long other work may be held up. */
const HOLD_MS = 2;

/** What reads a text and can stop within it: true when it has reached the end. */
export interface Sliced {
  run(until: number): boolean;
}

/** Reads to the end, letting other work come between the slices. */
export async function runInSlices(reader: Sliced): Promise<void> {
  const breathe = breather();
  for (let until = SLICE; !reader.run(until); until += SLICE) await breathe();
}

/** To be awaited between pieces of work of a few milliseconds at most: it pauses when they have taken long together. */
export function breather(holdMs = HOLD_MS): () => Promise<void> | undefined {
  let begun = performance.now();
  return () => {
    if (performance.now() - begun < holdMs) return undefined;
    return pause().then(() => {
      begun = performance.now();
    });
  };
}
