import { ATOM_NAMESPACE, MOST_ELEMENTS } from '../atom/atom-rules.js';
import { TEXT, TYPE, XML, XML_CONTENT, isAttribute, isContent, isXhtml, isXhtmlDiv } from './json-mapping.js';
import type { Dialect } from './json-mapping.js';
import { writeJsonPayload } from './json-payload.js';
import { pointerPart } from './json-text.js';
import type { JsonMember, JsonNode, JsonObject } from './json-text.js';
import { isJsonType } from '../media-types.js';
import { breather } from '../slices.js';
import { XMLNS_NAMESPACE, XML_NAMESPACE, escapeAttribute, escapeText } from '../xml/xml.js';
import { isChar, isName, isNameStart } from '../xml/xml-chars.js';
import { NO_DEFAULT, readTree } from '../xml/xml-tree.js';
import { FeedsError } from '../../core/errors.js';

/** A mistake in a JSON document: where, by JSON Pointer and by the offset in its text. */
export interface JsonMistake {
  readonly pointer: string;
  readonly at: number;
  readonly message: string;
}

/** Where in the Atom text something of the JSON document has been written. */
export interface Mark {
  /** The offset of the start tag. */
  readonly offset: number;
  readonly pointer: string;
  readonly node: JsonNode;
}

export interface JsonAtom {
  readonly xml: string;
  /** In the order of their offsets. */
  readonly marks: readonly Mark[];
  readonly mistakes: readonly JsonMistake[];
  readonly mistakeCount: number;
  /** JSON Pointers of the entries to which a summary was added. */
  readonly summarised: ReadonlySet<string>;
  /** How many JSON payloads are in it. */
  readonly payloads: number;
}

const MOST_MISTAKES = 100;
/** RFC 4287 §4.1.2 wants a summary beside Base64; a title makes a better one. */
const SUMMARY_WITHOUT_TITLE = 'JSON';
/** Where the entries of a document stand. What is called so within a content is somebody else's business. */
const ENTRY_PLACE = /^\/(?:feed\/)?entry(?:\/\d+)?$/;

interface Writing {
  readonly dialect: Dialect;
  readonly source: string;
  readonly inlineJson: boolean;
  xml: string;
  readonly marks: Mark[];
  readonly mistakes: JsonMistake[];
  mistakeCount: number;
  readonly summarised: Set<string>;
  payloads: number;
  /** In the entry that is being written. */
  elements: number;
}

interface ElementName {
  readonly local: string;
  readonly uri: string;
}

/**
 * The Atom text that a member of a document's root stands for; `source` is the document's text. Other work may come between
 * the entries of a feed.
 */
export async function toAtom(
  dialect: Dialect,
  source: string,
  root: JsonMember,
  inlineJson: boolean,
): Promise<JsonAtom> {
  const writing: Writing = {
    dialect,
    source,
    inlineJson,
    xml: '',
    marks: [],
    mistakes: [],
    mistakeCount: 0,
    summarised: new Set(),
    payloads: 0,
    elements: 0,
  };
  const pointer = pointerPart(root.name);
  if (root.value.kind !== 'object') {
    complain(writing, root.value, pointer, `an object was expected: "${root.name}" is an element`);
    return writing;
  }
  const open = startObject(writing, root.name, root.value, '', pointer);
  if (open === undefined) return writing;
  const breathe = breather();
  for (const { parent, name, value, pointer: place } of childrenOf(writing, open)) {
    if (name === 'entry') writing.elements = 0;
    writeChild(writing, parent, name, value, place);
    await breathe();
  }
  endObject(writing, open);
  return writing;
}

function complain(writing: Writing, { start }: { readonly start: number }, pointer: string, message: string): void {
  writing.mistakeCount++;
  if (writing.mistakes.length < MOST_MISTAKES) writing.mistakes.push({ pointer, at: start, message });
}

