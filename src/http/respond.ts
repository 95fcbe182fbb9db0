import type { Request, Response } from 'express';
import { rateFields } from './rates/spending.js';

/** RFC 9110 §12.5.5: what any answer below /feeds may depend on. */
export const VARY = 'Accept, Accept-Encoding, Authorization, X-Auth-Token';

/** Name, value, name, value …: the form that node writes without looking at it again. */
export type Headers = readonly string[];

/**
 * The one way out: writes the answer with the request's id and the body's length; a HEAD gets the headers only.
 * A text goes out in one piece with its headers, bytes go out as they are.
 */
export function send(req: Request, res: Response, status: number, headers: Headers, body: string | Buffer): void {
  const all = [...withOrigin(res, headers), ...rateFields(req, status), 'x-request-id', req.requestId];
  // RFC 9110 §8.6: no Content-Length in a 204; a 304 has none either, for there is no body that it would be true of.
  if (status !== 204 && status !== 304) all.push('content-length', String(Buffer.byteLength(body)));
  res.writeHead(status, all);
  res.end(req.method === 'HEAD' || status === 204 || status === 304 ? undefined : body);
}

/** What middleware/cors.ts has said of Vary would be replaced by what the headers say of it. */
export function withOrigin(res: Response, headers: Headers): Headers {
  const before = res.getHeader('vary');
  if (before === undefined) return headers;
  return headers.map((value, index) => (headers[index - 1] === 'vary' ? `${value}, ${String(before)}` : value));
}
