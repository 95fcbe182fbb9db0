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
  if (column === 'position') return String(row.position);
  return JSON.stringify(row[column]);
}
