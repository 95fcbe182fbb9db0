import type { Socket } from 'node:net';
import type { Request, Response } from 'express';
import { FeedsError } from '../core/errors.js';
import type { Logger } from '../telemetry/logger.js';

/** The requests that wait for their answer: bounded in number, of each connection and in all, and in time. */
export interface Unanswered {
  /** Whether one more request may wait. */
  roomFor(socket: Socket): 'yes' | 'not of this connection' | 'no';
  /** Of a request that is not answered in time `fail` is told, once, and before its headers are sent. */
  add(req: Request, res: Response, fail: (error: FeedsError) => void): void;
  stop(): void;
}

export interface UnansweredDeps {
  /** From when its body is there. */
  readonly requestMs: number;
  /** That a body may take. */
  readonly bodyMs: number;
  readonly most: number;
  readonly logger: Logger;
}

interface Waiting {
  readonly req: Request;
  readonly fail: (error: FeedsError) => void;
  readonly arrivedAt: number;
  /** When its body was last seen to be under way. */
  since: number;
}

/**
 * Requests that follow each other on a connection before the first is answered (RFC 9112 §9.3.2): node takes in whatever comes. No
 * client of ours sends any; a hundred is more than any that does.
 */
const MOST_OF_A_CONNECTION = 100;
const SWEEP_MS = 500;
const RETRY_SECONDS = 5;

export function watchUnanswered({ requestMs, bodyMs, most, logger }: UnansweredDeps): Unanswered {
  const waiting = new Map<Response, Waiting>();
  const ofConnection = new Map<Socket, number>();
  const sweep = setInterval(() => {
    const now = performance.now();
    for (const [res, one] of waiting) {
      // The answers that follow the one whose turn it is are not told of the end of their connection.
      if (one.req.socket.destroyed) forget(res);
      // From here on it is its reader's pace that counts (pieces.ts).
      else if (res.headersSent) continue;
      else if (!one.req.complete && now - one.arrivedAt < bodyMs) one.since = now;
      else if (now - one.since >= requestMs) expire(res, one);
    }
  }, SWEEP_MS);
  sweep.unref();

  function forget(res: Response): void {
    const socket = waiting.get(res)?.req.socket;
    if (socket === undefined) return;
    waiting.delete(res);
    const left = (ofConnection.get(socket) ?? 1) - 1;
    if (left === 0) ofConnection.delete(socket);
    else ofConnection.set(socket, left);
  }

  function expire(res: Response, { req, fail, arrivedAt }: Waiting): void {
    const seconds = Math.round((performance.now() - arrivedAt) / 1000);
    logger.warn({ requestId: req.requestId, seconds }, 'a request was not answered in time');
    // Whatever works on it may come to its end later: it must not find the next request's answer.
    res.setHeader('connection', 'close');
    fail(tooLate(req.method));
  }

  return {
    roomFor(socket) {
      if ((ofConnection.get(socket) ?? 0) >= MOST_OF_A_CONNECTION) return 'not of this connection';
      return waiting.size < most ? 'yes' : 'no';
    },
    add(req, res, fail) {
      const { socket } = req;
      const arrivedAt = performance.now();
      waiting.set(res, { req, fail, arrivedAt, since: arrivedAt });
      ofConnection.set(socket, (ofConnection.get(socket) ?? 0) + 1);
      res.once('close', () => {
        forget(res);
      });
    },
    stop() {
      clearInterval(sweep);
    },
  };
}

/** What only reads has done nothing; of anything else nobody can say. */
function tooLate(method: string): FeedsError {
  const retryAfterSeconds = RETRY_SECONDS;
  if (['GET', 'HEAD', 'OPTIONS'].includes(method))
    return new FeedsError('unavailable', 'the answer was not ready in time', { retryAfterSeconds });
  return new FeedsError(
    'outcome-unknown',
    'this was not done in time, and may be done yet: send the same again, an entry with the same id or Idempotency-Key',
    { retryAfterSeconds },
  );
}
