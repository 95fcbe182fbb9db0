import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What the buffers that are still in use take. */
export async function bytesOutsideTheHeap(): Promise<number> {
  return (await inUse()).arrayBuffers;
}

/** What all else that is still in use takes. */
export async function bytesInTheHeap(): Promise<number> {
  return (await inUse()).heapUsed;
}

async function inUse(): Promise<NodeJS.MemoryUsage> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // What is freed is counted a little later.
  for (let n = 0; n < 3; n++) {
    collect();
    await sleep(10);
  }
  return process.memoryUsage();
}
