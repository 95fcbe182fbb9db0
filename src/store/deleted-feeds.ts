import type { Instant } from '../core/entry.js';
import type { ChosenSettings, Feed, FeedId } from '../core/feed.js';
import type { Db, Tx } from './db.js';
import { FEED_COLUMNS, FEED_COLUMN_COUNT, toFeed } from './feeds.js';
import type { FeedRow } from './feeds.js';

/** A feed that was deleted and can be brought back. */
export interface DeletedFeed {
  readonly feed: Feed;
  readonly deletedAt: Instant;
  readonly restorableUntil: Instant;
}

const LIST_RESTORABLE = `
  select ${FEED_COLUMNS}, f.deleted_at, f.restorable_until
    from feeds f
    join heads h on h.partition_id = f.partition_id and h.feed_id = f.feed_id
   where f.restorable_until > clock_timestamp()
     and ($1::text is null or f.workspace = $1)
   order by f.workspace, f.name`;

/** All deleted feeds that can be brought back, or those of one workspace, by name. */
export async function listRestorable(db: Db, workspace?: string): Promise<DeletedFeed[]> {
  const { rows } = await db.query<[...FeedRow, Instant, Instant]>({
    name: 'list-restorable',
    text: LIST_RESTORABLE,
    values: [workspace ?? null],
  });
  return rows.map((row) => {
    const [deletedAt, restorableUntil] = row.slice(FEED_COLUMN_COUNT) as [Instant, Instant];
    return { feed: toFeed(row.slice(0, FEED_COLUMN_COUNT) as FeedRow), deletedAt, restorableUntil };
  });
}

const CLOSE_FEED = `
  update feeds
     set deleted_at = now(), restorable_until = clock_timestamp() + make_interval(hours => $2)
   where feed_id = $1`;

/**
 * Hides the feed; for so many hours it can be brought back as it was. It must be locked (`lockHead`): a batch that is under
 * way finishes first, a later one sees this.
 */
export async function closeFeed(tx: Tx, feedId: FeedId, restorableHours: number): Promise<void> {
  await tx.query({ name: 'close-feed', text: CLOSE_FEED, values: [feedId, restorableHours] });
}

const PURGE_FEED = `
  update feeds
     set deleted_at = coalesce(deleted_at, now()), restorable_until = null
   where feed_id = $1`;

/** It cannot be brought back. Its floor has to be moved behind its last entry in the same transaction. */
export async function purgeFeed(tx: Tx, feedId: FeedId): Promise<void> {
  await tx.query({ name: 'purge-feed', text: PURGE_FEED, values: [feedId] });
}

const EXPIRE_FEED = `
  update feeds
     set restorable_until = null
   where feed_id = $1
     and restorable_until <= now()
  returning 1`;

/** As `purgeFeed`, of a feed whose time is over; false: it is not, or it was brought back. The feed must be locked. */
export async function expireFeed(tx: Tx, feedId: FeedId): Promise<boolean> {
  const { rows } = await tx.query({ name: 'expire-feed', text: EXPIRE_FEED, values: [feedId] });
  return rows.length > 0;
}

const RESTORE_FEED = `
  update feeds
     set deleted_at = null, restorable_until = null
   where feed_id = $1
     and restorable_until > clock_timestamp()
  returning 1`;

/**
 * Brings the feed back as it was: what was rendered of it, and every ETag, is true again. False: its time is over. The feed
 * must be locked (`lockHead`).
 */
export async function restoreFeed(tx: Tx, feedId: FeedId): Promise<boolean> {
  const { rows } = await tx.query({ name: 'restore-feed', text: RESTORE_FEED, values: [feedId] });
  return rows.length > 0;
}

const REVIVE_FEED = `
  update feeds
     set atom_id = $2, settings = $3, settings_version = settings_version + 1, created_at = now(), deleted_at = null,
         restorable_until = null
   where feed_id = $1`;

/**
 * A deleted feed's name is used again: another feed, whose log goes on after the old one's last position. The floor has to
 * be moved behind that in the same transaction.
 */
export async function reviveFeed(tx: Tx, feedId: FeedId, atomId: string, chosen: ChosenSettings): Promise<void> {
  await tx.query({ name: 'revive-feed', text: REVIVE_FEED, values: [feedId, atomId, JSON.stringify(chosen)] });
}
