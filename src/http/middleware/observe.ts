import { randomFillSync } from 'node:crypto';
import type { Request, Response } from 'express';
import { requestLog } from '../../telemetry/logger.js';
import type { Services } from '../services.js';

const GIVEN_ID = /^[\w.:+/=-]{1,128}$/;
const ID_BYTES = 8;
/** Random bytes are drawn many at a time: each draw costs more than the rest of an id. */
const pool = Buffer.alloc(512 * ID_BYTES);
let used = pool.length;

/** Gives each request an id and its client's address, and when it is over one log line and its place in the metrics. */
export function observe(services: Services): (req: Request, res: Response) => void {
  const { metrics, answerRules, clientAddress, withoutSecrets } = services;
  const log = requestLog(services.logger);
  return (req, res) => {
    const started = performance.now();
    const given = req.headers['x-request-id'];
    req.requestId =
      typeof given === 'string' && GIVEN_ID.test(given) && withoutSecrets(given) === given ? given : newId();
    req.answerRules = answerRules;
    // Routers rewrite the URL while they look for the route.
    const url = withoutSecrets(req.url);
    req.clientAddress = clientAddress(req);
    res.on('close', () => {
      const ms = performance.now() - started;
      const status = res.writableFinished ? res.statusCode : 499;
      metrics.request(routeOf(req), req.method, status, ms / 1000);
      log({ requestId: req.requestId, client: req.clientAddress, method: req.method, url, status, ms });
    });
  };
}

/** One that tells nothing of other requests, as a count of them would. */
function newId(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return pool.toString('hex', used, (used += ID_BYTES));
}

/** The route's pattern, never the URL: metrics must not grow with what clients ask for. */
function routeOf(req: Request): string {
  const route = (req as { route?: { path?: unknown } }).route;
  return typeof route?.path === 'string' ? route.path : 'none';
}
