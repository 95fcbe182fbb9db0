import { FeedsError } from '../../core/errors.js';
import type { Violation } from '../../core/errors.js';
import { placeOf } from '../places.js';
import { ASCII, NAME, SPACE, isChar, isName, isNameStart, showCharacter } from './xml-chars.js';

export const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace';
export const XMLNS_NAMESPACE = 'http://www.w3.org/2000/xmlns/';

/** What one document may hold. Its size is for the caller to bound. */
export interface XmlLimits {
  /** Elements within one another. */
  readonly depth: number;
  /** Of one element, namespace declarations included. */
  readonly attributes: number;
}

const DEFAULT_XML_LIMITS: XmlLimits = { depth: 100, attributes: 200 };

/** An attribute of a start tag; namespace declarations are attributes too, in the namespace `XMLNS_NAMESPACE`. */
export interface Attribute {
  /** As it is written: `xml:lang`. */
  readonly name: string;
  readonly prefix: string;
  readonly local: string;
  /** Of its namespace; '' for none. */
  readonly uri: string;
  /** Normalised as XML 1.0 §3.3.3 says, references resolved. */
  readonly value: string;
  /** Offsets in the source: of the name's first character, and behind the closing quote. */
  readonly start: number;
  readonly end: number;
}

/** A start tag, or one that is both (`<a/>`). It may be used during the call only: the next one takes its place. */
export interface StartTag {
  readonly name: string;
  readonly prefix: string;
  readonly local: string;
  /** Of its namespace; '' for none. */
  readonly uri: string;
  readonly attributes: readonly Attribute[];
  /** Offsets in the source: of `<`, and behind `>`. */
  readonly start: number;
  readonly end: number;
  readonly selfClosing: boolean;
  /** The value of the attribute that is written so, or undefined. */
  attribute(name: string): string | undefined;
}

/** Called in the order of the document. */
export interface XmlHandler {
  start(tag: StartTag): void;
  /**
   * A piece of character data, references resolved, line ends normalised, CDATA included; the text of an element may come
   * in any number of pieces. Called only while the scanner's `textWanted` is set.
   */
  text(piece: string): void;
  /** `start` is the offset of `</`, `end` the one behind `>`; both are the end of the tag when it is self-closing. */
  end(start: number, end: number): void;
}

const AMP = 0x26;
const APOS = 0x27;
const BANG = 0x21;
const COLON = 0x3a;
const EQUALS = 0x3d;
const GT = 0x3e;
const HASH = 0x23;
const LF = 0x0a;
const LT = 0x3c;
const QUESTION = 0x3f;
const QUOT = 0x22;
const SEMICOLON = 0x3b;
const SLASH = 0x2f;
const SMALL_X = 0x78;

/** From here on names are compared by a Set: with all against all, many attributes would cost the square. */
const FEW_ATTRIBUTES = 16;

// An attribute is a row of numbers until somebody wants to see it: most are only checked.
const START = 0;
const NAME_COLON = 1;
const NAME_END = 2;
const NAME_HASH = 3;
const VALUE_START = 4;
const VALUE_END = 5;
/** 1 when there are references in it. */
const VALUE_REFERS = 6;
const STRIDE = 7;

/** With it nearly every document begins. */
export const USUAL_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>';
const DECLARATION =
  /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"([^"<&]*)"|'([^'<&]*)')(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"[A-Za-z][A-Za-z0-9._-]*"|'[A-Za-z][A-Za-z0-9._-]*'))?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>/;

/**
 * One strict pass over a document: XML 1.0 (fifth edition) and Namespaces in XML 1.0, without a document type declaration,
 * so with the five predefined entities and character references only (ADR 0004 has the reasons and the figures).
 * `run` can stop between tokens and be called again. Whatever is not well-formed, and whatever exceeds the limits, is a
 * FeedsError `not-well-formed` with one violation that has line and column.
 */
export class XmlScanner implements StartTag {
  /** Set by the handler at any time; it holds from the next token on. */
  textWanted = false;
  /** Of the element whose start or end is told: 1 for the root. */
  depth = 0;

  start = 0;
  end = 0;
  uri = '';
  selfClosing = false;

