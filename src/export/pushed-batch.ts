import { contentColumns } from '../core/content-columns.js';
import type { ExportedEntry } from '../core/export.js';
import type { Feed, FeedId } from '../core/feed.js';
import { dateOf } from '../core/instants.js';
import { batchId } from '../core/named-export.js';
import type { NamedExport, PendingBatch } from '../core/named-export.js';
import type { ExportReceipts } from '../core/export-receipt.js';
import { rowColumns } from '../formats/export/row-columns.js';
import { lettersOf, readLetters } from '../store/dead-letters.js';
import type { CopyDb } from '../store/db.js';
import { listExported } from '../store/export.js';
import type { ExportPart } from '../store/export-parts.js';
import { asSeen, exportBatches } from './batches.js';
import { contentReader } from './content-values.js';
import type { ContentDeps } from './content-values.js';
import { noteGiven } from './losses.js';
import type { Given } from './losses.js';
import { readNamedBatch } from './named-batch.js';
import type { PoisonedRow, TargetBatch } from './targets/target.js';

/** A batch as it is given to a target, and what it has turned out to be made of. */
export interface PushedBatch {
  readonly batch: TargetBatch;
  /** How many rows of each feed and day there are without those that were refused. To be asked for when it was stored. */
  parts(refused: readonly PoisonedRow[]): Promise<ExportPart[]>;
}

interface PushDeps extends ContentDeps {
  readonly db: CopyDb;
  readonly exportReceipts: ExportReceipts;
}

/** Rejects, in the midst of giving entries too, where nobody wants it to go on. */
export type KeepOn = () => void;

/** The batch that is pending. */
export async function pushedBatch(
  deps: PushDeps,
  one: NamedExport,
  pending: PendingBatch,
  keepOn: KeepOn,
): Promise<PushedBatch> {
  const { wanted, endOf } = await readNamedBatch(deps, one, pending);
  const kept = [...wanted.feeds.values()].flatMap(({ feed, deleted }) =>
    deleted || !pending.rows.has(feed.id) ? [] : [feed],
  );
  const given = new Map<FeedId, Given>();
  const columns = rowColumns(pending.columns, pending.columnTypes);
  return counted({ key: batchId(one, pending), feeds: kept, columns, entries, end: () => endOf({ given }) }, keepOn);

  async function* entries(of?: FeedId): AsyncGenerator<readonly ExportedEntry[]> {
    if (of === undefined) given.clear();
    else given.delete(of);
    const from = of === undefined ? wanted.from : new Map([...wanted.from].filter(([feed]) => feed === of));
    for await (const { entries: piece } of exportBatches(deps.db, { ...wanted, from }, 'for long')) {
      for (const { feed, position } of piece) noteGiven(given, feed, position);
      if (piece.length > 0) yield piece;
    }
  }
}

/** Texts of dead letters that are read at once. */
const LETTERS_AT_ONCE = 20;

/** The dead letters that are to be stored again as the batch of this key. */
export async function replayedBatch(
  { db, checkers }: ContentDeps,
  { id, columns, columnTypes, acknowledgedAt, createdAt }: NamedExport,
  key: string,
  keepOn: KeepOn,
): Promise<PushedBatch> {
  const letters = await lettersOf(db, id, key);
  const concerned = new Set(letters.map(({ feed }) => feed));
  const feeds = (await listExported(db, undefined)).flatMap(({ feed }) => (concerned.has(feed.id) ? [feed] : []));
  const wanted = {
    feeds: new Map(feeds.map((feed) => [feed.id, { feed }])),
    columns: contentColumns(columns ?? [], columnTypes),
    at: acknowledgedAt ?? createdAt,
  };
  const extract = contentReader({ db, checkers }, wanted);
  const end = { batch: key, receipt: null, until: undefined, rows: letters.length, lost: [] };
  return counted({ key, feeds, columns: rowColumns(columns, columnTypes), entries, end: () => end }, keepOn);

  async function* entries(of?: FeedId): AsyncGenerator<readonly ExportedEntry[]> {
    const ids = letters.flatMap((letter) => (of === undefined || letter.feed === of ? [letter.id] : []));
    for (let at = 0; at < ids.length; at += LETTERS_AT_ONCE) {
      const some = await readLetters(db, id, ids.slice(at, at + LETTERS_AT_ONCE));
      yield await asSeen({ redact: undefined, extract }, some);
    }
  }
}

interface Source extends Pick<TargetBatch, 'key' | 'feeds' | 'columns' | 'end'> {
  readonly entries: (of?: FeedId) => AsyncGenerator<readonly ExportedEntry[]>;
}

function counted({ entries, ...source }: Source, keepOn: KeepOn): PushedBatch {
  /** Rows of each day, of feeds that were gone through. */
  const counts = new Map<FeedId, Map<string, number>>();
  return {
    batch: { ...source, entries: given, moves: keepOn },
    async parts(refused) {
      // A target that has stored the batch before need not go through it again.
      for (const feed of source.feeds) if (!counts.has(feed.id)) await drain(feed);
      const parts = new Map([...counts].map(([feed, days]): [FeedId, Map<string, number>] => [feed, new Map(days)]));
      for (const { entry } of refused) {
        const date = dateOf(entry.recordedAt);
        const days = parts.get(entry.feed);
        days?.set(date, (days.get(date) ?? 0) - 1);
      }
      return [...parts].flatMap(([feed, days]) => [...days].map(([date, rows]) => ({ feed, date, rows })));
    },
  };

  async function drain(feed: Feed): Promise<void> {
    const pieces = given(feed);
    while ((await pieces.next()).done !== true);
  }

  async function* given(of?: Feed): AsyncGenerator<readonly ExportedEntry[]> {
    const seen = new Map<FeedId, Map<string, number>>();
    for (const { id } of of === undefined ? source.feeds : [of]) seen.set(id, new Map<string, number>());
    keepOn();
    for await (const piece of entries(of?.id)) {
      for (const entry of piece) {
        const days = seen.get(entry.feed);
        const date = dateOf(entry.recordedAt);
        days?.set(date, (days.get(date) ?? 0) + 1);
      }
      keepOn();
      yield piece;
      keepOn();
    }
    for (const [feed, days] of seen) counts.set(feed, days);
  }
}
