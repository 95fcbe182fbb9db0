import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { ANONYMOUS, decide, decideNamedExport, exportsSome, isServersAlone, viewOf } from '../../core/access.js';
import type { Act, Decision, Principal, Target } from '../../core/access.js';
import { FeedsError } from '../../core/errors.js';
import { readFeedPatterns } from '../../core/export.js';
import { isTenantId } from '../../core/feed.js';
import type { NamedExport } from '../../core/named-export.js';
import { viewKey, viewOfTenant } from '../../core/view.js';
import type { Known } from '../../store/head-memory.js';
import type { Services } from '../services.js';

/**
 * Lets those pass to the feed of this path (`workspace/name`) whose right is seen from memory, as `may` would; false for all others, of
 * whom nothing is said by that.
 */
export function passesByMemory(verb: 'read' | 'publish', services: Services, req: Request, path: string): boolean {
  const known = services.memory.peekPath(path);
  if (known === undefined) return false;
  let principal: Principal | undefined;
  try {
    principal = services.authenticator.peek(req);
  } catch {
    return false;
  }
  if (principal === undefined || decide(principal, verb, targetOf(known)) !== 'allowed') return false;
  req.principal = principal;
  req.known = known;
  req.view = viewOf(principal, targetOf(known));
  return services.rates.passes(req);
}

function targetOf({ feed: { workspace, name, settings } }: Known): Target {
  return { workspace, feed: name, public: settings.public };
}

/** For what shows to each caller what it may see. */
export function anyone(services: Services): RequestHandler {
  return whoever(services, (_req, _res, next) => {
    next();
  });
}

/** For what is there for nobody: without credentials it is not told apart from what is. */
export function anybodyKnown(services: Services): RequestHandler {
  return whoever(services, (req, _res, next) => {
    if (req.principal === ANONYMOUS) throw refusal('unauthorized', 'read');
    next();
  });
}

/** For those who administer the workspace or feed of the URL, whether it exists or not. */
export function mayAdminister(services: Services): RequestHandler {
  return whoever(services, async (req, _res, next) => {
    const { workspace, feed } = req.params as { workspace?: string; feed?: string };
    let decision = decide(req.principal, 'administer', { workspace, feed });
    if (decision === 'unknown' && workspace !== undefined && feed !== undefined) {
      // Of a public feed everybody knows. What is remembered is asked for too: the time it takes tells nothing of what is there.
      const known = await services.memory.ask(workspace, feed);
      if (known !== undefined) decision = decide(req.principal, 'administer', targetOf(known));
    }
    if (decision !== 'allowed') throw refusal(decision, 'administer');
    next();
  });
}

/** For those who administer anything; they are shown what that is. */
export function mayAdministerSome(services: Services): RequestHandler {
  return whoever(services, (req, _res, next) => {
    if (req.principal === ANONYMOUS) throw refusal('unauthorized', 'administer');
    if (!req.principal.grants.some(({ role }) => role === 'admin')) throw refusal('forbidden', 'administer');
    next();
  });
}

/** For those who may export anything. Which feeds that is, is for `refuseUnlessAllowed` to say. */
export function mayExportSome(services: Services): RequestHandler {
  return whoever(services, (req, _res, next) => {
    if (req.principal === ANONYMOUS) throw refusal('unauthorized', 'export');
    if (!exportsSome(req.principal)) throw refusal('forbidden', 'export');
    next();
  });
}

/** Throws what somebody is told who may not do this to the target. */
export function refuseUnlessAllowed(principal: Principal, act: Act, target: Target): void {
  const decision = decide(principal, act, target);
  if (decision !== 'allowed') throw refusal(decision, act);
}

/** Throws what somebody is told who may not pull what has this name; undefined: nothing has it, which is told in the same words. */
export function mayPull(principal: Principal, found: NamedExport | undefined): NamedExport {
  // What is pending is of the patterns that there were when it was planned.
  const patterns = [found?.feeds ?? [], found?.pending?.feeds ?? []].flatMap((one) => readFeedPatterns(one.join(',')));
  const decision = found === undefined ? 'unknown' : decideNamedExport(principal, patterns);
  if (found !== undefined && decision === 'allowed') return found;
  if (decision === 'forbidden' || decision === 'unauthorized') throw refusal(decision, 'export');
  throw new FeedsError('not-found', 'there is no such export', { hidden: true });
}

/**
 * Finds the feed of the URL and lets those pass who may do this to it. Without credentials, what is not public is 401,
 * whether it exists or not; with some, 403 where their bearer may know of it, else 404 (core/access.ts).
 */
export function may(verb: FeedVerb, services: Services): RequestHandler {
  return whoever(services, feedGuard(verb, services));
}

/** Lets those that `passesByMemory` has let pass be asked again later, as `may` would. */
export function rechecks(verb: FeedVerb, services: Services): (req: Request, res: Response) => void {
  const guard = feedGuard(verb, services);
  return (req, res) => {
    setRecheck(services, guard, req, res);
  };
}

