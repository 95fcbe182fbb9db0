import type { Request, Router } from 'express';
import { deleteExport, knownExport, putExport, resetExport } from '../../actions/change-export.js';
import { checkExistence } from '../../actions/existence.js';
import { exportedName } from '../../core/content-columns.js';
import type { ColumnTypes } from '../../core/contract.js';
import type { Epochs } from '../../core/epoch.js';
import { EXPORTED_PARTITION } from '../../core/export.js';
import { batchId, isBeyondLog } from '../../core/named-export.js';
import { FeedsError } from '../../core/errors.js';
import type { ExportDefinition, NamedExport } from '../../core/named-export.js';
import { readExportBody, readResetBody } from '../../formats/export-bodies.js';
import { JSON_TYPE } from '../../formats/media-types.js';
import { newestTick, readEpochs } from '../../store/epochs.js';
import { readLag } from '../../store/export-lag.js';
import type { ExportLag } from '../../store/export-lag.js';
import { readPushState } from '../../store/pushes.js';
import { listExports } from '../../store/named-exports.js';
import { actor, existenceAsked, jsonBody, sendJson } from '../admin-json.js';
import { mayAdminister } from '../middleware/may.js';
import { send } from '../respond.js';
import type { Services } from '../services.js';
import { addOtherMethods } from './methods.js';

/**
 * Named exports: `GET /admin/exports`, GET, PUT and DELETE of one of them (schemas/api/export.json), and `POST …/reset`
 * (schemas/api/export-reset.json). For those who administer everything.
 * Errors: not-well-formed, bad-parameter (400), unauthorized (401), forbidden (403), not-found (404), conflict (409), precondition-failed
 * (412), too-large (413), unsupported-media-type (415), invalid-body (422).
 */
export function addAdminExportRoutes(router: Router, services: Services): void {
  const { db, urls } = services;
  // There is no workspace or feed in the path: everything it is.
  const administrator = mayAdminister(services);
  const list = '/admin/exports';
  const one = `${list}/:name`;
  const reset = `${one}/reset`;

  router.get(list, administrator, async (req, res) => {
    const exports = await listExports(db);
    // Afterwards: what has moved on meanwhile would look as if it were beyond the log.
    const log = await readLog();
    sendJson(req, res, 200, { exports: exports.map((found) => shown(found, log)) });
  });

  router.get(one, administrator, async (req, res) => {
    sendJson(req, res, 200, await shownWithLag(nameOf(req)));
  });

  router.put(one, administrator, async (req, res) => {
    const asked = existenceAsked(req);
    const definition = readExportBody(await jsonBody(req, services));
    refuseOtherTarget(definition, services.targets);
    const put = await putExport(services, actor(req), nameOf(req), definition, asked);
    sendJson(req, res, put === 'created' ? 201 : 200, await shownWithLag(nameOf(req)));
  });

  router.delete(one, administrator, async (req, res) => {
    const { name } = await knownExport(db, nameOf(req));
    checkExistence(existenceAsked(req), true, `export ${name}`);
    await deleteExport(services, actor(req), name);
    send(req, res, 204, ['cache-control', 'no-store'], '');
  });

  router.post(reset, administrator, async (req, res) => {
    await knownExport(db, nameOf(req));
    const to = readResetBody(await jsonBody(req, services));
    await resetExport(services, actor(req), nameOf(req), to);
    sendJson(req, res, 200, await shownWithLag(nameOf(req)));
  });

  addOtherMethods(router, list, administrator, () => ['GET', 'HEAD', 'OPTIONS']);
  addOtherMethods(router, one, administrator, () => ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']);
  addOtherMethods(router, reset, administrator, () => ['POST', 'OPTIONS'], [JSON_TYPE]);

  async function readLog(): Promise<Log> {
    const end = (await newestTick(db, EXPORTED_PARTITION))?.tick ?? 0n;
    return { epochs: await readEpochs(db, EXPORTED_PARTITION), end };
  }

  async function shownWithLag(name: string): Promise<object> {
    const found = await knownExport(db, name);
    const lag = shownLag(await readLag(db, found));
    const push = found.target === undefined ? {} : { push: await shownPush(found, found.target) };
    return { ...shown(found, await readLog()), lag, ...push };
  }

  async function shownPush({ id }: NamedExport, target: string): Promise<object> {
    const { lost, lastError, ...state } = await readPushState(db, id);
    const isKnown = services.targets.includes(target);
    const error = isKnown ? lastError : `TARGETS_FILE of this node has no target "${target}"`;
    return { ...state, ...(error === undefined ? {} : { lastError: error }), lost: Number(lost) };
  }

  function shown(found: NamedExport, { epochs, end }: Log): object {
    const { name, feeds, format, columns, columnTypes, batchRows, from, place, acknowledged, acknowledgedAt, pending } =
      found;
    const { target, everySeconds } = found;
    return {
      name,
      feeds,
      format,
      columns,
      ...(Object.keys(columnTypes).length === 0 ? {} : { columnTypes: shownTypes(columnTypes) }),
      batchRows,
      from,
      target,
      everySeconds,
      createdAt: found.createdAt,
      until: place.recordedAt,
      ...(acknowledged === undefined
        ? {}
        : { acknowledged: { batch: batchId(found, acknowledged), at: acknowledgedAt } }),
      ...(pending === undefined
        ? {}
        : { pending: { batch: batchId(found, pending), rows: rowsOf(pending.rows), plannedAt: pending.plannedAt } }),
      ...(isBeyondLog(found, epochs, end) ? { beyondLog: true } : {}),
      url: `${urls.base}/export/${name}`,
    };
  }
}

function shownTypes(types: ColumnTypes): ColumnTypes {
  return Object.fromEntries(Object.entries(types).map(([name, type]) => [exportedName({ name }), type]));
}

interface Log {
  readonly epochs: Epochs;
  /** The newest tick. */
  readonly end: bigint;
}

function refuseOtherTarget({ target }: Pick<ExportDefinition, 'target'>, known: readonly string[]): void {
  if (target === undefined || known.includes(target)) return;
  const there = known.length === 0 ? 'TARGETS_FILE declares none' : `there are ${known.join(', ')}`;
  const message = `names "${target}", which is no target; ${there}`;
  throw new FeedsError('invalid-body', `the body cannot be taken: /target ${message}`, {
    violations: [{ path: '/target', message, found: target, expected: known.join(', ') }],
  });
}

function nameOf(req: Request): string {
  const { name } = req.params as { name: string };
  return name;
}

function rowsOf(rows: ReadonlyMap<unknown, number>): number {
  return [...rows.values()].reduce((all, count) => all + count, 0);
}

/** That lag most; the others are in the sums. */
const MOST_FEEDS_SHOWN = 100;

function shownLag({ feeds, entries, lost, seconds }: ExportLag): object {
  return {
    entries: Number(entries),
    lost: Number(lost),
    seconds,
    feeds: feeds
      .slice(0, MOST_FEEDS_SHOWN)
      .map((one) => ({ ...one, entries: Number(one.entries), lost: Number(one.lost) })),
  };
}
