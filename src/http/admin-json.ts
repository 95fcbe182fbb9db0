import type { Request, Response } from 'express';
import type { Actor, Principal } from '../core/access.js';
import { FeedsError } from '../core/errors.js';
import { JSON_TYPE, parseMediaType } from '../formats/media-types.js';
import type { Existence } from '../actions/existence.js';
import { receiveBody } from './body.js';
import { VARY, send } from './respond.js';
import type { Headers } from './respond.js';
import type { Services } from './services.js';

const BODY_BYTES = 64 * 1024;
const HEADERS = ['content-type', 'application/json', 'cache-control', 'no-store', 'vary', VARY];
/** RFC 7396: a PATCH of ours names members to be replaced, which is what a merge patch is. */
export const PATCH_TYPES: readonly string[] = [JSON_TYPE, 'application/merge-patch+json'];
const PUT_TYPES: readonly string[] = [JSON_TYPE];

/** The body of a request to /admin. An empty one is every setting's default: what it is need not be said. Whoever sends it must still
 * be one who may when it has arrived. */
export async function jsonBody(
  req: Request,
  { bodies }: Pick<Services, 'bodies'>,
  mostBytes = BODY_BYTES,
): Promise<Buffer> {
  const type = req.headers['content-type'];
  const accepted = req.method === 'PATCH' ? PATCH_TYPES : PUT_TYPES;
  if (type !== undefined && !accepted.includes(parseMediaType(type)?.type ?? '')) {
    const message = `the body is said to be "${type.slice(0, 100)}"; send settings as ${JSON_TYPE}`;
    throw new FeedsError('unsupported-media-type', message, { accepted });
  }
  const body = await receiveBody(req, mostBytes, bodies);
  await req.recheck();
  return body;
}

/** Who asks for a change, and from where: for the audit feed. */
export function actor({ principal, clientAddress }: Request): Principal & Actor {
  return { ...principal, address: clientAddress };
}

/**
 * What If-Match and If-None-Match ask of the resource that a request changes (RFC 9110 §13.1): settings have no entity tag,
 * so that `*` alone can be true of them. Throws `precondition-failed` for what cannot be true.
 */
export function existenceAsked({ headers }: Pick<Request, 'headers'>): Existence | undefined {
  const match = headers['if-match']?.trim();
  const isNew = headers['if-none-match']?.trim() === '*';
  if (match === undefined) return isNew ? 'new' : undefined;
  if (match === '*' && !isNew) return 'existing';
  throw new FeedsError('precondition-failed', 'settings have no ETag: If-Match can be true of them with * only');
}

/** An answer of /admin. */
export function sendJson(req: Request, res: Response, status: number, value: unknown, headers: Headers = []): void {
  send(req, res, status, [...HEADERS, ...headers], `${JSON.stringify(value, undefined, 2)}\n`);
}
