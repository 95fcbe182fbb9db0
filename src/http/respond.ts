import type { Request, Response } from 'express';
import { rateFields } from './rates/spending.js';
import { PIECE_OCTETS, sendInPieces } from './pieces.js';

/** RFC 9110 §12.5.5: what any answer below /feeds may depend on. */
export const VARY = 'Accept, Accept-Encoding, Authorization, X-Auth-Token';

/** Name, value, name, value …: the form that node writes without looking at it again. */
export type Headers = readonly string[];

/** What holds for every answer of a server. */
export interface AnswerRules {
  /** For the sake of who reads it in a browser (security-headers.ts). */
  readonly headers: {
    /** Of pages of ours, which have a policy of their own (html-headers.ts). */
    readonly ofPages: Headers;
    /** Of everything else. */
    readonly ofData: Headers;
  };
  /** A large answer of which its reader takes nothing for so long is cut off. */
  readonly stallMs: number;
}

/**
 * The one way out: writes the answer with the request's id and the body's length; a HEAD gets the headers only.
 * What is small goes out in one piece with its headers, what is large at the pace of its reader.
 */
export function send(req: Request, res: Response, status: number, headers: Headers, body: string | Buffer): void {
  // RFC 9110 §15.4.5: a 304 does not say again what its recipient keeps.
  if (status === 304) {
    res.writeHead(status, [...withOrigin(res, headers), ...rateFields(req, status), 'x-request-id', req.requestId]);
    res.end();
    return;
  }
  const all = allHeaders(req, res, status, headers);
  // RFC 9110 §8.6: no Content-Length in a 204.
  const octets = Buffer.byteLength(body);
  if (status !== 204) all.push('content-length', String(octets));
  res.writeHead(status, all);
  if (req.method === 'HEAD' || status === 204) res.end();
  else if (octets > PIECE_OCTETS) sendInPieces(req, res, [body]).catch(readerGone);
  else res.end(body);
}

/** All of the body is there: nobody but its reader can have ended it. */
function readerGone(): void {
  // And there is nobody left to tell.
}

/** These headers and those of every answer. */
export function allHeaders(req: Request, res: Response, status: number, headers: Headers): string[] {
  const { ofPages, ofData } = req.answerRules.headers;
  const hasPolicy = headers.includes('content-security-policy');
  const own = hasPolicy ? ofPages : ofData;
  return [...withOrigin(res, headers), ...own, ...rateFields(req, status), 'x-request-id', req.requestId];
}

/** What middleware/cors.ts has said of Vary would be replaced by what the headers say of it. */
function withOrigin(res: Response, headers: Headers): Headers {
  const before = res.getHeader('vary');
  if (before === undefined) return headers;
  return headers.map((value, index) => (headers[index - 1] === 'vary' ? `${value}, ${String(before)}` : value));
}
