import type { NextFunction, Request, RequestHandler } from 'express';
import { FeedsError } from '../../core/errors.js';
import type { Known } from '../../store/head-memory.js';
import type { Services } from '../services.js';

/**
 * Who calls? Without a token: anyone. A token that is wrong is refused even where none is needed, so that its sender
 * hears of it (RFC 6750 §3).
 */
function authenticate(services: Services, req: Request): void {
  const { authorization } = req.headers;
  if (authorization === undefined) {
    req.principal = 'anonymous';
    return;
  }
  const token = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization)?.[1];
  if (token === undefined || !services.isAdminToken(token)) {
    throw new FeedsError(
      'unauthorized',
      'the Authorization header does not hold a bearer token that this server knows',
    );
  }
  req.principal = 'admin';
}

const NEEDS_TOKEN = 'a token is needed here: Authorization: Bearer …';

/**
 * Lets those pass whose right is seen from memory, as `may` would; false for all others, of whom nothing is said by that.
 */
export function passesByMemory(
  verb: 'read' | 'publish',
  services: Services,
  req: Request,
  workspace: string,
  feed: string,
): boolean {
  const known = services.memory.peek(workspace, feed);
  if (known === undefined) return false;
  try {
    authenticate(services, req);
  } catch {
    return false;
  }
  req.known = known;
  return isAllowed(verb, req.principal, known);
}

function isAllowed(verb: 'read' | 'publish', principal: Request['principal'], known: Known | undefined): boolean {
  return principal === 'admin' || (verb === 'read' && known?.feed.settings.public === true);
}

/** For what only the administrator may do. */
export function adminOnly(services: Services): RequestHandler {
  return (req, _res, next) => {
    authenticate(services, req);
    if (req.principal !== 'admin') throw new FeedsError('unauthorized', NEEDS_TOKEN);
    next();
  };
}

/** For what shows to each caller what it may see. */
export function anyone(services: Services): RequestHandler {
  return (req, _res, next) => {
    authenticate(services, req);
    next();
  };
}

/**
 * Finds the feed of the URL and lets those pass who may do this to it. Without a token, what is not public is 401,
 * whether it exists or not.
 */
export function may(verb: 'read' | 'publish', services: Services): RequestHandler {
  return (req, _res, next) => {
    authenticate(services, req);
    const { workspace, feed } = req.params as { workspace: string; feed: string };
    const known = services.memory.peek(workspace, feed);
    if (known !== undefined) {
      pass(known, req, next);
      return undefined;
    }
    if (verb === 'publish' && req.principal !== 'admin') throw new FeedsError('unauthorized', NEEDS_TOKEN);
    return services.memory.ask(workspace, feed).then((found) => {
      pass(found, req, next);
    });
  };

  function pass(known: Known | undefined, req: Request, next: NextFunction): void {
    if (!isAllowed(verb, req.principal, known)) throw new FeedsError('unauthorized', NEEDS_TOKEN);
    if (known === undefined) throw new FeedsError('not-found', 'there is no such feed');
    req.known = known;
    next();
  }
}

/** `public` only for bytes that anyone without a token would get now; for others their own caches only (RFC 9111 §5.2.2.7). */
export function cacheScope(req: Request): 'public' | 'private' {
  return req.principal === 'anonymous' ? 'public' : 'private';
}
