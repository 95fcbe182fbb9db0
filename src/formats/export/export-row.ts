import { isContentColumn } from '../../core/content-columns.js';
import type { ContentValue } from '../../core/content-columns.js';
import type { ExportedEntry } from '../../core/export.js';
import type { ColumnType } from '../../core/contract.js';
import type { Instant } from '../../core/entry.js';
import { FeedsError } from '../../core/errors.js';
import type { ExportFormat } from '../../core/named-export.js';
import type { OctetWriter } from '../octet-writer.js';

/**
 * An entry as a row, flat and typed (docs/export.md). Columns are never renamed and keep their types; new ones come at the end.
 * What a column takes is done when it is asked for.
 */
export interface ExportRow {
  readonly workspace: string;
  readonly feed: string;
  /** In its feed; null for who is not told positions. */
  readonly position: bigint | null;
  readonly atom_id: string;
  readonly event_type: string | null;
  readonly tenant: string | null;
  readonly categories: readonly string[];
  /** Instants in UTC. */
  readonly published: Instant | null;
  readonly updated: Instant | null;
  readonly recorded_at: Instant;
  readonly kind: ExportedEntry['kind'];
  readonly schema_version: number | null;
  /** A media type; null of what has no content. */
  readonly content_type: string | null;
  /** The element, self-contained; null where the content is no XML. */
  readonly content_xml: string | null;
  /** A JSON text, on one line. */
  readonly content_json: string | null;
  /** Of the columns of the content, by their index. */
  readonly values: readonly ContentValue[];
  /** The value of a column as a JSON text, on one line. */
  jsonOf(column: ExportColumn): string;
  /** As JSON, in one line. */
  writeMembers(members: readonly JsonMember[], to: OctetWriter): void;
  /** As the column of that name, in UTF-8 where the row has it so, which is good as long as the row is. */
  textOf(column: TextColumn): Uint8Array | string | null;
}

/** Of long texts, or of texts that are all different. */
export type TextColumn = 'atom_id' | 'content_xml' | 'content_json';

export type ExportColumn = Exclude<keyof ExportRow, 'values' | 'jsonOf' | 'writeMembers' | 'textOf'>;

/** A column of an export: one that all entries have, or one of the content. */
export type RowColumn = ExportColumn | TypedColumn;

export interface TypedColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** Among the values of a row. */
  readonly index: number;
}

/** Of the object that a row is: its name with what stands around it, and the column it is of. */
export interface JsonMember {
  readonly begin: string;
  readonly column: RowColumn;
}

/** In this order in all formats. */
export const EXPORT_COLUMNS = [
  'workspace',
  'feed',
  'position',
  'atom_id',
  'event_type',
  'tenant',
  'categories',
  'published',
  'updated',
  'recorded_at',
  'kind',
  'schema_version',
  'content_type',
  'content_xml',
  'content_json',
] as const satisfies readonly ExportColumn[];

/** Those of the content are left to the contracts. Throws `bad-parameter`. */
export function checkColumns(names: readonly string[], format: ExportFormat): void {
  if (format === 'atom') {
    const message = '"columns" goes with ndjson, csv and parquet only: "atom" has each entry whole';
    throw new FeedsError('bad-parameter', message);
  }
  for (const name of names) {
    if (isContentColumn(name) || (EXPORT_COLUMNS as readonly string[]).includes(name)) continue;
    const there = EXPORT_COLUMNS.join(', ');
    throw new FeedsError(
      'bad-parameter',
      `there is no column "${name.slice(0, 64)}"; there are ${there}, and what contracts call x_…`,
    );
  }
}
