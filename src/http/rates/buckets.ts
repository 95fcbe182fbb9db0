import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { WINDOW_SECONDS, fullAfter, refillMs, waitMs } from '../../core/rate.js';
import type { RatePolicy } from '../../core/rate.js';

/** What one key may still use of one limit. Times as of `performance.now()`. */
export interface Bucket {
  /** In the database: the limit's name and the key. */
  readonly key: string;
  fullAt: number;
  /** What was taken and other nodes have not been told of, in milliseconds of refilling. */
  untoldMs: number;
}

/** The buckets of one limit, as this node knows them. */
export interface Buckets {
  readonly policy: RatePolicy;
  /** As RateLimit-Policy tells it (draft-ietf-httpapi-ratelimit-headers-11 §3): `"read";q=600;w=60`. */
  readonly policyItem: string;
  readonly size: number;
  /** A full one where nothing is known. */
  of(key: string): Bucket;
  find(key: string): Bucket | undefined;
  /** Milliseconds until so many units can be taken; 0: now. */
  wait(bucket: Bucket, units: number, now: number): number;
  /** Below zero, units are given back. */
  take(bucket: Bucket, units: number, now: number): void;
}

export interface BucketsOptions {
  /** Units that are taken before other nodes are told. */
  readonly tellFrom: number;
  readonly tell: (bucket: Bucket) => void;
}

/** Of each limit; the longest unused is forgotten first. */
const MOST_BUCKETS = 10_000;

export function makeBuckets(policy: RatePolicy, { tellFrom, tell }: BucketsOptions): Buckets {
  const buckets = new LRUCache<string, Bucket>({ max: MOST_BUCKETS });
  const tellFromMs = refillMs(policy, tellFrom);
  return {
    policy,
    policyItem: `"${policy.name}";q=${String(policy.quota)};w=${String(WINDOW_SECONDS)}`,
    get size() {
      return buckets.size;
    },
    of(key) {
      const known = buckets.get(key);
      if (known !== undefined) return known;
      const bucket = { key: `${policy.name} ${printable(key)}`, fullAt: 0, untoldMs: 0 };
      buckets.set(key, bucket);
      return bucket;
    },
    find: (key) => buckets.get(key),
    wait: (bucket, units, now) => waitMs(policy, bucket.fullAt, now, units),
    take(bucket, units, now) {
      // What has flowed in again since need not be told any more.
      const missing = Math.max(0, bucket.fullAt - now);
      bucket.untoldMs = Math.min(bucket.untoldMs, missing) + refillMs(policy, units);
      bucket.fullAt = fullAfter(policy, bucket.fullAt, now, units);
      if (bucket.untoldMs >= tellFromMs) tell(bucket);
    },
  };
}

/** Postgres takes no NUL in a text, and an index no long one. */
function printable(key: string): string {
  return /^[\x21-\x7e]{1,300}$/.test(key) ? key : createHash('sha256').update(key).digest('hex');
}
