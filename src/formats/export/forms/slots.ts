import { ATOM_NAMESPACE, XHTML_NAMESPACE } from '../../atom/atom-rules.js';
import { isContent } from '../../json/json-mapping.js';
import { isJsonType, isXmlType } from '../../media-types.js';
import { readKnownTree } from '../../xml/known-tree.js';
import { characterData, normaliseValue } from '../../xml/xml.js';
import type { Attribute } from '../../xml/xml.js';
import { attributeOf, isSpace } from '../../xml/xml-tree.js';
import type { XmlElement } from '../../xml/xml-tree.js';
import { USUAL_INSTANT } from '../entry-row.js';

/** What a value may be, beyond not being empty or nothing but white space. */
export type SlotKind =
  /** Anything: of an attribute, or between two tags. */
  | 'attribute'
  | 'text'
  /** As the columns have it, so that it is passed on as it is. */
  | 'instant'
  /** A JSON text, plain or in Base64. */
  | 'json';

/** Where a value stands in an entry. */
export interface Slot {
  readonly kind: SlotKind;
  /** Offsets in the entry. */
  readonly start: number;
  readonly end: number;
}

/** In the order in which they stand; undefined: there is something that cannot be told without reading it. */
export function slotsOf(xml: string): Slot[] | undefined {
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

/** As a reader of XML has it. */
export function valueOf(kind: SlotKind, written: string): string {
  return kind === 'attribute' ? normaliseValue(written) : characterData(written);
}