  private readonly source: string;
  private readonly handler: XmlHandler;
  private readonly limits: XmlLimits;
  private position = 0;
  private rootSeen = false;
  /** So far the characters are known to be legal, or `illegalAt` is the first that is not. */
  private checked = 0;
  private illegalAt = Infinity;
  private nextMarkup = -1;
  private nextAmpersand = -1;
  private nextBrackets = -1;

  private nameStart = 0;
  private nameColon = -1;
  private nameEnd = 0;
  private nameHash = 0;

  private readonly rows: number[] = [];
  private rowCount = 0;
  private prefixedCount = 0;
  private declarationCount = 0;
  private seenNames: Set<string> | undefined;
  private attributeList: Attribute[] | undefined;

  // The open elements, by depth.
  private readonly nameStarts: number[] = [];
  private readonly nameEnds: number[] = [];
  private readonly undoHeights: number[] = [];

  private readonly bindings = new Map<string, string>();
  private readonly undoPrefixes: string[] = [];
  private readonly undoUris: (string | undefined)[] = [];
  // The last prefix looked up: most tags of a document have the same one.
  private memoPrefix = 'xml';
  private memoUri = XML_NAMESPACE;

  constructor(source: string, handler: XmlHandler, limits: XmlLimits = DEFAULT_XML_LIMITS) {
    this.source = source;
    this.handler = handler;
    this.limits = limits;
  }

  /** Goes on to the first token that begins at or behind `until`; true when the document is finished. */
  run(until = Infinity): boolean {
    const { source } = this;
    const { length } = source;
    const stop = until < length ? until : length;
    if (this.checked < stop) {
      this.illegalAt = firstIllegal(source, this.checked, stop);
      this.checked = stop;
    }
    const { illegalAt } = this;
    let at = this.position;
    if (at === 0) at = this.declaration();
    while (at < stop && at <= illegalAt) {
      if (source.charCodeAt(at) !== LT) {
        at = this.depth === 0 ? this.outside(at) : this.text(at, stop);
        continue;
      }
      const next = at + 1 < length ? source.charCodeAt(at + 1) : 0;
      if (next === SLASH) at = this.endTag(at);
      else if (next === BANG) at = this.bang(at);
      else if (next === QUESTION) at = this.instruction(at);
      else at = this.startTag(at);
    }
    if (illegalAt < length) throw this.illegal(illegalAt);
    this.position = at;
    if (at < length) return false;
    this.finish();
    return true;
  }

  get name(): string {
    return this.source.slice(this.nameStart, this.nameEnd);
  }

  get prefix(): string {
    return this.nameColon === -1 ? '' : this.source.slice(this.nameStart, this.nameColon);
  }

  get local(): string {
    return this.source.slice(this.nameColon === -1 ? this.nameStart : this.nameColon + 1, this.nameEnd);
  }

  get attributes(): readonly Attribute[] {
    if (this.attributeList === undefined) {
      this.attributeList = [];
      for (let row = 0; row < this.rowCount; row++) this.attributeList.push(this.attributeOf(row * STRIDE));
    }
    return this.attributeList;
  }

  attribute(name: string): string | undefined {
    const { source, rows } = this;
    for (let row = 0, base = 0; row < this.rowCount; row++, base += STRIDE) {
      const start = rows[base + START]!;
      if (rows[base + NAME_END]! - start === name.length && source.startsWith(name, start)) return this.valueOf(base);
    }
    return undefined;
  }

  /** The namespace that a prefix ('' for none) is bound to here; undefined when nothing was declared for it. */
  resolve(prefix: string): string | undefined {
    return prefix === 'xml' ? XML_NAMESPACE : this.bindings.get(prefix);
  }

  /** All namespaces in scope, by prefix, without `xml`. */
  namespaces(): Map<string, string> {
    return new Map(this.bindings);
  }

  private declaration(): number {
    const { source } = this;
    if (source.startsWith(USUAL_DECLARATION)) return USUAL_DECLARATION.length;
    if (!source.startsWith('<?xml')) return 0;
    const code = source.length > 5 ? source.charCodeAt(5) : 0;
    if (isName(code) || code === COLON) return 0;
    const match = DECLARATION.exec(source);
    if (match === null) {
      throw this.error(0, 'the XML declaration is not valid: <?xml version="1.0" encoding="UTF-8"?> was expected');
    }
    const version = match[1] ?? match[2] ?? '';
    if (version !== '1.0') {
      throw this.error(0, `this is XML version "${version.slice(0, 20)}": only version 1.0 is read`);
    }
    return match[0].length;
  }

