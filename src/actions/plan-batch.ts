import type { Pool } from 'pg';
import type { Instant } from '../core/entry.js';
import type { Epochs } from '../core/epoch.js';
import { FeedsError } from '../core/errors.js';
import {
  EARLIEST,
  EXPORTED_PARTITION,
  behind,
  endOfTick,
  feedMatcher,
  readFeedPatterns,
  workspacesOf,
} from '../core/export.js';
import type { TimedPlace } from '../core/export.js';
import type { FeedId } from '../core/feed.js';
import { isBeyondLog } from '../core/named-export.js';
import type { BatchLoss, NamedExport, PendingBatch } from '../core/named-export.js';
import type { Db } from '../store/db.js';
import { newestTick, readEpochs } from '../store/epochs.js';
import type { SeenTick } from '../store/epochs.js';
import { databaseNow, listExported, readExportedTo, startOf, tickFrom } from '../store/export.js';
import type { ExportedTo } from '../store/export.js';
import { FEW_FEEDS, walk } from '../store/export-walk.js';
import { findExport, keepPending, moveExport } from '../store/named-exports.js';
import { inTransaction } from '../store/transaction.js';

export interface PlanDeps {
  readonly db: Db;
  readonly pool: Pool;
}

/** Where an export of many feeds reads all ticks: so many of them for one batch, which is 25 statements. */
const MOST_TICKS = 50_000n;
/** An export whose feeds are idle does not look again and again through what others have published. */
const TICKS_WORTH_A_MOVE = 1_000n;

export interface PlanOptions {
  /** Past so many ticks that have nothing for it the export moves on, without a batch. */
  readonly ticksWorthAMove?: bigint;
}

/**
 * The export with its batch: the one that is pending, or one that is planned now; without one where there is nothing new. What is
 * planned is written down before it is given, so that whoever asks, and however often, is given the same; two who plan at
 * once get the one that was written first. `known` says whether the caller may have it, each time that it was read. Rejects with
 * `marker-beyond-log`.
 */
export async function planBatch(
  { db, pool }: PlanDeps,
  name: string,
  known: (found: NamedExport | undefined) => NamedExport,
  options: PlanOptions = {},
): Promise<{ readonly export: NamedExport; readonly until: Instant | undefined }> {
  for (;;) {
    const found = known(await findExport(db, name));
    const [newest, epochs] = [await newestTick(db, EXPORTED_PARTITION), await readEpochs(db, EXPORTED_PARTITION)];
    refuseBeyondLog(found, epochs, newest);
    if (found.pending !== undefined) return { export: found, until: found.pending.recordedAt };
    const plan = newest === undefined ? undefined : await planFrom(db, found, newest, options);
    if (plan === undefined) return { export: found, until: newest?.recordedAt };
    await inTransaction(pool, (tx) =>
      'number' in plan ? keepPending(tx, found, plan) : moveExport(tx, found, { ...plan, epoch: epochs.current }),
    );
  }
}

function refuseBeyondLog(found: NamedExport, epochs: Epochs, newest: SeenTick | undefined): void {
  if (!isBeyondLog(found, epochs, newest?.tick ?? 0n)) return;
  const message = `the log was put back to an older state since "${found.name}" was pulled last; an admin puts it back too, with POST /admin/exports/${found.name}/reset`;
  throw new FeedsError('marker-beyond-log', message);
}

/** A batch, or a place that there is nothing before; undefined: there is nothing at all. */
async function planFrom(
  db: Db,
  found: NamedExport,
  newest: SeenTick,
  { ticksWorthAMove = TICKS_WORTH_A_MOVE }: PlanOptions,
): Promise<PendingBatch | TimedPlace | undefined> {
  const { place, recordedAt } = found.place;
  if (place.tick >= newest.tick && place.feed === endOfTick(newest.tick).feed) return undefined;
  const patterns = readFeedPatterns(found.feeds.join(','));
  const isOneOf = feedMatcher(patterns);
  const feeds = new Map(
    (await listExported(db, workspacesOf(patterns)))
      .filter(({ feed }) => isOneOf(feed))
      .map(({ feed, deleted }) => [feed.id, deleted]),
  );
  const ids = [...feeds.keys()];
  const reached = await readExportedTo(db, EXPORTED_PARTITION, ids, place, recordedAt ?? EARLIEST);
  const last =
    ids.length > FEW_FEEDS && newest.tick - place.tick > MOST_TICKS
      ? ((await tickFrom(db, EXPORTED_PARTITION, place.tick + MOST_TICKS)) ?? newest)
      : newest;
  const rows = new Map<FeedId, number>();
  let room = found.batchRows;
  let end = behind(last);
  const from = new Map(reached.filter(({ feed }) => feeds.get(feed) === false).map((to) => [to.feed, startOf(to)]));
  for await (const stretch of walk(db, { partition: EXPORTED_PARTITION, feeds: from, after: place, to: end.place })) {
    const taken = Math.min(room, Number(stretch.last - stretch.first) + 1);
    rows.set(stretch.feed, (rows.get(stretch.feed) ?? 0) + taken);
    room -= taken;
    if (room > 0) continue;
    const position = stretch.first + BigInt(taken) - 1n;
    end = { place: { tick: stretch.tick, feed: stretch.feed, position }, recordedAt: stretch.recordedAt };
    break;
  }
  const lost = await lossesUntil(db, reached, feeds, end);
  if (rows.size === 0 && lost.size === 0) {
    return end.place.tick - place.tick < ticksWorthAMove ? undefined : end;
  }
  return {
    epoch: newest.epoch,
    number: found.newestBatch + 1n,
    end: end.place,
    recordedAt: end.recordedAt ?? EARLIEST,
    plannedAt: await databaseNow(db),
    feeds: found.feeds,
    format: found.format,
    columns: found.columns,
    columnTypes: found.columnTypes,
    rows,
    lost,
  };
}

/** What of each feed between the place and the end is not there any more. */
async function lossesUntil(
  db: Db,
  reached: readonly ExportedTo[],
  feeds: ReadonlyMap<FeedId, boolean>,
  { place, recordedAt }: TimedPlace,
): Promise<ReadonlyMap<FeedId, BatchLoss>> {
  const ids = reached.map(({ feed }) => feed);
  const ends = await readExportedTo(db, EXPORTED_PARTITION, ids, place, recordedAt ?? EARLIEST);
  const endOf = new Map(ends.map(({ feed, position }) => [feed, position]));
  const lost = new Map<FeedId, BatchLoss>();
  for (const { feed, position, isUnsure, firstKept, head } of reached) {
    const taken = feeds.get(feed) === true ? head : firstKept - 1n;
    const end = endOf.get(feed) ?? 0n;
    const entries = (end < taken ? end : taken) - position;
    if (entries > 0n) lost.set(feed, { entries, atMost: isUnsure });
  }
  return lost;
}
