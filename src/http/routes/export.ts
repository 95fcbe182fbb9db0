import { Readable, pipeline } from 'node:stream';
import { constants, createBrotliCompress, createGzip } from 'node:zlib';
import type { Request, Response, Router } from 'express';
import { FeedsError } from '../../core/errors.js';
import type { ExportEnd, ExportLoss } from '../../core/export.js';
import type { ExportColumn } from '../../formats/export/export-row.js';
import { CSV, NDJSON, writeCsv, writeNdjson } from '../../formats/export/export-write.js';
import type { ExportSource } from '../../formats/export/export-write.js';
import { offer, preferredCoding } from '../../formats/negotiate.js';
import { startExport } from '../export-start.js';
import { readExportRequest } from '../export-request.js';
import { mayExportSome } from '../middleware/may.js';
import { sendInPieces } from '../pieces.js';
import { chosen } from '../representation.js';
import { VARY, allHeaders } from '../respond.js';
import type { Services } from '../services.js';
import { addOtherMethods } from './methods.js';

const OFFERS = [offer('ndjson', NDJSON, ['application/ndjson', 'application/jsonl']), offer('csv', 'text/csv', [])];
const TYPES = { ndjson: NDJSON, csv: CSV } as const;
const TRAILERS =
  'Millrace-Export-After, Millrace-Export-Complete, Millrace-Export-Until, Millrace-Export-Rows, Millrace-Export-Lost';

/**
 * The entries of many feeds in the order of the clock: `GET /export?feeds=servers/*,billing/events&after={token}&format=ndjson|csv
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
    const trailers: Trailers = { names: TRAILERS, fields: () => trailersOf(end()) };
    await sendRows(req, res, { format, source, columns: request.columns, trailers });
  });
  addOtherMethods(router, '/export', exporter, () => ['GET', 'HEAD', 'OPTIONS']);
}

/** What is known when all is sent (RFC 9110 §6.5). */
export interface Trailers {
  readonly names: string;
  readonly fields: () => Record<string, string>;
}

export interface Rows {
  readonly format: keyof typeof TYPES;
  readonly source: ExportSource;
  readonly columns: readonly ExportColumn[];
  readonly trailers: Trailers;
}

/** The rows as a stream, in the coding that the caller likes best, and what is told at its end. */
export function sendRows(req: Request, res: Response, { format, source, columns, trailers }: Rows): Promise<void> {
  const text = format === 'ndjson' ? writeNdjson(source, columns) : writeCsv(source, columns);
  return stream(req, res, TYPES[format], withTrailers(res, text, trailers), trailers.names);
}

async function stream(
  req: Request,
  res: Response,
  type: string,
  text: AsyncGenerator<string>,
  trailers: string,
): Promise<void> {
  const coding = preferredCoding(req.headers['accept-encoding']);
  // Until then it can still be refused as it should be.
  const first = await text.next();
  const headers = ['content-type', type, 'cache-control', 'no-store', 'vary', VARY];
  // RFC 9110 §6.5.1: HTTP/1.0 knows none, and where there is no content there is no end of it.
  if (req.method !== 'HEAD' && req.httpVersion !== '1.0') headers.push('trailer', trailers);
  if (coding !== 'identity') headers.push('content-encoding', coding);
  res.writeHead(200, allHeaders(req, res, 200, headers));
  if (req.method === 'HEAD') {
    await text.return(undefined);
    res.end();
    return;
  }
  await sendInPieces(req, res, coding === 'identity' ? whole() : coded(whole(), coding));

  async function* whole(): AsyncGenerator<string> {
    if (first.done !== true) yield first.value;
    yield* text;
  }
}

/** Quickly rather than small: the reader waits for it. */
function coded(text: AsyncGenerator<string>, coding: 'gzip' | 'br'): AsyncIterable<Buffer> {
  const coder =
    coding === 'gzip'
      ? createGzip({ level: 1 })
      : createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
  // What fails on the way, or whose reader has gone, is told by what is read from it.
  pipeline(Readable.from(text), coder, () => undefined);
  return coder;
}

async function* withTrailers(
  res: Response,
  text: AsyncGenerator<string>,
  { fields }: Trailers,
): AsyncGenerator<string> {
  yield* text;
  res.addTrailers(fields());
}

function trailersOf({ after, complete, until, rows, lost }: ExportEnd): Record<string, string> {
  return {
    'Millrace-Export-After': after,
    'Millrace-Export-Complete': String(complete),
    ...(until === undefined ? {} : { 'Millrace-Export-Until': until }),
    'Millrace-Export-Rows': String(rows),
    'Millrace-Export-Lost': lostField(lost),
  };
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
