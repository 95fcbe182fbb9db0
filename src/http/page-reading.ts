import { commonTick, shortEpoch } from '../core/epoch.js';
import type { LogState } from '../core/epoch.js';
import { atomKey } from '../core/entry.js';
import type { Entry, Position } from '../core/entry.js';
import { FeedsError } from '../core/errors.js';
import type { Feed } from '../core/feed.js';
import { fullArchives, plainMark } from '../core/page.js';
import type { Page, PageRequest } from '../core/page.js';
import type { TenantsView, View } from '../core/view.js';
import { toMicroseconds } from '../formats/dates.js';
import { commonPosition, readEpochs } from '../store/epochs.js';
import { findMember } from '../store/members.js';
import { positionSince, positionUntil, readPage, stretchOf } from '../store/pages.js';
import { hasLost, readTenantPage } from '../store/tenant-page.js';
import type { Services } from './services.js';
import { listedTags, parseTag } from './tags.js';

/** A feed, and what of it is seen. */
export interface SeenFeed {
  readonly feed: Feed;
  readonly view: View;
}

/** Reads the page that is asked for. The log's state in it is that of the statement which read its entries. */
export async function pageFor(
  services: Services,
  { feed, view }: SeenFeed,
  log: LogState,
  request: PageRequest,
): Promise<Page> {
  if (view.kind === 'tenants') return tenantPage(services, feed, view, log, request);
  const askedAt = performance.now();
  const { db } = services;
  const start = await startOf(services, { feed, view }, log, request);
  const { direction, from } = start;
  const recent =
    request.search === undefined
      ? services.recent.page(feed, log, view.kind, direction, from, request.limit)
      : undefined;
  const rows =
    recent === undefined
      ? await readPage(db, feed, view.kind, direction, from, request.limit, request.search)
      : stretchOf(recent, direction, from, undefined);
  // Another epoch than this node has heard of: the places that are refused below depend on it.
  const epochs = shortEpoch(rows.epoch) === log.epochs.current ? log.epochs : await readEpochs(db, feed.partition);
  if (recent === undefined) services.memory.seen(feed, rows.head, rows.firstKept, rows.epoch, askedAt);

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
  const state = { head, firstKept, epochs };
  return {
    feed,
    log: state,
    namedAfter: headOfName(request, log, head),
    entries,
    low,
    high,
    older: low > firstKept ? older : undefined,
    mark: plainMark(state),
    hasArchives: true,
    changedAt,
    gap,
    closed: !feed.settings.editable && request.startingAt === undefined && ended && archiveIsFinal,
  };
}

/** The page of a view of tenants: what it tells of the log is what their own entries are. */
async function tenantPage(
  services: Services,
  feed: Feed,
  view: TenantsView,
  log: LogState,
  request: PageRequest,
): Promise<Page> {
  const { db, seals } = services;
  const { marker, limit, search } = request;
  const start = await startOf(services, { feed, view }, log, request);
  const isHandedOut = marker?.kind === 'position' || marker?.kind === 'entry';
  const rows = await readTenantPage(db, feed, view.tenants, { ...start, isHandedOut }, limit, search);
  const { head, firstKept, low, high, older, changedAt } = rows;
  const epochs = shortEpoch(rows.epoch) === log.epochs.current ? log.epochs : await readEpochs(db, feed.partition);
  const state = { head, firstKept, epochs };
  const seal = (position: Position): string => seals.seal(feed.id, epochs.current, position);
  if (marker?.kind === 'position') {
    await refuseFromBeyond(services, feed, state, marker.position, marker.epoch, 'marker', async (position) => {
      // One of their own: what others published moves the end of the log.
      const place = { direction: 'backward', from: position, isHandedOut: false } as const;
      const { entries } = await readTenantPage(db, feed, view.tenants, place, 1, undefined);
      return seal(entries[0]?.position ?? 0n);
    });
  }
  const passed = marker?.kind === 'position' ? marker.position + (start.direction === 'forward' ? 1n : 0n) : undefined;
  const after = start.direction === 'forward' ? (start.from ?? 0n) : 0n;
  const hasGap = passed !== undefined && passed < firstKept && (await hasLost(db, feed, view.tenants, after));
  return {
    feed,
    log: state,
    namedAfter: headOfName(request, log, head),
    entries: rows.entries.map((entry) => inTenantsView(services, feed, entry)),
    low,
    high,
    older,
    mark: (position) => ({ marker: seal(position), epoch: undefined }),
    hasArchives: false,
    changedAt,
    gap: hasGap ? 'unnumbered' : undefined,
    closed: false,
  };
}

/** See `Page.namedAfter`: `log` is what was known before anything was read, `head` that of the rows. */
function headOfName({ startingAt, marker }: PageRequest, log: LogState, head: Position): Position {
  const isLookedUp = startingAt !== undefined || marker?.kind === 'entry';
  return isLookedUp && log.head < head ? log.head : head;
}

