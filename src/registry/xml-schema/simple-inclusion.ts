import { symbolsOf } from './expression.js';
import { counterexample } from './inclusion.js';
import { CannotCompare } from './schema-tree.js';
import {
  type Bound,
  type Facets,
  type SimpleType,
  derivesFrom,
  hasFacets,
  holdsNames,
  primitiveOf,
  takesAnyText,
  whiteSpaceOf,
} from './simple-types.js';
import { boundOf, compareValues, isValue } from './simple-values.js';
import { cut, listed } from './wording.js';

/** Why a value of the older type may not be one of the newer. The reason reads on after the name of what holds it. */
export interface ValueBreak {
  readonly rule: string;
  readonly reason: string;
}

/** What was found for pairs of types: those in unions of unions are met again and again. */
const known = new WeakMap<SimpleType, WeakMap<SimpleType, readonly ValueBreak[]>>();

/** Every reason found for which the newer type may refuse what the older took; none when it takes it all. */
export function valueBreaks(older: SimpleType, newer: SimpleType): readonly ValueBreak[] {
  const ofOlder = known.get(older) ?? new WeakMap<SimpleType, readonly ValueBreak[]>();
  known.set(older, ofOlder);
  const found = ofOlder.get(newer) ?? distinct(freshBreaks(older, newer));
  ofOlder.set(newer, found);
  return found;
}

function freshBreaks(older: SimpleType, newer: SimpleType): readonly ValueBreak[] {
  if (newer.kind !== 'union' && takesAnyText(newer)) return [];
  if (older.kind === 'union' && !hasFacets(older.facets)) return ofMembers(older, newer);
  // It leaves white space to its members: each of them is asked by itself.
  if (newer.kind === 'union') return intoUnion(older, newer);
  const values = listedValues(older, newer);
  if (values !== undefined && collapsesAsMuch(newer, older)) return ofListed(values, older, newer);
  if (newer.kind === 'except') return intoExcept(older, newer);
  if (older.kind === 'except') return valueBreaks(older.of, newer);
  if (older.kind === 'union')
    return ofMembers(older, newer).length === 0 ? [] : [incomparable('the facets of a union')];
  if (newer.kind === 'list') return intoList(older, newer);
  if (older.kind === 'list') return [narrowed(older, newer)];
  return ofAtomic(older, newer);
}

/** Facets of the union itself are left aside: without them it takes more. */
function ofMembers(older: SimpleType & { kind: 'union' }, newer: SimpleType): readonly ValueBreak[] {
  return older.of.flatMap((part) => valueBreaks(part, newer));
}

/** All texts that a type takes, white space aside, when they are few. */
function listedValues(type: SimpleType, newer: SimpleType): readonly string[] | undefined {
  if (type.kind === 'except') return undefined;
  const { enumeration } = type.facets;
  if (type.kind === 'atomic' && type.base === 'boolean') {
    return BOOLEANS.filter((pair) => enumeration?.some((value) => pair.includes(value)) ?? true).flat();
  }
  if (enumeration === undefined) return undefined;
  // Numbers can be written in more ways than one: that is no matter to a type of such numbers without patterns.
  const asNumbers =
    type.kind === 'atomic' &&
    newer.kind === 'atomic' &&
    [type, newer].every(({ base }) => primitiveOf(base) === 'decimal') &&
    (derivesFrom(type.base, 'integer') || !derivesFrom(newer.base, 'integer')) &&
    (newer.facets.patterns ?? []).length === 0;
  return asNumbers || isWrittenInOneWay(type) ? enumeration : undefined;
}

const BOOLEANS = [
  ['true', '1'],
  ['false', '0'],
];

function isWrittenInOneWay(type: SimpleType): boolean {
  if (type.kind === 'atomic') return ['string', 'anyURI'].includes(primitiveOf(type.base));
  return type.kind === 'union' && type.of.every(isWrittenInOneWay);
}

