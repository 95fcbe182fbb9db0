import { XML_NAMESPACE, escapeAttribute, escapeText } from '../xml/xml.js';
import type { XmlElement } from '../xml/xml-tree.js';

/** HTML §13.1.2: elements that have no end tag. */
const VOID = new Set('area base br col embed hr img input link meta source track wbr'.split(' '));

/**
 * An element of XHTML as HTML. As it is written it would not do: HTML knows no prefixes, takes a CDATA section for a
 * comment, and an empty `<p/>` for a start tag. Elements of other vocabularies (SVG, MathML) are written the same way.
 */
export function xhtmlToHtml(element: XmlElement): string {
  const { local, attributes, children } = element;
  let start = `<${local}`;
  for (const { name, local: own, uri, value } of attributes) {
    const isLang = uri === XML_NAMESPACE && own === 'lang';
    // The first one of two counts, and who writes both writes the same.
    start += ` ${isLang ? own : name}="${escapeAttribute(value)}"`;
  }
  if (children.length === 0 && VOID.has(local)) return `${start}>`;
  let inner = '';
  for (const child of children) inner += typeof child === 'string' ? escapeText(child) : xhtmlToHtml(child);
  return `${start}>${inner}</${local}>`;
}
