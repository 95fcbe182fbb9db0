import { closeWindow } from '../actions/close-window.js';
import { decide, viewOf } from '../core/access.js';
import type { Principal } from '../core/access.js';
import { contentColumns } from '../core/content-columns.js';
import { commonTick } from '../core/epoch.js';
import type { Epochs } from '../core/epoch.js';
import type { Instant } from '../core/entry.js';
import { FeedsError } from '../core/errors.js';
import {
  EARLIEST,
  EXPORTED_PARTITION,
  LOG_START,
  behind,
  feedMatcher,
  selectionDigest,
  workspacesOf,
} from '../core/export.js';
import type { ExportEnd, ExportWindow, ExportedEntry, FeedPattern, TimedPlace } from '../core/export.js';
import type { ExportToken } from '../core/export-token.js';
import type { Feed, FeedId } from '../core/feed.js';
import { isEarlier } from '../core/instants.js';
import type { BatchesWanted, ExportedFeed } from '../export/batches.js';
import { contentReader } from '../export/content-values.js';
import { fromWhatIsKept, readLosses } from '../export/losses.js';
import type { GivenRows } from '../export/row-stream.js';
import { rowColumns } from '../formats/export/row-columns.js';
import type { RowColumn } from '../formats/export/export-row.js';
import { findColumnTypes } from '../store/contracts.js';
import { newestTick, readEpochs } from '../store/epochs.js';
import type { SeenTick } from '../store/epochs.js';
import { databaseNow, lastTickBefore, listExported, readExportedTo, startOf, tickFrom } from '../store/export.js';
import type { ExportedTo } from '../store/export.js';
import type { ExportRequest } from './export-request.js';
import { refuseUnlessAllowed } from './middleware/may.js';
import { withoutPrivate } from './private-values.js';
import type { Services } from './services.js';

export interface Export {
  readonly columns: readonly RowColumn[];
  readonly wanted: BatchesWanted;
  /** To be asked for when all rows have been given. */
  readonly endOf: (given: GivenRows) => Promise<ExportEnd>;
  /** When what is given was recorded, at the latest; for who is not to know, the time of the request. */
  readonly updated: Instant;
}

type Deps = Pick<Services, 'db' | 'pool' | 'checkers' | 'exportTokens'>;

/**
 * Reads everything that can be refused before the first row: whether the caller may, and whether the token is good. Rejects with
 * `bad-parameter`, `forbidden`, `not-found`, `bad-marker` and `marker-beyond-log`.
 */
export async function startExport(services: Deps, principal: Principal, request: ExportRequest): Promise<Export> {
  const { db } = services;
  const feeds = await selectedFeeds(services, principal, request.patterns);
  const { window } = request;
  const types = await findColumnTypes(db, request.columns ?? [], selectedOf(feeds));
  const now = await databaseNow(db);
  checkWindow(window, now);
  const selection = selectionDigest(request.patterns, window);
  const token = request.after === undefined ? undefined : openToken(services, request.after, selection);

  const newest = await newestAfterClosing(services, window, now);
  const epochs = await readEpochs(db, EXPORTED_PARTITION);
  if (token !== undefined) await refuseFromBeyond(services, token, epochs, newest, selection);
  const isClosed = window.to !== undefined && newest !== undefined && !isEarlier(newest.recordedAt, window.to);
  const last = isClosed ? await lastTickBefore(db, EXPORTED_PARTITION, window.to, newest) : newest;
  const begin = await beginning(services, token, window.from, newest);

  const ids = [...feeds.keys()];
  const readTo = (to: TimedPlace): Promise<ExportedTo[]> =>
    readExportedTo(db, EXPORTED_PARTITION, ids, to.place, to.recordedAt ?? EARLIEST);
  const reached = await readTo(begin);
  const isFirst = token === undefined && window.from === undefined;
  const begun = isFirst ? reached.map((to) => fromWhatIsKept(to, feeds.get(to.feed))) : reached;
  const from = new Map(
    reached.filter(({ feed }) => feeds.get(feed)?.deleted === false).map((one) => [one.feed, startOf(one)]),
  );
  const to = behind(last ?? { tick: 0n, recordedAt: undefined });
  // Now: later retention may have taken what tells it.
  const ends = await readTo(to);

  const { limit } = request;
  // It is that of the last tick, whoever published then.
  const showsUntil = feeds.size > 0 && [...feeds.values()].every(({ view }) => view.kind === 'whole');
  return {
    wanted: {
      partition: EXPORTED_PARTITION,
      feeds,
      from,
      begin,
      to: to.place,
      limit,
      redact: redactor(services, feeds),
      extract: contentReader(services, { feeds, columns: contentColumns(request.columns ?? [], types), at: now }),
    },
    columns: rowColumns(request.columns, types),
    endOf,
    updated: (showsUntil ? last?.recordedAt : undefined) ?? now,
  };

  async function endOf({ rows, given, place: reachedPlace = begin }: GivenRows): Promise<ExportEnd> {
    const isLimited = limit !== undefined && rows >= limit;
    const place = isLimited || last === undefined ? reachedPlace : to;
    const there = isLimited ? await readTo(place) : ends;
    const lost = await readLosses(db, { feeds, begun, reached: new Map(there.map((one) => [one.feed, one])), given });
    const complete = !isLimited && isClosed;
    const until = complete ? window.to : place.recordedAt;
    const sealed = { epoch: epochs.current, partition: EXPORTED_PARTITION, selection };
    return {
      after: services.exportTokens.seal({ ...sealed, place: place.place, recordedAt: place.recordedAt }),
      complete,
      until: complete || showsUntil ? until : undefined,
      rows,
      lost,
    };
  }
}

