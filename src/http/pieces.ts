import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';

/**
 * How much of a large answer is handed to the connection at once. Of so much its reader has to take something within the
 * stall, so a small piece makes for a slow reader that is put up with; anything smaller is in the system's buffers at once.
 */
export const PIECE_OCTETS = 256 * 1024;

/**
 * The body, piece by piece, as its reader takes it; resolves when all is taken or the reader has gone. A reader who takes no
 * piece for `req.answerRules.stallMs` is cut off: what it was to get is held in memory for it. Rejects when making the body fails.
 */
export async function sendInPieces(
  req: Request,
  res: Response,
  body: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): Promise<void> {
  const { stallMs } = req.answerRules;
  const timer = setTimeout(() => {
    // Where it is us who have nothing to send, the reader is not to blame.
    if (res.writableEnded || res.writableNeedDrain) req.socket.destroy();
    else timer.refresh();
  }, stallMs);
  const taken = (): void => void timer.refresh();
  res.on('drain', taken);
  await pipeline(inPieces(body), res)
    .catch((error: unknown) => {
      // A reader who goes away is no error.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    })
    .finally(() => {
      clearTimeout(timer);
      res.off('drain', taken);
    });
}

async function* inPieces(
  body: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): AsyncGenerator<Uint8Array> {
  for await (const part of body) {
    const bytes = typeof part === 'string' ? Buffer.from(part) : part;
    for (let at = 0; at < bytes.length; at += PIECE_OCTETS) yield bytes.subarray(at, at + PIECE_OCTETS);
  }
}
