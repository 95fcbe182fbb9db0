import { expect } from 'chai';
import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ADMIN_TOKEN, type TestApp, startApp } from '../support/app.js';
import { idsInLog, insertFeed, mistakesInLog } from '../support/log.js';
import { ENTRY_TYPE, FEED_TYPE, entryXml, feedXml, publish, startPublishers } from '../support/publisher.js';

const LIMIT = 2 * 1024 * 1024;

interface Got {
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

describe('a server that is sent what no publisher should send', function () {
  this.timeout(60_000);

  let app: TestApp;
  let path: string;

  before(async () => {
    app = await startApp({ env: { BODY_TIMEOUT_SECONDS: '1', BODY_BYTES_IN_FLIGHT: String(16 * 1024 * 1024) } });
    path = await insertFeed(app.database.url, 'hostile');
  });

  after(async () => {
    await app.stop();
  });

  afterEach('it still serves', async () => {
    const id = `urn:x:${String(Math.random())}`;
    const answer = await publish(app.url + path, entryXml(id));
    expect([answer.status, answer.seconds < 2], answer.body).to.deep.equal([201, true]);
    expect(await (await app.request(path)).text()).to.contain(id);
  });

  /** A problem document that helps, and nothing of our insides. */
  function expectProblem(got: Got, status: number, says: RegExp, what: string): void {
    expect([what, got.status], got.body.slice(0, 500)).to.deep.equal([what, status]);
    expect(got.headers, what).to.match(/content-type: application\/problem\+json/i);
    const problem = JSON.parse(got.body) as { type: string; status: number; detail: string; errors?: unknown[] };
    expect(problem.status).to.equal(status);
    expect(problem.type).to.match(/^urn:millrace:problem:/);
    expect(`${problem.detail} ${JSON.stringify(problem.errors ?? '')}`, what).to.match(says);
    expect(got.body, what).not.to.match(/\.[jt]s:\d+|\n\s+at |node_modules|select |insert /);
    expect(got.body.length).to.be.below(20_000);
  }

  async function post(body: Buffer | string, type = ENTRY_TYPE): Promise<Got> {
    const response = await app.request(path, {
      method: 'POST',
      headers: { 'content-type': type },
      body: typeof body === 'string' ? body : new Uint8Array(body),
    });
    const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    return { status: response.status, headers, body: await response.text() };
  }

  const billion = `<!DOCTYPE lolz [<!ENTITY a "lol">${'bcdefghi'
    .split('')
    .map((name, n) => `<!ENTITY ${name} "${`&${'abcdefghi'[n]!};`.repeat(10)}">`)
    .join('')}]>`;
  const inside = (text: string): string => entryXml('urn:x:hostile').replace('<content>x', `<content>${text}`);
  const deep = (n: number): string =>
    inside('').replace(
      '<content></content>',
      `<content type="application/xml">${'<a>'.repeat(n)}${'</a>'.repeat(n)}</content>`,
    );

  const HOSTILE: [what: string, body: Buffer | string, status: number, says: RegExp][] = [
    ['nothing', '', 400, /empty|ends|no element|root/i],
    ['text', 'hello', 400, /line 1|character|element/i],
    ['truncated in a tag', entryXml('urn:x:1').slice(0, 60), 400, /end|closed/i],
    ['truncated in an element', entryXml('urn:x:1').slice(0, -20), 400, /end|closed/i],
    ['truncated in a character', Buffer.from(inside('é')).subarray(0, -20), 400, /./],
    ['a billion laughs', `${billion}${inside('&i;')}`, 400, /DOCTYPE/],
    ['an external entity', `<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/passwd">]>${inside('&x;')}`, 400, /DOCTYPE/],
    ['an external DTD', `<!DOCTYPE entry SYSTEM "http://127.0.0.1:1/x.dtd">${inside('x')}`, 400, /DOCTYPE/],
    ['an unknown entity', inside('&nbsp;'), 400, /nbsp/],
    ['10,000 elements deep', deep(10_000), 400, /deep|nest/i],
    ['100,000 elements deep', deep(100_000), 400, /deep|nest/i],
    [
      '100,000 attributes',
      inside('').replace(
        '<content>',
        `<content ${Array.from({ length: 100_000 }, (_, n) => `a${String(n)}="x"`).join(' ')}>`,
      ),
      400,
      /attribute/,
    ],
    [
      'an attribute twice',
      inside('').replace('<content>', '<content type="text" type="text">'),
      400,
      /twice|attribute/,
    ],
    ['a character that is none', inside('&#0;'), 400, /character/i],
    ['a control character', inside('\u0001'), 400, /character/i],
    ['half a surrogate pair', inside('&#xD800;'), 400, /character/i],
    ['a prefix that nobody declared', inside('<x:y/>'), 400, /x|prefix/],
    ['two root elements', entryXml('urn:x:1') + entryXml('urn:x:2'), 400, /end|root|after/i],
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from(inside('').slice(0, -30)), Buffer.from([0xff, 0xfe, 0x80])]),
      400,
      /UTF-8|byte/i,
    ],
    [
      'Latin 1 that says it is UTF-8',
      Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${inside('é')}`, 'latin1'),
      400,
      /UTF-8/i,
    ],
    [
      'UTF-16 that says it is UTF-8',
      Buffer.from(`\ufeff<?xml version="1.0" encoding="UTF-8"?>${inside('x')}`, 'utf16le'),
      400,
      /encoding|UTF/i,
    ],
    ['UTF-8 that says it is UTF-16', `<?xml version="1.0" encoding="UTF-16"?>${inside('x')}`, 400, /UTF-16/],
    ['an encoding that nobody knows', `<?xml version="1.0" encoding="EBCDIC-42"?>${inside('x')}`, 415, /EBCDIC-42/],
    ['something else than an entry', '<html/>', 422, /entry/],
    ['a feed that says it is an entry', feedXml([{ id: 'urn:x:1' }]), 422, /type=feed|is a feed/],
    ['an id that is none', entryXml('not an id'), 422, /id/],
    ['an id too long', entryXml(`urn:x:${'y'.repeat(2_000)}`), 422, /1,?024/],
    [
      'categories too many',
      entryXml(
        'urn:x:1',
        'x',
        Array.from({ length: 21 }, (_, n) => `c${String(n)}`),
      ),
      422,
      /20/,
    ],
    ['a body over the limit', inside('x'.repeat(LIMIT)), 413, /2097152/],
  ];

  for (const [what, body, status, says] of HOSTILE) {
    it(`answers ${String(status)} to ${what}`, async () => {
      const since = performance.now();
      expectProblem(await post(body), status, says, what);
      expect(performance.now() - since).to.be.below(3_000);
    });
  }

  it('answers 422 with the first hundred mistakes of a document of many, and stores none of it', async () => {
    const many = Array.from({ length: 5_000 }, (_, n) => ({ id: n % 2 === 0 ? `urn:x:many:${String(n)}` : 'no id' }));
    const got = await post(feedXml(many), FEED_TYPE);
    expectProblem(got, 422, /entry\[2\]/, 'many');
    expect(await idsInLog(app.database.url, 'hostile')).not.to.include('urn:x:many:0');
  });

  it('holds nobody up for long with documents of very many entries', async () => {
    const empty = '<entry><title/><content/></entry>';
    const ofSo = (many: number): string => feedXml([]).replace('</feed>', `${empty.repeat(many)}</feed>`);
    const elsewhere = await insertFeed(app.database.url, 'elsewhere');
    const publishers = startPublishers(1, 'elsewhere', () => app.url + elsewhere);
    const work = Promise.all([60_000, 5_000].map((many) => post(ofSo(many), FEED_TYPE)));
    const slow = await slowest(work);
    const [tooMany, most] = await work;
    await publishers.stop();
    expectProblem(tooMany!, 413, /more than 5000 entries/, 'too many entries');
    expect(most!.status).to.equal(201);
    expect([...publishers.failed]).to.deep.equal([]);
    expect(Math.max(slow, publishers.slowest)).to.be.below(3);
  });

  /** How long the slowest read took while it was being done. */
  async function slowest(work: Promise<unknown>): Promise<number> {
    let slow = 0;
    const done = new AbortController();
    void work.finally(() => done.abort());
    while (!done.signal.aborted) {
      const since = performance.now();
      await (await app.request(`${path}?limit=1`)).arrayBuffer();
      slow = Math.max(slow, (performance.now() - since) / 1000);
      await sleep(5);
    }
    return slow;
  }

  describe('on the wire', () => {
    /** The raw request; `rest` is sent bit by bit after the headers. Resolves when the server ends the connection or answers. */
    async function raw(
      headers: Record<string, string>,
      send: (socket: Socket) => Promise<void> | void,
      seconds = 10,
    ): Promise<Got & { ended: boolean }> {
      const { hostname, port } = new URL(app.url);
      const socket = connect(Number(port), hostname);
      await once(socket, 'connect');
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('error', () => undefined);
      let ended = false;
      const over = new Promise<void>((resolve) => {
        socket.once('close', () => {
          ended = true;
          resolve();
        });
        setTimeout(resolve, seconds * 1000).unref();
      });
      const lines = Object.entries({
        host: 'x',
        authorization: `Bearer ${ADMIN_TOKEN}`,
        'content-type': ENTRY_TYPE,
        ...headers,
      }).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
      await send(socket);
      await over;
      socket.destroy();
      const [head = '', body = ''] = text.split('\r\n\r\n');
      return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0), headers: head, body, ended };
    }

    /** Or broken: then there is an answer to be read. */
    const drained = (socket: Socket): Promise<unknown> => once(socket, 'drain').catch(() => undefined);
    const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
    const chunked = { 'transfer-encoding': 'chunked', connection: 'close' };

    it('cuts off a chunked body at the limit and says so', async () => {
      let sent = 0;
      const got = await raw(chunked, async (socket) => {
        const piece = chunk('x'.repeat(64 * 1024));
        while (sent < 20 * LIMIT && !socket.destroyed && socket.writable) {
          sent += piece.length;
          if (!socket.write(piece)) await Promise.race([drained(socket), sleep(500)]);
        }
      });
      expectProblem(got, 413, /2097152/, 'chunked');
      expect(got.ended).to.equal(true);
      expect(sent).to.be.below(15 * LIMIT);
    });

    it('refuses a Content-Length over the limit before the body is there', async () => {
      const got = await raw({ 'content-length': String(100 * LIMIT), connection: 'close' }, () => undefined);
      expectProblem(got, 413, /209715200/, 'declared');
      expect(got.ended).to.equal(true);
    });

    it('gives up a body that stalls', async () => {
      const since = performance.now();
      const got = await raw({ 'content-length': '1000' }, (socket) => void socket.write('<entry'));
      expectProblem(got, 408, /6 bytes/, 'stalled');
      expect(performance.now() - since).to.be.within(900, 4_000);
      expect(got.ended).to.equal(true);
    });

    it('gives up a body that drips for ever', async () => {
      const since = performance.now();
      const got = await raw(
        chunked,
        async (socket) => {
          for (let n = 0; n < 40 && socket.writable; n++) {
            socket.write(chunk(' '));
            await sleep(250);
          }
        },
        12,
      );
      expectProblem(got, 408, /not complete/, 'dripping');
      expect(performance.now() - since).to.be.below(12_000);
    });

    it('forgets a body whose sender has gone', async () => {
      await Promise.all(
        Array.from({ length: 30 }, () =>
          raw(
            { 'content-length': '100000' },
            async (socket) => {
              socket.write('<entry>'.repeat(100));
              await sleep(20);
              socket.destroy();
            },
            1,
          ),
        ),
      );
    });

    it('answers a wrong chunk, a wrong length and a wrong header without falling over', async () => {
      for (const [headers, text] of [
        [chunked, 'zz\r\nx\r\n'],
        [{ 'content-length': '5, 6' }, 'hello'],
        [{ 'content-length': '5', 'transfer-encoding': 'chunked' }, 'hello'],
        [{ 'content-type': 'application/atom+xml;charset="', 'content-length': '0' }, ''],
        [{ 'x-long': 'y'.repeat(100_000) }, ''],
      ] as [Record<string, string>, string][]) {
        const got = await raw({ connection: 'close', ...headers }, (socket) => void socket.write(text), 3);
        expect(got.status, JSON.stringify(headers).slice(0, 100)).to.be.within(400, 431);
      }
    });

    for (const [what, headers, status] of [
      ['a media type that cannot be published', { 'content-type': 'text/plain' }, 415],
      ['a token that is wrong', { authorization: 'Bearer wrong' }, 401],
      ['a content coding', { 'content-encoding': 'gzip' }, 415],
    ] as [string, Record<string, string>, number][]) {
      it(`lets the sender of a large body with ${what} read the answer`, async () => {
        const body = 'x'.repeat(LIMIT - 10);
        const got = await raw(
          { 'content-length': String(body.length), connection: 'close', ...headers },
          async (socket) => {
            for (let at = 0; at < body.length && socket.writable; at += 16 * 1024) {
              if (!socket.write(body.slice(at, at + 16 * 1024))) await Promise.race([drained(socket), sleep(500)]);
              await sleep(1);
            }
          },
        );
        expectProblem(got, status, /./, what);
      });
    }

    it('receives no more bodies at once than it has room for, and serves others meanwhile', async () => {
      const body = 'x'.repeat(LIMIT - 100);
      const many = Promise.all(
        Array.from({ length: 24 }, () =>
          raw({ 'content-length': String(LIMIT - 10) }, (socket) => void socket.write(body), 5),
        ),
      );
      const slow = await slowest(many);
      const statuses = (await many).map((got) => got.status);
      expect(slow).to.be.below(3);
      expect(statuses.filter((status) => ![408, 503].includes(status))).to.deep.equal([]);
      expect(statuses.filter((status) => status === 503).length).to.be.above(8);
    });

    it('serves while many hostile bodies are sent at once', async () => {
      const bodies = HOSTILE.flatMap(([, body]) => [body, body, body]);
      const all = Promise.all(bodies.map((body) => post(body)));
      const slow = await slowest(all);
      for (const { status } of await all) expect(status).to.be.within(400, 422);
      expect(slow).to.be.below(3);
    });
  });

  it('has stored nothing of all this', async () => {
    const ids = await idsInLog(app.database.url, 'hostile');
    expect(ids.filter((id) => !/^urn:x:0(\.\d+)?$|^urn:uuid:/.test(id))).to.deep.equal([]);
    expect(await mistakesInLog(app.database.url)).to.deep.equal([]);
  });
});
