import type { Request, Response, Router } from 'express';
import { commonTick, shortEpoch } from '../../core/epoch.js';
import type { LogState } from '../../core/epoch.js';
import { atomKey } from '../../core/entry.js';
import type { Position } from '../../core/entry.js';
import { FeedsError } from '../../core/errors.js';
import type { Feed } from '../../core/feed.js';
import { archiveLinks, fullArchives, pageLinks } from '../../core/page.js';
import type { Link, Marker, Page, PageRequest } from '../../core/page.js';
import { feedDocument } from '../../formats/atom-write.js';
import { ATOM, ATOM_FEED } from '../../formats/media-types.js';
import { preferred, preferredCoding } from '../../formats/negotiate.js';
import { commonPosition } from '../../store/epochs.js';
import { findMember, positionSince, readPage, readStretch } from '../../store/pages.js';
import { cacheScope, may } from '../middleware/may.js';
import { inCoding } from '../page-cache.js';
import type { RenderedPage } from '../page-cache.js';
import { queryOf, readPageRequest } from '../page-request.js';
import { VARY, send } from '../respond.js';
import type { Services } from '../services.js';
import { baseTag, listedTags, noneMatchFits, pageTag, parseTag, quoted } from '../tags.js';

/** What is in a page that a feed gives to `Accept: application/xml` and `text/xml` too. */
const ATOM_OFFERS = [ATOM, 'application/xml', 'text/xml'];

/**
 * `GET /feeds/{workspace}/{feed}`: a page of the feed, newest first, with the query parameters limit, marker, direction,
 * startingAt and search (RFC 5005 §3); `GET …/archive/{n}`: the n-th full stretch of its log (RFC 5005 §4).
 * Errors: bad-parameter, bad-marker, bad-search (400), unknown-marker (404), not-acceptable (406), marker-beyond-log (409).
 */
export function addFeedRoutes(router: Router, services: Services): void {
  const base = baseTag(services.urls.base);
  router.get('/feeds/:workspace/:feed', may('read', services), (req, res) => readFeed(req as unknown as Request, res));
  router.get('/feeds/:workspace/:feed/archive/:n', may('read', services), (req, res) =>
    readArchive(req as unknown as Request, res, (req.params as unknown as { n: string }).n),
  );

  function readFeed(req: Request, res: Response): void | Promise<void> {
    const { feed, head, firstKept, epochs } = req.known;
    const log: LogState = { head, firstKept, epochs };
    acceptAtom(req);

    // A poll that finds nothing new asks the database nothing: the tag says which head it is of.
    const noneMatch = req.headers['if-none-match'];
    if (noneMatch !== undefined) {
      for (const closed of [false, true]) {
        const tag = pageTag(base, feed, log, closed, 'atom');
        if (noneMatchFits(noneMatch, tag)) {
          notModified(req, res, tag, cacheControl(req));
          return;
        }
      }
    }
    const query = queryOf(req.url);
    const key = `${String(feed.id)}?${query}`;
    const kept = noneMatch === undefined || !aheadOf(noneMatch, log) ? services.pages.find(key, feed, log) : undefined;
    services.metrics.pageCache(kept !== undefined);
    if (kept !== undefined) return give(req, res, kept, cacheControl(req));
    return build(req, feed, log, readPageRequest(query), noneMatch).then((page) => {
      services.pages.keep(key, page);
      return give(req, res, page, cacheControl(req));
    });
  }

  async function build(
    req: Request,
    feed: Feed,
    log: LogState,
    request: PageRequest,
    noneMatch: string | undefined,
  ): Promise<RenderedPage> {
    const page = await pageFor(services, feed, log, request);
    if (noneMatch !== undefined) await refuseTagsFromBeyond(services, page, noneMatch);
    const links = pageLinks(page, request, services.urls);
    const [newest] = page.entries;
    const updated = (page.closed ? newest?.recordedAt : page.changedAt) ?? newest?.recordedAt ?? feed.createdAt;
    const text = feedDocument({ feed, updated, links, archive: false }, page.entries, services.urls);
    return rendered(page, pageTag(base, feed, page.log, page.closed, 'atom'), text, links);
  }

  function rendered(page: Page, tag: string, text: string, links: readonly Link[]): RenderedPage {
    const { gap, log } = page;
    return {
      tag,
      headers: [
        ...['content-type', `${ATOM_FEED};charset=utf-8`, 'vary', VARY, 'link', linkHeader(links)],
        ...(gap === undefined ? [] : ['millrace-gap', `${String(gap.first)}-${String(gap.last)}`]),
      ],
      body: Buffer.from(text),
      epoch: log.epochs.current,
      head: log.head,
      firstKept: log.firstKept,
      settingsVersion: page.feed.settingsVersion,
      closed: page.closed,
      coded: {},
    };
  }

  async function readArchive(req: Request, res: Response, name: string): Promise<void> {
    const { feed } = req.known;
    acceptAtom(req);
    if (!/^[1-9]\d{0,15}$/.test(name))
      throw new FeedsError('not-found', `"${name.slice(0, 32)}" is no number of an archived page: they are 1, 2, 3 …`);
    const n = BigInt(name);
    const size = BigInt(feed.pageSize);
    const known = await upTo(services, req, n * size);
    const log: LogState = { head: known.head, firstKept: known.firstKept, epochs: known.epochs };
    if (n * size < log.firstKept) throw new FeedsError('gone', `retention has taken archived page ${name}`);
    if (n > fullArchives(feed, log.head)) {
      // Page n-1 has always named this one as its next. RFC 9110 §15.4.8: for now what is in it is in the feed.
      if (n === fullArchives(feed, log.head) + 1n) {
        send(req, res, 307, ['location', services.urls.feed(feed), 'cache-control', 'no-store', 'vary', VARY], '');
        return;
      }
      throw new FeedsError('not-found', `there are ${String(fullArchives(feed, log.head))} archived pages so far`);
    }
    const tag = pageTag(base, feed, log, true, 'atom');
    const cache = req.principal === 'anonymous' ? 'public, max-age=86400' : 'private, max-age=86400';
    if (req.headers['if-none-match'] !== undefined && noneMatchFits(req.headers['if-none-match'], tag)) {
      notModified(req, res, tag, cache);
      return;
    }
    const key = `${String(feed.id)}/archive/${name}`;
    let page = services.pages.find(key, feed, log);
    services.metrics.pageCache(page !== undefined);
    if (page === undefined) {
      const entries = await readStretch(services.db, feed, (n - 1n) * size + 1n, n * size);
      const links = archiveLinks(feed, n, services.urls);
      const text = feedDocument(
        { feed, updated: entries[0]?.recordedAt ?? feed.createdAt, links, archive: true },
        entries,
        services.urls,
      );
      page = rendered(
        { feed, log, entries, low: 0n, high: 0n, changedAt: undefined, gap: undefined, closed: true },
        tag,
        text,
        links,
      );
      services.pages.keep(key, page);
    }
    await give(req, res, page, cache);
  }
}

