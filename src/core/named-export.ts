import type { ColumnTypes } from './contract.js';
import type { Instant } from './entry.js';
import { commonTick } from './epoch.js';
import type { Epochs } from './epoch.js';
import type { ExportLoss, ExportPlace, TimedPlace } from './export.js';
import type { FeedId } from './feed.js';

/** What somebody pulls batch by batch under a name; the server keeps how far it has come (docs/adr/0013). */

export type ExportFormat = 'ndjson' | 'csv' | 'atom' | 'parquet';

/** What an admin chooses. */
export interface ExportDefinition {
  /** Patterns, as core/export.ts reads them. */
  readonly feeds: readonly string[];
  readonly format: ExportFormat;
  /** Undefined: all that there are. */
  readonly columns: readonly string[] | undefined;
  /** Of those of them that are of the content, as it was when they were chosen. */
  readonly columnTypes: ColumnTypes;
  /** Positions in a batch, at most. */
  readonly batchRows: number;
  /** Where it was made to begin; undefined: at the beginning of the log. */
  readonly from: Instant | undefined;
  /** Where its batches are pushed to, by its name in TARGETS_FILE; undefined: they are pulled. */
  readonly target: string | undefined;
  /** What is pushed waits so long for more to come along; undefined: as is usual for the target. */
  readonly everySeconds: number | undefined;
}

/** No other batch of the export ever has the same: numbers are not used twice, and after a restore the epoch is another one. */
export interface BatchNumber {
  /** In which it was planned. */
  readonly epoch: string;
  readonly number: bigint;
}

/** A place in the log as it was in this epoch. */
export interface EpochPlace extends TimedPlace {
  readonly epoch: string;
}

/** A batch that was planned and is not acknowledged: the same each time that it is asked for, whatever is published or changed meanwhile. */
export interface PendingBatch extends BatchNumber {
  readonly end: ExportPlace;
  readonly recordedAt: Instant;
  readonly plannedAt: Instant;
  /** As the export had them when it was planned. */
  readonly feeds: readonly string[];
  readonly format: ExportFormat;
  readonly columns: readonly string[] | undefined;
  readonly columnTypes: ColumnTypes;
  /** Positions of each feed. What is not there any more when it is pulled is lost. */
  readonly rows: ReadonlyMap<FeedId, number>;
  /** What was lost before it was planned. */
  readonly lost: ReadonlyMap<FeedId, BatchLoss>;
}

export type BatchLoss = { readonly entries: bigint } & Pick<ExportLoss, 'atMost'>;

export interface NamedExport extends ExportDefinition {
  readonly name: string;
  /** A UUID, of this one and of none that had its name before. */
  readonly id: string;
  /** Up to here all was acknowledged. */
  readonly place: EpochPlace;
  readonly acknowledged: BatchNumber | undefined;
  readonly acknowledgedAt: Instant | undefined;
  /** Of the batch that was planned last, whatever became of it; 0: there was none. */
  readonly newestBatch: bigint;
  readonly pending: PendingBatch | undefined;
  /** Grows with each change. */
  readonly revision: bigint;
  readonly createdAt: Instant;
}

/** What is told when all rows of a batch have been given. */
export interface BatchEnd {
  /** Null: there is nothing new. */
  readonly batch: string | null;
  /** For the acknowledgement. */
  readonly receipt: string | null;
  /** Everything recorded until this instant was given, with this batch or before; undefined: the log is empty. */
  readonly until: Instant | undefined;
  readonly rows: number;
  readonly lost: readonly ExportLoss[];
}

export const DEFAULT_BATCH_ROWS = 10_000;

/** Of an export; it does not go on with so many. Also of one batch: where nearly all is refused it is not the rows that are wrong. */
export const MOST_DEAD_LETTERS = 1_000;

/** A key to store a batch by: once. */
export function batchId({ id }: Pick<NamedExport, 'id'>, { epoch, number }: BatchNumber): string {
  return `${id.slice(0, 8)}-${epoch}-${String(number)}`;
}

/** How far a place that was given out in the epoch, and the present log, have the same in common; `end` is the newest tick. */
export function lastCommonTick(epochs: Epochs, epoch: string, end: bigint): bigint {
  const common = commonTick(epochs, epoch);
  return common !== undefined && common < end ? common : end;
}

/** Was the log put back to before what was acknowledged, or to before the end of the batch that is pending? */
export function isBeyondLog({ place, pending }: NamedExport, epochs: Epochs, end: bigint): boolean {
  if (place.place.tick > lastCommonTick(epochs, place.epoch, end)) return true;
  return pending !== undefined && pending.end.tick > lastCommonTick(epochs, pending.epoch, end);
}
