import type { Request, Response } from 'express';
import { FeedsError } from '../core/errors.js';
import type { ExportEnd, ExportLoss } from '../core/export.js';
import type { BatchEnd } from '../core/named-export.js';
import type { GivenRows, RowJob } from '../export/row-stream.js';
import { EXPORT_FORMATS } from '../formats/export/export-formats.js';
import { preferredStreamCoding } from '../formats/negotiate.js';
import { sendInPieces } from './pieces.js';
import { VARY, allHeaders } from './respond.js';
import type { Services } from './services.js';

/** What is known when all is sent (RFC 9110 §6.5). */
export interface Trailers<End> {
  readonly names: string;
  readonly fieldsOf: (end: End) => Record<string, string>;
}

export interface Rows<End extends ExportEnd | BatchEnd> {
  readonly job: Omit<RowJob, 'coding'>;
  /** To be asked for when all rows have been given. */
  readonly endOf: (given: GivenRows) => End | Promise<End>;
  readonly trailers: Trailers<End>;
}

/** The rows as a stream, in the coding that the caller likes best, and what is told at its end. */
export async function sendRows<End extends ExportEnd | BatchEnd>(
  { rowWriter, logger }: Pick<Services, 'rowWriter' | 'logger'>,
  req: Request,
  res: Response,
  { job, endOf, trailers }: Rows<End>,
): Promise<void> {
  const { type, isCompressed } = EXPORT_FORMATS[job.format];
  const coding = isCompressed ? 'identity' : preferredStreamCoding(req.headers['accept-encoding']);
  let fields: Record<string, string> = {};
  if (res.closed) return;
  const gone = new AbortController();
  res.once('close', () => {
    gone.abort();
  });
  try {
    await send(rowWriter.write({ ...job, coding }, noted, gone.signal));
  } catch (error) {
    // A reader who goes away is no error.
    if (gone.signal.aborted) return;
    // Whoever reads it is told nothing any more, or nothing of what the database said.
    if (res.headersSent || isAway(error))
      logger.warn({ err: error, requestId: req.requestId }, 'an export ended early');
    throw error;
  }

  async function noted(given: GivenRows): Promise<End> {
    const end = await endOf(given);
    fields = trailers.fieldsOf(end);
    return end;
  }

  async function send(pieces: AsyncGenerator<Uint8Array>): Promise<void> {
    // Until it is there the export can still be refused as it should be.
    const first = await pieces.next();
    const headers = ['content-type', type, 'cache-control', 'no-store', 'vary', VARY];
    // RFC 9110 §6.5.1: HTTP/1.0 knows none, and where there is no content there is no end of it.
    if (req.method !== 'HEAD' && req.httpVersion !== '1.0') headers.push('trailer', trailers.names);
    if (coding !== 'identity') headers.push('content-encoding', coding);
    res.writeHead(200, allHeaders(req, res, 200, headers));
    if (req.method === 'HEAD') {
      await pieces.return(undefined);
      res.end();
    } else await sendInPieces(req, res, withTrailers(first, pieces));
  }

  async function* withTrailers(
    first: IteratorResult<Uint8Array>,
    pieces: AsyncGenerator<Uint8Array>,
  ): AsyncGenerator<Uint8Array> {
    if (first.done !== true) yield first.value;
    yield* pieces;
    res.addTrailers(fields);
  }
}

function isAway(error: unknown): boolean {
  return error instanceof FeedsError && error.code === 'unavailable';
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
