import type { Entry } from '../../core/entry.js';
import { base64Payload, jsonPayload } from '../json/json-payload.js';
import { isJsonType, isXmlType } from '../media-types.js';
import { XML_NAMESPACE } from '../xml/xml.js';
import { xhtmlToHtml } from '../html/xhtml.js';
import { readKnownTreeGently } from '../xml/known-tree.js';
import { attributeOf, selfContained } from '../xml/xml-tree.js';
import type { XmlElement } from '../xml/xml-tree.js';
import { ATOM_NAMESPACE } from './atom-rules.js';

/** An entry for those who render it for somebody else than Atom's readers; what they need of RFC 4287 §4.1.2. */
export interface EntryView {
  readonly id: string;
  readonly title: TextView;
  readonly summary: TextView | undefined;
  /** RFC 3339, as its publisher wrote them. */
  readonly updated: string;
  readonly published: string | undefined;
  readonly authors: readonly PersonView[];
  readonly categories: readonly CategoryView[];
  readonly links: readonly LinkView[];
  readonly content: ContentView | undefined;
  /** xml:lang of the entry. */
  readonly language: string | undefined;
  /** The whole, for what is not above. */
  readonly tree: XmlElement;
}

/** A text construct (RFC 4287 §3.1): plain text, or markup that is not to be trusted. */
export type TextView = { readonly kind: 'text'; readonly text: string } | MarkupView;

export interface MarkupView {
  readonly kind: 'markup';
  /** HTML; of XHTML its div. */
  readonly html: string;
}

export interface PersonView {
  readonly name: string;
  readonly uri: string | undefined;
  readonly email: string | undefined;
}

export interface CategoryView {
  readonly term: string;
  readonly scheme: string | undefined;
  readonly label: string | undefined;
}

/** References are resolved against xml:base (RFC 4287 §2). */
export interface LinkView {
  readonly rel: string;
  readonly href: string;
  readonly type: string | undefined;
  readonly title: string | undefined;
  /** In bytes, a hint. */
  readonly length: string | undefined;
}

/** RFC 4287 §4.1.3 */
export type ContentView =
  | { readonly kind: 'text'; readonly type: string; readonly text: string }
  | MarkupView
  /** Self-contained, without a declaration. */
  | { readonly kind: 'xml'; readonly type: string; readonly xml: string }
  /** A JSON text as its publisher wrote it. */
  | { readonly kind: 'json'; readonly type: string; readonly json: string }
  | { readonly kind: 'binary'; readonly type: string; readonly bytes: Buffer }
  | { readonly kind: 'outside'; readonly type: string | undefined; readonly src: string };

/** Reads a stored entry; not for a tombstone. Other work may come between when it is large. */
export async function viewEntry(entry: Pick<Entry, 'xml'>): Promise<EntryView> {
  const tree = await readKnownTreeGently(entry.xml);
  const source = entry.xml;
  const children = tree.elements.filter(({ uri }) => uri === ATOM_NAMESPACE);
  const named = (name: string): XmlElement[] => children.filter(({ local }) => local === name);
  const first = (name: string): XmlElement | undefined => children.find(({ local }) => local === name);
  const text = (name: string): string | undefined => {
    const element = first(name);
    return element === undefined ? undefined : element.text;
  };
  const [title, summary, content, origin] = ['title', 'summary', 'content', 'source'].map(first);
  const authors = named('author');
  return {
    id: text('id') ?? '',
    title: title === undefined ? { kind: 'text', text: '' } : textView(title),
    summary: summary === undefined ? undefined : textView(summary),
    updated: text('updated') ?? '',
    published: text('published'),
    // RFC 4287 §4.2.1: what has no author has that of its source.
    authors: (authors.length > 0 || origin === undefined ? authors : atomChildren(origin, 'author')).map(personView),
    categories: named('category').map((category) => ({
      term: attributeOf(category, 'term') ?? '',
      scheme: attributeOf(category, 'scheme'),
      label: attributeOf(category, 'label'),
    })),
    links: named('link').map((link) => ({
      rel: attributeOf(link, 'rel') ?? 'alternate',
      href: resolved(attributeOf(link, 'href') ?? '', link),
      type: attributeOf(link, 'type'),
      title: attributeOf(link, 'title'),
      length: attributeOf(link, 'length'),
    })),
    content: content === undefined ? undefined : contentView(source, content),
    language: attributeOf(tree, 'lang', XML_NAMESPACE),
    tree,
  };
}

function textView(element: XmlElement): TextView {
  const type = attributeOf(element, 'type');
  if (type === 'html' || type === 'xhtml') return markupView(type, element);
  return { kind: 'text', text: element.text };
}

function markupView(type: 'html' | 'xhtml', element: XmlElement): MarkupView {
  return { kind: 'markup', html: type === 'html' ? element.text : element.elements.map(xhtmlToHtml).join('') };
}

/** @param element atom:content of the entry that `source` is */
export function contentView(source: string, element: XmlElement): ContentView {
  const type = attributeOf(element, 'type');
  const src = attributeOf(element, 'src');
  if (src !== undefined) return { kind: 'outside', type, src: resolved(src, element) };
  const text = element.text;
  if (type === undefined || type === 'text') return { kind: 'text', type: 'text/plain', text };
  if (type === 'html' || type === 'xhtml') return markupView(type, element);
  if (isXmlType(type)) return { kind: 'xml', type, xml: elementsWithin(source, element) };
  if (/^text\//i.test(type)) return { kind: 'text', type, text };
  const json = isJsonType(type) ? jsonPayload(text) : undefined;
  if (json !== undefined) return { kind: 'json', type, json };
  const bytes = base64Payload(text);
  return bytes === undefined ? { kind: 'text', type, text } : { kind: 'binary', type, bytes };
}

function elementsWithin(source: string, element: XmlElement): string {
  return element.elements.map((child) => selfContained(source, child)).join('');
}

function atomChildren(element: XmlElement, name: string): XmlElement[] {
  return element.elements.filter(({ uri, local }) => uri === ATOM_NAMESPACE && local === name);
}

function personView(element: XmlElement): PersonView {
  const text = (name: string): string | undefined => {
    const [found] = atomChildren(element, name);
    return found === undefined ? undefined : found.text;
  };
  const uri = text('uri');
  return {
    name: text('name') ?? '',
    uri: uri === undefined ? undefined : resolved(uri, element),
    email: text('email'),
  };
}

/** What is longer is no place on the web: to resolve it for each reference would take for ever. */
const LONGEST_REFERENCE = 2_048;

/**
 * A reference against the xml:base in scope (RFC 3986 §5.1); as it stands when it is absolute, there is none, or one of
 * them is longer than anybody's.
 */
function resolved(reference: string, element: XmlElement): string {
  if (reference.length > LONGEST_REFERENCE || URL.canParse(reference)) return reference;
  const bases: string[] = [];
  for (let at: XmlElement | undefined = element; at !== undefined; at = at.parent) {
    const base = attributeOf(at, 'base', XML_NAMESPACE);
    if (base === undefined) continue;
    if (base.length > LONGEST_REFERENCE) return reference;
    bases.unshift(base);
  }
  return [...bases, reference].reduce((base, next) => (URL.canParse(next, base) ? new URL(next, base).href : next));
}
