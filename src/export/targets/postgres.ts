import type { Instant } from '../../core/entry.js';
import type { ExportedEntry } from '../../core/export.js';
import type { Feed, FeedId } from '../../core/feed.js';
import { MOST_DEAD_LETTERS } from '../../core/named-export.js';
import type { PostgresTarget } from '../../core/target-settings.js';
import type { ColumnType } from '../../core/contract.js';
import type { ExportColumn, ExportRow, RowColumn } from '../../formats/export/export-row.js';
import { toldLosses } from '../../formats/export/export-write.js';
import { nameOf } from '../../formats/export/row-columns.js';
import { startRowMaker } from '../../formats/export/row-maker.js';
import { breather } from '../../formats/slices.js';
import { copyLine } from '../../store/warehouse-line.js';
import type { CopyValue } from '../../store/warehouse-line.js';
import { openWarehouse } from '../../store/warehouse.js';
import type { WarehouseConnection } from '../../store/warehouse.js';
import { beginLoad } from '../../store/warehouse-load.js';
import { KEY_COLUMNS, findBatch, prepareTable, warehouseTable } from '../../store/warehouse-table.js';
import type { FoundColumn, RefusedRow, WarehouseColumn, WarehouseTable } from '../../store/warehouse-table.js';
import { gatherPoison } from './poison.js';
import type { Poison } from './poison.js';
import type { PoisonedRow, StoredBatch, Target, TargetBatch } from './target.js';

/**
 * A table of a Postgres: each row of the export once, whatever breaks (docs/push.md).
 * @param answerMs for an answer; left out: what no statement takes
 */
export function makePostgresTarget({ url, table: name }: PostgresTarget, answerMs?: number): Target {
  const table = warehouseTable(name);
  const warehouse = openWarehouse(url, answerMs);
  return {
    store: (batch) => warehouse.withConnection((connection) => storeBatch(connection, table, batch)),
    closeDay: () => Promise.resolve(),
    stop: () => warehouse.stop(),
  };
}

async function storeBatch(
  connection: WarehouseConnection,
  table: WarehouseTable,
  batch: TargetBatch,
): Promise<StoredBatch> {
  const columns = columnsOf(batch);
  const found = await prepareTable(
    connection,
    table,
    columns.map((column) => ({ name: nameOf(column), ...typeOf(column) })),
  );
  const known = await findBatch(connection, table, batch.key);
  if (known !== undefined) return { rows: known.rows, poisoned: await findRefused(batch, known.refused) };

  const load = beginLoad<Line>(connection, table, columns.map(nameOf), () => {
    batch.moves();
  });
  const poison = gatherPoison();
  let stored = 0;
  for await (const lines of slicesOf(batch, columns, found, poison)) {
    const refusedLines = await load.add(lines, MOST_DEAD_LETTERS);
    for (const { refused, reason } of refusedLines) {
      poison.add({ entry: refused.entry, reason: reason.slice(0, LONGEST_REASON) });
    }
    stored += lines.length - refusedLines.length;
  }
  const poisoned = poison.rows;
  const { until, lost } = batch.end();
  const refused = poisoned.map((row) => toldRefusal(batch, row));
  await load.finish({ key: batch.key, rows: stored, refused, until, lost: toldLosses(lost) });
  return { rows: stored, poisoned };
}

const LONGEST_REASON = 1_000;

/** Types of Postgres where the table is made here. `json` and not `jsonb`: it is kept to the letter, and nothing that a publisher may write is refused. */
const COLUMNS: Readonly<Record<ExportColumn, Omit<WarehouseColumn, 'name'>>> = {
  workspace: { type: 'text', isNullable: false },
  feed: { type: 'text', isNullable: false },
  position: { type: 'bigint', isNullable: false },
  atom_id: { type: 'text', isNullable: false },
  event_type: { type: 'text', isNullable: true },
  tenant: { type: 'text', isNullable: true },
  categories: { type: 'text[]', isNullable: false },
  published: { type: 'timestamptz', isNullable: true },
  updated: { type: 'timestamptz', isNullable: true },
  recorded_at: { type: 'timestamptz', isNullable: false },
  kind: { type: 'text', isNullable: false },
  schema_version: { type: 'integer', isNullable: true },
  content_type: { type: 'text', isNullable: true },
  content_xml: { type: 'text', isNullable: true },
  content_json: { type: 'json', isNullable: true },
};

const CONTENT_TYPES: Readonly<Record<ColumnType, WarehouseColumn['type']>> = {
  string: 'text',
  integer: 'bigint',
  number: 'double precision',
  boolean: 'boolean',
  timestamp: 'timestamptz',
};

