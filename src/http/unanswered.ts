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
  readonly res: Response;
  readonly ofConnection: { unanswered: number };
  /** Its place among those that wait; undefined once it does not. */
  place: number | undefined;
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

/**
 * In an array, and not in a Map: the tables that a Map has outgrown point to the ones that it has next, and once one of them has become old,
 * V8 takes whatever was ever in them for alive, and each publish cost a seventh more (docs/performance.md).
 */
export function watchUnanswered({ requestMs, bodyMs, most, logger }: UnansweredDeps): Unanswered {
  const waiting: Waiting[] = [];
  const connections = new WeakMap<Socket, { unanswered: number }>();
  const sweep = setInterval(() => {
    const now = performance.now();
    // A copy: who is forgotten leaves its place to the last.
    for (const one of [...waiting]) {
      // The answers that follow the one whose turn it is are not told of the end of their connection.
      if (one.req.socket.destroyed) forget(one);
      // From here on it is its reader's pace that counts (pieces.ts).
      else if (one.res.headersSent) continue;
      else if (!one.req.complete && now - one.arrivedAt < bodyMs) one.since = now;
      else if (now - one.since >= requestMs) expire(one);
    }
  }, SWEEP_MS);
  sweep.unref();

  function forget(one: Waiting): void {
    const { place } = one;
    const last = waiting.at(-1);
    if (place === undefined || last === undefined) return;
    waiting[place] = last;
    last.place = place;
    waiting.pop();
    one.place = undefined;
    one.ofConnection.unanswered -= 1;
  }

  function expire({ req, res, fail, arrivedAt }: Waiting): void {
    const seconds = Math.round((performance.now() - arrivedAt) / 1000);
    logger.warn({ requestId: req.requestId, seconds }, 'a request was not answered in time');
    // Whatever works on it may come to its end later: it must not find the next request's answer.
    res.setHeader('connection', 'close');
    fail(tooLate(req.method));
  }

  return {
    roomFor(socket) {
      if ((connections.get(socket)?.unanswered ?? 0) >= MOST_OF_A_CONNECTION) return 'not of this connection';
      return waiting.length < most ? 'yes' : 'no';
    },
    add(req, res, fail) {
      const { socket } = req;
      let ofConnection = connections.get(socket);
      if (ofConnection === undefined) connections.set(socket, (ofConnection = { unanswered: 0 }));
      ofConnection.unanswered += 1;
      const arrivedAt = performance.now();
      const one = { req, res, ofConnection, place: waiting.length, fail, arrivedAt, since: arrivedAt };
      waiting.push(one);
      res.once('close', () => {
        forget(one);
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
