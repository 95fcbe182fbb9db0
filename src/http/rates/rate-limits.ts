import type { Request } from 'express';
import { ADMIN, ANONYMOUS } from '../../core/access.js';
import { FeedsError } from '../../core/errors.js';
import { networkOf } from '../../core/network.js';
import { wholeSeconds } from '../../core/rate.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { makeBuckets } from './buckets.js';
import type { Bucket, Buckets } from './buckets.js';
import type { Counted } from './spending.js';

/** Units a minute; 0: no limit. */
export interface RateQuotas {
  /** Requests that read, of one caller with credentials. */
  readonly read: number;
  /** Likewise, from one address without credentials. */
  readonly readAnonymous: number;
  /** Likewise, from one address, whoever they are. */
  readonly readAddress: number;
  /** Entries that one caller publishes, and all else that changes something. */
  readonly publish: number;
  /** Likewise, from one address. */
  readonly publishAddress: number;
}

/** Counts what callers use. The server's own admin token is not counted. */
export interface RateLimits {
  /**
   * Takes one unit for the request, once for however often it is asked. False: there is none, and nothing was taken. Its caller must
   * be known.
   */
  passes(req: Request): boolean;
  /** As `passes`, and throws `rate-limited` where it does not. */
  admit(req: Request): void;
  /** The same for so many entries, all or none, of which `admit` has taken one already. */
  admitEntries(req: Request, count: number): void;
}

export interface RateLimitsDeps {
  readonly quotas: RateQuotas;
  readonly tell: (bucket: Bucket) => void;
  readonly metrics: Pick<Metrics, 'rateLimited'>;
}

/** Other nodes are told with each tenth of a quota: what they do not know of is never more. */
const TOLD_PART = 1 / 10;

export function makeRateLimits({ quotas, tell, metrics }: RateLimitsDeps): RateLimits {
  const limit = (name: string, quota: number): Buckets | undefined =>
    quota === 0 ? undefined : makeBuckets({ name, quota }, { tellFrom: quota * TOLD_PART, tell });
  const read = limit('read', quotas.read);
  const readAnonymous = limit('read-anonymous', quotas.readAnonymous);
  const readAddress = limit('read-address', quotas.readAddress);
  const publish = limit('publish', quotas.publish);
  const publishAddress = limit('publish-address', quotas.publishAddress);
  const isAnyOn = [read, readAnonymous, readAddress, publish, publishAddress].some((one) => one !== undefined);

  function countedIn(req: Request): Counted[] {
    const counted: Counted[] = [];
    const { principal } = req;
    if (!isAnyOn || principal === ADMIN) return counted;
    const reads = isReading(req);
    const ofAddress = reads ? readAddress : publishAddress;
    if (principal !== ANONYMOUS) add(counted, reads ? read : publish, principal.name);
    else if (reads && readAnonymous !== undefined) add(counted, readAnonymous, networkOf(req.clientAddress));
    if (ofAddress !== undefined) add(counted, ofAddress, networkOf(req.clientAddress));
    return counted;
  }

  function passes(req: Request): boolean {
    if (req.spending !== undefined) return true;
    const counted = countedIn(req);
    if (counted.length === 0) return true;
    const now = performance.now();
    for (const { buckets, bucket } of counted) if (buckets.wait(bucket, 1, now) > 0) return false;
    for (const { buckets, bucket } of counted) buckets.take(bucket, 1, now);
    req.spending = { policies: policiesOf(counted), counted, reading: isReading(req) };
    return true;
  }

  function refusal(req: Request, counted: readonly Counted[], units: number): FeedsError {
    const now = performance.now();
    const waits = counted.map(({ buckets, bucket }) => buckets.wait(bucket, units, now));
    const violated = counted.filter((_one, index) => (waits[index] ?? 0) > 0).map(({ buckets }) => buckets.policy);
    const seconds = wholeSeconds(Math.max(...waits));
    req.spending = { policies: policiesOf(counted), counted, reading: false, refusedFor: seconds };
    for (const { name } of violated) metrics.rateLimited(name);
    const limits = violated.map(({ name, quota }) => `"${name}", ${String(quota)} a minute`).join(', and ');
    return tooMuch(`too much at once: the limit is ${limits}`, violated, seconds);
  }

  return {
    passes,
    admit(req) {
      if (!passes(req)) throw refusal(req, countedIn(req), 1);
    },
    admitEntries(req, count) {
      const { spending } = req;
      if (spending === undefined || count <= 1) return;
      const now = performance.now();
      const { counted } = spending;
      // One was taken already. It is gone where the rest cannot be had: to read them has cost something.
      for (const { buckets, bucket } of counted) buckets.take(bucket, -1, now);
      const isRefused = counted.some(({ buckets, bucket }) => buckets.wait(bucket, count, now) > 0);
      for (const { buckets, bucket } of counted) buckets.take(bucket, isRefused ? 1 : count, now);
      if (isRefused) throw refusal(req, counted, count);
    },
  };
}

/** RFC 6585 §4, with the member of draft-ietf-httpapi-ratelimit-headers-11 §5.1 that names the limits. */
export function tooMuch(message: string, violated: readonly { name: string }[], seconds: number): FeedsError {
  return new FeedsError('rate-limited', `${message}; try again in ${String(seconds)} s`, {
    retryAfterSeconds: seconds,
    extensions: { 'violated-policies': violated.map(({ name }) => name) },
  });
}

function isReading({ method }: Request): boolean {
  return method !== 'POST' && method !== 'PUT' && method !== 'PATCH' && method !== 'DELETE';
}

function add(counted: Counted[], buckets: Buckets | undefined, key: string): void {
  if (buckets !== undefined) counted.push({ buckets, bucket: buckets.of(key) });
}

function policiesOf(counted: readonly Counted[]): string {
  return counted.map(({ buckets }) => buckets.policyItem).join(', ');
}
