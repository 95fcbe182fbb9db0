/**
 * Checks of a payload that comes in pieces, so that a large one never has to be held or walked in one go.
 */
export interface PayloadCheck {
  take(piece: string): void;
  /** Once all pieces were taken: what is wrong, or undefined. */
  problem(): string | undefined;
}

/** Arrays and objects within one another; JSON.parse would take any number, those who walk the value would not. */
const JSON_DEPTH = 100;

const SPACE = /^[ \t\r\n]$/;
const LITERALS: Readonly<Record<string, string>> = { t: 'true', f: 'false', n: 'null' };

type JsonState =
  | 'value' // one must come
  | 'value-or-end' // behind "["
  | 'name-or-end' // behind "{"
  | 'name' // behind "," in an object
  | 'colon'
  | 'after' // behind a value
  | 'string'
  | 'escape'
  | 'unicode'
  | 'literal'
  | NumberState;
type NumberState = 'minus' | 'zero' | 'integer' | 'point' | 'fraction' | 'exponent' | 'sign' | 'power';

const COMPLETE_NUMBERS: ReadonlySet<JsonState> = new Set<JsonState>(['zero', 'integer', 'fraction', 'power']);

/** Is it one JSON text (RFC 8259), nested at most 100 deep? */
export function jsonCheck(): PayloadCheck {
  let state: JsonState = 'value';
  let taken = 0;
  let failure: string | undefined;
  let literal = '';
  let unicodeDigits = 0;
  let stringIsName = false;
  // One character for each array or object that is open.
  const open: string[] = [];

  function take(piece: string): void {
    for (let at = 0; at < piece.length && failure === undefined; at++) {
      if (state === 'string') at = restOfString(piece, at);
      else step(piece.charAt(at), taken + at);
    }
    taken += piece.length;
  }

  /** Up to the closing quote, an escape, or the piece's last character. */
  function restOfString(piece: string, from: number): number {
    for (let at = from; at < piece.length; at++) {
      const code = piece.charCodeAt(at);
      if (code === 0x22) {
        state = stringIsName ? 'colon' : 'after';
        return at;
      }
      if (code === 0x5c) {
        state = 'escape';
        return at;
      }
      if (code < 0x20) {
        unexpected(piece.charAt(at), taken + at);
        return at;
      }
    }
    return piece.length;
  }

  function step(character: string, offset: number): void {
    const next = number(character);
    if (next !== undefined) {
      state = next;
      return;
    }
    if (COMPLETE_NUMBERS.has(state)) state = 'after';
    if (!accepts(character)) unexpected(character, offset);
  }

  /** The state of a number that this character continues. */
  function number(character: string): NumberState | undefined {
    const digit = character >= '0' && character <= '9';
    switch (state) {
      case 'minus':
        return character === '0' ? 'zero' : digit ? 'integer' : undefined;
      case 'zero':
      case 'integer':
        if (digit && state === 'integer') return 'integer';
        if (character === '.') return 'point';
        return character === 'e' || character === 'E' ? 'exponent' : undefined;
      case 'point':
        return digit ? 'fraction' : undefined;
      case 'fraction':
        if (digit) return 'fraction';
        return character === 'e' || character === 'E' ? 'exponent' : undefined;
      case 'exponent':
        if (character === '+' || character === '-') return 'sign';
        return digit ? 'power' : undefined;
      case 'sign':
      case 'power':
        return digit ? 'power' : undefined;
      default:
        return undefined;
    }
  }

  function accepts(character: string): boolean {
    switch (state) {
      case 'value':
        return SPACE.test(character) || value(character);
      case 'value-or-end':
        return SPACE.test(character) || (character === ']' ? close('[') : value(character));
      case 'name-or-end':
        return SPACE.test(character) || (character === '}' ? close('{') : name(character));
      case 'name':
        return SPACE.test(character) || name(character);
      case 'colon':
        if (character === ':') state = 'value';
        return character === ':' || SPACE.test(character);
      case 'after':
        return SPACE.test(character) || after(character);
      case 'escape':
        state = character === 'u' ? 'unicode' : 'string';
        unicodeDigits = 0;
        return /^["\\/bfnrtu]$/.test(character);
      case 'unicode':
        if (++unicodeDigits === 4) state = 'string';
        return /^[0-9A-Fa-f]$/.test(character);
      case 'literal':
        if (literal.charAt(0) !== character) return false;
        literal = literal.slice(1);
        if (literal === '') state = 'after';
        return true;
      default:
        return false;
    }
  }

  function value(character: string): boolean {
    if (character === '"') return string(false);
    if (character === '{' || character === '[') {
      open.push(character);
      if (open.length > JSON_DEPTH) failure = `arrays and objects are nested more than ${JSON_DEPTH} deep`;
      state = character === '{' ? 'name-or-end' : 'value-or-end';
      return true;
    }
    if (character === '-') state = 'minus';
    else if (character === '0') state = 'zero';
    else if (character >= '1' && character <= '9') state = 'integer';
    else {
      const word = LITERALS[character];
      if (word === undefined) return false;
      literal = word.slice(1);
      state = 'literal';
    }
    return true;
  }

  function name(character: string): boolean {
    return character === '"' && string(true);
  }

  function string(isName: boolean): boolean {
    state = 'string';
    stringIsName = isName;
    return true;
  }

  function after(character: string): boolean {
    const within = open.at(-1);
    if (character === ',' && within !== undefined) {
      state = within === '{' ? 'name' : 'value';
      return true;
    }
    if (character === '}') return close('{');
    return character === ']' && close('[');
  }

  function close(opener: string): boolean {
    if (open.at(-1) !== opener) return false;
    open.pop();
    state = 'after';
    return true;
  }

  function unexpected(character: string, offset: number): void {
    failure ??= `${JSON.stringify(character)} is unexpected at character ${offset + 1}`;
  }

  function problem(): string | undefined {
    if (failure !== undefined) return failure;
    if (state === 'after' || (open.length === 0 && COMPLETE_NUMBERS.has(state))) {
      return open.length === 0 ? undefined : 'it ends too early';
    }
    return taken === 0 ? 'it is empty' : 'it ends too early';
  }

  return { take, problem };
}

/** Is it Base64 (RFC 4648 §4), with white space allowed anywhere, as lines are broken in many ways? */
export function base64Check(): PayloadCheck {
  let digits = 0;
  let padding = 0;
  let taken = 0;
  let failure: string | undefined;

  function take(piece: string): void {
    for (let at = 0; at < piece.length && failure === undefined; at++) {
      const code = piece.charCodeAt(at);
      if (isDigit(code) && padding === 0) digits++;
      else if (code === 0x3d) padding++;
      else if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) {
        failure = `${JSON.stringify(piece.charAt(at))} is unexpected at character ${taken + at + 1}`;
      }
    }
    taken += piece.length;
  }

  function problem(): string | undefined {
    if (failure !== undefined) return failure;
    if (padding > 2 || (digits + padding) % 4 !== 0) {
      return `it has ${digits} digits and ${padding} "=", which is no multiple of four`;
    }
    return undefined;
  }

  return { take, problem };
}

function isDigit(code: number): boolean {
  const letter = code | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2f;
}
