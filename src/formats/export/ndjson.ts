import type { ExportRow } from './export-row.js';
import { nameOf } from './row-columns.js';
import type { RowColumn, TypedColumn } from './row-columns.js';
import { quoted } from './row-json.js';

/** Writes rows as lines of NDJSON, with the columns asked for. */
export function ndjsonWriter(columns: readonly RowColumn[]): (row: ExportRow) => string {
  const members = columns.map((column, n) => ({ name: `${n === 0 ? '{' : ','}"${nameOf(column)}":`, column }));
  return (row) => {
    let line = '';
    for (const { name, column } of members) {
      line += name + (typeof column === 'string' ? row.jsonOf(column) : typedJson(column, row));
    }
    return `${line}}\n`;
  };
}

/** Integers are written to the last digit. */
function typedJson({ index }: TypedColumn, { values }: ExportRow): string {
  const value = values[index] ?? null;
  return typeof value === 'string' ? quoted(value) : String(value);
}
