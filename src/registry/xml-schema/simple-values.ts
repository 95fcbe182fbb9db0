import { after, symbolsOf } from './expression.js';
import {
  type Bound,
  type BuiltIn,
  type Facets,
  type SimpleType,
  type WhiteSpace,
  derivesFrom,
  hasFacets,
  primitiveOf,
  rangeOf,
  whiteSpaceOf,
} from './simple-types.js';

const ZONE = '(?:Z|[+-]\\d\\d:\\d\\d)?';
const DATE = '-?\\d{4,}-\\d\\d-\\d\\d';
const TIME = '\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?';

/** Texts that surely belong to a type. What does not fit may belong to it all the same. */
const SURELY: Readonly<Record<string, RegExp>> = {
  string: /^/u,
  boolean: /^(?:true|false|0|1)$/u,
  decimal: /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)$/u,
  integer: /^[+-]?\d+$/u,
  float: /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|-?INF|NaN)$/u,
  double: /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|-?INF|NaN)$/u,
  NMTOKEN: /^[\w.:-]+$/u,
  Name: /^[A-Za-z_:][\w.:-]*$/u,
  NCName: /^[A-Za-z_][\w.-]*$/u,
  language: /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$/u,
  anyURI: /^[\w.~/-]*$/u,
  hexBinary: /^(?:[0-9A-Fa-f]{2})*$/u,
};

/** Texts that surely do not belong to a type. */
const NEVER: Readonly<Record<string, RegExp>> = {
  boolean: /^(?!(?:true|false|0|1)$)/u,
  decimal: /^(?![+-]?(?:\d+(?:\.\d*)?|\.\d+)$)/u,
  integer: /^(?![+-]?\d+$)/u,
  date: new RegExp(`^(?!${DATE}${ZONE}$)`, 'u'),
  dateTime: new RegExp(`^(?!${DATE}T${TIME}${ZONE}$)`, 'u'),
  time: new RegExp(`^(?!${TIME}${ZONE}$)`, 'u'),
};

/** What is left of a text when its white space has been treated. */
export function normalised(text: string, how: WhiteSpace | undefined): string {
  if (how === undefined || how === 'preserve') return text;
  const replaced = text.replace(/[\t\n\r]/gu, ' ');
  return how === 'replace' ? replaced : replaced.replace(/ +/gu, ' ').replace(/^ | $/gu, '');
}

/** Is the text a value of the type? Undefined when we cannot tell. */
export function isValue(text: string, type: SimpleType): boolean | undefined {
  const value = normalised(text, whiteSpaceOf(type));
  switch (type.kind) {
    case 'atomic':
      return all([inBase(value, type.base), inBounds(value, type), ...inFacets(value, type.facets, type.base)]);
    case 'list': {
      const items = value === '' ? [] : value.split(' ');
      return all([inItems(items, type), ...inFacets(value, type.facets, 'anySimpleType')]);
    }
    case 'union': {
      // What the facets see of a text with spaces is a matter of the member that takes it.
      const isPlain = text === normalised(text, 'collapse') || !hasFacets(type.facets);
      const facets = isPlain ? inFacets(text, type.facets, 'anySimpleType') : [undefined];
      return all([any(type.of.map((part) => isValue(text, part))), ...facets]);
    }
    case 'except': {
      const excepted = isValue(text, type.except);
      return all([isValue(text, type.of), excepted === undefined ? undefined : !excepted]);
    }
  }
}

/** Are the two the same value of the type, however they are written? */
function sameValue(a: string, b: string, base: BuiltIn): boolean {
  if (a === b) return true;
  const order = primitiveOf(base) === 'decimal' ? compareValues(a, b) : undefined;
  return order === 0;
}

const PLAIN_DATE = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ)?$/u;

/**
 * Below zero when the first of two numbers, or of two dates of the same form, is the smaller one; undefined when we
 * cannot tell.
 */
export function compareValues(a: string, b: string): number | undefined {
  if (a.length === b.length && PLAIN_DATE.test(a) && PLAIN_DATE.test(b)) return a < b ? -1 : a > b ? 1 : 0;
  const [left, right] = [parts(a), parts(b)];
  if (left === undefined || right === undefined) return undefined;
  const scale = Math.max(left.fraction.length, right.fraction.length);
  const [x, y] = [left, right].map(({ sign, whole, fraction }) => sign * BigInt(whole + fraction.padEnd(scale, '0')));
  return x === undefined || y === undefined || x === y ? 0 : x < y ? -1 : 1;
}

function parts(text: string): { sign: bigint; whole: string; fraction: string } | undefined {
  const found = /^([+-]?)(\d*)(?:\.(\d*))?$/u.exec(text);
  if (found === null || !/\d/u.test(text)) return undefined;
  return { sign: found[1] === '-' ? -1n : 1n, whole: `0${found[2] ?? ''}`, fraction: found[3] ?? '' };
}

