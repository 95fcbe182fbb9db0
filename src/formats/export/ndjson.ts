import type { ExportColumn, ExportRow } from './export-row.js';
import { nameOf } from './row-columns.js';
import type { RowColumn, TypedColumn } from './row-columns.js';

/** Writes rows as lines of NDJSON, with the columns asked for. */
export function ndjsonWriter(columns: readonly RowColumn[]): (row: ExportRow) => string {
  const members = columns.map((column, n) => ({
    name: `${n === 0 ? '{' : ','}"${nameOf(column)}":`,
    valueOf: typeof column === 'string' ? VALUES[column] : typedValueOf(column),
  }));
  return (row) => {
    let line = '';
    for (const { name, valueOf } of members) line += name + valueOf(row);
    return `${line}}\n`;
  };
}

/** Integers are written to the last digit. */
function typedValueOf({ index }: TypedColumn): (row: ExportRow) => string {
  return ({ values }) => {
    const value = values[index] ?? null;
    return typeof value === 'string' ? quoted(value) : String(value);
  };
}

/** Positions are numbers: they are exact to 2^53, which no feed reaches. */
const VALUES: Readonly<Record<ExportColumn, (row: ExportRow) => string>> = {
  workspace: (row) => quoted(row.workspace),
  feed: (row) => quoted(row.feed),
  position: (row) => String(row.position),
  atom_id: (row) => quoted(row.atom_id),
  event_type: (row) => quoted(row.event_type),
  tenant: (row) => quoted(row.tenant),
  categories: (row) => `[${row.categories.map(quoted).join(',')}]`,
  published: (row) => quoted(row.published),
  updated: (row) => quoted(row.updated),
  recorded_at: (row) => quoted(row.recorded_at),
  kind: (row) => quoted(row.kind),
  schema_version: (row) => String(row.schema_version),
  content_type: (row) => quoted(row.content_type),
  content_xml: (row) => JSON.stringify(row.content_xml),
  content_json: (row) => row.content_json ?? 'null',
};

// What has to be escaped in JSON, and what JSON.stringify escapes besides.
const ESCAPED = /["\\\0-\x1f\ud800-\udfff]/;

/** Most of them need no escapes. */
function quoted(text: string | null): string {
  if (text === null) return 'null';
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}
