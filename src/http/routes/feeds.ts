import type { Request, Response, Router } from 'express';
import type { LogState } from '../../core/epoch.js';
import type { Entry, Position } from '../../core/entry.js';
import { FeedsError } from '../../core/errors.js';
import { GAP_REL, archiveLinks, fullArchives, pageInFormats, pageLinks, withFormat } from '../../core/page.js';
import type { Link, Page, PageRequest } from '../../core/page.js';
import { printSearch } from '../../core/search.js';
import { tenantUrls } from '../../core/urls.js';
import type { Urls } from '../../core/urls.js';
import { viewKey } from '../../core/view.js';
import type { TenantsView, View } from '../../core/view.js';
import { feedDocument } from '../../formats/atom/atom-write.js';
import type { FeedDocument } from '../../formats/atom/atom-write.js';
import { STYLE_SOURCE } from '../../formats/html/html-frame.js';
import { FORMATS, FORMAT_NAMES, essence } from '../../formats/media-types.js';
import type { Format } from '../../formats/media-types.js';
import { writePage } from '../../formats/render.js';
import { PAGE_OCTETS, readStretch, stretchOctets } from '../../store/pages.js';
import { give, heldByClient, notModified, revalidate } from '../give.js';
import { headersFor } from '../html-headers.js';
import { cacheScope, isStillSo, may } from '../middleware/may.js';
import type { RenderedPage } from '../page-cache.js';
import { aheadOf, inView, isSurelyThere, pageFor, refuseTagsFromBeyond } from '../page-reading.js';
import { readPageRequest } from '../page-request.js';
import { queryOf } from '../parameters.js';
import { withoutPrivate } from '../private-values.js';
import { formatParameter, pageFormat } from '../representation.js';
import { VARY, allHeaders, send } from '../respond.js';
import { sendInPieces } from '../pieces.js';
import type { Services } from '../services.js';
import { baseTag, bodyTag, inViewOf, knownPageTags, pageTag, quoted } from '../tags.js';

export const FEED_ROUTE = '/feeds/:workspace/:feed';

/**
 * Answers for the feed in `req.known` when all that it takes is in memory: nothing new, or a page that was rendered
 * before. False: the database has to be asked. Throws what is wrong with the request.
 */
export type FromMemory = (req: Request, res: Response) => boolean | Promise<void>;

/**
 * `GET /feeds/{workspace}/{feed}`: a page of the feed, newest first, with the query parameters limit, marker, direction,
 * startingAt and search (RFC 5005 §3); `GET …/archive/{n}`: the n-th full stretch of its log (RFC 5005 §4).
 * Errors: bad-parameter, bad-marker, bad-search (400), unknown-marker (404), not-acceptable (406), marker-beyond-log (409).
 */
