import type { EntryOctets, ExportedEntry } from '../../../core/export.js';
import type { Feed } from '../../../core/feed.js';
import { toUtf8 } from '../../../core/utf8.js';
import { XML } from '../../json/json-mapping.js';
import { OctetWriter } from '../../octet-writer.js';
import { EntryRow } from '../entry-row.js';
import type { ExportColumn, ExportRow, JsonMember, RowColumn, TextColumn } from '../export-row.js';
import { quoted } from '../row-json.js';
import { markupOf } from './markup.js';
import { MARKED, NOTHING, mark, mouldOf } from './mould.js';
import type { Mould } from './mould.js';
import { slotsOf } from './slots.js';
import type { Slot } from './slots.js';
import { valueWriter } from './values.js';

/**
 * The events of a feed are mostly written alike: the same markup, and other values in it. A form is what was found out of one
 * entry: the markup, where its values stand (slots), and what each column is made of. Whatever has the same markup becomes a row by putting
 * its values in place, octet by octet, without a tree or a string. A form says nothing of an entry unless all of its markup is the same, and of a
 * value unless it is of a kind that the columns only pass on.
 */
export interface RowForm {
  /** Undefined: the entry is written otherwise. What is given is good until the form is asked again. */
  rowOf(entry: EncodedEntry, feed: FeedNames, showsPositions: boolean): ExportRow | undefined;
}

type FeedNames = Pick<Feed, 'workspace' | 'name'>;

export type EncodedEntry = ExportedEntry & { readonly octets: EntryOctets };

/** With its octets. */
export function encoded(entry: ExportedEntry): EncodedEntry {
  if (entry.octets !== undefined) return entry as EncodedEntry;
  const { atomId, xml } = entry;
  const idEnd = Buffer.byteLength(atomId);
  return { ...entry, octets: { ...toUtf8(atomId + xml), atomId: 0, idEnd, xml: idEnd } };
}

/** A form is held for long, with values that were found. In octets. */
const LONGEST = 16 * 1024;
const MOST_SLOTS = 500;

/** False: it is too long for one. */
export function mayHaveForm(entry: ExportedEntry): boolean {
  const { octets } = entry;
  return (octets === undefined ? entry.xml.length : octets.end - octets.xml) <= LONGEST;
}

/** Of an entry that is no tombstone; undefined: entries like this one have to be read each. */
export function learnForm(entry: EncodedEntry): RowForm | undefined {
  const { xml } = entry;
  if (entry.kind === 'tombstone' || xml.length > LONGEST || MARKED.test(xml)) return undefined;
  const slots = slotsOf(xml);
  if (slots === undefined || slots.length > MOST_SLOTS) return undefined;
  const columns = columnsOf(entry, slots);
  if (columns === undefined) return undefined;
  const form = startForm(xml, slots, columns);
  return tellsTheSame(form, entry) ? form : undefined;
}

/** The columns that are made of the entry's text. */
const MADE_COLUMNS = [
  'event_type',
  'tenant',
  'categories',
  'published',
  'updated',
  'content_type',
  'content_xml',
  'content_json',
] as const satisfies readonly ExportColumn[];
type MadeColumn = (typeof MADE_COLUMNS)[number];

const NO_FEED = { workspace: '', name: '' };

function tellsTheSame(form: RowForm, entry: EncodedEntry): boolean {
  const row = form.rowOf(entry, NO_FEED, false);
  if (row === undefined) return false;
  const read = new EntryRow(entry, NO_FEED, false);
  // A reference may stand for a mark.
  if (MADE_COLUMNS.some((column) => MARKED.test(read.jsonOf(column)))) return false;
  return MADE_COLUMNS.every(
    (column) => row.jsonOf(column) === read.jsonOf(column) && String(row[column]) === String(read[column]),
  );
}

type Columns = Readonly<Record<Exclude<MadeColumn, 'categories'>, TextForm>> & { readonly categories: ListForm };

/** Plain and as a JSON text. Null: there is no value. */
interface TextForm {
  readonly plain: Mould | null;
  readonly json: Mould;
}

interface ListForm {
  readonly plain: readonly Mould[];
  readonly json: Mould;
}

/** What columns are made of; undefined: one of them does something with the values. */
function columnsOf(entry: ExportedEntry, slots: readonly Slot[]): Columns | undefined {
  let marked = '';
  let at = 0;
  for (const [id, { kind, start, end }] of slots.entries()) {
    marked += entry.xml.slice(at, start) + mark(id, kind);
    at = end;
  }
  const { feed, position, kind, atomId, recordedAt, schemaVersion } = entry;
  const xml = marked + entry.xml.slice(at);
  const row = new EntryRow({ feed, position, kind, atomId, recordedAt, schemaVersion, xml }, NO_FEED, false);
  const unclear: string[] = [];
  const clear = (text: string): Mould => {
    const mould = mouldOf(text);
    // How much of an element is XML there depends on how long it is.
    if (mould === undefined || text.includes(`"${XML}"`)) unclear.push(text);
    return mould ?? NOTHING;
  };
  const formOf = (column: Exclude<MadeColumn, 'categories'>): TextForm => {
    const text = row[column];
    return { plain: text === null ? null : clear(text), json: clear(row.jsonOf(column)) };
  };
  const columns: Columns = {
    event_type: formOf('event_type'),
    tenant: formOf('tenant'),
    categories: { plain: row.categories.map(clear), json: clear(row.jsonOf('categories')) },
    published: formOf('published'),
    updated: formOf('updated'),
    content_type: formOf('content_type'),
    content_xml: formOf('content_xml'),
    content_json: formOf('content_json'),
  };
  return unclear.length === 0 ? columns : undefined;
}

