import type { Server as HttpServer } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';

/**
 * Closes connections that no request has come on: browsers and load balancers open some in advance. Node's `closeIdleConnections` takes
 * them for busy, and whoever waits for all to be closed would wait for these.
 */
export function closerOfUnused(server: HttpServer | HttpsServer): () => void {
  const all = new Set<Socket>();
  const withoutRequest = new Set<Socket>();
  const keepIn = (sockets: Set<Socket>, socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  server.on('connection', (socket: Socket) => {
    keepIn(all, socket);
  });
  if (server instanceof HttpsServer) {
    // What was read to agree on TLS is no request.
    server.on('secureConnection', (socket) => {
      keepIn(withoutRequest, socket);
    });
    server.on('request', ({ socket }) => withoutRequest.delete(socket));
  }
  return () => {
    for (const socket of all) if (socket.bytesRead === 0) socket.destroy();
    for (const socket of withoutRequest) socket.destroy();
  };
}
