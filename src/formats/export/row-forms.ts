import type { ExportedEntry } from '../../core/export.js';
import type { Feed } from '../../core/feed.js';
import { ATOM_NAMESPACE, XHTML_NAMESPACE } from '../atom/atom-rules.js';
import { isContent, XML } from '../json/json-mapping.js';
import { jsonPayload } from '../json/json-payload.js';
import { isJsonType, isXmlType } from '../media-types.js';
import { readKnownTree } from '../xml/known-tree.js';
import { characterData, normaliseValue } from '../xml/xml.js';
import type { Attribute } from '../xml/xml.js';
import { attributeOf, isSpace } from '../xml/xml-tree.js';
import type { XmlElement } from '../xml/xml-tree.js';
import { EntryRow, USUAL_INSTANT, onOneLine } from './entry-row.js';
import type { ExportColumn, ExportRow } from './export-row.js';

/**
 * The events of a feed are mostly written alike: the same markup, and other values in it. A form is what was found out of one
 * entry: the markup, where its values stand (slots), and what each column is made of. Whatever has the same markup becomes a row by putting
 * its values in place, without a tree. A form says nothing of an entry unless all of its markup is the same, and of a
 * value unless it is of a kind that the columns only pass on.
 */
export interface RowForm {
  /** Undefined: the entry is written otherwise. What is given is good until the form is asked again. */
  rowOf(entry: ExportedEntry, feed: Pick<Feed, 'workspace' | 'name'>, showsPositions: boolean): ExportRow | undefined;
}

/** What a value may be, beyond not being empty or nothing but white space. */
type SlotKind =
  /** Anything: of an attribute, or between two tags. */
  | 'attribute'
  | 'text'
  /** As the columns have it, so that it is passed on as it is. */
  | 'instant'
  /** A JSON text, plain or in Base64. */
  | 'json';

interface Slot {
  readonly kind: SlotKind;
  /** Offsets in the entry. */
  readonly start: number;
  readonly end: number;
}

/** A form is held for long. */
const LONGEST = 16 * 1024;
const MOST_SLOTS = 500;

/** Of an entry that is no tombstone; undefined: entries like this one have to be read each. */
export function learnForm(entry: ExportedEntry): RowForm | undefined {
  const { xml } = entry;
  if (entry.kind === 'tombstone' || xml.length > LONGEST || MARKED.test(xml)) return undefined;
  const slots = slotsOf(xml);
  if (slots === undefined || slots.length > MOST_SLOTS) return undefined;
  const form = compile(entry, slots);
  return form !== undefined && tellsTheSame(form, entry) ? form : undefined;
}

/** The columns that are made of the entry's text. */
const TEXT_COLUMNS = [
  'event_type',
  'tenant',
  'categories',
  'published',
  'updated',
  'content_type',
  'content_xml',
  'content_json',
] as const satisfies readonly ExportColumn[];
type TextColumn = (typeof TEXT_COLUMNS)[number];

const NO_FEED = { workspace: '', name: '' };

function tellsTheSame(form: RowForm, entry: ExportedEntry): boolean {
  const row = form.rowOf(entry, NO_FEED, false);
  if (row === undefined) return false;
  const read = new EntryRow(entry, NO_FEED, false);
  // A reference may stand for a mark.
  if (TEXT_COLUMNS.some((column) => MARKED.test(read.jsonOf(column)))) return false;
  return TEXT_COLUMNS.every(
    (column) => row.jsonOf(column) === read.jsonOf(column) && String(row[column]) === String(read[column]),
  );
}

// Slots

/** In the order in which they stand; undefined: there is something that cannot be told without reading it. */
function slotsOf(xml: string): Slot[] | undefined {
  const slots: Slot[] = [];
  for (const element of readKnownTree(xml).elements) {
    const isAtom = element.uri === ATOM_NAMESPACE;
    if (isContent(element)) {
      if (!addContent(slots, xml, element)) return undefined;
    } else if (isAtom && (element.local === 'updated' || element.local === 'published')) {
      if (!USUAL_INSTANT.test(xml.slice(element.tagEnd, element.endStart))) return undefined;
      slots.push({ kind: 'instant', start: element.tagEnd, end: element.endStart });
    } else {
      addValues(slots, xml, element, isAtom && element.local === 'category');
    }
  }
  return slots;
}

