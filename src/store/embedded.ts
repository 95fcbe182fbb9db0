import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { chmod, chown, lchown, mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { StartError } from '../core/start-error.js';
import type { Logger } from '../telemetry/logger.js';
import {
  type DataDirectory,
  openDataDirectory,
  processStart,
  processStartSeconds,
  syncDirectory,
} from './data-directory.js';
import { memoryOctets, settingsFor } from './embedded-settings.js';
import { findPostgresPackage, preparePostgresBinaries, type RunAs } from './postgres-binaries.js';

export interface EmbeddedOptions {
  /** Made when it does not exist; one that is not empty must be ours. */
  readonly dataDir: string;
  readonly logger?: Logger;
  /** Also listens on this TCP port of 127.0.0.1, where everybody is let in: for tests that put a proxy in between. */
  readonly port?: number;
  /** Settings of Postgres on top of ours, such as `{ commit_delay: '5000' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  /** For `pg` and libpq. */
  readonly connectionString: string;
  /** Of the postmaster; another one after it was restarted, undefined in between. */
  readonly pid: number | undefined;
  /** Ends open connections and stops; within 20 seconds at most. */
  stop(): Promise<void>;
}

/** One place where a running Postgres can be found, and the means to start it again. */
interface Cluster {
  readonly directory: DataDirectory;
  readonly bin: string;
  readonly runAs: RunAs;
  readonly socketDirectory: string;
  readonly arguments: readonly string[];
}

const DATABASE = 'millrace';
const SUPERUSER = 'postgres';
/** Names the socket file only; TCP is off unless asked for. */
const SOCKET_PORT = 5432;
/** sockaddr_un holds 108 bytes with the closing zero on Linux, 104 on macOS. */
const SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

const FAST_SHUTDOWN_SECONDS = 12;
const IMMEDIATE_SHUTDOWN_SECONDS = 5;
const INITDB_SECONDS = 120;
/** Recovery after a crash reads at most max_wal_size of log; more than this is no recovery any more. */
const START_SECONDS = 600;
const RESTART_MILLISECONDS = { first: 50, most: 2_000 };
/** After so long without a crash the next restart comes at once again. */
const STEADY_MILLISECONDS = 2_000;
/** Between a process's start and the moment that postmaster.pid gives for it, clock corrections included. */
const START_TOLERANCE_SECONDS = 5;
const LOG_BYTES = 16 * 1024 * 1024;

/**
 * Starts a private Postgres on the data directory, made on first use, and keeps it running until `stop`. It listens on
 * a unix socket in a directory that only its user can enter. What a killed Millrace left behind (its Postgres still
 * running, an initdb half done, stale locks) is put in order without a question.
 * @throws StartError
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const found = findPostgresPackage();
  const directory = await openDataDirectory(options.dataDir, found.major);
  try {
    const runAs = await unprivilegedUser(directory.postgres);
    const bin = await preparePostgresBinaries(found, runAs);
    await stopLeftBehind(directory.postgres, options.logger);
    const unsafe = options.settings?.['fsync'] === 'off';
    if (!existsSync(directory.postgres)) await initialise(directory, bin, runAs, unsafe);
    await checkDirectory(directory, found.major, runAs);
    const socketDirectory = await chooseSocketDirectory(directory, runAs);
    const cluster = {
      directory,
      bin,
      runAs,
      socketDirectory,
      arguments: postgresArguments(directory, runAs, socketDirectory, options),
    };
    return await keepRunning(cluster, options.logger);
  } catch (cause) {
    await directory.release();
    throw cause;
  }
}

function postgresArguments(
  directory: DataDirectory,
  runAs: RunAs,
  socketDirectory: string,
  options: EmbeddedOptions,
): string[] {
  const settings = {
    ...settingsFor(memoryOctets()),
    ...options.settings,
    listen_addresses: options.port === undefined ? '' : '127.0.0.1',
    port: String(options.port ?? SOCKET_PORT),
    // Seen from Postgres, which has changed into its data directory.
    unix_socket_directories: socketDirectory === directory.postgres ? '.' : socketDirectory,
    unix_socket_permissions: '0700',
  };
  return [
    '-D',
    seenFromInside(directory.postgres, runAs),
    ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`]),
  ];
}

/**
 * Another user may not be able to enter the directories above the data directory. Node changes into it before it
 * changes the user, and Linux resolves this link without asking for rights to the path.
 */
function seenFromInside(path: string, runAs: RunAs): string {
  return runAs !== undefined && process.platform === 'linux' ? '/proc/self/cwd' : path;
}

/** Postgres refuses to run as root: the owner of the data, else the system's `postgres`, else `nobody`. */
async function unprivilegedUser(postgres: string): Promise<RunAs> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(postgres).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  const [uid, gid] = [Number(user?.[2]), Number(user?.[3])];
  if (user === undefined || !(uid > 0) || !(gid >= 0)) {
    throw new StartError('Postgres does not run as root, and there is no user `postgres` or `nobody` to run it as', {
      hint: 'Start Millrace as an ordinary user, or set DATABASE_URL to a Postgres 15 or newer.',
    });
  }
  return { uid, gid };
}

