import type { SchemaElement } from 'hyparquet-writer';
import type { ContentValue } from '../../core/content-columns.js';
import type { Instant } from '../../core/entry.js';
import { microsecondsOf } from '../../core/instants.js';
import type { ExportColumn, ExportRow, RowColumn, TypedColumn } from './export-row.js';

/** What a column holds in a file: integers as they are, texts to be written in UTF-8. */
export type ParquetValue = string | bigint | number | boolean;

/** Of a row. Octets are a text in UTF-8, good as long as the row is. */
export type ColumnValue = ParquetValue | Uint8Array | null | readonly string[];

/** A column as Parquet has it. What has no value is null; a list has one element a value, and may be empty. */
export interface ParquetColumn {
  readonly name: string;
  /** Depth first; the last one is that of the values. */
  readonly schema: readonly [SchemaElement, ...SchemaElement[]];
  readonly nullable: boolean;
  /** Few values come again and again: each is written once in a row group. */
  readonly isRepetitive: boolean;
  readonly valueOf: (row: ExportRow) => ColumnValue;
}

type Element = Pick<SchemaElement, 'type' | 'converted_type' | 'logical_type'>;

const TEXT: Element = { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } };
const MILLISECONDS: Element = {
  type: 'INT64',
  converted_type: 'TIMESTAMP_MILLIS',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
};
const MICROSECONDS: Element = {
  type: 'INT64',
  converted_type: 'TIMESTAMP_MICROS',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
};

const REPETITIVE = { isRepetitive: true };
const NULLABLE = { nullable: true };

const COLUMNS: Readonly<Record<ExportColumn, ParquetColumn>> = {
  workspace: column('workspace', TEXT, (row) => row.workspace, REPETITIVE),
  feed: column('feed', TEXT, (row) => row.feed, REPETITIVE),
  position: column('position', { type: 'INT64' }, (row) => row.position, NULLABLE),
  atom_id: column('atom_id', TEXT, (row) => row.textOf('atom_id')),
  event_type: column('event_type', TEXT, (row) => row.event_type, { ...REPETITIVE, ...NULLABLE }),
  tenant: column('tenant', TEXT, (row) => row.tenant, { ...REPETITIVE, ...NULLABLE }),
  categories: {
    name: 'categories',
    // The three levels that the specification of Parquet has for a list.
    schema: [
      {
        name: 'categories',
        repetition_type: 'REQUIRED',
        num_children: 1,
        converted_type: 'LIST',
        logical_type: { type: 'LIST' },
      },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      { ...TEXT, name: 'element', repetition_type: 'REQUIRED' },
    ],
    nullable: false,
    isRepetitive: true,
    valueOf: (row) => row.categories,
  },
  published: column('published', MILLISECONDS, (row) => millisecondsOf(row.published), NULLABLE),
  updated: column('updated', MILLISECONDS, (row) => millisecondsOf(row.updated), NULLABLE),
  recorded_at: column('recorded_at', MICROSECONDS, (row) => toMicroseconds(row.recorded_at)),
  kind: column('kind', TEXT, (row) => row.kind, REPETITIVE),
  schema_version: column('schema_version', { type: 'INT32' }, (row) => row.schema_version, NULLABLE),
  content_type: column('content_type', TEXT, (row) => row.content_type, { ...REPETITIVE, ...NULLABLE }),
  content_xml: column('content_xml', TEXT, (row) => row.textOf('content_xml'), NULLABLE),
  // No `JSON`: DuckDB's functions take a text as well, and of that some readers (Polars) make octets.
  content_json: column('content_json', TEXT, (row) => row.textOf('content_json'), NULLABLE),
};

export function parquetColumns(columns: readonly RowColumn[]): ParquetColumn[] {
  return columns.map((one) => (typeof one === 'string' ? COLUMNS[one] : typedColumn(one)));
}

/** Any of them may be null. */
function typedColumn({ name, type, index }: TypedColumn): ParquetColumn {
  const valueOf = ({ values }: ExportRow): ContentValue => values[index] ?? null;
  switch (type) {
    case 'string':
      return column(name, TEXT, valueOf, { ...REPETITIVE, ...NULLABLE });
    case 'integer':
      return column(name, { type: 'INT64' }, valueOf, NULLABLE);
    case 'number':
      return column(name, { type: 'DOUBLE' }, valueOf, NULLABLE);
    case 'boolean':
      return column(name, { type: 'BOOLEAN' }, valueOf, NULLABLE);
    case 'timestamp':
      return column(name, MILLISECONDS, (row) => millisecondsOf(valueOf(row) as Instant | null), NULLABLE);
  }
}

function column(
  name: string,
  element: Element,
  valueOf: ParquetColumn['valueOf'],
  { nullable = false, isRepetitive = false } = {},
): ParquetColumn {
  const schema = [{ ...element, name, repetition_type: nullable ? 'OPTIONAL' : 'REQUIRED' } as const] as const;
  return { name, schema, nullable, isRepetitive, valueOf };
}

function millisecondsOf(instant: string | null): bigint | null {
  return instant === null ? null : toMilliseconds(instant);
}

const toMilliseconds = remembering((instant) => BigInt(Date.parse(instant)));
const toMicroseconds = remembering(microsecondsOf);

/** Entries of one tick were recorded at one time, and most were published when they were updated. */
function remembering(read: (instant: Instant) => bigint): (instant: Instant) => bigint {
  let last = '';
  let value = 0n;
  return (instant) => {
    if (instant !== last) {
      value = read(instant);
      last = instant;
    }
    return value;
  };
}
