import type { CheckedContent, Contract, ContractMistake } from '../core/contract.js';
import { characters, makeLane } from './lane.js';
import type { LaneLimits, NumberedContract, Order } from './lane.js';
import type { Answers, Checked, CutOff } from './tasks.js';

/**
 * Whatever runs what feed owners wrote (schemas, regular expressions, XPath) runs in threads of its own, for a bounded time
 * and in bounded memory. There are five lanes: the quick one for all that behaves, the slow one for what did not and for
 * large entries, a desk for new contracts, one for pages that show a part, and one for exports; so a contract that takes for ever holds up hardly anybody but its own kind.
 */
export interface Checkers {
  /** Rejects with `overloaded` when too much is waiting. Once the signal is given nobody waits for the answer. */
  check(contract: NumberedContract, content: CheckedContent, signal?: AbortSignal): Promise<Checked | CutOff>;
  /** Entries without what the contract calls private, in their order. */
  redact(contract: NumberedContract, entries: readonly string[]): Promise<readonly string[] | CutOff>;
  /** For each entry the values of these columns of the contract. */
  extract(
    contract: NumberedContract,
    entries: readonly string[],
    columns: readonly string[],
  ): Promise<Answers['extract'] | CutOff>;
  /** What is wrong with a contract; nothing: it can be used. */
  compile(contract: Contract): Promise<readonly ContractMistake[]>;
  compare(older: Contract, newer: Contract): Promise<Answers['compare'] | CutOff>;
  /** The text of a content that the contract accepts, where one can be made. */
  example(contract: Contract): Promise<string | undefined>;
  stop(): Promise<void>;
}

export const QUICK: LaneLimits = {
  checkMs: 500,
  compileMs: 1_000,
  mostWaiting: 20_000,
  mostWaitingMs: 20_000,
  mostWaitingOfOne: 20_000,
  batch: 64,
  gatherMs: 4,
};
export const SLOW: LaneLimits = {
  checkMs: 2_000,
  compileMs: 10_000,
  mostWaiting: 400,
  mostWaitingMs: 20_000,
  mostWaitingOfOne: 100,
  batch: 1,
  gatherMs: 0,
};

/** Only what nobody else waits for: new contracts, comparing them, examples. */
const DESK: LaneLimits = { ...SLOW, mostWaiting: 50 };

/** Pages, for those who do not see all: a reader waits as long as it would for the database. */
const READING: LaneLimits = { ...SLOW, compileMs: 5_000, mostWaiting: 200, mostWaitingMs: 8_000 };

/** Nobody reads a page meanwhile: it may wait, and holds up other exports only. */
const EXPORTING: LaneLimits = { ...SLOW, compileMs: 5_000, mostWaiting: 200 };

/** Larger contents are checked in the slow lane. */
const LARGE_CHARACTERS = 256 * 1024;
/** A contract that was cut off so often within this time is checked in the slow lane for as long. */
const MOST_CUT_OFF = 3;
const SLOW_FOR_MS = 60_000;
const MOST_REMEMBERED = 10_000;
/** Whoever exports tries again, and other exports would wait for it each time. */
const RESTING_MS = 60_000;

export function startCheckers(quickLimits = QUICK, slowLimits = SLOW, deskLimits = DESK): Checkers {
  const cutOffs = new Map<number, number[]>();
  /** Until when rules of columns that were cut off are not tried again. */
  const resting = new Map<string, number>();
  const quick = makeLane(quickLimits, { late: noteCutOff });
  const slow = makeLane(slowLimits, { inTurns: true });
  const desk = makeLane(deskLimits);
  const reading = makeLane(READING, { inTurns: true });
  const exporting = makeLane(EXPORTING, { inTurns: true });

  /**
   * True from the third time within a minute: one entry may be odd, without its contract being so. What cannot be loaded in
   * time will not be the next time either.
   */
  function noteCutOff(id: number, doing: 'load' | 'check'): boolean {
    if (cutOffs.size >= MOST_REMEMBERED) cutOffs.clear();
    const times = doing === 'load' ? MOST_CUT_OFF : 1;
    cutOffs.set(id, [...recent(id), ...Array<number>(times).fill(performance.now())].slice(-MOST_CUT_OFF));
    return isSlow(id);
  }

  function recent(id: number): number[] {
    const since = performance.now() - SLOW_FOR_MS;
    return (cutOffs.get(id) ?? []).filter((at) => at > since);
  }

  function isSlow(id: number): boolean {
    return cutOffs.has(id) && recent(id).length >= MOST_CUT_OFF;
  }

  return {
    async check(contract, content, signal) {
      const large = characters(content) > LARGE_CHARACTERS;
      const task: Order = { kind: 'check', id: contract.id, content };
      if (!large && !isSlow(contract.id)) {
        const result = await quick.run(task, contract, signal);
        if (!('cutOff' in result)) return result.value as Checked;
        if (signal?.aborted === true) return result;
      }
      const result = await slow.run(task, contract, signal);
      return 'cutOff' in result ? result : (result.value as Checked);
    },
    async redact(contract, entries) {
      const result = await reading.run({ kind: 'redact', id: contract.id, entries }, contract);
      return 'cutOff' in result ? result : (result.value as Answers['redact']);
    },
    async extract(contract, entries, columns) {
      const rules = `${String(contract.id)} ${columns.join()}`;
      if (performance.now() < (resting.get(rules) ?? 0)) return { cutOff: 'it was cut off less than a minute ago' };
      const result = await exporting.run({ kind: 'extract', id: contract.id, entries, columns }, contract);
      if (!('cutOff' in result)) return result.value as Answers['extract'];
      if (resting.size >= MOST_REMEMBERED) resting.clear();
      resting.set(rules, performance.now() + RESTING_MS);
      return result;
    },
    async compile(contract) {
      const result = await desk.run({ kind: 'compile', contract });
      return 'cutOff' in result
        ? [{ pointer: '/schema', message: `this contract cannot be compiled: ${result.cutOff}` }]
        : (result.value as Answers['compile']);
    },
    async compare(older, newer) {
      const result = await desk.run({ kind: 'compare', older, newer });
      return 'cutOff' in result ? result : (result.value as Answers['compare']);
    },
    async example(contract) {
      const result = await desk.run({ kind: 'example', contract });
      return 'cutOff' in result ? undefined : (result.value as Answers['example']);
    },
    async stop() {
      await Promise.all([quick.stop(), slow.stop(), desk.stop(), reading.stop(), exporting.stop()]);
    },
  };
}