  private outside(at: number): number {
    const { source } = this;
    while (at < source.length) {
      const code = source.charCodeAt(at);
      if (code === LT) return at;
      if (code >= 128 || (ASCII[code]! & SPACE) === 0) {
        const where = this.rootSeen ? 'after the root element has ended' : 'before the root element';
        throw this.error(
          at,
          `${this.shown(at)} stands ${where}, where only white space, comments and instructions may`,
        );
      }
      at++;
    }
    return at;
  }

  /** Character data or a reference. */
  private text(from: number, stop: number): number {
    const { source } = this;
    if (source.charCodeAt(from) === AMP) {
      const end = this.reference(from);
      if (this.textWanted) this.handler.text(resolveReference(source.slice(from, end)));
      return end;
    }
    let to = Math.min(this.markupFrom(from), this.ampersandFrom(from));
    // §2.4. Were it parted by a pause, its first part would still have been seen whole.
    const brackets = this.bracketsFrom(from);
    if (brackets < to) throw this.error(brackets, '"]]>" in text: write "]]&gt;"');
    if (to > stop) {
      to = stop;
      // Neither a line end nor a character may be parted by a pause.
      const next = source.charCodeAt(to);
      if (next === LF || (next & 0xfc00) === 0xdc00) to++;
    }
    if (this.textWanted) this.handler.text(normaliseLineEnds(source.slice(from, to)));
    return to;
  }

  // Where the next of each is, or the document's end. Looked for from one to the next, so that the whole costs one pass.

  private markupFrom(at: number): number {
    if (this.nextMarkup < at) this.nextMarkup = this.find('<', at);
    return this.nextMarkup;
  }

  private ampersandFrom(at: number): number {
    if (this.nextAmpersand < at) this.nextAmpersand = this.find('&', at);
    return this.nextAmpersand;
  }

  private bracketsFrom(at: number): number {
    if (this.nextBrackets < at) this.nextBrackets = this.find(']]>', at);
    return this.nextBrackets;
  }

  private find(what: string, at: number): number {
    const found = this.source.indexOf(what, at);
    return found === -1 ? this.source.length : found;
  }

  /** Checks the reference that begins here and returns the offset behind it. */
  private reference(from: number): number {
    const { source } = this;
    let at = from + 1;
    if (source.charCodeAt(at) === HASH) return this.characterReference(from);
    for (const entity of ENTITIES) if (source.startsWith(entity, at)) return at + entity.length;
    while (at < source.length && at - from < 64 && isName(source.charCodeAt(at))) at++;
    const name = source.slice(from + 1, at);
    if (name === '') throw this.error(from, 'a bare "&": write "&amp;"');
    if (source.charCodeAt(at) !== SEMICOLON)
      throw this.error(from, `"&${name}" has no ";"; write a bare "&" as "&amp;"`);
    throw this.error(
      from,
      `the entity "&${name};" is not defined: only &amp; &lt; &gt; &quot; &apos; and numbers such as &#160; are`,
    );
  }

  private characterReference(from: number): number {
    const { source } = this;
    const hexadecimal = source.charCodeAt(from + 2) === SMALL_X;
    const base = hexadecimal ? 16 : 10;
    const digits = from + (hexadecimal ? 3 : 2);
    let at = digits;
    let code = 0;
    for (; at < source.length; at++) {
      const digit = digitOf(source.charCodeAt(at));
      if (digit >= base) break;
      // Capped, so that it stays a whole number whatever the length.
      code = Math.min(code * base + digit, 0x110000);
    }
    if (at === digits) throw this.error(from, 'a character reference has a number: &#160; or &#xA0;');
    if (source.charCodeAt(at) !== SEMICOLON) throw this.error(from, 'a character reference ends in ";"');
    if (!isChar(code)) {
      const shown = source.slice(from, Math.min(at + 1, from + 20));
      throw this.error(from, `"${shown}" names a character that XML 1.0 does not allow`);
    }
    return at + 1;
  }

