import type { ExportPlace, ExportStretch } from '../core/export.js';
import type { FeedId } from '../core/feed.js';
import type { Position } from '../core/entry.js';
import type { Db } from './db.js';
import { readStretches, readStretchesOf } from './export.js';

/** Feeds up to which each is read by its own index and the ticks of others are never seen (docs/adr/0012). */
export const FEW_FEEDS = 50;
const AT_ONCE = 2_000;

export interface Walk {
  readonly partition: number;
  /** Each with the position that has been exported of it. */
  readonly feeds: ReadonlyMap<FeedId, Position>;
  readonly after: ExportPlace;
  /** The walk ends here: of the last stretch the rest is left out. */
  readonly to: ExportPlace;
}

/** The stretches of these feeds behind the place, in the order of the clock; of the first of them what is left. */
export async function* walk(db: Db, { partition, feeds, after, to }: Walk): AsyncGenerator<ExportStretch> {
  if (feeds.size === 0) return;
  const lastTick = to.tick;
  const all =
    feeds.size <= FEW_FEEDS ? walkFew(db, partition, feeds, lastTick) : walkMany(db, partition, feeds, after, lastTick);
  for await (const stretch of all) {
    const isLast = stretch.tick === to.tick && stretch.feed >= to.feed;
    if (isLast && stretch.feed > to.feed) return;
    const exported = feeds.get(stretch.feed) ?? 0n;
    const first = stretch.first > exported ? stretch.first : exported + 1n;
    const last = isLast && to.position < stretch.last ? to.position : stretch.last;
    if (last >= first) yield { ...stretch, first, last };
  }
}

/** Each feed's own, merged. */
async function* walkFew(
  db: Db,
  partition: number,
  feeds: ReadonlyMap<FeedId, Position>,
  lastTick: bigint,
): AsyncGenerator<ExportStretch> {
  const limit = Math.ceil(AT_ONCE / feeds.size);
  const queues = new Map<FeedId, ExportStretch[]>();
  let empty = [...feeds].map(([feed, position]) => ({ feed, position }));
  for (;;) {
    if (empty.length > 0) {
      for (const stretch of await readStretchesOf(db, partition, empty, lastTick, limit)) {
        const queue = queues.get(stretch.feed);
        if (queue === undefined) queues.set(stretch.feed, [stretch]);
        else queue.push(stretch);
      }
      // In reverse, as the end of an array is where it is quick to take from.
      for (const { feed } of empty) queues.get(feed)?.reverse();
      empty = [];
    }
    let next: ExportStretch | undefined;
    for (const queue of queues.values()) {
      const first = queue.at(-1);
      if (first !== undefined && (next === undefined || isBefore(first, next))) next = first;
    }
    if (next === undefined) return;
    const queue = queues.get(next.feed);
    queue?.pop();
    if (queue?.length === 0) {
      queues.delete(next.feed);
      empty.push({ feed: next.feed, position: next.last });
    }
    yield next;
  }
}

/** All of the clock, in windows. */
async function* walkMany(
  db: Db,
  partition: number,
  feeds: ReadonlyMap<FeedId, Position>,
  after: ExportPlace,
  lastTick: bigint,
): AsyncGenerator<ExportStretch> {
  // Of the stretch in which the place is something may be left.
  let place: Pick<ExportStretch, 'tick' | 'feed'> = { tick: after.tick, feed: after.feed - 1 };
  for (;;) {
    const stretches = await readStretches(db, partition, place, lastTick, AT_ONCE);
    for (const stretch of stretches) if (feeds.has(stretch.feed)) yield stretch;
    const last = stretches.at(-1);
    if (stretches.length < AT_ONCE || last === undefined) return;
    place = last;
  }
}

function isBefore(one: ExportStretch, other: ExportStretch): boolean {
  return one.tick < other.tick || (one.tick === other.tick && one.feed < other.feed);
}
