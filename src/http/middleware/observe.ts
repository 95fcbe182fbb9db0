import type { Request, RequestHandler, Response } from 'express';
import type { Services } from '../services.js';

const GIVEN_ID = /^[\w.:+/=-]{1,128}$/;
const node = Math.random().toString(36).slice(2, 8);
let count = 0;

/** Gives each request an id, and when it is over one log line and its place in the metrics. */
export function observe(services: Services): RequestHandler {
  const { logger, metrics } = services;
  return (req, res, next) => {
    const started = performance.now();
    const given = req.headers['x-request-id'];
    req.requestId = typeof given === 'string' && GIVEN_ID.test(given) ? given : `${node}-${(count++).toString(36)}`;
    res.once('close', () => {
      done(req, res, performance.now() - started);
    });
    next();
  };

  function done(req: Request, res: Response, ms: number): void {
    const status = res.writableFinished ? res.statusCode : 499;
    metrics.request(routeOf(req), req.method, status, ms / 1000);
    logger.info(
      { requestId: req.requestId, method: req.method, url: req.originalUrl, status, ms: Math.round(ms * 1000) / 1000 },
      'request',
    );
  }
}

/** The route's pattern, never the URL: metrics must not grow with what clients ask for. */
function routeOf(req: Request): string {
  const route = (req as { route?: { path?: unknown } }).route;
  return typeof route?.path === 'string' ? route.path : 'none';
}