  private startTag(at: number): number {
    const { source } = this;
    if (this.depth === 0 && this.rootSeen) throw this.error(at, 'a second root element: a document has exactly one');
    if (this.depth >= this.limits.depth) {
      throw this.error(at, `elements are nested more than ${this.limits.depth} deep, which is the limit`);
    }
    let here = this.qualifiedName(at + 1, 'an element');
    const nameStart = at + 1;
    const nameEnd = here;
    const nameColon = this.nameColon;
    this.rowCount = 0;
    this.prefixedCount = 0;
    this.declarationCount = 0;
    this.seenNames = undefined;
    this.attributeList = undefined;
    this.selfClosing = false;
    for (;;) {
      const from = here;
      let code = here < source.length ? source.charCodeAt(here) : 0;
      while (code < 128 && (ASCII[code]! & SPACE) !== 0) {
        here++;
        code = here < source.length ? source.charCodeAt(here) : 0;
      }
      if (code === GT) {
        here++;
        break;
      }
      if (code === SLASH) {
        if (source.charCodeAt(here + 1) !== GT)
          throw this.error(here + 1, `${this.shown(here + 1)} instead of ">" after "/"`);
        this.selfClosing = true;
        here += 2;
        break;
      }
      if (here >= source.length)
        throw this.error(at, `the document ends within the tag <${cut(source.slice(nameStart, nameEnd))}`);
      if (here === from) {
        throw this.error(
          here,
          this.rowCount === 0
            ? `${this.shown(here)} cannot stand in an element's name`
            : `${this.shown(here)} where white space, "/" or ">" was expected`,
        );
      }
      here = this.attributeAt(here);
    }

    this.start = at;
    this.end = here;
    this.nameStart = nameStart;
    this.nameColon = nameColon;
    this.nameEnd = nameEnd;
    this.rootSeen = true;
    this.nameStarts[this.depth] = nameStart;
    this.nameEnds[this.depth] = nameEnd;
    this.undoHeights[this.depth] = this.undoPrefixes.length;
    this.depth++;
    if (this.declarationCount > 0) this.declareNamespaces();
    this.uri = this.namespaceOf(nameStart, nameColon, true);
    if (this.prefixedCount > 0) this.checkPrefixed();
    this.handler.start(this);
    if (this.selfClosing) this.close(here, here);
    return here;
  }

  private attributeAt(from: number): number {
    const { source, rows } = this;
    if (this.rowCount >= this.limits.attributes) {
      throw this.error(from, `an element has more than ${this.limits.attributes} attributes, which is the limit`);
    }
    const nameEnd = this.qualifiedName(from, 'an attribute');
    const base = this.rowCount * STRIDE;
    const colon = this.nameColon;
    let at = this.skipSpace(nameEnd);
    if (source.charCodeAt(at) !== EQUALS) {
      throw this.error(
        at,
        `the attribute "${cut(source.slice(from, nameEnd))}" has no value: "=" was expected, not ${this.shown(at)}`,
      );
    }
    at = this.skipSpace(at + 1);
    const quote = source.charCodeAt(at);
    if (quote !== QUOT && quote !== APOS) {
      throw this.error(at, `the value of "${cut(source.slice(from, nameEnd))}" is not in quotes`);
    }
    rows[base + START] = from;
    rows[base + NAME_COLON] = colon;
    rows[base + NAME_END] = nameEnd;
    rows[base + NAME_HASH] = this.nameHash;
    rows[base + VALUE_START] = at + 1;
    rows[base + VALUE_REFERS] = 0;
    this.refuseSecond(base);
    at = this.attributeValue(at + 1, quote, base);
    rows[base + VALUE_END] = at;
    this.rowCount++;
    if (this.isDeclaration(base)) this.declarationCount++;
    else if (colon !== -1) this.prefixedCount++;
    return at + 1;
  }

  /** Checks a value and returns the offset of its closing quote. */
  private attributeValue(from: number, quote: number, base: number): number {
    const end = this.source.indexOf(quote === QUOT ? '"' : "'", from);
    const markup = this.markupFrom(from);
    if (end === -1 || markup < end) {
      if (markup < this.source.length) {
        throw this.error(markup, '"<" in an attribute\'s value: write "&lt;" (or the closing quote is missing)');
      }
      throw this.error(from - 1, "the document ends within an attribute's value: its closing quote is missing");
    }
    for (let at = this.ampersandFrom(from); at < end; at = this.ampersandFrom(at)) {
      this.rows[base + VALUE_REFERS] = 1;
      at = this.reference(at);
      if (at > end) throw this.error(end, 'a reference that does not end before the closing quote');
    }
    return end;
  }