/** Into a directory of another name first, so that one that was not finished is never taken for a database. */
async function initialise(directory: DataDirectory, bin: string, runAs: RunAs, unsafe: boolean): Promise<void> {
  await rm(directory.unfinished, { recursive: true, force: true });
  await mkdir(directory.unfinished, { mode: 0o700 });
  if (runAs !== undefined) await chown(directory.unfinished, runAs.uid, runAs.gid);
  const child = spawn(
    join(bin, 'initdb'),
    [
      '-D',
      seenFromInside(directory.unfinished, runAs),
      '--username',
      SUPERUSER,
      '--auth=trust',
      '--encoding=UTF8',
      '--no-locale',
      '--no-instructions',
      ...(unsafe ? ['--no-sync'] : []),
    ],
    {
      cwd: directory.unfinished,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: INITDB_SECONDS * 1000,
      ...runAs,
    },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = await new Promise<string | undefined>((resolve) => {
    child.on('error', (error) => {
      resolve(error.message);
    });
    child.on('close', (code, signal) => {
      resolve(code === 0 ? undefined : `it ended with ${signal ?? `status ${String(code)}`}`);
    });
  });
  if (ended !== undefined) {
    throw new StartError(`the embedded Postgres could not be initialised: ${ended}\n${lastLines(output)}`, {
      hint: `It was to be made in ${directory.unfinished}.`,
    });
  }
  await rename(directory.unfinished, directory.postgres);
  await syncDirectory(directory.path);
}

async function checkDirectory(directory: DataDirectory, major: number, runAs: RunAs): Promise<void> {
  try {
    const version = Number((await readFile(join(directory.postgres, 'PG_VERSION'), 'utf8')).trim());
    if (version !== major) {
      throw new StartError(
        `the data in ${directory.postgres} is of Postgres ${String(version)}, this Millrace brings Postgres ${String(major)}`,
        {
          hint: 'Move it with `millrace copy --to URL` of the Millrace that made it, or set DATA_DIR to another directory.',
        },
      );
    }
    const owner = await stat(directory.postgres);
    const user = runAs?.uid ?? process.getuid?.();
    if (owner.uid !== user) {
      if (process.getuid?.() !== 0) {
        throw new StartError(`the data in ${directory.postgres} belongs to another user (uid ${String(owner.uid)})`, {
          hint: 'Start Millrace as that user or as root, or set DATA_DIR to another directory.',
        });
      }
      // Root's: put back from a copy, say. Postgres wants to own what it runs on.
      if (runAs !== undefined) await giveTo(directory.postgres, runAs.uid, runAs.gid);
    }
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    throw new StartError(`${directory.postgres} is no usable Postgres data directory: ${(cause as Error).message}`, {
      hint: 'Put it back from a copy, start Millrace as the user who made it, or set DATA_DIR to another directory.',
      cause,
    });
  }
}

async function giveTo(path: string, uid: number, gid: number): Promise<void> {
  await lchown(path, uid, gid);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) await giveTo(inner, uid, gid);
    else await lchown(inner, uid, gid);
  }
}