/** Of what a deleted feed had nothing is given. */
function selectedOf(feeds: ReadonlyMap<FeedId, ExportedFeed>): Feed[] {
  return [...feeds.values()].filter(({ deleted }) => !deleted).map(({ feed }) => feed);
}

/** Takes out what contracts keep from those who are bound to tenants; undefined: the caller sees everything. */
function redactor(deps: Deps, feeds: ReadonlyMap<FeedId, ExportedFeed>): BatchesWanted['redact'] {
  const partly = [...feeds].filter(([, { view }]) => view.kind !== 'whole');
  if (partly.length === 0) return undefined;
  return async (entries) => {
    const texts = new Map<ExportedEntry, string>();
    for (const [id, { feed, view }] of partly) {
      const own = entries.filter((entry) => entry.feed === id);
      const seen = await withoutPrivate(deps, feed, view, own);
      for (const [index, entry] of own.entries()) texts.set(entry, seen[index]?.xml ?? '');
    }
    return entries.map((entry) => ({ ...entry, xml: texts.get(entry) ?? entry.xml }));
  };
}

/** What begins later is not known to be complete, and what is empty is a mistake. */
function checkWindow({ from, to }: ExportWindow, now: Instant): void {
  if (from !== undefined && isEarlier(now, from)) {
    throw new FeedsError('bad-parameter', `"from" is ${from}, which is still to come: it is ${now}`);
  }
  if (from !== undefined && to !== undefined && !isEarlier(from, to)) {
    throw new FeedsError('bad-parameter', `"from" is ${from}, expected a time before "to", which is ${to}`);
  }
}

/** The newest tick; of an idle log one that is made to tell that a window which is over stays as it is. */
async function newestAfterClosing(
  { db, pool }: Deps,
  { to }: ExportWindow,
  now: Instant,
): Promise<SeenTick | undefined> {
  const newest = await newestTick(db, EXPORTED_PARTITION);
  if (to === undefined || isEarlier(now, to)) return newest;
  if (newest !== undefined && !isEarlier(newest.recordedAt, to)) return newest;
  await closeWindow(pool, EXPORTED_PARTITION);
  return newestTick(db, EXPORTED_PARTITION);
}

/** The feeds of the patterns that the caller may export; one that is named has to be there for it. */
async function selectedFeeds(
  { db }: Deps,
  principal: Principal,
  patterns: readonly FeedPattern[],
): Promise<ReadonlyMap<FeedId, ExportedFeed>> {
  const feeds = new Map<FeedId, ExportedFeed>();
  const names = new Set<string>();
  const isOneOf = feedMatcher(patterns);
  for (const { feed, deleted } of await listExported(db, workspacesOf(patterns))) {
    if (!isOneOf(feed)) continue;
    const target = { workspace: feed.workspace, feed: feed.name, public: feed.settings.public && !deleted };
    if (decide(principal, 'export', target) !== 'allowed') {
      if (patterns.some((one) => one.workspace === feed.workspace && one.feed === feed.name)) {
        refuseUnlessAllowed(principal, 'export', target);
      }
      continue;
    }
    names.add(`${feed.workspace}/${feed.name}`);
    feeds.set(feed.id, { feed, deleted, view: viewOf(principal, target) });
  }
  for (const { workspace = '', feed } of patterns) {
    if (feed === undefined || names.has(`${workspace}/${feed}`)) continue;
    refuseUnlessAllowed(principal, 'export', { workspace, feed });
    throw new FeedsError('not-found', `there is no feed ${workspace}/${feed} to export`);
  }
  return feeds;
}

function openToken({ exportTokens }: Deps, text: string, selection: Buffer): ExportToken {
  const token = exportTokens.open(text);
  if (token === undefined) {
    throw new FeedsError('bad-marker', '"after" is no token of an export of this server, whole as it was given out');
  }
  if (token.selection.equals(selection)) return token;
  const message = '"after" is a token of other feeds, or of another window; go on with those that it was given out for';
  throw new FeedsError('bad-marker', message);
}

/** A token from beyond the log's end, or from a past that a restore has undone, is refused with the last common place. */
async function refuseFromBeyond(
  { db, exportTokens }: Deps,
  token: ExportToken,
  epochs: Epochs,
  newest: SeenTick | undefined,
  selection: Buffer,
): Promise<void> {
  const common = commonTick(epochs, token.epoch);
  const end = newest?.tick ?? 0n;
  const last = common !== undefined && common < end ? common : end;
  if (token.place.tick <= last) return;
  // Where retention has taken the tick: any time up to the next one tells what was before it.
  const place = behind({ tick: last, recordedAt: (await tickFrom(db, EXPORTED_PARTITION, last))?.recordedAt });
  const lastCommon = exportTokens.seal({ epoch: epochs.current, partition: EXPORTED_PARTITION, ...place, selection });
  throw new FeedsError(
    'marker-beyond-log',
    'the log was put back to an older state since this token was given out; lastCommon is the token of the last place that both have in common',
    { extensions: { lastCommon } },
  );
}

async function beginning(
  services: Deps,
  token: ExportToken | undefined,
  from: Instant | undefined,
  newest: SeenTick | undefined,
): Promise<TimedPlace> {
  if (token !== undefined) return token;
  if (from === undefined || newest === undefined) return { place: LOG_START, recordedAt: undefined };
  return behind(await lastTickBefore(services.db, EXPORTED_PARTITION, from, newest));
}
