import { FeedsError } from './errors.js';

/**
 * A category search as a tree. Terms and prefixes are in the form that `normaliseTerm` gives; `and` and `or` have at
 * least one part.
 */
export type Search =
  | { readonly kind: 'term'; readonly term: string }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Search[] }
  | { readonly kind: 'not'; readonly of: Search };

/**
 * How a search is answered. `index`: what matches is what has one of these terms in the term index, and that costs
 * the same however long the log is. `scan`: entries have to be looked at, in bounded stretches.
 */
export type SearchPlan =
  { readonly by: 'index'; readonly terms: readonly string[] } | { readonly by: 'scan'; readonly search: Search };

/** In characters (code points), of the search as sent and of its canonical form alike. */
const MAX_CHARACTERS = 4096;
const MAX_TERMS = 100;
const MAX_DEPTH = 50;

/** Marks the bare prefixes in the term index. No category has it: XML 1.0 §2.2 knows no U+0001. */
const BARE_PREFIX = '\u0001';
/** Marks all that the term index holds of private entries: who does not see them finds what is without it. */
const OF_PRIVATE = '\u0001\u0001';
/** The category of entries that only some may see, in the comparison form. */
export const PRIVATE_TERM = 'cloudfeeds:private';
/** XML 1.0 §2.2, the other way round: what no category can have in it. */
const NO_XML_CHARACTER = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

/**
 * The form in which terms are compared: without regard to case, save that what follows `tid:` stays as it is.
 *
 * Case is that of Unicode's locale-independent lower-casing, plus the final sigma taken as any other. So each
 * character is mapped by itself, and the form of a prefix is a prefix of the form. It is not full case folding
 * (`STRASSE` is not `straße`), and composed and decomposed letters stay different.
 */
export function normaliseTerm(term: string): string {
  return /^tid:/i.test(term) ? `tid:${term.slice(4)}` : term.toLowerCase().replaceAll('ς', 'σ');
}

/** Is an entry with these terms, in their comparison form, private? */
export function isPrivate(normalisedTerms: readonly string[]): boolean {
  return normalisedTerms.includes(PRIVATE_TERM);
}

/** The tenants that an entry with these terms, in their comparison form, belongs to. */
export function tenantsIn(normalisedTerms: readonly string[]): string[] {
  return normalisedTerms.filter((term) => term.startsWith('tid:')).map((term) => term.slice('tid:'.length));
}

/** The entries of these tenants, as they are found in the term index, none of them private. Of a tenant whose name has what XML cannot have there are none. */
export function tenantTerms(tenants: readonly string[]): string[] {
  return tenants
    .filter((tenant) => !tenant.includes('\u0000') && !tenant.includes('\u0001'))
    .map((tenant) => `tid:${tenant}`);
}

/**
 * What the term index holds for an entry: its terms in their comparison form and, marked with a leading U+0001, the
 * part of each up to and including its first colon; all of it marked with two of them when the entry is private.
 */
export function indexTerms(terms: readonly string[]): string[] {
  const indexed = new Set<string>();
  for (const term of terms) {
    const normalised = normaliseTerm(term);
    indexed.add(normalised);
    const colon = normalised.indexOf(':');
    if (colon >= 0) indexed.add(BARE_PREFIX + normalised.slice(0, colon + 1));
  }
  return indexed.has(PRIVATE_TERM) ? [...indexed].map((term) => OF_PRIVATE + term) : [...indexed];
}

/** Does an entry with these terms, in their comparison form, match? */
export function matches(search: Search, normalisedTerms: readonly string[]): boolean {
  switch (search.kind) {
    case 'term':
      return normalisedTerms.includes(search.term);
    case 'prefix':
      return normalisedTerms.some((term) => term.startsWith(search.prefix));
    case 'and':
      return search.of.every((part) => matches(part, normalisedTerms));
    case 'or':
      return search.of.some((part) => matches(part, normalisedTerms));
    case 'not':
      return !matches(search.of, normalisedTerms);
  }
}

/**
 * An exact term, a prefix that ends at its first colon (`tid:*`), and an OR of those can use the term index. Without private
 * entries it finds the others only, and nothing of it depends on them.
 */
export function planSearch(search: Search, { withPrivate }: { readonly withPrivate: boolean }): SearchPlan {
  const indexed = indexedAs(search);
  if (indexed === undefined) {
    return { by: 'scan', search: withPrivate ? search : { kind: 'and', of: [search, NOT_PRIVATE] } };
  }
  const terms = [...new Set(indexed)];
  return { by: 'index', terms: withPrivate ? [...terms, ...terms.map((term) => OF_PRIVATE + term)] : terms };
}

