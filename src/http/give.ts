import type { Request, Response } from 'express';
import { FeedsError } from '../core/errors.js';
import { ATOM } from '../formats/media-types.js';
import { preferred, preferredCoding } from '../formats/negotiate.js';
import { cacheScope } from './middleware/may.js';
import { inCoding } from './page-cache.js';
import type { CodedBody, RenderedPage } from './page-cache.js';
import { VARY, send } from './respond.js';
import { noneMatchFits, quoted } from './tags.js';

/** `Accept: application/xml` and `text/xml` get Atom too. */
const ATOM_OFFERS = [ATOM, 'application/xml', 'text/xml'];

/** Refuses a request whose Accept takes no Atom. */
export function acceptAtom(req: Request): void {
  const { accept } = req.headers;
  if (accept === undefined || accept === '*/*' || accept === ATOM) return;
  if (preferred(accept, ATOM_OFFERS) === undefined) {
    throw new FeedsError('not-acceptable', `this can be had as ${ATOM}; the Accept header takes none of it`, {
      extensions: { available: [ATOM] },
    });
  }
}

/** For what may change with the next request: caches keep it and ask each time (RFC 9111 §5.2.2.4). */
export function revalidate(req: Request): string {
  return `${cacheScope(req)}, no-cache`;
}

/** RFC 9110 §15.4.5: with what the 200 would have said of caching. */
export function notModified(req: Request, res: Response, tag: string, cache: string): void {
  const etag = quoted(tag, preferredCoding(req.headers['accept-encoding']));
  send(req, res, 304, ['etag', etag, 'vary', VARY, 'cache-control', cache], '');
}

/** Answers with what was rendered, in the coding that the client prefers, or with 304 when it has it. */
export function give(
  req: Request,
  res: Response,
  page: Pick<RenderedPage, 'tag' | 'headers' | 'body' | 'coded'>,
  cache: string,
): void | Promise<void> {
  const noneMatch = req.headers['if-none-match'];
  if (noneMatch !== undefined && noneMatchFits(noneMatch, page.tag)) {
    notModified(req, res, page.tag, cache);
    return;
  }
  const coded = inCoding(page, preferredCoding(req.headers['accept-encoding']));
  if (coded instanceof Promise) return coded.then(answer);
  answer(coded);

  function answer({ headers, body }: CodedBody): void {
    send(req, res, 200, [...headers, 'cache-control', cache], body);
  }
}
