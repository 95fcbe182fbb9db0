import type { Entry } from '../../core/entry.js';
import type { Feed } from '../../core/feed.js';
import type { Urls } from '../../core/urls.js';
import { ATOM_NAMESPACE, XHTML_NAMESPACE } from '../atom/atom-rules.js';
import { feedFrame, renderEntry } from '../atom/atom-write.js';
import type { FeedDocument } from '../atom/atom-write.js';
import { TEXT, TYPE, XML, XML_CONTENT } from './json-mapping.js';
import {
  hasAttributesOfItsOwn,
  isAlwaysArray,
  isAttribute,
  isContent,
  isUnordered,
  isXhtml,
  isXhtmlDiv,
} from './json-mapping.js';
import type { Dialect } from './json-mapping.js';
import { jsonPayload } from './json-payload.js';
import { isJsonType, isXmlType } from '../media-types.js';
import { XML_NAMESPACE } from '../xml/xml.js';
import type { Attribute } from '../xml/xml.js';
import { readKnownTree, readKnownTreeGently } from '../xml/known-tree.js';
import { attributeOf, hasText, isSpace, selfContained } from '../xml/xml-tree.js';
import type { XmlElement } from '../xml/xml-tree.js';

/** A page of a feed: `{"feed": {…, "entry": […]}}`, in pieces. */
export async function* writeJsonPage(
  dialect: Dialect,
  document: FeedDocument,
  entries: Iterable<Entry> | AsyncIterable<Entry>,
  urls: Urls,
): AsyncGenerator<string> {
  const { head, tail } = feedFrame(document);
  const frame = elementJson(dialect, head + tail, readKnownTree(head + tail), '');
  yield `{"feed":${frame.slice(0, -1)},"entry":[`;
  const deleted: string[] = [];
  let separator = '\n';
  for await (const entry of entries) {
    if (entry.kind === 'tombstone') {
      deleted.push(elementJson(dialect, entry.xml, readKnownTree(entry.xml), ATOM_NAMESPACE));
      continue;
    }
    const xml = renderEntry(entry, document.feed, urls);
    yield separator + elementJson(dialect, xml, await readKnownTreeGently(xml), ATOM_NAMESPACE);
    separator = ',\n';
  }
  yield `\n]${deleted.length === 0 ? '' : `,"deleted-entry":${asMember(deleted, false)}`}}}\n`;
}

/** An entry as a document: `{"entry": {…}}`. */
export async function writeJsonEntry(dialect: Dialect, entry: Entry, feed: Feed, urls: Urls): Promise<string> {
  const xml = renderEntry(entry, feed, urls);
  return `{"entry":${elementJson(dialect, xml, await readKnownTreeGently(xml), '')}}\n`;
}

/** By the name of an element the names of its children that are arrays, however many of them there are. */
export type Arrays = ReadonlyMap<string, readonly string[]>;

/** Any document of ours: `{"service": {…}}`. */
export function writeJsonDocument(dialect: Dialect, xml: string, arrays: Arrays): string {
  const root = readKnownTree(xml);
  return `{${JSON.stringify(root.local)}:${elementJson(dialect, xml, root, '', arrays)}}\n`;
}

const NO_ARRAYS: Arrays = new Map();

/** What is being written. */
interface Writing {
  readonly dialect: Dialect;
  readonly source: string;
  readonly arrays: Arrays;
  /** Characters that elements as XML may yet take: each has a copy of the namespaces around it. */
  readonly room: { left: number };
}

/** So much more than the whole entry, and something for small ones. */
const ROOM_FACTOR = 2;
const LEAST_ROOM = 16 * 1024;
const OUT_OF_ROOM = new Error('the elements as XML are larger than the whole');

/**
 * The JSON text of an element; `parentUri` is the namespace of the element around it. Where its parts as XML, with the
 * namespaces that each needs, would be much larger than the whole, the whole is XML; in `cloudfeeds` XHTML then is members
 * like everything else.
 */
export function elementJson(
  dialect: Dialect,
  source: string,
  element: XmlElement,
  parentUri: string,
  arrays = NO_ARRAYS,
): string {
  const room = { left: source.length * ROOM_FACTOR + LEAST_ROOM };
  try {
    return valueOf({ dialect, source, arrays, room }, element, parentUri);
  } catch (error) {
    if (error !== OUT_OF_ROOM) throw error;
  }
  if (dialect === 'json') return `{"${XML}":${quoted(selfContained(source, element))}}`;
  return valueOf({ dialect, source, arrays, room: NO_XML }, element, parentUri);
}