function ofListed(values: readonly string[], older: SimpleType, newer: SimpleType): readonly ValueBreak[] {
  const refused = values.filter((value) => {
    const answer = isValue(value, newer);
    return answer === false || (answer === undefined && !isListedAs(value, older, newer));
  });
  if (refused.length === 0) return [];
  return older.kind === 'atomic' && older.base === 'boolean'
    ? [narrowed(older, newer)]
    : [{ rule: 'enumeration-narrowed', reason: `no longer takes ${listed(refused)}` }];
}

/** An enumeration's values are values of its base: libxml2 saw to that when it compiled the schema. */
function isListedAs(value: string, older: SimpleType, newer: SimpleType): boolean {
  if (older.kind === 'except' || newer.kind === 'except') return false;
  const { enumeration, patterns, ...others } = newer.facets;
  if (hasFacets(others) || patternBreaks(older.facets, { patterns: patterns ?? [] }).length > 0) return false;
  return enumeration?.includes(value) === true;
}

function intoUnion(older: SimpleType, newer: SimpleType & { kind: 'union' }): readonly ValueBreak[] {
  if (hasFacets(newer.facets)) return intoRestrictedUnion(older, newer);
  if (older.kind === 'union' && ofMembers(older, newer).length === 0) return [];
  const refused = singles(older).filter((one) => !newer.of.some((wider) => valueBreaks(one, wider).length === 0));
  const [first] = refused;
  if (first === undefined) return [];
  const values = refused.flatMap((one) => (one.kind === 'except' ? [] : (one.facets.enumeration ?? [])));
  const gone = values.filter((value) => isValue(value, newer) !== true);
  if (gone.length > 0) return [{ rule: 'enumeration-narrowed', reason: `no longer takes ${listed(gone)}` }];
  const nearest = newer.of
    .map((wider) => valueBreaks(first, wider))
    .find((breaks) => breaks.every(({ rule }) => rule !== 'type-narrowed'));
  return nearest ?? [narrowed(older, newer)];
}

/** Which member takes a text decides what the facets of a union see of it. */
function intoRestrictedUnion(older: SimpleType, newer: SimpleType & { kind: 'union' }): readonly ValueBreak[] {
  if (older.kind === 'union' && readsAlike(older, newer)) return facetBreaks(older.facets, newer.facets);
  const { enumeration } = newer.facets;
  return enumeration === undefined || older.kind === 'union'
    ? [incomparable('the facets of a union')]
    : [{ rule: 'enumeration-narrowed', reason: `takes only ${listed(enumeration)} now` }];
}

/** The type taken apart: one for each of the values that it lists. */
function singles(type: SimpleType): readonly SimpleType[] {
  if (type.kind === 'except') return [type];
  const values =
    type.facets.enumeration ?? (type.kind === 'atomic' && type.base === 'boolean' ? ['true', 'false'] : []);
  if (values.length < 2) return [type];
  return values.map((value) => ({ ...type, facets: { ...type.facets, enumeration: [value] } }));
}

/** Do the two make the same value of each text that they both take? Names are what the prefixes around them say. */
export function readsAlike(one: SimpleType, other: SimpleType): boolean {
  if (holdsNames(one) || holdsNames(other)) return false;
  if (one.kind === 'atomic' && other.kind === 'atomic') {
    return primitiveOf(one.base) === primitiveOf(other.base) && whiteSpaceOf(one) === whiteSpaceOf(other);
  }
  if (one.kind === 'list' && other.kind === 'list') {
    const [[item, ...more], [otherItem, ...others]] = [[...symbolsOf(one.items)], [...symbolsOf(other.items)]];
    if (item === undefined || otherItem === undefined || more.length + others.length > 0) return false;
    return readsAlike(item, otherItem);
  }
  if (one.kind !== 'union' || other.kind !== 'union' || one.of.length !== other.of.length) return false;
  // What one member does not take, the next one may.
  return one.of.every((part, at) => {
    const same = other.of[at];
    return same !== undefined && readsAlike(part, same) && takesTheSame(part, same);
  });
}

function takesTheSame(one: SimpleType, other: SimpleType): boolean {
  return valueBreaks(one, other).length === 0 && valueBreaks(other, one).length === 0;
}