/** In Postgres' data directory, which has mode 700 anyway; where that path is too long for a socket, a temporary one. */
async function chooseSocketDirectory(directory: DataDirectory, runAs: RunAs): Promise<string> {
  if (socketPath(directory.postgres).length <= SOCKET_PATH_BYTES) return directory.postgres;
  const digest = createHash('sha256').update(directory.path).digest('hex').slice(0, 16);
  const place = join(tmpdir(), `millrace-${digest}`);
  // Whatever is left there: a socket of ours, as we hold the lock. Made anew, so that it is nobody else's.
  try {
    await rm(place, { recursive: true, force: true });
    await mkdir(place, { mode: 0o700 });
    await chmod(place, 0o700);
    if (runAs !== undefined) await chown(place, runAs.uid, runAs.gid);
  } catch (cause) {
    throw new StartError(`the directory ${place} for Postgres' socket cannot be made: ${(cause as Error).message}`, {
      hint: 'Set DATA_DIR to a path of at most 80 bytes, or TMPDIR to another directory.',
      cause,
    });
  }
  return place;
}

function socketPath(directory: string, port = SOCKET_PORT): Buffer {
  return Buffer.from(join(directory, `.s.PGSQL.${String(port)}`));
}

async function keepRunning(cluster: Cluster, logger: Logger | undefined): Promise<EmbeddedPostgres> {
  let child: ChildProcess | undefined = await launch(cluster);
  let stopping: Promise<void> | undefined;
  const given = new AbortController();
  const isStopping = (): boolean => given.signal.aborted;

  const watched = watch();
  async function watch(): Promise<void> {
    let pause = RESTART_MILLISECONDS.first;
    for (;;) {
      const since = Date.now();
      const ended = child === undefined ? 'a failed start' : await exit(child);
      child = undefined;
      if (isStopping()) return;
      if (Date.now() - since > STEADY_MILLISECONDS) pause = RESTART_MILLISECONDS.first;
      logger?.error({ ended, restartMilliseconds: pause }, 'the embedded Postgres ended; starting it again');
      await sleep(pause, undefined, { signal: given.signal }).catch(() => undefined);
      if (isStopping()) return;
      pause = Math.min(pause * 4, RESTART_MILLISECONDS.most);
      try {
        await stopLeftBehind(cluster.directory.postgres, logger);
        child = await launch(cluster, given.signal);
        logger?.info({ pid: child.pid }, 'the embedded Postgres runs again');
      } catch (error) {
        if (!isStopping()) logger?.error({ err: error }, 'the embedded Postgres does not start');
      }
    }
  }

  async function stop(): Promise<void> {
    given.abort();
    if (child !== undefined) await shutDown(child);
    await watched;
    // A start that was under way when `stop` came.
    if (child !== undefined) await shutDown(child);
    if (cluster.socketDirectory !== cluster.directory.postgres) {
      await rm(cluster.socketDirectory, { recursive: true, force: true });
    }
    await cluster.directory.release();
  }

  const port = portOf(cluster);
  const url = (database: string): string =>
    `postgresql://${SUPERUSER}@/${database}?host=${encodeURIComponent(cluster.socketDirectory)}&port=${port}`;
  try {
    await createDatabase(url('postgres'));
  } catch (cause) {
    await stop();
    throw new StartError(`the embedded Postgres does not answer: ${(cause as Error).message}`, {
      hint: `Its log is ${cluster.directory.log}.`,
      cause,
    });
  }
  return {
    connectionString: url(DATABASE),
    get pid() {
      return child?.pid;
    },
    stop: () => (stopping ??= stop()),
  };
}

function portOf(cluster: Cluster): string {
  return cluster.arguments.find((argument) => argument.startsWith('port='))?.slice('port='.length) ?? '';
}

