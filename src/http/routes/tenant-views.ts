import type { Request, RequestHandler, Response, Router } from 'express';
import { may, ofTenant } from '../middleware/may.js';
import type { Services } from '../services.js';
import { addOtherMethods } from './methods.js';

/** How a page and a member are answered, once it is known what of the feed is seen. */
export interface Readers {
  readonly readFeed: (req: Request, res: Response) => void | Promise<void>;
  readonly readMember: (req: Request, res: Response) => Promise<void>;
}

/**
 * The view of one tenant, in Cloud Feeds' form: `GET /feeds/{workspace}/{feed}/{tenantId}` and `…/entries/{id}` below it, with
 * the parameters and representations of the feed itself. To be registered behind all that has a word of its own there.
 * Errors: those of the feed; not-found (404) for a tenant that the caller is not bound to.
 */
export function addTenantRoutes(router: Router, services: Services, { readFeed, readMember }: Readers): void {
  const view = '/feeds/:workspace/:feed/:tenant';
  const mayRead = may('read', services);
  const reader: RequestHandler = (req, res, next) =>
    mayRead(req, res, () => {
      ofTenant(req, res, next);
    });
  router.get(view, reader, readFeed);
  router.get(`${view}/entries/*id`, reader, readMember);
  for (const path of [view, `${view}/entries/*id`]) {
    addOtherMethods(router, path, reader, () => ['GET', 'HEAD', 'OPTIONS']);
  }
}
