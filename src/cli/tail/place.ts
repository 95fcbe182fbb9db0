import { open, readFile, rename } from 'node:fs/promises';
import { StartError } from '../../core/start-error.js';
import { UsageError } from '../command.js';

/** Where a reader has come to, kept in a file from one run to the next. */
export interface Place {
  /** As it was named on the command line. */
  readonly feed: string;
  readonly search: string | null;
  /** The feed's atom:id, which another feed of the same name would not have. */
  readonly feedId: string | null;
  /** What to ask next, behind the feed's URL. */
  readonly next: string;
}

/** undefined: there is none yet. @throws UsageError when it is another feed's, StartError when it cannot be read */
export async function readPlace(file: string, feed: string, search: string | undefined): Promise<Place | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new StartError(`the place cannot be read: ${(error as Error).message}`);
  }
  const place = parsePlace(text);
  if (place === undefined) throw new StartError(`${file} keeps no place of \`millrace tail\``);
  if (place.feed !== feed || (place.search ?? undefined) !== search) {
    const kept = place.search === null ? place.feed : `${place.feed}, searched for ${place.search}`;
    throw new UsageError(`${file} keeps the place in ${kept}: use another file for another feed or search`);
  }
  return place;
}

/** After a crash there is the old place or the new one, and nothing in between. */
export async function writePlace(file: string, place: Place): Promise<void> {
  const beside = `${file}.new`;
  try {
    const handle = await open(beside, 'w');
    try {
      await handle.writeFile(`${JSON.stringify(place)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    throw new StartError(`the place cannot be kept: ${(error as Error).message}`);
  }
}

function parsePlace(text: string): Place | undefined {
  try {
    const value = JSON.parse(text) as Partial<Place> | null;
    return typeof value?.feed === 'string' && typeof value.next === 'string' && value.next.startsWith('?')
      ? { feed: value.feed, next: value.next, search: value.search ?? null, feedId: value.feedId ?? null }
      : undefined;
  } catch {
    return undefined;
  }
}
