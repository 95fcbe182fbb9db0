import { FeedsError } from '../core/errors.js';
import type { CheckedContent, Contract } from '../core/contract.js';
import { startThread } from './start-thread.js';
import type { Thread } from './start-thread.js';
import type { Answers, CutOff, Scope, Task } from './tasks.js';

/** A version of a contract. It never changes, so that what was compiled of it is never stale. */
export interface NumberedContract {
  readonly id: number;
  /** Asked for when a thread does not have it yet. */
  readonly contract: () => Promise<Contract>;
}

export interface LaneLimits {
  /** For a batch of checks, in the slow lane for one. */
  readonly checkMs: number;
  /** For compiling a contract, comparing two, making an example. */
  readonly compileMs: number;
  readonly mostWaiting: number;
  /** What has waited for longer is refused. */
  readonly mostWaitingMs: number;
  /** Of one contract. */
  readonly mostWaitingOfOne: number;
  /** Checks in one message. */
  readonly batch: number;
  /** From one message to the next: each costs as much as some checks. What comes after a pause is not held up. */
  readonly gatherMs: number;
}

/** Characters of all that waits in a lane. */
const MOST_CHARACTERS_WAITING = 64 * 1024 * 1024;
/** Characters in one message. */
const BATCH_CHARACTERS = 256 * 1024;
/** Compiled contracts that a thread holds. */
const MOST_LOADED = 200;
const RETRY_AFTER_SECONDS = 2;

export type Outcome = { readonly value: Answers[Task['kind']] } | CutOff;

/** A task before it is known how much of an entry its contract looks at. */
export type Order =
  | Exclude<Task, { readonly kind: 'check' }>
  | { readonly kind: 'check'; readonly id: number; readonly content: CheckedContent };

