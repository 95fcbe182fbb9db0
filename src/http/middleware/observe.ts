import { randomFillSync } from 'node:crypto';
import type { Request, Response } from 'express';
import type { Services } from '../services.js';

const GIVEN_ID = /^[\w.:+/=-]{1,128}$/;
const ID_DIGITS = 16;
/** Many at a time: each call of node's, to draw or to write out, costs more than the rest of an id. */
const random = Buffer.alloc(512 * (ID_DIGITS / 2));
let digits = '';
let used = 0;

/** Gives each request an id and its client's address, and when it is over one log line and its place in the metrics. */
export function observe(services: Services): (req: Request, res: Response) => void {
  const { answerRules, clientAddress, withoutSecrets, answered } = services;
  return (req, res) => {
    const started = performance.now();
    const given = req.headers['x-request-id'];
    req.requestId =
      typeof given === 'string' && GIVEN_ID.test(given) && withoutSecrets(given) === given ? given : newId();
    req.answerRules = answerRules;
    // Routers rewrite the URL while they look for the route.
    const { url, method } = req;
    req.clientAddress = clientAddress(req);
    res.on('close', () => {
      answered.tell({
        requestId: req.requestId,
        client: req.clientAddress,
        route: routeOf(req),
        method,
        url,
        status: res.writableFinished ? res.statusCode : 499,
        at: Date.now(),
        ms: performance.now() - started,
      });
    });
  };
}

/** One that tells nothing of other requests, as a count of them would. */
function newId(): string {
  if (used === digits.length) {
    digits = randomFillSync(random).toString('hex');
    used = 0;
  }
  return digits.slice(used, (used += ID_DIGITS));
}

/** The route's pattern, never the URL: metrics must not grow with what clients ask for. */
function routeOf(req: Request): string {
  const route = (req as { route?: { path?: unknown } }).route;
  return typeof route?.path === 'string' ? route.path : 'none';
}