  /** XML 1.0 §3.1: no attribute name may appear twice in a tag. */
  private refuseSecond(base: number): void {
    const { source, rows } = this;
    const hash = rows[base + NAME_HASH];
    const length = rows[base + NAME_END]! - rows[base + START]!;
    if (this.rowCount < FEW_ATTRIBUTES) {
      for (let other = 0; other < base; other += STRIDE) {
        if (rows[other + NAME_HASH] !== hash || rows[other + NAME_END]! - rows[other + START]! !== length) continue;
        if (this.writtenName(other) === this.writtenName(base)) throw this.second(base);
      }
      return;
    }
    if (this.seenNames === undefined) {
      this.seenNames = new Set();
      for (let other = 0; other < base; other += STRIDE) this.seenNames.add(this.writtenName(other));
    }
    const name = source.slice(rows[base + START], rows[base + NAME_END]);
    if (this.seenNames.has(name)) throw this.second(base);
    this.seenNames.add(name);
  }

  private second(base: number): FeedsError {
    return this.error(this.rows[base + START]!, `the attribute "${cut(this.writtenName(base))}" is there twice`);
  }

  private writtenName(base: number): string {
    return this.source.slice(this.rows[base + START], this.rows[base + NAME_END]);
  }

  private isDeclaration(base: number): boolean {
    const { source, rows } = this;
    const start = rows[base + START]!;
    if (source.charCodeAt(start) !== SMALL_X) return false;
    const colon = rows[base + NAME_COLON]!;
    const end = colon === -1 ? rows[base + NAME_END]! : colon;
    return end - start === 5 && source.startsWith('xmlns', start);
  }

  private declareNamespaces(): void {
    const { rows } = this;
    for (let row = 0, base = 0; row < this.rowCount; row++, base += STRIDE) {
      if (!this.isDeclaration(base)) continue;
      const colon = rows[base + NAME_COLON]!;
      const prefix = colon === -1 ? '' : this.source.slice(colon + 1, rows[base + NAME_END]);
      const uri = this.valueOf(base);
      this.checkDeclaration(rows[base + START]!, prefix, uri);
      if (prefix === 'xml') continue;
      this.undoPrefixes.push(prefix);
      this.undoUris.push(this.bindings.get(prefix));
      this.bindings.set(prefix, uri);
    }
    this.forgetMemo();
  }

  /** Namespaces in XML 1.0 §3 (reserved prefixes and namespace names) and §2.2 (no undeclaring of a prefix). */
  private checkDeclaration(at: number, prefix: string, uri: string): void {
    if (prefix === 'xmlns') throw this.error(at, 'the prefix "xmlns" must not be declared');
    if (uri === XMLNS_NAMESPACE) throw this.error(at, `${XMLNS_NAMESPACE} must not be declared`);
    if (prefix === 'xml' && uri !== XML_NAMESPACE) {
      throw this.error(at, `the prefix "xml" must not be bound to anything but ${XML_NAMESPACE}`);
    }
    if (prefix !== 'xml' && uri === XML_NAMESPACE)
      throw this.error(at, `only the prefix "xml" may be bound to ${XML_NAMESPACE}`);
    if (prefix !== '' && uri === '') {
      throw this.error(at, `xmlns:${cut(prefix)}="" takes a prefix's namespace away, which only Namespaces 1.1 allows`);
    }
  }

  private namespaceOf(nameStart: number, colon: number, element: boolean): string {
    if (colon === -1) return element ? (this.bindings.get('') ?? '') : '';
    const prefix = this.source.slice(nameStart, colon);
    if (prefix === this.memoPrefix) return this.memoUri;
    if (prefix === 'xmlns') {
      if (!element) return XMLNS_NAMESPACE;
      throw this.error(nameStart, 'the prefix "xmlns" must not be used for an element');
    }
    const uri = this.resolve(prefix);
    if (uri === undefined) {
      throw this.error(nameStart, `the prefix "${cut(prefix)}" is not bound: xmlns:${cut(prefix)}="…" is missing`);
    }
    this.memoPrefix = prefix;
    this.memoUri = uri;
    return uri;
  }

  private forgetMemo(): void {
    this.memoPrefix = 'xml';
    this.memoUri = XML_NAMESPACE;
  }

