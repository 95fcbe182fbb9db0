import { FeedsError } from '../core/errors.js';
import type { ErrorCode, Violation } from '../core/errors.js';

/** So many are told at once. */
export const MOST_VIOLATIONS = 100;

/** The refusal of an entry, or of several; `count` is how many mistakes there are, of which the first are given. */
export function invalidEntry(violations: readonly Violation[], count: number): FeedsError {
  return refused('invalid-entry', violations, count);
}

/** The same of entries that are valid, and break the contract of their feed. */
export function contractViolated(violations: readonly Violation[], count: number): FeedsError {
  return refused('contract-violated', violations, count);
}

function refused(code: ErrorCode, violations: readonly Violation[], count: number): FeedsError {
  const told = violations.slice(0, MOST_VIOLATIONS);
  const [first] = told;
  const place = first === undefined || first.path === '' ? 'the document' : first.path;
  const more = count > told.length ? ` (the first ${String(told.length)} are told)` : '';
  const summary =
    count === 1
      ? `${place}: ${first?.message ?? ''}`
      : `${String(count)} mistakes${more}, the first in ${place}: ${first?.message ?? ''}`;
  return new FeedsError(code, summary, { violations: told });
}