export function addFeedRoutes(
  router: Router,
  services: Services,
): {
  fromMemory: FromMemory;
  fromLog: (req: Request, res: Response) => Promise<void>;
  readFeed: (req: Request, res: Response) => void | Promise<void>;
} {
  const base = baseTag(services.urls.base, STYLE_SOURCE);
  const knownTag = knownPageTags(base);
  router.get(FEED_ROUTE, may('read', services), readFeed);
  router.get('/feeds/:workspace/:feed/archive/:n', may('read', services), readArchive);
  return { fromMemory, fromLog, readFeed };

  function readFeed(req: Request, res: Response): void | Promise<void> {
    const answered = fromMemory(req, res);
    if (answered === false) return fromLog(req, res);
    return answered === true ? undefined : answered;
  }

  async function fromLog(req: Request, res: Response): Promise<void> {
    const { feed } = req.known;
    const query = queryOf(req.url);
    const format = pageFormat(req);
    services.metrics.pageCache(false);
    const asked = readPageRequest(query);
    const work = async (waited: boolean): Promise<RenderedPage> => {
      if (waited) await req.recheck();
      return build(req, format, inView(services, { feed: req.known.feed, view: req.view }, asked));
    };
    // What is wrong with it is told without waiting.
    inView(services, { feed, view: req.view }, asked);
    // The turn comes before the rows: what waits holds nothing.
    const page = await (format === 'atom' ? work(false) : services.turns.pages.run(work));
    services.pages.keep(keyOf(req, format, query), page);
    await give(req, res, page, revalidate(req), req.view.kind === 'tenants' ? 'poll' : 'reading');
  }

  function fromMemory(req: Request, res: Response): boolean | Promise<void> {
    const log: LogState = req.known;
    const { feed } = req.known;
    const { view } = req;
    const format = pageFormat(req);
    const query = queryOf(req.url);
    const noneMatch = req.headers['if-none-match'];
    // A poll that finds nothing new asks the database nothing: the tag says which head it is of. What would be refused
    // without the tag is refused with it (RFC 9110 §13.2.1).
    if (noneMatch !== undefined && view.kind !== 'tenants' && isSurelyThere(readPageRequest(query), log)) {
      for (const closed of [false, true]) {
        const held = heldByClient(req, knownTag(req.known, closed, view, format));
        if (held !== undefined) {
          notModified(req, res, held, revalidate(req));
          return true;
        }
      }
      if (aheadOf(noneMatch, log)) return false;
    }
    const kept = services.pages.find(keyOf(req, format, query), feed, log);
    if (kept === undefined) return false;
    services.metrics.pageCache(true);
    return give(req, res, kept, revalidate(req), 'poll') ?? true;
  }

  async function build(req: Request, format: Format, asked: PageRequest): Promise<RenderedPage> {
    const { view } = req;
    const urls = urlsFor(req);
    const { feed, head, firstKept, epochs } = req.known;
    const noneMatch = req.headers['if-none-match'];
    const page = await pageFor(services, { feed, view }, { head, firstKept, epochs }, asked);
    if (noneMatch !== undefined && view.kind !== 'tenants') await refuseTagsFromBeyond(services, page, noneMatch);
    const request = { ...asked, format: FORMATS[format].linksSayFormat ? format : asked.format };
    const formats = pageInFormats(page, request, urls, formatsToldIn(format));
    const links = [...pageLinks(page, request, urls), ...alternatesAmong(formats)];
    const [newest] = page.entries;
    const updated = (page.closed ? newest?.recordedAt : page.changedAt) ?? newest?.recordedAt ?? feed.createdAt;
    const search = request.search === undefined ? undefined : printSearch(request.search);
    const document = { feed, updated, links, archive: false, search, formats };
    const body = Buffer.from(
      await written(format, document, await withoutPrivate(services, feed, view, page.entries), urls),
    );
    const named = { ...page.log, head: page.namedAfter };
    const link = linkHeader(links);
    // Where it leads on, and that there is a gap, may be new where the bytes are not: events have no links in them.
    const tag =
      view.kind === 'tenants'
        ? bodyTag(body, `${link} ${gapText(page.gap)}`)
        : pageTag(base, feed, named, page.closed, inViewOf(view, format));
    return rendered(page, tag, format, body, link);
  }

  async function written(
    format: Format,
    document: FeedDocument,
    entries: readonly Entry[],
    urls: Urls,
  ): Promise<string> {
    if (format === 'atom') return feedDocument(document, entries, urls);
    let text = '';
    for await (const piece of writePage(format, document, entries, urls)) text += piece;
    return text;
  }

  /** Links lead on in the same view. */
  function urlsFor({ tenant }: Request): Urls {
    return tenant === undefined ? services.urls : tenantUrls(services.urls, tenant);
  }

  function rendered(
    page: Pick<Page, 'feed' | 'log' | 'namedAfter' | 'gap' | 'closed'>,
    tag: string,
    format: Format,
    body: Buffer,
    link: string,
  ): RenderedPage {
    const { gap, log } = page;
    return {
      tag,
      headers: [
        ...['content-type', FORMATS[format].page ?? '', 'vary', VARY, 'link', link],
        ...headersFor(FORMATS[format].page ?? ''),
        ...(gap === undefined ? [] : ['millrace-gap', gapText(gap)]),
      ],
      body,
      epoch: log.epochs.current,
      head: page.namedAfter,
      firstKept: log.firstKept,
      settingsVersion: page.feed.settingsVersion,
      closed: page.closed,
      coded: {},
    };
  }

  async function readArchive(req: Request, res: Response): Promise<void> {
    const { n: name } = req.params as { n: string };
    const { feed } = req.known;
    const { view } = req;
    if (view.kind === 'tenants') throw new FeedsError('not-found', 'a part of a feed has no archived pages');
    const format = pageFormat(req);
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
        const location = withFormat(services.urls.feed(feed), formatParameter(req.url));
        send(req, res, 307, ['location', location, 'cache-control', 'no-store', 'vary', VARY], '');
        return;
      }
      throw new FeedsError('not-found', `there are ${String(fullArchives(feed, log.head))} archived pages so far`);
    }
    const tag = pageTag(base, feed, log, true, inViewOf(view, format));
    const cache = `${cacheScope(req)}, max-age=86400`;
    const held = heldByClient(req, tag);
    if (held !== undefined) {
      notModified(req, res, held, cache);
      return;
    }
    const asked = formatParameter(req.url);
    const key = `${String(feed.id)}/archive/${name} ${viewKey(view)} ${format} ${asked ?? ''}`;
    let page = services.pages.find(key, feed, log);
    services.metrics.pageCache(page !== undefined);
    if (page === undefined) {
      const first = (n - 1n) * size + 1n;
      const formats = formatsToldIn(format).map((one) => ({
        format: one,
        href: withFormat(services.urls.archive(feed, n), one),
      }));
      const linked = FORMATS[format].linksSayFormat ? format : asked;
      const links = [...archiveLinks(feed, n, services.urls, linked), ...alternatesAmong(formats)];
      const documentWith = (newest: Entry | undefined): FeedDocument => ({
        feed,
        updated: newest?.recordedAt ?? feed.createdAt,
        links,
        archive: true,
        formats,
      });
      if ((await stretchOctets(services.db, feed, first, n * size)) > PAGE_OCTETS) {
        const [newest] = await readStretch(services.db, feed, view.kind, n * size, n * size);
        await streamArchive(req, res, view, documentWith(newest), format, first, n * size, [
          ...['etag', quoted(tag, 'identity')],
          ...['cache-control', cache],
        ]);
        return;
      }
      const work = async (waited: boolean): Promise<string | undefined> => {
        if (waited && !(await isStillSo(req))) return undefined;
        const read = await readStretch(services.db, feed, view.kind, first, n * size);
        const entries = await withoutPrivate(services, feed, view, read);
        return written(format, documentWith(read[0]), entries, services.urls);
      };
      const text = await (format === 'atom' ? work(false) : services.turns.pages.run(work));
      if (text === undefined) return readArchive(req, res);
      const closed = { feed, log, namedAfter: log.head, gap: undefined, closed: true };
      page = rendered(closed, tag, format, Buffer.from(text), linkHeader(links));
      services.pages.keep(key, page);
    }
    await give(req, res, page, cache);
  }

  /** An archived page that is larger than any other page may be: entry by entry, at the pace of its reader. */
  async function streamArchive(
    req: Request,
    res: Response,
    view: LogSeen,
    document: FeedDocument,
    format: Format,
    first: Position,
    last: Position,
    headers: readonly string[],
  ): Promise<void> {
    const type = FORMATS[format].page ?? '';
    const common = ['content-type', type, 'vary', VARY, 'link', linkHeader(document.links), ...headersFor(type)];
    res.writeHead(200, allHeaders(req, res, 200, [...common, ...headers]));
    if (req.method === 'HEAD') {
      res.end();
      return;
    }
    async function* entries(): AsyncGenerator<Entry> {
      for (let position = last; position >= first; position -= 1n) {
        const read = await readStretch(services.db, document.feed, view.kind, position, position);
        yield* await withoutPrivate(services, document.feed, view, read);
      }
    }
    await sendInPieces(req, res, writePage(format, document, entries(), services.urls));
  }
}

