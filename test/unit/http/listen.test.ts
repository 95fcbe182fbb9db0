import { expect } from 'chai';
import express from 'express';
import type { Response } from 'express';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverFor } from '../../../src/http/listen.js';
import { createLogger } from '../../../src/telemetry/logger.js';

const IDLE_MS = 400;

describe('the connections of a server', () => {
  let server: ReturnType<typeof serverFor>['server'];
  let answer: (res: Response) => void;

  beforeEach(async () => {
    const made = serverFor({
      tls: undefined,
      maxConnections: 10,
      requestMs: 60_000,
      idleMs: IDLE_MS,
      logger: createLogger('silent'),
    });
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
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
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

  it('are closed when nothing has moved for so long after an answer, of which clients are told less than it is', async () => {
    answer = (res) => void res.end('yes');
    const socket = await connected();
    for (let n = 0; n < 4; n += 1) {
      ask(socket);
      const [heard] = (await once(socket, 'data')) as [Buffer];
      expect(heard.toString()).to.match(/\r\nKeep-Alive: timeout=65\r\n/);
      await sleep(IDLE_MS / 2);
    }
    expect(await msUntilClosed(socket)).to.be.within(IDLE_MS / 4, IDLE_MS * 5);
  });

  it('are closed when nothing has moved for so long while an answer is waited for', async () => {
    answer = () => undefined;
    const socket = await connected();
    ask(socket);
    expect(await msUntilClosed(socket)).to.be.within(IDLE_MS / 2, IDLE_MS * 5);
  });
});
