import type { Request, Router } from 'express';
import { deleteUser, knownUser, putUser } from '../../actions/change-users.js';
import { checkExistence } from '../../actions/existence.js';
import { administersAll } from '../../core/access.js';
import type { User } from '../../core/user.js';
import { readUserBody } from '../../formats/credential-bodies.js';
import { listUsers } from '../../store/users.js';
import { actor, existenceAsked, jsonBody, sendJson } from '../admin-json.js';
import { mayAdministerSome } from '../middleware/may.js';
import { send } from '../respond.js';
import type { Services } from '../services.js';
import { addOtherMethods } from './methods.js';

/**
 * Users, who come with a name and a password: `GET /admin/users`, and GET, PUT and DELETE of one of them (schemas/api/user.json). For
 * those who administer all that a user is granted; others are not told of it.
 * Errors: not-well-formed, bad-parameter (400), unauthorized (401), forbidden (403), not-found (404), conflict (409),
 * precondition-failed (412), too-large (413), unsupported-media-type (415), invalid-body (422).
 */
export function addAdminUserRoutes(router: Router, services: Services): void {
  const { db, urls } = services;
  const some = mayAdministerSome(services);
  const list = '/admin/users';
  const one = `${list}/:user`;

  router.get(list, some, async (req, res) => {
    const users = (await listUsers(db)).filter(({ grants }) => administersAll(req.principal, grants));
    sendJson(req, res, 200, { users: users.map(shown) });
  });

  router.get(one, some, async (req, res) => {
    sendJson(req, res, 200, shown(await knownUser(db, req.principal, nameOf(req))));
  });

  router.put(one, some, async (req, res) => {
    const asked = existenceAsked(req);
    const body = readUserBody(await jsonBody(req, services));
    const { created, user } = await putUser(services, actor(req), nameOf(req), body, asked);
    sendJson(req, res, created ? 201 : 200, shown(user));
  });

  router.delete(one, some, async (req, res) => {
    const { name } = await knownUser(db, req.principal, nameOf(req));
    checkExistence(existenceAsked(req), true, `user ${name}`);
    await deleteUser(services, actor(req), name);
    send(req, res, 204, ['cache-control', 'no-store'], '');
  });

  addOtherMethods(router, list, some, () => ['GET', 'HEAD', 'OPTIONS']);
  addOtherMethods(router, one, some, () => ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']);

  function shown({ name, grants, createdAt, createdBy }: User): object {
    return { name, grants, createdAt, createdBy, url: `${urls.base}/admin/users/${encodeURIComponent(name)}` };
  }
}

function nameOf(req: Request): string {
  const { user } = req.params as { user: string };
  return user;
}
