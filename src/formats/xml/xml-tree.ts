import { runInSlices } from '../slices.js';
import { XMLNS_NAMESPACE, XmlScanner, escapeAttribute } from './xml.js';
import type { Attribute, StartTag } from './xml.js';

/** An element of a document that is known to be well-formed. Comments and processing instructions are not in it. */
export interface XmlElement {
  readonly local: string;
  /** Of its namespace; '' for none. */
  readonly uri: string;
  /** Without namespace declarations. */
  readonly attributes: readonly Attribute[];
  /** Namespaces declared by its own start tag, by prefix; '' is the default one. */
  readonly declarations: ReadonlyMap<string, string>;
  readonly parent: XmlElement | undefined;
  /** Elements, and what text stands between two of them in one piece. */
  readonly children: readonly (XmlElement | string)[];
  /** The elements among them, and their text in one piece. */
  readonly elements: readonly XmlElement[];
  readonly text: string;
  /** Offsets in the source: of its `<`, behind the `>` of its start tag, of its end tag's `<`, and behind its end. */
  readonly start: number;
  readonly tagEnd: number;
  readonly endStart: number;
  readonly end: number;
}

type Building = { -readonly [Key in keyof XmlElement]: XmlElement[Key] } & {
  children: (XmlElement | string)[];
  elements: XmlElement[];
};

const NO_DECLARATIONS: ReadonlyMap<string, string> = new Map();
/** From this size on a document is read in slices. */
export const SLICED_CHARACTERS = 64 * 1024;
/** A stored entry has the namespaces of the document that it came in on its start tag too, so more than one may have there. */
const LIMITS = { depth: 100, attributes: Infinity };

/** The root element. Throws `not-well-formed` as the scanner does. */
export function readTree(source: string): XmlElement {
  const { scanner, root } = startTree(source);
  scanner.run();
  return root();
}

/** The same; other work may come between when the document is large. */
export async function readTreeGently(source: string): Promise<XmlElement> {
  if (source.length < SLICED_CHARACTERS) return readTree(source);
  const { scanner, root } = startTree(source);
  await runInSlices(scanner);
  return root();
}

function startTree(source: string): { scanner: XmlScanner; root: () => XmlElement } {
  let root: XmlElement | undefined;
  let open: Building | undefined;
  const scanner = new XmlScanner(
    source,
    {
      start(tag) {
        const element = elementOf(tag, open);
        open?.children.push(element);
        open?.elements.push(element);
        open = element;
        root ??= element;
      },
      text(piece) {
        if (open === undefined) return;
        const { children } = open;
        open.text += piece;
        const last = children.at(-1);
        if (typeof last === 'string') children[children.length - 1] = last + piece;
        else children.push(piece);
      },
      end(start, end) {
        if (open === undefined) return;
        open.endStart = start;
        open.end = end;
        open = open.parent as Building | undefined;
      },
    },
    LIMITS,
  );
  scanner.textWanted = true;
  return {
    scanner,
    root() {
      if (root === undefined) throw new Error('a document that was read to its end has no root');
      return root;
    },
  };
}

function elementOf(tag: StartTag, parent: XmlElement | undefined): Building {
  let attributes: readonly Attribute[] = tag.attributes;
  let declarations = NO_DECLARATIONS;
  if (attributes.some(isDeclaration)) {
    declarations = new Map(
      attributes.filter(isDeclaration).map(({ prefix, local, value }) => [prefix === '' ? '' : local, value]),
    );
    attributes = attributes.filter((attribute) => !isDeclaration(attribute));
  }
  return {
    local: tag.local,
    uri: tag.uri,
    attributes,
    declarations,
    parent,
    children: [],
    elements: [],
    text: '',
    start: tag.start,
    tagEnd: tag.end,
    endStart: tag.end,
    end: tag.end,
  };
}

function isDeclaration(attribute: Attribute): boolean {
  return attribute.uri === XMLNS_NAMESPACE;
}

/** Does text that is more than layout stand directly within? */
export function hasText({ text }: XmlElement): boolean {
  return !isSpace(text);
}

/** Nothing but white space (XML 1.0 §2.3). */
export function isSpace(text: string): boolean {
  return !/[^ \t\n\r]/.test(text);
}

/** Of the attribute of this name, in no namespace or in that of `xml:`. */
export function attributeOf(element: XmlElement, local: string, uri = ''): string | undefined {
  return element.attributes.find((attribute) => attribute.local === local && attribute.uri === uri)?.value;
}

/**
 * The element as it is written, with the namespaces that it inherits on its start tag, so that it means the same by
 * itself. Where no default namespace applies the tag says nothing of one.
 */
export function selfContained(source: string, element: XmlElement): string {
  const inherited = new Map<string, string>();
  for (let above = element.parent; above !== undefined; above = above.parent) {
    for (const [prefix, uri] of above.declarations) if (!inherited.has(prefix)) inherited.set(prefix, uri);
  }
  let added = '';
  for (const [prefix, uri] of inherited) {
    if (element.declarations.has(prefix) || uri === '') continue;
    added += ` ${prefix === '' ? 'xmlns' : `xmlns:${prefix}`}="${escapeAttribute(uri)}"`;
  }
  const tagEnd = element.tagEnd - (source.charAt(element.tagEnd - 2) === '/' ? 2 : 1);
  const tag = source.slice(element.start, tagEnd);
  const open = added === '' && tag.endsWith(NO_DEFAULT) ? tag.slice(0, -NO_DEFAULT.length) : tag + added;
  return open + source.slice(tagEnd, element.end);
}

/** What takes a default namespace away that a self-contained element without one would get where it is put. */
export const NO_DEFAULT = ' xmlns=""';