type FeedVerb = 'describe' | 'read' | 'publish';

function feedGuard(verb: FeedVerb, services: Services): Guard {
  return (req, _res, next) => {
    const { workspace, feed } = req.params as { workspace: string; feed: string };
    const known = services.memory.peek(workspace, feed);
    if (known !== undefined && decide(req.principal, verb, targetOf(known)) === 'allowed') {
      pass(known, req, next);
      return undefined;
    }
    // Who is refused waits as long for what is there as for what is not: the time it takes tells nothing of it.
    // A publisher whom no answer could let pass costs the database nothing.
    if (verb === 'publish' && req.principal === ANONYMOUS) throw refusal('unauthorized', verb);
    return services.memory.ask(workspace, feed).then((found) => {
      pass(found, req, next);
    });
  };

  function pass(known: Known | undefined, req: Request, next: NextFunction): void {
    const { workspace, feed } = req.params as { workspace: string; feed: string };
    const decision = decide(req.principal, verb, known === undefined ? { workspace, feed } : targetOf(known));
    if (decision === 'forbidden' && isServersAlone(verb, { workspace, feed })) {
      throw new FeedsError('forbidden', `only the server itself publishes to ${workspace}/${feed}`);
    }
    if (decision !== 'allowed') throw refusal(decision, verb);
    if (known === undefined) throw notFound(verb);
    req.known = known;
    req.view = viewOf(req.principal, targetOf(known));
    next();
  }
}

/**
 * Of the feed in `req.known` what one tenant may see. Whose entries the caller does not see has no such view: that is
 * nothing that is there.
 */
export function ofTenant(req: Request, _res: Response, next: NextFunction): void {
  narrow(req);
  const { recheck } = req;
  req.recheck = async () => {
    await recheck();
    narrow(req);
  };
  next();
}

function narrow(req: Request): void {
  const { tenant = '' } = req.params as { tenant?: string };
  const isOne = isTenantId(tenant);
  const view = isOne ? viewOfTenant(req.view, tenant) : undefined;
  if (view === undefined) throw new FeedsError('not-found', 'there is no such view of this feed', { hidden: isOne });
  req.view = view;
  req.tenant = tenant;
}

/** For who has let it wait: is the feed what it was, and what the caller sees of it? Rejects when the caller may not do this any more. */
export async function isStillSo(req: Request): Promise<boolean> {
  const { known, view } = req;
  await req.recheck();
  const { id, settingsVersion } = req.known.feed;
  return id === known.feed.id && settingsVersion === known.feed.settingsVersion && viewKey(req.view) === viewKey(view);
}

/** How to come by them is told in WWW-Authenticate. */
export const NEEDS_CREDENTIALS = 'credentials are needed here, as a token is: Authorization: Bearer …';

type Guard = (req: Request, res: Response, next: NextFunction) => void | Promise<void>;

/** Finds out before who calls, and whether that is not too often. A body may take its time: once it is there, all is asked again (`req.recheck`). */
function whoever(services: Services, guard: Guard): RequestHandler {
  const { authenticator, rates } = services;
  return (req, res, next) => {
    setRecheck(services, guard, req, res);
    const principal = authenticator.peek(req);
    if (principal !== undefined) {
      req.principal = principal;
      rates.admit(req);
      return guard(req, res, next);
    }
    return authenticator.ask(req, res).then((found) => {
      req.principal = found;
      rates.admit(req);
      return guard(req, res, next);
    });
  };
}

function setRecheck({ authenticator }: Services, guard: Guard, req: Request, res: Response): void {
  req.recheck = async () => {
    req.principal = authenticator.peek(req) ?? (await authenticator.ask(req, res));
    await guard(req, res, () => undefined);
  };
}

const REFUSED: Readonly<Record<Act, string>> = {
  describe: 'these credentials do not let their bearer see this',
  read: 'these credentials do not let their bearer read here',
  publish: 'these credentials do not let their bearer publish here',
  export: 'these credentials do not let their bearer export from here',
  administer: 'these credentials do not let their bearer administer this',
};

function refusal(decision: Exclude<Decision, 'allowed'>, act: Act): FeedsError {
  if (decision === 'unauthorized') return new FeedsError('unauthorized', NEEDS_CREDENTIALS);
  if (decision === 'forbidden') return new FeedsError('forbidden', REFUSED[act]);
  return notFound(act, true);
}

/** In the same words whether it is hidden or not there. */
function notFound(act: Act, hidden = false): FeedsError {
  const message = act === 'administer' ? 'there is nothing of this name' : 'there is no such feed';
  return new FeedsError('not-found', message, { hidden });
}

/** `public` only for bytes that anyone without a token would get now; for others their own caches only (RFC 9111 §5.2.2.7). */
export function cacheScope(req: Request): 'public' | 'private' {
  return req.principal === ANONYMOUS ? 'public' : 'private';
}
