import { choice, empty, repeat, symbol } from './expression.js';
import type { Pools } from './content-model.js';
import { CannotCompare } from './schema-tree.js';
import {
  ANY_TEXT,
  type Bound,
  type Facets,
  type SimpleType,
  builtInItem,
  holdsNames,
  isBuiltIn,
} from './simple-types.js';
import { stricterBound } from './simple-values.js';
import {
  type Definition,
  type XsdComponents,
  XSD,
  childOf,
  expand,
  find,
  reference,
  schemaChildren,
} from './xsd-read.js';
import type { QualifiedName } from './name-class.js';

/** What simple types are read with. */
export interface SimpleTypes {
  readonly components: XsdComponents;
  readonly pools: Pools;
  readonly known: Map<Definition['node'], SimpleType>;
}

/** The simple type of the name. */
export function namedSimpleType(types: SimpleTypes, name: QualifiedName): SimpleType {
  if (name.uri !== XSD) return simpleType(types, find(types.components, 'type', name));
  if (name.local === 'anySimpleType' || name.local === 'anyType') return ANY_TEXT;
  return builtInType(types.pools, name.local);
}

/** A built-in type by its local name. */
export function builtInType(pools: Pools, name: string): SimpleType {
  const item = builtInItem(name);
  if (item !== undefined) return listOf(pools, { kind: 'atomic', base: item, facets: {} }, 1);
  if (!isBuiltIn(name)) throw new CannotCompare(`"${name}" is not a built-in simple type`);
  return { kind: 'atomic', base: name, facets: {} };
}

function listOf(pools: Pools, item: SimpleType, min = 0, max = Infinity, facets: Facets = {}): SimpleType {
  const pool = pools.values;
  // The same types written twice are one symbol.
  const items = max === 0 ? empty(pool) : repeat(pool, choice(pool, [symbol(pool, item)]), min, max);
  return { kind: 'list', items, pool, facets };
}

/** The type that an xs:simpleType defines (Part 2 §4.1.2). */
export function simpleType(types: SimpleTypes, { node, scope }: Definition): SimpleType {
  const known = types.known.get(node);
  if (known !== undefined) return known;
  const made = (): SimpleType => {
    const inner = childOf(node, 'restriction', 'list', 'union');
    if (inner === undefined) throw new CannotCompare('a simple type says nothing');
    const at = { node: inner, scope };
    if (inner.name === 'restriction') return restricted(at, baseOf(types, at, 'base'));
    if (inner.name === 'list') return listOf(types.pools, baseOf(types, at, 'itemType'));
    const named = (inner.attributes.get('memberTypes') ?? '').split(/\s+/u).filter((text) => text !== '');
    const of = [
      ...named.map((text) => namedSimpleType(types, expand(at, text))),
      ...schemaChildren(inner).map((child) => simpleType(types, { node: child, scope })),
    ];
    return { kind: 'union', of, facets: {} };
  };
  const type = made();
  types.known.set(node, type);
  return type;
}

function baseOf(types: SimpleTypes, at: Definition, attribute: string): SimpleType {
  const name = reference(at, attribute);
  if (name !== undefined) return namedSimpleType(types, name);
  const inner = childOf(at.node, 'simpleType');
  if (inner === undefined) throw new CannotCompare('a simple type names no other');
  return simpleType(types, { node: inner, scope: at.scope });
}

/** The base with the facets that are written in a restriction. */
export function restricted({ node }: Definition, base: SimpleType): SimpleType {
  const facets = schemaChildren(node).map(({ name, attributes }) => [name, attributes.get('value') ?? ''] as const);
  if (facets.some(([name]) => name === 'enumeration') && holdsNames(base)) {
    throw new CannotCompare('it lists qualified names as values');
  }
  return withFacets(base, facets);
}

type Written = readonly (readonly [name: string, value: string])[];

/** The type with facets added, by their names. */
export function withFacets(base: SimpleType, added: Written): SimpleType {
  if (base.kind === 'except') throw new CannotCompare('it has facets on a type with exceptions');
  const facets = joinedFacets(base.facets, added);
  if (base.kind !== 'list') return { ...base, facets };
  const item = base.items.kind === 'repeat' ? base.items.of : base.items;
  const { minLength, maxLength, ...others } = facets;
  const [least, most] = base.items.kind === 'repeat' ? [base.items.min, base.items.max] : [1, 1];
  const [min, max] = [Math.max(minLength ?? 0, least), Math.min(maxLength ?? Infinity, most)];
  if (min > max) throw new CannotCompare('it has a list that is longer than it may be');
  const items = repeat(base.pool, item, min, max);
  return { ...base, items: base.items.kind === 'empty' ? base.items : items, facets: others };
}

/** The facets of a base and those that are added to it; of those that were there already, what is the stricter. */
function joinedFacets(base: Facets, added: Written): Facets {
  const valuesOf = (facet: string): string[] => added.filter(([name]) => name === facet).map(([, value]) => value);
  const [enumeration, step] = [valuesOf('enumeration'), valuesOf('pattern')];
  let facets: Facets = base;
  // Values of the base, all of them: libxml2 saw to that when it compiled the schema.
  if (enumeration.length > 0) facets = { ...facets, enumeration };
  if (step.length > 0) facets = { ...facets, patterns: [...(facets.patterns ?? []), step] };
  for (const [name, value] of added) facets = { ...facets, ...joinedFacet(facets, name, value) };
  return facets;
}

function joinedFacet(facets: Facets, name: string, value: string): Facets {
  const number = Number(value);
  const least = (before: number | undefined): number => Math.max(before ?? number, number);
  const most = (before: number | undefined): number => Math.min(before ?? number, number);
  switch (name) {
    case 'length':
      return { minLength: least(facets.minLength), maxLength: most(facets.maxLength) };
    case 'minLength':
      return { minLength: least(facets.minLength) };
    case 'maxLength':
    case 'totalDigits':
    case 'fractionDigits':
      return { [name]: most(facets[name]) };
    case 'minInclusive':
    case 'minExclusive':
    case 'maxInclusive':
    case 'maxExclusive': {
      const side = name.startsWith('min') ? 'min' : 'max';
      return {
        [side]: joinedBound(facets[side], { value: value.trim(), exclusive: name.endsWith('Exclusive') }, side),
      };
    }
    case 'whiteSpace':
      return value === 'preserve' || value === 'replace' || value === 'collapse' ? { whiteSpace: value } : {};
    default:
      return {};
  }
}

function joinedBound(before: Bound | undefined, bound: Bound, side: 'min' | 'max'): Bound {
  const stricter = before === undefined ? bound : stricterBound(before, bound, side);
  if (stricter === undefined) throw new CannotCompare('it has bounds of which we cannot tell the stricter one');
  return stricter;
}