/** An element whose start tag is written, and its text. */
interface OpenElement {
  readonly element: ElementName;
  readonly members: ReadonlyMap<string, JsonMember>;
  /** Members that are child elements, or several of them. */
  readonly children: readonly JsonMember[];
  readonly pointer: string;
}

interface Child {
  readonly parent: ElementName;
  readonly name: string;
  readonly value: JsonNode;
  readonly pointer: string;
}

function* childrenOf(writing: Writing, { element, children, pointer }: OpenElement): Generator<Child> {
  for (const { name, value } of children) {
    const place = pointer + pointerPart(name);
    if (value.kind !== 'array') {
      yield { parent: element, name, value, pointer: place };
      continue;
    }
    if (value.items.length === 0) complain(writing, value, place, 'an array of no elements: leave it out');
    for (const [index, item] of value.items.entries()) {
      yield { parent: element, name, value: item, pointer: place + pointerPart(index) };
    }
  }
}

function writeChild(writing: Writing, parent: ElementName, name: string, value: JsonNode, pointer: string): void {
  if (++writing.elements > MOST_ELEMENTS) {
    const message = `this entry has more than ${String(MOST_ELEMENTS)} elements, which is the limit`;
    if (writing.elements === MOST_ELEMENTS + 1) complain(writing, value, pointer, message);
    return;
  }
  if (value.kind === 'object') writeObject(writing, name, value, parent.uri, pointer);
  else if (value.kind === 'string') writeString(writing, parent, name, value, pointer);
  else complain(writing, value, pointer, scalarProblem(writing, value));
}

/** An element with nothing but text. */
function writeString(
  writing: Writing,
  parent: ElementName,
  name: string,
  value: JsonNode & { readonly kind: 'string' },
  pointer: string,
): void {
  if (writing.dialect === 'json' && parent.uri !== ATOM_NAMESPACE) {
    complain(writing, value, pointer, `an element outside of Atom is an object: {"${TEXT}": "…"}`);
    return;
  }
  writing.marks.push({ offset: writing.xml.length, pointer, node: value });
  writing.xml += `<${name}>${escapeText(legal(writing, value, pointer))}</${name}>`;
}

function writeObject(writing: Writing, name: string, value: JsonObject, parentUri: string, pointer: string): void {
  const open = startObject(writing, name, value, parentUri, pointer);
  if (open === undefined) return;
  for (const child of childrenOf(writing, open))
    writeChild(writing, child.parent, child.name, child.value, child.pointer);
  endObject(writing, open);
}

/** Undefined: there is nothing more in the element, and it is written whole. */
function startObject(
  writing: Writing,
  name: string,
  value: JsonObject,
  parentUri: string,
  pointer: string,
): OpenElement | undefined {
  const members = distinct(writing, value, pointer);
  const xml = members.get(XML);
  if (xml !== undefined && writing.dialect === 'json') {
    writeXml(writing, name, xml, members.size, pointer);
    return undefined;
  }
  const uri = namespaceOf(writing, members.get(TYPE), parentUri, pointer);
  const element = { local: name, uri };
  writing.marks.push({ offset: writing.xml.length, pointer, node: value });
  writing.xml += uri === parentUri ? `<${name}` : `<${name} xmlns="${escapeAttribute(uri)}"`;

  const children: JsonMember[] = [];
  for (const member of members.values()) {
    if (member.name === TYPE || member.name === TEXT) continue;
    if (writeAttribute(writing, element, member, pointer)) children.push(member);
  }
  const type = textMember(members.get('type'));
  const hasChildElement = children.length > 0;
  if (isContent(element) && hasChildElement && type === undefined) writing.xml += ` type="${XML_CONTENT}"`;
  if (!hasChildElement && !members.has(TEXT)) {
    writing.xml += '/>';
    return undefined;
  }
  writing.xml += '>';
  writeText(writing, element, members, type, hasChildElement, pointer);
  return { element, members, children, pointer };
}

function endObject(writing: Writing, { element, members, pointer }: OpenElement): void {
  const isEntry = element.uri === ATOM_NAMESPACE && element.local === 'entry' && ENTRY_PLACE.test(pointer);
  if (isEntry) addSummary(writing, members, pointer);
  writing.xml += `</${element.local}>`;
}

