import type { Position } from '../core/entry.js';
import { EARLIEST, EXPORTED_PARTITION, feedMatcher, readFeedPatterns, workspacesOf } from '../core/export.js';
import type { Feed } from '../core/feed.js';
import type { NamedExport } from '../core/named-export.js';
import type { Db } from './db.js';
import { listExported, readExportedTo, secondsWaiting, startOf } from './export.js';
import { listExports } from './named-exports.js';
import { readPushState } from './pushes.js';
import type { PushState } from './pushes.js';

/** How far what was acknowledged is behind a feed. */
export interface FeedLag {
  readonly workspace: string;
  readonly feed: string;
  /** That are still there. */
  readonly entries: bigint;
  /** That are not: what retention, or the deletion of the feed, has taken. */
  readonly lost: bigint;
  /** The age of the oldest entry that is still there and was not acknowledged; 0: there is none. */
  readonly seconds: number;
}

/** All feeds together, the seconds of the one that waits the longest. */
export interface ExportLag extends Pick<FeedLag, 'entries' | 'lost' | 'seconds'> {
  /** Those that lag, the one that lags most first. */
  readonly feeds: readonly FeedLag[];
}

interface NamedLag {
  readonly name: string;
  readonly lag: ExportLag;
  /** Undefined: it has no target. */
  readonly push: Pick<PushState, 'failures' | 'deadLetters'> | undefined;
}

type Exported = Awaited<ReturnType<typeof listExported>>;

/** Of each export, in few statements for each of them. */
export async function readLags(db: Db): Promise<NamedLag[]> {
  const exports = await listExports(db);
  const exported = exports.length === 0 ? [] : await listExported(db, undefined);
  const lags: NamedLag[] = [];
  for (const one of exports) {
    const push = one.target === undefined ? undefined : await readPushState(db, one.id);
    lags.push({ name: one.name, lag: await readLag(db, one, exported), push });
  }
  return lags;
}

/** @param exported all feeds, where they are known already */
export async function readLag(
  db: Db,
  { feeds: patterns, place: { place, recordedAt } }: Pick<NamedExport, 'feeds' | 'place'>,
  exported?: Exported,
): Promise<ExportLag> {
  const wanted = readFeedPatterns(patterns.join(','));
  const isOneOf = feedMatcher(wanted);
  const feeds = new Map(
    (exported ?? (await listExported(db, workspacesOf(wanted))))
      .filter(({ feed }) => isOneOf(feed))
      .map((one) => [one.feed.id, one]),
  );
  const reached = await readExportedTo(db, EXPORTED_PARTITION, [...feeds.keys()], place, recordedAt ?? EARLIEST);
  const lagging: { one: Feed; feed: number; position: Position; entries: bigint; lost: bigint }[] = [];
  for (const to of reached) {
    const { feed, deleted } = feeds.get(to.feed) ?? {};
    if (feed === undefined) continue;
    const position = deleted === true ? to.head : startOf(to);
    const lost = (deleted === true ? to.head : to.firstKept - 1n) - to.position;
    const entries = to.head - position;
    if (entries > 0n || lost > 0n) {
      lagging.push({ one: feed, feed: feed.id, position, entries, lost: lost > 0n ? lost : 0n });
    }
  }
  const seconds = await secondsWaiting(
    db,
    EXPORTED_PARTITION,
    lagging.filter(({ entries }) => entries > 0n),
  );
  return added(
    lagging.map(({ one: { workspace, name }, feed, entries, lost }) => ({
      workspace,
      feed: name,
      entries,
      lost,
      seconds: seconds.get(feed) ?? 0,
    })),
  );
}

function added(feeds: readonly FeedLag[]): ExportLag {
  const sum = (of: (feed: FeedLag) => bigint): bigint => feeds.reduce((all, feed) => all + of(feed), 0n);
  return {
    entries: sum(({ entries }) => entries),
    lost: sum(({ lost }) => lost),
    seconds: feeds.reduce((most, { seconds }) => Math.max(most, seconds), 0),
    feeds: feeds.toSorted((one, other) => Number(other.entries - one.entries) || other.seconds - one.seconds),
  };
}
