import type { Request, Router } from 'express';
import { issueToken, knownToken, revokeToken } from '../../actions/change-tokens.js';
import { checkExistence } from '../../actions/existence.js';
import { administersAll } from '../../core/access.js';
import type { Token } from '../../core/token.js';
import { readTokenBody } from '../../formats/credential-bodies.js';
import { JSON_TYPE } from '../../formats/media-types.js';
import { listTokens } from '../../store/tokens.js';
import { actor, existenceAsked, jsonBody, sendJson } from '../admin-json.js';
import { mayAdministerSome } from '../middleware/may.js';
import { send } from '../respond.js';
import type { Services } from '../services.js';
import { addOtherMethods } from './methods.js';

/**
 * Bearer tokens of our own: `GET` and `POST /admin/tokens` (schemas/api/token.json), `GET` and `DELETE` of one of them, which
 * revokes it. For those who administer all that a token is good for; others are not told of it.
 * Errors: not-well-formed, bad-parameter (400), unauthorized (401), forbidden (403), not-found (404), conflict (409), precondition-failed (412),
 * too-large (413), unsupported-media-type (415), invalid-body (422).
 */
export function addAdminTokenRoutes(router: Router, services: Services): void {
  const { db, urls } = services;
  const some = mayAdministerSome(services);
  const list = '/admin/tokens';
  const one = `${list}/:token`;

  router.get(list, some, async (req, res) => {
    const tokens = (await listTokens(db)).filter(({ grants }) => administersAll(req.principal, grants));
    sendJson(req, res, 200, { tokens: tokens.map(shown) });
  });

  router.post(list, some, async (req, res) => {
    const body = readTokenBody(await jsonBody(req, services));
    const { token, kept } = await issueToken(services, actor(req), body);
    sendJson(req, res, 201, { ...shown(kept), token }, ['location', urlOf(kept)]);
  });

  router.get(one, some, async (req, res) => {
    sendJson(req, res, 200, shown(await knownToken(db, req.principal, idOf(req))));
  });

  router.delete(one, some, async (req, res) => {
    const { id } = await knownToken(db, req.principal, idOf(req));
    checkExistence(existenceAsked(req), true, `token ${id}`);
    await revokeToken(services, actor(req), id);
    send(req, res, 204, ['cache-control', 'no-store'], '');
  });

  addOtherMethods(router, list, some, () => ['GET', 'HEAD', 'POST', 'OPTIONS'], [JSON_TYPE]);
  addOtherMethods(router, one, some, () => ['GET', 'HEAD', 'DELETE', 'OPTIONS']);

  function urlOf({ id }: Token): string {
    return `${urls.base}/admin/tokens/${id}`;
  }

  function shown(token: Token): object {
    const { id, name, grants, createdAt, createdBy, expiresAt, revokedAt, lastUsedAt } = token;
    return {
      id,
      name,
      state: stateOf(token),
      grants,
      createdAt,
      createdBy,
      expiresAt,
      revokedAt,
      lastUsedAt,
      url: urlOf(token),
    };
  }
}

function idOf(req: Request): string {
  const { token } = req.params as { token: string };
  return token;
}

function stateOf({ revokedAt, expiresAt }: Token): 'good' | 'expired' | 'revoked' {
  if (revokedAt !== undefined) return 'revoked';
  return expiresAt !== undefined && Date.parse(expiresAt) <= Date.now() ? 'expired' : 'good';
}