/** False: of this content a form tells nothing. */
function addContent(slots: Slot[], xml: string, content: XmlElement): boolean {
  const type = attributeOf(content, 'type') ?? 'text';
  if (attributeOf(content, 'src') !== undefined) return false;
  if (isXmlType(type)) {
    for (const element of content.elements) addForeign(slots, xml, element);
    return true;
  }
  if (isJsonType(type)) {
    slots.push({ kind: 'json', start: content.tagEnd, end: content.endStart });
    return content.elements.length === 0;
  }
  if (type !== 'text' && type !== 'html') return false;
  addText(slots, xml, content);
  return true;
}

/** What means something by its value (Atom's own attributes, white space in XHTML) is markup. */
function addForeign(slots: Slot[], xml: string, element: XmlElement): void {
  if (element.uri === ATOM_NAMESPACE || element.uri === XHTML_NAMESPACE) return;
  for (const attribute of element.attributes) if (attribute.prefix !== 'xml') addAttribute(slots, xml, attribute);
  addText(slots, xml, element);
  for (const child of element.elements) addForeign(slots, xml, child);
}

/** Of what no column has, save the terms of categories. */
function addValues(slots: Slot[], xml: string, element: XmlElement, isCategory: boolean): void {
  for (const attribute of element.attributes) {
    if (attribute.prefix === 'xml') continue;
    addAttribute(slots, xml, attribute, isCategory && attribute.name === 'term');
  }
  addText(slots, xml, element);
  for (const child of element.elements) addValues(slots, xml, child, false);
}

/** @param isTerm what is before the colon tells what it is of, and a term without one is markup */
function addAttribute(slots: Slot[], xml: string, { start, end: behind }: Attribute, isTerm = false): void {
  const end = behind - 1;
  const from = xml.indexOf(xml.charAt(end), start) + 1;
  const colon = isTerm ? xml.indexOf(':', from) : from - 1;
  if (colon < 0 || colon + 1 >= end) return;
  addSlot(slots, xml, { kind: 'attribute', start: colon + 1, end });
}

function addText(slots: Slot[], xml: string, { elements, tagEnd, endStart }: XmlElement): void {
  // Neither comments nor CDATA.
  if (elements.length > 0 || xml.slice(tagEnd, endStart).includes('<')) return;
  addSlot(slots, xml, { kind: 'text', start: tagEnd, end: endStart });
}

function addSlot(slots: Slot[], xml: string, slot: Slot): void {
  if (!isSpace(valueOf(slot.kind, xml.slice(slot.start, slot.end)))) slots.push(slot);
}

function valueOf(kind: SlotKind, written: string): string {
  return kind === 'attribute' ? normaliseValue(written) : characterData(written);
}

// What columns are made of

/** How a value stands in a column. */
type Writing =
  /** As it is written in the entry, in the column's text or within a JSON string of it. */
  | 'written'
  | 'written, in JSON'
  /** With its references resolved. */
  | 'value'
  | 'value, in JSON'
  | 'payload';

/** Texts, and between each two of them the value of a slot. */
interface Mould {
  readonly texts: readonly string[];
  readonly slots: readonly number[];
  readonly writings: readonly Writing[];
}

type Columns = Readonly<Record<Exclude<TextColumn, 'categories'>, TextForm>> & { readonly categories: ListForm };

/** Plain and as a JSON text. Null: there is no value. */
interface TextForm {
  readonly plain: Mould | null;
  readonly json: Mould;
}

interface ListForm {
  readonly plain: readonly Mould[];
  readonly json: Mould;
}

/** No text of ours has such characters (Unicode's Private Use Area); an entry that has some has no form. */
const MARKED = /[\ue000-\uf8ff]/;
const FIRST_ID = 0xe100;

