import type { SchemaVersion } from './contract.js';
import type { Feed } from './feed.js';

/** Every URL that we hand out, from one base URL: never from the Host header. */
export interface Urls {
  /** The base, without a trailing slash. */
  readonly base: string;
  service(): string;
  workspace(name: string): string;
  feed(feed: Named): string;
  /** What the id of an entry is appended to, as `uriComponent` writes it. */
  entries(feed: Named): string;
  entry(feed: Named, atomId: string): string;
  categories(feed: Named): string;
  archive(feed: Named, n: bigint): string;
  /** A version of a feed's contract. */
  schema(feed: Named, version: SchemaVersion): string;
}

type Named = Pick<Feed, 'workspace' | 'name'>;

/** The same where a feed is seen as one tenant sees it. */
export function tenantUrls(urls: Urls, tenant: string): Urls {
  const feedUrl = (feed: Named): string => `${urls.feed(feed)}/${uriComponent(tenant)}`;
  return {
    ...urls,
    ...feedUrls(feedUrl),
  };
}

/** Those that begin with a feed's. */
function feedUrls(feed: Urls['feed']): Pick<Urls, 'feed' | 'entries' | 'entry'> {
  const entries = (of: Named): string => `${feed(of)}/entries/`;
  return { feed, entries, entry: (of, atomId) => entries(of) + uriComponent(atomId) };
}

/** RFC 3986 §2.3: what encodeURIComponent leaves as it is, and so some more. */
const UNRESERVED = /^[\w.~-]*$/;

/** As encodeURIComponent, which takes three times as long to find that there is nothing to do. */
export function uriComponent(text: string): string {
  return UNRESERVED.test(text) ? text : encodeURIComponent(text);
}

export function urlsFrom(publicUrl: string): Urls {
  const base = publicUrl.replace(/\/+$/, '');
  const feedUrl = (feed: Named): string => `${base}/feeds/${feed.workspace}/${feed.name}`;
  return {
    base,
    service: () => `${base}/feeds`,
    workspace: (name) => `${base}/feeds/${name}`,
    ...feedUrls(feedUrl),
    categories: (feed) => `${feedUrl(feed)}/categories`,
    archive: (feed, n) => `${feedUrl(feed)}/archive/${String(n)}`,
    schema: (feed, version) => `${feedUrl(feed)}/schemas/${String(version)}`,
  };
}
