import type { Request } from 'express';
import { unitsLeft, wholeSeconds } from '../../core/rate.js';
import type { RatePolicy } from '../../core/rate.js';
import type { Known } from '../../store/head-memory.js';
import type { Bucket, Buckets } from './buckets.js';

/** One limit that a request counts in. */
export interface Counted {
  readonly buckets: Buckets;
  readonly bucket: Bucket;
}

/** What a request takes out of its buckets. */
export interface Spending {
  /** RateLimit-Policy. */
  readonly policies: string;
  readonly counted: readonly Counted[];
  /** It takes one unit at first; one of these gives the rest back when the answer is known. */
  reading: boolean;
  /** What is asked for had to be made to tell whether it is new: a 304 then costs what a 200 does. */
  wasMade?: boolean;
  /** Set where it is refused: seconds until it would not be. */
  readonly refusedFor?: number;
}

/** Units that an answer takes, where it takes less than a whole one. */
const NOTHING_NEW = 1 / 20;
const OF_A_PUBLIC_FEED = 1 / 4;

/** The header fields that tell a caller what is left to it, once it is known what the answer is; each a name and a value. */
export function rateFields(req: Request, status: number): readonly string[] {
  const { spending } = req;
  if (spending === undefined) return NONE;
  const now = performance.now();
  if (spending.reading) {
    spending.reading = false;
    const price = priceOf(req, status);
    if (price < 1) for (const { buckets, bucket } of spending.counted) buckets.take(bucket, price - 1, now);
  }
  let limits = '';
  for (const { buckets, bucket } of spending.counted) {
    limits += `${limits === '' ? '' : ', '}${limitItem(buckets.policy, bucket, now, spending.refusedFor)}`;
  }
  return ['ratelimit-policy', spending.policies, 'ratelimit', limits];
}

const NONE: readonly string[] = [];

/** What is not there costs as much as what the caller may not see: the price tells nothing of it. */
function priceOf(req: Request, status: number): number {
  if (status === 304 && req.spending?.wasMade !== true) return NOTHING_NEW;
  const known = req.known as Known | undefined;
  return status < 400 && known?.feed.settings.public === true ? OF_A_PUBLIC_FEED : 1;
}

/**
 * draft-ietf-httpapi-ratelimit-headers-11 §4: the units that are left, and the seconds until all are there again. §6: in a refusal
 * these do not end later than Retry-After.
 */
function limitItem(policy: RatePolicy, { fullAt }: Bucket, now: number, refusedFor: number | undefined): string {
  const left = unitsLeft(policy, fullAt, now);
  const untilFull = wholeSeconds(fullAt - now);
  const seconds = refusedFor === undefined ? untilFull : Math.min(untilFull, refusedFor);
  return `"${policy.name}";r=${String(left)};t=${String(seconds)}`;
}
