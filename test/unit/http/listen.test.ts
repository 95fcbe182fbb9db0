import { expect } from 'chai';
import express from 'express';
import type { Response } from 'express';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { serverFor } from '../../../src/http/listen.js';
import { createLogger } from '../../../src/telemetry/logger.js';

const IDLE_MS = 2_000;
const fixture = (name: string): Buffer => readFileSync(new URL(`../../fixtures/tls/${name}.pem`, import.meta.url));
const PAIR = { cert: fixture('one-cert'), key: fixture('one-key'), goodUntil: new Date() };

for (const [what, tls] of [
  ['the connections of a server', undefined],
  ['the connections of a server with TLS', PAIR],
] as const) {
  describe(what, () => {
    let server: ReturnType<typeof serverFor>['server'];
    let answer: (res: Response) => void;

    beforeEach(async () => {
      const logger = createLogger('silent');
      const made = serverFor({ tls, maxConnections: 10, requestMs: 60_000, idleMs: IDLE_MS, logger });
      ({ server } = made);
      made.attach({
        express: express(),
        answer: (_req, res) => {
          answer(res);
        },
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    });
    afterEach((done) => {
      server.closeAllConnections();
      server.close(done);
    });

    async function connected(): Promise<Socket> {
      const { port } = server.address() as AddressInfo;
      const options = { port, host: '127.0.0.1' };
      const socket = tls === undefined ? connect(options) : connectTls({ ...options, rejectUnauthorized: false });
      await once(socket, tls === undefined ? 'connect' : 'secureConnect');
      return socket;
    }

    const ask = (socket: Socket): void => void socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');

    /** That it takes from now until the server closes it. */
    async function msUntilClosed(socket: Socket): Promise<number> {
      const since = performance.now();
      socket.resume();
      await once(socket, 'close');
      return performance.now() - since;
    }

    it('are closed when nothing has moved for so long since the last answer, and not before', async () => {
      answer = (res) => void res.end('yes');
      const socket = await connected();
      for (let n = 0; n < 6; n += 1) {
        ask(socket);
        const [heard] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [unknown];
        expect(heard).to.be.instanceOf(Buffer);
        expect(String(heard)).to.match(/\r\nKeep-Alive: timeout=65\r\n/);
        await sleep(IDLE_MS / 4);
      }
      expect(await msUntilClosed(socket)).to.be.below(IDLE_MS * 4);
    });

    it('are closed when nothing has moved for so long while an answer is waited for', async () => {
      answer = () => undefined;
      const socket = await connected();
      ask(socket);
      expect(await msUntilClosed(socket)).to.be.within(IDLE_MS / 2, IDLE_MS * 4);
    });
  });
}
