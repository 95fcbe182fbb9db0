import type { Request, Response } from 'express';
import { FeedsError } from '../core/errors.js';
import { parseMediaType } from '../formats/media-types.js';
import { receiveBody } from './body.js';
import { VARY, send } from './respond.js';
import type { Headers } from './respond.js';
import type { Services } from './services.js';

const BODY_BYTES = 64 * 1024;
const HEADERS = ['content-type', 'application/json', 'cache-control', 'no-store', 'vary', VARY];
/** RFC 7396: a PATCH of ours names members to be replaced, which is what a merge patch is. */
const TYPES = ['application/json', 'application/merge-patch+json'];

/** The body of a request to /admin. An empty one is every setting's default: what it is need not be said. */
export function jsonBody(req: Request, { bodies }: Pick<Services, 'bodies'>): Promise<Buffer> {
  const type = req.headers['content-type'];
  if (type !== undefined && !TYPES.includes(parseMediaType(type)?.type ?? '')) {
    throw new FeedsError(
      'unsupported-media-type',
      `the body is said to be "${type.slice(0, 100)}"; send settings as application/json`,
    );
  }
  return receiveBody(req, BODY_BYTES, bodies);
}

/** An answer of /admin. */
export function sendJson(req: Request, res: Response, status: number, value: unknown, headers: Headers = []): void {
  send(req, res, status, [...HEADERS, ...headers], `${JSON.stringify(value, undefined, 2)}\n`);
}
