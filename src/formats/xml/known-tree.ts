import { XMLNS_NAMESPACE, XML_NAMESPACE, characterData, normaliseLineEnds, normaliseValue } from './xml.js';
import type { Attribute } from './xml.js';
import { SLICED_CHARACTERS, readTreeGently } from './xml-tree.js';
import type { XmlElement } from './xml-tree.js';

/**
 * The tree of a document that this server has stored: it was checked when it came in, so nothing is checked here, and no
 * place is told. Of a document that is not well-formed the tree is anything.
 */
export function readKnownTree(source: string): XmlElement {
  return new KnownReader(source).read();
}

/** The same; other work may come between when the document is large. */
export function readKnownTreeGently(source: string): XmlElement | Promise<XmlElement> {
  return source.length < SLICED_CHARACTERS ? readKnownTree(source) : readTreeGently(source);
}

const AMP = 0x26;
const BANG = 0x21;
const COLON = 0x3a;
const EQUALS = 0x3d;
const GT = 0x3e;
const QUESTION = 0x3f;
const SLASH = 0x2f;
const SPACE = 0x20;

type Building = { -readonly [Key in keyof XmlElement]: XmlElement[Key] } & {
  children: (XmlElement | string)[];
  elements: XmlElement[];
};

type Written = { -readonly [Key in keyof Attribute]: Attribute[Key] };

const NO_CHILDREN: (XmlElement | string)[] = [];
const NO_ELEMENTS: XmlElement[] = [];
const NO_ATTRIBUTES: readonly Attribute[] = [];
const NO_DECLARATIONS: ReadonlyMap<string, string> = new Map();

class KnownReader {
  private at = 0;
  private open: Building | undefined;
  private root: Building | undefined;
  /** Of the namespace declarations around, the innermost last. */
  private readonly prefixes = ['', 'xml'];
  private readonly uris = ['', XML_NAMESPACE];

  /** Of the start tag that is being read. */
  private written: Written[] | undefined;
  private declared: Map<string, string> | undefined;
  private readonly source: string;
  /** Character data stands for itself. */
  private readonly isPlain: boolean;

  constructor(source: string) {
    this.source = source;
    this.isPlain = !source.includes('&') && !source.includes('\r');
  }

  read(): XmlElement {
    const { source } = this;
    for (;;) {
      const markup = source.indexOf('<', this.at);
      if (markup < 0) break;
      if (markup > this.at && this.open !== undefined) {
        const written = source.slice(this.at, markup);
        this.text(this.isPlain ? written : characterData(written));
      }
      switch (source.charCodeAt(markup + 1)) {
        case SLASH:
          this.endTag(markup);
          break;
        case QUESTION:
          this.at = behind(source, '?>', markup);
          break;
        case BANG:
          this.commentOrCdata(markup);
          break;
        default:
          this.startTag(markup);
      }
    }
    if (this.root === undefined) throw new Error('a stored document has no root');
    return this.root;
  }

  private text(piece: string): void {
    const { open } = this;
    if (open === undefined || piece === '') return;
    open.text += piece;
    const { children } = open;
    const last = children.length - 1;
    if (last < 0) open.children = [piece];
    else if (typeof children[last] === 'string') children[last] += piece;
    else children.push(piece);
  }

  private commentOrCdata(markup: number): void {
    const { source } = this;
    if (source.charCodeAt(markup + 2) !== 0x5b) {
      this.at = behind(source, '-->', markup);
      return;
    }
    this.at = behind(source, ']]>', markup);
    this.text(normaliseLineEnds(source.slice(markup + 9, this.at - 3)));
  }

