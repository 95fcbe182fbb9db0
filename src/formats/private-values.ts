import { contentElement, contentOf } from './content-places.js';
import { jsonPayload } from './json/json-payload.js';
import { partsOf } from './json/json-pointer.js';
import { readJsonText } from './json/json-text.js';
import type { JsonNode } from './json/json-text.js';
import { isJsonType, isXmlType } from './media-types.js';
import { attributeOf, readTree } from './xml/xml-tree.js';
import type { XmlElement } from './xml/xml-tree.js';
import { escapeText } from './xml/xml.js';

/**
 * An entry without what JSON Pointers (RFC 6901) name in its content; nothing else of its text changes. Of XML they name what
 * the mapping makes of it (docs/json.md).
 */
export function withoutPointers(entry: string, pointers: readonly string[]): string {
  const root = readTree(entry);
  const content = contentOf(root);
  if (content === undefined) return entry;
  const type = attributeOf(content, 'type') ?? '';
  if (isJsonType(type)) return withoutJson(entry, content, pointers);
  const top = isXmlType(type) ? contentElement(root) : undefined;
  return top === undefined ? entry : withoutXml(entry, top, pointers);
}

// --- JSON ---

function withoutJson(entry: string, content: XmlElement, pointers: readonly string[]): string {
  const json = jsonPayload(content.text);
  if (json === undefined) return entry;
  const left = jsonWithout(json, pointers);
  if (left === json) return entry;
  const isInline = content.text.trim() === json;
  const text = isInline ? escapeText(left) : Buffer.from(left).toString('base64');
  return entry.slice(0, content.tagEnd) + text + entry.slice(content.endStart);
}

/** A JSON text without the values at the pointers; `null` where that is all of it. */
export function jsonWithout(json: string, pointers: readonly string[]): string {
  const root = readJsonText(json);
  const gone = new Set<JsonNode>();
  /** Those around what goes: all others keep their text. */
  const torn = new Set<JsonNode>();
  const mark = (node: JsonNode, [name, ...names]: readonly string[]): boolean => {
    if (name === undefined) {
      gone.add(node);
      return true;
    }
    // Each member of the name: which of several a reader takes is not known.
    const within = childrenOf(node, name).map((child) => mark(child, names));
    if (!within.includes(true)) return false;
    torn.add(node);
    return true;
  };
  for (const pointer of pointers) mark(root, partsOf(pointer));
  const write = (node: JsonNode): string => {
    if (!torn.has(node)) return json.slice(node.start, node.end);
    if (node.kind === 'array')
      return `[${node.items
        .filter((item) => !gone.has(item))
        .map(write)
        .join(',')}]`;
    if (node.kind !== 'object') throw new Error('a scalar has nothing in it');
    const members = node.members.filter(({ value }) => !gone.has(value));
    return `{${members.map(({ at, value }) => json.slice(at, value.start) + write(value)).join(',')}}`;
  };
  if (gone.has(root)) return 'null';
  return torn.size === 0 ? json : write(root);
}

function childrenOf(node: JsonNode, name: string): readonly JsonNode[] {
  if (node.kind === 'object') return node.members.filter((member) => member.name === name).map(({ value }) => value);
  if (node.kind !== 'array' || !isIndex(name)) return [];
  const item = node.items[Number(name)];
  return item === undefined ? [] : [item];
}

function isIndex(name: string): boolean {
  return /^(?:0|[1-9]\d*)$/.test(name);
}

// --- XML ---

/** An element of the content, or an attribute of one. */
interface Part {
  readonly element: XmlElement;
  /** As it is written. */
  readonly attribute?: string;
}

function withoutXml(source: string, top: XmlElement, pointers: readonly string[]): string {
  const stretches = pointers
    .flatMap((pointer) => partsAt(top, partsOf(pointer)))
    .map(({ element, attribute }) =>
      attribute === undefined ? ([element.start, element.end] as const) : attributeAt(source, element, attribute),
    )
    .sort(([a], [b]) => a - b);
  let left = '';
  let at = 0;
  for (const [start, end] of stretches) {
    if (start > at) left += source.slice(at, start);
    at = Math.max(at, end);
  }
  return left + source.slice(at);
}

/** What is named: attributes and child elements are members alike, those of one name an array of them. */
function partsAt(top: XmlElement, [first, ...names]: readonly string[]): readonly Part[] {
  if (first === undefined) return [{ element: top }];
  if (first !== top.local) return [];
  let at: readonly Part[] = [{ element: top }];
  for (const name of names) {
    if (isIndex(name) && !at.some((part) => membersOf(part, name).length > 0)) {
      const one = at[Number(name)];
      at = one === undefined ? [] : [one];
    } else {
      // Where there are several, an array is between: a pointer says which it means.
      at = at.length === 1 ? at.flatMap((part) => membersOf(part, name)) : [];
    }
  }
  return at;
}

function membersOf({ element, attribute }: Part, name: string): readonly Part[] {
  if (attribute !== undefined) return [];
  return [
    ...element.attributes.filter(({ local }) => local === name).map((one) => ({ element, attribute: one.name })),
    ...element.elements.filter(({ local }) => local === name).map((child) => ({ element: child })),
  ];
}

const ATTRIBUTE = /\s+([^\s=/>]+)\s*=\s*(?:"[^"]*"|'[^']*')/y;

/** Where an attribute stands in the source, with the space before it. */
function attributeAt(source: string, { start, tagEnd }: XmlElement, name: string): readonly [number, number] {
  ATTRIBUTE.lastIndex = start + (/^[^\s/>]+/.exec(source.slice(start, tagEnd))?.[0].length ?? 0);
  for (let at = ATTRIBUTE.lastIndex; ; at = ATTRIBUTE.lastIndex) {
    const found = ATTRIBUTE.exec(source);
    if (found === null || ATTRIBUTE.lastIndex > tagEnd) throw new Error('an attribute is not where it was read');
    if (found[1] === name) return [at, ATTRIBUTE.lastIndex];
  }
}