const NOT_PRIVATE: Search = { kind: 'not', of: { kind: 'term', term: PRIVATE_TERM } };

function indexedAs(search: Search): string[] | undefined {
  switch (search.kind) {
    case 'term':
      return [search.term];
    case 'prefix':
      return search.prefix.indexOf(':') === search.prefix.length - 1 ? [BARE_PREFIX + search.prefix] : undefined;
    case 'or': {
      const parts = search.of.map(indexedAs);
      return parts.includes(undefined) ? undefined : parts.flatMap((terms) => terms ?? []);
    }
    case 'and': {
      const [only, ...others] = search.of;
      return only === undefined || others.length > 0 ? undefined : indexedAs(only);
    }
    case 'not':
      return undefined;
  }
}

/** The canonical text of a search, in LDAP style. `parseSearch` gives the same search back. */
export function printSearch(search: Search): string {
  switch (search.kind) {
    case 'term':
      return `(cat=${escape(search.term)})`;
    case 'prefix':
      return `(cat=${escape(search.prefix)}*)`;
    case 'and':
      return `(&${search.of.map(printSearch).join('')})`;
    case 'or':
      return `(|${search.of.map(printSearch).join('')})`;
    case 'not':
      return `(!${printSearch(search.of)})`;
  }
}

function escape(term: string): string {
  return term.replace(/[()\\*]/g, '\\$&');
}

/**
 * Reads the `search` parameter, decoded once (percent-escapes undone, `+` made a space); `undefined` when it is empty
 * or blank. Both of Atom Hopper's grammars, told apart by the first character that is no space:
 *
 *     classic  ::= ( plus value )+                      any of the terms;  plus ::= '+' | ' '
 *     filter   ::= '(' 'cat=' value ')'
 *                | '(' ( '&' | 'AND' | '|' | 'OR' ) filter+ ')'
 *                | '(' ( '!' | 'NOT' ) filter ')'       spaces may stand around a filter and an operator
 *     value    ::= term | prefix '*'                    a prefix has one character or more
 *
 * A space in a classic search is the `+` that a client forgot to encode, so there a term that has a space in it needs
 * `\ `: a backslash takes the next character for itself, whatever it is. In a filter spaces in a value are part of
 * it, and a backslash stands before one of `( ) \ *` or, as in RFC 4515 §3, before the two hexadecimal digits of a
 * byte of UTF-8.
 *
 * Throws `bad-search`, with the place (in characters, from 1) and what was expected there.
 */
export function parseSearch(text: string): Search | undefined {
  const start = text.search(/[^ ]/);
  if (start < 0) return undefined;
  checkLength(text, 'it');
  const reading: Reading = { text, at: 0, terms: 0 };
  const search = text.startsWith('(', start) ? readLdap(reading) : readClassic(reading);
  // Escapes make the canonical form the longer one, and we must be able to read what we print.
  checkLength(printSearch(search), 'in LDAP style it');
  return search;
}

interface Reading {
  readonly text: string;
  /** Index into `text` of what is read next. */
  at: number;
  /** How many terms and prefixes were found so far. */
  terms: number;
}

function checkLength(text: string, what: string): void {
  if (text.length <= MAX_CHARACTERS) return;
  const characters = countCharacters(text);
  if (characters > MAX_CHARACTERS) {
    throw new FeedsError(
      'bad-search',
      `search: ${what} has ${characters} characters, at most ${MAX_CHARACTERS} are taken`,
    );
  }
}

function readClassic(reading: Reading): Search {
  const of: Search[] = [];
  if (!isPlus(next(reading))) {
    throw mistake(reading, 'expected "+" before each term, or "(" and a filter in LDAP style');
  }
  while (reading.at < reading.text.length) {
    reading.at += 1;
    of.push(readValue(reading, isPlus, readCharacter));
  }
  const [first, ...others] = of;
  return first === undefined || others.length > 0 ? { kind: 'or', of } : first;
}

function isPlus(character: string | undefined): boolean {
  return character === '+' || character === ' ';
}

function isClosing(character: string | undefined): boolean {
  return character === ')';
}

function readLdap(reading: Reading): Search {
  const search = readFilter(reading, 1);
  if (next(reading) !== undefined) throw mistake(reading, 'expected the end of the search');
  return search;
}

function readFilter(reading: Reading, depth: number): Search {
  skipSpaces(reading);
  if (depth > MAX_DEPTH) throw mistake(reading, `filters may be nested ${MAX_DEPTH} deep`);
  take(reading, '(');
  const search = readInParentheses(reading, depth);
  take(reading, ')');
  skipSpaces(reading);
  return search;
}

