import type { Instant } from '../../core/entry.js';
import type { ExportEnd, ExportLoss, ExportedEntry } from '../../core/export.js';
import type { Feed } from '../../core/feed.js';
import type { BatchEnd } from '../../core/named-export.js';
import { OctetWriter } from '../octet-writer.js';
import { breather } from '../slices.js';
import { csvHeader, csvRecord } from './csv.js';
import type { ExportRow, RowColumn } from './export-row.js';
import { ndjsonWriter } from './ndjson.js';
import { startRowMaker } from './row-maker.js';

/** Entries with what they need to become rows. */
export interface ExportSource {
  readonly batches: AsyncIterable<readonly ExportedEntry[]>;
  readonly feedOf: (entry: ExportedEntry) => { readonly feed: Feed; readonly showsPositions: boolean };
  readonly end: () => ExportEnd | BatchEnd;
  readonly document: ExportDocument;
  /** Told of an entry of which no row can be made, which is left out then; undefined: that is the end of it all. Parquet only. */
  readonly refused?: (entry: ExportedEntry, error: unknown) => void;
}

/** What a document that holds the whole says of itself. */
export interface ExportDocument {
  /** Of all URLs, without a trailing slash. */
  readonly base: string;
  /** An IRI, the same for what is exported by the same choice. */
  readonly id: string;
  readonly title: string;
  /** Where it was had. */
  readonly self: string;
  readonly updated: Instant;
}

/** Rows as lines, and a last line of the kind `end`: where that is missing the export was cut off. */
export async function* writeNdjson(
  source: ExportSource,
  columns: readonly RowColumn[],
): AsyncGenerator<string | Uint8Array> {
  yield* pieces(source, ndjsonWriter(columns));
  yield endLine(source.end());
}

function endLine({ lost, ...end }: ExportEnd | BatchEnd): string {
  return `${JSON.stringify({ kind: 'end', ...end, lost: toldLosses(lost) })}\n`;
}

type ToldLoss = Omit<ExportLoss, 'entries'> & { readonly entries: number | null };

/** As they are told in JSON. */
export function toldLosses(lost: readonly ExportLoss[]): ToldLoss[] {
  return lost.map(({ entries, ...one }) => ({ ...one, entries: entries === undefined ? null : Number(entries) }));
}

/** A header and records; what is told at the end is in the trailer fields of the answer only. */
export async function* writeCsv(
  source: ExportSource,
  columns: readonly RowColumn[],
): AsyncGenerator<string | Uint8Array> {
  yield csvHeader(columns);
  yield* pieces(source, (row, to) => {
    to.text(csvRecord(row, columns));
  });
}

/** After so long the entries that come from Postgres meanwhile are taken: it waits when some hundred are on their way. */
export const TAKE_MS = 0.5;

/** So many octets are handed on at once, and the rest of a row. */
const PIECE = 256 * 1024;
const USUAL_ROW = 16 * 1024;

async function* pieces(
  source: ExportSource,
  write: (row: ExportRow, to: OctetWriter) => void,
): AsyncGenerator<Uint8Array> {
  const breathe = breather(TAKE_MS);
  const rowOf = startRowMaker();
  let written = new OctetWriter(PIECE + USUAL_ROW);
  for await (const entries of source.batches) {
    for (const entry of entries) {
      const { feed, showsPositions } = source.feedOf(entry);
      const row = rowOf(entry, feed, showsPositions);
      write(row instanceof Promise ? await row : row, written);
      if (written.end < PIECE) continue;
      yield written.taken();
      written = new OctetWriter(PIECE + USUAL_ROW);
      await breathe();
    }
  }
  if (written.end > 0) yield written.taken();
}