/** The bound that leaves less of the two; undefined when we cannot tell. */
export function stricterBound(one: Bound, other: Bound, side: 'min' | 'max'): Bound | undefined {
  const order = one.value === other.value ? 0 : compareValues(one.value, other.value);
  if (order === undefined) return undefined;
  if (order === 0) return one.exclusive ? one : other;
  return order > 0 === (side === 'min') ? one : other;
}

/** The bound that holds: that of a facet or of the built-in type. */
export function boundOf({ base, facets }: SimpleType & { kind: 'atomic' }, side: 'min' | 'max'): Bound | undefined {
  const [own, range] = [facets[side], rangeOf(base, side)];
  return own === undefined || range === undefined ? (own ?? range) : (stricterBound(own, range, side) ?? own);
}

function inBase(value: string, base: BuiltIn): boolean | undefined {
  if (['string', 'normalizedString', 'token'].includes(base)) return true;
  const of = primitiveOf(base) === 'decimal' && base !== 'decimal' ? 'integer' : base;
  // IDs must differ from each other, IDREFs and ENTITYs must point at something: no one value decides that.
  const surely = derivesFrom(base, 'NCName') && base !== 'NCName' && base !== 'language' ? undefined : SURELY[of];
  if (surely?.test(value) === true) return true;
  return NEVER[of]?.test(value) === true ? false : undefined;
}

function inBounds(value: string, type: SimpleType & { kind: 'atomic' }): boolean | undefined {
  const [min, max] = [boundOf(type, 'min'), boundOf(type, 'max')];
  const beyond = [min, max].map((bound, at) => {
    if (bound === undefined) return true;
    const order = compareValues(value, bound.value);
    if (order === undefined) return undefined;
    return order === 0 ? !bound.exclusive : at === 0 ? order > 0 : order < 0;
  });
  return all(beyond);
}

function inFacets(value: string, facets: Facets, base: BuiltIn): (boolean | undefined)[] {
  const { enumeration, patterns, minLength = 0, maxLength = Infinity, totalDigits, fractionDigits } = facets;
  const text = primitiveOf(base) === 'string';
  const length = [...value].length;
  return [
    enumeration === undefined || enumeration.some((each) => sameValue(value, each, base)) || (text ? false : undefined),
    ...(patterns ?? []).map((step) => any(step.map((pattern) => fits(value, pattern)))),
    minLength === 0 && maxLength === Infinity ? true : text ? length >= minLength && length <= maxLength : undefined,
    totalDigits === undefined || value.replace(/\D/gu, '').length <= totalDigits || undefined,
    fractionDigits === undefined || (value.split('.')[1] ?? '').length <= fractionDigits || undefined,
  ];
}

/** Patterns of XML Schema that mean the same in JavaScript: no subtraction, blocks, name characters, anchors. */
const SHARED_SYNTAX =
  /^(?:[^\\^$[\]()?]|\\[dDnrt.\\?*+(){}|[\]-]|\[\^?(?:[^\\[\]^]|\\[dnrt.\\?*+(){}|[\]^-])+\]|\((?!\?)|\)|\?)*$/u;
/** A long value or pattern could be looked at for ever. */
const MAX_PATTERN = 200;

/** Does the text fit the pattern (Part 2 appendix F)? Undefined when we cannot tell. */
function fits(text: string, pattern: string): boolean | undefined {
  if (pattern.length > MAX_PATTERN || text.length > MAX_PATTERN || !SHARED_SYNTAX.test(pattern)) return undefined;
  // \d is any script's digit there, and ASCII's only here.
  if (/[^ -~]/u.test(text)) return undefined;
  try {
    return new RegExp(`^(?:${pattern.replaceAll('/', '\\/')})$`, 'u').test(text);
  } catch {
    return undefined;
  }
}

function inItems(items: readonly string[], list: SimpleType & { kind: 'list' }): boolean | undefined {
  let at = list.items;
  const symbols = [...symbolsOf(list.items)];
  for (const item of items) {
    const answers = symbols.map((type) => [type, isValue(item, type)] as const);
    if (answers.some(([, answer]) => answer === undefined)) return undefined;
    at = after(list.pool, at, new Set(answers.filter(([, answer]) => answer).map(([type]) => type)), new Map());
  }
  return at.nullable;
}

function all(answers: readonly (boolean | undefined)[]): boolean | undefined {
  return answers.includes(false) ? false : answers.includes(undefined) ? undefined : true;
}

function any(answers: readonly (boolean | undefined)[]): boolean | undefined {
  return answers.includes(true) ? true : answers.includes(undefined) ? undefined : false;
}