const NO_XML = { left: 0 };

function valueOf(writing: Writing, element: XmlElement, parentUri: string): string {
  const { dialect } = writing;
  if (dialect === 'json' && !isCarriable(element)) return `{"${XML}":${asXml(writing, element)}}`;
  const attributes = dialect === 'json' ? attributesOf(element) : carriedAttributes(element);
  const markup = dialect === 'json' || writing.room === NO_XML ? undefined : markupOf(element);
  const children = markup === undefined ? element.elements : [];
  if (children.length + attributes.length === 0 && isScalar(dialect, element, parentUri)) return quoted(element.text);

  let members = '';
  const add = (name: string, value: string): void => {
    members += `${members === '' ? '' : ','}"${name}":${value}`;
  };
  if (element.uri !== parentUri) add(TYPE, quoted(element.uri));
  const isBare = children.length === 0 && !writing.arrays.has(element.local);
  const byName = isBare ? NO_CHILDREN : childrenByName(writing, element);
  for (const [name, value] of attributes) {
    const others = byName.get(name);
    // Only `cloudfeeds` has an attribute and child elements of one name.
    if (others === undefined) add(name, quoted(value));
    else others.values.unshift(quoted(value));
  }
  const text = markup === undefined ? textMember(dialect, element) : asXml(writing, markup);
  if (text !== undefined) add(TEXT, text);
  for (const [name, { values, always }] of byName) add(name, asMember(values, always));
  return `{${members}}`;
}

function asXml({ source, room }: Writing, element: XmlElement): string {
  const xml = selfContained(source, element);
  room.left -= xml.length;
  if (room.left < 0) throw OUT_OF_ROOM;
  return quoted(xml);
}

interface Siblings {
  readonly values: string[];
  /** An array even where there is only one. */
  always: boolean;
}

const NO_CHILDREN: ReadonlyMap<string, Siblings> = new Map();

function childrenByName(writing: Writing, element: XmlElement): ReadonlyMap<string, Siblings> {
  const byName = new Map<string, Siblings>();
  const arrays = writing.arrays.get(element.local) ?? [];
  for (const child of element.elements) {
    const { local } = child;
    const value = valueOf(writing, child, element.uri);
    const always = (child.uri === ATOM_NAMESPACE && isAlwaysArray(element, local)) || arrays.includes(local);
    const siblings = byName.get(local);
    if (siblings === undefined) {
      byName.set(local, { values: [value], always });
    } else {
      siblings.values.push(value);
      siblings.always ||= always;
    }
  }
  for (const name of arrays) if (!byName.has(name)) byName.set(name, { values: [], always: true });
  return byName;
}

function asMember(values: readonly string[], always: boolean): string {
  return always || values.length > 1 ? `[${values.join(',')}]` : (values[0] ?? '');
}

