import type { Instant } from './entry.js';

/** Microseconds since 1970, as exact as instants are. */
export function microsecondsOf(instant: Instant): bigint {
  const fraction = /\.(\d+)Z$/.exec(instant)?.[1] ?? '';
  const wholeSeconds = BigInt(Date.parse(instant.replace(/\.\d+Z$/, 'Z')));
  return wholeSeconds * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6));
}

/** Of `2026-11-22T17:38:21`. */
const SECONDS_LENGTH = 19;

/** As Postgres writes it: without zeros at the end of the fraction. */
export function instantOf(microseconds: bigint): Instant {
  const fraction = String(microseconds % 1_000_000n)
    .padStart(6, '0')
    .replace(/0+$/, '');
  const whole = new Date(Number(microseconds / 1_000_000n) * 1000).toISOString().slice(0, SECONDS_LENGTH);
  return `${whole}${fraction === '' ? '' : `.${fraction}`}Z`;
}

/** The day of UTC: `2026-11-22`. */
export function dateOf(instant: Instant): string {
  return instant.slice(0, 10);
}

/** Whatever their fractions look like. */
export function isEarlier(one: Instant, other: Instant): boolean {
  return microsecondsOf(one) < microsecondsOf(other);
}
