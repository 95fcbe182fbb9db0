import type { Request } from 'express';
import { ANONYMOUS } from '../core/access.js';
import type { Principal } from '../core/access.js';
import type { FeedsError } from '../core/errors.js';
import type { RefusalReason, Refusals } from '../core/refusals.js';
import { withoutTokens } from '../core/token.js';

/** Undefined: it is about something else. */
function reasonOf({ code, details }: FeedsError): RefusalReason | undefined {
  if (code === 'unauthorized') return details.credentials === undefined ? 'no-credentials' : 'wrong-credentials';
  if (code === 'forbidden') return 'forbidden';
  return code === 'not-found' && details.hidden === true ? 'unknown' : undefined;
}

/** For the audit feed, where the error is that somebody was not let in. */
export function noteRefusal(refusals: Pick<Refusals, 'note'>, req: Request, error: FeedsError): void {
  const reason = reasonOf(error);
  if (reason === undefined) return;
  // Of wrong credentials nobody knows whose they are.
  const { principal, originalUrl = req.url } = req as { principal?: Principal; originalUrl?: string };
  const by = principal === undefined || principal === ANONYMOUS ? undefined : principal.name;
  const path = withoutTokens(originalUrl.split('?', 1)[0] ?? '');
  refusals.note({ by, address: req.clientAddress, reason, method: req.method, path });
}
