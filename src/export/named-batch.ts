import type { ExportLoss, ExportedEntry } from '../core/export.js';
import { EARLIEST, EXPORTED_PARTITION, readFeedPatterns, workspacesOf } from '../core/export.js';
import type { FeedId } from '../core/feed.js';
import { batchId } from '../core/named-export.js';
import type { BatchEnd, BatchLoss, NamedExport, PendingBatch } from '../core/named-export.js';
import { WHOLE } from '../core/view.js';
import type { ExportReceipts } from '../core/export-receipt.js';
import type { Db } from '../store/db.js';
import { listExported, readExportedTo, startOf } from '../store/export.js';
import { exportBatches } from './batches.js';
import type { ExportedFeed } from './batches.js';

export interface NamedBatch {
  readonly feeds: ReadonlyMap<FeedId, ExportedFeed>;
  /** In the order of the log, some at a time; of all feeds, or of this one. From the beginning each time. */
  readonly entries: (of?: FeedId) => AsyncGenerator<readonly ExportedEntry[]>;
  /** To be asked for when all have been gone through. */
  readonly end: () => BatchEnd;
}

/** The rows of the batch that is pending. */
export async function readNamedBatch(
  { db, exportReceipts }: { readonly db: Db; readonly exportReceipts: ExportReceipts },
  one: NamedExport,
  pending: PendingBatch,
): Promise<NamedBatch> {
  const feeds = await feedsOf(db, pending);
  const kept = [...feeds].flatMap(([id, { deleted }]) => (deleted || !pending.rows.has(id) ? [] : [id]));
  const { place, recordedAt } = one.place;
  const reached = await readExportedTo(db, EXPORTED_PARTITION, kept, place, recordedAt ?? EARLIEST);
  const from = new Map(reached.map((to) => [to.feed, startOf(to)]));
  const given = new Map<FeedId, number>();
  return {
    feeds,
    entries,
    end: () => ({
      batch: batchId(one, pending),
      receipt: exportReceipts.seal({ export: one.id, epoch: pending.epoch, number: pending.number }),
      until: pending.recordedAt,
      rows: [...given.values()].reduce((all, count) => all + count, 0),
      lost: lostOf(pending, given, feeds),
    }),
  };

  async function* entries(of?: FeedId): AsyncGenerator<readonly ExportedEntry[]> {
    if (of === undefined) given.clear();
    else given.delete(of);
    const wanted = { partition: EXPORTED_PARTITION, feeds, begin: one.place, to: pending.end };
    const some = of === undefined ? from : new Map([...from].filter(([feed]) => feed === of));
    for await (const { entries: piece } of exportBatches(db, {
      ...wanted,
      from: some,
      limit: undefined,
      redact: undefined,
    })) {
      for (const { feed } of piece) given.set(feed, (given.get(feed) ?? 0) + 1);
      if (piece.length > 0) yield piece;
    }
  }
}

/** Those that the batch has something of, or would have. */
async function feedsOf(db: Db, { feeds, rows, lost }: PendingBatch): Promise<ReadonlyMap<FeedId, ExportedFeed>> {
  const exported = await listExported(db, workspacesOf(readFeedPatterns(feeds.join(','))));
  return new Map(
    exported
      .filter(({ feed: { id } }) => rows.has(id) || lost.has(id))
      .map((one): [FeedId, ExportedFeed] => [one.feed.id, { ...one, view: WHOLE }]),
  );
}

/** What was lost when it was planned, and what has gone since. */
function lostOf(
  { rows, lost }: PendingBatch,
  given: ReadonlyMap<FeedId, number>,
  feeds: ReadonlyMap<FeedId, ExportedFeed>,
): ExportLoss[] {
  const all = new Map<FeedId, BatchLoss>(lost);
  for (const [feed, count] of rows) {
    const gone = BigInt(count - (given.get(feed) ?? 0));
    const { entries = 0n, atMost = false } = lost.get(feed) ?? {};
    if (gone > 0n) all.set(feed, { entries: entries + gone, atMost });
  }
  return [...all].flatMap(([id, loss]) => {
    const { feed } = feeds.get(id) ?? {};
    return feed === undefined ? [] : [{ workspace: feed.workspace, feed: feed.name, ...loss }];
  });
}