function cacheControl(req: Request): string {
  return `${cacheScope(req)}, no-cache`;
}

function acceptAtom(req: Request): void {
  const { accept } = req.headers;
  if (accept === undefined || accept === '*/*' || accept === ATOM) return;
  if (preferred(accept, ATOM_OFFERS) === undefined) {
    throw new FeedsError('not-acceptable', `a feed can be had as ${ATOM}; the Accept header takes none of these`, {
      extensions: { available: [ATOM] },
    });
  }
}

function notModified(req: Request, res: Response, tag: string, cache: string): void {
  // RFC 9110 §15.4.5: what the 200 would have said of caching.
  send(
    req,
    res,
    304,
    ['etag', quoted(tag, preferredCoding(req.headers['accept-encoding'])), 'vary', VARY, 'cache-control', cache],
    '',
  );
}

function give(req: Request, res: Response, page: RenderedPage, cache: string): void | Promise<void> {
  const noneMatch = req.headers['if-none-match'];
  if (noneMatch !== undefined && noneMatchFits(noneMatch, page.tag)) {
    notModified(req, res, page.tag, cache);
    return;
  }
  const coded = inCoding(page, preferredCoding(req.headers['accept-encoding']));
  if (coded instanceof Promise) {
    return coded.then(({ headers, body }) => {
      send(req, res, 200, [...headers, 'cache-control', cache], body);
    });
  }
  send(req, res, 200, [...coded.headers, 'cache-control', cache], coded.body);
}

function linkHeader(links: readonly Link[]): string {
  return links.map(({ rel, href }) => `<${href}>; rel="${rel}"`).join(', ');
}

