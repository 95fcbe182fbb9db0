import type { Request } from 'express';
import { FeedsError } from '../core/errors.js';

/** Bodies being received, of all requests together, bounded in bytes. */
export interface BodyBudget {
  readonly bytes: number;
  readonly inFlight: { bytes: number };
  /** A body that makes no progress for so long is given up. */
  readonly stallMs: number;
}

/** However steadily it drips, a body has to be there within this many times the stall. */
export const WHOLE_BODY_STALLS = 6;
/** After a refusal what the client still sends is read and dropped, so that it gets to read the answer. */
const DISCARD_BYTES = 16 * 1024 * 1024;
const DISCARD_MS = 2_000;

/**
 * The request's body, at most `limit` bytes of it. Rejects with `too-large` (as soon as the limit is passed, or before
 * anything is read when Content-Length says so), `incomplete-body` (stalled or broken off), `unsupported-encoding`
 * (a Content-Encoding; RFC 9110 §15.5.16) or `overloaded`.
 */
export function receiveBody(req: Request, limit: number, budget: BodyBudget): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const early = refusalByHeaders(req, limit);
    if (early !== undefined) {
      reject(early);
      return;
    }

    const chunks: Buffer[] = [];
    let received = 0;
    let over = false;
    const wholeBy = Date.now() + budget.stallMs * WHOLE_BODY_STALLS;
    // A small body is here before any timer could be: most requests do without.
    let timer: NodeJS.Timeout | undefined;
    const late = setImmediate(() => {
      timer = setTimeout(() => {
        refuse(stalled(received, budget.stallMs));
      }, budget.stallMs);
    });

    // Told apart by `over` instead of being taken off again: this is done for every publish.
    req.on('data', take);
    req.on('end', finish);
    req.on('close', broken);

    function take(chunk: Buffer): void {
      if (over) return;
      received += chunk.length;
      budget.inFlight.bytes += chunk.length;
      if (received > limit) {
        refuse(tooLarge(limit));
      } else if (budget.inFlight.bytes > budget.bytes && received > chunk.length) {
        refuse(
          new FeedsError('overloaded', 'too many bodies are being received at once; nothing was written', {
            retryAfterSeconds: 1,
          }),
        );
      } else if (Date.now() > wholeBy) {
        refuse(stalled(received, budget.stallMs * WHOLE_BODY_STALLS));
      } else {
        chunks.push(chunk);
        timer?.refresh();
      }
    }
    function release(): void {
      over = true;
      clearImmediate(late);
      clearTimeout(timer);
      budget.inFlight.bytes -= received;
    }
    function finish(): void {
      if (over) return;
      release();
      const [only] = chunks;
      const body = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
      handOn(() => {
        resolve(body);
      });
    }
    function broken(): void {
      if (over) return;
      release();
      reject(new FeedsError('incomplete-body', 'the body ended before its announced length'));
    }
    function refuse(error: FeedsError): void {
      release();
      req.pause();
      reject(error);
    }
  });
}

let complete: (() => void)[] = [];

/**
 * The bodies that come in one turn of the event loop are handed on together: what reads the one is then still in the
 * processor's caches for the next (docs/performance.md).
 */
function handOn(body: () => void): void {
  if (complete.push(body) > 1) return;
  setImmediate(() => {
    const all = complete;
    complete = [];
    for (const one of all) one();
  });
}

function refusalByHeaders(req: Request, limit: number): FeedsError | undefined {
  const coding = req.headers['content-encoding'];
  if (coding !== undefined && coding !== '' && coding.toLowerCase() !== 'identity') {
    return new FeedsError('unsupported-encoding', `the body has the content coding "${coding}"; send it without one`);
  }
  const declared = Number(req.headers['content-length'] ?? 0);
  return declared > limit ? tooLarge(limit, declared) : undefined;
}

function tooLarge(limit: number, declared?: number): FeedsError {
  const size = declared === undefined ? 'the body is larger' : `the body has ${String(declared)} bytes, more`;
  return new FeedsError('too-large', `${size} than this feed takes: ${String(limit)} bytes`);
}

function stalled(received: number, ms: number): FeedsError {
  return new FeedsError(
    'incomplete-body',
    `the body was not complete after ${String(ms / 1000)} s; ${String(received)} bytes had come`,
  );
}

/** Reads on for a while without keeping anything, then cuts the connection. */
export function discard(req: Request): void {
  let left = DISCARD_BYTES;
  const cut = setTimeout(() => req.socket.destroy(), DISCARD_MS);
  const done = (): void => {
    clearTimeout(cut);
  };
  req.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) req.socket.destroy();
  });
  req.on('error', done);
  req.once('end', done);
  req.once('close', done);
}
