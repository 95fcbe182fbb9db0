import type { ExportFormat } from '../../core/named-export.js';
import { ATOM_FEED } from '../media-types.js';
import { writeAtom } from './atom.js';
import { writeCsv, writeNdjson } from './export-write.js';
import type { ExportSource } from './export-write.js';
import { writeParquet } from './parquet.js';
import type { RowColumn } from './export-row.js';

/** A way to write an export. */
export interface FormatOfExport {
  /** The Content-Type. */
  readonly type: string;
  readonly write: (source: ExportSource, columns: readonly RowColumn[]) => AsyncGenerator<string | Uint8Array>;
  /** It is compressed within, and not coded again. */
  readonly isCompressed: boolean;
  /** Nothing else stands in the room of its octets: it can be given away with them. */
  readonly givesRoom: boolean;
}

export const EXPORT_FORMATS: Readonly<Record<ExportFormat, FormatOfExport>> = {
  ndjson: { type: 'application/x-ndjson', write: writeNdjson, isCompressed: false, givesRoom: true },
  csv: { type: 'text/csv; charset=utf-8; header=present', write: writeCsv, isCompressed: false, givesRoom: true },
  atom: { type: `${ATOM_FEED};charset=utf-8`, write: writeAtom, isCompressed: false, givesRoom: false },
  parquet: { type: 'application/vnd.apache.parquet', write: writeParquet, isCompressed: true, givesRoom: false },
};
