import type { Request, Router } from 'express';
import { deleteDeadLetters, replayDeadLetters } from '../../actions/change-dead-letters.js';
import { knownExport } from '../../actions/change-export.js';
import { FeedsError } from '../../core/errors.js';
import { readReplayBody } from '../../formats/export-bodies.js';
import { JSON_TYPE } from '../../formats/media-types.js';
import { listDeadLetters } from '../../store/dead-letters.js';
import type { DeadLetter } from '../../store/dead-letters.js';
import { actor, jsonBody, sendJson } from '../admin-json.js';
import { mayAdminister } from '../middleware/may.js';
import { queryOf } from '../parameters.js';
import { send } from '../respond.js';
import type { Services } from '../services.js';
import { addOtherMethods } from './methods.js';

/** On a page. */
const PAGE = 100;

/**
 * Entries that the target of an export has refused: `GET /admin/exports/{name}/dead-letters`, the oldest first, DELETE of all or of one, and `POST
 * …/replay` (schemas/api/export-replay.json) to store them again. For those who administer everything.
 * Errors: not-well-formed, bad-parameter (400), unauthorized (401), forbidden (403), not-found (404), conflict (409: the export has no target),
 * too-large (413), unsupported-media-type (415), invalid-body (422).
 */
export function addAdminDeadLetterRoutes(router: Router, services: Services): void {
  const { db, urls } = services;
  const administrator = mayAdminister(services);
  const list = '/admin/exports/:name/dead-letters';
  const one = `${list}/:letter`;
  const replay = `${list}/replay`;

  router.get(list, administrator, async (req, res) => {
    const after = afterOf(req);
    const { name, id } = await knownExport(db, nameOf(req));
    const found = await listDeadLetters(db, id, after, PAGE + 1);
    const page = found.slice(0, PAGE);
    const last = page.at(-1)?.id;
    const next = `${urls.base}/admin/exports/${name}/dead-letters?after=${String(last)}`;
    sendJson(req, res, 200, { deadLetters: page.map(shown), ...(found.length > PAGE ? { next } : {}) });
  });

  router.post(replay, administrator, async (req, res) => {
    const { name } = await knownExport(db, nameOf(req));
    const ids = readReplayBody(await jsonBody(req, services));
    const replaying = await replayDeadLetters(services, actor(req), name, ids);
    sendJson(req, res, 202, { replaying });
  });

  router.delete(list, administrator, async (req, res) => {
    await deleteDeadLetters(services, actor(req), nameOf(req), undefined);
    send(req, res, 204, ['cache-control', 'no-store'], '');
  });

  router.delete(one, administrator, async (req, res) => {
    const { letter } = req.params as { letter: string };
    const count = await deleteDeadLetters(services, actor(req), nameOf(req), idOf(letter) ?? 0n);
    if (count === 0)
      throw new FeedsError('not-found', `there is no dead letter ${letter.slice(0, 40)} that could be deleted`);
    send(req, res, 204, ['cache-control', 'no-store'], '');
  });

  addOtherMethods(router, replay, administrator, () => ['POST', 'OPTIONS'], [JSON_TYPE]);
  addOtherMethods(router, list, administrator, () => ['GET', 'HEAD', 'DELETE', 'OPTIONS']);
  addOtherMethods(router, one, administrator, () => ['DELETE', 'OPTIONS']);
}

function nameOf(req: Request): string {
  const { name } = req.params as { name: string };
  return name;
}

/** Of a page that comes after another. */
function afterOf(req: Request): bigint {
  const parameters = new URLSearchParams(queryOf(req.url));
  for (const name of parameters.keys()) {
    if (name === 'after') continue;
    throw new FeedsError('bad-parameter', `there is no parameter "${name.slice(0, 40)}", only "after"`);
  }
  const text = parameters.get('after') ?? '0';
  const after = idOf(text);
  if (after !== undefined) return after;
  throw new FeedsError('bad-parameter', `"after" is "${text.slice(0, 40)}", expected the id of a dead letter`);
}

function idOf(text: string): bigint | undefined {
  return /^\d{1,18}$/.test(text) ? BigInt(text) : undefined;
}

function shown({ id, feed: _feed, feedName, position, ...letter }: DeadLetter): object {
  return { id: Number(id), ...letter, feed: feedName, position: Number(position) };
}
