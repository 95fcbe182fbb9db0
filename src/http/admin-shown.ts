import type { Position } from '../core/entry.js';
import type { Feed } from '../core/feed.js';
import type { Urls } from '../core/urls.js';
import type { FeedWithHead } from '../store/feeds.js';

/** A feed as the lists of /admin show it (schemas/api/feed.json). */
export function showFeed(feed: Feed, urls: Urls): object {
  const { workspace, name, atomId: id, createdAt, settings } = feed;
  return { workspace, name, url: urls.feed(feed), id, createdAt, ...settings };
}

/** The same with the extent of its log. */
export function showFeedWithHead({ feed, head, firstKept }: FeedWithHead, urls: Urls): object {
  return { ...showFeed(feed, urls), head: showPosition(head), firstKept: showPosition(firstKept) };
}

/** JSON has no bigint; what a reader's number type could not hold is a string. */
function showPosition(position: Position): number | string {
  return position <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(position) : String(position);
}
