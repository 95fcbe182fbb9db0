import type { IncomingMessage, Server as HttpServer } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';

/**
 * Closes connections that no request has come on: browsers and load balancers open some in advance. Node's `closeIdleConnections` takes
 * them for busy, and whoever waits for all to be closed would wait for these.
 */
export function closerOfUnused(server: HttpServer | HttpsServer): () => void {
  const all = new Set<Socket>();
  /** Since when. */
  const withoutRequest = new Map<Socket, number>();
  server.on('connection', (socket: Socket) => {
    all.add(socket);
    socket.once('close', () => all.delete(socket));
  });
  if (server instanceof HttpsServer) {
    // What was read to agree on TLS is no request.
    server.on('secureConnection', (socket) => {
      withoutRequest.set(socket, performance.now());
      socket.once('close', () => withoutRequest.delete(socket));
    });
    for (const event of ['request', 'checkExpectation']) {
      server.on(event, ({ socket }: IncomingMessage) => withoutRequest.delete(socket));
    }
  }
  return () => {
    for (const socket of all) if (socket.bytesRead === 0) socket.destroy();
    for (const [socket, since] of withoutRequest) if (performance.now() - since > ON_ITS_WAY_MS) socket.destroy();
  };
}

/** A request may be on its way for so long on a connection that was just made. */
const ON_ITS_WAY_MS = 1_000;
