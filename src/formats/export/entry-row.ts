import type { ContentValue } from '../../core/content-columns.js';
import type { Instant } from '../../core/entry.js';
import type { ExportedEntry } from '../../core/export.js';
import type { Feed } from '../../core/feed.js';
import { toInstantMs } from '../dates.js';
import { contentView } from '../atom/entry-view.js';
import type { ContentView } from '../atom/entry-view.js';
import { ATOM_NAMESPACE } from '../atom/atom-rules.js';
import { elementJson } from '../json/json-write.js';
import { readKnownTree } from '../xml/known-tree.js';
import { attributeOf } from '../xml/xml-tree.js';
import type { XmlElement } from '../xml/xml-tree.js';
import type { OctetWriter } from '../octet-writer.js';
import type { ExportColumn, ExportRow, JsonMember, RowColumn, TextColumn } from './export-row.js';
import { JSON_OF, typedJson } from './row-json.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

const TYPE_TERM = 'type:';
const TENANT_TERM = 'tid:';
const NO_TERMS: readonly string[] = [];

/** An entry as a row. What a column takes is done when it is asked for. `showsPositions`: the caller sees the whole log. */
export class EntryRow implements ExportRow {
  private readonly entry: ExportedEntry;
  protected readonly source: Pick<Feed, 'workspace' | 'name'>;
  private readonly showsPositions: boolean;
  private known: XmlElement | undefined;
  private terms: readonly string[] | undefined;
  private seen: ContentView | null | undefined;

  constructor(
    entry: ExportedEntry,
    source: Pick<Feed, 'workspace' | 'name'>,
    showsPositions: boolean,
    tree?: XmlElement,
  ) {
    this.entry = entry;
    this.source = source;
    this.showsPositions = showsPositions;
    this.known = tree;
  }

  get workspace(): string {
    return this.source.workspace;
  }

  get feed(): string {
    return this.source.name;
  }

  get position(): bigint | null {
    return this.showsPositions ? this.entry.position : null;
  }

  get atom_id(): string {
    return this.entry.atomId;
  }

  get event_type(): string | null {
    return behind(this.categories, TYPE_TERM);
  }

  get tenant(): string | null {
    return behind(this.categories, TENANT_TERM);
  }

  get categories(): readonly string[] {
    this.terms ??= this.isTombstone ? NO_TERMS : termsOf(this.tree);
    return this.terms;
  }

  get published(): Instant | null {
    return this.isTombstone ? null : instantOf(atomChild(this.tree, 'published')?.text);
  }

  get updated(): Instant | null {
    // RFC 6721 §3: `when` is when it was deleted.
    const text = this.isTombstone ? attributeOf(this.tree, 'when') : atomChild(this.tree, 'updated')?.text;
    return instantOf(text);
  }

  get recorded_at(): Instant {
    return this.entry.recordedAt;
  }

  get kind(): ExportedEntry['kind'] {
    return this.entry.kind;
  }

  get schema_version(): number | null {
    return this.entry.schemaVersion ?? null;
  }

  get content_type(): string | null {
    const { content } = this;
    if (content === null) return null;
    return content.kind === 'markup' ? 'text/html' : (content.type ?? null);
  }

  get content_xml(): string | null {
    return this.content?.kind === 'xml' ? this.content.xml : null;
  }

  get content_json(): string | null {
    const { content } = this;
    if (content === null) return null;
    switch (content.kind) {
      case 'xml':
        return xmlAsJson(this.entry.xml, content.xml, atomChild(this.tree, 'content'));
      case 'json':
        return onOneLine(content.json);
      case 'text':
        return JSON.stringify(content.text);
      case 'markup':
        return JSON.stringify(content.html);
      case 'binary':
        return JSON.stringify(content.bytes.toString('base64'));
      case 'outside':
        return JSON.stringify({ src: content.src });
    }
  }

  get values(): readonly ContentValue[] {
    return this.entry.values ?? [];
  }

  jsonOf(column: ExportColumn): string {
    return JSON_OF[column](this);
  }

  writeMembers(members: readonly JsonMember[], to: OctetWriter): void {
    for (const { begin, column } of members) {
      to.text(begin);
      this.writeColumn(column, to);
    }
  }

