import { FeedsError } from '../../core/errors.js';
import { placeOf } from '../places.js';
import { runInSlices } from '../slices.js';

/** A value of a JSON text, where it stands there. Objects keep the order of their members, and every one of them. */
export type JsonNode = JsonObject | JsonArray | JsonString | JsonLiteral | JsonOpaque;

interface Stretch {
  /** Offsets in the text, of the first character and behind the last. */
  readonly start: number;
  readonly end: number;
}

export interface JsonObject extends Stretch {
  readonly kind: 'object';
  readonly members: readonly JsonMember[];
}

export interface JsonMember {
  readonly name: string;
  /** The offset of the name's quote. */
  readonly at: number;
  readonly value: JsonNode;
}

export interface JsonArray extends Stretch {
  readonly kind: 'array';
  readonly items: readonly JsonNode[];
}

export interface JsonString extends Stretch {
  readonly kind: 'string';
  /** It may hold lone surrogates (RFC 8259 §8.2). */
  readonly value: string;
}

/** What its own text says best: a number may be larger, or finer, than JavaScript's. */
export interface JsonLiteral extends Stretch {
  readonly kind: 'number' | 'boolean' | 'null';
}

/** An object or array that is wanted as text: it has been checked, and nothing of it is held. */
export interface JsonOpaque extends Stretch {
  readonly kind: 'opaque';
}

export interface JsonReading {
  /** Arrays and objects within one another; 100 where nothing is said. What is opaque counts for itself, up to 100. */
  readonly depth?: number;
  /** Objects and arrays that are members of this name are opaque. */
  readonly opaque?: string;
  /** The text as a whole is, if it is an object or array. */
  readonly whole?: boolean;
}

/** From this size on a text is read in slices. */
const SLICED_CHARACTERS = 64 * 1024;
/** Values in a document, without those within opaque ones: each takes some hundred bytes of memory. */
const MOST_VALUES = 250_000;

/** Arrays and objects within one another, where nothing else is said. */
const JSON_DEPTH = 100;

type Building = { -readonly [Key in keyof Stretch]: Stretch[Key] } & (
  | { readonly kind: 'object'; readonly members: JsonMember[]; name: string; at: number }
  | { readonly kind: 'array'; readonly items: JsonNode[] }
);

type Expected = 'value' | 'value-or-end' | 'name' | 'name-or-end' | 'colon' | 'comma-or-end' | 'nothing';

