import type { ExportColumn, ExportRow } from './export-row.js';

/** A row as a line of NDJSON, with the columns asked for. */
export function ndjsonLine(row: ExportRow, columns: readonly ExportColumn[]): string {
  let line = '';
  for (const column of columns) line += `${line === '' ? '{' : ','}"${column}":${valueOf(row, column)}`;
  return `${line}}\n`;
}

/** Positions are numbers: they are exact to 2^53, which no feed reaches. */
function valueOf(row: ExportRow, column: ExportColumn): string {
  if (column === 'content_json') return row.content_json ?? 'null';
  const value = row[column];
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'object' && value !== null) return `[${value.map(quoted).join(',')}]`;
  return String(value);
}

// What has to be escaped in JSON, and what JSON.stringify escapes besides.
const ESCAPED = /["\\\0-\x1f\ud800-\udfff]/;

/** Most of them need no escapes. */
function quoted(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}
