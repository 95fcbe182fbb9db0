import { FeedsError } from './errors.js';

/** What a workspace may have; of what is not named, as much as it likes. */
export interface Quotas {
  /** Those that were deleted and can be restored too: they take their room. */
  readonly feeds?: number;
  /** Positions of its feeds that are taken in a day of UTC: entries, revisions and tombstones. */
  readonly entriesPerDay?: number;
  /** Of the stored entries that are kept, and of contracts. */
  readonly bytes?: number;
}

/** Entries and their bytes, as they are stored, with those of contracts. */
export interface Amount {
  readonly entries: number;
  readonly octets: number;
}

const DAY_MS = 86_400_000;
const ASK = 'Ask whoever administers this server for more';

/** Throws `quota-exceeded` when there may be no more feeds in the workspace. */
export function checkFeedsQuota(workspace: string, { feeds: limit }: Quotas, used: number): void {
  if (limit === undefined || used < limit) return;
  const message =
    `the workspace "${workspace}" has ${counted(used, 'feed')}, with those that were deleted and can be restored, and a ` +
    `quota of ${count(limit)}: delete one for good. ${ASK}`;
  throw new FeedsError('quota-exceeded', message, { extensions: { quota: 'feeds', limit, used } });
}

/** What the workspace has used, and since when it is counted by the day. */
export interface Used extends Amount {
  /** When the day of `entries` began, by the clock of the database; milliseconds since 1970. */
  readonly dayBegan: number;
}

/**
 * Throws `quota-exceeded`, or `daily-quota-exceeded` when it will do tomorrow, where the workspace may not have more. For nothing there
 * is always room, also where more is used than the quota has: it may have been lowered.
 */
export function checkEntryQuotas(workspace: string, quotas: Quotas, used: Used, more: Amount, now: number): void {
  if (quotas.bytes !== undefined && more.octets > 0 && used.octets + more.octets > quotas.bytes) {
    const message =
      `the workspace "${workspace}" keeps ${counted(used.octets, 'byte')} of entries and contracts, this would ` +
      `be ${count(more.octets)} more, and its quota is ${count(quotas.bytes)}: retention and the deletion of feeds give ` +
      `bytes back. ${ASK}`;
    throw exceeded('quota-exceeded', message, 'bytes', quotas.bytes, used.octets);
  }
  const { entriesPerDay } = quotas;
  if (entriesPerDay === undefined || more.entries === 0 || used.entries + more.entries <= entriesPerDay) return;
  if (more.entries > entriesPerDay) {
    const message =
      `this is ${counted(more.entries, 'entry', 'entries')} at once, and the workspace "${workspace}" has a quota of ` +
      `${count(entriesPerDay)} a day: send less at once. ${ASK}`;
    throw exceeded('quota-exceeded', message, 'entriesPerDay', entriesPerDay, used.entries);
  }
  const message =
    `the workspace "${workspace}" has published ${counted(used.entries, 'entry', 'entries')} since midnight UTC, this would ` +
    `be ${count(more.entries)} more, and its quota is ${count(entriesPerDay)} a day: try again tomorrow. ${ASK}`;
  const retryAfterSeconds = Math.max(1, Math.ceil((used.dayBegan + DAY_MS - now) / 1000));
  throw exceeded('daily-quota-exceeded', message, 'entriesPerDay', entriesPerDay, used.entries, retryAfterSeconds);
}

/** Is it still the day that began then? */
export function isSameDay(dayBegan: number, now: number): boolean {
  return now < dayBegan + DAY_MS;
}

function exceeded(
  code: 'quota-exceeded' | 'daily-quota-exceeded',
  message: string,
  quota: keyof Quotas,
  limit: number,
  used: number,
  retryAfterSeconds?: number,
): FeedsError {
  const extensions = { quota, limit, used };
  return new FeedsError(code, message, {
    extensions,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

function count(amount: number): string {
  return amount.toLocaleString('en');
}

function counted(amount: number, one: string, many = `${one}s`): string {
  return `${count(amount)} ${amount === 1 ? one : many}`;
}