/** Stands for the value of a slot in an entry. What columns do with `&amp;\` shows how they write the value. */
function mark(id: number, kind: SlotKind): string {
  const name = `\ue000${String.fromCharCode(FIRST_ID + id)}`;
  if (kind === 'instant') return `${name.padEnd(17, '\ue002')}00.000Z`;
  return kind === 'json' ? `"${name}\ue001"` : `${name}&amp;\\\ue001`;
}

const MARKS =
  /\ue000([\ue100-\uf8ff])(?:\ue002{15}00\.000Z|(&amp;\\\\|&amp;\\|&\\\\|&\\)\ue001)|"\ue000([\ue100-\uf8ff])\ue001"/g;

const WRITINGS: Readonly<Record<string, Writing>> = {
  '&amp;\\': 'written',
  '&amp;\\\\': 'written, in JSON',
  '&\\': 'value',
  '&\\\\': 'value, in JSON',
};

function mouldOf(marked: string): Mould {
  const texts: string[] = [];
  const slots: number[] = [];
  const writings: Writing[] = [];
  let at = 0;
  for (const found of marked.matchAll(MARKS)) {
    const [all, id, how, payload] = found;
    texts.push(marked.slice(at, found.index));
    slots.push((id ?? payload ?? '').charCodeAt(0) - FIRST_ID);
    writings.push(payload !== undefined ? 'payload' : how === undefined ? 'written' : (WRITINGS[how] ?? 'written'));
    at = found.index + all.length;
  }
  texts.push(marked.slice(at));
  return { texts, slots, writings };
}

/** Undefined: a column does something with the values. */
function compile(entry: ExportedEntry, slots: readonly Slot[]): RowForm | undefined {
  let pattern = '';
  let marked = '';
  let at = 0;
  for (const [id, { kind, start, end }] of slots.entries()) {
    const markup = entry.xml.slice(at, start);
    pattern += literally(markup) + patternOf(kind, entry.xml.charAt(end));
    marked += markup + mark(id, kind);
    at = end;
  }
  const rest = entry.xml.slice(at);
  const row = new EntryRow({ ...entry, xml: marked + rest }, NO_FEED, false);
  const jsonOf = (column: TextColumn): Mould => mouldOf(row.jsonOf(column));
  const formOf = (column: Exclude<TextColumn, 'categories'>): TextForm => {
    const text = row[column];
    return { plain: text === null ? null : mouldOf(text), json: jsonOf(column) };
  };
  const columns: Columns = {
    event_type: formOf('event_type'),
    tenant: formOf('tenant'),
    categories: { plain: row.categories.map(mouldOf), json: jsonOf('categories') },
    published: formOf('published'),
    updated: formOf('updated'),
    content_type: formOf('content_type'),
    content_xml: formOf('content_xml'),
    content_json: formOf('content_json'),
  };
  const moulds = Object.values(columns).flatMap(({ plain, json }: TextForm | ListForm) => [json, plain ?? []].flat());
  // How much of an element is XML there depends on how long it is.
  const isUnclear = (text: string): boolean => MARKED.test(text) || text.includes(`"${XML}"`);
  if (moulds.some(({ texts }) => texts.some(isUnclear))) return undefined;
  return startForm(
    new RegExp(`^${pattern}${literally(rest)}$`),
    slots.map(({ kind }) => kind),
    columns,
  );
}

// Entries by their form

function literally(markup: string): string {
  return markup.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
}

/**
 * Two groups for each slot: what stands for itself wherever it is put, or else what does not. What matches does so in
 * one way only, so that an entry that is written otherwise is known by one look at each character.
 */
function patternOf(kind: SlotKind, quote: string): string {
  if (kind === 'instant') return String.raw`([^<\n\r\u2028\u2029]{17}[0-5]\d\.\d{3}Z)()`;
  if (kind === 'json') return '(?:(?!)()|([^<]+))';
  const special = String.raw`"&\\\0-\x1f`;
  const within = `[^${quote}${special}]`;
  return String.raw`(?:([^${quote}${special} ]${within}*)|(${within}*(?!${quote})[${special}][^${quote}]*))`;
}