  protected writeColumn(column: RowColumn, to: OctetWriter): void {
    const { position } = this;
    if (typeof column !== 'string') to.text(typedJson(column, this));
    else if (column === 'position' && position !== null) to.integer(Number(position));
    // There is nothing to escape in them.
    else if (column === 'recorded_at' || column === 'kind') to.text(`"${this[column]}"`);
    else if (column !== 'atom_id' || !this.writeAtomId(to)) to.text(this.jsonOf(column));
  }

  textOf(column: TextColumn): Uint8Array | string | null {
    const { octets } = this.entry;
    if (column !== 'atom_id' || octets === undefined) return this[column];
    return octets.all.subarray(octets.atomId, octets.idEnd);
  }

  /** False: it has to be escaped, or made of text. */
  private writeAtomId(to: OctetWriter): boolean {
    const { octets } = this.entry;
    if (octets === undefined) return false;
    const { all, atomId: start, idEnd: end } = octets;
    to.ensure(end - start + 2);
    const { all: written } = to;
    let at = to.end;
    written[at++] = QUOTE;
    for (let from = start; from < end; from++, at++) {
      const octet = all[from] ?? 0;
      if (octet < 0x20 || octet === QUOTE || octet === BACKSLASH) return false;
      written[at] = octet;
    }
    written[at] = QUOTE;
    to.end = at + 1;
    return true;
  }

  private get isTombstone(): boolean {
    return this.entry.kind === 'tombstone';
  }

  private get tree(): XmlElement {
    this.known ??= readKnownTree(this.entry.xml);
    return this.known;
  }

  /** Null: there is none. */
  private get content(): ContentView | null {
    if (this.seen !== undefined) return this.seen;
    const element = this.isTombstone ? undefined : atomChild(this.tree, 'content');
    this.seen = element === undefined ? null : contentView(this.entry.xml, element);
    return this.seen;
  }
}

function atomChild(tree: XmlElement, local: string): XmlElement | undefined {
  for (const element of tree.elements) {
    if (element.local === local && element.uri === ATOM_NAMESPACE) return element;
  }
  return undefined;
}

function termsOf(tree: XmlElement): readonly string[] {
  const terms: string[] = [];
  for (const element of tree.elements) {
    if (element.local === 'category' && element.uri === ATOM_NAMESPACE) terms.push(attributeOf(element, 'term') ?? '');
  }
  return terms;
}

/** The first of them that begins so, however that is written, without that. */
function behind(terms: readonly string[], beginning: string): string | null {
  for (const term of terms) {
    const { length } = beginning;
    if (term.length >= length && term.slice(0, length).toLowerCase() === beginning) return term.slice(length);
  }
  return null;
}

/** As what is stored is nearly always written: in UTC, to the millisecond, and no leap second. */
export const USUAL_INSTANT = /^.{17}[0-5]\d\.\d{3}Z$/;

/** To the millisecond; finer fractions are cut off. Null where UTC is in a year that four digits do not tell (RFC 3339 §1). */
function instantOf(text: string | undefined): Instant | null {
  if (text === undefined) return null;
  if (USUAL_INSTANT.test(text)) return text;
  const ms = toInstantMs(text);
  const instant = ms === undefined ? '' : new Date(ms).toISOString();
  return /^\d/.test(instant) ? instant : null;
}

/** By the mapping of `application/json` (docs/json.md): one member, named as the element. */
function xmlAsJson(source: string, alone: string, content: XmlElement | undefined): string | null {
  const element = content?.elements[0];
  if (element === undefined) return null;
  // An element of Atom within Atom's own is mapped otherwise than at the top.
  const [text, top] = element.uri === ATOM_NAMESPACE ? [alone, readKnownTree(alone)] : [source, element];
  return `{${JSON.stringify(element.local)}:${elementJson('json', text, top, ATOM_NAMESPACE)}}`;
}

/** Between the tokens of a JSON text a line end is white space, and within them there is none (RFC 8259 §2, §7). */
export function onOneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replaceAll(/[\r\n]+/g, ' ') : json;
}
