import type { OctetWriter } from '../octet-writer.js';
import type { ExportRow, RowColumn } from './export-row.js';
import { jsonMembers } from './row-json.js';

/** Writes rows as lines of NDJSON, with the columns asked for. */
export function ndjsonWriter(columns: readonly RowColumn[]): (row: ExportRow, to: OctetWriter) => void {
  const members = jsonMembers(columns);
  return (row, to) => {
    row.writeMembers(members, to);
    to.text('}\n');
  };
}
