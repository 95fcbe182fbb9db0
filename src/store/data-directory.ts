import { link, mkdir, open, readFile, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartError } from '../core/start-error.js';

/**
 * A directory of Millrace's own. `millrace.json` says that it is ours, `lock` which process uses it,
 * `postgres/` is Postgres' data directory, `postgres.new/` one that initdb has not finished, `postgres.log` its log.
 */
export interface DataDirectory {
  /** Absolute, with symbolic links resolved. */
  readonly path: string;
  readonly postgres: string;
  readonly unfinished: string;
  readonly log: string;
  release(): Promise<void>;
}

const MARKER = 'millrace.json';
const LOCK = 'lock';
/** USER_HZ: the same on every architecture that there is an embedded Postgres for. */
const LINUX_TICKS_PER_SECOND = 100;
/** What a fresh file system's root holds of itself. */
const NOBODYS = new Set(['lost+found']);

interface Marker {
  readonly millrace: number;
  readonly postgres: number;
}

interface LockOwner {
  readonly pid: number;
  readonly started: string;
}

/** @throws StartError when the directory is not ours, of another Postgres, or in use; then nothing in it was touched. */
export async function openDataDirectory(dataDir: string, postgresMajor: number): Promise<DataDirectory> {
  const path = await createDirectory(dataDir);
  const marker = await readMarker(path);
  if (marker !== undefined && marker.postgres !== postgresMajor) {
    throw new StartError(
      `the data directory ${path} was made by Postgres ${String(marker.postgres)}, this Millrace brings Postgres ${String(postgresMajor)}`,
      {
        hint:
          "Start the Millrace that made it, or move its data to a database of this version with that Millrace's " +
          '`millrace copy --to URL`; or set DATA_DIR to another directory.',
      },
    );
  }
  if (marker === undefined) await writeMarker(path, { millrace: 1, postgres: postgresMajor });
  const release = await lock(path);
  return {
    path,
    postgres: join(path, 'postgres'),
    unfinished: join(path, 'postgres.new'),
    log: join(path, 'postgres.log'),
    release,
  };
}

async function createDirectory(dataDir: string): Promise<string> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o755 });
    return await realpath(dataDir);
  } catch (cause) {
    throw new StartError(`the data directory ${dataDir} cannot be made: ${(cause as Error).message}`, {
      hint: 'Set DATA_DIR to a directory that this user may write to.',
      cause,
    });
  }
}

async function readMarker(path: string): Promise<Marker | undefined> {
  let names: string[];
  let text: string;
  try {
    names = await readdir(path);
    if (!names.includes(MARKER)) {
      // A marker that was being written when the process was killed is ours too.
      const strangers = names.filter((name) => !NOBODYS.has(name) && !name.startsWith(`${MARKER}.`));
      if (strangers.length === 0) return undefined;
      throw new StartError(
        `the directory ${path} is not empty and is no data directory of Millrace: it holds ${strangers.slice(0, 3).join(', ')}${strangers.length > 3 ? ', …' : ''}`,
        { hint: 'Set DATA_DIR to an empty directory or to one that Millrace made. Nothing was touched.' },
      );
    }
    text = await readFile(join(path, MARKER), 'utf8');
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    throw new StartError(`the data directory ${path} cannot be read: ${(cause as Error).message}`, {
      hint: 'Start Millrace as the user who made it, or set DATA_DIR to another directory.',
      cause,
    });
  }
  try {
    const marker = JSON.parse(text) as Partial<Marker> | null;
    if (typeof marker?.millrace === 'number' && typeof marker.postgres === 'number') return marker as Marker;
  } catch {
    // Said below.
  }
  throw new StartError(`${join(path, MARKER)} does not say which Postgres made this data directory`, {
    hint: 'It should read like {"millrace":1,"postgres":18}; the number is in postgres/PG_VERSION.',
  });
}

async function writeMarker(path: string, marker: Marker): Promise<void> {
  const unfinished = join(path, `${MARKER}.${String(process.pid)}`);
  try {
    await writeFile(unfinished, `${JSON.stringify(marker)}\n`, { flush: true });
    await rename(unfinished, join(path, MARKER));
    await syncDirectory(path);
  } catch (cause) {
    throw notWritable(path, cause);
  }
}

function notWritable(path: string, cause: unknown): StartError {
  return new StartError(`the data directory ${path} cannot be written: ${(cause as Error).message}`, {
    hint: 'Start Millrace as the user who made it, or set DATA_DIR to another directory.',
    cause,
  });
}

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Linked into place whole, so that nobody ever reads half a lock. */
async function lock(path: string): Promise<() => Promise<void>> {
  const place = join(path, LOCK);
  const mine = join(path, `${LOCK}.${String(process.pid)}`);
  const text = `${JSON.stringify({ pid: process.pid, started: processStart(process.pid) ?? '' } satisfies LockOwner)}\n`;
  try {
    await writeFile(mine, text);
    while (!(await tryLink(mine, place))) {
      const found = await readFile(place, 'utf8').catch(() => undefined);
      if (found === undefined) continue;
      const owner = parseOwner(found);
      if (owner !== undefined && processStart(owner.pid) === owner.started) {
        throw new StartError(`the data directory ${path} is in use by another Millrace, process ${String(owner.pid)}`, {
          hint: 'Stop that one first, or set DATA_DIR to another directory. To run several nodes, set DATABASE_URL.',
        });
      }
      await removeStale(place, `${place}.stale.${String(process.pid)}`, found);
    }
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    throw notWritable(path, cause);
  } finally {
    await rm(mine, { force: true }).catch(() => undefined);
  }
  return async () => {
    await rm(place, { force: true });
  };
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

/** Takes a dead process's lock away; another starter's fresh one, when that was quicker, is put back. */
async function removeStale(place: string, aside: string, expected: string): Promise<void> {
  try {
    await rename(place, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw cause;
  }
  if ((await readFile(aside, 'utf8')) !== expected) await tryLink(aside, place);
  await rm(aside, { force: true });
}

function parseOwner(text: string): LockOwner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<LockOwner> | null;
    return typeof owner?.pid === 'number' && typeof owner.started === 'string' ? (owner as LockOwner) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What tells a process from a later one with the same number: when it started, and in which run of the system.
 * Undefined when there is no such process; one that is dead and not yet buried (a zombie) counts as none.
 */
export function processStart(pid: number): string | undefined {
  if (process.platform !== 'linux') return startByPs(pid);
  const ticks = startTicks(pid);
  return ticks === undefined
    ? undefined
    : `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}/${String(ticks)}`;
}

/** When the process started, in seconds since 1970 as the clock counts them now; undefined when there is none. */
export function processStartSeconds(pid: number): number | undefined {
  if (process.platform !== 'linux') {
    const started = startByPs(pid);
    return started === undefined ? undefined : Date.parse(started) / 1000;
  }
  const ticks = startTicks(pid);
  if (ticks === undefined) return undefined;
  const uptime = Number.parseFloat(readFileSync('/proc/uptime', 'latin1'));
  return Date.now() / 1000 - uptime + ticks / LINUX_TICKS_PER_SECOND;
}

function startTicks(pid: number): number | undefined {
  try {
    // proc(5): the name, in brackets, may hold anything; the state is field 3, the start field 22.
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}

function startByPs(pid: number): string | undefined {
  try {
    const [state = '', ...started] = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'latin1',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, LC_ALL: 'C' },
    })
      .trim()
      .split(/\s+/);
    return state === '' || state.startsWith('Z') ? undefined : started.join(' ');
  } catch {
    return undefined;
  }
}
