import express from 'express';
import type { Express, Request, Response } from 'express';
import { isAuditFeed } from './core/audit.js';
import { FeedsError } from './core/errors.js';
import { front } from './http/front.js';
import { cors } from './http/middleware/cors.js';
import { legalPath } from './http/middleware/legal-path.js';
import { anybodyKnown, may } from './http/middleware/may.js';
import { observe } from './http/middleware/observe.js';
import { problems } from './http/problems.js';
import { addAdminDeletionRoutes } from './http/routes/admin-deletion.js';
import { addAdminDeadLetterRoutes } from './http/routes/admin-dead-letters.js';
import { addAdminExportRoutes } from './http/routes/admin-exports.js';
import { addAdminGrantRoutes } from './http/routes/admin-grants.js';
import { addAdminSchemaRoutes } from './http/routes/admin-schemas.js';
import { addAdminTokenRoutes } from './http/routes/admin-tokens.js';
import { addAdminUserRoutes } from './http/routes/admin-users.js';
import { addAdminRoutes } from './http/routes/admin.js';
import { addDescriptionRoutes } from './http/routes/descriptions.js';
import { addDocumentRoutes } from './http/routes/documents.js';
import { addEntryRoutes } from './http/routes/entries.js';
import { addExportRoutes } from './http/routes/export.js';
import { addFeedRoutes } from './http/routes/feeds.js';
import { addHealthRoutes } from './http/routes/health.js';
import { addNamedExportRoutes } from './http/routes/named-exports.js';
import { addOtherMethods } from './http/routes/methods.js';
import { addSchemaRoutes } from './http/routes/schemas.js';
import { addTenantRoutes } from './http/routes/tenant-views.js';
import type { Services } from './http/services.js';

export interface App {
  /** Whose prototypes requests and responses must have (http/listen.ts). */
  readonly express: Express;
  /** For each request. */
  readonly answer: (req: Request, res: Response) => void;
}

/** The Express app, its routes in the order of how often they are asked for, and in front of it the quick way. */
export function buildApp(services: Services): App {
  const app = express();
  // What goes wrong is told in http/problems.ts; were there anything else, Express would tell it with its stack.
  app.set('env', 'production');
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('case sensitive routing');
  app.use(cors(services.corsOrigins));
  app.use(legalPath);
  const router = express.Router({ caseSensitive: true });
  const { fromMemory, fromLog, readFeed } = addFeedRoutes(router, services);
  const { publish, readMember } = addEntryRoutes(router, services);
  const reader = may('read', services);
  const describer = may('describe', services);
  addOtherMethods(router, '/feeds/:workspace/:feed', describer, ({ known }) =>
    isAuditFeed(known.feed) ? ['GET', 'HEAD', 'OPTIONS'] : ['GET', 'HEAD', 'POST', 'OPTIONS'],
  );
  addOtherMethods(router, '/feeds/:workspace/:feed/archive/:n', reader, () => ['GET', 'HEAD', 'OPTIONS']);
  addOtherMethods(router, '/feeds/:workspace/:feed/entries/*id', describer, ({ known }) =>
    known.feed.settings.editable ? ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'] : ['GET', 'HEAD', 'OPTIONS'],
  );
  addDocumentRoutes(router, services);
  addSchemaRoutes(router, services);
  addAdminDeletionRoutes(router, services);
  addTenantRoutes(router, services, { readFeed, readMember });
  addAdminRoutes(router, services);
  addAdminSchemaRoutes(router, services);
  addAdminTokenRoutes(router, services);
  addAdminUserRoutes(router, services);
  addAdminGrantRoutes(router, services);
  addAdminExportRoutes(router, services);
  addAdminDeadLetterRoutes(router, services);
  addExportRoutes(router, services);
  addNamedExportRoutes(router, services);
  addDescriptionRoutes(router, services);
  addHealthRoutes(router, services);
  app.use(router);
  // What is not there is no more told of than what is.
  app.use(['/feeds', '/admin'], anybodyKnown(services));
  app.use((req: Request, _res: Response) => {
    throw new FeedsError('not-found', `there is nothing at ${req.path.slice(0, 200)}; feeds are below /feeds`);
  });
  const handler = problems(services);
  app.use(handler);

  const observed = observe(services);
  const { unanswered } = services;
  const quick = front(services, { fromMemory, fromLog, publish });
  return {
    express: app,
    answer(req, res) {
      // Of requests that follow each other the next may be read already when the connection is cut.
      if (req.socket.destroyed) return;
      const room = unanswered.roomFor(req.socket);
      if (room === 'not of this connection') {
        req.socket.destroy();
        return;
      }
      observed(req, res);
      const failed = (error: unknown): void => {
        handler(error, req, res, () => undefined);
      };
      if (room === 'no') {
        failed(new FeedsError('overloaded', 'too many requests wait for their answers', { retryAfterSeconds: 1 }));
        return;
      }
      // RFC 9112 §3.2; links are of PUBLIC_URL, whatever it says.
      if (req.headers.host === undefined && req.httpVersion !== '1.0') {
        failed(new FeedsError('bad-parameter', 'a request of HTTP/1.1 has to have the header Host'));
        return;
      }
      if (!quick(req, res, failed)) app(req, res);
      // Most are answered already, from memory.
      if (!res.writableEnded) unanswered.add(req, res, failed);
    },
  };
}