async function createDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(DATABASE)}`);
  } finally {
    await client.end();
  }
}

/** Resolves when Postgres takes connections, which after a crash is when it has recovered. */
async function launch(cluster: Cluster, given?: AbortSignal): Promise<ChildProcess> {
  const { directory, bin, runAs } = cluster;
  await clearPidFiles(cluster);
  const log = await openLog(directory.log);
  const logged = (await log.stat()).size;
  let child: ChildProcess;
  try {
    child = spawn(join(bin, 'postgres'), [...cluster.arguments], {
      cwd: directory.postgres,
      env: environment(),
      stdio: ['ignore', log.fd, log.fd],
      // A session of its own: Ctrl-C in the terminal is for us, who let it finish our work before we stop it.
      detached: true,
      ...runAs,
    });
  } finally {
    await log.close();
  }
  const ended = exit(child);
  // Without this a plain process.exit() would leave Postgres running until the next start.
  const onExit = (): void => {
    child.kill('SIGINT');
  };
  process.on('exit', onExit);
  void ended.then(() => process.off('exit', onExit));
  const late = Date.now() + START_SECONDS * 1000;
  for (;;) {
    const failure = await Promise.race([ended, sleep(10)]);
    const reason =
      failure !== undefined
        ? `it ended with ${failure}`
        : Date.now() > late
          ? `it was not ready within ${String(START_SECONDS)} seconds`
          : given?.aborted === true
            ? 'it is to stop'
            : undefined;
    if (reason !== undefined) {
      if (failure === undefined) await shutDown(child);
      const output = (await readFile(directory.log, 'utf8').catch(() => '')).slice(logged);
      throw new StartError(`the embedded Postgres does not start: ${reason}\n${lastLines(output)}`, {
        hint: `Its log is ${directory.log}.`,
      });
    }
    // Line 1 of postmaster.pid is the process, line 8 its state.
    const lines = (await readFile(pidFile(directory.postgres), 'latin1').catch(() => '')).split('\n');
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return child;
  }
}

function exit(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    const told = (code: number | null, signal: string | null): void => {
      resolve(signal ?? `status ${String(code)}`);
    };
    if (child.exitCode !== null || child.signalCode !== null) {
      told(child.exitCode, child.signalCode);
      return;
    }
    child.once('exit', told);
    child.once('error', (error) => {
      resolve(error.message);
    });
  });
}

/** Fast: ends connections and writes a checkpoint. When that takes too long, immediate: the next start recovers. */
async function shutDown(child: ChildProcess): Promise<void> {
  const ended = exit(child);
  for (const [signal, seconds] of [
    ['SIGINT', FAST_SHUTDOWN_SECONDS],
    ['SIGQUIT', IMMEDIATE_SHUTDOWN_SECONDS],
    ['SIGKILL', IMMEDIATE_SHUTDOWN_SECONDS],
  ] as const) {
    child.kill(signal);
    const waited = new AbortController();
    const late = sleep(seconds * 1000, 'late', { signal: waited.signal }).catch(() => 'late');
    const first = await Promise.race([ended, late]);
    waited.abort();
    if (first !== 'late') return;
  }
}

/** Only what Postgres needs: its behaviour must not hang on PGPORT or LC_ALL in somebody's shell. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}

async function openLog(path: string): ReturnType<typeof open> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_BYTES) await rename(path, `${path}.1`);
  return open(path, 'a', 0o640);
}

function lastLines(output: string): string {
  return output.trimEnd().split('\n').slice(-12).join('\n');
}

function pidFile(postgres: string): string {
  return join(postgres, 'postmaster.pid');
}

/**
 * Stops the Postgres that a killed Millrace left running on this directory, whose lock we hold, and the backends that
 * a killed postmaster left: two postmasters on one directory would destroy it.
 */
async function stopLeftBehind(postgres: string, logger: Logger | undefined): Promise<void> {
  const stages = [
    ['SIGINT', FAST_SHUTDOWN_SECONDS],
    ['SIGQUIT', IMMEDIATE_SHUTDOWN_SECONDS],
    ['SIGKILL', IMMEDIATE_SHUTDOWN_SECONDS],
  ] as const;
  for (const [signal, seconds] of stages) {
    const running = await runningOn(postgres);
    if (running.length === 0) return;
    logger?.warn({ pids: running, signal }, 'stopping the embedded Postgres that an earlier run left behind');
    const postmaster = await recordedPid(postgres);
    // The postmaster takes its backends with it; without one each must be told. To a backend SIGINT only means: cancel.
    const targets = running.filter((pid) => pid === postmaster);
    for (const pid of targets.length > 0 && signal !== 'SIGKILL' ? targets : running) {
      tryKill(pid, targets.length === 0 && signal === 'SIGINT' ? 'SIGQUIT' : signal);
    }
    const late = Date.now() + seconds * 1000;
    while (Date.now() < late && (await runningOn(postgres)).length > 0) await sleep(20);
  }
  const left = await runningOn(postgres);
  if (left.length > 0) {
    throw new StartError(`Postgres still runs on ${postgres} and does not end: process ${left.join(', ')}`, {
      hint: 'Stop it, or set DATA_DIR to another directory.',
    });
  }
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already. If it is not ours to stop, that shows at the end.
  }
}

async function recordedPid(postgres: string): Promise<number | undefined> {
  const pid = Math.abs(Number.parseInt(await readFile(pidFile(postgres), 'latin1').catch(() => ''), 10));
  return pid > 0 ? pid : undefined;
}

/** Live processes of Postgres on this data directory: known by where they work, or by what postmaster.pid says. */
async function runningOn(postgres: string): Promise<number[]> {
  const recorded = await recordedPostmaster(postgres);
  if (process.platform !== 'linux') return recorded === undefined ? [] : [recorded];
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0 && pid !== process.pid);
  return pids.filter((pid) => pid === recorded || isPostgresOn(pid, postgres));
}

/** The process that postmaster.pid names, if it is the one that wrote the file and not a later one of that number. */
async function recordedPostmaster(postgres: string): Promise<number | undefined> {
  const lines = (await readFile(pidFile(postgres), 'latin1').catch(() => '')).split('\n');
  const [pid, started] = [Number(lines[0]), Number(lines[2])];
  if (!(pid > 0) || pid === process.pid) return undefined;
  const found = processStartSeconds(pid);
  if (found === undefined || Math.abs(found - started) > START_TOLERANCE_SECONDS) return undefined;
  return process.platform !== 'linux' || isPostgres(pid) ? pid : undefined;
}

function isPostgresOn(pid: number, postgres: string): boolean {
  try {
    return readlinkSync(`/proc/${String(pid)}/cwd`) === postgres && isPostgres(pid);
  } catch {
    // Ended meanwhile; or we may not look at it, as root in a container may not at other users' processes.
    return false;
  }
}

/** Alive, and the postmaster (by its program) or a backend (by the title that it gave itself). */
function isPostgres(pid: number): boolean {
  try {
    const program = readFileSync(`/proc/${String(pid)}/cmdline`, 'latin1').split(/[\0 ]/)[0] ?? '';
    return (basename(program) === 'postgres' || program === 'postgres:') && processStart(pid) !== undefined;
  } catch {
    return false;
  }
}

/**
 * With nobody left running, postmaster.pid and the socket's lock file are stale. Postgres sees that by itself, unless
 * their process number has been given to another process since: then it would refuse to start for ever.
 */
async function clearPidFiles(cluster: Cluster): Promise<void> {
  const recorded = await recordedPid(cluster.directory.postgres);
  if (recorded !== undefined) {
    // Not removed: it also names the shared memory that Postgres makes sure nobody is attached to any more. Our own
    // number is taken for stale, because a parent process cannot be another postmaster.
    const file = pidFile(cluster.directory.postgres);
    const text = await readFile(file, 'latin1');
    await writeFile(file, text.replace(/^-?\d+/, String(process.pid)));
  }
  const socket = socketPath(cluster.socketDirectory, Number(portOf(cluster))).toString();
  await rm(`${socket}.lock`, { force: true });
}
