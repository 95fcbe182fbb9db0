/** 1: year … 6: second, 7: fraction with its point, 8: offset. Upper-case T and Z: RFC 4287 §3.3. */
const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
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
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const year = Number(match[1]);
  const month = Number(match[2]);
  const day = Number(match[3]);
  const hour = Number(match[4]);
  const minute = Number(match[5]);
  const second = Number(match[6]);
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const offset = offsetMinutes(match[8]!);
  if (offset === undefined) return undefined;

  const startOfMinute = utc(year, month, day) + (hour * 60 + minute - offset) * MINUTE_MS;
  if (second === 60) return endsMonth(startOfMinute + MINUTE_MS) ? startOfMinute + MINUTE_MS - 1 : undefined;
  const fraction = match[7] === undefined ? 0 : Number(match[7].slice(1, 4).padEnd(3, '0'));
  return startOfMinute + second * 1000 + fraction;
}

/** `+01:30` → 90. RFC 3339 §4.3: `-00:00` means UTC of an unknown local time. */
function offsetMinutes(text: string): number | undefined {
  if (text === 'Z') return 0;
  const hours = Number(text.slice(1, 3));
  const minutes = Number(text.slice(4, 6));
  if (hours > 23 || minutes > 59) return undefined;
  return (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

/** Date.UTC takes the years 0 to 99 for 1900 to 1999. */
function utc(year: number, month: number, day: number): number {
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
