import type { ErrorRequestHandler, Request, Response } from 'express';
import { FeedsError } from '../core/errors.js';
import type { ErrorCode, Violation } from '../core/errors.js';
import { PROBLEM_JSON, PROBLEM_XML } from '../formats/media-types.js';
import { preferred } from '../formats/negotiate.js';
import { escapeText } from '../formats/xml.js';
import { isUnavailable } from '../store/db.js';
import type { Logger } from '../telemetry/logger.js';
import { discard } from './body.js';
import { VARY, send } from './respond.js';

/** The status and title of each kind of error (RFC 9457 §3.1). */
const PROBLEMS: Record<ErrorCode, { status: number; title: string }> = {
  'not-well-formed': { status: 400, title: 'The body is not well-formed' },
  'invalid-entry': { status: 422, title: 'The entry is not valid' },
  'invalid-body': { status: 422, title: 'The body is not valid' },
  'unsupported-media-type': { status: 415, title: 'This media type cannot be published here' },
  'unsupported-encoding': { status: 415, title: 'This encoding is not supported' },
  'too-large': { status: 413, title: 'The body is too large' },
  'incomplete-body': { status: 408, title: 'The body did not arrive' },
  'not-acceptable': { status: 406, title: 'No acceptable representation' },
  'bad-parameter': { status: 400, title: 'A parameter is wrong' },
  'bad-marker': { status: 400, title: 'The marker is wrong' },
  'bad-search': { status: 400, title: 'The search is wrong' },
  'unknown-marker': { status: 404, title: 'The marker names no entry of this feed' },
  'marker-beyond-log': { status: 409, title: 'The log does not reach as far' },
  'not-found': { status: 404, title: 'Not found' },
  gone: { status: 410, title: 'Gone' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  conflict: { status: 409, title: 'Conflict' },
  'id-conflict': { status: 409, title: 'The id is taken by other content' },
  'precondition-required': { status: 428, title: 'A precondition is required' },
  'precondition-failed': { status: 412, title: 'The precondition failed' },
  unauthorized: { status: 401, title: 'A token is needed' },
  forbidden: { status: 403, title: 'Not allowed' },
  overloaded: { status: 503, title: 'Too much at once' },
  unavailable: { status: 503, title: 'Not available for a while' },
  'outcome-unknown': { status: 503, title: 'The outcome is not known' },
};

interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly errors?: readonly Violation[];
  readonly [extension: string]: unknown;
}

/** The one error handler: problem details for what a caller can mend, a bare 500 for the rest. */
export function problems(logger: Logger): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return (error: unknown, req: Request, res: Response, _next) => {
    if (res.headersSent) {
      res.destroy();
      return;
    }
    sendProblem(req, res, toFeedsError(error, logger, req));
  };
}

function toFeedsError(error: unknown, logger: Logger, req: Request): FeedsError | undefined {
  if (error instanceof FeedsError) return error;
  if (isUnavailable(error)) {
    logger.warn({ err: error, requestId: req.requestId }, 'the database did not answer');
    return new FeedsError('unavailable', 'the database is not available', { retryAfterSeconds: 2 });
  }
  // What Express' router throws for a path that it cannot decode.
  if (error instanceof URIError)
    return new FeedsError(
      'bad-parameter',
      'the path has a percent sign that is not followed by two hex digits of UTF-8',
    );
  logger.error({ err: error, requestId: req.requestId }, 'a bug: this request failed');
  return undefined;
}

/** Answers with problem details in JSON, or in XML for those who prefer that; without an error it is a 500. */
function sendProblem(req: Request, res: Response, error: FeedsError | undefined): void {
  const { status, title } = error === undefined ? { status: 500, title: 'The server has a bug' } : PROBLEMS[error.code];
  const details = error?.details ?? {};
  const problem: Problem = {
    type: `urn:millrace:problem:${error?.code ?? 'internal'}`,
    title,
    status,
    detail: error?.message ?? `nothing more is told; the log of the server has it under ${req.requestId}`,
    instance: `urn:millrace:request:${req.requestId}`,
    ...(details.violations === undefined ? {} : { errors: details.violations }),
    ...details.extensions,
  };
  const headers = ['vary', VARY, 'cache-control', 'no-store'];
  if (details.allow !== undefined) headers.push('allow', details.allow.join(', '));
  if (details.retryAfterSeconds !== undefined) headers.push('retry-after', String(details.retryAfterSeconds));
  if (error?.code === 'unauthorized') headers.push('www-authenticate', 'Bearer realm="millrace"');
  if (error?.code === 'unsupported-media-type' && req.method === 'POST') headers.push('accept-post', ACCEPT_POST);
  // RFC 9110 §15.5.16: names what would have been taken.
  if (error?.code === 'unsupported-encoding') headers.push('accept-encoding', 'identity');
  // RFC 9110 §15.5.9: a body that stalls is not waited for any longer.
  if (error?.code === 'incomplete-body') headers.push('connection', 'close');
  // Were the connection closed with bytes on their way, the client would get a reset instead of the answer.
  else if (!req.complete) discard(req);
  if (wantsXml(req)) send(req, res, status, [...headers, 'content-type', PROBLEM_XML], toXml(problem));
  else send(req, res, status, [...headers, 'content-type', PROBLEM_JSON], `${JSON.stringify(problem)}\n`);
}

/** W3C Linked Data Platform §7.1, registered for RFC 9110 §15.5.16: what may be posted. */
export const ACCEPT_POST = 'application/atom+xml, application/atom+xml;type=entry, application/atom+xml;type=feed';

const XML_KINDS = new Set([
  'application/problem+xml',
  'application/xml',
  'text/xml',
  'application/atom+xml',
  'application/atomsvc+xml',
  'application/atomcat+xml',
]);
const OFFERS = [PROBLEM_JSON, 'application/json', ...XML_KINDS];

function wantsXml(req: Request): boolean {
  return XML_KINDS.has(preferred(req.headers.accept, OFFERS) ?? '');
}

/** RFC 9457 appendix B. */
function toXml(problem: Problem): string {
  const members = Object.entries(problem).map(([name, value]) => member(name, value));
  return `<?xml version="1.0" encoding="UTF-8"?>\n<problem xmlns="urn:ietf:rfc:7807">${members.join('')}</problem>\n`;
}

function member(name: string, value: unknown): string {
  if (Array.isArray(value)) return `<${name}>${value.map((one) => member('i', one)).join('')}</${name}>`;
  if (typeof value === 'object' && value !== null) {
    return `<${name}>${Object.entries(value)
      .map(([inner, one]) => member(inner, one))
      .join('')}</${name}>`;
  }
  return `<${name}>${escapeText(legalText(String(value)))}</${name}>`;
}

/** A message may quote what was sent; what XML cannot carry is shown as a question mark. */
function legalText(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are the characters meant
  return text.toWellFormed().replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '?');
}
