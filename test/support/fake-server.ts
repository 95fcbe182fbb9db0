import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How a server of somebody else's behaves: well, as one that fails, as one that never answers, as one that is not there. */
export type Behaviour = 'up' | 'failing' | 'hanging' | 'away';

export interface FakeServer {
  readonly url: string;
  /** How many requests it has had, well answered or not. */
  readonly requests: () => number;
  readonly behave: (as: Behaviour) => void;
  readonly stop: () => Promise<void>;
}

/** A small server of somebody else's, on loopback. */
export async function startFakeServer(
  answer: (req: IncomingMessage, res: ServerResponse) => void | Promise<void>,
): Promise<FakeServer> {
  let behaviour: Behaviour = 'up';
  let requests = 0;
  const server = createServer((req, res) => {
    requests += 1;
    if (behaviour === 'hanging') return;
    if (behaviour === 'away') {
      req.socket.destroy();
    } else if (behaviour === 'failing') {
      res.writeHead(500).end('{"error":{"code":500}}');
    } else {
      Promise.resolve(answer(req, res)).catch((error: unknown) => {
        res.writeHead(599).end(String(error));
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    requests: () => requests,
    behave(as) {
      behaviour = as;
    },
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

export async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