  /** Every prefix is bound, and no two attributes have one expanded name (Namespaces in XML 1.0 §6.3). */
  private checkPrefixed(): void {
    const { source, rows } = this;
    const seen = this.prefixedCount > 1 ? new Set<string>() : undefined;
    for (let row = 0, base = 0; row < this.rowCount; row++, base += STRIDE) {
      const colon = rows[base + NAME_COLON]!;
      if (colon === -1) continue;
      const start = rows[base + START]!;
      const uri = this.namespaceOf(start, colon, false);
      if (seen === undefined || uri === XMLNS_NAMESPACE) continue;
      const expanded = `${uri} ${source.slice(colon + 1, rows[base + NAME_END])}`;
      if (seen.has(expanded)) {
        throw this.error(
          start,
          `the attribute "${cut(this.writtenName(base))}" is there twice, once by another prefix of its namespace`,
        );
      }
      seen.add(expanded);
    }
  }

  private attributeOf(base: number): Attribute {
    const { source, rows } = this;
    const start = rows[base + START]!;
    const colon = rows[base + NAME_COLON]!;
    const nameEnd = rows[base + NAME_END]!;
    const uri = colon === -1 && this.isDeclaration(base) ? XMLNS_NAMESPACE : this.namespaceOf(start, colon, false);
    return {
      name: source.slice(start, nameEnd),
      prefix: colon === -1 ? '' : source.slice(start, colon),
      local: colon === -1 ? source.slice(start, nameEnd) : source.slice(colon + 1, nameEnd),
      uri,
      value: this.valueOf(base),
      start,
      end: rows[base + VALUE_END]! + 1,
    };
  }

  private valueOf(base: number): string {
    const written = this.source.slice(this.rows[base + VALUE_START], this.rows[base + VALUE_END]);
    return this.rows[base + VALUE_REFERS] === 1 || /[\t\n\r]/.test(written) ? normaliseValue(written) : written;
  }

  private endTag(at: number): number {
    const { source } = this;
    if (this.depth === 0) throw this.error(at, 'an end tag outside the root element');
    const nameStart = this.nameStarts[this.depth - 1]!;
    const length = this.nameEnds[this.depth - 1]! - nameStart;
    let here = at + 2;
    for (let index = 0; index < length; index++, here++) {
      if (source.charCodeAt(here) !== source.charCodeAt(nameStart + index)) throw this.mismatch(at);
    }
    if (source.charCodeAt(here) !== GT) {
      const after = this.skipSpace(here);
      if (after === here || source.charCodeAt(after) !== GT) throw this.mismatch(at);
      here = after;
    }
    this.close(at, here + 1);
    return here + 1;
  }

  private mismatch(at: number): FeedsError {
    const { source } = this;
    const open = this.nameStarts[this.depth - 1]!;
    const opened = cut(source.slice(open, this.nameEnds[this.depth - 1]));
    const { line, column } = placeOf(source, open - 1);
    const where = `<${opened}>, which was opened at line ${line}, column ${column}`;
    let end = at + 2;
    while (end < source.length && end - at < 80 && !/[\s<>]/.test(source.charAt(end))) end++;
    if (end >= source.length) return this.error(at, `the document ends within the end tag of ${where}`);
    if (source.charCodeAt(end) === GT) end++;
    const found = source.slice(at, end);
    return this.error(
      at,
      found === `</${opened}` ? `the end tag of ${where}, has no ">"` : `"${found}" instead of the end tag of ${where}`,
    );
  }

  private close(start: number, end: number): void {
    this.handler.end(start, end);
    this.depth--;
    const height = this.undoHeights[this.depth]!;
    if (this.undoPrefixes.length === height) return;
    while (this.undoPrefixes.length > height) {
      const prefix = this.undoPrefixes.pop()!;
      const uri = this.undoUris.pop();
      if (uri === undefined) this.bindings.delete(prefix);
      else this.bindings.set(prefix, uri);
    }
    this.forgetMemo();
  }

