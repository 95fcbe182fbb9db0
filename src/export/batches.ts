import type { Position } from '../core/entry.js';
import { aloneOf } from '../core/export.js';
import type { ExportPlace, ExportStretch, ExportedEntry, TimedPlace } from '../core/export.js';
import type { Feed, FeedId } from '../core/feed.js';
import { Utf8Room } from '../core/utf8.js';
import type { View } from '../core/view.js';
import type { CopyDb } from '../store/db.js';
import { readExported, readExportedText } from '../store/export.js';
import type { ExportedStretch } from '../store/export.js';
import type { FoundEntry } from '../store/exported-entries.js';
import { walk } from '../store/export-walk.js';

/** A feed that is exported, and what of it the caller sees. */
export interface ExportedFeed {
  readonly feed: Feed;
  readonly view: View;
  readonly deleted: boolean;
}

export interface BatchesWanted {
  readonly partition: number;
  readonly feeds: ReadonlyMap<FeedId, ExportedFeed>;
  /** Of which of them there is something, each behind a position. */
  readonly from: ReadonlyMap<FeedId, Position>;
  readonly begin: TimedPlace;
  readonly to: ExportPlace;
  /** Entries; undefined: all. */
  readonly limit: number | undefined;
  /** What of an entry the caller does not see is taken out of it; undefined: nothing is. */
  readonly redact: Reading | undefined;
  /** Afterwards the values of columns are taken from what is seen of it; undefined: none are wanted. */
  readonly extract: Reading | undefined;
}

type Reading = (entries: readonly ExportedEntry[]) => Promise<readonly ExportedEntry[]>;

/** Some entries, as the caller sees them, and how far the log was read for them and for those in the pieces that follow. */
export interface Batch extends TimedPlace {
  readonly entries: readonly ExportedEntry[];
}

interface UnreadBatch extends TimedPlace {
  readonly entries: readonly FoundEntry[];
}

/** In positions: of some tenants there may be few entries in it, or none. */
const BATCH = 500;
/** Of large ones there are fewer, by what those of the batch before have taken. */
const BATCH_OCTETS = 1024 * 1024;
const FEWEST = 50;
/** Nobody knows yet how large they are. */
const FIRST_BATCH = 100;

/** Of most batches; it grows. */
const ROOM_OCTETS = 512 * 1024;

/** How long entries are good: until the next batch is asked for, whose successor comes into their room; or as long as they are held. */
export type EntriesHeld = 'until the next' | 'for long';

/** The entries in the order of the log. While some are taken, those behind them are on their way. */
export function exportBatches(db: CopyDb, wanted: BatchesWanted, held: EntriesHeld): AsyncGenerator<Batch> {
  const batches = readBatches(db, wanted, roomsFor(held));
  // What is taken out of entries, or found in them, is known to another thread, which would wait for this one, and this one for it.
  return wanted.redact === undefined && wanted.extract === undefined ? batches : oneAhead(batches);
}

async function* oneAhead<T>(source: AsyncGenerator<T>): AsyncGenerator<T> {
  let coming = source.next();
  try {
    for (let got = await coming; got.done !== true; got = await coming) {
      coming = source.next();
      // Told of when it is waited for.
      coming.catch(() => undefined);
      yield got.value;
    }
  } finally {
    await coming.catch(() => undefined);
    await source.return(undefined);
  }
}

/** Gives room for a batch. */
function roomsFor(held: EntriesHeld): () => Utf8Room {
  const make = (): Utf8Room => new Utf8Room(ROOM_OCTETS);
  if (held === 'for long') return make;
  let [now, next] = [make(), make()];
  return () => {
    [now, next] = [next, now];
    return now;
  };
}

