import { IncomingMessage, ServerResponse, createServer } from 'node:http';
import type { Server } from 'node:http';
import type { Express, Request as ExpressRequest, Response as ExpressResponse } from 'express';

/** What app.ts builds. */
interface App {
  readonly express: Express;
  readonly answer: (req: ExpressRequest, res: ExpressResponse) => void;
}

/** A client gets this long to send its headers; bodies have a deadline of their own (http/body.ts). */
const HEADERS_MS = 15_000;
/** Longer than the idle timeouts of the usual load balancers, so that it is they who close a connection. */
const KEEP_ALIVE_MS = 65_000;

/**
 * An HTTP server, and how to give it its app once its URL is known. Express would change the prototype of each request
 * and response, which costs most of the time that it takes; so they are made with Express' prototypes in the first place.
 */
export function serverFor(): { server: Server; attach: (app: App) => void } {
  const Request = withPrototype(IncomingMessage);
  const Response = withPrototype(ServerResponse);
  const server = createServer({
    IncomingMessage: Request,
    ServerResponse: Response,
    headersTimeout: HEADERS_MS,
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    noDelay: true,
  });
  return {
    server,
    attach({ express, answer }) {
      (Request as { prototype: object }).prototype = express.request;
      (Response as { prototype: object }).prototype = express.response;
      server.on('request', answer as (req: IncomingMessage, res: ServerResponse) => void);
    },
  };
}

type Constructor = abstract new (...parameters: never[]) => object;

/** `Base` as a constructor whose prototype can be replaced by one that inherits from that of `Base`. */
function withPrototype<T extends Constructor>(Base: T): T {
  const construct = Base as unknown as { apply(self: unknown, parameters: unknown): void };
  function Made(this: object, ...parameters: unknown[]): void {
    construct.apply(this, parameters);
  }
  Object.setPrototypeOf(Made, Base);
  Made.prototype = Base.prototype as object;
  return Made as unknown as T;
}