  /** Comment, CDATA section, or what begins like one. */
  private bang(at: number): number {
    const { source } = this;
    if (source.startsWith('<!--', at)) {
      const end = source.indexOf('--', at + 4);
      if (end === -1) throw this.error(at, 'the document ends within this comment');
      if (source.charCodeAt(end + 2) !== GT) throw this.error(end, '"--" within a comment');
      return end + 3;
    }
    if (source.startsWith('<![CDATA[', at)) {
      if (this.depth === 0) throw this.error(at, 'a CDATA section outside the root element');
      const end = source.indexOf(']]>', at + 9);
      if (end === -1) throw this.error(at, 'the document ends within this CDATA section');
      if (this.textWanted && end > at + 9) this.handler.text(normaliseLineEnds(source.slice(at + 9, end)));
      return end + 3;
    }
    if (/^<!DOCTYPE/i.test(source.slice(at, at + 9))) {
      throw this.error(
        at,
        'a document type declaration (DOCTYPE) is not accepted, nor are entities and defaults of its own',
      );
    }
    throw this.error(at, '"<!" begins neither a comment nor a CDATA section');
  }

  private instruction(at: number): number {
    const { source } = this;
    const nameEnd = this.qualifiedName(at + 2, "an instruction's target");
    // Namespaces in XML 1.0 §7: no colon in the target.
    if (this.nameColon !== -1) throw this.error(at + 2, "an instruction's target has no colon");
    const target = source.slice(at + 2, nameEnd);
    if (target.toLowerCase() === 'xml') {
      throw this.error(at, `"<?${target}": the XML declaration may stand at the very start only`);
    }
    const end = source.indexOf('?>', nameEnd);
    if (end === -1) throw this.error(at, 'the document ends within this instruction');
    if (end > nameEnd && this.skipSpace(nameEnd) === nameEnd) {
      throw this.error(nameEnd, `${this.shown(nameEnd)} cannot stand in an instruction's target`);
    }
    return end + 2;
  }

  /** Reads a QName, remembers colon and hash, and returns the offset behind it. */
  private qualifiedName(from: number, what: string): number {
    const { source } = this;
    const { length } = source;
    let colon = -1;
    let hash = 0;
    let at = from;
    // What comes next begins a name: the whole, or the part behind the colon.
    let first = true;
    while (at < length) {
      const code = source.charCodeAt(at);
      if (code < 128) {
        const bits = ASCII[code]!;
        if ((bits & NAME) !== 0 && (!first || isNameStart(code))) {
          hash = (hash * 31 + code) | 0;
          first = false;
          at++;
          continue;
        }
        if (code !== COLON || first || colon !== -1) break;
        colon = at;
        hash = (hash * 31 + code) | 0;
        first = true;
        at++;
        continue;
      }
      const point = source.codePointAt(at)!;
      if (first ? !isNameStart(point) : !isName(point)) break;
      hash = (hash * 31 + code) | 0;
      first = false;
      at += point > 0xffff ? 2 : 1;
    }
    if (first) {
      const found = at < length ? this.shown(at) : 'the end of the document';
      throw this.error(at, `${found} where the name of ${what} was expected`);
    }
    this.nameColon = colon;
    this.nameHash = hash;
    return at;
  }

  private skipSpace(at: number): number {
    const { source } = this;
    while (at < source.length) {
      const code = source.charCodeAt(at);
      if (code >= 128 || (ASCII[code]! & SPACE) === 0) break;
      at++;
    }
    return at;
  }

  private finish(): void {
    const { source } = this;
    if (this.depth > 0) {
      const open = this.nameStarts[this.depth - 1]!;
      const { line, column } = placeOf(source, open - 1);
      const name = cut(source.slice(open, this.nameEnds[this.depth - 1]));
      throw this.error(
        source.length,
        `the document ends before the end tag of <${name}>, which was opened at line ${line}, column ${column}`,
      );
    }
    if (!this.rootSeen) {
      throw this.error(source.length, source === '' ? 'the document is empty' : 'the document has no root element');
    }
  }

  private shown(at: number): string {
    return at < this.source.length ? showCharacter(this.source.codePointAt(at)!) : 'the end of the document';
  }

  private illegal(at: number): FeedsError {
    const code = this.source.codePointAt(at)!;
    const what =
      code >= 0xd800 && code <= 0xdfff ? 'half of a surrogate pair' : 'a character that XML 1.0 does not allow';
    return this.error(at, `${showCharacter(code)} is ${what}`);
  }

  private error(at: number, message: string): FeedsError {
    return notWellFormed(message, { path: this.path(), ...placeOf(this.source, at) });
  }

