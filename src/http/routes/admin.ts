import type { Request, Response, Router } from 'express';
import { putFeed } from '../../actions/change-feed.js';
import type { FeedName } from '../../actions/change-feed.js';
import { checkExistence } from '../../actions/existence.js';
import { deleteWorkspace, putWorkspace } from '../../actions/change-workspace.js';
import { decide } from '../../core/access.js';
import type { Target } from '../../core/access.js';
import { FeedsError } from '../../core/errors.js';
import type { Feed, Workspace } from '../../core/feed.js';
import { readFeedBody, readWorkspaceBody } from '../../formats/feed-settings.js';
import { listRestorable } from '../../store/deleted-feeds.js';
import { countFeeds, listFeeds, listWorkspaces } from '../../store/feeds.js';
import { actor, existenceAsked, jsonBody, sendJson } from '../admin-json.js';
import { showFeed, showFeedWithHead } from '../admin-shown.js';
import { mayAdminister, mayAdministerSome } from '../middleware/may.js';
import { namedFeed } from '../named-feed.js';
import { flag } from '../parameters.js';
import { send } from '../respond.js';
import type { Services } from '../services.js';
import { addOtherMethods } from './methods.js';

/**
 * Workspaces and feeds: `GET /admin/workspaces`, `GET /admin/feeds` (`?deleted=true`: those that can be restored), and
 * GET, PUT and DELETE of one of them (of a feed in admin-deletion.ts). JSON both
 * ways (schemas/api/); PUT creates (201) or replaces all settings (200), and shows what is then in force. For those who
 * administer the workspace or the feed, or everything; the lists show what they do.
 * Errors: not-well-formed (400), unauthorized (401), forbidden (403), not-found (404), conflict (409), precondition-failed (412), too-large (413),
 * unsupported-media-type (415), invalid-body (422).
 */
export function addAdminRoutes(router: Router, services: Services): void {
  const { db, urls } = services;
  const admin = mayAdminister(services);
  const some = mayAdministerSome(services);

  router.get('/admin/workspaces', some, async (req, res) => {
    sendJson(req, res, 200, {
      workspaces: (await listWorkspaces(db))
        .filter(({ name: workspace }) => isTheirs(req, { workspace }))
        .map(showWorkspace),
    });
  });
  router.get('/admin/workspaces/:workspace', admin, async (req, res) => {
    sendJson(req, res, 200, await shownWorkspace(namesOf(req).workspace));
  });
  router.put('/admin/workspaces/:workspace', admin, async (req, res) => {
    const name = namesOf(req).workspace;
    const asked = existenceAsked(req);
    const workspace = { name, ...readWorkspaceBody(await jsonBody(req, services)) };
    const put = await putWorkspace(services, actor(req), workspace, asked);
    sendPut(req, res, put, await shownWorkspace(name));
  });
  router.delete('/admin/workspaces/:workspace', admin, async (req, res) => {
    const { workspace } = namesOf(req);
    if (existenceAsked(req) === 'new') checkExistence('new', true, `workspace ${(await workspaceOf(workspace)).name}`);
    await deleteWorkspace(services, actor(req), workspace);
    send(req, res, 204, ['cache-control', 'no-store'], '');
  });

  router.get('/admin/feeds', some, async (req, res) => {
    const isShown = ({ workspace, name }: Feed): boolean => isTheirs(req, { workspace, feed: name });
    const feeds = flag(req.url, 'deleted')
      ? (await listRestorable(db))
          .filter(({ feed }) => isShown(feed))
          .map(({ feed, deletedAt, restorableUntil }) => ({ ...showFeed(feed, urls), deletedAt, restorableUntil }))
      : (await listFeeds(db)).filter(isShown).map((feed) => showFeed(feed, urls));
    sendJson(req, res, 200, { feeds });
  });
  router.get('/admin/feeds/:workspace/:feed', admin, async (req, res) => {
    sendJson(req, res, 200, await shownFeed(req));
  });
  router.put('/admin/feeds/:workspace/:feed', admin, async (req, res) => {
    const name = namesOf(req);
    const asked = existenceAsked(req);
    const chosen = readFeedBody(await jsonBody(req, services));
    const put = await putFeed(services, actor(req), name, chosen, asked);
    sendPut(req, res, put, await shownFeed(req));
  });

  for (const path of ['/admin/workspaces', '/admin/feeds']) {
    addOtherMethods(router, path, some, () => ['GET', 'HEAD', 'OPTIONS']);
  }
  for (const path of ['/admin/workspaces/:workspace', '/admin/feeds/:workspace/:feed']) {
    addOtherMethods(router, path, admin, () => ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']);
  }

  async function workspaceOf(name: string): Promise<Workspace> {
    const [workspace] = await listWorkspaces(db, name);
    if (workspace === undefined) throw new FeedsError('not-found', `there is no workspace "${name.slice(0, 140)}"`);
    return workspace;
  }

  async function shownWorkspace(name: string): Promise<object> {
    const workspace = await workspaceOf(name);
    const feeds = await countFeeds(db, name);
    const { entries, octets, isComplete } = await services.meter.usage(name);
    const bytes = workspace.quotas?.bytes === undefined ? {} : { bytes: octets };
    const counting = isComplete ? {} : { counting: true };
    return { ...showWorkspace(workspace), used: { feeds, entriesPerDay: entries, ...bytes, ...counting } };
  }

  async function shownFeed(req: Request): Promise<object> {
    return showFeedWithHead(await namedFeed(services, req), urls);
  }

  function showWorkspace(workspace: Workspace): object {
    return { ...workspace, url: urls.workspace(workspace.name) };
  }
}

/** The lists show what their reader administers. */
function isTheirs({ principal }: Request, target: Target): boolean {
  return decide(principal, 'administer', target) === 'allowed';
}

function namesOf(req: Request): FeedName {
  const { workspace = '', feed = '' } = req.params as { workspace?: string; feed?: string };
  return { workspace, name: feed };
}

function sendPut(req: Request, res: Response, put: 'created' | 'changed' | 'unchanged', shown: object): void {
  sendJson(req, res, put === 'created' ? 201 : 200, shown);
}
