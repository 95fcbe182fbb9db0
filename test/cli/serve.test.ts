import { expect } from 'chai';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { processStart } from '../../src/store/data-directory.js';
import { millrace, serve, type Serving } from '../support/command.js';
import { createDatabase, endLeftBehind, type TestDatabase } from '../support/database.js';
import { until } from '../support/waiting.js';

const TOKEN = 'a-token-for-this-test';
const ENTRY = '<entry xmlns="http://www.w3.org/2005/Atom"><title>a</title><content>a</content></entry>';

describe('millrace serve', function () {
  this.timeout(60_000);

  let folder: string;
  let dataDir: string;
  let servers: Serving[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-serve-'));
    dataDir = join(folder, 'data');
    servers = [];
  });

  afterEach(async () => {
    for (const { child } of servers) child.kill('SIGKILL');
    await Promise.all(servers.map(({ ended }) => ended));
    await endLeftBehind(dataDir);
    await rm(folder, { recursive: true, force: true });
  });

  async function start(
    settings: Record<string, string>,
    spawned?: (child: Serving['child']) => void,
  ): Promise<Serving> {
    const server = await serve(settings, spawned);
    servers.push(server);
    return server;
  }

  async function stop({ child, ended }: Serving): Promise<number | null> {
    child.kill('SIGTERM');
    return ended;
  }

  async function postgresPid(): Promise<number> {
    return Number.parseInt(await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'latin1'), 10);
  }

  /** A publish that is accepted, and whose body is not complete yet. */
  async function publishHalf(url: string): Promise<{ sent: ClientRequest; answer: Promise<IncomingMessage> }> {
    const sent = request(`${url}/feeds/demo/events`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${TOKEN}`,
        'content-type': 'application/atom+xml;type=entry',
        'content-length': Buffer.byteLength(ENTRY),
        expect: '100-continue',
      },
    });
    const answer = once(sent, 'response').then(([response]) => response as IncomingMessage);
    answer.catch(() => undefined);
    await once(sent, 'continue');
    sent.on('error', () => undefined);
    sent.write(ENTRY.slice(0, 20));
    return { sent, answer };
  }

  describe('with its own Postgres', () => {
    it('shows the admin token at the first start only, and stops its Postgres when told to', async () => {
      const first = await start({ DATA_DIR: dataDir });
      const [, token = ''] = /^Admin token, shown this once: (\S+)$/m.exec(first.stdout()) ?? [];
      expect(token.length).to.be.at.least(16);
      expect((await fetch(`${first.url}/readyz`)).status).to.equal(200);
      const headers = { authorization: `Bearer ${token}` };
      expect((await fetch(`${first.url}/admin/feeds`, { headers })).status).to.equal(200);
      expect((await fetch(`${first.url}/admin/feeds`, { headers: { authorization: 'Bearer x' } })).status).to.equal(
        401,
      );
      const pid = await postgresPid();
      expect(await stop(first)).to.equal(0);
      expect(processStart(pid), 'Postgres has ended too').to.equal(undefined);

      const second = await start({ DATA_DIR: dataDir });
      expect(second.stdout()).not.to.contain('Admin token');
      expect((await fetch(`${second.url}/admin/feeds`, { headers })).status).to.equal(200);
      expect(await stop(second)).to.equal(0);
    });

    it('starts again after a kill -9, beside the Postgres that lives on', async () => {
      const first = await start({ DATA_DIR: dataDir });
      const pid = await postgresPid();
      first.child.kill('SIGKILL');
      await first.ended;
      expect(processStart(pid)).not.to.equal(undefined);
      const second = await start({ DATA_DIR: dataDir });
      expect((await fetch(`${second.url}/readyz`)).status).to.equal(200);
      expect(processStart(pid)).to.equal(undefined);
      expect(await stop(second)).to.equal(0);
    });

    it('says on one screen that the data directory is not its own', async () => {
      await mkdir(dataDir);
      await writeFile(join(dataDir, 'thesis.txt'), '');
      const { code, stderr } = await millrace(['serve'], { PORT: '0', DATA_DIR: dataDir });
      expect(stderr).to.contain('is no data directory of Millrace').and.not.to.contain('    at ');
      expect(code).to.equal(1);
    });
  });

  describe('with DATABASE_URL', () => {
    let database: TestDatabase;
    let settings: Record<string, string>;

    beforeEach(async () => {
      database = await createDatabase();
      settings = { DATABASE_URL: database.url, ADMIN_TOKEN: TOKEN };
    });

    /** There may be one already: a server makes it at its first start. */
    async function makeFeed(): Promise<void> {
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      await client.query(`
        insert into workspaces (name) values ('demo') on conflict do nothing;
        with made as (
          insert into feeds (workspace, name, atom_id, settings)
          values ('demo', 'events', 'urn:uuid:' || gen_random_uuid(), '{}')
          on conflict do nothing
          returning partition_id, feed_id)
        insert into heads (partition_id, feed_id, page_size)
        select partition_id, feed_id, 100 from made`);
      await client.end();
    }

    afterEach(async () => {
      for (const { child, ended } of servers) {
        child.kill('SIGKILL');
        await ended;
      }
      await database.drop();
    });

    it('says on one screen that its port is taken', async () => {
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const port = String((other.address() as AddressInfo).port);
      const { code, stderr } = await millrace(['serve'], { ...settings, PORT: port });
      other.close();
      expect(stderr).to.contain(`127.0.0.1:${port}`).and.to.contain('PORT=').and.not.to.contain('    at ');
      expect(code).to.equal(1);
    });

    it('finishes what it has accepted before it ends, and accepts nothing more', async () => {
      const server = await start(settings);
      await makeFeed();
      const { sent, answer } = await publishHalf(server.url);
      server.child.kill('SIGTERM');
      const status = (): Promise<number> =>
        fetch(`${server.url}/readyz`).then(
          (response) => response.status,
          () => 503,
        );
      await until('nothing more is accepted', async () => (await status()) === 503);
      sent.end(ENTRY.slice(20));
      expect((await answer).statusCode).to.equal(201);
      (await answer).resume();
      expect(await server.ended).to.equal(0);
    });

    it('does not wait for a connection that nothing was sent on', async () => {
      const server = await start(settings);
      const { hostname, port } = new URL(server.url);
      const socket = connect(Number(port), hostname);
      await once(socket, 'connect');
      const began = Date.now();
      server.child.kill('SIGTERM');
      expect(await server.ended).to.equal(0);
      expect(Date.now() - began).to.be.below(10_000);
      socket.destroy();
    });

    it('takes a signal that comes twice at once, as Ctrl-C does under npm, for one', async () => {
      const server = await start(settings);
      await makeFeed();
      const { sent, answer } = await publishHalf(server.url);
      server.child.kill('SIGINT');
      await sleep(50);
      server.child.kill('SIGINT');
      await sleep(100);
      sent.end(ENTRY.slice(20));
      expect((await answer).statusCode).to.equal(201);
      (await answer).resume();
      expect(await server.ended).to.equal(0);
    });

    it('ends at once at a second signal', async () => {
      const server = await start({ ...settings, BODY_TIMEOUT_SECONDS: '60' });
      await makeFeed();
      const { sent } = await publishHalf(server.url);
      server.child.kill('SIGTERM');
      // One that comes within half a second would be taken for the first.
      await sleep(1_000);
      expect(server.child.exitCode, 'it waits for the body').to.equal(null);
      const began = Date.now();
      server.child.kill('SIGTERM');
      expect(await server.ended).to.equal(1);
      expect(Date.now() - began).to.be.below(2_000);
      sent.destroy();
    });

    it('gives up what does not finish within SHUTDOWN_SECONDS', async () => {
      const server = await start({ ...settings, BODY_TIMEOUT_SECONDS: '60', SHUTDOWN_SECONDS: '1' });
      await makeFeed();
      const { sent } = await publishHalf(server.url);
      const began = Date.now();
      server.child.kill('SIGTERM');
      expect(await server.ended).to.equal(0);
      expect(Date.now() - began).to.be.within(900, 5_000);
      sent.destroy();
    });

    describe('and FEEDS_FILE', () => {
      let file: string;

      const declare = (...feeds: string[]): Promise<void> =>
        writeFile(
          file,
          JSON.stringify({ workspaces: [{ name: 'shop', feeds: feeds.map((name) => ({ name, public: true })) }] }),
        );
      const isThere = async ({ url }: Serving, name: string): Promise<boolean> =>
        (await fetch(`${url}/feeds/shop/${name}`)).status === 200;

      beforeEach(async () => {
        file = join(folder, 'feeds.json');
        settings = { ...settings, FEEDS_FILE: file };
        await declare('first');
      });

      it('applies the file again on SIGHUP; when it is wrong it says so and everything stays', async () => {
        const server = await start(settings);
        expect([await isThere(server, 'first'), await isThere(server, 'second')]).to.deep.equal([true, false]);
        await declare('second');
        server.child.kill('SIGHUP');
        await until('the second feed is there', () => isThere(server, 'second'));
        await declare('third', 'no name');
        server.child.kill('SIGHUP');
        await until('it says what is wrong', () => server.stdout().includes('/workspaces/0/feeds/1/name'));
        expect(await Promise.all(['first', 'second', 'third'].map((name) => isThere(server, name)))).to.deep.equal([
          true,
          true,
          false,
        ]);
        expect(await stop(server)).to.equal(0);
      });

      it('outlives a SIGHUP that comes while it starts, and heeds it', async () => {
        const holder = new pg.Client({ connectionString: database.url });
        await holder.connect();
        await holder.query('begin');
        await holder.query('lock table workspaces in access exclusive mode');
        // Others wait for locks in databases of theirs.
        const waiting = `select from pg_locks
                          where not granted and database = (select oid from pg_database where datname = current_database())`;
        const waits = async (): Promise<boolean> => (await holder.query(waiting)).rows.length > 0;
        let child: Serving['child'] | undefined;
        const starting = start(settings, (spawned) => (child = spawned));
        await until('the start waits for the lock', waits);
        await declare('second');
        child?.kill('SIGHUP');
        await sleep(100);
        await holder.query('rollback');
        await holder.end();
        const server = await starting;
        await until('the second feed is there', () => isThere(server, 'second'));
        expect(await stop(server)).to.equal(0);
      });
    });
  });
});
