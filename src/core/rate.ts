/**
 * How much somebody may use in a time: the generic cell rate algorithm (ITU-T I.371, annex A), which is a token bucket whose whole
 * state is one time, that at which it will be full again. Nothing has to run to refill it, and what several nodes took out of it adds up.
 */
export interface RatePolicy {
  /** As the RateLimit header names it: letters, digits and hyphens. */
  readonly name: string;
  /** Units that the bucket holds, all of which may be taken at once; so many flow in again, evenly, in a window. Above 0. */
  readonly quota: number;
}

/** Quotas are of a minute. */
export const WINDOW_SECONDS = 60;
const WINDOW_MS = WINDOW_SECONDS * 1000;

/** Times are sums of fractions of a millisecond: what is nearer than this is the same. */
const NEAR_MS = 0.01;

/** The milliseconds in which so many units flow in. */
export function refillMs({ quota }: RatePolicy, units: number): number {
  return (units * WINDOW_MS) / quota;
}

/** When the bucket will be full again once units are taken out of it, or, below zero, are given back. All times in milliseconds. */
export function fullAfter(policy: RatePolicy, fullAt: number, now: number, units: number): number {
  return Math.max(fullAt, now) + refillMs(policy, units);
}

/**
 * Milliseconds until so many units can be taken; 0: now. More than the bucket holds can be taken when it is full: then it owes the
 * rest, and nothing can be taken until that has flowed in too.
 */
export function waitMs(policy: RatePolicy, fullAt: number, now: number, units: number): number {
  const needed = refillMs(policy, Math.min(units, policy.quota));
  const wait = fullAt - now + needed - WINDOW_MS;
  return wait > NEAR_MS ? wait : 0;
}

/** Whole units that can be taken now. */
export function unitsLeft(policy: RatePolicy, fullAt: number, now: number): number {
  const room = WINDOW_MS - Math.max(0, fullAt - now) + NEAR_MS;
  return room <= 0 ? 0 : Math.floor((room * policy.quota) / WINDOW_MS);
}

/** Seconds after which a wait of so many milliseconds is over: whole ones, as Retry-After has them (RFC 9110 §10.2.3). */
export function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