  /** The open elements by their local names: `entry/content/event`. */
  private path(): string {
    const names: string[] = [];
    for (let depth = 0; depth < this.depth; depth++) {
      const name = this.source.slice(this.nameStarts[depth], this.nameEnds[depth]);
      names.push(cut(name.slice(name.indexOf(':') + 1)));
    }
    return names.join('/');
  }
}

/** The refusal of a document that cannot be read, with its only violation. */
export function notWellFormed(message: string, place: Omit<Violation, 'message'> = { path: '' }): FeedsError {
  const where = place.line === undefined ? '' : `, at line ${place.line}, column ${place.column}`;
  return new FeedsError('not-well-formed', `the body cannot be read as XML${where}: ${message}`, {
    violations: [{ ...place, message }],
  });
}

const SUSPECT = /[\0-\x08\v\f\x0e-\x1f\ud800-\udfff\ufffe\uffff]/g;

/** The offset of the first character in this stretch that is no Char (XML 1.0 §2.2), or Infinity. */
function firstIllegal(source: string, from: number, to: number): number {
  const stretch = from === 0 && to === source.length ? source : source.slice(from, to);
  SUSPECT.lastIndex = 0;
  while (SUSPECT.test(stretch)) {
    let at = from + SUSPECT.lastIndex - 1;
    if (at > 0 && isPair(source, at - 1)) at++;
    while (isPair(source, at)) at += 2;
    // Whatever stopped the pairs is suspect itself, or harmless.
    if (at < to && !isChar(source.charCodeAt(at))) return at;
    if (at >= to) break;
    SUSPECT.lastIndex = at - from;
  }
  return Infinity;
}

function isPair(source: string, at: number): boolean {
  return (source.charCodeAt(at) & 0xfc00) === 0xd800 && (source.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
}

const ENTITIES = ['amp;', 'lt;', 'gt;', 'quot;', 'apos;'];
const ENTITY_VALUES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Of a reference that has been checked: `&amp;` → `&`. */
function resolveReference(reference: string): string {
  const name = reference.slice(1, -1);
  if (name.charCodeAt(0) !== HASH) return ENTITY_VALUES[name]!;
  const hexadecimal = name.charCodeAt(1) === SMALL_X;
  return String.fromCodePoint(Number.parseInt(name.slice(hexadecimal ? 2 : 1), hexadecimal ? 16 : 10));
}

/** XML 1.0 §3.3.3 for an attribute of type CDATA, which without a DTD all are. */
export function normaliseValue(written: string): string {
  return written.replace(/\r\n|[\t\n\r]|&[^;]*;/g, (found) => (found.startsWith('&') ? resolveReference(found) : ' '));
}

/** Of character data that has been checked: references resolved, line ends normalised. */
export function characterData(written: string): string {
  const text = normaliseLineEnds(written);
  return text.includes('&') ? text.replace(/&[^;]*;/g, resolveReference) : text;
}

/** XML 1.0 §2.11. */
export function normaliseLineEnds(text: string): string {
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
}

function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 99;
}

function cut(name: string): string {
  return name.length > 80 ? `${name.slice(0, 79)}…` : name;
}

// A carriage return would be read back as a line feed. What XML cannot carry at all becomes U+FFFD, so that what we write
// is well-formed whatever a setting or a header held.
const TEXT_SPECIAL = /[&<>\r\0-\x08\v\f\x0e-\x1f\ud800-\udfff\ufffe\uffff]/u;
const VALUE_SPECIAL = /[&<>"\t\n\r\0-\x08\v\f\x0e-\x1f\ud800-\udfff\ufffe\uffff]/u;
const ALL_TEXT_SPECIAL = new RegExp(TEXT_SPECIAL, 'gu');
const ALL_VALUE_SPECIAL = new RegExp(VALUE_SPECIAL, 'gu');
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/** A string as character data. What XML 1.0 cannot carry becomes U+FFFD. */
export function escapeText(text: string): string {
  return TEXT_SPECIAL.test(text) ? text.replace(ALL_TEXT_SPECIAL, escaped) : text;
}

/** A string as it stands between double quotes; white space survives normalisation. */
export function escapeAttribute(value: string): string {
  return VALUE_SPECIAL.test(value) ? value.replace(ALL_VALUE_SPECIAL, escaped) : value;
}

function escaped(character: string): string {
  return ESCAPES[character] ?? '\ufffd';
}
