import type { Request, Router } from 'express';
import type { FeedName } from '../../actions/change-feed.js';
import { deleteFeed, restoreDeletedFeed } from '../../actions/delete-feed.js';
import { checkExistence } from '../../actions/existence.js';
import { FeedsError } from '../../core/errors.js';
import { actor, existenceAsked, sendJson } from '../admin-json.js';
import { showFeedWithHead } from '../admin-shown.js';
import { mayAdminister } from '../middleware/may.js';
import { namedFeed } from '../named-feed.js';
import { flag, parameter } from '../parameters.js';
import { send } from '../respond.js';
import type { Services } from '../services.js';
import { addOtherMethods } from './methods.js';

/**
 * Deleting a feed, and taking that back: `DELETE /admin/feeds/{workspace}/{feed}?confirm={workspace}/{feed}` hides it and
 * keeps all of it for a day, `POST …/restore` brings it back as it was and shows it. `&purge=true` deletes for good, also
 * what was deleted before.
 * Errors: bad-parameter (400: the name is not confirmed; nothing was deleted), unauthorized (401), forbidden (403),
 * not-found (404), precondition-failed (412).
 */
export function addAdminDeletionRoutes(router: Router, services: Services): void {
  const admin = mayAdminister(services);
  const one = '/admin/feeds/:workspace/:feed';

  router.delete(one, admin, async (req, res) => {
    if (existenceAsked(req) === 'new')
      checkExistence('new', true, `feed ${(await namedFeed(services, req)).feed.name}`);
    const name = nameOf(req);
    checkConfirmed(req, name);
    await deleteFeed(services, actor(req), name, { purge: flag(req.url, 'purge') });
    send(req, res, 204, ['cache-control', 'no-store'], '');
  });

  router.post(`${one}/restore`, admin, async (req, res) => {
    await restoreDeletedFeed(services, actor(req), nameOf(req));
    sendJson(req, res, 200, showFeedWithHead(await namedFeed(services, req), services.urls));
  });

  addOtherMethods(router, `${one}/restore`, admin, () => ['POST', 'OPTIONS'], []);
}

function nameOf(req: Request): FeedName {
  const { workspace, feed } = req.params as { workspace: string; feed: string };
  return { workspace, name: feed };
}

/** A feed is deleted by who says its name twice: no accident of a script or of a completed line does. */
function checkConfirmed(req: Request, { workspace, name }: FeedName): void {
  const confirmed = parameter(req.url, 'confirm');
  if (confirmed === `${workspace}/${name}`) return;
  const sent = confirmed === undefined ? 'there is no confirm' : `confirm is "${confirmed.slice(0, 300)}"`;
  throw new FeedsError(
    'bad-parameter',
    `${sent}: to delete this feed send ?confirm=${workspace.slice(0, 140)}/${name.slice(0, 140)}; nothing was deleted`,
  );
}