/** Room for the columns of one row; it grows. */
const ROW_OCTETS = 4 * 1024;

function startForm(xml: string, slots: readonly Slot[], columns: Columns): RowForm {
  const markup = markupOf(xml, slots);
  const values = valueWriter(slots.map(({ kind }) => kind));
  const written = new OctetWriter(ROW_OCTETS);
  let known:
    | { readonly members: readonly JsonMember[]; readonly feed: FeedNames; readonly line: readonly LinePart[] }
    | undefined;
  const making: Making = { columns, written, write: values.write, lineOf };
  return {
    rowOf(entry, feed, showsPositions) {
      if (!mayHaveForm(entry)) return undefined;
      const found = markup.find(entry.octets);
      if (found === undefined || !values.take(found)) return undefined;
      written.end = 0;
      return new AlikeRow(entry, feed, showsPositions, making);
    },
  };

  function lineOf(members: readonly JsonMember[], feed: FeedNames): readonly LinePart[] {
    if (known?.members !== members || known.feed !== feed) {
      known = { members, feed, line: linePartsOf(members, feed, columns) };
    }
    return known.line;
  }
}

/** Of a row as JSON: a mould, or a column that is no part of one. */
type LinePart = Mould | RowColumn;

function isMould(part: LinePart): part is Mould {
  return typeof part !== 'string' && 'marked' in part;
}

/** As few moulds as there can be. */
function linePartsOf(members: readonly JsonMember[], feed: FeedNames, columns: Columns): readonly LinePart[] {
  const parts: LinePart[] = [];
  let marked = '';
  const endMould = (): void => {
    const mould = mouldOf(marked);
    if (mould === undefined) throw new Error('the name of a column or a feed has a mark in it');
    parts.push(mould);
    marked = '';
  };
  for (const { begin, column } of members) {
    marked += begin;
    if (column === 'workspace') {
      marked += quoted(feed.workspace);
    } else if (column === 'feed') {
      marked += quoted(feed.name);
    } else if (typeof column === 'string' && isMade(column)) {
      marked += columns[column].json.marked;
    } else {
      endMould();
      parts.push(column);
    }
  }
  endMould();
  return parts;
}

/** What the rows of a form are made of and with. */
interface Making {
  readonly columns: Columns;
  /** What was asked for in octets, until the next row. */
  readonly written: OctetWriter;
  readonly write: (mould: Mould, to: OctetWriter) => void;
  readonly lineOf: (members: readonly JsonMember[], feed: FeedNames) => readonly LinePart[];
}

class AlikeRow extends EntryRow {
  private readonly making: Making;

  constructor(entry: EncodedEntry, source: FeedNames, showsPositions: boolean, making: Making) {
    super(entry, source, showsPositions);
    this.making = making;
  }

  override get event_type(): string | null {
    return this.stringOf(this.making.columns.event_type.plain);
  }

  override get tenant(): string | null {
    return this.stringOf(this.making.columns.tenant.plain);
  }

  override get categories(): readonly string[] {
    return this.making.columns.categories.plain.map((mould) => this.stringOf(mould) ?? '');
  }

  override get published(): string | null {
    return this.stringOf(this.making.columns.published.plain);
  }

  override get updated(): string | null {
    return this.stringOf(this.making.columns.updated.plain);
  }

  override get content_type(): string | null {
    return this.stringOf(this.making.columns.content_type.plain);
  }

  override get content_xml(): string | null {
    return this.stringOf(this.making.columns.content_xml.plain);
  }

  override get content_json(): string | null {
    return this.stringOf(this.making.columns.content_json.plain);
  }

  override textOf(column: TextColumn): Uint8Array | string | null {
    if (column === 'atom_id') return super.textOf(column);
    const { plain } = this.making.columns[column];
    if (plain === null) return null;
    const { written } = this.making;
    const start = this.write(plain);
    return written.all.subarray(start, written.end);
  }

  override jsonOf(column: ExportColumn): string {
    if (!isMade(column)) return super.jsonOf(column);
    return this.stringOf(this.making.columns[column].json) ?? '';
  }

  override writeMembers(members: readonly JsonMember[], to: OctetWriter): void {
    const { write, lineOf } = this.making;
    for (const part of lineOf(members, this.source)) {
      if (isMould(part)) write(part, to);
      else this.writeColumn(part, to);
    }
  }

  private stringOf(mould: Mould | null): string | null {
    if (mould === null) return null;
    if (mould.slots.length === 0) return mould.marked;
    const { written } = this.making;
    const start = this.write(mould);
    return written.all.toString('utf8', start, written.end);
  }

  /** Gives where it begins in what was written. */
  private write(mould: Mould): number {
    const { written, write } = this.making;
    const start = written.end;
    write(mould, written);
    return start;
  }
}

function isMade(column: ExportColumn): column is MadeColumn {
  return (MADE_COLUMNS as readonly string[]).includes(column);
}
