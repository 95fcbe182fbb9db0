import { ATOM_NAMESPACE, XHTML_NAMESPACE } from '../atom/atom-rules.js';

/**
 * The mapping of Atom to JSON, in two dialects (docs/json.md): `cloudfeeds` as Rackspace's Cloud Feeds had it
 * (application/vnd.rackspace.atom+json), and `json`, the same made lossless (application/json). What both directions go by.
 */
export type Dialect = 'json' | 'cloudfeeds';

/** The namespace of an element, where it differs from that of the element around it. */
export const TYPE = '@type';
/** The text of an element that has more than text. */
export const TEXT = '@text';
/** In `json`: an element that members cannot carry, as self-contained XML. */
export const XML = '@xml';

const TEXT_CONSTRUCT = new Set(['type']);

/** The attributes that RFC 4287 defines, by element; every other scalar of an Atom element is a child of its own. */
const ATTRIBUTES: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['link', new Set(['href', 'rel', 'type', 'hreflang', 'title', 'length'])],
  ['category', new Set(['term', 'scheme', 'label'])],
  ['content', new Set(['type', 'src'])],
  ['generator', new Set(['uri', 'version'])],
  ['title', TEXT_CONSTRUCT],
  ['subtitle', TEXT_CONSTRUCT],
  ['summary', TEXT_CONSTRUCT],
  ['rights', TEXT_CONSTRUCT],
]);

/** Is a scalar member of this element an attribute of it? */
export function isAttribute(element: { readonly uri: string; readonly local: string }, member: string): boolean {
  if (member === 'xml:lang' || member === 'xml:base') return true;
  return element.uri !== ATOM_NAMESPACE || (ATTRIBUTES.get(element.local)?.has(member) ?? false);
}

/** An Atom element for which RFC 4287 defines attributes. */
export function hasAttributesOfItsOwn(element: { readonly uri: string; readonly local: string }): boolean {
  return element.uri === ATOM_NAMESPACE && ATTRIBUTES.has(element.local);
}

/** Atom elements that are arrays even where there is only one. */
export function isAlwaysArray(parent: { readonly uri: string; readonly local: string }, local: string): boolean {
  return local === 'link' || local === 'category' || (local === 'entry' && parent.local === 'feed');
}

/**
 * The order of what is in them means nothing (RFC 4287 §3.2, §4.1.1, §4.1.2), so that elements of one name need not stand
 * side by side to be an array.
 */
export function isUnordered(element: { readonly uri: string; readonly local: string }): boolean {
  return element.uri === ATOM_NAMESPACE && UNORDERED.has(element.local);
}

const UNORDERED = new Set(['feed', 'entry', 'source', 'author', 'contributor']);

/** Does this element's text stand for markup (RFC 4287 §3.1.1.3, §4.1.3.3)? */
export function isXhtml(element: { readonly uri: string; readonly local: string }, type: string | undefined): boolean {
  return type === 'xhtml' && element.uri === ATOM_NAMESPACE && (ATTRIBUTES.get(element.local)?.has('type') ?? false);
}

/** What such text is, as a child element. */
export function isXhtmlDiv(element: { readonly uri: string; readonly local: string }): boolean {
  return element.uri === XHTML_NAMESPACE && element.local === 'div';
}

export function isContent(element: { readonly uri: string; readonly local: string }): boolean {
  return element.uri === ATOM_NAMESPACE && element.local === 'content';
}

/** The type that content with a child element has when it does not say one. */
export const XML_CONTENT = 'application/xml';
