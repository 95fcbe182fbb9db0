import { FeedsError } from '../core/errors.js';

/** What a change asks of the resource that it is about: that there is none yet, or that there is one. */
export type Existence = 'new' | 'existing';

/** Throws `precondition-failed` where it is not so. */
export function checkExistence(asked: Existence | undefined, exists: boolean, what: string): void {
  if (asked === undefined || exists === (asked === 'existing')) return;
  const message = exists ? `${what} is there already (If-None-Match: *)` : `there is no ${what} (If-Match: *)`;
  throw new FeedsError('precondition-failed', message);
}
