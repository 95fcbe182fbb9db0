import type { Violation } from '../core/errors.js';

/** What is told of an error (RFC 9457 §3.1). */
export interface Problem {
  /** `urn:millrace:problem:<code>`, for ever; docs/errors.md has them all. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  /** Every mistake that was found, with its place. */
  readonly errors?: readonly Violation[];
  /** RFC 9457 §3.2; in XML each is an element of this name. */
  readonly [extension: string]: unknown;
}

/** How it can be told. */
export type ProblemFormat = 'json' | 'xml' | 'cloudfeeds' | 'html';
