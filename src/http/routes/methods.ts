import type { Request, RequestHandler, Router } from 'express';
import { FeedsError } from '../../core/errors.js';
import { PUBLISHED_TYPES } from '../../formats/media-types.js';
import { PATCH_TYPES } from '../admin-json.js';
import { VARY, send } from '../respond.js';

/**
 * Registered behind the routes of a path: OPTIONS tells the methods that it has, and any other method is refused with
 * the same list (RFC 9110 §9.3.7, §15.5.6). What may be patched is told too (RFC 5789 §3.1).
 */
export function addOtherMethods(
  router: Router,
  path: string,
  guard: RequestHandler,
  allow: (req: Request) => readonly string[],
  posted: readonly string[] = PUBLISHED_TYPES,
): void {
  router.all(path, guard, (req, res) => {
    const methods = allow(req);
    if (req.method !== 'OPTIONS') {
      throw new FeedsError('method-not-allowed', `${req.method} is not possible here`, { allow: methods });
    }
    const post = methods.includes('POST') && posted.length > 0 ? ['accept-post', posted.join(', ')] : [];
    const patch = methods.includes('PATCH') ? ['accept-patch', PATCH_TYPES.join(', ')] : [];
    send(req, res, 204, ['allow', methods.join(', '), ...post, ...patch, 'vary', VARY], '');
  });
}
