import { Readable, pipeline } from 'node:stream';
import type { Transform } from 'node:stream';
import { constants, createBrotliCompress, createGzip } from 'node:zlib';
import type { Request, Response, Router } from 'express';
import { FeedsError } from '../../core/errors.js';
import type { ExportEnd, ExportLoss } from '../../core/export.js';
import { CSV, NDJSON, writeCsv, writeNdjson } from '../../formats/export/export-write.js';
import type { ExportSource } from '../../formats/export/export-write.js';
import type { ExportColumn } from '../../formats/export/export-row.js';
import { PARQUET, writeParquet } from '../../formats/export/parquet.js';
import { offer, preferredStreamCoding } from '../../formats/negotiate.js';
import { zstdCoded } from '../../formats/zstd.js';
import { startExport } from '../export-start.js';
import { readExportRequest } from '../export-request.js';
import { mayExportSome } from '../middleware/may.js';
import { sendInPieces } from '../pieces.js';
import { chosen } from '../representation.js';
import { VARY, allHeaders } from '../respond.js';
import type { Services } from '../services.js';
import { addOtherMethods } from './methods.js';

const OFFERS = [
  offer('ndjson', NDJSON, ['application/ndjson', 'application/jsonl']),
  offer('csv', 'text/csv', []),
  offer('parquet', PARQUET, []),
];
/** What each is, and how it is made. What is compressed within is not coded again. */
const WAYS = {
  ndjson: { type: NDJSON, write: writeNdjson, isCompressed: false },
  csv: { type: CSV, write: writeCsv, isCompressed: false },
  parquet: { type: PARQUET, write: writeParquet, isCompressed: true },
} as const satisfies Record<string, Way>;
const TRAILERS =
  'Millrace-Export-After, Millrace-Export-Complete, Millrace-Export-Until, Millrace-Export-Rows, Millrace-Export-Lost';

/**
 * The entries of many feeds in the order of the clock: `GET /export?feeds=servers/*,billing/events&after={token}&format=ndjson|csv|parquet
 * &limit={rows}&from=&to=&columns=`, as a stream whose end tells the token to go on from (docs/export.md).
 * Errors: bad-parameter (400), bad-marker (400: no token, or one of other feeds), unauthorized (401), forbidden (403), not-found (404: a
 * feed that is named), not-acceptable (406), marker-beyond-log (409: the log was put back; `lastCommon` is the token to go on from).
 */
export function addExportRoutes(router: Router, services: Services): void {
  const exporter = mayExportSome(services);

  router.get('/export', exporter, async (req, res) => {
    const format = chosen(req, OFFERS);
    const request = readExportRequest(req);
    const { feeds, batches, end } = await startExport(services, req.principal, request);
    const source: ExportSource = {
      batches,
      end,
      feedOf(entry) {
        const found = feeds.get(entry.feed);
        if (found === undefined) throw new FeedsError('not-found', `feed ${String(entry.feed)} is not exported`);
        return { feed: found.feed, showsPositions: found.view.kind === 'whole' };
      },
    };
    const way: Way = WAYS[format];
    await stream(req, res, way, withTrailers(res, way.write(source, request.columns), end));
  });
  addOtherMethods(router, '/export', exporter, () => ['GET', 'HEAD', 'OPTIONS']);
}

type Part = string | Uint8Array;

interface Way {
  readonly type: string;
  readonly write: (source: ExportSource, columns: readonly ExportColumn[]) => AsyncGenerator<Part>;
  readonly isCompressed: boolean;
}

async function stream(
  req: Request,
  res: Response,
  { type, isCompressed }: Way,
  parts: AsyncGenerator<Part>,
): Promise<void> {
  const coding = isCompressed ? 'identity' : preferredStreamCoding(req.headers['accept-encoding']);
  // Until then it can still be refused as it should be.
  const first = await parts.next();
  const headers = ['content-type', type, 'cache-control', 'no-store', 'vary', VARY];
  // RFC 9110 §6.5.1: HTTP/1.0 knows none, and where there is no content there is no end of it.
  if (req.method !== 'HEAD' && req.httpVersion !== '1.0') headers.push('trailer', TRAILERS);
  if (coding !== 'identity') headers.push('content-encoding', coding);
  res.writeHead(200, allHeaders(req, res, 200, headers));
  if (req.method === 'HEAD') {
    await parts.return(undefined);
    res.end();
    return;
  }
  await sendInPieces(req, res, coded(whole(), coding));

  async function* whole(): AsyncGenerator<Part> {
    if (first.done !== true) yield first.value;
    yield* parts;
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

/** RFC 9110 §6.5: what is known when all is sent. */
async function* withTrailers(res: Response, parts: AsyncGenerator<Part>, end: () => ExportEnd): AsyncGenerator<Part> {
  yield* parts;
  const { after, complete, until, rows, lost } = end();
  res.addTrailers({
    'Millrace-Export-After': after,
    'Millrace-Export-Complete': String(complete),
    ...(until === undefined ? {} : { 'Millrace-Export-Until': until }),
    'Millrace-Export-Rows': String(rows),
    'Millrace-Export-Lost': lostField(lost),
  });
}

/** What clients take for all header fields together is some 16 kB at most. */
const LOST_CHARACTERS = 4_000;

/** `w/f=12, w/g=?`, and `, ...` at the end where that is not all of them. */
function lostField(lost: readonly ExportLoss[]): string {
  let field = '';
  for (const { workspace, feed, entries } of lost) {
    const one = `${field === '' ? '' : ', '}${workspace}/${feed}=${String(entries ?? '?')}`;
    if (field.length + one.length > LOST_CHARACTERS) return `${field}, ...`;
    field += one;
  }
  return field;
}