const ESCAPED = /["\\\0-\x1f]/;

/** Of text that came out of XML: it holds no lone surrogates. Most of it needs no escapes. */
function quoted(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** Of an element without attributes and child elements: is its text all that is to be told? */
function isScalar(dialect: Dialect, element: XmlElement, parentUri: string): boolean {
  const { parent, local } = element;
  if (element.uri !== parentUri || parent === undefined) return false;
  // As a scalar it would be taken for the attribute, or for a namespace declaration.
  if (local === 'xmlns' || (parent.uri === ATOM_NAMESPACE && isAttribute(parent, local))) return false;
  return dialect === 'cloudfeeds' || element.uri === ATOM_NAMESPACE;
}

function textMember(dialect: Dialect, element: XmlElement): string | undefined {
  const { text } = element;
  if (text === '') return undefined;
  if (element.elements.length > 0) {
    // Between elements white space is layout. What the lossless dialect cannot say has been sorted out before.
    return dialect === 'cloudfeeds' && hasText(element) ? quoted(text) : undefined;
  }
  const payload = isJsonContent(element) ? jsonPayload(text) : undefined;
  if (payload !== undefined) return payload;
  // An attribute that Atom does not know comes back as an element, and white space beside that would be layout.
  const isLayout = isSpace(text) && element.attributes.some((one) => !isAttribute(element, memberName(one)));
  return isLayout ? undefined : quoted(text);
}

/** The div of XHTML: in `cloudfeeds` it is told as text. */
function markupOf(element: XmlElement): XmlElement | undefined {
  const [only, second] = element.elements;
  if (only === undefined || second !== undefined || !isXhtmlDiv(only)) return undefined;
  return isXhtml(element, attributeOf(element, 'type')) ? only : undefined;
}

/** Content whose text is a JSON value (RFC 4287 §4.1.3.3 by its media type). */
function isJsonContent(element: XmlElement): boolean {
  return (
    isContent(element) && attributeOf(element, 'src') === undefined && isJsonType(attributeOf(element, 'type') ?? '')
  );
}

type Attributes = readonly (readonly [name: string, value: string])[];

const NO_ATTRIBUTES: Attributes = [];

/** Of an element that members can carry. */
function attributesOf(element: XmlElement): Attributes {
  const { attributes } = element;
  if (attributes.length === 0) return NO_ATTRIBUTES;
  const all = attributes.map((attribute) => [memberName(attribute), attribute.value] as const);
  return isTypeImplied(element) ? all.filter(([name]) => name !== 'type') : all;
}

/** Of any element: what `cloudfeeds` cannot carry is left out. */
function carriedAttributes(element: XmlElement): Attributes {
  if (element.attributes.length === 0) return NO_ATTRIBUTES;
  const values = new Map<string, string>();
  const isTyped = hasAttributesOfItsOwn(element);
  const childNames = new Set(element.uri === ATOM_NAMESPACE ? element.elements.map(({ local }) => local) : []);
  const plainFirst = element.attributes.toSorted((one, other) => Number(one.uri !== '') - Number(other.uri !== ''));
  for (const attribute of plainFirst) {
    const name = memberName(attribute);
    if (values.has(name) || childNames.has(name) || name === 'xmlns') continue;
    // It would come back as a child element, where Atom has text or nothing.
    if (isTyped && !isAttribute(element, name)) continue;
    values.set(name, attribute.value);
  }
  if (isTypeImplied(element)) values.delete('type');
  return [...values];
}

/** Content with a child element has this type when it says none. */
function isTypeImplied(element: XmlElement): boolean {
  return element.elements.length > 0 && isContent(element) && attributeOf(element, 'type') === XML_CONTENT;
}

function memberName({ uri, local }: Attribute): string {
  return uri === XML_NAMESPACE && (local === 'lang' || local === 'base') ? `xml:${local}` : local;
}

/** Can the members of an object say all of this element, and the reader find its way back? */
function isCarriable(element: XmlElement): boolean {
  for (const attribute of element.attributes) {
    const name = memberName(attribute);
    if (attribute.uri !== '' && name === attribute.local) return false;
    if (!isAttribute(element, name)) return false;
  }
  if (isXhtml(element, attributeOf(element, 'type'))) return false;
  if (element.elements.length === 0) return !isJsonContent(element) || jsonPayload(element.text) !== undefined;
  if (hasText(element) || hasSpaceThatCounts(element)) return false;
  return (!isContent(element) || isXmlContent(element)) && haveNamesOfTheirOwn(element);
}

/**
 * White space between elements is layout where it breaks a line, and everywhere in Atom's own elements; in XHTML it parts
 * words.
 */
function hasSpaceThatCounts({ uri, children }: XmlElement): boolean {
  if (uri === ATOM_NAMESPACE) return false;
  return children.some((child) => typeof child === 'string' && (uri === XHTML_NAMESPACE || !/[\n\r]/.test(child)));
}

function isXmlContent(element: XmlElement): boolean {
  return attributeOf(element, 'src') === undefined && isXmlType(attributeOf(element, 'type') ?? '');
}

const NO_NAMES: ReadonlySet<string> = new Set();

/** Would each child element, and those of one name together, become a member that is taken for nothing else? */
function haveNamesOfTheirOwn(element: XmlElement): boolean {
  const { elements } = element;
  const taken = element.attributes.length === 0 ? NO_NAMES : new Set(attributesOf(element).map(([name]) => name));
  const isAtom = element.uri === ATOM_NAMESPACE;
  const unordered = isUnordered(element);
  const seen = elements.length > 1 ? new Set<string>() : undefined;
  let before: string | undefined;
  for (const child of elements) {
    const { local } = child;
    if (taken.has(local)) return false;
    // It would be taken for an attribute on the way back.
    if (isAtom && child.uri === ATOM_NAMESPACE && isAttribute(element, local) && isPlainText(child)) return false;
    if (!unordered && local !== before && seen?.has(local) === true) return false;
    seen?.add(local);
    before = local;
  }
  return true;
}

function isPlainText(element: XmlElement): boolean {
  return element.attributes.length + element.elements.length === 0;
}
