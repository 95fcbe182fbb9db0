import type { ContentPlace } from '../core/contract.js';
import type { Violation } from '../core/errors.js';
import { ATOM_NAMESPACE } from './atom/atom-rules.js';
import { partsOf } from './json/json-pointer.js';
import { pointerPart } from './json/json-text.js';
import type { XmlElement } from './xml/xml-tree.js';

/** Where something stands in what was sent. */
export type ToldPlace = Omit<Violation, 'message'>;

/**
 * Tells where in what its publisher sent stands what a contract complains of: `index` is the entry, counted from 0;
 * the place is in the form of the contract.
 */
export type Teller = (index: number, place: ContentPlace) => ToldPlace;

/** A place within XML content. */
export interface XmlPlace {
  readonly element: XmlElement;
  /** Its name without prefix. */
  readonly attribute: string | undefined;
  /** From the content's element down, by local names: `event/product[2]/@vcpus`. */
  readonly path: string;
}

/** The element of an entry's content; undefined where that is text, or nothing. */
export function contentElement(entry: XmlElement): XmlElement | undefined {
  return contentOf(entry)?.elements[0];
}

export function contentOf(entry: XmlElement): XmlElement | undefined {
  return entry.elements.find(({ uri, local }) => uri === ATOM_NAMESPACE && local === 'content');
}

/** Steps of an XPath of libxml2 that stand before the content's own: nothing, the entry, its content. */
const STEPS_BEFORE = 3;

/** A place in the XML that `top` is the content's element of; `source` is the text that it was read from. */
export function xmlPlace(source: string, top: XmlElement, place: ContentPlace): XmlPlace {
  if (place.kind === 'entry') return told(top, undefined);
  if (place.kind === 'json') return mappedPlace(top, place.pointer);
  const [, ...steps] = place.xpath.split('/').slice(STEPS_BEFORE);
  let at = top;
  let { attribute } = place;
  for (const step of steps) {
    if (step.startsWith('@')) attribute = step.slice(step.lastIndexOf(':') + 1).replace(/^@/, '');
    const next = childAt(source, at, step);
    if (next === undefined) break;
    at = next;
  }
  return told(at, attribute);
}

/** A step as libxml2 writes it: `prefix:name[2]`, or `*[2]` of all children where the default namespace applies. */
function childAt(source: string, parent: XmlElement, step: string): XmlElement | undefined {
  const [, name = '', number = '1'] = /^([^[]*)(?:\[(\d+)\])?$/.exec(step) ?? [];
  const candidates = name === '*' ? parent.elements : parent.elements.filter((child) => nameIn(source, child) === name);
  return candidates[Number(number) - 1];
}

function nameIn(source: string, { start, tagEnd }: XmlElement): string {
  return /^[^\s/>]*/.exec(source.slice(start + 1, tagEnd))?.[0] ?? '';
}

/** A JSON Pointer into what the mapping makes of the content (docs/json.md): members are attributes or elements. */
function mappedPlace(top: XmlElement, pointer: string): XmlPlace {
  const [first, ...names] = partsOf(pointer);
  // The content's element is the one member of the value: another would have to stand in its place.
  if (first !== undefined && first !== top.local) return { element: top, attribute: undefined, path: first };
  let at = top;
  for (const [index, name] of names.entries()) {
    if (isNumber(name)) {
      const siblings = sameName(at);
      at = siblings[Number(name)] ?? at;
      continue;
    }
    const child = at.elements.find(({ local }) => local === name);
    // What is missing is told where it would be.
    if (child === undefined) return told(at, index === names.length - 1 && !name.startsWith('@') ? name : undefined);
    at = child;
  }
  return told(at, undefined);
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

function sameName({ parent, local, uri }: XmlElement): readonly XmlElement[] {
  return parent?.elements.filter((other) => other.local === local && other.uri === uri) ?? [];
}

function told(element: XmlElement, attribute: string | undefined): XmlPlace {
  const names: string[] = attribute === undefined ? [] : [`@${attribute}`];
  for (let at: XmlElement | undefined = element; at !== undefined && !isContent(at); at = at.parent) {
    const siblings = sameName(at);
    names.unshift(siblings.length > 1 ? `${at.local}[${String(siblings.indexOf(at) + 1)}]` : at.local);
  }
  return { element, attribute, path: names.join('/') };
}

function isContent({ uri, local }: XmlElement): boolean {
  return uri === ATOM_NAMESPACE && local === 'content';
}

/** A place within something that is a text for what stands around it: `entry/content#/order/lines/0`. */
export function within(outer: string, inner: string): string {
  return inner === '' ? outer : `${outer}#${inner}`;
}

/** The nth of several entries, as part of a JSON Pointer. */
export function entryPointer(base: string, index: number, isOne: boolean): string {
  return isOne ? base : base + pointerPart(index);
}
