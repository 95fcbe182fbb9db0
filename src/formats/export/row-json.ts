import type { ExportColumn, ExportRow, JsonMember, RowColumn, TypedColumn } from './export-row.js';
import { nameOf } from './row-columns.js';

/**
 * The columns of a row as JSON texts, each on one line. Positions are numbers: they are exact to 2^53, which no feed
 * reaches.
 */
export const JSON_OF: Readonly<Record<ExportColumn, (row: ExportRow) => string>> = {
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

/** Behind the last of them the object is to be closed. */
export function jsonMembers(columns: readonly RowColumn[]): readonly JsonMember[] {
  return columns.map((column, n) => ({ begin: `${n === 0 ? '{' : ','}${quoted(nameOf(column))}:`, column }));
}

/** Integers are written to the last digit. */
export function typedJson({ index }: TypedColumn, { values }: Pick<ExportRow, 'values'>): string {
  const value = values[index] ?? null;
  return typeof value === 'string' ? quoted(value) : String(value);
}

// What has to be escaped in JSON, and what JSON.stringify escapes besides.
const ESCAPED = /["\\\0-\x1f\ud800-\udfff]/;

/** Most of them need no escapes. */
export function quoted(text: string | null): string {
  if (text === null) return 'null';
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}