function startForm(pattern: RegExp, kinds: readonly SlotKind[], columns: Columns): RowForm {
  /** Of the entry that was asked for last: for each slot what is plain, or else what is not. */
  let found: readonly (string | undefined)[] = [];
  const ofAttributes = new Map<string, Readings>();
  const ofTexts = new Map<string, Readings>();

  return {
    rowOf(entry, feed, showsPositions) {
      const match = pattern.exec(entry.xml);
      if (match === null) return undefined;
      found = match;
      return kinds.every(isLegal) ? new AlikeRow(entry, feed, showsPositions, columns, write) : undefined;
    },
  };

  function isLegal(kind: SlotKind, slot: number): boolean {
    const special = found[2 * slot + 2];
    if (special === undefined || special === '') return true;
    return kind === 'json'
      ? jsonPayload(characterData(special)) !== undefined
      : !isSpace(readings(kind, special).value);
  }

  function write({ texts, slots, writings }: Mould): string {
    let all = texts[0] ?? '';
    for (let n = 0; n < slots.length; n++) {
      const slot = slots[n] ?? 0;
      const plain = found[2 * slot + 1];
      all += (plain ?? special(slot, writings[n] ?? 'written')) + (texts[n + 1] ?? '');
    }
    return all;
  }

  function special(slot: number, writing: Writing): string {
    const written = found[2 * slot + 2] ?? '';
    if (writing === 'payload') return onOneLine(jsonPayload(characterData(written)) ?? '');
    return readings(kinds[slot] ?? 'text', written)[writing];
  }

  /** Names with an ampersand in them come again and again. */
  function readings(kind: SlotKind, written: string): Readings {
    if (written.length > LONGEST_REMEMBERED) return readingsOf(kind, written);
    const remembered = kind === 'attribute' ? ofAttributes : ofTexts;
    const known = remembered.get(written);
    if (known !== undefined) return known;
    if (remembered.size >= MOST_REMEMBERED) remembered.clear();
    // A copy: what was cut out of an entry keeps all of it in memory.
    const copy = Buffer.from(written).toString();
    const made = readingsOf(kind, copy);
    remembered.set(copy, made);
    return made;
  }
}

type Readings = Readonly<Record<Exclude<Writing, 'payload'>, string>>;

function readingsOf(kind: SlotKind, written: string): Readings {
  const value = valueOf(kind, written);
  return { written, 'written, in JSON': inJson(written), value, 'value, in JSON': inJson(value) };
}

const MOST_REMEMBERED = 100;
const LONGEST_REMEMBERED = 100;

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

class AlikeRow extends EntryRow {
  private readonly columns: Columns;
  private readonly write: (mould: Mould) => string;

  constructor(
    entry: ExportedEntry,
    source: Pick<Feed, 'workspace' | 'name'>,
    showsPositions: boolean,
    columns: Columns,
    write: (mould: Mould) => string,
  ) {
    super(entry, source, showsPositions);
    this.columns = columns;
    this.write = write;
  }

  override get event_type(): string | null {
    return this.textOf('event_type');
  }

  override get tenant(): string | null {
    return this.textOf('tenant');
  }

  override get categories(): readonly string[] {
    return this.columns.categories.plain.map(this.write);
  }

  override get published(): string | null {
    return this.textOf('published');
  }

  override get updated(): string | null {
    return this.textOf('updated');
  }

  override get content_type(): string | null {
    return this.textOf('content_type');
  }

  override get content_xml(): string | null {
    return this.textOf('content_xml');
  }

  override get content_json(): string | null {
    return this.textOf('content_json');
  }

  override jsonOf(column: ExportColumn): string {
    return column in this.columns ? this.write(this.columns[column as TextColumn].json) : super.jsonOf(column);
  }

  private textOf(column: Exclude<TextColumn, 'categories'>): string | null {
    const { plain } = this.columns[column];
    return plain === null ? null : this.write(plain);
  }
}
