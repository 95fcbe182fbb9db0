import { IncomingMessage, ServerResponse, createServer } from 'node:http';
import type { Server as HttpServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Express, Request as ExpressRequest, Response as ExpressResponse } from 'express';
import type { Logger } from '../telemetry/logger.js';
import { TLS_OPTIONS } from './tls-pair.js';
import type { TlsPair } from './tls-pair.js';
import { answerWireErrors } from './wire-errors.js';

/** What app.ts builds. */
interface App {
  readonly express: Express;
  readonly answer: (req: ExpressRequest, res: ExpressResponse) => void;
}

export interface ListenDeps {
  /** Undefined: HTTP without it. */
  readonly tls: TlsPair | undefined;
  /** Open at once; one more is closed. */
  readonly maxConnections: number;
  /** So long a request may wait for its answer; its headers do not get longer either. */
  readonly requestMs: number;
  /** A connection on which nothing has moved for so long is closed, whatever it waits for; more than KEEP_ALIVE_MS. */
  readonly idleMs: number;
  readonly logger: Logger;
}

export interface Listening {
  readonly server: HttpServer | HttpsServer;
  /** Gives the server its app, once its URL is known. */
  readonly attach: (app: App) => void;
}

/** A client gets this long to agree on TLS, and to send its headers; bodies have a deadline of their own (http/body.ts). */
const HEADERS_MS = 15_000;
/** Of a request, all its headers and the line before them; a search can be long. */
const HEADERS_OCTETS = 16 * 1024;
/** What clients are told. Longer than the idle timeouts of the usual load balancers, so that it is they who close a connection. */
export const KEEP_ALIVE_MS = 65_000;

/** That connections are closed because there are too many is told once in so long. */
const TELL_MS = 60_000;

/**
 * An HTTP server, or an HTTPS server. Express would change the prototype of each request and response, which costs most of the
 * time that it takes; so they are made with Express' prototypes in the first place.
 */
export function serverFor({ tls, maxConnections, requestMs, idleMs, logger }: ListenDeps): Listening {
  const Request = withPrototype(IncomingMessage);
  const Response = withPrototype(ServerResponse);
  const headersMs = Math.min(HEADERS_MS, requestMs);
  const options = {
    IncomingMessage: Request,
    ServerResponse: Response,
    headersTimeout: headersMs,
    // How often node looks whose time is over.
    connectionsCheckingInterval: Math.ceil(headersMs / 3),
    maxHeaderSize: HEADERS_OCTETS,
    requestTimeout: 0,
    // The app says so itself, as it says whatever else is wrong.
    requireHostHeader: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    noDelay: true,
  };
  const server =
    tls === undefined
      ? createServer(options)
      : createTlsServer({ ...options, ...TLS_OPTIONS, handshakeTimeout: headersMs, cert: tls.cert, key: tls.key });
  server.maxConnections = maxConnections;
  server.timeout = idleMs;
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    setTimeoutOnce(socket, idleMs);
  });
  server.on('clientError', answerWireErrors(logger));
  server.on('drop', tellOfDropped(maxConnections, logger));
  return {
    server,
    attach({ express, answer }) {
      (Request as { prototype: object }).prototype = express.request;
      (Response as { prototype: object }).prototype = express.response;
      const listener = answer as (req: IncomingMessage, res: ServerResponse) => void;
      server.on('request', listener);
      // RFC 9110 §10.1.1: what nobody knows may be passed over. Else node would answer, without our headers, and we would not hear of it.
      server.on('checkExpectation', listener);
    },
  };
}

/**
 * Of an idle connection and of one that waits node would set another timeout, with two new timers for each request: a twelfth of what a
 * 304 takes. Here it is one, and is set when the connection is made.
 */
function setTimeoutOnce(socket: Socket, idleMs: number): void {
  socket.setTimeout(idleMs);
  socket.setTimeout = () => socket;
}

function tellOfDropped(maxConnections: number, logger: Logger): () => void {
  let toldAt = -Infinity;
  let dropped = 0;
  return () => {
    dropped += 1;
    if (performance.now() - toldAt < TELL_MS) return;
    logger.warn({ dropped, maxConnections }, 'connections were closed at once: there are as many as there may be');
    toldAt = performance.now();
    dropped = 0;
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
