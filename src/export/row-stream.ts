import { Readable, pipeline } from 'node:stream';
import type { Transform } from 'node:stream';
import { constants, createBrotliCompress, createGzip } from 'node:zlib';
import type { ExportEnd, ExportedEntry, TimedPlace } from '../core/export.js';
import type { FeedId } from '../core/feed.js';
import type { BatchEnd, ExportFormat } from '../core/named-export.js';
import { EXPORT_FORMATS } from '../formats/export/export-formats.js';
import type { ExportDocument, ExportSource } from '../formats/export/export-write.js';
import type { RowColumn } from '../formats/export/export-row.js';
import { zstdCoded } from '../formats/zstd.js';
import type { CopyDb } from '../store/db.js';
import { exportBatches } from './batches.js';
import type { Batch, BatchesWanted } from './batches.js';
import { noteGiven } from './losses.js';
import type { Given } from './losses.js';

/** What is to be written. */
export interface RowJob {
  readonly wanted: BatchesWanted;
  readonly format: ExportFormat;
  readonly columns: readonly RowColumn[];
  readonly document: ExportDocument;
  readonly coding: StreamCoding;
}

/** As Content-Encoding names it. */
export type StreamCoding = 'identity' | 'gzip' | 'br' | 'zstd';

/** What was given, of which the end tells. */
export interface GivenRows {
  readonly rows: number;
  readonly given: ReadonlyMap<FeedId, Given>;
  /** Where the last of them stands; undefined: there were none. */
  readonly place: TimedPlace | undefined;
}

export interface RowStreamDeps {
  readonly db: CopyDb;
  /** Asked when all rows have been given. */
  readonly endOf: (given: GivenRows) => Promise<ExportEnd | BatchEnd>;
  /** Nobody reads any more. Between two row groups nothing else tells. */
  readonly isStopped: () => boolean;
}

type Part = string | Uint8Array;

const encoder = new TextEncoder();

/** The rows of what is wanted, from Postgres to the octets that are sent. Whoever gets them may give them away with their room. */
export async function* writeRows(deps: RowStreamDeps, job: RowJob): AsyncGenerator<Uint8Array> {
  const { wanted, format, columns, document } = job;
  const { write, givesRoom } = EXPORT_FORMATS[format];
  const given = new Map<FeedId, Given>();
  const feeds = new Map<FeedId, SourceFeed>();
  let rows = 0;
  let place: TimedPlace | undefined;
  let end: ExportEnd | BatchEnd | undefined;
  const all = exportBatches(deps.db, wanted, 'until the next');
  try {
    // Before anything is written: what fails until then can be told otherwise.
    const first = await all.next();
    const source: ExportSource = {
      batches: counted(first),
      feedOf,
      end() {
        if (end === undefined) throw new Error('the rows have not come to their end');
        return end;
      },
      document,
    };
    for await (const part of coded(write(source, columns), job.coding)) {
      if (part.length === 0) continue;
      if (typeof part === 'string') yield encoder.encode(part);
      else yield givesRoom && job.coding === 'identity' ? part : new Uint8Array(part);
    }
  } finally {
    await all.return(undefined);
  }

  async function* counted(first: IteratorResult<Batch>): AsyncGenerator<readonly ExportedEntry[]> {
    for (let next = first; next.done !== true; next = await all.next()) {
      if (deps.isStopped()) throw new Error('nobody reads the rows any more');
      const { entries } = next.value;
      rows += entries.length;
      place = { place: next.value.place, recordedAt: next.value.recordedAt };
      for (const { feed, position } of entries) noteGiven(given, feed, position);
      if (entries.length > 0) yield entries;
    }
    end = await deps.endOf({ rows, given, place });
  }

  function feedOf({ feed }: ExportedEntry): SourceFeed {
    const known = feeds.get(feed);
    if (known !== undefined) return known;
    const found = wanted.feeds.get(feed);
    if (found === undefined) throw new Error(`feed ${String(feed)} is not exported`);
    const source = { feed: found.feed, showsPositions: found.view.kind === 'whole' };
    feeds.set(feed, source);
    return source;
  }
}

type SourceFeed = ReturnType<ExportSource['feedOf']>;

/** Quickly rather than small: the reader waits for it. */
function coded(parts: AsyncGenerator<Part>, coding: StreamCoding): AsyncIterable<Part> {
  switch (coding) {
    case 'identity':
      return parts;
    case 'zstd':
      return zstdCoded(parts);
    case 'gzip':
      return through(createGzip({ level: 1 }), parts);
    case 'br':
      return through(createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }), parts);
  }
}

function through(coder: Transform, parts: AsyncGenerator<Part>): AsyncIterable<Buffer> {
  // What fails on the way, or whose reader has gone, is told by what is read from it.
  pipeline(Readable.from(parts), coder, () => undefined);
  return coder;
}
