/** How often what may be repeated is: the least, and more where a length must be reached. */
const EXTRA = [0, 1, 2, 4, 8];
const MAX_REPEATS = 200;
const MAX_CHARACTERS = 1000;
/** Tried in this order where a pattern leaves the choice. */
const CANDIDATES: string = 'aA1-_ .b:/@x';

/** Texts that fit the pattern (XML Schema Part 2 appendix F), where it is a simple one. */
export function patternSamples(pattern: string): string[] {
  const texts = EXTRA.map((extra) => {
    const reader = { characters: [...pattern], at: 0, extra };
    const text = branches(reader);
    return reader.at === reader.characters.length ? text : undefined;
  });
  return [...new Set(texts.filter((text) => text !== undefined && text.length <= MAX_CHARACTERS))] as string[];
}

interface Reader {
  readonly characters: readonly string[];
  at: number;
  readonly extra: number;
}

/** The first branch; the others are read over. */
function branches(reader: Reader): string | undefined {
  const first = branch(reader);
  while (reader.characters[reader.at] === '|') {
    reader.at++;
    branch(reader);
  }
  return first;
}

function branch(reader: Reader): string | undefined {
  let text: string | undefined = '';
  for (let next = reader.characters[reader.at]; next !== undefined; next = reader.characters[reader.at]) {
    if (next === '|' || next === ')') break;
    const piece = atom(reader);
    const count = quantity(reader);
    if (piece === undefined || count > MAX_REPEATS || (text?.length ?? 0) > MAX_CHARACTERS) text = undefined;
    else if (text !== undefined) text += piece.repeat(count);
  }
  return text;
}

function atom(reader: Reader): string | undefined {
  const next = reader.characters[reader.at++];
  if (next === '(') {
    const text = branches(reader);
    reader.at++;
    return text;
  }
  if (next === '[') return fromClass(reader);
  if (next === '\\') return escaped(reader);
  return next === '.' ? 'a' : next;
}

function quantity(reader: Reader): number {
  const next = reader.characters[reader.at];
  if (next === '?' || next === '*' || next === '+') {
    reader.at++;
    return next === '?' ? 0 : (next === '+' ? 1 : 0) + reader.extra;
  }
  if (next !== '{') return 1;
  const end = reader.characters.indexOf('}', reader.at);
  const [least = '0', most] = reader.characters
    .slice(reader.at + 1, end < 0 ? undefined : end)
    .join('')
    .split(',');
  reader.at = end < 0 ? reader.characters.length : end + 1;
  if (most === undefined) return Number(least);
  return Math.min(Number(least) + reader.extra, most === '' ? Infinity : Number(most));
}

/** Of an escape: a character that it stands for. */
function escaped(reader: Reader): string | undefined {
  const letter = reader.characters[reader.at++];
  if (letter === 'p' || letter === 'P') {
    const end = reader.characters.indexOf('}', reader.at);
    const property = reader.characters.slice(reader.at + 1, end).join('');
    reader.at = end + 1;
    if (letter === 'P') return property.startsWith('L') ? '1' : 'a';
    return property.startsWith('N') ? '1' : property === 'Lu' ? 'A' : property.startsWith('L') ? 'a' : undefined;
  }
  const known: Readonly<Record<string, string>> = { d: '1', w: 'a', s: ' ', i: 'a', c: 'a', D: 'a', W: '-', S: 'a' };
  const controls: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
  return letter === undefined ? undefined : (known[letter] ?? controls[letter] ?? letter);
}

function fromClass(reader: Reader): string | undefined {
  const negated = reader.characters[reader.at] === '^';
  if (negated) reader.at++;
  const ranges: [string, string][] = [];
  for (let next = reader.characters[reader.at]; next !== ']'; next = reader.characters[reader.at]) {
    if (next === undefined || next === '[') return undefined;
    reader.at++;
    const first = next === '\\' ? escaped(reader) : next;
    if (first === undefined) return undefined;
    const last = reader.characters[reader.at + 1];
    if (next !== '\\' && reader.characters[reader.at] === '-' && last !== undefined && last !== ']' && last !== '[') {
      reader.at += 2;
      ranges.push([first, last]);
    } else ranges.push([first, first]);
  }
  reader.at++;
  const has = (character: string): boolean => ranges.some(([from, to]) => from <= character && character <= to);
  return negated ? [...CANDIDATES].find((character) => !has(character)) : ranges[0]?.[0];
}
