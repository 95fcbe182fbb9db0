import { activeVersion } from './contract.js';
import { epochOfLinks } from './epoch.js';
import type { LogState } from './epoch.js';
import type { Entry, Instant, Position } from './entry.js';
import type { Feed } from './feed.js';
import { printSearch } from './search.js';
import type { Search } from './search.js';
import { uriComponent } from './urls.js';
import type { Urls } from './urls.js';

export const DEFAULT_LIMIT = 25;
export const MOST_ENTRIES = 1_000;
/**
 * Positions in an archived page. Not more than the default limit, so that a head that nobody limited reaches back to the
 * last full archived page (RFC 5005 §4: head and archive together are the whole feed), if its bytes do not end it sooner.
 */
export const ARCHIVE_PAGE_SIZE = 25;

/** A reader's place in a feed, as the request names it. */
export type Marker =
  | { readonly kind: 'position'; readonly position: Position; readonly epoch: string | undefined }
  /** A position as a tenant's reader gets it (core/seal.ts). */
  | { readonly kind: 'sealed'; readonly text: string }
  /** `asSent` is what stood in the URL, for an id that has percent signs of its own and was not encoded. */
  | { readonly kind: 'entry'; readonly atomId: string; readonly asSent: string }
  | { readonly kind: 'last' };

export interface PageRequest {
  /** Entries; as asked for, else the default. */
  readonly limit: number;
  readonly limitGiven: boolean;
  readonly marker: Marker | undefined;
  readonly direction: 'forward' | 'backward';
  readonly startingAt: Instant | undefined;
  readonly search: Search | undefined;
  /** What the links say of the representation: `format=`; undefined: nothing. */
  readonly format: string | undefined;
}

/** A page of a feed: a stretch of its log, newest first. */
export interface Page {
  readonly feed: Feed;
  /** As it was in the statement that read the entries. */
  readonly log: LogState;
  /**
   * The head in its name. Where its start had to be looked up first, an entry may have come between that and the rows:
   * then this is the head before both, so that the page is not taken for the one that the new entry makes.
   */
  readonly namedAfter: Position;
  readonly entries: readonly Entry[];
  /** The positions that were looked at, matching or not, from low to high; nothing when low is above high. */
  readonly low: Position;
  readonly high: Position;
  /** From where it goes on backward, with it; undefined: there is nothing older. */
  readonly older: Position | undefined;
  /** How its links write positions. */
  readonly mark: (position: Position) => PlaceMark;
  /** Archived pages are of the whole log: who sees a part of it has none. */
  readonly hasArchives: boolean;
  /** When the log of this feed last changed; undefined when nothing was ever published. */
  readonly changedAt: Instant | undefined;
  /** Positions that the reader asked for and retention has taken. */
  readonly gap: { readonly first: Position; readonly last: Position } | 'unnumbered' | undefined;
  /** Nothing that is published later can change it. */
  readonly closed: boolean;
}

/** A place as it stands in a link, with the epoch beside it where it does not hold that itself. */
export interface PlaceMark {
  readonly marker: string;
  readonly epoch: string | undefined;
}

/** Positions as they are. */
export function plainMark({ epochs }: LogState): Page['mark'] {
  const epoch = epochOfLinks(epochs);
  return (position) => ({ marker: String(position), epoch });
}

export interface Link {
  readonly rel: string;
  readonly href: string;
  /** The media type that it leads to, where that is not the document's own. */
  readonly type?: string;
}

/** A link relation of our own: from a page whose reader has lost entries to retention to the oldest entries kept. */
export const GAP_REL = 'urn:millrace:gap';

/** How many archived pages are full. */
export function fullArchives(feed: Feed, head: Position): bigint {
  return head / BigInt(feed.pageSize);
}

/** The newest archived page that holds, or follows in the log without a gap, what is older than `low`; 0n: none. */
function archiveBehind(page: Page): bigint {
  const size = BigInt(page.feed.pageSize);
  const older = page.low - 1n;
  const full = fullArchives(page.feed, page.log.head);
  const n = (older + size - 1n) / size;
  // What lies between the last full archived page and this page would be on neither.
  if (n > full || n * size < page.log.firstKept) return 0n;
  return n;
}