function intoExcept(older: SimpleType, newer: SimpleType & { kind: 'except' }): readonly ValueBreak[] {
  if (older.kind === 'except' && valueBreaks(newer.except, older.except).length === 0) {
    return valueBreaks(older.of, newer.of);
  }
  return [{ rule: 'cannot-be-compared', reason: 'has values excepted now that it may have taken before' }];
}

function intoList(older: SimpleType, newer: SimpleType & { kind: 'list' }): readonly ValueBreak[] {
  if (older.kind !== 'list') {
    return [narrowed(older, newer)];
  }
  const breaks = facetBreaks(older.facets, newer.facets);
  if (newer.facets.enumeration !== undefined && !readsAlike(older, newer)) breaks.push(incomparable('listed values'));
  const inner: ValueBreak[] = [];
  const items = [...symbolsOf(newer.items)];
  const lettersOf = (item: SimpleType): { name: string; accepted: Set<SimpleType> }[] => {
    const wider = items.filter((each) => valueBreaks(item, each).length === 0);
    if (wider.length === 0) inner.push(...items.slice(0, 1).flatMap((each) => valueBreaks(item, each)));
    return [{ name: 'an item', accepted: new Set(wider) }];
  };
  try {
    const found = counterexample(newer.pool, older.items, newer.items, lettersOf);
    if (found === undefined) return breaks;
  } catch (error) {
    if (!(error instanceof CannotCompare)) throw error;
    return [...breaks, incomparable('the lists')];
  }
  if (inner.length > 0) return [...breaks, ...inner];
  return [...breaks, { rule: 'facet-tightened', reason: 'no longer takes as few or as many items' }];
}

function ofAtomic(
  older: SimpleType & { kind: 'atomic' },
  newer: SimpleType & { kind: 'atomic' },
): readonly ValueBreak[] {
  const numbers = primitiveOf(older.base) === 'decimal' && primitiveOf(newer.base) === 'decimal';
  if (numbers && derivesFrom(newer.base, 'integer') && !derivesFrom(older.base, 'integer')) {
    return [narrowed(older, newer)];
  }
  if (!numbers && !baseTakes(older.base, newer.base)) return [narrowed(older, newer)];
  const related = numbers || derivesFrom(older.base, newer.base) || primitiveOf(older.base) === primitiveOf(newer.base);
  if (!related && hasFacets(newer.facets)) {
    return [
      { rule: 'type-narrowed', reason: `takes ${spokenType(newer)} with facets now, ${spokenType(older)} before` },
    ];
  }
  const breaks = facetBreaks(older.facets, newer.facets);
  if (!collapsesAsMuch(newer, older) || (whiteSpaceOf(newer) !== whiteSpaceOf(older) && restsOnSpaces(newer.facets))) {
    breaks.push({ rule: 'facet-tightened', reason: `treats white space otherwise (${whiteSpaceOf(newer) ?? ''}) now` });
  }
  for (const side of ['min', 'max'] as const) {
    const broken = boundBreak(boundOf(older, side), boundOf(newer, side), side);
    if (broken === undefined) continue;
    const own = newer.facets[side] !== undefined;
    breaks.push(own || older.base === newer.base ? broken : narrowed(older, newer));
  }
  return breaks;
}

/** Is every text that the one built-in type takes taken by the other, leaving bounds aside? */
function baseTakes(older: string, newer: string): boolean {
  // What these take differs in how white space is treated, which facets only can tell.
  if (['string', 'normalizedString', 'token'].includes(newer)) return true;
  if (derivesFrom(older, newer)) return true;
  const real = ['float', 'double'];
  return real.includes(newer) && (real.includes(older) || primitiveOf(older) === 'decimal');
}

/** Facets that the same text with fewer spaces could violate. */
function restsOnSpaces({ enumeration, patterns, minLength }: Facets): boolean {
  return enumeration !== undefined || (patterns?.length ?? 0) > 0 || (minLength ?? 0) > 0;
}

