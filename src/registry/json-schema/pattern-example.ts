/** What a pattern is made of, as far as texts are made for it. */
type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'all'; readonly parts: readonly Part[] }
  | { readonly kind: 'one'; readonly parts: readonly Part[] }
  | { readonly kind: 'repeat'; readonly part: Part; readonly least: number; readonly most: number };

interface Reader {
  readonly pattern: string;
  at: number;
}

/** Asks for what is not understood here: look-around, references back, properties of characters. */
class NotSimple extends Error {}

const MOST_REPEATED = 200;
const MOST_CHARACTERS = 10_000;
/** Tried in turn for a class of characters. */
const CANDIDATES = [
  'a',
  'A',
  '0',
  '1',
  '-',
  '_',
  '.',
  ' ',
  ...Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)),
  'é',
];
const ESCAPED: Readonly<Record<string, string>> = {
  d: '0',
  w: 'a',
  s: ' ',
  D: 'a',
  W: '-',
  S: 'a',
  t: '\t',
  n: '\n',
  r: '\r',
};

/** A text that matches a regular expression and is `least` characters long at least, where one is easily made. */
export function patternExample(pattern: string, least: number): string | undefined {
  let parts: Part;
  try {
    const reader: Reader = { pattern, at: 0 };
    parts = alternatives(reader);
    if (reader.at < pattern.length) return undefined;
  } catch (error) {
    if (error instanceof NotSimple) return undefined;
    throw error;
  }
  let text = write(parts, 0);
  for (let more = 1; [...text].length < least && more <= MOST_REPEATED; more++) text = write(parts, more);
  const padded = text + 'a'.repeat(Math.max(0, Math.min(least, MOST_CHARACTERS) - [...text].length));
  return [text, padded].find((one) => [...one].length >= least && new RegExp(pattern, 'u').test(one));
}

/** `more`: how often what may be repeated is repeated beyond what it must be. */
function write(part: Part, more: number): string {
  if (part.kind === 'text') return part.text;
  if (part.kind === 'one') return part.parts[0] === undefined ? '' : write(part.parts[0], more);
  if (part.kind === 'all') return cut(part.parts.map((inner) => write(inner, more)).join(''));
  const count = Math.min(part.least + more, part.most, MOST_CHARACTERS);
  const text = write(part.part, more);
  return text.repeat(Math.min(count, Math.ceil(MOST_CHARACTERS / Math.max(1, text.length))));
}

function cut(text: string): string {
  return text.slice(0, MOST_CHARACTERS);
}

function alternatives(reader: Reader): Part {
  const parts = [sequence(reader)];
  while (take(reader, '|')) parts.push(sequence(reader));
  return { kind: 'one', parts };
}

function sequence(reader: Reader): Part {
  const parts: Part[] = [];
  while (reader.at < reader.pattern.length && !'|)'.includes(reader.pattern.charAt(reader.at)))
    parts.push(repeated(reader, atom(reader)));
  return { kind: 'all', parts };
}

function repeated(reader: Reader, part: Part): Part {
  const quantifier = /[*+?]|\{(\d+)(,(\d*))?\}/y;
  quantifier.lastIndex = reader.at;
  const found = quantifier.exec(reader.pattern);
  if (found === null) return part;
  reader.at = quantifier.lastIndex;
  take(reader, '?');
  const [text, low, comma, high] = found;
  if (text === '*') return { kind: 'repeat', part, least: 0, most: Infinity };
  if (text === '+') return { kind: 'repeat', part, least: 1, most: Infinity };
  if (text === '?') return { kind: 'repeat', part, least: 0, most: 1 };
  const most = comma === undefined ? Number(low) : high === '' ? Infinity : Number(high);
  return { kind: 'repeat', part, least: Number(low), most };
}

function atom(reader: Reader): Part {
  const character = String.fromCodePoint(reader.pattern.codePointAt(reader.at) ?? 0);
  reader.at += character.length;
  if (character === '^' || character === '$') return { kind: 'text', text: '' };
  if (character === '.') return { kind: 'text', text: 'a' };
  if (character === '(') return group(reader);
  if (character === '[') return characterClass(reader);
  if (character === '\\') return escaped(reader);
  return { kind: 'text', text: character };
}

function group(reader: Reader): Part {
  if (take(reader, '?') && !take(reader, ':')) {
    const name = /<[A-Za-z_]\w*>/y;
    name.lastIndex = reader.at;
    if (!name.test(reader.pattern)) throw new NotSimple();
    reader.at = name.lastIndex;
  }
  const inner = alternatives(reader);
  if (!take(reader, ')')) throw new NotSimple();
  return inner;
}

function escaped(reader: Reader): Part {
  const character = reader.pattern.charAt(reader.at++);
  const text = ESCAPED[character] ?? (/[\^$\\.*+?()[\]{}|/-]/.test(character) ? character : undefined);
  if (text === undefined) throw new NotSimple();
  return { kind: 'text', text };
}

/** The first candidate that the class has. */
function characterClass(reader: Reader): Part {
  const end = /(?:\\.|[^\]\\])*\]/suy;
  end.lastIndex = reader.at;
  if (!end.test(reader.pattern)) throw new NotSimple();
  const whole = new RegExp(`^[${reader.pattern.slice(reader.at, end.lastIndex)}$`, 'u');
  const literal = [...reader.pattern.slice(reader.at, end.lastIndex - 1)];
  reader.at = end.lastIndex;
  const text = [...CANDIDATES, ...literal].find((one) => whole.test(one));
  if (text === undefined) throw new NotSimple();
  return { kind: 'text', text };
}

function take(reader: Reader, character: string): boolean {
  const there = reader.pattern.startsWith(character, reader.at);
  if (there) reader.at++;
  return there;
}