interface Job {
  readonly task: Order;
  readonly contract: NumberedContract | undefined;
  readonly characters: number;
  /** Nobody waits for it any more. */
  readonly signal: AbortSignal | undefined;
  readonly since: number;
  /** Set when it was in a message whose answer did not come: then it gets one of its own. */
  alone: boolean;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

export interface Lane {
  run(task: Order, contract?: NumberedContract, signal?: AbortSignal): Promise<Outcome>;
  stop(): Promise<void>;
}

export interface LaneManners {
  /**
   * Told of the contract of each check that was cut off, and of each that could not be loaded. True: what waits for the
   * same contract is cut off too, or each would hold up the others again.
   */
  readonly late?: (contractId: number, doing: 'load' | 'check') => boolean;
  /** Contracts take turns, so that each waits for one check of every other at most. */
  readonly inTurns?: boolean;
}

/** One thread, and what waits for it. The thread is started when there is something to do. */
export function makeLane(limits: LaneLimits, { late, inTurns = false }: LaneManners = {}): Lane {
  let waiting: Job[] = [];
  const waitingOf = new Map<number, number>();
  /** When a contract had its last turn. */
  const lastTurn = new Map<number, number>();
  let turns = 0;
  let charactersWaiting = 0;
  let thread: Thread | undefined;
  let busy = false;
  let sentAt = -Infinity;
  let working: Promise<void> = Promise.resolve();
  let stopped = false;

  function count(job: Job, by: 1 | -1): void {
    charactersWaiting += by * job.characters;
    const { contract } = job;
    if (contract === undefined) return;
    const left = (waitingOf.get(contract.id) ?? 0) + by;
    if (left === 0) waitingOf.delete(contract.id);
    else waitingOf.set(contract.id, left);
  }

  /** Meanwhile, where it had not before. */
  function hasStopped(): boolean {
    return stopped;
  }

  /** Settled is what has been answered in one way or the other. */
  function settle(job: Job, outcome: Outcome): void {
    count(job, -1);
    job.resolve(outcome);
  }

  function fail(job: Job, error: unknown): void {
    count(job, -1);
    job.reject(error);
  }

  async function work(): Promise<void> {
    busy = true;
    try {
      while (waiting.length > 0 && !stopped) {
        await gather();
        await next();
      }
      if (stopped) {
        await end();
        for (const job of waiting.splice(0)) fail(job, overloaded(STOPPING));
      }
    } finally {
      busy = false;
    }
  }

  /** What arrives in the same turn of the event loop, or shortly after the last message, goes in one message. */
  function gather(): Promise<void> {
    const left = limits.gatherMs - (performance.now() - sentAt);
    return new Promise((resolve) => {
      if (left > 0 && waiting.length < limits.batch) setTimeout(resolve, left);
      else setImmediate(resolve);
    });
  }

  async function next(): Promise<void> {
    const batch = takeBatch();
    const [first] = batch;
    if (first === undefined) return;
    try {
      if (thread?.ended() === true) thread = undefined;
      const ready = (thread ??= await startThread());
      for (const { contract } of batch) {
        if (contract === undefined) continue;
        const problem = await load(ready, contract);
        if (problem === undefined) continue;
        if ('cutOff' in problem) await end();
        giveBack(batch.filter((job) => job.contract?.id !== contract.id));
        for (const job of batch) {
          if (job.contract?.id !== contract.id) continue;
          if ('cutOff' in problem) settle(job, problem);
          else fail(job, problem.error);
        }
        if ('cutOff' in problem) tellLate(contract, 'load', problem);
        return;
      }
      if (stopped) throw overloaded(STOPPING);
      sentAt = performance.now();
      const limitMs = first.task.kind === 'check' ? limits.checkMs : limits.compileMs;
      const answer = await ready.ask({ tasks: batch.map((job) => toSend(job, ready.loaded)) }, limitMs);
      if ('cutOff' in answer) {
        if (hasStopped()) throw overloaded(STOPPING);
        await end();
        cutOff(batch, answer);
        return;
      }
      giveBack(batch.slice(answer.results.length));
      answer.results.forEach((result, index) => {
        const job = batch[index];
        if (job !== undefined) settle(job, 'error' in result ? { cutOff: result.error } : result);
      });
      if (answer.spent) await end();
    } catch (error) {
      await end();
      for (const job of batch) fail(job, error);
    }
  }

  /** They are the next again. */
  function giveBack(jobs: readonly Job[]): void {
    waiting.unshift(...jobs);
  }

  /** Which of several it was shows when each gets a message of its own. */
  function cutOff(batch: readonly Job[], outcome: CutOff): void {
    const [first, ...others] = batch;
    if (first === undefined) return;
    if (others.length > 0) {
      for (const job of batch) job.alone = true;
      giveBack(batch);
      return;
    }
    settle(first, outcome);
    if (first.contract !== undefined) tellLate(first.contract, 'check', outcome);
  }

  function tellLate({ id }: NumberedContract, doing: 'load' | 'check', outcome: CutOff): void {
    if (late?.(id, doing) !== true) return;
    const leaving = waiting.filter((job) => job.contract?.id === id);
    waiting = waiting.filter((job) => job.contract?.id !== id);
    for (const job of leaving) settle(job, outcome);
  }

  /** Those that nobody waits for, or that have waited too long, need not be done. */
  function dropLate(): void {
    const now = performance.now();
    const isLate = ({ since }: Job): boolean => now - since > limits.mostWaitingMs;
    const isOver = (job: Job): boolean => job.signal?.aborted === true || isLate(job);
    if (!waiting.some(isOver)) return;
    const over = waiting.filter(isOver);
    waiting = waiting.filter((job) => !isOver(job));
    for (const job of over) {
      if (job.signal?.aborted === true) settle(job, { cutOff: 'nobody waits for it' });
      else fail(job, overloaded(FULL));
    }
  }

  /** The next is of the contract whose last turn was longest ago. */
  function takeTurns(): void {
    const turnOf = ({ contract }: Job): number => (contract === undefined ? 0 : (lastTurn.get(contract.id) ?? 0));
    const [next] = waiting.toSorted((one, other) => turnOf(one) - turnOf(other));
    if (next === undefined) return;
    waiting = [next, ...waiting.filter((job) => job !== next)];
    if (lastTurn.size > MOST_LOADED) lastTurn.clear();
    if (next.contract !== undefined) lastTurn.set(next.contract.id, ++turns);
  }

  function takeBatch(): Job[] {
    dropLate();
    if (inTurns && waiting.length > 1) takeTurns();
    const batch: Job[] = [];
    let size = 0;
    for (let job = waiting[0]; job !== undefined; job = waiting[0]) {
      const fits = batch.length < limits.batch && size + job.characters <= BATCH_CHARACTERS;
      const joins = job.task.kind === 'check' && !job.alone && batch[0]?.task.kind === 'check' && !batch[0].alone;
      if (batch.length > 0 && !(fits && joins)) break;
      waiting.shift();
      batch.push(job);
      size += job.characters;
    }
    return batch;
  }

  /** What keeps it from being loaded, be it the contract's fault or that of whoever was to give it. */
  async function load(ready: Thread, contract: NumberedContract): Promise<CutOff | { error: unknown } | undefined> {
    const known = ready.loaded.get(contract.id);
    if (known !== undefined) {
      // Used last is forgotten last.
      ready.loaded.delete(contract.id);
      ready.loaded.set(contract.id, known);
      return undefined;
    }
    let text: Contract;
    try {
      text = await contract.contract();
    } catch (error) {
      return { error };
    }
    if (stopped) return { error: overloaded(STOPPING) };
    const tasks: Task[] = [{ kind: 'load', id: contract.id, contract: text }];
    const [oldest] = ready.loaded.keys();
    if (ready.loaded.size >= MOST_LOADED && oldest !== undefined) {
      tasks.unshift({ kind: 'forget', id: oldest });
      ready.loaded.delete(oldest);
    }
    const answer = await ready.ask({ tasks }, limits.compileMs);
    if ('cutOff' in answer) return hasStopped() ? { error: overloaded(STOPPING) } : answer;
    const loaded = answer.results.at(-1);
    if (loaded === undefined || 'error' in loaded) return { cutOff: loaded?.error ?? 'it was not loaded' };
    ready.loaded.set(contract.id, loaded.value as Scope);
    return undefined;
  }

  async function end(): Promise<void> {
    const ended = thread;
    thread = undefined;
    await ended?.end();
  }

  return {
    run(task, contract, signal) {
      const size = sizeOf(task);
      const ofOne = contract === undefined ? 0 : (waitingOf.get(contract.id) ?? 0);
      const full = waiting.length >= limits.mostWaiting || charactersWaiting + size > MOST_CHARACTERS_WAITING;
      if (stopped || full || ofOne >= limits.mostWaitingOfOne) {
        return Promise.reject(overloaded(stopped ? STOPPING : FULL));
      }
      return new Promise<Outcome>((resolve, reject) => {
        const since = performance.now();
        const job = { task, contract, characters: size, signal, since, alone: false, resolve, reject };
        count(job, 1);
        waiting.push(job);
        if (!busy) working = work();
      });
    },
    async stop() {
      stopped = true;
      await end();
      await working;
    },
  };
}

function sizeOf(task: Order): number {
  if (task.kind === 'check') return characters(task.content);
  return task.kind === 'redact' || task.kind === 'extract'
    ? task.entries.reduce((sum, entry) => sum + entry.length, 0)
    : 0;
}

function toSend({ task }: Job, loaded: ReadonlyMap<number, Scope>): Task {
  if (task.kind !== 'check') return task;
  const { kind, id, content } = task;
  if (content.kind !== 'xml') return { kind, id, content };
  return { kind, id, content: { kind: 'xml', text: loaded.get(id) === 'entry' ? content.entry : content.alone } };
}

const STOPPING = 'the server is stopping';
const FULL = 'too much waits to be checked';

function overloaded(what: string): FeedsError {
  return new FeedsError('overloaded', what, { retryAfterSeconds: RETRY_AFTER_SECONDS });
}

export function characters(content: CheckedContent): number {
  return content.kind === 'xml' ? content.entry.length : content.json.length;
}
