import { parentPort, workerData } from 'node:worker_threads';
import { loadEngines } from './engines.js';
import type { Engines } from './engines.js';
import type { Answers, Task, ThreadAnswer, ThreadMessage } from './tasks.js';

/**
 * A thread that compiles contracts and checks entries against them. What it is given may make it run for ever or eat all
 * memory: whoever started it ends it then (checkers.ts).
 */

/** Contracts' code may reserve no more than this; what then fails ends the thread. */
export interface ThreadData {
  readonly wasmBytes: number;
}

/** Of the types that Node's do not have. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow: (this: WasmMemory, pages: number) => number;
}
declare const WebAssembly: { readonly Memory: { readonly prototype: WasmMemory } };

const { wasmBytes } = workerData as ThreadData;
const PAGE_BYTES = 65_536;
/** Above this the memory of libxml2, which never shrinks, is given back by ending the thread. */
const SPENT_SHARE = 0.5;

/** By libxml2, in bytes; more than there may be when it was refused. */
let reserved = 0;
limitMemory();
const engines = await loadEngines();
parentPort?.on('message', ({ tasks }: ThreadMessage) => {
  void answer(engines, tasks).then((told) => parentPort?.postMessage(told));
});
parentPort?.postMessage('ready');

/** Ends with the first task that failed: out of memory or stack, libxml2 is not to be trusted with another. */
async function answer(by: Engines, tasks: readonly Task[]): Promise<ThreadAnswer> {
  const results: ThreadAnswer['results'][number][] = [];
  for (const task of tasks) {
    const result = await resultOf(by, task);
    results.push(result);
    if ('error' in result) return { results, spent: true };
  }
  return { results, spent: reserved > wasmBytes * SPENT_SHARE };
}

async function resultOf(by: Engines, task: Task): Promise<ThreadAnswer['results'][number]> {
  let result: ThreadAnswer['results'][number];
  try {
    const value = run(by, task);
    result = { value: value instanceof Promise ? await value : value };
  } catch (error) {
    result = { error: error instanceof Error ? error.message : String(error) };
  }
  // libxml2 may make light of memory that it was refused.
  return reserved > wasmBytes ? { error: 'it takes more memory than it may have' } : result;
}

function run(by: Engines, task: Task): Answers[Task['kind']] | Promise<Answers[Task['kind']]> {
  switch (task.kind) {
    case 'load':
      return by.load(task.id, task.contract);
    case 'forget':
      by.forget(task.id);
      return undefined;
    case 'check':
      return by.check(task.id, task.content);
    case 'redact':
      return by.redact(task.id, task.entries);
    case 'extract':
      return by.extract(task.id, task.entries, task.columns);
    case 'compile':
      return by.mistakesIn(task.contract);
    case 'compare':
      return by.compare(task.older, task.newer);
    case 'example':
      return by.example(task.contract);
  }
}

/** WebAssembly grows its memory by this method only; V8's own limits do not count it. */
function limitMemory(): void {
  const memory = WebAssembly.Memory.prototype;
  const { grow } = memory;
  memory.grow = function (pages) {
    const wanted = this.buffer.byteLength + pages * PAGE_BYTES;
    reserved = wanted;
    if (wanted > wasmBytes) {
      throw new RangeError('a contract wanted more memory than it may have');
    }
    return grow.call(this, pages);
  };
}
