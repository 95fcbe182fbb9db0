import type { Request, Response } from 'express';
import { FeedsError } from '../core/errors.js';
import { preferredCoding } from '../formats/negotiate.js';
import { cacheScope } from './middleware/may.js';
import { codingOf, inCoding } from './page-cache.js';
import type { CodedBody, RenderedPage } from './page-cache.js';
import { VARY, send } from './respond.js';
import { heldTag, noneMatchFits, quoted, strongMatchFits } from './tags.js';

/** For what may change with the next request: caches keep it and ask each time (RFC 9111 §5.2.2.4). */
export function revalidate(req: Request): string {
  return `${cacheScope(req)}, no-cache`;
}

/** RFC 9110 §15.4.5: with what the 200 would have said of caching. `etag` as it stands in the header. */
export function notModified(req: Request, res: Response, etag: string, cache: string): void {
  send(req, res, 304, ['etag', etag, 'vary', VARY, 'cache-control', cache], '');
}

/**
 * Answers with what was rendered, in the coding that the client prefers, or with 304 when it has it. Refuses with
 * `precondition-failed` when an If-Match names other tags (RFC 9110 §13.2.2). A 304 costs what a 200 does, but for a `poll` that shows the
 * tag of what is here: there a caller cannot choose what is made.
 */
export function give(
  req: Request,
  res: Response,
  page: Pick<RenderedPage, 'tag' | 'headers' | 'body' | 'coded'>,
  cache: string,
  kind: 'poll' | 'reading' = 'reading',
): void | Promise<void> {
  const { 'if-match': match, 'if-none-match': noneMatch } = req.headers;
  const wanted = preferredCoding(req.headers['accept-encoding']);
  if (match !== undefined && !strongMatchFits(match, page.tag)) {
    throw new FeedsError('precondition-failed', 'If-Match names other tags than that of what is here now');
  }
  const held = noneMatch === undefined ? undefined : heldTag(noneMatch, page.tag, wanted);
  if (held !== undefined || (noneMatch !== undefined && noneMatchFits(noneMatch, page.tag))) {
    if (req.spending !== undefined && (kind === 'reading' || held === undefined)) req.spending.wasMade = true;
    notModified(req, res, held ?? quoted(page.tag, codingOf(page, wanted)), cache);
    return;
  }
  const coded = inCoding(page, wanted);
  if (coded instanceof Promise) return coded.then(answer);
  answer(coded);

  function answer({ headers, body }: CodedBody): void {
    send(req, res, 200, [...headers, 'cache-control', cache], body);
  }
}

/**
 * The tag of what the client holds, in quotes, without having rendered anything: of the tags in its If-None-Match the
 * one that fits, in the coding that it asks for when it has several. Undefined: it has to be looked at closer.
 */
export function heldByClient(req: Request, tag: string): string | undefined {
  const { 'if-match': match, 'if-none-match': noneMatch } = req.headers;
  if (noneMatch === undefined || match !== undefined) return undefined;
  return heldTag(noneMatch, tag, preferredCoding(req.headers['accept-encoding']));
}