/** Does the newer type see no difference between texts that have the same value in the older one? */
function collapsesAsMuch(newer: SimpleType, older: SimpleType): boolean {
  if (newer.kind === 'union') return newer.of.every((part) => collapsesAsMuch(part, older));
  if (newer.kind === 'except') return [newer.of, newer.except].every((part) => collapsesAsMuch(part, older));
  const order = ['preserve', 'replace', 'collapse'];
  return order.indexOf(whiteSpaceOf(newer) ?? 'preserve') >= order.indexOf(whiteSpaceOf(older) ?? 'collapse');
}

function facetBreaks(older: Facets, newer: Facets): ValueBreak[] {
  const breaks = patternBreaks(older, newer);
  const { enumeration } = newer;
  if (enumeration !== undefined && older.enumeration?.every((value) => enumeration.includes(value)) !== true) {
    breaks.push({ rule: 'enumeration-narrowed', reason: `takes only ${listed(enumeration)} now` });
  }
  if ((newer.minLength ?? 0) > (older.minLength ?? 0)) {
    breaks.push(tightened(`must be at least ${newer.minLength ?? 0} long now`, older.minLength));
  }
  if ((newer.maxLength ?? Infinity) < (older.maxLength ?? Infinity)) {
    breaks.push(tightened(`must be at most ${newer.maxLength ?? Infinity} long now`, older.maxLength));
  }
  for (const digits of ['totalDigits', 'fractionDigits'] as const) {
    const [was, is] = [older[digits], newer[digits]];
    if (is === undefined || (was !== undefined && was <= is)) continue;
    const what = digits === 'totalDigits' ? 'digits' : 'digits after the point';
    breaks.push(tightened(`must have at most ${is} ${what} now`, was));
  }
  return breaks;
}

function patternBreaks(older: Facets, newer: Facets): ValueBreak[] {
  const before = older.patterns ?? [];
  return (newer.patterns ?? [])
    .filter((step) => !before.some((each) => each.every((pattern) => step.includes(pattern))))
    .map((step) => ({
      rule: before.length === 0 ? 'pattern-added' : 'pattern-changed',
      reason: `must match the pattern ${listed(step)} now`,
    }));
}

function tightened(reason: string, before: number | undefined): ValueBreak {
  return { rule: 'facet-tightened', reason: before === undefined ? reason : `${reason}, ${before} before` };
}

function boundBreak(older: Bound | undefined, newer: Bound | undefined, side: 'min' | 'max'): ValueBreak | undefined {
  if (newer === undefined) return undefined;
  if (older?.value === newer.value && (older.exclusive || !newer.exclusive)) return undefined;
  const order = older === undefined ? undefined : compareValues(newer.value, older.value);
  if (order !== undefined && (side === 'min' ? order < 0 : order > 0)) return undefined;
  if (order === 0 && (older?.exclusive === true || !newer.exclusive)) return undefined;
  const than = side === 'min' ? 'greater' : 'less';
  const limit = newer.exclusive ? `must be ${than} than` : `must be at ${side === 'min' ? 'least' : 'most'}`;
  const was = older === undefined ? '' : `, ${cut(older.value)} before`;
  return { rule: 'facet-tightened', reason: `${limit} ${cut(newer.value)} now${was}` };
}

function narrowed(older: SimpleType, newer: SimpleType): ValueBreak {
  return { rule: 'type-narrowed', reason: `takes ${spokenType(newer)} now, ${spokenType(older)} before` };
}

function incomparable(what: string): ValueBreak {
  return { rule: 'cannot-be-compared', reason: `cannot be compared: ${what} differ` };
}

function distinct(breaks: readonly ValueBreak[]): ValueBreak[] {
  return [...new Map(breaks.map((each) => [each.reason, each])).values()];
}

/** The type as a message names it. */
export function spokenType(type: SimpleType): string {
  switch (type.kind) {
    case 'atomic':
      return `xs:${type.base}`;
    case 'list':
      return 'a list';
    case 'union':
      return cut(`one of ${type.of.map((part) => (part.kind === 'union' ? 'a union' : spokenType(part))).join(', ')}`);
    case 'except':
      return `${spokenType(type.of)} with exceptions`;
  }
}
