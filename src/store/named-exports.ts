import type { ColumnTypes } from '../core/contract.js';
import type { Instant, Position } from '../core/entry.js';
import type { FeedId } from '../core/feed.js';
import type {
  BatchNumber,
  EpochPlace,
  ExportDefinition,
  ExportFormat,
  NamedExport,
  PendingBatch,
} from '../core/named-export.js';
import type { Db, Tx } from './db.js';

/** As they stand in JSON: what is 64 bits wide is text there. */
interface StoredNumber {
  readonly epoch: string;
  readonly number: string;
}

interface StoredBatch extends StoredNumber {
  readonly end: { readonly tick: string; readonly feed: FeedId; readonly position: string };
  readonly recordedAt: Instant;
  readonly plannedAt: Instant;
  readonly feeds: readonly string[];
  readonly format: ExportFormat;
  readonly columns?: readonly string[];
  readonly columnTypes?: ColumnTypes;
  readonly rows: readonly (readonly [FeedId, number])[];
  readonly lost: readonly (readonly [FeedId, string, boolean])[];
}

type Row = [
  ...[name: string, id: string, feeds: string[], format: string, columns: string[] | null, batchRows: number],
  ...[columnTypes: ColumnTypes | null],
  ...[from: Instant | null, epoch: string, tick: bigint, feed: FeedId, position: Position, recordedAt: Instant | null],
  ...[acknowledged: StoredNumber | null, acknowledgedAt: Instant | null, newestBatch: bigint],
  ...[pending: StoredBatch | null, revision: bigint, createdAt: Instant, target: string | null, every: number | null],
];

const COLUMNS = `name, export_id, feeds, format, columns, batch_rows, column_types, from_time, epoch, tick, feed_id, position,
         recorded_at, acknowledged, acknowledged_at, newest_batch, pending, revision, created_at, target, every_seconds`;

const FIND = `select ${COLUMNS} from exports where name = $1`;

export async function findExport(db: Db, name: string): Promise<NamedExport | undefined> {
  const { rows } = await db.query<Row>({ name: 'find-export', text: FIND, values: [name] });
  return rows[0] === undefined ? undefined : toExport(rows[0]);
}

/** Nobody else changes it until the transaction ends. */
export async function lockExport(tx: Tx, name: string): Promise<NamedExport | undefined> {
  const { rows } = await tx.query<Row>({ name: 'lock-export', text: `${FIND} for update`, values: [name] });
  return rows[0] === undefined ? undefined : toExport(rows[0]);
}

const LIST = `select ${COLUMNS} from exports order by name`;

export async function listExports(db: Db): Promise<NamedExport[]> {
  const { rows } = await db.query<Row>({ name: 'list-exports', text: LIST });
  return rows.map(toExport);
}

const COUNT = 'select count(*) from exports';

export async function countExports(tx: Tx): Promise<number> {
  const { rows } = await tx.query<[bigint]>({ name: 'count-exports', text: COUNT });
  return Number(rows[0]?.[0] ?? 0n);
}

const INSERT = `
  insert into exports (name, feeds, format, columns, batch_rows, column_types, target, every_seconds, from_time, epoch, tick,
                       feed_id, position, recorded_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
  on conflict (name) do nothing
  returning ${COLUMNS}`;

/** Undefined: there is one of this name. */
export async function insertExport(
  tx: Tx,
  name: string,
  definition: ExportDefinition,
  place: EpochPlace,
): Promise<NamedExport | undefined> {
  const values = [name, ...chosenValues(definition), definition.from ?? null, ...valuesOf(place)];
  const { rows } = await tx.query<Row>({ name: 'insert-export', text: INSERT, values });
  return rows[0] === undefined ? undefined : toExport(rows[0]);
}

const REDEFINE = `
  update exports
     set feeds = $2, format = $3, columns = $4, batch_rows = $5, column_types = $6, target = $7, every_seconds = $8,
         revision = revision + 1
   where name = $1`;

/** Its place, and the batch that is pending, stay as they are. */
export async function redefineExport(tx: Tx, name: string, definition: ExportDefinition): Promise<void> {
  await tx.query({ name: 'redefine-export', text: REDEFINE, values: [name, ...chosenValues(definition)] });
}

function chosenValues(definition: ExportDefinition): unknown[] {
  const { feeds, format, columns, batchRows, columnTypes, target, everySeconds } = definition;
  const types = Object.keys(columnTypes).length === 0 ? null : columnTypes;
  return [feeds, format, columns ?? null, batchRows, types, target ?? null, everySeconds ?? null];
}

const DELETE = 'delete from exports where name = $1';

export async function deleteExport(tx: Tx, name: string): Promise<void> {
  await tx.query({ name: 'delete-export', text: DELETE, values: [name] });
}

const RESET = `
  update exports
     set epoch = $2, tick = $3, feed_id = $4, position = $5, recorded_at = $6, pending = null, revision = revision + 1
   where name = $1`;

