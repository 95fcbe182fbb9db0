import type { ErrorRequestHandler, Request, Response } from 'express';
import { FeedsError } from '../core/errors.js';
import type { ErrorCode } from '../core/errors.js';
import type { WithoutSecrets } from '../core/secrets.js';
import {
  ATOM,
  ATOM_CATEGORIES,
  ATOM_ENTRY,
  ATOM_FEED,
  ATOM_SERVICE,
  CLOUD_EVENT,
  CLOUD_EVENTS,
  CLOUD_FEEDS,
  CLOUD_FEEDS_SERVICE,
  HTML,
  JSON_FEED,
  JSON_TYPE,
  PROBLEM_JSON,
  PROBLEM_XML,
  PUBLISHED_TYPES,
  RSS,
} from '../formats/media-types.js';
import type { Format } from '../formats/media-types.js';
import { offer, preferred } from '../formats/negotiate.js';
import type { Problem, ProblemFormat } from '../formats/problem.js';
import { PROBLEM_TYPES, writeProblem } from '../formats/problem-write.js';
import { isUnavailable } from '../store/db.js';
import type { Logger } from '../telemetry/logger.js';
import { discard } from './body.js';
import { headersFor } from './html-headers.js';
import { formatParameter } from './representation.js';
import { noteRefusal } from './refusals.js';
import { VARY, send } from './respond.js';
import type { Authenticator } from './auth/authenticator.js';
import type { Services } from './services.js';

/** The status and title of each kind of error (RFC 9457 §3.1); `internal` is what nobody but us can mend. */
export const PROBLEMS: Readonly<Record<ErrorCode | 'internal', { status: number; title: string }>> = {
  'not-well-formed': { status: 400, title: 'The body is not well-formed' },
  'invalid-entry': { status: 422, title: 'The entry is not valid' },
  'contract-violated': { status: 422, title: 'The entry breaks the contract of this feed' },
  'invalid-body': { status: 422, title: 'The body is not valid' },
  'invalid-contract': { status: 422, title: 'The contract is not valid' },
  'incompatible-contract': { status: 409, title: 'The contract breaks with an earlier version' },
  'unsupported-media-type': { status: 415, title: 'This media type is not taken here' },
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
  'quota-exceeded': { status: 403, title: 'The quota of the workspace is exceeded' },
  'daily-quota-exceeded': { status: 429, title: 'The quota of the workspace for today is exceeded' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  overloaded: { status: 503, title: 'Too much at once' },
  unavailable: { status: 503, title: 'Not available for a while' },
  'outcome-unknown': { status: 503, title: 'The outcome is not known' },
  internal: { status: 500, title: 'The server has a bug' },
};

/**
 * The one error handler: problem details for what a caller can mend, a bare 500 for the rest. Told in the form that the
 * request asks for, if only by the family that it belongs to.
 */
export function problems({
  logger,
  urls,
  authenticator,
  refusals,
  withoutSecrets,
}: Pick<Services, 'logger' | 'urls' | 'authenticator' | 'refusals' | 'withoutSecrets'>): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return (error: unknown, req: Request, res: Response, _next) => {
    try {
      if (error instanceof FeedsError) noteRefusal({ refusals, withoutSecrets }, req, error);
      if (res.headersSent) {
        res.destroy();
        return;
      }
      sendProblem(req, res, toFeedsError(error, logger, req), { home: urls.service(), authenticator, withoutSecrets });
    } catch (failure) {
      // Express would tell of it in its own words, and nobody would on the quick way.
      logger.error({ err: failure, requestId: req.requestId }, 'a bug: this answer could not be told');
      giveUp(req, res);
    }
  };
}

/** A bare 500, of nothing that has failed already. */
function giveUp(req: Request, res: Response): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  const { ofData } = req.answerRules.headers;
  res.writeHead(500, [...ofData, 'cache-control', 'no-store', 'content-length', '0', 'x-request-id', req.requestId]);
  res.end();
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

interface ProblemDeps {
  readonly home: string;
  readonly authenticator: Pick<Authenticator, 'challenge'>;
  readonly withoutSecrets: WithoutSecrets;
}

