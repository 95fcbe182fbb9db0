import { printable } from './printable.js';

/** Rows for a person, each column as wide as its widest cell. Without rows it is empty. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const cells = [columns.map((name) => name.toUpperCase()), ...rows.map((row) => row.map(printable))];
  return aligned(cells);
}

/** `name  value` in two columns, for one thing. */
export function record(pairs: readonly (readonly [name: string, value: string])[]): string {
  return aligned(pairs.map(([name, value]) => [name, printable(value)]));
}

function aligned(cells: readonly (readonly string[])[]): string {
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => widthOf(row[column] ?? ''))));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)))
      .join('  ')
      .trimEnd();
  return cells.map((row) => `${line(row)}\n`).join('');
}

/** In characters as code points; wide ones count as one. */
function widthOf(text: string): number {
  return [...text].length;
}
