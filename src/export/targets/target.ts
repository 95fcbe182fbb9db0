import type { ExportedEntry } from '../../core/export.js';
import type { Feed } from '../../core/feed.js';
import type { BatchEnd } from '../../core/named-export.js';
import type { RowColumn } from '../../formats/export/export-row.js';

/** What a named export is pushed to. */
export interface Target {
  /**
   * Stores the batch: when it resolves, all of it is there for good. The same batch may come again, whole or cut off in the middle before:
   * its key tells what is there already. Rejects where the target is away or refuses all; then the batch comes again later.
   */
  store(batch: TargetBatch): Promise<StoredBatch>;
  /** Everything that was recorded on the day was stored. May be told twice. */
  closeDay(day: ClosedDay): Promise<void>;
  stop(): Promise<void>;
}

/** A batch as a target takes it. */
export interface TargetBatch {
  /** That of no other batch, see batchId() in core/named-export.ts. */
  readonly key: string;
  /** Those that it has something of. */
  readonly feeds: readonly Feed[];
  /** From the beginning each time, some at a time: of all feeds in the order of the log, or of one in that of its positions. */
  entries(of?: Feed): AsyncGenerator<readonly ExportedEntry[]>;
  readonly columns: readonly RowColumn[];
  /** To be called when something was done without entries being asked for: who takes nothing for long is given up. */
  moves(): void;
  /** What was lost, and until when all is told: to be asked for when all entries were gone through. */
  end(): BatchEnd;
}

export interface StoredBatch {
  readonly rows: number;
  /** Rows that the target refuses for what is in them: the others were stored. */
  readonly poisoned: readonly PoisonedRow[];
}

export interface PoisonedRow {
  readonly entry: ExportedEntry;
  /** As the target says it, without secrets. */
  readonly reason: string;
}

/** A day (UTC, by `recorded_at`) to which nothing can be added any more. */
export interface ClosedDay {
  readonly feed: Pick<Feed, 'workspace' | 'name'>;
  /** `2026-11-22`. */
  readonly date: string;
  /** Rows of it that were stored, and the keys of the batches that had them. */
  readonly rows: number;
  readonly batches: readonly string[];
}
