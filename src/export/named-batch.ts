import { contentColumns } from '../core/content-columns.js';
import type { ExportLoss } from '../core/export.js';
import { EARLIEST, EXPORTED_PARTITION, readFeedPatterns, workspacesOf } from '../core/export.js';
import type { FeedId } from '../core/feed.js';
import { batchId } from '../core/named-export.js';
import type { BatchEnd, BatchLoss, NamedExport, PendingBatch } from '../core/named-export.js';
import { WHOLE } from '../core/view.js';
import type { ExportReceipts } from '../core/export-receipt.js';
import type { Db } from '../store/db.js';
import { listExported, readExportedTo, startOf } from '../store/export.js';
import { contentReader } from './content-values.js';
import type { ContentDeps } from './content-values.js';
import type { BatchesWanted, ExportedFeed } from './batches.js';
import type { Given } from './losses.js';
import type { GivenRows } from './row-stream.js';

export interface NamedBatch {
  readonly wanted: BatchesWanted;
  /** To be asked for when all rows have been given. */
  readonly endOf: (given: Pick<GivenRows, 'given'>) => BatchEnd;
}

/** The rows of the batch that is pending. */
export async function readNamedBatch(
  { db, checkers, exportReceipts }: ContentDeps & { readonly exportReceipts: ExportReceipts },
  one: NamedExport,
  pending: PendingBatch,
): Promise<NamedBatch> {
  const feeds = await feedsOf(db, pending);
  const kept = [...feeds].flatMap(([id, { deleted }]) => (deleted || !pending.rows.has(id) ? [] : [id]));
  const { place, recordedAt } = one.place;
  const reached = await readExportedTo(db, EXPORTED_PARTITION, kept, place, recordedAt ?? EARLIEST);
  const from = new Map(reached.map((to) => [to.feed, startOf(to)]));
  const { columns = [], columnTypes, plannedAt } = pending;
  // As they were then: a batch is the same each time.
  const content = { feeds, columns: contentColumns(columns, columnTypes), at: plannedAt };
  return {
    wanted: {
      partition: EXPORTED_PARTITION,
      feeds,
      from,
      begin: one.place,
      to: pending.end,
      limit: undefined,
      redact: undefined,
      extract: contentReader({ db, checkers }, content),
    },
    endOf: ({ given }) => ({
      batch: batchId(one, pending),
      receipt: exportReceipts.seal({ export: one.id, epoch: pending.epoch, number: pending.number }),
      until: pending.recordedAt,
      rows: [...given.values()].reduce((all, { entries }) => all + entries, 0),
      lost: lostOf(pending, given, feeds),
    }),
  };
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
  given: ReadonlyMap<FeedId, Given>,
  feeds: ReadonlyMap<FeedId, ExportedFeed>,
): ExportLoss[] {
  const all = new Map<FeedId, BatchLoss>(lost);
  for (const [feed, count] of rows) {
    const gone = BigInt(count - (given.get(feed)?.entries ?? 0));
    const { entries = 0n, atMost = false } = lost.get(feed) ?? {};
    if (gone > 0n) all.set(feed, { entries: entries + gone, atMost });
  }
  return [...all].flatMap(([id, loss]) => {
    const { feed } = feeds.get(id) ?? {};
    return feed === undefined ? [] : [{ workspace: feed.workspace, feed: feed.name, ...loss }];
  });
}
