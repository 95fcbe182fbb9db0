import { networkOf } from './network.js';
import type { Instant } from './entry.js';

/**
 * Why somebody was not let in: showed nothing (401), showed something wrong (401), may know of it and not do this (403), may not
 * know of it (404).
 */
export type RefusalReason = 'no-credentials' | 'wrong-credentials' | 'forbidden' | 'unknown';

/** One request that was refused. */
export interface Refusal {
  /** The principal's name; undefined: who it was is not known. */
  readonly by: string | undefined;
  readonly address: string;
  readonly reason: RefusalReason;
  readonly method: string;
  readonly path: string;
}

/** All refusals of one principal, or else of one network, for one reason since they were last taken. */
export interface RefusalSum {
  readonly by: string;
  /** Of a principal the one that it came from last. */
  readonly address: string;
  readonly reason: RefusalReason;
  readonly count: number;
  readonly first: Instant;
  readonly last: Instant;
  readonly requests: readonly { readonly method: string; readonly path: string; readonly count: number }[];
  /** Requests that are not among these. */
  readonly more: number;
}

export interface Refusals {
  /** Costs a look into a map. */
  note(refusal: Refusal): void;
  /** What has been noted since the last time, in the order in which each began. */
  take(): RefusalSum[];
}

/** Of principals, and of networks: those that come later are summed up as `others`. Strangers cannot crowd out principals. */
const MOST_SUMS = 100;
const MOST_REQUESTS = 10;
const LONGEST_PATH = 200;
export const OTHERS = 'others';

interface Sum {
  readonly by: string;
  address: string;
  readonly reason: RefusalReason;
  count: number;
  readonly first: number;
  last: number;
  readonly requests: Map<string, { readonly method: string; readonly path: string; count: number }>;
  more: number;
}

/** Adds refusals up, so that whoever is refused a million times is told of once. Its memory is bounded, whoever asks for what. */
export function gatherRefusals(): Refusals {
  let principals = new Map<string, Sum>();
  let networks = new Map<string, Sum>();

  function sumOf({ by, address, reason }: Refusal): Sum {
    const sums = by === undefined ? networks : principals;
    const who = by ?? (address === '' ? 'unknown' : networkOf(address));
    const key = `${reason} ${who}`;
    const known = sums.get(key);
    if (known !== undefined) return known;
    const isFull = sums.size >= MOST_SUMS;
    const name = isFull ? OTHERS : who;
    const found = isFull ? sums.get(`${reason} ${OTHERS}`) : undefined;
    if (found !== undefined) return found;
    const now = Date.now();
    const empty = { reason, count: 0, first: now, last: now, requests: new Map<string, never>(), more: 0 };
    const from = by === undefined || isFull ? name : address;
    const sum: Sum = { ...empty, by: by === undefined ? 'anonymous' : name, address: from };
    sums.set(`${reason} ${name}`, sum);
    return sum;
  }

  return {
    note(refusal) {
      const sum = sumOf(refusal);
      sum.count += 1;
      sum.last = Date.now();
      if (refusal.by !== undefined && sum.by !== OTHERS) sum.address = refusal.address;
      const path = refusal.path.slice(0, LONGEST_PATH);
      const asked = sum.requests.get(`${refusal.method} ${path}`);
      if (asked !== undefined) asked.count += 1;
      else if (sum.requests.size >= MOST_REQUESTS) sum.more += 1;
      else sum.requests.set(`${refusal.method} ${path}`, { method: refusal.method, path, count: 1 });
    },
    take() {
      const sums = [...principals.values(), ...networks.values()].sort((one, other) => one.first - other.first);
      principals = new Map();
      networks = new Map();
      return sums.map(({ first, last, requests, ...sum }) => ({
        ...sum,
        first: new Date(first).toISOString(),
        last: new Date(last).toISOString(),
        requests: [...requests.values()].sort((one, other) => other.count - one.count),
      }));
    },
  };
}
