import { EXPORT_COLUMNS } from '../../formats/export/export-row.js';
import { writeParquet } from '../../formats/export/parquet.js';
import type { RowColumn } from '../../formats/export/export-row.js';
import type { ExportedEntry } from '../../core/export.js';
import { dateOf } from '../../core/instants.js';
import type { Poison } from './poison.js';
import type { ClosedDay, TargetBatch } from './target.js';

/** A file of a lake: what a batch has of one feed and one day. */
export interface HivePart {
  /** `feed=shop%2Forders/date=2026-11-22`. */
  readonly directory: string;
  /** `part-5d1e0c7a-9b2f4e11-7.parquet`. */
  readonly name: string;
  /** To be gone through, once, before the next part is asked for. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** When all chunks were taken; 0: all were poisoned, and the file need not be kept. */
  rows(): number;
}

/**
 * The batch as files of Parquet in directories as Hive names them, feed by feed and day by day, one at a time. A batch that comes again
 * is of the same files, by their names. Rows of which none can be made are added to `poison`.
 */
export async function* hiveParts(batch: TargetBatch, poison: Poison): AsyncGenerator<HivePart> {
  const columns = fileColumns(batch.columns);
  for (const feed of batch.feeds) {
    const days = byDay(batch.entries(feed));
    for await (const { date, entries } of days) {
      let rows = 0;
      const refused = (entry: ExportedEntry, error: unknown): void => {
        rows -= 1;
        poison.add({ entry, reason: `no row can be made of it: ${String(error)}` });
      };
      const source = {
        batches: counted(entries),
        feedOf: () => ({ feed, showsPositions: true }),
        end: () => ({ batch: batch.key, receipt: null, until: undefined, rows, lost: [] }),
        refused,
      };
      yield {
        directory: hiveDirectory(feed, date),
        name: partName(batch.key),
        chunks: writeParquet(source, columns),
        rows: () => rows,
      };

      async function* counted(pieces: AsyncGenerator<readonly ExportedEntry[]>): typeof pieces {
        for await (const piece of pieces) {
          rows += piece.length;
          yield piece;
        }
      }
    }
  }
}

/** Whatever the feed is called, nothing of it leads out of the directory. */
export function hiveDirectory({ workspace, name }: ClosedDay['feed'], date: string): string {
  return `feed=${encodeURIComponent(`${workspace}/${name}`)}/date=${date}`;
}

function partName(key: string): string {
  return `part-${key}.parquet`;
}

/** What tells readers which files of a closed day count, and how many rows they have: the content of its `_SUCCESS`. */
export function successText({ rows, batches }: ClosedDay): string {
  return `${JSON.stringify({ rows, parts: batches.map(partName) }, undefined, 2)}\n`;
}

/** `feed` is told by the directory: of a column that is in the files as well some readers take the one, some the other, and some neither. */
function fileColumns(all: readonly RowColumn[]): readonly RowColumn[] {
  const columns = all.filter((column) => column !== 'feed');
  return columns.length === 0 ? EXPORT_COLUMNS.filter((name) => name !== 'feed') : columns;
}

interface Day {
  readonly date: string;
  /** To be gone through before the next day is asked for. */
  readonly entries: AsyncGenerator<readonly ExportedEntry[]>;
}

/** Of one feed, where the time of recording only goes up. */
async function* byDay(pieces: AsyncGenerator<readonly ExportedEntry[]>): AsyncGenerator<Day> {
  let rest: readonly ExportedEntry[] = [];
  try {
    for (let first = await next(); first !== undefined; first = await next()) {
      const date = dateOf(first.recordedAt);
      yield { date, entries: of(date) };
    }
  } finally {
    await pieces.return(undefined);
  }

  /** The first that is left, of the next piece where there is nothing left of the one before. */
  async function next(): Promise<ExportedEntry | undefined> {
    while (rest.length === 0) {
      const piece = await pieces.next();
      if (piece.done === true) return undefined;
      rest = piece.value;
    }
    return rest[0];
  }

  async function* of(date: string): AsyncGenerator<readonly ExportedEntry[]> {
    for (let first = await next(); first !== undefined && dateOf(first.recordedAt) === date; first = await next()) {
      const end = rest.findIndex((entry) => dateOf(entry.recordedAt) !== date);
      const piece = end < 0 ? rest : rest.slice(0, end);
      rest = end < 0 ? [] : rest.slice(end);
      yield piece;
    }
  }
}