/** Puts it to this place, wherever it was; a batch that is pending is dropped. */
export async function resetExport(tx: Tx, name: string, place: EpochPlace): Promise<void> {
  await tx.query({ name: 'reset-export', text: RESET, values: [name, ...valuesOf(place)] });
}

const KEEP_PENDING = `
  update exports
     set pending = $3, newest_batch = newest_batch + 1, revision = revision + 1
   where export_id = $1
     and revision = $2
     and pending is null`;

/** Where it is no longer as it was when the batch was planned it stays. */
export async function keepPending(
  tx: Tx,
  { id, revision }: Pick<NamedExport, 'id' | 'revision'>,
  batch: PendingBatch,
): Promise<void> {
  await tx.query({ name: 'keep-pending', text: KEEP_PENDING, values: [id, revision, stored(batch)] });
}

const MOVE = `
  update exports
     set epoch = $3, tick = $4, feed_id = $5, position = $6, recorded_at = $7, revision = revision + 1
   where export_id = $1
     and revision = $2
     and pending is null`;

/** Past what has nothing for it. Where it was changed meanwhile it stays. */
export async function moveExport(
  tx: Tx,
  { id, revision }: Pick<NamedExport, 'id' | 'revision'>,
  place: EpochPlace,
): Promise<void> {
  await tx.query({ name: 'move-export', text: MOVE, values: [id, revision, ...valuesOf(place)] });
}

const ACKNOWLEDGE = `
  update exports
     set epoch = $2, tick = $3, feed_id = $4, position = $5, recorded_at = $6,
         acknowledged = $7, acknowledged_at = now(), pending = null, revision = revision + 1
   where name = $1`;

/** The batch that is pending is done with: the next one begins at its end. */
export async function acknowledgePending(
  tx: Tx,
  name: string,
  { epoch, number, end, recordedAt }: PendingBatch,
): Promise<void> {
  const values = [name, ...valuesOf({ epoch, place: end, recordedAt }), { epoch, number: String(number) }];
  await tx.query({ name: 'acknowledge-pending', text: ACKNOWLEDGE, values });
}

const NEXT_BATCH = `
  update exports
     set newest_batch = newest_batch + 1, revision = revision + 1
   where name = $1
  returning newest_batch`;

/** A number for a batch that is none of the log's next. */
export async function takeBatchNumber(tx: Tx, name: string): Promise<bigint> {
  const { rows } = await tx.query<[bigint]>({ name: 'take-batch-number', text: NEXT_BATCH, values: [name] });
  const [row] = rows;
  if (row === undefined) throw new Error(`there is no export "${name}"`);
  return row[0];
}

function valuesOf({ epoch, place, recordedAt }: EpochPlace): unknown[] {
  return [epoch, place.tick, place.feed, place.position, recordedAt ?? null];
}

function toExport(row: Row): NamedExport {
  const [name, id, feeds, format, columns, batchRows, columnTypes, from, ...place] = row;
  const [epoch, tick, feed, position, recordedAt, acknowledged, acknowledgedAt, newestBatch, ...more] = place;
  const [pending, revision, createdAt, target, everySeconds] = more;
  return {
    name,
    id,
    feeds,
    format: format as ExportFormat,
    columns: columns ?? undefined,
    columnTypes: columnTypes ?? {},
    batchRows,
    from: from ?? undefined,
    target: target ?? undefined,
    everySeconds: everySeconds ?? undefined,
    place: { epoch, place: { tick, feed, position }, recordedAt: recordedAt ?? undefined },
    acknowledged: acknowledged === null ? undefined : toNumber(acknowledged),
    acknowledgedAt: acknowledgedAt ?? undefined,
    newestBatch,
    pending: pending === null ? undefined : toPending(pending),
    revision,
    createdAt,
  };
}

function toNumber({ epoch, number }: StoredNumber): BatchNumber {
  return { epoch, number: BigInt(number) };
}

function toPending({ end, columns, columnTypes = {}, rows, lost, ...batch }: StoredBatch): PendingBatch {
  return {
    ...batch,
    ...toNumber(batch),
    end: { tick: BigInt(end.tick), feed: end.feed, position: BigInt(end.position) },
    columns,
    columnTypes,
    rows: new Map(rows),
    lost: new Map(lost.map(([feed, entries, atMost]) => [feed, { entries: BigInt(entries), atMost }])),
  };
}

function stored({ number, end, columns, rows, lost, ...batch }: PendingBatch): StoredBatch {
  return {
    ...batch,
    number: String(number),
    end: { tick: String(end.tick), feed: end.feed, position: String(end.position) },
    ...(columns === undefined ? {} : { columns }),
    rows: [...rows],
    lost: [...lost].map(([feed, { entries, atMost }]) => [feed, String(entries), atMost]),
  };
}