async function* readBatches(db: CopyDb, wanted: BatchesWanted, room: () => Utf8Room): AsyncGenerator<Batch> {
  const { partition, from, begin, to, limit } = wanted;
  const stretches = walk(db, { partition, feeds: from, after: begin.place, to });
  const reading = { stretches, rest: undefined, most: FIRST_BATCH, room };
  let left = limit ?? Infinity;
  let coming = readBatch(db, wanted, reading, left);
  try {
    for (let read = await coming; read !== undefined; read = await coming) {
      left -= read.entries.length;
      coming = left > 0 ? readBatch(db, wanted, reading, left) : Promise.resolve(undefined);
      // Told of when it is waited for.
      coming.catch(() => undefined);
      const { place, recordedAt } = read;
      for await (const piece of withTexts(db, wanted, read.entries)) {
        yield { entries: await asSeen(wanted, piece), place, recordedAt };
      }
    }
  } finally {
    await coming.catch(() => undefined);
    await stretches.return(undefined);
  }
}

/** Entries as the caller sees them, with the values that it wants of them. */
export async function asSeen(
  { redact, extract }: Pick<BatchesWanted, 'redact' | 'extract'>,
  entries: readonly ExportedEntry[],
): Promise<readonly ExportedEntry[]> {
  if (redact === undefined && extract === undefined) return entries;
  const alone = entries.map(aloneOf);
  const seen = redact === undefined ? alone : await redact(alone);
  return extract === undefined ? seen : extract(seen);
}

/** Undefined: there is nothing more. */
async function readBatch(
  db: CopyDb,
  { partition, feeds }: BatchesWanted,
  /** `rest` is of a stretch that was too long to be read at once. */
  reading: {
    readonly stretches: AsyncGenerator<ExportStretch>;
    rest: ExportStretch | undefined;
    /** Positions of the next batch. */
    most: number;
    readonly room: () => Utf8Room;
  },
  left: number,
): Promise<UnreadBatch | undefined> {
  const wanted: ExportedStretch[] = [];
  let places = BigInt(Math.min(reading.most, left));
  while (places > 0n) {
    const stretch = reading.rest ?? (await next(reading.stretches));
    reading.rest = undefined;
    if (stretch === undefined) break;
    const view = feeds.get(stretch.feed)?.view;
    const last = stretch.last - stretch.first >= places ? stretch.first + places - 1n : stretch.last;
    if (last < stretch.last) reading.rest = { ...stretch, first: last + 1n };
    wanted.push({ ...stretch, last, tenants: view?.kind === 'tenants' ? view.tenants : undefined });
    places -= last - stretch.first + 1n;
  }
  const final = wanted.at(-1);
  if (final === undefined) return undefined;
  const room = reading.room();
  const entries = await readExported(db, partition, wanted, room);
  const octetsEach = room.end / Math.max(1, entries.length);
  reading.most = Math.max(FEWEST, Math.min(BATCH, Math.floor(BATCH_OCTETS / octetsEach)));
  const { tick, feed, last: position, recordedAt } = final;
  return { entries, place: { tick, feed, position }, recordedAt };
}

async function next(stretches: AsyncGenerator<ExportStretch>): Promise<ExportStretch | undefined> {
  const result = await stretches.next();
  return result.done === true ? undefined : result.value;
}

/** Characters of large texts that are held at once. */
const PIECE = 1_000_000;

/** With the texts that were too large to come along, and without what retention has taken by then; a piece of the batch ends where it holds many. */
async function* withTexts(
  db: CopyDb,
  { partition }: BatchesWanted,
  unread: readonly FoundEntry[],
): AsyncGenerator<readonly ExportedEntry[]> {
  let piece: ExportedEntry[] = [];
  let held = 0;
  for (const entry of unread) {
    if (entry.octets !== undefined) {
      piece.push(entry);
      continue;
    }
    const xml = await readExportedText(db, partition, entry);
    if (xml === undefined) continue;
    piece.push({ ...entry, xml });
    held += xml.length;
    if (held < PIECE) continue;
    yield piece;
    piece = [];
    held = 0;
  }
  yield piece;
}
