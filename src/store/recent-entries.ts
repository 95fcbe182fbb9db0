import type { Entry, Instant, Position } from '../core/entry.js';
import type { LogState } from '../core/epoch.js';
import type { Feed, FeedId } from '../core/feed.js';
import type { Placed } from '../core/place.js';
import { isPrivate } from '../core/search.js';
import type { Direction, LogView, PlainRows } from './plain-page.js';

/**
 * The newest entries of each feed that this node has committed itself: those who follow a feed want what was written a
 * moment ago, and the database need not be asked for it. Ordinary feeds only.
 */
export interface RecentEntries {
  committed(tick: { readonly epoch: string; readonly recordedAt: Instant }, entries: readonly Placed[]): void;
  /**
   * The page, as `readPlainPage` would read it from a log in this state, when all of it is here. `from` is as there.
   */
  page(
    feed: Feed,
    log: LogState,
    view: LogView,
    direction: Direction,
    from: Position | undefined,
    limit: number,
  ): PlainRows | undefined;
}

/** One page of the usual limit, and what comes while it is read. */
const MOST_ENTRIES = 64;
const MOST_OCTETS = 128 * 1024;
/** Of all feeds together; those that were written to longest ago go first. */
const ALL_OCTETS = 16 * 1024 * 1024;

/** Ascending, without a gap. */
interface Recent {
  readonly epoch: string;
  entries: { readonly entry: Entry; readonly octets: number; readonly isPrivate: boolean }[];
  octets: number;
}

export function keepRecentEntries(): RecentEntries {
  /** In the order in which they were written to. */
  const feeds = new Map<FeedId, Recent>();
  let octetsOfAll = 0;

  function drop(feedId: FeedId): void {
    octetsOfAll -= feeds.get(feedId)?.octets ?? 0;
    feeds.delete(feedId);
  }

  function add(recent: Recent, { position, entry }: Placed, recordedAt: Instant): void {
    const { atomId, xml, octets, terms, schemaVersion } = entry;
    const kept: Entry = { position, kind: 'entry', atomId, xml, recordedAt, schemaVersion };
    recent.entries.push({ entry: kept, octets, isPrivate: isPrivate(terms) });
    recent.octets += octets;
  }

  /** Not at each entry, for that would move all others each time. */
  function shorten(recent: Recent): void {
    if (recent.entries.length <= 2 * MOST_ENTRIES && recent.octets <= 2 * MOST_OCTETS) return;
    let first = recent.entries.length;
    let octets = 0;
    while (first > 0 && recent.entries.length - first < MOST_ENTRIES) {
      const next = octets + (recent.entries[first - 1]?.octets ?? 0);
      if (next > MOST_OCTETS) break;
      octets = next;
      first -= 1;
    }
    recent.entries = recent.entries.slice(first);
    recent.octets = octets;
  }

  return {
    committed({ epoch, recordedAt }, entries) {
      const written = new Set<FeedId>();
      for (const placed of entries) {
        const { feedId, position } = placed;
        let recent = feeds.get(feedId);
        if (!written.has(feedId)) {
          written.add(feedId);
          drop(feedId);
          const follows = recent?.epoch === epoch && recent.entries.at(-1)?.entry.position === position - 1n;
          recent = follows && recent !== undefined ? recent : { epoch, entries: [], octets: 0 };
          feeds.set(feedId, recent);
        }
        if (recent !== undefined) add(recent, placed, recordedAt);
      }
      for (const feedId of written) {
        const recent = feeds.get(feedId);
        if (recent === undefined) continue;
        shorten(recent);
        if (recent.entries.length === 0) feeds.delete(feedId);
        else octetsOfAll += recent.octets;
      }
      for (const feedId of feeds.keys()) {
        if (octetsOfAll <= ALL_OCTETS) break;
        drop(feedId);
      }
    },
    page(feed, { head, firstKept, epochs }, view, direction, from, limit) {
      const recent = feeds.get(feed.id);
      const oldest = recent?.entries[0]?.entry.position;
      const newest = recent?.entries.at(-1)?.entry;
      if (recent === undefined || oldest === undefined || newest === undefined) return undefined;
      if (feed.settings.editable || newest.position !== head || !recent.epoch.startsWith(epochs.current))
        return undefined;
      // A place beyond the head is for the database to judge: it may know more than this node.
      if (from !== undefined && from > head) return undefined;
      const wanted = BigInt(limit);
      const start = direction === 'forward' ? (from ?? 0n) + 1n : (from ?? head) - wanted + 1n;
      const low = start > firstKept ? start : firstKept;
      if (low < oldest) return undefined;
      const high = direction === 'backward' ? (from ?? head) : low + wanted - 1n;
      const first = Number(low - oldest);
      const found = recent.entries.slice(first, first + Number(high - low) + 1);
      if (direction === 'backward') found.reverse();
      const seen = view === 'whole' ? found : found.filter((one) => !one.isPrivate);
      return {
        head,
        firstKept,
        epoch: recent.epoch,
        changedAt: newest.recordedAt,
        entries: seen.map(({ entry }) => entry),
        end: found.at(-1)?.entry.position,
        full: found.length >= limit,
      };
    },
  };
}
