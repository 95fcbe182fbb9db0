import type { Request, Router } from 'express';
import { deleteGrants, knownGrants, putGrants } from '../../actions/change-grants.js';
import { checkExistence } from '../../actions/existence.js';
import { checkName } from '../../core/feed.js';
import type { PrincipalGrants } from '../../core/principal-grants.js';
import { readPrincipalGrantsBody } from '../../formats/credential-bodies.js';
import { listWorkspaces } from '../../store/feeds.js';
import { listGrants } from '../../store/grants.js';
import { actor, existenceAsked, jsonBody, sendJson } from '../admin-json.js';
import { mayAdminister } from '../middleware/may.js';
import { send } from '../respond.js';
import type { Services } from '../services.js';
import { addOtherMethods } from './methods.js';
import { FeedsError } from '../../core/errors.js';

/**
 * What principals are granted in a workspace beside what their credentials give them: `GET /admin/workspaces/{workspace}/grants`, and GET,
 * PUT and DELETE of those of one principal (schemas/api/principal-grants.json). For those who administer the workspace.
 * Errors: not-well-formed, bad-parameter (400), unauthorized (401), forbidden (403), not-found (404), conflict (409), precondition-failed
 * (412), too-large (413), unsupported-media-type (415), invalid-body (422).
 */
export function addAdminGrantRoutes(router: Router, services: Services): void {
  const { db, urls } = services;
  const administrator = mayAdminister(services);
  const list = '/admin/workspaces/:workspace/grants';
  const one = `${list}/:principal`;

  router.get(list, administrator, async (req, res) => {
    const { workspace } = req.params as { workspace: string };
    checkName('workspace', workspace);
    if ((await listWorkspaces(db, workspace)).length === 0) {
      throw new FeedsError('not-found', `there is no workspace "${workspace}"`);
    }
    sendJson(req, res, 200, { principals: (await listGrants(db, workspace)).map(shown) });
  });

  router.get(one, administrator, async (req, res) => {
    sendJson(req, res, 200, shown(await knownGrants(db, granteeOf(req))));
  });

  router.put(one, administrator, async (req, res) => {
    const asked = existenceAsked(req);
    const { grants } = readPrincipalGrantsBody(await jsonBody(req, services));
    const { created, put } = await putGrants(services, actor(req), granteeOf(req), grants, asked);
    sendJson(req, res, created ? 201 : 200, shown(put));
  });

  router.delete(one, administrator, async (req, res) => {
    const grantee = granteeOf(req);
    await knownGrants(db, grantee);
    checkExistence(existenceAsked(req), true, `grant to ${grantee.principal}`);
    await deleteGrants(services, actor(req), grantee);
    send(req, res, 204, ['cache-control', 'no-store'], '');
  });

  addOtherMethods(router, list, administrator, () => ['GET', 'HEAD', 'OPTIONS']);
  addOtherMethods(router, one, administrator, () => ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']);

  function shown({ workspace, principal, grants, grantedAt, grantedBy }: PrincipalGrants): object {
    return {
      principal,
      grants: grants.map(({ workspace: _workspace, ...grant }) => grant),
      grantedAt,
      grantedBy,
      url: `${urls.base}/admin/workspaces/${workspace}/grants/${encodeURIComponent(principal)}`,
    };
  }
}

function granteeOf(req: Request): { readonly workspace: string; readonly principal: string } {
  return req.params as { workspace: string; principal: string };
}
