import type { ExportEnd, ExportLoss, ExportedEntry } from '../../core/export.js';
import type { Feed } from '../../core/feed.js';
import type { BatchEnd } from '../../core/named-export.js';
import { breather } from '../slices.js';
import { csvHeader, csvRecord } from './csv.js';
import { exportRow } from './export-row.js';
import type { ExportColumn, ExportRow } from './export-row.js';
import { ndjsonWriter } from './ndjson.js';

/** Entries with what they need to become rows. */
export interface ExportSource {
  readonly batches: AsyncIterable<readonly ExportedEntry[]>;
  readonly feedOf: (entry: ExportedEntry) => { readonly feed: Feed; readonly showsPositions: boolean };
  readonly end: () => ExportEnd | BatchEnd;
  /** Told of an entry of which no row can be made, which is left out then; undefined: that is the end of it all. Parquet only. */
  readonly refused?: (entry: ExportedEntry, error: unknown) => void;
}

/** Rows as lines, and a last line of the kind `end`: where that is missing the export was cut off. */
export async function* writeNdjson(source: ExportSource, columns: readonly ExportColumn[]): AsyncGenerator<string> {
  yield* pieces(source, ndjsonWriter(columns));
  yield endLine(source.end());
}

function endLine({ lost, ...end }: ExportEnd | BatchEnd): string {
  return `${JSON.stringify({ kind: 'end', ...end, lost: toldLosses(lost) })}\n`;
}

/** As they are told in JSON. */
export function toldLosses(lost: readonly ExportLoss[]): object[] {
  return lost.map(({ entries, ...one }) => ({ ...one, entries: entries === undefined ? null : Number(entries) }));
}

/** A header and records; what is told at the end is in the trailer fields of the answer only. */
export async function* writeCsv(source: ExportSource, columns: readonly ExportColumn[]): AsyncGenerator<string> {
  yield csvHeader(columns);
  yield* pieces(source, (row) => csvRecord(row, columns));
}

/** So many characters are handed on at once. */
const PIECE = 64 * 1024;

async function* pieces(source: ExportSource, write: (row: ExportRow) => string): AsyncGenerator<string> {
  const breathe = breather();
  let text = '';
  for await (const entries of source.batches) {
    for (const entry of entries) {
      const { feed, showsPositions } = source.feedOf(entry);
      const row = exportRow(entry, feed, showsPositions);
      text += write(row instanceof Promise ? await row : row);
      if (text.length < PIECE) continue;
      yield text;
      text = '';
      await breathe();
    }
  }
  if (text !== '') yield text;
}
