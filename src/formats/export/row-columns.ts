import { contentColumns, exportedName } from '../../core/content-columns.js';
import type { ColumnTypes } from '../../core/contract.js';
import { EXPORT_COLUMNS } from './export-row.js';
import type { ExportColumn, RowColumn, TypedColumn } from './export-row.js';

/** The columns of these names, as `checkColumns` takes them; undefined: all that every entry has. The types are those of all that are of the content. */
export function rowColumns(names: readonly string[] | undefined, types: ColumnTypes): readonly RowColumn[] {
  if (names === undefined) return EXPORT_COLUMNS;
  const typed = new Map<string, TypedColumn>();
  for (const [index, column] of contentColumns(names, types).entries()) {
    const name = exportedName(column);
    typed.set(name, { name, type: column.type, index });
  }
  return names.map((name) => typed.get(name) ?? (name as ExportColumn));
}

export function nameOf(column: RowColumn): string {
  return typeof column === 'string' ? column : column.name;
}