/** The links of a page (RFC 5005 §3 and §4), the same in the document and in the Link header. */
export function pageLinks(page: Page, request: PageRequest, urls: Urls): Link[] {
  const { feed } = page;
  const at = pageUrls(urls.feed(feed), request);
  const isHead = request.marker === undefined && request.startingAt === undefined;
  const links: Link[] = [
    { rel: 'self', href: at(selfPlace(page, request)) },
    { rel: 'current', href: withFormat(urls.feed(feed), request.format) },
    { rel: 'last', href: at({ marker: 'last' }) },
    { rel: 'previous', href: at({ ...page.mark(page.high), direction: 'forward' }) },
  ];
  if (page.older !== undefined)
    links.push({ rel: 'next', href: at({ ...page.mark(page.older), direction: 'backward' }) });
  if (!isHead) links.push({ rel: 'first', href: at({}) });
  // The archive is of the whole feed: it is no continuation of what a search has found.
  const archive = request.search === undefined && page.hasArchives ? archiveBehind(page) : 0n;
  if (archive > 0n) links.push({ rel: 'prev-archive', href: withFormat(urls.archive(feed, archive), request.format) });
  if (page.gap !== undefined) links.push({ rel: GAP_REL, href: at({ marker: 'last' }) });
  const contract = activeVersion(feed.contracts);
  if (contract !== undefined) links.push({ rel: 'describedby', href: urls.schema(feed, contract.version) });
  return links;
}

/** The page's own URL in each of the representations named. */
export function pageInFormats<Name extends string>(
  page: Page,
  request: PageRequest,
  urls: Urls,
  formats: readonly Name[],
): { format: Name; href: string }[] {
  const place = selfPlace(page, request);
  const at = pageUrls(urls.feed(page.feed), request);
  return formats.map((format) => ({ format, href: at(place, format) }));
}

/** The links of an archived page. It never changes, so it always names the next one, full or not. */
export function archiveLinks(feed: Feed, n: bigint, urls: Urls, format: string | undefined): Link[] {
  const archive = (number: bigint): string => withFormat(urls.archive(feed, number), format);
  const links: Link[] = [
    { rel: 'self', href: archive(n) },
    { rel: 'current', href: withFormat(urls.feed(feed), format) },
  ];
  if (n > 1n) links.push({ rel: 'prev-archive', href: archive(n - 1n) });
  links.push({ rel: 'next-archive', href: archive(n + 1n) });
  return links;
}

/** A URL without a query, for the representation. */
export function withFormat(url: string, format: string | undefined): string {
  return format === undefined ? url : `${url}?format=${format}`;
}

type Place = Partial<Record<'marker' | 'epoch' | 'direction' | 'startingAt', string | undefined>>;

function selfPlace(page: Page, request: PageRequest): Place {
  const { marker, direction, startingAt } = request;
  if (startingAt !== undefined) return direction === 'forward' ? { startingAt } : { startingAt, direction };
  if (marker === undefined) return {};
  if (marker.kind === 'last') return { marker: 'last' };
  // The place of an entry that is named by its id: what we hand out goes on working when retention has taken the entry.
  const position = marker.kind === 'position' ? marker.position : direction === 'forward' ? page.low - 1n : page.high;
  return { ...page.mark(position), direction };
}

/** The URLs of pages that are asked for in the same way, and differ in their place and representation. */
function pageUrls(base: string, request: PageRequest): (place: Place, format?: string) => string {
  const limit = request.limitGiven ? `&limit=${String(request.limit)}` : '';
  const search = request.search === undefined ? '' : `&search=${uriComponent(printSearch(request.search))}`;
  return ({ marker, direction, startingAt, epoch }, format = request.format) => {
    let query = '';
    if (marker !== undefined) query += `&marker=${uriComponent(marker)}`;
    if (direction !== undefined) query += `&direction=${direction}`;
    if (startingAt !== undefined) query += `&startingAt=${uriComponent(startingAt)}`;
    query += limit + search;
    if (epoch !== undefined) query += `&epoch=${epoch}`;
    if (format !== undefined) query += `&format=${uriComponent(format)}`;
    return query === '' ? base : `${base}?${query.slice(1)}`;
  };
}