/** Without an error it is a 500. */
function sendProblem(
  req: Request,
  res: Response,
  error: FeedsError | undefined,
  { home, authenticator, withoutSecrets }: ProblemDeps,
): void {
  const code = error?.code ?? 'internal';
  const { status, title } = PROBLEMS[code];
  const details = error?.details ?? {};
  const problem: Problem = {
    type: `urn:millrace:problem:${code}`,
    title,
    status,
    detail:
      error === undefined
        ? `nothing more is told; the log of the server has it under ${req.requestId}`
        : // It may quote what was sent, and end in a log of who sent it.
          withoutSecrets(error.message),
    instance: `urn:millrace:request:${req.requestId}`,
    ...(details.violations === undefined ? {} : { errors: details.violations }),
    ...details.extensions,
  };
  const headers = ['vary', VARY, 'cache-control', 'no-store'];
  if (details.allow !== undefined) headers.push('allow', details.allow.join(', '));
  if (details.retryAfterSeconds !== undefined) headers.push('retry-after', String(details.retryAfterSeconds));
  if (error?.code === 'unauthorized' || error?.code === 'forbidden') {
    headers.push('www-authenticate', authenticator.challenge(challengeFor(error)));
  }
  if (error?.code === 'unsupported-media-type') {
    headers.push(ACCEPTS[req.method] ?? 'accept', (details.accepted ?? PUBLISHED_TYPES).join(', '));
  }
  // RFC 9110 §15.5.16: names what would have been taken.
  if (error?.code === 'unsupported-encoding') headers.push('accept-encoding', 'identity');
  // RFC 9110 §15.5.9: a body that stalls is not waited for any longer.
  if (error?.code === 'incomplete-body') headers.push('connection', 'close');
  // Were the connection closed with bytes on their way, the client would get a reset instead of the answer.
  else if (!req.complete) discard(req);
  const format = problemFormat(req);
  const type = PROBLEM_TYPES[format];
  send(req, res, status, [...headers, 'content-type', type, ...headersFor(type)], writeProblem(format, problem, home));
}

/** What names the media types that are taken: W3C Linked Data Platform §7.1, RFC 5789 §2.2; by RFC 9110 §15.5.16 Accept. */
const ACCEPTS: Readonly<Record<string, string>> = { POST: 'accept-post', PATCH: 'accept-patch' };

/** RFC 6750 §3.1: nothing is said of credentials that were not shown. */
function challengeFor({ code, details }: FeedsError): Parameters<Authenticator['challenge']>[0] {
  if (code === 'forbidden') return 'insufficient_scope';
  return details.credentials === undefined ? undefined : 'invalid_token';
}

const OFFERS = [
  offer('json', PROBLEM_JSON, [JSON_TYPE, JSON_FEED, CLOUD_EVENT, CLOUD_EVENTS]),
  offer('cloudfeeds', CLOUD_FEEDS, [CLOUD_FEEDS_SERVICE]),
  offer('xml', PROBLEM_XML, [
    'application/xml',
    'text/xml',
    ATOM,
    ATOM_ENTRY,
    ATOM_FEED,
    ATOM_SERVICE,
    ATOM_CATEGORIES,
    RSS,
  ]),
  offer('html', HTML),
];
/** For who names a representation in the URL: what its reader can read. */
const BY_FORMAT: ReadonlyMap<string | undefined, ProblemFormat> = new Map(
  Object.entries({
    atom: 'xml',
    cloudfeeds: 'cloudfeeds',
    json: 'json',
    jsonfeed: 'json',
    rss: 'xml',
    cloudevents: 'json',
    html: 'html',
  } satisfies Record<Format, ProblemFormat>),
);

/** By `?format=`, also where that is what is wrong, else by Accept (RFC 9110 §12.5.1); JSON when nothing fits. */
function problemFormat(req: Request): ProblemFormat {
  return BY_FORMAT.get(formatParameter(req.url)) ?? preferred(req.headers.accept, OFFERS) ?? 'json';
}
