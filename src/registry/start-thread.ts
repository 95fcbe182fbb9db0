import { Worker } from 'node:worker_threads';
import type { CutOff, Scope, ThreadAnswer, ThreadMessage } from './tasks.js';
import type { ThreadData } from './thread.js';

const START_MS = 20_000;
const RESOURCES = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };
const WASM_BYTES = 256 * 1024 * 1024;

/** A thread of thread.ts, as seen from outside. */
export interface Thread {
  /** Contracts that it has, the one used last at the end. */
  readonly loaded: Map<number, Scope>;
  /** By itself. */
  ended(): boolean;
  ask(message: ThreadMessage, limitMs: number): Promise<ThreadAnswer | CutOff>;
  end(): Promise<void>;
}

/** Its code stands beside this file; where this one is run as it was written, by tests, where that is built to. */
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/registry/thread.js' : './thread.js',
  import.meta.url,
);

export async function startThread(): Promise<Thread> {
  const worker = new Worker(THREAD, {
    // Nothing of the server's surroundings is its business.
    env: {},
    workerData: { wasmBytes: WASM_BYTES } satisfies ThreadData,
    resourceLimits: RESOURCES,
    stdout: true,
    stderr: true,
  });
  // libxml2 says there what it is asked to tell anyway.
  worker.stdout.resume();
  worker.stderr.resume();
  worker.unref();
  let settle: ((message: unknown) => void) | undefined;
  let failure: Error | undefined;
  let ended = false;
  worker.on('message', (message) => settle?.(message));
  worker.on('error', (error) => {
    failure = error;
  });
  worker.on('exit', () => {
    ended = true;
    settle?.({ cutOff: reasonOf(failure) } satisfies CutOff);
  });

  /** The next message from the thread, or why there is none. */
  function within<T>(limitMs: number): Promise<T | CutOff> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle?.({ cutOff: `it takes longer than ${String(limitMs / 1000)} s` }), limitMs);
      settle = (message) => {
        clearTimeout(timer);
        settle = undefined;
        resolve(message as T | CutOff);
      };
    });
  }

  const started = await within<'ready'>(START_MS);
  if (started !== 'ready') {
    await worker.terminate();
    throw new Error(`a thread for contracts did not start: ${started.cutOff}`, { cause: failure });
  }
  return {
    loaded: new Map(),
    ended: () => ended,
    ask(message, limitMs) {
      if (ended) return Promise.resolve({ cutOff: reasonOf(failure) });
      const answer = within<ThreadAnswer>(limitMs);
      worker.postMessage(message);
      return answer;
    },
    async end() {
      await worker.terminate();
    },
  };
}

function reasonOf(failure: Error | undefined): string {
  const { code } = (failure ?? {}) as NodeJS.ErrnoException;
  return code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'it takes more memory than it may have' : 'the thread that did it ended';
}
