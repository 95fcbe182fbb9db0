import { Readable, pipeline } from 'node:stream';
import type { Transform } from 'node:stream';
import { constants, createBrotliCompress, createGzip } from 'node:zlib';
import type { Request, Response } from 'express';
import type { ExportLoss, ExportedEntry } from '../core/export.js';
import type { FeedId } from '../core/feed.js';
import type { ExportFormat } from '../core/named-export.js';
import type { ExportedFeed } from '../export/batches.js';
import { EXPORT_FORMATS } from '../formats/export/export-formats.js';
import type { ExportSource } from '../formats/export/export-write.js';
import type { RowColumn } from '../formats/export/row-columns.js';
import { preferredStreamCoding } from '../formats/negotiate.js';
import { zstdCoded } from '../formats/zstd.js';
import { sendInPieces } from './pieces.js';
import { VARY, allHeaders } from './respond.js';

/** What is known when all is sent (RFC 9110 §6.5). */
export interface Trailers {
  readonly names: string;
  readonly fields: () => Record<string, string>;
}

export interface Rows {
  readonly format: ExportFormat;
  readonly columns: readonly RowColumn[];
  readonly feeds: ReadonlyMap<FeedId, ExportedFeed>;
  /** To be gone through once. */
  readonly batches: AsyncGenerator<readonly ExportedEntry[]>;
  /** To be asked for when all batches have been taken. */
  readonly end: ExportSource['end'];
  readonly document: ExportSource['document'];
  readonly trailers: Trailers;
}

type Part = string | Uint8Array;

/** The rows as a stream, in the coding that the caller likes best, and what is told at its end. */
export async function sendRows(req: Request, res: Response, rows: Rows): Promise<void> {
  const { feeds, batches, end, document, trailers } = rows;
  const { type, isCompressed, write } = EXPORT_FORMATS[rows.format];
  const coding = isCompressed ? 'identity' : preferredStreamCoding(req.headers['accept-encoding']);
  // Until it is there the export can still be refused as it should be.
  const first = await batches.next();
  const headers = ['content-type', type, 'cache-control', 'no-store', 'vary', VARY];
  // RFC 9110 §6.5.1: HTTP/1.0 knows none, and where there is no content there is no end of it.
  if (req.method !== 'HEAD' && req.httpVersion !== '1.0') headers.push('trailer', trailers.names);
  if (coding !== 'identity') headers.push('content-encoding', coding);
  res.writeHead(200, allHeaders(req, res, 200, headers));
  if (req.method === 'HEAD') {
    await batches.return(undefined);
    res.end();
    return;
  }
  await sendInPieces(req, res, coded(parts(), coding));

  async function* parts(): AsyncGenerator<Part> {
    yield* write({ batches: whileSomebodyReads(), feedOf, end, document }, rows.columns);
    res.addTrailers(trailers.fields());
  }

  /** A row group takes many batches, and only between two of them is it noticed that its reader has gone. */
  async function* whileSomebodyReads(): AsyncGenerator<readonly ExportedEntry[]> {
    try {
      for (let next = first; next.done !== true; next = await batches.next()) {
        if (res.destroyed)
          throw Object.assign(new Error('the reader has gone'), { code: 'ERR_STREAM_PREMATURE_CLOSE' });
        yield next.value;
      }
    } finally {
      await batches.return(undefined);
    }
  }

  function feedOf(entry: ExportedEntry): ReturnType<ExportSource['feedOf']> {
    const found = feeds.get(entry.feed);
    if (found === undefined) throw new Error(`feed ${String(entry.feed)} is not exported`);
    return { feed: found.feed, showsPositions: found.view.kind === 'whole' };
  }
}

/** Quickly rather than small: the reader waits for it. */
function coded(parts: AsyncGenerator<Part>, coding: ReturnType<typeof preferredStreamCoding>): AsyncIterable<Part> {
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

/** What clients take for all header fields together is some 16 kB at most. */
const LOST_CHARACTERS = 4_000;

/** `w/f=12, w/g=?`, and `, ...` at the end where that is not all of them. */
export function lostField(lost: readonly ExportLoss[]): string {
  let field = '';
  for (const { workspace, feed, entries } of lost) {
    const one = `${field === '' ? '' : ', '}${workspace}/${feed}=${String(entries ?? '?')}`;
    if (field.length + one.length > LOST_CHARACTERS) return `${field}, ...`;
    field += one;
  }
  return field;
}