/** By name. A name that is there twice could mean the one or the other (RFC 8259 §4): both are refused. */
function distinct(writing: Writing, { members }: JsonObject, pointer: string): Map<string, JsonMember> {
  const byName = new Map<string, JsonMember>();
  for (const member of members) {
    if (byName.has(member.name)) {
      const place = { start: member.at };
      complain(writing, place, pointer + pointerPart(member.name), 'this member is there twice');
    } else {
      byName.set(member.name, member);
    }
  }
  return byName;
}

function namespaceOf(writing: Writing, member: JsonMember | undefined, parentUri: string, pointer: string): string {
  if (member === undefined) return parentUri;
  const { value } = member;
  const place = pointer + pointerPart(TYPE);
  if (value.kind !== 'string') {
    complain(writing, value, place, 'a string was expected: the namespace of the element');
    return parentUri;
  }
  const uri = legal(writing, value, place);
  // Namespaces in XML 1.0 §3
  if (uri !== XML_NAMESPACE && uri !== XMLNS_NAMESPACE) return uri;
  complain(writing, value, place, 'this namespace is reserved: no element can be in it');
  return parentUri;
}

/** Writes what is an attribute, and tells what is wrong; true when the member is neither, but child elements. */
function writeAttribute(
  writing: Writing,
  element: ElementName,
  { name, value, at }: JsonMember,
  pointer: string,
): boolean {
  const place = pointer + pointerPart(name);
  const attribute = value.kind === 'string' && isAttribute(element, name);
  if (!isMemberName(name, attribute)) {
    complain(writing, { start: at }, place, nameProblem(name));
    return false;
  }
  if (value.kind !== 'object' && value.kind !== 'array' && value.kind !== 'string') {
    complain(writing, value, place, scalarProblem(writing, value));
    return false;
  }
  if (!attribute) return true;
  writing.xml += ` ${name}="${escapeAttribute(legal(writing, value, place))}"`;
  return false;
}

function writeText(
  writing: Writing,
  element: ElementName,
  members: ReadonlyMap<string, JsonMember>,
  type: string | undefined,
  hasChildElement: boolean,
  pointer: string,
): void {
  const text = members.get(TEXT)?.value;
  if (text === undefined) return;
  const place = pointer + pointerPart(TEXT);
  const isJson = isContent(element) && type !== undefined && isJsonType(type) && !members.has('src');
  if (isJson && !hasChildElement) {
    writing.payloads++;
    writing.xml += writeJsonPayload(writing.source.slice(text.start, text.end), writing.inlineJson);
    return;
  }
  if (text.kind !== 'string') {
    complain(writing, text, place, `a string was expected; a JSON value stands in content of a JSON media type only`);
    return;
  }
  if (hasChildElement && writing.dialect === 'json') {
    complain(writing, text, place, `text beside child elements: an element with both is {"${XML}": "<…>"}`);
    return;
  }
  if (isXhtml(element, type)) {
    const markup = fragment(text.value);
    if (typeof markup !== 'string' && isXhtmlDiv(markup)) {
      writing.xml += markup.xml;
      return;
    }
  }
  writing.xml += escapeText(legal(writing, text, place));
}

/** An element as self-contained XML. */
function writeXml(writing: Writing, name: string, { value }: JsonMember, memberCount: number, pointer: string): void {
  const place = pointer + pointerPart(XML);
  if (value.kind !== 'string') {
    complain(writing, value, place, 'a string was expected: the element as XML');
    return;
  }
  if (memberCount > 1) {
    complain(writing, value, place, `"${XML}" is the whole element: nothing can stand beside it`);
    return;
  }
  const read = fragment(value.value);
  if (typeof read === 'string') {
    complain(writing, value, place, read);
  } else if (read.local === name) {
    writing.marks.push({ offset: writing.xml.length, pointer: place, node: value });
    writing.xml += read.xml;
  } else {
    complain(writing, value, place, `an element "${name}" was expected, but this is "${read.local.slice(0, 80)}"`);
  }
}