function typeOf(column: RowColumn): Omit<WarehouseColumn, 'name'> {
  return typeof column === 'string' ? COLUMNS[column] : { type: CONTENT_TYPES[column.type], isNullable: true };
}

/** Those by which a row is known are always there. */
function columnsOf({ columns }: TargetBatch): RowColumn[] {
  return [...new Set([...KEY_COLUMNS, ...columns])];
}

interface Line {
  readonly line: string;
  readonly entry: ExportedEntry;
}

/** What is held at once, in characters of texts and of the lines made of them, and in rows. */
const SLICE_CHARACTERS = 8 * 1024 * 1024;
const SLICE_ROWS = 5_000;

/** Rows of which none can be made are added to `poison`. */
async function* slicesOf(
  batch: TargetBatch,
  columns: readonly RowColumn[],
  found: readonly FoundColumn[],
  poison: Poison,
): AsyncGenerator<readonly Line[]> {
  const feeds = new Map<FeedId, Feed>(batch.feeds.map((feed) => [feed.id, feed]));
  const values = columns.map((column, n) => valueIn(column, found[n]));
  const breathe = breather();
  const rowOf = startRowMaker();
  let lines: Line[] = [];
  let held = 0;
  for await (const entries of batch.entries()) {
    for (const entry of entries) {
      const feed = feeds.get(entry.feed);
      if (feed === undefined) throw new Error(`the batch has an entry of the feed ${entry.feed}, and does not name it`);
      let line: string | undefined;
      try {
        const made = rowOf(entry, feed, true);
        const row = made instanceof Promise ? await made : made;
        line = copyLine(values.map((valueOf) => valueOf(row)));
      } catch (error) {
        poison.add({ entry, reason: `no row can be made of it: ${String(error)}` });
      }
      if (line !== undefined) {
        lines.push({ line, entry });
        held += line.length + entry.xml.length;
      }
      if (held >= SLICE_CHARACTERS || lines.length >= SLICE_ROWS) {
        yield lines;
        lines = [];
        held = 0;
      }
      const pause = breathe();
      if (pause !== undefined) await pause;
    }
  }
  if (lines.length > 0) yield lines;
}

function valueIn(column: RowColumn, found: FoundColumn | undefined): (row: ExportRow) => CopyValue {
  if (typeof column !== 'string') {
    const { index, type } = column;
    const valueOf = ({ values }: ExportRow): CopyValue => values[index] ?? null;
    if (type === 'timestamp') return (row) => withEra(valueOf(row) as Instant | null);
    return type === 'string' ? (row) => withoutNul(valueOf(row)) : valueOf;
  }
  switch (column) {
    case 'categories':
      // Who has made the table may have chosen jsonb or text.
      return found?.isArray === true ? (row) => row.categories : (row) => JSON.stringify(row.categories);
    case 'published':
    case 'updated':
      return (row) => withEra(row[column]);
    default:
      return (row) => row[column];
  }
}

/** A text of Postgres holds no U+0000, and JSON may. */
function withoutNul(value: CopyValue): CopyValue {
  return typeof value === 'string' && value.includes('\0') ? null : value;
}

/** The year before 1 is 0000 in RFC 3339 (ISO 8601), and 1 BC to Postgres. */
function withEra(instant: string | null): string | null {
  return instant?.startsWith('0000') === true ? `0001${instant.slice(4)} BC` : instant;
}

function toldRefusal({ feeds }: TargetBatch, { entry, reason }: PoisonedRow): RefusedRow {
  const { workspace = '', name = '' } = feeds.find(({ id }) => id === entry.feed) ?? {};
  return { workspace, feed: name, position: String(entry.position), recorded_at: entry.recordedAt, reason };
}

/** The answer to the commit may have been lost: what was refused then is told again. */
async function findRefused(batch: TargetBatch, refused: readonly RefusedRow[]): Promise<PoisonedRow[]> {
  if (refused.length === 0) return [];
  const wanted = new Map(refused.map((row) => [refusedName(row), row.reason]));
  const poisoned: PoisonedRow[] = [];
  for await (const entries of batch.entries()) {
    for (const entry of entries) {
      const reason = wanted.get(refusedName(toldRefusal(batch, { entry, reason: '' })));
      if (reason !== undefined) poisoned.push({ entry, reason });
    }
    if (poisoned.length === refused.length) break;
  }
  return poisoned;
}

function refusedName({ workspace, feed, position, recorded_at }: RefusedRow): string {
  return `${workspace}/${feed}/${position}/${recorded_at}`;
}