  private startTag(start: number): void {
    const { source, open } = this;
    let at = start + 1;
    let colon = -1;
    let code = source.charCodeAt(at);
    while (code > SPACE && code !== GT && code !== SLASH) {
      if (code === COLON) colon = at;
      code = source.charCodeAt(++at);
    }
    const nameEnd = at;
    let attributes = NO_ATTRIBUTES;
    let declarations = NO_DECLARATIONS;
    if (code <= SPACE) {
      at = this.attributes(at);
      code = source.charCodeAt(at);
      declarations = this.declared ?? NO_DECLARATIONS;
      attributes = this.written ?? NO_ATTRIBUTES;
      // Namespaces in XML 1.0 §6.2: the default one is not for attributes.
      for (const one of attributes as Written[]) if (one.prefix !== '') one.uri = this.uriOf(one.prefix);
    }
    const tagEnd = at + (code === SLASH ? 2 : 1);
    const element: Building = {
      local: source.slice(colon < 0 ? start + 1 : colon + 1, nameEnd),
      uri: this.uriOf(colon < 0 ? '' : source.slice(start + 1, colon)),
      attributes,
      declarations,
      parent: open,
      // Most have no elements, and many nothing: they share these.
      children: NO_CHILDREN,
      elements: NO_ELEMENTS,
      text: '',
      start,
      tagEnd,
      endStart: tagEnd,
      end: tagEnd,
    };
    if (open === undefined) this.root = element;
    else {
      if (open.children.length === 0) open.children = [element];
      else open.children.push(element);
      if (open.elements.length === 0) open.elements = [element];
      else open.elements.push(element);
    }
    this.at = tagEnd;
    if (code === SLASH) this.leave(element);
    else this.open = element;
  }

  /** Gives the offset of the tag's `>` or `/`. */
  private attributes(from: number): number {
    const { source } = this;
    this.declared = undefined;
    this.written = undefined;
    let at = from;
    for (;;) {
      let code = source.charCodeAt(at);
      while (code <= SPACE) code = source.charCodeAt(++at);
      if (code === GT || code === SLASH) return at;
      const start = at;
      let colon = -1;
      while (code > SPACE && code !== EQUALS) {
        if (code === COLON) colon = at;
        code = source.charCodeAt(++at);
      }
      const name = source.slice(start, at);
      while (code <= SPACE || code === EQUALS) code = source.charCodeAt(++at);
      const quote = code;
      const valueStart = at + 1;
      let isPlain = true;
      code = source.charCodeAt(++at);
      while (code !== quote) {
        if (code < SPACE || code === AMP) isPlain = false;
        else if (at >= source.length) return at;
        code = source.charCodeAt(++at);
      }
      const written = source.slice(valueStart, at++);
      const value = isPlain ? written : normaliseValue(written);
      const prefix = colon < 0 ? '' : source.slice(start, colon);
      const local = colon < 0 ? name : source.slice(colon + 1, start + name.length);
      if (prefix === 'xmlns' || name === 'xmlns') this.declare(prefix === '' ? '' : local, value);
      else (this.written ??= []).push({ name, prefix, local, uri: '', value, start, end: at });
    }
  }

  private declare(prefix: string, uri: string): void {
    this.declared ??= new Map();
    this.declared.set(prefix, uri);
    this.prefixes.push(prefix);
    this.uris.push(uri);
  }

  private uriOf(prefix: string): string {
    if (prefix === 'xmlns') return XMLNS_NAMESPACE;
    return this.uris[this.prefixes.lastIndexOf(prefix)] ?? '';
  }

  private endTag(start: number): void {
    this.at = behind(this.source, '>', start);
    const { open } = this;
    if (open === undefined) return;
    open.endStart = start;
    open.end = this.at;
    this.leave(open);
    this.open = open.parent as Building | undefined;
  }

  private leave({ declarations }: XmlElement): void {
    if (declarations.size === 0) return;
    this.prefixes.length -= declarations.size;
    this.uris.length -= declarations.size;
  }
}

function behind(source: string, what: string, at: number): number {
  const found = source.indexOf(what, at);
  return found < 0 ? source.length : found + what.length;
}