/** An entry for those who are not told positions. */
export function inTenantsView({ seals }: Pick<Services, 'seals'>, feed: Feed, entry: Entry): Entry {
  return entry.kind === 'revision' ? { ...entry, revisionName: seals.nameOf(feed.id, entry.position) } : entry;
}

/**
 * A marker as whoever sees this may give it: sealed ones stand for their positions, and positions are not for those who get
 * sealed ones, save that of the beginning.
 */
export function inView({ seals }: Services, { feed, view }: SeenFeed, request: PageRequest): PageRequest {
  const { marker } = request;
  if (marker?.kind === 'position' && marker.position > 0n && view.kind === 'tenants') {
    const message = 'in this view of the feed markers are what its links carry, ids of entries, or "last"';
    throw new FeedsError('bad-marker', message);
  }
  if (marker?.kind !== 'sealed') return request;
  const opened = seals.open(feed.id, marker.text);
  if (opened !== undefined) return { ...request, marker: { kind: 'position', ...opened } };
  throw new FeedsError('bad-marker', 'the marker is none that this server has handed out for this feed');
}

interface Start {
  readonly direction: 'forward' | 'backward';
  /** Undefined: the head. */
  readonly from: Position | undefined;
}

async function startOf(
  services: Services,
  { feed, view }: SeenFeed,
  log: LogState,
  { marker, startingAt, direction }: PageRequest,
): Promise<Start> {
  if (startingAt !== undefined) {
    const time = toMicroseconds(startingAt, direction);
    if (direction === 'backward') return { direction, from: await positionUntil(services.db, feed, time) };
    return { direction, from: (await positionSince(services.db, feed, time)) - 1n };
  }
  if (marker === undefined) return { direction: 'backward', from: undefined };
  if (marker.kind === 'last') return { direction: 'forward', from: log.firstKept - 1n };
  if (marker.kind === 'position') return { direction, from: marker.position };
  if (marker.kind === 'sealed') throw new Error('a sealed marker was not opened');
  return { direction, from: await positionOf(services, feed, view, marker) };
}

async function positionOf(
  services: Services,
  feed: Feed,
  view: View,
  { atomId, asSent }: { readonly atomId: string; readonly asSent: string },
): Promise<Position> {
  for (const id of new Set([atomId, asSent])) {
    const found = await findMember(services.db, feed, atomKey(id), view);
    if (found !== undefined) return found.position;
  }
  throw new FeedsError(
    'unknown-marker',
    `the marker "${atomId}" is neither ${view.kind === 'tenants' ? 'one of its links' : 'a position'}, "last", nor the id of an entry that this feed holds`,
  );
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
  seal?: (position: Position) => Promise<string>,
): Promise<void> {
  const bounded = commonTick(log.epochs, epoch) !== undefined;
  const common = bounded ? ((await commonPosition(services.db, feed, log.epochs, epoch)) ?? 0n) : log.head;
  const last = common < log.head ? common : log.head;
  if (position <= last) return;
  if (seal !== undefined) {
    const message = `the log was put back to an older state since this ${what} was given out; lastCommon is the last place that both have in common`;
    throw new FeedsError('marker-beyond-log', message, { extensions: { lastCommon: await seal(last) } });
  }
  throw new FeedsError(
    'marker-beyond-log',
    bounded
      ? `the log was put back to an older state since this ${what} was given out; both have in common what is up to position ${String(last)}`
      : `the ${what} names position ${String(position)}, but the log ends at ${String(last)}: was it put back to an older state?`,
    { extensions: { lastCommon: Number(last) } },
  );
}

/** Nothing that the request says can be refused once the log has been looked at: a tag that fits is the page's own. */
export function isSurelyThere({ marker }: PageRequest, log: LogState): boolean {
  if (marker?.kind === 'entry' || marker?.kind === 'sealed') return false;
  if (marker?.kind !== 'position') return true;
  return marker.position <= log.head && commonTick(log.epochs, marker.epoch) === undefined;
}

/** Does a tag of ours in the list name a place that this node has not heard of? Then it has to ask. */
export function aheadOf(noneMatch: string, log: LogState): boolean {
  return listedTags(noneMatch).some(({ tag }) => {
    const parsed = parseTag(tag);
    return parsed?.kind === 'h' && (parsed.epoch !== log.epochs.current || parsed.position > log.head);
  });
}

export async function refuseTagsFromBeyond(services: Services, page: Page, noneMatch: string): Promise<void> {
  for (const { tag } of listedTags(noneMatch)) {
    const parsed = parseTag(tag);
    if (parsed?.kind === 'h')
      await refuseFromBeyond(services, page.feed, page.log, parsed.position, parsed.epoch, 'ETag');
  }
}
