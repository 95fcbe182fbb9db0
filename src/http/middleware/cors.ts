import type { RequestHandler } from 'express';
import { send } from '../respond.js';

const EXPOSED =
  'ETag, Link, Location, Content-Location, Allow, Accept-Post, Accept-Patch, Retry-After, RateLimit, RateLimit-Policy, Idempotent-Replayed, Millrace-Gap, Millrace-Export-Batch, X-Request-Id';
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';
const DEFAULT_HEADERS =
  'Accept, Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Slug, X-Auth-Token';

/** Lets scripts of the given origins call from a browser (Fetch standard, "CORS protocol"). A preflight needs no token. */
export function cors(origins: readonly string[]): RequestHandler {
  const any = origins.includes('*');
  return (req, res, next) => {
    const { origin } = req.headers;
    if (origin === undefined || !(any || origins.includes(origin))) {
      next();
      return;
    }
    const allowed = ['access-control-allow-origin', any ? '*' : origin, 'access-control-expose-headers', EXPOSED];
    if (req.method === 'OPTIONS' && req.headers['access-control-request-method'] !== undefined) {
      const headers = req.headers['access-control-request-headers'] ?? DEFAULT_HEADERS;
      const preflight = [
        'access-control-allow-methods',
        METHODS,
        'access-control-allow-headers',
        headers,
        'access-control-max-age',
        '600',
      ];
      send(req, res, 204, [...allowed, ...preflight, 'vary', 'Origin, Access-Control-Request-Headers'], '');
      return;
    }
    for (let index = 0; index < allowed.length; index += 2)
      res.setHeader(allowed[index] ?? '', allowed[index + 1] ?? '');
    if (!any) res.appendHeader('vary', 'Origin');
    next();
  };
}
