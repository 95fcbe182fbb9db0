import { expect } from 'chai';
import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { ADMIN_TOKEN, type TestApp, startApp } from '../support/app.js';
import { anEntry } from '../support/build.js';
import { idsInLog, insertFeed, mistakesInLog } from '../support/log.js';
import { ENTRY_TYPE, publishAll } from '../support/publish.js';
import { sideBySide } from '../support/side-by-side.js';
import { until } from '../support/waiting.js';

const CONNECTIONS = 120;
const PIPELINED = 150;

describe('a server whose clients take their time', function () {
  this.timeout(60_000);

  let app: TestApp;
  let path: string;
  let host: { hostname: string; port: number };
  let sockets: Socket[] = [];

  before(async () => {
    app = await startApp({
      env: {
        REQUEST_TIMEOUT_SECONDS: '2',
        ANSWER_TIMEOUT_SECONDS: '1',
        BODY_TIMEOUT_SECONDS: '1',
        MAX_CONNECTIONS: String(CONNECTIONS),
      },
    });
    const { hostname, port } = new URL(app.url);
    host = { hostname, port: Number(port) };
    path = await insertFeed(app.database.url, 'slow');
    await publishAll(app, path, [{}]);
    const content = `<content>${'x'.repeat(900_000)}</content>`;
    await insertFeed(app.database.url, 'large');
    // More than a page takes, and than the buffers of the system: its archived page is sent as a stream.
    for (let n = 0; n < 13; n += 1) await publishAll(app, '/feeds/shop/large', [{ content }, { content }]);
  });
  after(() => app.stop());

  const together = sideBySide();

  /** Of those that wait for what the server does after some seconds. */
  function patient(lane: number, title: string, work: (socket: Socket) => Promise<void>): void {
    together(lane, title, async () => {
      const socket = await connected();
      try {
        await work(socket);
      } finally {
        socket.destroy();
      }
    });
  }

  afterEach('it still serves', async () => {
    for (const socket of sockets) socket.destroy();
    sockets = [];
    // Connections that were closed take a moment to be gone.
    await until('it serves', async () => (await app.request(path).catch(() => undefined))?.status === 200);
  });

  async function connected(): Promise<Socket> {
    const socket = connect(host.port, host.hostname);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  /** Is closed with the test. */
  async function open(): Promise<Socket> {
    const socket = await connected();
    sockets.push(socket);
    return socket;
  }

  function head(method: string, target: string, more: Record<string, string> = {}): string {
    const headers = { host: 'x', authorization: `Bearer ${ADMIN_TOKEN}`, ...more };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
  }

  const entry = (id: string): string => anEntry({ id });
  const posting = (id: string): string =>
    head('POST', path, { 'content-type': ENTRY_TYPE, 'content-length': String(Buffer.byteLength(entry(id))) }) +
    entry(id);

  /** All that comes until the server closes the connection, or for so long. */
  async function heardFrom(socket: Socket, seconds = 10): Promise<{ text: string; bytes: number; closed: boolean }> {
    let text = '';
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes < 100_000) text += chunk.toString('latin1');
    });
    const closed = await Promise.race([
      once(socket, 'close').then(() => true),
      sleep(seconds * 1000, false, { ref: false }),
    ]);
    return { text, bytes, closed };
  }

  for (const [lane, what, target, octets] of [
    [0, 'a page', '/feeds/shop/large', 7_000_000],
    [1, 'an archived page that is sent as a stream', '/feeds/shop/large/archive/1', 22_000_000],
  ] as const) {
    patient(lane, `cuts off who asks for ${what} and does not read it`, async (socket) => {
      socket.pause();
      socket.write(head('GET', target, { 'accept-encoding': 'identity' }));
      await sleep(3_000);
      const heard = heardFrom(socket, 5);
      socket.resume();
      const { bytes, closed } = await heard;
      expect(closed).to.equal(true);
      expect(bytes).to.be.within(1, octets);
    });

    patient(lane, `gives all of ${what} to who reads it steadily, for longer than a piece may take`, async (socket) => {
      socket.write(head('GET', target, { 'accept-encoding': 'identity', connection: 'close' }));
      let bytes = 0;
      const since = performance.now();
      socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        socket.pause();
        setTimeout(() => socket.resume(), (chunk.length / octets) * 2_000);
      });
      await once(socket, 'end');
      expect(bytes).to.be.above(octets);
      expect(performance.now() - since).to.be.above(1_500);
    });
  }

  patient(2, 'closes a connection on which the headers do not come in time, and says so', async (socket) => {
    const heard = heardFrom(socket);
    for (let n = 0; n < 40 && socket.writable; n += 1) {
      socket.write(n === 0 ? 'GET / HTTP/1.1\r\n' : `x-${String(n)}: y\r\n`);
      await sleep(100);
    }
    const { text, closed } = await heard;
    expect(closed).to.equal(true);
    expect(text).to.match(/^HTTP\/1\.1 408 Request Timeout\r\nconnection: close\r\n/);
  });

  patient(
    4,
    'keeps a connection for the next request, longer than a request and its answer may take',
    async (socket) => {
      for (const pauseMs of [4_000, 0]) {
        socket.write(head('GET', path));
        const [answer] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as [unknown];
        expect(String(answer)).to.match(/^HTTP\/1\.1 200 OK\r\n[^]*\r\nKeep-Alive: timeout=65\r\n/);
        await sleep(pauseMs);
      }
    },
  );

  patient(3, 'closes a connection on which nothing comes', async (socket) => {
    expect((await heardFrom(socket)).closed).to.equal(true);
  });

  it('takes no more connections than it may have, and takes others when there is room', async () => {
    const all = await Promise.all(Array.from({ length: CONNECTIONS + 10 }, async () => heardFrom(await open(), 1)));
    const taken = all.filter(({ closed }) => !closed).length;
    // Those of the tests before may still be there.
    expect(taken).to.be.within(CONNECTIONS - 20, CONNECTIONS);
  });

  describe('while the database stands still', () => {
    let locking: pg.Client;

    beforeEach(async () => {
      locking = new pg.Client({ connectionString: app.database.url });
      await locking.connect();
      await locking.query('begin; lock table heads, entries, members in access exclusive mode');
    });
    afterEach(() => locking.end());

    const slowRead = `?marker=urn:x:none&limit=7`;

    it('answers 503 in time to who reads', async () => {
      const since = performance.now();
      const response = await app.request(path + slowRead);
      expect(response.status).to.equal(503);
      expect(performance.now() - since).to.be.within(1_900, 6_000);
      expect(response.headers.get('retry-after')).to.match(/^\d+$/);
      expect(response.headers.get('connection')).to.equal('close');
      const problem = (await response.json()) as { type: string; detail: string };
      expect(problem.type).to.equal('urn:millrace:problem:unavailable');
      expect(problem.detail).to.equal('the answer was not ready in time');
    });

    it('says that it does not know to who publishes; sent again it is stored once', async () => {
      const id = 'urn:x:given-up';
      const publish = (): Promise<Response> =>
        app.request(path, { method: 'POST', headers: { 'content-type': ENTRY_TYPE }, body: entry(id) });
      const response = await publish();
      expect(response.status).to.equal(503);
      expect(response.headers.get('retry-after')).to.match(/^\d+$/);
      expect(((await response.json()) as { type: string }).type).to.equal('urn:millrace:problem:outcome-unknown');
      await locking.query('rollback');
      await until('it is stored', async () => (await idsInLog(app.database.url, 'slow')).includes(id));
      const again = await publish();
      expect([again.status, again.headers.get('idempotent-replayed')]).to.deep.equal([201, 'true']);
      expect((await idsInLog(app.database.url, 'slow')).filter((one) => one === id)).to.have.length(1);
      expect(await mistakesInLog(app.database.url)).to.deep.equal([]);
    });

    it('says nothing to garbage behind a publish that waits: it would be taken for its answer', async () => {
      const socket = await open();
      const heard = heardFrom(socket);
      socket.write(`${posting('urn:x:before-garbage')}NONSENSE\r\n\r\n`);
      const { text, closed } = await heard;
      expect([closed, text]).to.deep.equal([true, '']);
    });

    it('closes a connection on which request follows request before one is answered', async () => {
      const socket = await open();
      const heard = heardFrom(socket);
      socket.write(head('GET', path + slowRead).repeat(PIPELINED));
      const since = performance.now();
      const { text, closed } = await heard;
      expect([closed, text]).to.deep.equal([true, '']);
      expect(performance.now() - since).to.be.below(1_500);
    });

    it('lets no more requests wait than it may have connections', async () => {
      // Those of the test before are forgotten by then.
      await sleep(1_000);
      // Exactly as many as may wait: one that is refused ends its connection, and the others on it make room.
      const some = await Promise.all(Array.from({ length: CONNECTIONS / 40 }, () => open()));
      const heard = some.map((socket) => heardFrom(socket, 3));
      for (const socket of some) socket.write(head('GET', path + slowRead).repeat(40));
      let told = '';
      const isRefused = async (): Promise<boolean> => {
        const health = await open();
        const answer = heardFrom(health, 1);
        health.write(head('GET', '/healthz', { connection: 'close' }));
        told = (await answer).text;
        return /^HTTP\/1\.1 503 /.test(told);
      };
      await until('all wait, and one more is refused', isRefused, 1.8);
      expect(told).to.contain('urn:millrace:problem:overloaded');
      for (const { text } of await Promise.all(heard)) expect(text).to.match(/^HTTP\/1\.1 503 /);
    });
  });

  it('answers requests that follow each other in their order', async () => {
    const socket = await open();
    const heard = heardFrom(socket);
    socket.write(
      head('GET', `${path}?limit=1`) + posting('urn:x:in-order') + head('GET', path, { connection: 'close' }),
    );
    const { text } = await heard;
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).to.deep.equal(['200', '201', '200']);
  });

  it('says no more than it has to of what is no HTTP', async () => {
    for (const [sent, status] of [
      ['NONSENSE secret-word\r\n\r\n', '400 Bad Request'],
      [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'secret-word'.repeat(3_000)}\r\n\r\n`, '431 Request Header Fields Too Large'],
      ['GET / HTTP/9.9\r\nhost: secret-word\r\n\r\n', '400 Bad Request'],
      ['GET / HTTP/1.1\r\nhost: x\r\nsecret word: x\r\n\r\n', '400 Bad Request'],
      ['POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n', '400 Bad Request'],
    ] as const) {
      const socket = await open();
      const heard = heardFrom(socket, 3);
      socket.write(sent);
      const { text, closed } = await heard;
      expect(text, sent.slice(0, 40)).to.match(new RegExp(`^HTTP/1\\.1 ${status}\r\nconnection: close\r\n`));
      expect(text).to.contain('x-content-type-options: nosniff').and.to.contain('application/problem+json');
      expect(text).not.to.match(/secret|node|\.js|Parse|HPE_/);
      expect([closed, text.length < 400]).to.deep.equal([true, true]);
    }
  });
});