/** An element's XML, so that it means the same where a default namespace applies; or what is wrong with it. */
function fragment(text: string): { local: string; uri: string; xml: string } | string {
  try {
    const root = readTree(text);
    if (root.start !== 0 || root.end !== text.length) return 'exactly one element was expected, and nothing around it';
    const { local, uri } = root;
    if (root.declarations.has('')) return { local, uri, xml: text };
    const at = root.tagEnd - (text.charAt(root.tagEnd - 2) === '/' ? 2 : 1);
    return { local, uri, xml: text.slice(0, at) + NO_DEFAULT + text.slice(at) };
  } catch (error) {
    if (!(error instanceof FeedsError)) throw error;
    return error.message.replace('the body', 'this');
  }
}

function addSummary(writing: Writing, members: ReadonlyMap<string, JsonMember>, pointer: string): void {
  if (writing.inlineJson || members.has('summary')) return;
  const content = members.get('content')?.value;
  if (content?.kind !== 'object') return;
  const find = (name: string): JsonMember | undefined => content.members.find((member) => member.name === name);
  if (!isJsonType(textMember(find('type')) ?? '') || find('src') !== undefined) return;
  writing.summarised.add(pointer);
  const title = textMember(members.get('title'));
  const summary = title === undefined || title === '' ? SUMMARY_WITHOUT_TITLE : title;
  writing.xml += `<summary>${escapeText(summary)}</summary>`;
}

function textMember(member: JsonMember | undefined): string | undefined {
  return member?.value.kind === 'string' ? member.value.value : undefined;
}

/** The string, if XML 1.0 §2.2 can carry each of its characters. */
function legal(writing: Writing, node: JsonNode & { readonly kind: 'string' }, pointer: string): string {
  const { value } = node;
  if (!SUSPECT.test(value)) return value;
  for (const character of value) {
    const code = character.codePointAt(0) ?? 0;
    if (isChar(code)) continue;
    const shown = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
    const what = code >= 0xd800 && code <= 0xdfff ? 'half of a surrogate pair' : 'a character that XML cannot carry';
    complain(writing, node, pointer, `${shown} is ${what}`);
    return '';
  }
  return value;
}

const SUSPECT = /[\0-\x08\v\f\x0e-\x1f\ud800-\udfff\ufffe\uffff]/u;

function isMemberName(name: string, attribute: boolean): boolean {
  if (attribute && (name === 'xml:lang' || name === 'xml:base')) return true;
  // It would be a namespace declaration.
  if (attribute && name === 'xmlns') return false;
  return isNCName(name);
}

/** Namespaces in XML 1.0 §3, production [4]. */
function isNCName(name: string): boolean {
  let first = true;
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    if (!(first ? isNameStart(code) : isName(code))) return false;
    first = false;
  }
  return !first;
}

function nameProblem(name: string): string {
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 79)}…` : name);
  if (name === 'xmlns') return `"xmlns" cannot be an attribute: a namespace is told by "${TYPE}"`;
  if (name.startsWith('@'))
    return `${shown} is not known; there are "${TYPE}", "${TEXT}" and in application/json "${XML}"`;
  if (name.startsWith('xml:'))
    return `${shown} cannot stand here: of "xml:" there are "xml:lang" and "xml:base", as strings`;
  return `${shown} cannot be the name of an element or attribute (Namespaces in XML §3)`;
}

function scalarProblem({ source }: Writing, value: Exclude<JsonNode, JsonObject>): string {
  if (value.kind === 'array') return 'an array in an array: each item is one element';
  if (value.kind === 'null') return 'null says nothing in XML: leave the member out';
  const text = source.slice(value.start, value.end);
  return `a string was expected, as XML has no types: "${text.length > 40 ? `${text.slice(0, 39)}…` : text}"; what is to keep its type stands in content of type application/json`;
}
