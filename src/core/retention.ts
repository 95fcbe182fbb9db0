import type { Position } from './entry.js';
import type { FeedSettings } from './feed.js';

/**
 * Ticks are kept for so long at least: by its newest tick a node that comes back to the database sees whether the log
 * has gone back.
 */
export const TICKS_KEPT_HOURS = 24;

/** A deleted feed can be brought back for so long. */
export const RESTORABLE_HOURS = 24;

/** What one feed's retention depends on. */
export interface RetentionRule {
  readonly settings: Pick<FeedSettings, 'keepDays' | 'keepEntries'>;
  readonly pageSize: number;
}

/**
 * The lowest position that a feed has to keep: whole archived pages go, once all of a page is older than `keepDays`
 * or further behind the head than `keepEntries`, whichever comes first. `expired` is the last position that is older
 * than keepDays, 0 when there is none.
 */
export function floorFor({ settings, pageSize }: RetentionRule, head: Position, expired: Position): Position {
  const surplus = settings.keepEntries === undefined ? 0n : head - BigInt(settings.keepEntries);
  const old = settings.keepDays === undefined ? 0n : expired;
  const mayGo = surplus > old ? surplus : old;
  if (mayGo <= 0n) return 1n;
  const size = BigInt(pageSize);
  return (mayGo / size) * size + 1n;
}
