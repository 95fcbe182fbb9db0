import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDuckDb } from './duckdb.js';
import type { DuckDb } from './duckdb.js';

/** A directory that exports are pushed to, by the name `lake`, and a reader of it. */
export interface Lake {
  readonly path: string;
  /** Of TARGETS_FILE: it has `lake`, and what was given beside it. */
  readonly targetsFile: string;
  readonly duckdb: DuckDb;
  /** `feed/position` of each row, as often as it is there, in the order of texts. */
  rows(feed?: string): Promise<string[]>;
  /** Paths of files below a directory, what is hidden too. */
  files(below?: string): Promise<string[]>;
  /** What `_SUCCESS` tells of a day; undefined: there is none. */
  success(feed: string, date: string): Promise<{ rows: number; parts: string[] } | undefined>;
  remove(): Promise<void>;
}

export async function makeLake(others: Readonly<Record<string, object>> = {}): Promise<Lake> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-lake-'));
  const path = join(root, 'lake');
  await mkdir(path);
  const targetsFile = join(root, 'targets.json');
  await writeFile(targetsFile, JSON.stringify({ targets: { lake: { kind: 'directory', path }, ...others } }));
  const duckdb = await openDuckDb();

  async function files(below = ''): Promise<string[]> {
    const found = await readdir(join(path, below), { recursive: true, withFileTypes: true });
    return found.flatMap((one) => (one.isFile() ? [join(one.parentPath, one.name).slice(path.length + 1)] : [])).sort();
  }

  return {
    path,
    targetsFile,
    duckdb,
    files,
    async rows(feed = '%') {
      if (!(await files()).some((file) => file.endsWith('.parquet'))) return [];
      const found = await duckdb.ask(
        `select feed || '/' || position
           from read_parquet('${path}/**/*.parquet', hive_partitioning = true)
          where feed like '${feed}'`,
      );
      return found.map(([place]) => String(place)).sort();
    },
    async success(feed, date) {
      const text = await readFile(
        join(path, `feed=${encodeURIComponent(feed)}`, `date=${date}`, '_SUCCESS'),
        'utf8',
      ).catch(() => undefined);
      return text === undefined ? undefined : (JSON.parse(text) as { rows: number; parts: string[] });
    },
    async remove() {
      duckdb.close();
      await rm(root, { recursive: true });
    },
  };
}
