import type { Request, Response, Router } from 'express';
import { send } from '../respond.js';
import type { Services } from '../services.js';
import { addOtherMethods } from './methods.js';

const DATABASE_MS = 2_000;
const JSON_HEADERS = ['content-type', 'application/json', 'cache-control', 'no-store'];

/** What a node needs to be ready, each with whether it holds. */
type Readiness = Record<'database' | 'migrations' | 'clock' | 'accepting', boolean>;

/**
 * For those who run the server, without a token: `GET /healthz` (200 while the process runs), `GET /readyz` (200, or 503
 * with the names of what fails), `GET /metrics` (Prometheus' text format).
 */
export function addHealthRoutes(router: Router, services: Services): void {
  router.get('/healthz', (req, res) => {
    sendJson(req, res, 200, { status: 'ok' });
  });

  router.get('/readyz', async (req, res) => {
    const checks = await readiness(services);
    const fails = Object.entries(checks).flatMap(([name, holds]) => (holds ? [] : [name]));
    if (fails.length === 0) sendJson(req, res, 200, { status: 'ready', checks });
    else sendJson(req, res, 503, { status: 'not ready', fails, checks });
  });

  router.get('/metrics', async (req, res) => {
    const { metrics } = services;
    send(req, res, 200, ['content-type', metrics.contentType, 'cache-control', 'no-store'], await metrics.text());
  });

  for (const path of ['/healthz', '/readyz', '/metrics']) {
    addOtherMethods(
      router,
      path,
      (_req, _res, next) => {
        next();
      },
      () => ['GET', 'HEAD', 'OPTIONS'],
    );
  }
}

async function readiness({ db, isMigrated, groupCommit, draining }: Services): Promise<Readiness> {
  const database = await inTime(db.query({ name: 'ready', text: 'select 1' }));
  return {
    database,
    migrations: database && (await inTime(isMigrated(), (is) => is)),
    clock: !groupCommit(0).skewed,
    accepting: !draining(),
  };
}

/** Whether the promise resolves, in time and as expected. */
async function inTime<T>(asked: Promise<T>, holds: (answer: T) => boolean = () => true): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, DATABASE_MS);
  });
  const answer = asked.then(holds, () => false);
  return Promise.race([answer, late]).finally(() => {
    clearTimeout(timer);
  });
}

function sendJson(req: Request, res: Response, status: number, value: unknown): void {
  send(req, res, status, JSON_HEADERS, `${JSON.stringify(value)}\n`);
}
