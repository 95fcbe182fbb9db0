import { expect } from 'chai';
import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { StartError } from '../../src/core/start-error.js';
import { readTlsPair } from '../../src/http/tls-pair.js';
import { ADMIN_TOKEN, startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry } from '../support/build.js';
import { millrace } from '../support/command.js';
import { createDatabase } from '../support/database.js';
import { insertFeed } from '../support/log.js';
import { startNode } from '../support/node-process.js';
import { ENTRY_TYPE } from '../support/publish.js';
import { until } from '../support/waiting.js';

const FIXTURES = new URL('../fixtures/tls/', import.meta.url);
const fixture = (name: string): URL => new URL(`${name}.pem`, FIXTURES);

describe('a server with a certificate', function () {
  this.timeout(60_000);

  let folder: string;
  let files: { TLS_CERT: string; TLS_KEY: string };
  let issuers: string[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-tls-'));
    files = { TLS_CERT: join(folder, 'cert.pem'), TLS_KEY: join(folder, 'key.pem') };
    issuers = await Promise.all(['one-cert', 'two-cert'].map((name) => readFile(fixture(name), 'utf8')));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function install(pair: string): Promise<void> {
    await copyFile(fixture(`${pair}-key`), files.TLS_KEY);
    await copyFile(fixture(`${pair}-cert`), files.TLS_CERT);
  }

  interface Answered {
    readonly response: IncomingMessage;
    readonly body: string;
    /** Of the server's certificate. */
    readonly name: string;
  }

  async function ask(
    url: string,
    options: { agent?: Agent; method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answered> {
    const { agent = new Agent({ ca: issuers, maxCachedSessions: 0 }), method = 'GET', headers, body } = options;
    const sent = request(url, {
      agent,
      method,
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...headers },
    });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    // It is the socket's: asked before the answer is read, after which it may be gone. Of its first answer only.
    const socket = response.socket as unknown as { getPeerX509Certificate(): X509Certificate | undefined };
    const name = String(socket.getPeerX509Certificate()?.subject);
    return { response, body: await text(response), name };
  }

  it('does not wait, when it stops, for a connection that no request has come on', async () => {
    await install('one');
    const app = await startApp({ env: files });
    const { port, hostname: host } = new URL(app.url);
    const socket = connectTls({ host, port: Number(port), ca: issuers });
    await once(socket, 'secureConnect');
    const raw = connect(Number(port), host);
    await once(raw, 'connect');
    const began = performance.now();
    await app.stop();
    expect(performance.now() - began).to.be.below(10_000);
    socket.destroy();
    raw.destroy();
  });

  describe('that runs', () => {
    let app: TestApp;
    let feed: string;

    before(async () => {
      await install('one');
      app = await startApp({ env: files });
      feed = await insertFeed(app.database.url, 'orders');
    });
    after(() => app.stop());

    it('speaks HTTPS, hands out such links, and asks for nothing else', async () => {
      expect(app.url).to.match(/^https:\/\/127\.0\.0\.1:\d+$/);
      const published = await ask(app.url + feed, {
        method: 'POST',
        headers: { 'content-type': ENTRY_TYPE },
        body: anEntry({ id: 'urn:x:tls' }),
      });
      expect(published.response.statusCode, published.body).to.equal(201);
      expect(published.response.headers.location).to.match(new RegExp(`^${app.url}${feed}/entries/`));
      const page = await ask(app.url + feed);
      expect(page.body).to.contain('urn:x:tls').and.to.contain(`href="${app.url}${feed}`);
      expect(page.response.headers['strict-transport-security']).to.equal('max-age=31536000');
    });

    it('speaks TLS 1.3 and 1.2, and nothing older', async () => {
      const { port, hostname: host } = new URL(app.url);
      const versions = await Promise.all(
        (['TLSv1.3', 'TLSv1.2', 'TLSv1.1'] as const).map(async (version) => {
          const ciphers = 'DEFAULT:@SECLEVEL=0';
          const socket = connectTls({
            host,
            port: Number(port),
            ca: issuers,
            minVersion: version,
            maxVersion: version,
            ciphers,
          });
          try {
            await once(socket, 'secureConnect');
            return socket.getProtocol();
          } catch {
            return null;
          } finally {
            socket.destroy();
          }
        }),
      );
      expect(versions).to.deep.equal(['TLSv1.3', 'TLSv1.2', null]);
    });

    it('has nothing to say to who speaks HTTP without it, or garbage, or ends too early', async () => {
      for (const words of ['GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n', '\0'.repeat(100), '\x16\x03\x01\x02\x00\x01']) {
        const { port, hostname } = new URL(app.url);
        const socket = connect(Number(port), hostname);
        socket.on('error', () => undefined);
        let heard = '';
        socket.on('data', (chunk) => (heard += chunk.toString('latin1')));
        socket.write(words);
        setTimeout(() => socket.end(), 50);
        await once(socket, 'close');
        expect(heard).not.to.match(/HTTP|html|millrace/i);
      }
      expect((await ask(`${app.url}/healthz`)).response.statusCode).to.equal(200);
    });

    it('answers 400 to what is no HTTP within TLS', async () => {
      const { port, hostname: host } = new URL(app.url);
      const socket = connectTls({ host, port: Number(port), ca: issuers });
      await once(socket, 'secureConnect');
      socket.write('NONSENSE\r\n\r\n');
      expect(await text(socket)).to.match(/^HTTP\/1\.1 400 Bad Request\r\nconnection: close\r\n/);
    });

    it('takes a new certificate when told to; what is open goes on', async () => {
      await install('one');
      await app.running.reload();
      const agent = new Agent({ ca: issuers, keepAlive: true, maxSockets: 1 });
      const before = await ask(app.url + feed, { agent });
      expect(before.name).to.contain('fixture one');
      await install('two');
      await app.running.reload();
      const after = await ask(app.url + feed, { agent });
      expect(after.response.socket).to.equal(before.response.socket);
      agent.destroy();
      expect((await ask(app.url + feed)).name).to.contain('fixture two');
    });

    it('takes a new certificate by itself when the files change', async () => {
      await install('two');
      await app.running.reload();
      await install('one');
      await until('the new certificate is shown', async () =>
        (await ask(`${app.url}/healthz`)).name.includes('fixture one'),
      );
    });

    it('keeps the one that it has when the new one is no good, and says why', async () => {
      await install('one');
      await app.running.reload();
      await copyFile(fixture('two-key'), files.TLS_KEY);
      const refused = await app.running.reload().then(
        () => 'nothing',
        (error: unknown) => (error as Error).message,
      );
      expect(refused).to.contain(files.TLS_KEY).and.to.contain('is not that of the certificate');
      expect((await ask(`${app.url}/healthz`)).name).to.contain('fixture one');
      await install('two');
      await app.running.reload();
      expect((await ask(`${app.url}/healthz`)).name).to.contain('fixture two');
    });
  });

  it('as a process takes a new one on SIGHUP, logs when that is no good, and goes on', async () => {
    await install('one');
    const database = await createDatabase();
    const node = await startNode({ DATABASE_URL: database.url, LOG_LEVEL: 'info', ...files });
    try {
      expect(node.url).to.match(/^https:/);
      await writeFile(files.TLS_CERT, 'nonsense');
      node.child.kill('SIGHUP');
      await until('the mistake is logged', () => node.output().includes('holds no certificate in PEM'));
      expect((await ask(`${node.url}/healthz`)).name).to.contain('fixture one');
      await install('expired');
      node.child.kill('SIGHUP');
      await until('the age is logged', () => node.output().includes('"msg":"the certificate has expired"'));
      await install('two');
      node.child.kill('SIGHUP');
      await until('it is shown', async () => {
        const agent = new Agent({ rejectUnauthorized: false, maxCachedSessions: 0 });
        return (await ask(`${node.url}/healthz`, { agent })).name.includes('fixture two');
      });
      const key = await readFile(fixture('one-key'), 'utf8');
      expect(node.output()).not.to.contain(key.split('\n')[1]);
    } finally {
      expect(await node.stop()).to.equal(0);
      await database.drop();
    }
  });

  for (const [what, cert, key, says] of [
    ['is not there', 'none-cert', 'one-key', /TLS_CERT cannot be read from .*none-cert\.pem: there is no such file/],
    ['has a key that is not there', 'one-cert', 'none-key', /TLS_KEY cannot be read from .*none-key\.pem: there is no/],
    ['is a folder', '', 'one-key', /TLS_CERT cannot be read from .*EISDIR/],
    ['is a key', 'one-key', 'one-key', /one-key\.pem holds no certificate in PEM/],
    ['has a key that is none', 'one-cert', 'one-cert', /one-cert\.pem holds no private key in PEM/],
    [
      'has the key of another',
      'one-cert',
      'two-key',
      /the key in .*two-key\.pem is not that of the certificate in .*one-c/,
    ],
    ['has a locked key', 'one-cert', 'one-key-locked', /the key in .*one-key-locked\.pem is locked with a passphrase/],
  ] as const) {
    it(`that ${what} does not start, and says why`, async () => {
      const path = (name: string): string => (name === '' ? folder : fixture(name).pathname);
      const error = await readTlsPair({ cert: path(cert), key: path(key) }).catch((failed: unknown) => failed);
      expect(error).to.be.instanceOf(StartError);
      const { message, hint = '' } = error as StartError;
      expect(message).to.match(says);
      const [, secret = ''] = (await readFile(fixture('one-key'), 'utf8')).split('\n');
      expect(message + hint).not.to.contain(secret);
    });
  }

  it('that is no good is told of before anything starts', async () => {
    const settings = { TLS_CERT: fixture('one-cert').pathname, TLS_KEY: fixture('two-key').pathname };
    const { code, stderr } = await millrace(['serve'], { ...settings, DATA_DIR: join(folder, 'none'), PORT: '0' });
    expect(code, stderr).to.equal(1);
    expect(stderr)
      .to.match(/^millrace: the key in .* is not that of the certificate/)
      .and.not.to.match(/\n\s+at /);
    expect(existsSync(join(folder, 'none'))).to.equal(false);
  });
});
