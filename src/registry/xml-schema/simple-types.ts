import { type Expression, type Expressions, symbolsOf } from './expression.js';

/** What an attribute's value or an element without children may hold. */
export type SimpleType =
  | { readonly kind: 'atomic'; readonly base: BuiltIn; readonly facets: Facets }
  /** Items between spaces; the symbols of the expression are their types. */
  | {
      readonly kind: 'list';
      readonly items: Expression<SimpleType>;
      readonly pool: Expressions<SimpleType>;
      readonly facets: Facets;
    }
  | { readonly kind: 'union'; readonly of: readonly SimpleType[]; readonly facets: Facets }
  /** RELAX NG's data … except. */
  | { readonly kind: 'except'; readonly of: SimpleType; readonly except: SimpleType };

/** XML Schema Part 2 §4.3, as they stand after all derivation steps. */
export interface Facets {
  readonly enumeration?: readonly string[];
  /** One row for each step: the value fits one pattern of each. */
  readonly patterns?: readonly (readonly string[])[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly min?: Bound;
  readonly max?: Bound;
  readonly totalDigits?: number;
  readonly fractionDigits?: number;
  readonly whiteSpace?: WhiteSpace;
}

export interface Bound {
  readonly value: string;
  readonly exclusive: boolean;
}

export type WhiteSpace = 'preserve' | 'replace' | 'collapse';

/** A built-in type, by its local name. */
export type BuiltIn = string;

/** Each built-in atomic type and the one whose values it restricts (XML Schema Part 2 §3). */
const PARENTS: Readonly<Record<string, BuiltIn>> = {
  normalizedString: 'string',
  token: 'normalizedString',
  language: 'NCName',
  NMTOKEN: 'token',
  Name: 'NMTOKEN',
  NCName: 'Name',
  ID: 'NCName',
  IDREF: 'NCName',
  ENTITY: 'NCName',
  integer: 'decimal',
  nonPositiveInteger: 'integer',
  negativeInteger: 'nonPositiveInteger',
  nonNegativeInteger: 'integer',
  positiveInteger: 'nonNegativeInteger',
  long: 'integer',
  int: 'long',
  short: 'int',
  byte: 'short',
  unsignedLong: 'nonNegativeInteger',
  unsignedInt: 'unsignedLong',
  unsignedShort: 'unsignedInt',
  unsignedByte: 'unsignedShort',
};

/** The types that others restrict, which take what is written after their names. */
const PRIMITIVES = [
  ...['string', 'boolean', 'decimal', 'float', 'double', 'duration', 'dateTime', 'time', 'date', 'gYearMonth', 'gYear'],
  ...['gMonthDay', 'gDay', 'gMonth', 'hexBinary', 'base64Binary', 'anyURI', 'QName', 'NOTATION'],
];

const ITEMS: Readonly<Record<string, BuiltIn>> = { NMTOKENS: 'NMTOKEN', IDREFS: 'IDREF', ENTITIES: 'ENTITY' };

/** The least and greatest values of the types of whole numbers. */
const RANGES: Readonly<Record<string, readonly [string | undefined, string | undefined]>> = {
  nonPositiveInteger: [undefined, '0'],
  negativeInteger: [undefined, '-1'],
  nonNegativeInteger: ['0', undefined],
  positiveInteger: ['1', undefined],
  long: ['-9223372036854775808', '9223372036854775807'],
  int: ['-2147483648', '2147483647'],
  short: ['-32768', '32767'],
  byte: ['-128', '127'],
  unsignedLong: ['0', '18446744073709551615'],
  unsignedInt: ['0', '4294967295'],
  unsignedShort: ['0', '65535'],
  unsignedByte: ['0', '255'],
};

/** Takes any text: anySimpleType, and what RELAX NG calls text. */
export const ANY_TEXT: SimpleType = { kind: 'atomic', base: 'string', facets: {} };

/** The item type of a built-in list type. */
export function builtInItem(name: string): BuiltIn | undefined {
  return Object.hasOwn(ITEMS, name) ? ITEMS[name] : undefined;
}

/** Is there an atomic type of this name? */
export function isBuiltIn(name: string): boolean {
  return PRIMITIVES.includes(name) || Object.hasOwn(PARENTS, name);
}

/** Is the one type the other, or derived from it? */
export function derivesFrom(type: BuiltIn, ancestor: BuiltIn): boolean {
  for (let at: BuiltIn | undefined = type; at !== undefined; at = PARENTS[at]) if (at === ancestor) return true;
  return false;
}

/** The primitive type that the type is derived from. */
export function primitiveOf(type: BuiltIn): BuiltIn {
  let at = type;
  for (let up = PARENTS[at]; up !== undefined; up = PARENTS[at]) at = up;
  return at;
}

/** How white space is treated before a value is looked at (Part 2 §4.3.6); a union leaves that to its members. */
export function whiteSpaceOf(type: SimpleType): WhiteSpace | undefined {
  if (type.kind === 'except') return whiteSpaceOf(type.of);
  if (type.kind === 'union') return undefined;
  if (type.kind === 'list') return 'collapse';
  if (type.facets.whiteSpace !== undefined) return type.facets.whiteSpace;
  return type.base === 'string' ? 'preserve' : type.base === 'normalizedString' ? 'replace' : 'collapse';
}

/** The bound that a built-in type has by itself. */
export function rangeOf(type: BuiltIn, side: 'min' | 'max'): Bound | undefined {
  for (let at: BuiltIn | undefined = type; at !== undefined; at = PARENTS[at]) {
    const value = RANGES[at]?.[side === 'min' ? 0 : 1];
    if (value !== undefined) return { value, exclusive: false };
  }
  return undefined;
}

/** Are its values qualified names, which what is around them gives a meaning to? */
export function holdsNames(type: SimpleType): boolean {
  switch (type.kind) {
    case 'atomic':
      return ['QName', 'NOTATION'].includes(type.base);
    case 'list':
      return [...symbolsOf(type.items)].some(holdsNames);
    case 'union':
      return type.of.some(holdsNames);
    case 'except':
      return holdsNames(type.of);
  }
}

/** Does it take every text there is? */
export function takesAnyText(type: SimpleType): boolean {
  if (type.kind === 'union') return !hasFacets(type.facets) && type.of.some(takesAnyText);
  return (
    type.kind === 'atomic' &&
    ['string', 'normalizedString', 'token'].includes(type.base) &&
    !hasFacets({ ...type.facets, whiteSpace: undefined })
  );
}

/** Is there anything in the facets? */
export function hasFacets(facets: { readonly [name in keyof Facets]: Facets[name] | undefined }): boolean {
  return Object.values(facets).some((facet) => facet !== undefined && !(Array.isArray(facet) && facet.length === 0));
}
