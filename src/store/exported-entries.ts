import type { EntryKind, Instant, Position } from '../core/entry.js';
import type { EntryOctets, ExportStretch, ExportedEntry } from '../core/export.js';
import type { FeedId } from '../core/feed.js';
import type { Utf8 } from '../core/utf8.js';
import { KINDS } from './write-batch.js';

/** An entry whose text may not have come along. */
export type FoundEntry = StoredEntry | UnreadEntry;

type UnreadEntry = Omit<ExportedEntry, 'xml' | 'octets'> & { readonly octets: undefined };

/** Its columns, as `entriesIn` reads them. Their types are those of the table, save that of `at`, the number of the stretch (from 1). */
export const EXPORTED_COLUMNS = 's.at::int, e.position, e.kind, e.schema_version, e.atom_id';

// PostgreSQL, COPY, "Binary Format"; numbers begin with the highest octet.
const HEADER_OCTETS = 11 + 4;
const NULL = -1;
const NO_MORE = -1;

/** Entries as COPY has them: `EXPORTED_COLUMNS` and their text, or null where that has not come along. They are given in the order of the log. */
export function entriesIn({ all, view }: Utf8, stretches: readonly ExportStretch[]): FoundEntry[] {
  const found: FoundEntry[] = [];
  const stretchOf: number[] = [];
  let offset = HEADER_OCTETS;
  offset += 4 + view.getInt32(offset);
  while (view.getInt16(offset) !== NO_MORE) {
    // Behind the number of columns, each begins with its length.
    offset += 2;
    const at = view.getInt32(offset + 4);
    offset += 4 + 4;
    const position = view.getBigInt64(offset + 4);
    offset += 4 + 8;
    const kind = KINDS[view.getInt16(offset + 4)] ?? 'entry';
    offset += 4 + 2;
    const schemaVersion = view.getInt32(offset) === NULL ? undefined : view.getInt32(offset + 4);
    offset += schemaVersion === undefined ? 4 : 4 + 4;
    const atomId = offset + 4;
    const idEnd = atomId + view.getInt32(offset);
    const length = view.getInt32(idEnd);
    const xml = idEnd + 4;
    offset = length === NULL ? xml : xml + length;
    const stretch = stretches[at - 1];
    if (stretch === undefined) throw new Error(`there is no stretch ${String(at)}`);
    const octets = { all, view, atomId, idEnd, xml, end: offset };
    const entry = new StoredEntry(stretch, position, { kind, schemaVersion }, octets);
    found.push(length === NULL ? unread(entry) : entry);
    stretchOf.push(at);
  }
  return inOrder(found, stretchOf);
}

/** Nearly always they come so. */
function inOrder(entries: FoundEntry[], stretchOf: readonly number[]): FoundEntry[] {
  const compare = (one: number, other: number): number =>
    (stretchOf[one] ?? 0) - (stretchOf[other] ?? 0) ||
    Number((entries[one]?.position ?? 0n) - (entries[other]?.position ?? 0n));
  if (entries.every((_, index) => index === 0 || compare(index - 1, index) < 0)) return entries;
  return [...entries.keys()].sort(compare).flatMap((index) => entries[index] ?? []);
}

/** Its texts are made of their octets when they are asked for. */
export class StoredEntry implements ExportedEntry {
  readonly feed: FeedId;
  readonly position: Position;
  readonly kind: EntryKind;
  readonly recordedAt: Instant;
  readonly schemaVersion: number | undefined;
  readonly octets: EntryOctets;
  private id: string | undefined;
  private text: string | undefined;

  constructor(
    { feed, recordedAt }: ExportStretch,
    position: Position,
    { kind, schemaVersion }: Pick<ExportedEntry, 'kind' | 'schemaVersion'>,
    octets: EntryOctets,
  ) {
    this.feed = feed;
    this.position = position;
    this.kind = kind;
    this.recordedAt = recordedAt;
    this.schemaVersion = schemaVersion;
    this.octets = octets;
  }

  get atomId(): string {
    this.id ??= this.octets.all.toString('utf8', this.octets.atomId, this.octets.idEnd);
    return this.id;
  }

  get xml(): string {
    this.text ??= this.octets.all.toString('utf8', this.octets.xml, this.octets.end);
    return this.text;
  }
}

function unread({ feed, position, kind, atomId, recordedAt, schemaVersion }: ExportedEntry): UnreadEntry {
  return { feed, position, kind, atomId, recordedAt, schemaVersion, octets: undefined };
}
