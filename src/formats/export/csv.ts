import type { ExportRow, RowColumn } from './export-row.js';
import { nameOf } from './row-columns.js';

/** RFC 4180: records of CSV, with lines that end in CR LF. */

export function csvHeader(columns: readonly RowColumn[]): string {
  return `${columns.map(nameOf).join(',')}\r\n`;
}

/** What is absent is an empty field; an empty text is one in quotes. Categories are a JSON array. */
export function csvRecord(row: ExportRow, columns: readonly RowColumn[]): string {
  return `${columns.map((column) => fieldOf(row, column)).join(',')}\r\n`;
}

function fieldOf(row: ExportRow, column: RowColumn): string {
  const value = typeof column === 'string' ? row[column] : (row.values[column.index] ?? null);
  if (value === null) return '';
  if (typeof value === 'object') return field(JSON.stringify(value));
  return typeof value === 'string' ? field(value) : String(value);
}

/** RFC 4180 §2: what has a comma, a quote or a line end is in quotes, and quotes are doubled. */
function field(text: string): string {
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
