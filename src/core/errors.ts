/**
 * What a caller can mend. Everything else is a bug, is left alone and becomes a 500.
 * The HTTP status of each code is known to http/problems.ts only.
 */
export type ErrorCode =
  | 'not-well-formed' // the body cannot be parsed at all
  | 'invalid-entry' // it parses and is no valid entry; `violations` names every mistake
  | 'contract-violated' // it is a valid entry and breaks the feed's contract; `violations` names every way
  | 'invalid-body' // an administrative body that breaks its schema
  | 'invalid-contract' // a contract that does not compile; `violations` names every mistake
  | 'incompatible-contract' // a version that the feed's compatibility does not let in; `violations` names every break
  | 'unsupported-media-type'
  | 'unsupported-encoding'
  | 'too-large'
  | 'incomplete-body' // the body ended early or stalled
  | 'not-acceptable'
  | 'bad-parameter' // a query parameter that is wrong in itself
  | 'bad-marker'
  | 'bad-search'
  | 'unknown-marker' // an entry id that this feed does not hold
  | 'marker-beyond-log' // a place that the log has not (or no longer) reached; `lastCommon` tells the last shared one
  | 'not-found'
  | 'gone'
  | 'method-not-allowed'
  | 'conflict'
  | 'id-conflict' // the id is taken by other content
  | 'precondition-required'
  | 'precondition-failed'
  | 'unauthorized'
  | 'forbidden'
  | 'quota-exceeded' // the workspace has, or would have, more than it may
  | 'daily-quota-exceeded' // it has published more today than it may in a day
  | 'rate-limited' // the caller has used up what it may use in a minute
  | 'overloaded' // a bounded queue is full
  | 'unavailable' // the database, or who knows whose a token is, is away or too slow; nothing was written
  | 'outcome-unknown'; // it may or may not have been written; sending the same again is safe

/** One mistake in what was sent, with its place. */
export interface Violation {
  /** Where: a path of element or member names, for example `entry/category[3]/@term`. */
  readonly path: string;
  readonly message: string;
  /** 1-based, in the document as it was sent; absent where there is no text to point at. */
  readonly line?: number;
  readonly column?: number;
  /** What would have been right. */
  readonly expected?: string;
  readonly found?: string;
  /** Of a break between versions of a contract: its kind, the older version, and whose readers it is about. */
  readonly rule?: string;
  readonly version?: number;
  readonly direction?: 'backward' | 'forward';
}

export interface ErrorDetails {
  readonly violations?: readonly Violation[];
  /** Of a batch: which of its entries are refused, counted from 0, and why. What their places are called is the edge's. */
  readonly refused?: readonly { readonly index: number; readonly message: string }[];
  /** Methods that the resource has, for `method-not-allowed`. */
  readonly allow?: readonly string[];
  /** Media types that are taken, for `unsupported-media-type`, where these are not those of entries. */
  readonly accepted?: readonly string[];
  /** Of `not-found`: the caller may not know of it; whether it is there is not told. */
  readonly hidden?: boolean;
  /** Of `unauthorized`: what is wrong with the credentials that were shown (RFC 6750 §3.1). */
  readonly credentials?: 'invalid';
  /** Seconds after which it makes sense to try again. */
  readonly retryAfterSeconds?: number;
  /** Extra members of the problem document (RFC 9457 §3.2). */
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class FeedsError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'FeedsError';
    this.code = code;
    this.details = details;
  }
}
