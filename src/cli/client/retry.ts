import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal, Unreachable } from './refusal.js';

export interface Patience {
  /** For so long; Infinity: for ever. */
  readonly seconds: number;
  /** Told when the first attempt has failed, and when one has succeeded after that. */
  readonly tell: (reason: string) => Promise<void>;
  readonly signal?: AbortSignal;
}

const FIRST_SECONDS = 0.25;
const MOST_SECONDS = 15;
/** Statuses of what passes: the body got lost, too many requests, and a server or a proxy that cannot do it now. */
const PASSING = [408, 429, 502, 503, 504];

/**
 * Tries again what may be better later: after what `Retry-After` says, or a time that doubles. What else is wrong, and what has not
 * passed when patience ends, is thrown.
 */
export async function withPatience<T>({ seconds, tell, signal }: Patience, attempt: () => Promise<T>): Promise<T> {
  const end = Date.now() + seconds * 1000;
  const limit = seconds === Infinity ? '' : ` for ${String(seconds)} s at most`;
  for (let failed = 0; ; failed += 1) {
    try {
      const result = await attempt();
      if (failed > 0) await tell('it answers again');
      return result;
    } catch (error) {
      if (!passes(error)) throw error;
      const wait = waitSeconds(error, failed);
      if (Date.now() + wait * 1000 > end) throw error;
      if (failed === 0) await tell(`${(error as Error).message}; trying again${limit}`);
      await sleep(wait * 1000, undefined, signal === undefined ? {} : { signal });
    }
  }
}

function passes(error: unknown): boolean {
  if (error instanceof Unreachable) return !error.isPermanent;
  return error instanceof Refusal && PASSING.includes(error.status);
}

/** With some chance in it, so that many clients do not come back at the same moment. */
function waitSeconds(error: unknown, failed: number): number {
  const own = Math.min(FIRST_SECONDS * 2 ** failed, MOST_SECONDS) * (0.5 + Math.random() / 2);
  const asked = error instanceof Refusal ? retryAfter(error.headers.get('retry-after')) : undefined;
  return asked === undefined ? own : asked + own / 4;
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, (at - Date.now()) / 1000);
}