type LogSeen = Exclude<View, TenantsView>;

/** What a feed reader or a browser may rather have; said in the document and in the header. */
const ALTERNATES: readonly Format[] = ['jsonfeed', 'rss', 'html'];

/** Of a page in this format: a person is told of all. */
function formatsToldIn(format: Format): readonly Format[] {
  return format === 'html' ? FORMAT_NAMES : ALTERNATES;
}

function alternatesAmong(formats: readonly { format: Format; href: string }[]): Link[] {
  return formats
    .filter(({ format }) => ALTERNATES.includes(format))
    .map(({ format, href }) => ({ rel: 'alternate', type: essence(FORMATS[format].page ?? ''), href }));
}

/** What is known of the feed, asked anew when this node has not heard of the position. */
async function upTo(services: Services, req: Request, position: Position): Promise<Request['known']> {
  if (req.known.head >= position) return req.known;
  return (await services.memory.ask(req.known.feed.workspace, req.known.feed.name)) ?? req.known;
}

/** Clients and proxies take some 16 KiB of headers, some of them 8, and a search can be long. */
const LINK_HEADER_BYTES = 4_000;
/** What a reader follows comes first. */
const LINKS_BY_USE = [
  'previous',
  'next',
  'prev-archive',
  'next-archive',
  GAP_REL,
  'current',
  'first',
  'last',
  'self',
  'alternate',
];

function keyOf({ known, view, tenant }: Request, format: Format, query: string): string {
  const seen = tenant === undefined ? viewKey(view) : `${viewKey(view)}/${encodeURIComponent(tenant)}`;
  return `${String(known.feed.id)} ${seen} ${format}?${query}`;
}

/** A stretch of positions, or, for who does not see positions, that there is one; '' where there is none. */
function gapText(gap: Page['gap']): string {
  if (gap === undefined || gap === 'unnumbered') return gap ?? '';
  return `${String(gap.first)}-${String(gap.last)}`;
}

/** The links of the document again; when that were too long, as many as there is room for. */
function linkHeader(links: readonly Link[]): string {
  const values = links.map(({ rel, href, type }) => ({
    rel,
    text: `<${href}>; rel="${rel}"${type === undefined ? '' : `; type="${type}"`}`,
  }));
  const whole = values.map(({ text }) => text).join(', ');
  if (whole.length <= LINK_HEADER_BYTES) return whole;
  let room = LINK_HEADER_BYTES;
  return values
    .toSorted((one, other) => LINKS_BY_USE.indexOf(one.rel) - LINKS_BY_USE.indexOf(other.rel))
    .filter(({ text }) => text.length + 2 <= room && (room -= text.length + 2) >= 0)
    .map(({ text }) => text)
    .join(', ');
}
