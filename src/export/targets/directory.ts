import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DirectoryTarget } from '../../core/target-settings.js';
import { hiveDirectory, hiveParts, successText } from './hive.js';
import type { HivePart } from './hive.js';
import { gatherPoison } from './poison.js';
import type { ClosedDay, StoredBatch, Target, TargetBatch } from './target.js';

/**
 * A directory of this machine, or one that is mounted. What is being written is hidden by its name, and gets its own when it is whole and
 * on the disk. What has its name already stays as it is: it is of the same batch, and others may read it.
 */
export function makeDirectoryTarget({ path }: DirectoryTarget): Target {
  return { store, closeDay, stop: () => Promise.resolve() };

  async function store(batch: TargetBatch): Promise<StoredBatch> {
    await refuseUnlessThere(path);
    const poison = gatherPoison();
    let rows = 0;
    for await (const part of hiveParts(batch, poison)) {
      await storePart(part);
      rows += part.rows();
    }
    return { rows, poisoned: poison.rows };
  }

  async function storePart(part: HivePart): Promise<void> {
    const { directory, name, chunks } = part;
    const within = await makeDirectories(path, directory);
    const hidden = await writeHidden(within, name, chunks);
    if (part.rows() > 0) await show(within, hidden, name);
    // Its own, and those of attempts that were cut off; who is still at it finds it whole.
    await removeHidden(within, `.${name}.`);
    await flushDirectory(within);
  }

  async function closeDay(day: ClosedDay): Promise<void> {
    await refuseUnlessThere(path);
    const within = await makeDirectories(path, hiveDirectory(day.feed, day.date));
    await removeHidden(within, '.');
    const hidden = await writeHidden(within, SUCCESS, [Buffer.from(successText(day))]);
    // Another one there is of before a replay or a reset.
    await rename(join(within, hidden), join(within, SUCCESS));
    await flushDirectory(within);
  }
}

const SUCCESS = '_SUCCESS';
const HIDDEN_END = '.tmp';

/** One that has the name already is of the same batch, whole, and stays. */
async function show(directory: string, hidden: string, name: string): Promise<void> {
  try {
    await link(join(directory, hidden), join(directory, name));
  } catch (error) {
    // Somebody else was quicker, and may have cleaned up by now.
    if (!(await readdir(directory)).includes(name)) throw error;
  }
}

/** Never made here: where nothing is mounted, what would be written would be lost from sight. */
async function refuseUnlessThere(path: string): Promise<void> {
  if (!(await stat(path)).isDirectory()) throw new Error(`${path} is no directory`);
}

async function makeDirectories(path: string, below: string): Promise<string> {
  let made = path;
  for (const name of below.split('/')) {
    const parent = made;
    made = join(parent, name);
    const isNew = await mkdir(made).then(
      () => true,
      (error: unknown) => unlessThere(error),
    );
    if (isNew === true) await flushDirectory(parent);
  }
  return made;
}

/** The name of the file, which is on the disk. */
async function writeHidden(
  directory: string,
  name: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<string> {
  const hidden = `.${name}.${randomBytes(8).toString('hex')}${HIDDEN_END}`;
  const path = join(directory, hidden);
  const file = await open(path, 'wx');
  try {
    for await (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return hidden;
}

async function removeHidden(directory: string, beginning: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(beginning) && name.endsWith(HIDDEN_END)) await rm(join(directory, name), { force: true });
  }
}

/** Without it a name may be gone when the machine has lost its power. */
async function flushDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  await directory.sync().finally(() => directory.close());
}

function unlessThere(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
}