/** Reads the page that is asked for. The log's state in it is that of the statement which read its entries. */
async function pageFor(services: Services, feed: Feed, log: LogState, request: PageRequest): Promise<Page> {
  const askedAt = performance.now();
  const { db } = services;
  const start = await startOf(services, feed, log, request);
  const rows = await readPage(db, feed, start.direction, start.from, request.limit, request.search);
  const epochs = shortEpoch(rows.epoch) === log.epochs.current ? log.epochs : services.memory.epochs(feed.partition);
  services.memory.seen(feed, rows.head, rows.firstKept, rows.epoch, askedAt);

  const { marker } = request;
  if (marker?.kind === 'position')
    await refuseFromBeyond(
      services,
      feed,
      { head: rows.head, firstKept: rows.firstKept, epochs },
      marker.position,
      marker.epoch,
      'marker',
    );
  const { entries, head, firstKept, low, high, changedAt } = rows;
  const lost =
    marker?.kind === 'position' && (start.direction === 'forward' ? marker.position + 1n : marker.position) < firstKept;
  const gap = lost
    ? { first: start.direction === 'forward' ? marker.position + 1n : 1n, last: firstKept - 1n }
    : undefined;
  const older = low - 1n;
  const archiveIsFinal = older < BigInt(feed.pageSize) * fullArchives(feed, head) || older <= 0n;
  const ended = start.direction === 'backward' ? start.from !== undefined : rows.full;
  return {
    feed,
    log: { head, firstKept, epochs },
    entries,
    low,
    high,
    changedAt,
    gap,
    closed: !feed.settings.editable && ended && archiveIsFinal,
  };
}

interface Start {
  readonly direction: 'forward' | 'backward';
  /** Undefined: the head. */
  readonly from: Position | undefined;
}

async function startOf(services: Services, feed: Feed, log: LogState, request: PageRequest): Promise<Start> {
  const { marker, startingAt, direction } = request;
  if (startingAt !== undefined) {
    const first = await positionSince(services.db, feed, startingAt);
    // Nothing was recorded since then: the page is empty and polls on from the head.
    return { direction: 'forward', from: first === undefined ? log.head : first - 1n };
  }
  if (marker === undefined) return { direction: 'backward', from: undefined };
  if (marker.kind === 'last') return { direction: 'forward', from: log.firstKept - 1n };
  if (marker.kind === 'position') return { direction, from: marker.position };
  const position = await positionOf(services, feed, marker);
  return { direction, from: position };
}

async function positionOf(
  services: Services,
  feed: Feed,
  marker: Extract<Marker, { kind: 'entry' }>,
): Promise<Position> {
  const found = await findMember(services.db, feed, atomKey(marker.atomId));
  if (found === undefined) {
    throw new FeedsError(
      'unknown-marker',
      `the marker "${marker.atomId}" is neither a position, "last", nor the id of an entry that this feed holds`,
    );
  }
  return found.position;
}

/**
 * A place beyond the end of the log, or from a past that a restore has undone, is refused with the last place that is
 * common: what is found there now is not what its bearer saw.
 */
async function refuseFromBeyond(
  services: Services,
  feed: Feed,
  log: LogState,
  position: Position,
  epoch: string | undefined,
  what: 'marker' | 'ETag',
): Promise<void> {
  const bounded = commonTick(log.epochs, epoch) !== undefined;
  const common = bounded ? ((await commonPosition(services.db, feed, log.epochs, epoch)) ?? 0n) : log.head;
  const last = common < log.head ? common : log.head;
  if (position <= last) return;
  throw new FeedsError(
    'marker-beyond-log',
    bounded
      ? `the log was put back to an older state since this ${what} was given out; both have in common what is up to position ${String(last)}`
      : `the ${what} names position ${String(position)}, but the log ends at ${String(last)}: was it put back to an older state?`,
    { extensions: { lastCommon: Number(last) } },
  );
}

/** Does a tag of ours in the list name a place that this node has not heard of? Then it has to ask. */
function aheadOf(noneMatch: string, log: LogState): boolean {
  return listedTags(noneMatch).some(({ tag }) => {
    const parsed = parseTag(tag);
    return parsed?.kind === 'h' && (parsed.epoch !== log.epochs.current || parsed.position > log.head);
  });
}

async function refuseTagsFromBeyond(services: Services, page: Page, noneMatch: string): Promise<void> {
  for (const { tag } of listedTags(noneMatch)) {
    const parsed = parseTag(tag);
    if (parsed?.kind === 'h')
      await refuseFromBeyond(services, page.feed, page.log, parsed.position, parsed.epoch, 'ETag');
  }
}

/** What is known of the feed, asked anew when this node has not heard of the position. */
async function upTo(services: Services, req: Request, position: Position): Promise<Request['known']> {
  if (req.known.head >= position) return req.known;
  return (await services.memory.ask(req.known.feed.workspace, req.known.feed.name)) ?? req.known;
}
