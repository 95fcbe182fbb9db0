import type { Position } from '../core/entry.js';
import type { ExportLoss } from '../core/export.js';
import type { FeedId } from '../core/feed.js';
import type { Db } from '../store/db.js';
import { startOf } from '../store/export.js';
import type { ExportedTo } from '../store/export.js';
import { hasLost } from '../store/tenant-page.js';
import type { ExportedFeed } from './batches.js';

/** What was given of a feed. */
export interface Given {
  entries: number;
  last: Position;
}

export function noteGiven(given: Map<FeedId, Given>, feed: FeedId, position: Position): void {
  const before = given.get(feed);
  if (before === undefined) given.set(feed, { entries: 1, last: position });
  else {
    before.entries += 1;
    before.last = position;
  }
}

export interface Exported {
  readonly feeds: ReadonlyMap<FeedId, ExportedFeed>;
  /** Where it began in each feed. */
  readonly begun: readonly ExportedTo[];
  /** How far it has come in each of them. */
  readonly reached: ReadonlyMap<FeedId, ExportedTo>;
  readonly given: ReadonlyMap<FeedId, Given>;
}

/** For who has exported nothing yet: what was taken before is not missed. */
export function fromWhatIsKept(to: ExportedTo, exported: ExportedFeed | undefined): ExportedTo {
  return { ...to, position: exported?.deleted === true ? to.head : startOf(to), isUnsure: false };
}

/**
 * A log has no gaps: what stands between the places where an export began and ended, and was not given, was taken by retention
 * or with its feed, before the export or while it was under way.
 */
export async function readLosses(db: Db, { feeds, begun, reached, given }: Exported): Promise<ExportLoss[]> {
  const lost: ExportLoss[] = [];
  for (const one of begun) {
    const { feed, view, deleted } = feeds.get(one.feed) ?? {};
    const to = reached.get(one.feed);
    if (feed === undefined || view === undefined || to === undefined) continue;
    const name = { workspace: feed.workspace, feed: feed.name };
    if (view.kind === 'tenants') {
      const isLost = await hasLost(db, feed, view.tenants, one.position, { deleted: deleted === true });
      if (isLost) lost.push({ ...name, entries: undefined, atMost: false });
      continue;
    }
    const { entries = 0, last = 0n } = given.get(one.feed) ?? {};
    const until = to.isUnsure ? to.firstKept - 1n : to.position;
    const missing = (until > last ? until : last) - one.position - BigInt(entries);
    if (missing > 0n) lost.push({ ...name, entries: missing, atMost: one.isUnsure || to.isUnsure });
  }
  return lost;
}
