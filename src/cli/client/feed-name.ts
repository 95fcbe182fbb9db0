import { UsageError } from '../command.js';

/** A feed as it is named on the command line: `shop/orders`. */
export interface FeedName {
  readonly workspace: string;
  readonly feed: string;
  /** As it was written. */
  readonly text: string;
}

/** @throws UsageError; which names are legal is the server's to say. */
export function feedName(text: string): FeedName {
  const [, workspace, feed] = /^([^/]+)\/([^/]+)$/.exec(text) ?? [];
  if (workspace === undefined || feed === undefined) {
    throw new UsageError(`"${text.slice(0, 100)}" names no feed, expected WORKSPACE/FEED, for example shop/orders`);
  }
  return { workspace, feed, text };
}

/** `/feeds/shop/orders` */
export function feedPath({ workspace, feed }: FeedName): string {
  return `/feeds/${encodeURIComponent(workspace)}/${encodeURIComponent(feed)}`;
}

/** `/admin/feeds/shop/orders` */
export function adminPath(name: FeedName): string {
  return `/admin${feedPath(name)}`;
}
