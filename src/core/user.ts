import type { Grant } from './access.js';
import type { Instant } from './entry.js';
import { FeedsError } from './errors.js';

/** Whoever comes with a name and a password. */
export interface User {
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly createdAt: Instant;
  readonly createdBy: string;
}

/** No colon, which ends the name in the Authorization header (RFC 7617 §2). */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._~@+-]{0,127}$/;

export function isUserName(name: string): boolean {
  return NAME.test(name);
}

/** Throws `bad-parameter` for what cannot be the name of a user. */
export function checkUserName(name: string): void {
  if (isUserName(name)) return;
  throw new FeedsError(
    'bad-parameter',
    `a user is called by 1 to 128 of A-Z a-z 0-9 . _ ~ @ + and -, beginning with a letter or a digit, not "${name.slice(0, 140)}"`,
  );
}
