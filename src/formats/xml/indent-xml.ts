import { cutText } from '../text.js';
import { XML_NAMESPACE } from './xml.js';
import { attributeOf, hasText, selfContained } from './xml-tree.js';
import type { XmlElement } from './xml-tree.js';

/** A text for a person to read, and whether there was more of it than there is room for. */
export interface Shown {
  readonly text: string;
  readonly cut: boolean;
}

/**
 * The element as it is written in the source, self-contained, each child of what holds elements only on a line of its own.
 * What holds text is left as it is, for there white space counts. At most `most` characters, and no more work than those take.
 */
export function indentXml(source: string, root: XmlElement, most: number): Shown {
  const whole = selfContained(source, root);
  let text = '';
  print(root, whole.slice(0, whole.length - (root.end - root.tagEnd)), '');
  return { text: cutText(text, most), cut: text.length > most };

  function print(element: XmlElement, writtenTag: string, indent: string): void {
    if (text.length > most) return;
    const startTag = onOneLine(writtenTag);
    const children = element.elements;
    if (children.length === 0 || isMixed(element)) {
      line(indent + startTag + source.slice(element.tagEnd, Math.min(element.end, element.tagEnd + most)));
      return;
    }
    line(indent + startTag);
    const inner = `${indent}  `;
    let at = element.tagEnd;
    for (const child of children) {
      if (text.length > most) return;
      between(at, child.start, inner);
      print(child, source.slice(child.start, child.tagEnd), inner);
      at = child.end;
    }
    between(at, element.endStart, inner);
    line(indent + source.slice(element.endStart, element.end));
  }

  /** Comments and processing instructions; they are not in the tree. */
  function between(from: number, to: number, indent: string): void {
    const found = source.slice(from, to).trim();
    if (found !== '') line(indent + found);
  }

  function line(added: string): void {
    text += text === '' ? added : `\n${added}`;
  }
}

/** A start tag with one space before each attribute; what stands in quotes stays. */
function onOneLine(tag: string): string {
  if (!/[\t\r\n]| {2}/.test(tag)) return tag;
  return tag.replace(/"[^"]*"|'[^']*'|[ \t\r\n]+/g, (found) => (/^["']/.test(found) ? found : ' '));
}

function isMixed(element: XmlElement): boolean {
  if (attributeOf(element, 'space', XML_NAMESPACE) === 'preserve') return true;
  return hasText(element);
}