const WORDS: Record<Expected, string> = {
  value: 'a value',
  'value-or-end': 'a value or "]"',
  name: 'a name in double quotes',
  'name-or-end': 'a name in double quotes or "}"',
  colon: '":"',
  'comma-or-end': '"," or the end of the object or array',
  nothing: 'nothing more',
};

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])/y;
const WORD = /(?:true|false|null)(?!\w)/y;
// RFC 8259 §7: control characters have to be escaped.
const PLAIN = /[^"\\\0-\x1f]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/**
 * One pass over a JSON text (RFC 8259), that can stop between tokens and be called again. What is not JSON, or nested too
 * deep, is a FeedsError `not-well-formed` with line and column; more values than can be held are `too-large`.
 */
export class JsonReader {
  private readonly text: string;
  private readonly depth: number;
  private readonly opaque: string | undefined;
  private readonly whole: boolean;
  /** How many arrays and objects are around the opaque one that is open; -1: none is. */
  private around = -1;
  private values = 0;
  private readonly open: Building[] = [];
  private expected: Expected = 'value';
  private at = 0;
  private result: JsonNode | undefined;

  constructor(text: string, { depth = JSON_DEPTH, opaque, whole = false }: JsonReading = {}) {
    this.text = text;
    this.depth = depth;
    this.opaque = opaque;
    this.whole = whole;
  }

  /** Goes on to the first token that begins at or behind `until`; true when the text is finished. */
  run(until = Infinity): boolean {
    const { text } = this;
    for (;;) {
      this.at = matchAt(SPACE, text, this.at);
      if (this.at >= text.length) break;
      if (this.at >= until) return false;
      this.token();
    }
    if (this.expected !== 'nothing') throw this.mistake();
    return true;
  }

  /** The value that the text is, once it has been read to its end. */
  get root(): JsonNode {
    if (this.result === undefined) throw new Error('the text has not been read to its end');
    return this.result;
  }

  private token(): void {
    const { text, expected } = this;
    const inside = this.open.at(-1);
    switch (text.charAt(this.at)) {
      case ':':
        if (expected !== 'colon') throw this.mistake();
        this.expected = 'value';
        this.at++;
        return;
      case ',':
        if (expected !== 'comma-or-end') throw this.mistake();
        this.expected = inside?.kind === 'object' ? 'name' : 'value';
        this.at++;
        return;
      case '}':
        if (inside?.kind !== 'object' || (expected !== 'comma-or-end' && expected !== 'name-or-end'))
          throw this.mistake();
        this.close();
        return;
      case ']':
        if (inside?.kind !== 'array' || (expected !== 'comma-or-end' && expected !== 'value-or-end'))
          throw this.mistake();
        this.close();
        return;
      case '{':
      case '[':
        this.begin();
        return;
      case '"':
        this.string(inside);
        return;
      default:
        this.literal();
    }
  }

  private begin(): void {
    this.wantValue();
    const { at } = this;
    const inside = this.open.at(-1);
    const begins = inside === undefined ? this.whole : inside.kind === 'object' && inside.name === this.opaque;
    if (this.around < 0 && begins) this.around = this.open.length;
    const [deep, most] =
      this.around < 0 ? [this.open.length, this.depth] : [this.open.length - this.around, JSON_DEPTH];
    if (deep >= most) throw notJson(this.text, at, `arrays and objects are nested more than ${String(most)} deep`);
    const isObject = this.text.charAt(at) === '{';
    this.open.push(
      isObject
        ? { kind: 'object', members: [], name: '', at: 0, start: at, end: at }
        : { kind: 'array', items: [], start: at, end: at },
    );
    this.expected = isObject ? 'name-or-end' : 'value-or-end';
    this.at++;
  }

  private close(): void {
    const closed = this.open.pop();
    if (closed === undefined) return;
    this.at++;
    closed.end = this.at;
    if (this.around !== this.open.length) {
      this.take(closed);
      return;
    }
    this.around = -1;
    this.take({ kind: 'opaque', start: closed.start, end: closed.end });
  }

  private string(inside: Building | undefined): void {
    const { text, at, expected } = this;
    const isName = expected === 'name' || expected === 'name-or-end';
    if (!isName) this.wantValue();
    const end = this.endOfString(at);
    const written = text.slice(at + 1, end - 1);
    const value = written.includes('\\') ? (JSON.parse(text.slice(at, end)) as string) : written;
    this.at = end;
    if (isName && inside?.kind === 'object') {
      inside.name = value;
      inside.at = at;
      this.expected = 'colon';
    } else {
      this.take({ kind: 'string', value, start: at, end });
    }
  }

  private literal(): void {
    const { text, at } = this;
    this.wantValue();
    const number = matchAt(NUMBER, text, at);
    const end = number === at ? matchAt(WORD, text, at) : number;
    if (end === at) throw this.mistake();
    const kind = number !== at ? 'number' : text.charAt(at) === 'n' ? 'null' : 'boolean';
    this.at = end;
    this.take({ kind, start: at, end });
  }

  private take(value: JsonNode): void {
    const inside = this.open.at(-1);
    if (inside === undefined) {
      this.result = value;
      this.expected = 'nothing';
      return;
    }
    this.expected = 'comma-or-end';
    if (this.around >= 0) return;
    if (++this.values > MOST_VALUES) {
      const message = `the document has more than ${String(MOST_VALUES)} values; what is large belongs into a payload`;
      throw new FeedsError('too-large', message);
    }
    if (inside.kind === 'object') inside.members.push({ name: inside.name, at: inside.at, value });
    else inside.items.push(value);
  }

  private wantValue(): void {
    if (this.expected !== 'value' && this.expected !== 'value-or-end') throw this.mistake();
  }

  private mistake(): FeedsError {
    const { text, at, expected } = this;
    const found = at >= text.length ? 'the end' : JSON.stringify([...text.slice(at, at + 2)][0]);
    return notJson(text, at, `found ${found}, expected ${WORDS[expected]}`);
  }

  /** The offset behind the closing quote of the string that begins here. */
  private endOfString(from: number): number {
    const { text } = this;
    for (let at = from + 1; ;) {
      at = matchAt(PLAIN, text, at);
      if (at >= text.length)
        throw notJson(text, from, 'the text ends within this string: its closing quote is missing');
      if (text.charAt(at) === '"') return at + 1;
      const code = text.charCodeAt(at);
      if (code < 0x20) {
        const shown = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
        throw notJson(text, at, `${shown} in a string, where it has to be escaped (RFC 8259 §7)`);
      }
      const behind = matchAt(ESCAPE, text, at);
      if (behind === at)
        throw notJson(text, at, `${JSON.stringify(text.slice(at, at + 2))} is no escape (RFC 8259 §7)`);
      at = behind;
    }
  }
}

/** The offset behind what the expression finds there, or `at`. */
function matchAt(expression: RegExp, text: string, at: number): number {
  expression.lastIndex = at;
  return expression.test(text) ? expression.lastIndex : at;
}

/** Reads a JSON text in one go. */
export function readJsonText(text: string, reading: JsonReading = {}): JsonNode {
  const reader = new JsonReader(text, reading);
  reader.run();
  return reader.root;
}

/** The same; other work may come between when the text is large. */
export async function readJsonGently(text: string, reading: JsonReading = {}): Promise<JsonNode> {
  const reader = new JsonReader(text, reading);
  if (text.length < SLICED_CHARACTERS) reader.run();
  else await runInSlices(reader);
  return reader.root;
}

/** RFC 8259 §8.1: JSON is UTF-8; a byte order mark is passed over. Refuses with `not-well-formed`. */
export function decodeJson(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new FeedsError('not-well-formed', 'the body is not UTF-8, which JSON has to be in (RFC 8259 §8.1)');
  }
}

function notJson(text: string, offset: number, message: string): FeedsError {
  const place = placeOf(text, offset);
  const where = `line ${String(place.line)}, column ${String(place.column)}`;
  return new FeedsError('not-well-formed', `the body is not JSON: ${where}: ${message}`, {
    violations: [{ path: '', message, ...place }],
  });
}

/** A member's name or an item's number as part of a JSON Pointer (RFC 6901 §3). */
export function pointerPart(name: string | number): string {
  const text = String(name);
  return `/${/[~/]/.test(text) ? text.replaceAll('~', '~0').replaceAll('/', '~1') : text}`;
}