const OPERATOR = / *(?:([&|!]|(?:and|or|not)\b)|cat=)/iy;

function readInParentheses(reading: Reading, depth: number): Search {
  OPERATOR.lastIndex = reading.at;
  const found = OPERATOR.exec(reading.text);
  if (found === null) {
    skipSpaces(reading);
    throw mistake(reading, 'expected "cat=", or one of & | ! AND OR NOT');
  }
  reading.at = OPERATOR.lastIndex;
  switch (found[1]?.toLowerCase()) {
    case undefined:
      return readValue(reading, isClosing, readFilterCharacter);
    case '!':
    case 'not':
      return { kind: 'not', of: readFilter(reading, depth + 1) };
    case '&':
    case 'and':
      return { kind: 'and', of: readFilters(reading, depth + 1) };
    default:
      return { kind: 'or', of: readFilters(reading, depth + 1) };
  }
}

function readFilters(reading: Reading, depth: number): Search[] {
  const filters = [readFilter(reading, depth)];
  while (next(reading) === '(') filters.push(readFilter(reading, depth));
  return filters;
}

/** A term or a prefix, up to where `ends` says or the search ends. */
function readValue(
  reading: Reading,
  ends: (character: string | undefined) => boolean,
  read: (reading: Reading) => string,
): Search {
  const start = reading.at;
  let value = '';
  let isPrefix = false;
  while (next(reading) !== undefined && !ends(next(reading))) {
    if (isPrefix) throw mistake({ ...reading, at: reading.at - 1 }, STAR);
    if (next(reading) === '*') {
      if (value === '') throw mistake(reading, STAR);
      isPrefix = true;
      reading.at += 1;
    } else {
      value += read(reading);
    }
  }
  if (value === '') throw mistake(reading, 'expected a term');
  const place = { ...reading, at: start };
  if (NO_XML_CHARACTER.test(value)) throw mistake(place, 'this term has a character that no category can have');
  reading.terms += 1;
  if (reading.terms > MAX_TERMS) throw mistake(place, `at most ${MAX_TERMS} terms are taken`);
  const normalised = normaliseTerm(value);
  return isPrefix ? { kind: 'prefix', prefix: normalised } : { kind: 'term', term: normalised };
}

const STAR = 'a "*" may only end a term, after its first characters; the star itself is written "\\*"';

/** In a classic search a backslash takes the next character, whatever it is, for itself. */
function readCharacter(reading: Reading): string {
  if (next(reading) === '\\') {
    reading.at += 1;
    if (next(reading) === undefined) throw mistake(reading, 'expected a character after "\\"');
  }
  reading.at += 1;
  return reading.text.charAt(reading.at - 1);
}

const HEX_BYTES = /(?:\\[0-9a-f]{2})+/iy;

function readFilterCharacter(reading: Reading): string {
  if (next(reading) === '(') throw mistake(reading, 'expected ")"; a parenthesis in a term is written "\\("');
  if (next(reading) !== '\\') {
    reading.at += 1;
    return reading.text.charAt(reading.at - 1);
  }
  const escaped = reading.text.charAt(reading.at + 1);
  if (escaped !== '' && '()\\*'.includes(escaped)) {
    reading.at += 2;
    return escaped;
  }
  HEX_BYTES.lastIndex = reading.at;
  const bytes = HEX_BYTES.exec(reading.text)?.[0];
  if (bytes === undefined) throw mistake(reading, 'expected one of ( ) \\ * or two hexadecimal digits after "\\"');
  try {
    const value = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Buffer.from(bytes.replaceAll('\\', ''), 'hex'),
    );
    reading.at = HEX_BYTES.lastIndex;
    return value;
  } catch {
    throw mistake(reading, 'these escaped bytes are not UTF-8');
  }
}

function next(reading: Reading): string | undefined {
  return reading.text[reading.at];
}

function skipSpaces(reading: Reading): void {
  while (next(reading) === ' ') reading.at += 1;
}

function take(reading: Reading, character: string): void {
  if (next(reading) !== character) throw mistake(reading, `expected "${character}"`);
  reading.at += 1;
}

function mistake({ text, at }: Reading, problem: string): FeedsError {
  const position = countCharacters(text.slice(0, at)) + 1;
  const place = at < text.length ? `character ${position}` : `character ${position} (its end)`;
  return new FeedsError('bad-search', `search, ${place}: ${problem}`);
}

function countCharacters(text: string): number {
  return [...text].length;
}
