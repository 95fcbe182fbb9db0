import type { ExportColumn, ExportRow } from './export-row.js';

/** Writes rows as lines of NDJSON, with the columns asked for. */
export function ndjsonWriter(columns: readonly ExportColumn[]): (row: ExportRow) => string {
  const members = columns.map((column, n) => ({ name: `${n === 0 ? '{' : ','}"${column}":`, column }));
  return (row) => {
    let line = '';
    for (const { name, column } of members) line += name + row.jsonOf(column);
    return `${line}}\n`;
  };
}
