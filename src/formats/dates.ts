import type { Instant } from '../core/entry.js';

/** Upper-case T and Z: RFC 4287 §3.3. */
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
const LAST_SECOND = Date.UTC(9999, 11, 31, 23, 59, 59);
const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;

/**
 * Is this a date as Atom wants it (RFC 4287 §3.3: RFC 3339's date-time, with an upper-case T and Z and no white space)?
 * Days are those of the month; second 60 is legal only where UTC can have a leap second: at the end of the last minute of
 * a month in UTC (RFC 3339 §5.6, §5.7). Whether one was declared there is not checked.
 */
export function isRfc3339(text: string): boolean {
  return toInstantMs(text) !== undefined;
}

/**
 * The instant in milliseconds since 1970, finer fractions cut off; undefined when the text is no such date. Unix time has no
 * leap seconds: all of 23:59:60 becomes the last millisecond before the next minute, so that order is kept.
 */
export function toInstantMs(text: string): number | undefined {
  if (!DATE_TIME.test(text)) return undefined;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hour = twoDigits(text, 11);
  const minute = twoDigits(text, 14);
  const second = twoDigits(text, 17);
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const offset = offsetMinutes(text);
  if (offset === undefined) return undefined;

  const startOfMinute = utc(year, month, day) + (hour * 60 + minute - offset) * MINUTE_MS;
  if (second === 60) return endsMonth(startOfMinute + MINUTE_MS) ? startOfMinute + MINUTE_MS - 1 : undefined;
  return startOfMinute + second * 1000 + fractionMs(text);
}

const PARTS = /^(.{19})(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/;

/**
 * A date as Postgres takes it, in UTC and to the microsecond: it knows neither the year 0 nor offsets of 16 hours and more.
 * Nothing was recorded before 1970, nor after 9999: dates beyond are the first or last instant of that. What is finer is cut off, or with `forward` becomes
 * the next microsecond.
 */
export function toMicroseconds(date: string, direction: 'forward' | 'backward'): Instant {
  const [, seconds = '', fraction = '', offset = ''] = PARTS.exec(date) ?? [];
  const ms = toInstantMs(seconds + offset) ?? 0;
  if (ms < 0) return '1970-01-01T00:00:00.000000Z';
  // An offset, or rounding, may lead to the year 10000, which four digits do not hold.
  if (ms >= LAST_SECOND) return '9999-12-31T23:59:59.999999Z';
  const finer = /[1-9]/.test(fraction.slice(6)) && direction === 'forward' ? 1 : 0;
  const micros = Number(fraction.slice(0, 6).padEnd(6, '0')) + finer;
  return `${new Date(ms + Math.floor(micros / 1000)).toISOString().slice(0, -1)}${String(micros % 1000).padStart(3, '0')}Z`;
}

function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - 0x30) * 10 + text.charCodeAt(at + 1) - 0x30;
}

/** Of a text whose fraction, if it has one, begins at 19: `2024-03-11T15:00:09.48Z` → 480. */
function fractionMs(text: string): number {
  if (text.charAt(19) !== '.') return 0;
  let milliseconds = 0;
  let weight = 100;
  for (let at = 20; weight >= 1; at++, weight /= 10) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) break;
    milliseconds += digit * weight;
  }
  return milliseconds;
}

/** Of a text that ends in its offset: `…+01:30` → 90. RFC 3339 §4.3: `-00:00` is UTC, of an unknown local time. */
function offsetMinutes(text: string): number | undefined {
  if (text.endsWith('Z')) return 0;
  const hours = twoDigits(text, text.length - 5);
  const minutes = twoDigits(text, text.length - 2);
  if (hours > 23 || minutes > 59) return undefined;
  return (text.charAt(text.length - 6) === '-' ? -1 : 1) * (hours * 60 + minutes);
}

function utc(year: number, month: number, day: number): number {
  // Date.UTC takes the years 0 to 99 for 1900 to 1999.
  if (year > 99) return Date.UTC(year, month - 1, day);
  const date = new Date(0);
  return date.setUTCFullYear(year, month - 1, day);
}

function endsMonth(instantMs: number): boolean {
  const date = new Date(instantMs);
  return instantMs % (DAY_MINUTES * MINUTE_MS) === 0 && date.getUTCDate() === 1;
}

function daysOf(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
