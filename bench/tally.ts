import type { Outcome } from './jobs.js';

export interface Tally {
  /** One more answer, with the time that it took. */
  count(ms: number, answers?: number): void;
  outcome(): Outcome;
}

/** Counts answers from now on; those after `seconds` are not in the rate, but in the sum. */
export function startTally(seconds = Number.POSITIVE_INFINITY): Tally {
  const started = performance.now();
  const deadline = started + seconds * 1000;
  const times: number[] = [];
  let inTime = 0;
  let all = 0;
  let last = started;
  return {
    count(ms, answers = 1) {
      const now = performance.now();
      all += answers;
      times.push(ms);
      if (now > deadline) return;
      inTime += answers;
      last = now;
    },
    outcome() {
      times.sort((a, b) => a - b);
      const measured = seconds === Number.POSITIVE_INFINITY ? (last - started) / 1000 : seconds;
      return {
        perSecond: inTime / measured,
        answers: all,
        p50Ms: quantile(times, 0.5),
        p99Ms: quantile(times, 0.99),
        cores: 0,
      };
    },
  };
}

/** Of sorted numbers. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
