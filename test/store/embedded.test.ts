import { expect } from 'chai';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pg from 'pg';
import { StartError } from '../../src/core/start-error.js';
import { processStart } from '../../src/store/data-directory.js';
import { memoryOctets, settingsFor } from '../../src/store/embedded-settings.js';
import { type EmbeddedOptions, type EmbeddedPostgres, startEmbedded } from '../../src/store/embedded.js';
import { findPostgresPackage, preparePostgresBinaries } from '../../src/store/postgres-binaries.js';
import { endLeftBehind } from '../support/database.js';

const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const HOLDER = fileURLToPath(new URL('../support/embedded-process.ts', import.meta.url));
/** Nothing here asks whether data survives a power cut, which no test can cut. */
const QUICK = { fsync: 'off' };
const isRoot = process.getuid?.() === 0;

describe('the embedded Postgres', function () {
  this.timeout(60_000);

  /** Mode 700, so as root each test also shows that Postgres' own user need not be able to enter the folders above. */
  let folder: string;
  let dataDir: string;
  let running: EmbeddedPostgres[];
  let children: ChildProcess[];
  /** A stopped one, copied where a test is not about how it is made: initdb takes most of a second. */
  let made: string;

  before(async () => {
    made = await mkdtemp(join(tmpdir(), 'millrace-embedded-made-'));
    await (await startEmbedded({ dataDir: made, settings: QUICK })).stop();
  });

  after(async () => {
    await rm(made, { recursive: true, force: true });
  });

  async function copyMade(): Promise<void> {
    await cp(made, dataDir, { recursive: true });
    await chmod(join(dataDir, 'postgres'), 0o700);
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-embedded-'));
    dataDir = join(folder, 'data');
    running = [];
    children = [];
  });

  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(running.map((postgres) => postgres.stop()));
    await endLeftBehind(dataDir);
    await rm(folder, { recursive: true, force: true });
  });

  async function start(options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedPostgres> {
    const postgres = await startEmbedded({ dataDir, settings: QUICK, ...options });
    running.push(postgres);
    return postgres;
  }

  async function refusal(options: Partial<EmbeddedOptions> = {}): Promise<StartError> {
    const error = await start(options).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(error).to.be.instanceOf(StartError);
    return error as StartError;
  }

  /** Starts it in a process of its own. */
  async function hold(then: 'wait' | 'exit' = 'wait', as: { uid?: number; gid?: number } = {}) {
    const child = spawn(process.execPath, ['--import', TSX, HOLDER, dataDir, then, JSON.stringify(QUICK)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: tmpdir(),
      ...as,
    });
    children.push(child);
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    return { child, ...(JSON.parse(line.toString()) as { pid: number; url: string; error?: string }) };
  }

  async function kill(child: ChildProcess): Promise<void> {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  function isAlive(pid: number | undefined): boolean {
    return pid !== undefined && processStart(pid) !== undefined;
  }

  async function until(what: string, holds: () => boolean | Promise<boolean>, seconds = 10): Promise<void> {
    const late = Date.now() + seconds * 1000;
    while (!(await holds())) {
      if (Date.now() > late) throw new Error(`not within ${String(seconds)} s: ${what}`);
      await sleep(10);
    }
  }

  it('starts from nothing, keeps the data, and is durable unless told otherwise', async () => {
    const first = await start({ settings: {} });
    expect(
      await ask(
        first.connectionString,
        `select current_database() as name, datcollate as collate, pg_encoding_to_char(encoding) as encoding,
                current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
                current_setting('full_page_writes') as pages, current_setting('listen_addresses') as tcp,
                (pg_size_bytes(current_setting('shared_buffers')) / 1048576)::int as megabytes
           from pg_database
          where datname = current_database()`,
      ),
    ).to.deep.equal([
      {
        ...{ name: 'millrace', collate: 'C', encoding: 'UTF8', fsync: 'on', commit: 'on', pages: 'on', tcp: '' },
        megabytes: Number.parseInt(settingsFor(memoryOctets())['shared_buffers'] ?? '', 10),
      },
    ]);
    await ask(first.connectionString, 'create table kept as select 42 as n');
    const pid = first.pid;
    await first.stop();
    expect(isAlive(pid)).to.equal(false);
    expect(existsSync(join(dataDir, 'lock'))).to.equal(false);

    const second = await start();
    expect(await ask(second.connectionString, 'select n from kept')).to.deep.equal([{ n: 42 }]);
  });

  it('lets nobody but its own user near the socket', async () => {
    await copyMade();
    const postgres = await start();
    const socketDirectory = new URL(postgres.connectionString.replace('@/', '@x/')).searchParams.get('host')!;
    const { mode, uid } = await stat(socketDirectory);
    expect(mode & 0o777).to.equal(0o700);
    expect(uid).to.equal((await stat(join(dataDir, 'postgres'))).uid);
    if (isRoot) expect(uid).not.to.equal(0);
  });

  it('refuses a directory that another Millrace uses, and names its process', async () => {
    await copyMade();
    await start();
    const error = await refusal();
    expect(error.message).to.contain(`in use by another Millrace, process ${String(process.pid)}`);
    expect(running).to.have.length(1);
    expect(await ask(running[0]!.connectionString, 'select 1 as n')).to.deep.equal([{ n: 1 }]);
  });

  it('refuses a directory that is not its own, and touches nothing there', async () => {
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'thesis.txt'), 'years of work');
    const error = await refusal();
    expect(error.message).to.contain('is not empty and is no data directory of Millrace: it holds thesis.txt');
    expect(await readdir(dataDir)).to.deep.equal(['thesis.txt']);
    expect(error.hint).to.contain('DATA_DIR');
  });

  it('refuses data of another Postgres, and says how to move them', async () => {
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'millrace.json'), '{"millrace":1,"postgres":9}');
    const error = await refusal();
    expect(error.message).to.match(/was made by Postgres 9, this Millrace brings Postgres \d+/);
    expect(error.hint).to.contain('millrace copy --to');
    expect(await readdir(dataDir)).to.deep.equal(['millrace.json']);
  });

  it('says what Postgres complained of when it does not start, and leaves no lock', async () => {
    await copyMade();
    const error = await refusal({ settings: { ...QUICK, work_mem: 'plenty' } });
    expect(error.message).to.contain('invalid value for parameter "work_mem"');
    await start();
  });

  it('takes over after a kill -9 of the server: stops the Postgres left behind and keeps what was committed', async () => {
    await copyMade();
    const { child, pid, url } = await hold();
    await ask(url, 'create table kept as select 7 as n');
    await kill(child);
    expect(isAlive(pid), 'Postgres outlives the server').to.equal(true);
    const postgres = await start();
    expect(isAlive(pid)).to.equal(false);
    expect(await ask(postgres.connectionString, 'select n from kept')).to.deep.equal([{ n: 7 }]);
  });

  it('takes over after a kill -9 of server and Postgres together', async () => {
    await copyMade();
    const { child, pid, url } = await hold();
    await ask(url, 'create table kept as select 8 as n');
    await kill(child);
    process.kill(pid, 'SIGKILL');
    const postgres = await start();
    expect(await ask(postgres.connectionString, 'select n from kept')).to.deep.equal([{ n: 8 }]);
  });

  it('starts although the number in stale lock files has been given to another process', async () => {
    await copyMade();
    await (await start()).stop();
    const { uid, gid } = await stat(join(dataDir, 'postgres'));
    // Of the same user: Postgres itself takes only another user's process for innocent.
    const other = spawn('sleep', ['60'], { uid, gid, stdio: 'ignore' });
    children.push(other);
    const stale = `${String(other.pid)}\n${join(dataDir, 'postgres')}\n1700000000\n5432\n${join(dataDir, 'postgres')}\n\n`;
    await writeFile(join(dataDir, 'postgres', 'postmaster.pid'), stale);
    await writeFile(join(dataDir, 'postgres', '.s.PGSQL.5432.lock'), stale);
    await writeFile(join(dataDir, 'lock'), JSON.stringify({ pid: other.pid, started: 'earlier' }));
    const postgres = await start();
    expect(await ask(postgres.connectionString, 'select 1 as n')).to.deep.equal([{ n: 1 }]);
    expect(isAlive(other.pid), 'the innocent process lives').to.equal(true);
  });

  it('starts anew where a kill interrupted the first start', async () => {
    await mkdir(join(dataDir, 'postgres.new', 'base'), { recursive: true });
    await writeFile(join(dataDir, 'postgres.new', 'PG_VERSION'), '18\n');
    await writeFile(
      join(dataDir, 'millrace.json'),
      JSON.stringify({ millrace: 1, postgres: findPostgresPackage().major }),
    );
    await writeFile(join(dataDir, 'lock'), '{"pid":');
    const postgres = await start();
    expect(await ask(postgres.connectionString, 'select 1 as n')).to.deep.equal([{ n: 1 }]);
    expect(existsSync(join(dataDir, 'postgres.new'))).to.equal(false);
  });

  it('brings Postgres back when it is killed, again and again', async () => {
    await copyMade();
    const postgres = await start();
    await ask(postgres.connectionString, 'create table kept (n int)');
    for (const n of [1, 2, 3]) {
      await ask(postgres.connectionString, `insert into kept values (${String(n)})`);
      const busy = ask(postgres.connectionString, 'select pg_sleep(30)').catch(() => 'ended');
      const before = postgres.pid!;
      process.kill(before, 'SIGKILL');
      await until('it runs again', () => postgres.pid !== undefined && postgres.pid !== before);
      expect(await busy).to.equal('ended');
    }
    expect(await ask(postgres.connectionString, 'select count(*)::int as n from kept')).to.deep.equal([{ n: 3 }]);
  });

  it('stops within a bounded time although a client is in a transaction', async () => {
    await copyMade();
    const postgres = await start();
    const client = new pg.Client({ connectionString: postgres.connectionString });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('begin; create table t (n int)');
    const began = Date.now();
    await postgres.stop();
    expect(Date.now() - began).to.be.below(5_000);
    await postgres.stop();
    await client.end().catch(() => undefined);
  });

  it('goes down with a server that just exits', async () => {
    await copyMade();
    const { child, pid } = await hold('exit');
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).to.equal(3);
    await until('Postgres has ended', () => !isAlive(pid));
  });

  it('works where the path of the data directory is too long for a socket', async () => {
    dataDir = join(folder, 'a'.repeat(120));
    await copyMade();
    const postgres = await start();
    const socketDirectory = new URL(postgres.connectionString.replace('@/', '@x/')).searchParams.get('host')!;
    expect((await stat(socketDirectory)).mode & 0o777).to.equal(0o700);
    expect(await ask(postgres.connectionString, 'select 1 as n')).to.deep.equal([{ n: 1 }]);
    await postgres.stop();
    expect(existsSync(socketDirectory)).to.equal(false);
  });

  it('can be reached by TCP when a test asks for a port', async () => {
    await copyMade();
    const port = await freePort();
    const postgres = await start({ port, settings: { ...QUICK, commit_delay: '5000' } });
    const byTcp = `postgresql://postgres@127.0.0.1:${String(port)}/millrace`;
    for (const url of [byTcp, postgres.connectionString]) {
      expect(await ask(url, "select current_setting('commit_delay') as delay")).to.deep.equal([{ delay: '5000' }]);
    }
  });

  it('makes the links that npm left out, without its install script', async function () {
    const copy = join(folder, 'package');
    await copyPackage(copy);
    const found = { ...findPostgresPackage(), native: join(copy, 'native') };
    if (isRoot) await chmod(folder, 0o755);
    const bin = await preparePostgresBinaries(found, await someUser());
    expect(bin).to.equal(join(copy, 'native', 'bin'));
    expect((await lstat(join(copy, 'native', 'lib', 'libpq.so.5'))).isSymbolicLink()).to.equal(true);
  });

  it('runs as another user from a folder that this user cannot enter', async function () {
    if (!isRoot) this.skip();
    const copy = join(folder, 'package');
    await copyPackage(copy);
    const version = `0.0.0-test-${String(process.pid)}`;
    const found = { ...findPostgresPackage(), version, native: join(copy, 'native') };
    const bin = await preparePostgresBinaries(found, await someUser());
    const place = join(bin, '..');
    try {
      const { mtimeMs } = await stat(place);
      expect(await preparePostgresBinaries(found, await someUser())).to.equal(bin);
      expect((await stat(place)).mtimeMs, 'copied once').to.equal(mtimeMs);
      expect(bin).not.to.contain(folder);
      expect((await stat(place)).uid).to.equal(0);
      expect((await stat(folder)).mode & 0o777, 'the folder is left as it was').to.equal(0o700);
      expect(await readdir(join(place, '..'))).to.include(`postgres-${version}-${process.arch}`);
      expect((await readdir(join(place, '..'))).filter((name) => name.includes(version))).to.have.length(1);
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  });

  it('runs for an ordinary user, who may come after root', async function () {
    if (!isRoot || process.platform !== 'linux') this.skip();
    const nobody = (await someUser())!;
    // The checkout may lie where nobody else can read it.
    if (spawnSync('test', ['-r', HOLDER], nobody).status !== 0) this.skip();
    await chown(folder, nobody.uid, nobody.gid);
    const { child, url, error } = await hold('wait', nobody);
    expect(error).to.equal(undefined);
    await ask(url, 'create table kept as select 9 as n');
    expect((await stat(join(dataDir, 'postgres'))).uid).to.equal(nobody.uid);
    await kill(child);
    // Root comes in between and runs it as the owner.
    const postgres = await start();
    expect(await ask(postgres.connectionString, 'select n from kept')).to.deep.equal([{ n: 9 }]);
    expect((await stat(join(dataDir, 'postgres'))).uid).to.equal(nobody.uid);
  });

  async function copyPackage(to: string): Promise<void> {
    const { native } = findPostgresPackage();
    await cp(native, join(to, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
      filter: async (source) => !(await lstat(source)).isSymbolicLink(),
    });
  }

  async function someUser(): Promise<{ uid: number; gid: number } | undefined> {
    if (!isRoot) return undefined;
    const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith('nobody:'))!;
    const [, , uid, gid] = line.split(':');
    return { uid: Number(uid), gid: Number(gid) };
  }

  async function freePort(): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, 'close');
    return port;
  }
});
