import {
  type Alternative,
  type AttributeRule,
  type ContentModel,
  type ElementRule,
  type Particle,
  type Pools,
  TEXT,
} from './content-model.js';
import { type Expression, choice, empty, interleave, repeat, sequence, symbol, symbolsOf } from './expression.js';
import { type NameClass, hasName, listedNames, nameKey, tellingNames } from './name-class.js';
import { type Pattern, readRelaxNg } from './relax-ng-read.js';
import { CannotCompare, type XmlSchemaSet } from './schema-tree.js';
import { ANY_TEXT, type SimpleType } from './simple-types.js';

/** Ways of combining attributes, each with its content. */
const MAX_ALTERNATIVES = 64;

interface Model {
  readonly pools: Pools;
  readonly particles: Map<Pattern, Particle>;
  readonly alternatives: Map<Pattern, readonly Alternative[]>;
}

/** What a RELAX NG schema says of a content. */
export function relaxNgModel(set: XmlSchemaSet, pools: Pools): ContentModel {
  const model: Model = { pools, particles: new Map(), alternatives: new Map() };
  const { start, hasReferences } = readRelaxNg(set, pools);
  const roots = alternativesOf(model, start).map(({ content }) => {
    if (content.kind === 'children') return content.expression;
    throw new CannotCompare('its start is not an element');
  });
  const names = { abstract: [], declaredElements: [], declaredAttributes: [] };
  return { start: choice(pools.particles, roots), hasReferences, ...names };
}

function particleOf(model: Model, pattern: Pattern & { kind: 'element' }): Particle {
  const known = model.particles.get(pattern);
  if (known !== undefined) return known;
  const shape = { abstract: false, alternatives: () => alternativesOf(model, pattern.of()) };
  const rule: ElementRule = {
    nillable: false,
    fixed: undefined,
    default: undefined,
    shape: () => shape,
    derived: () => NONE_DERIVED,
    constraints: [],
  };
  const made: Particle = { kind: 'element', names: pattern.names, rule: () => rule };
  model.particles.set(pattern, made);
  return made;
}

const NONE_DERIVED = new Map<string, never>();

/**
 * The pattern as a choice of attributes with a content: <choice> and <optional> are taken apart where they have
 * attributes in them, and stay in the expression of the content where not.
 */
function alternativesOf(model: Model, pattern: Pattern): readonly Alternative[] {
  const known = model.alternatives.get(pattern);
  if (known !== undefined) return known;
  const made = fresh(model, pattern);
  if (made.length > MAX_ALTERNATIVES) throw new CannotCompare('attributes are combined in too many ways');
  model.alternatives.set(pattern, made);
  return made;
}

function fresh(model: Model, pattern: Pattern): readonly Alternative[] {
  const pool = model.pools.particles;
  switch (pattern.kind) {
    case 'notAllowed':
      return [];
    case 'empty':
      return [children(empty(pool))];
    case 'text':
      return [children(repeat(pool, symbol<Particle>(pool, TEXT), 0, Infinity))];
    case 'element':
      return [children(symbol(pool, particleOf(model, pattern)))];
    case 'value':
      return [{ attributes: [], content: { kind: 'simple', type: pattern.type } }];
    case 'list':
      return [{ attributes: [], content: { kind: 'simple', type: listOf(model, pattern.of) } }];
    case 'attribute':
      return attribute(model, pattern);
    case 'oneOrMore':
      return repeated(model, pattern.of);
    case 'choice':
      return chosen(model, pattern.of);
    case 'group':
    case 'interleave': {
      const { kind } = pattern;
      return pattern.of.reduce<readonly Alternative[]>(
        (before, part) => {
          const parts = alternativesOf(model, part);
          if (before.length * parts.length > MAX_ALTERNATIVES) {
            throw new CannotCompare('attributes are combined in too many ways');
          }
          return before.flatMap((one) =>
            parts.map((other) => together(model, one, other, kind === 'group' ? 'group' : 'interleave')),
          );
        },
        [children(empty(pool))],
      );
    }
  }
}

function children(expression: Expression<Particle>, attributes: readonly AttributeRule[] = []): Alternative {
  return { attributes, content: { kind: 'children', expression } };
}

function attribute(model: Model, pattern: Pattern & { kind: 'attribute' }): Alternative[] {
  const type = valueType(model, pattern.of);
  if (type === undefined) return [];
  const classes = listedNames(pattern.names)?.map((name) => ({ kind: 'name', name }) as const) ?? [pattern.names];
  const nothing = empty(model.pools.particles);
  return classes.map((names) =>
    children(nothing, [{ names, required: true, fixed: undefined, default: undefined, type: () => type }]),
  );
}

function isEmpty({ content }: Alternative): boolean {
  return content.kind === 'children' && content.expression.kind === 'empty';
}

function together(model: Model, one: Alternative, other: Alternative, kind: 'group' | 'interleave'): Alternative {
  const attributes = [...one.attributes, ...other.attributes];
  // An element has an attribute once only: nothing would have them both.
  const names = new Set(namesOf(one));
  if (namesOf(other).some((name) => names.has(name))) throw new CannotCompare('an attribute is asked for twice');
  if (isEmpty(one)) return { attributes, content: other.content };
  if (isEmpty(other)) return { attributes, content: one.content };
  if (one.content.kind === 'simple' || other.content.kind === 'simple') {
    throw new CannotCompare('values stand beside other content');
  }
  const [parts, pool] = [[one.content.expression, other.content.expression], model.pools.particles];
  if (kind === 'group' && takesTooMuch(one.content.expression, other.content.expression)) throw TAKES_TOO_MUCH;
  return children(kind === 'group' ? sequence(pool, parts) : interleave(pool, parts), attributes);
}

const TAKES_TOO_MUCH = new CannotCompare('what follows an interleave has names of elements in it');

/** libxml2 gives an interleave all elements that have the names of those in it, and nothing of them to what follows. */
function takesTooMuch(part: Expression<Particle>, following: Expression<Particle>): boolean {
  switch (part.kind) {
    case 'interleave': {
      const classes = elementNames(following);
      return elementNames(part).some((one) => classes.some((other) => mayMeet(one, other)));
    }
    case 'sequence':
      return takesTooMuch(part.first, following) || takesTooMuch(part.rest, following);
    case 'choice':
      return part.of.some((each) => takesTooMuch(each, following));
    case 'repeat':
      return takesTooMuch(part.of, following);
    default:
      return false;
  }
}

function elementNames(of: Expression<Particle>): NameClass[] {
  return [...symbolsOf(of)].flatMap((particle) => (particle.kind === 'element' ? [particle.names] : []));
}

function mayMeet(one: NameClass, other: NameClass): boolean {
  return tellingNames([one, other]).some((name) => hasName(one, name) && hasName(other, name));
}

function namesOf({ attributes }: Alternative): string[] {
  return attributes.flatMap((rule) => (listedNames(rule.names) ?? []).map(nameKey));
}

/** §7.3: attributes that are repeated have a name class without end, so that there may be many of them. */
function repeated(model: Model, of: Pattern): readonly Alternative[] {
  const [only, ...others] = alternativesOf(model, of);
  if (only === undefined) return [];
  if (others.length > 0 || only.content.kind === 'simple') throw new CannotCompare('attributes or values are repeated');
  if (takesTooMuch(only.content.expression, only.content.expression)) throw TAKES_TOO_MUCH;
  return [children(repeat(model.pools.particles, only.content.expression, 1, Infinity), only.attributes)];
}

function chosen(model: Model, of: readonly Pattern[]): readonly Alternative[] {
  const any = anyOf(model, of);
  if (any !== undefined) return [any];
  const all = of.flatMap((part) => alternativesOf(model, part));
  const plain = all.filter(({ attributes }) => attributes.length === 0);
  const [first, ...more] = all.filter(({ attributes }) => attributes.length > 0);
  const [attribute, ...further] = first?.attributes ?? [];
  const mayBeLeftOut = first !== undefined && isEmpty(first) && more.length === 0 && further.length === 0;
  if (mayBeLeftOut && attribute !== undefined && plain.length > 0 && plain.every(isEmpty)) {
    return [{ ...first, attributes: [{ ...attribute, required: false }] }];
  }
  const expressions = plain.flatMap(({ content }) => (content.kind === 'children' ? [content.expression] : []));
  const types = plain.flatMap(({ content }) => (content.kind === 'simple' ? [content.type] : []));
  const merged: Alternative[] = [];
  if (expressions.length > 0) merged.push(children(choice(model.pools.particles, expressions)));
  if (types.length > 0) merged.push({ attributes: [], content: { kind: 'simple', type: unionOf(types) } });
  return [...merged, ...(first === undefined ? [] : [first]), ...more];
}

/** <zeroOrMore> of a choice between any attributes and content is how RELAX NG says that there may be anything. */
function anyOf(model: Model, of: readonly Pattern[]): Alternative | undefined {
  const [many, nothing] = of;
  if (of.length !== 2 || many?.kind !== 'oneOrMore' || nothing?.kind !== 'empty') return undefined;
  const parts = alternativesOf(model, many.of);
  const attributes = parts.flatMap((part) => part.attributes.map((rule) => ({ ...rule, required: false })));
  const separate = parts.every((part) => part.attributes.length === 0 || isEmpty(part));
  if (parts.length < 2 || !separate || attributes.some(({ names }) => listedNames(names) !== undefined))
    return undefined;
  const pool = model.pools.particles;
  const expressions = parts.flatMap(({ content }) => (content.kind === 'children' ? [content.expression] : []));
  if (expressions.length < parts.length) return undefined;
  return children(repeat(pool, choice(pool, expressions), 0, Infinity), attributes);
}

function unionOf(types: readonly SimpleType[]): SimpleType {
  const [only, ...others] = types;
  return only !== undefined && others.length === 0 ? only : { kind: 'union', of: types, facets: {} };
}

/** The type of an attribute's value; undefined when there can be none. */
function valueType(model: Model, pattern: Pattern): SimpleType | undefined {
  switch (pattern.kind) {
    case 'text':
      return ANY_TEXT;
    case 'empty':
      return { kind: 'atomic', base: 'token', facets: { enumeration: [''] } };
    case 'value':
      return pattern.type;
    case 'list':
      return listOf(model, pattern.of);
    case 'notAllowed':
      return undefined;
    case 'choice': {
      const types = pattern.of.flatMap((part) => valueType(model, part) ?? []);
      return types.length === 0 ? undefined : unionOf(types);
    }
    default: {
      throw new CannotCompare('the value of an attribute is put together from parts');
    }
  }
}

function listOf(model: Model, pattern: Pattern): SimpleType {
  return { kind: 'list', items: itemsOf(model, pattern), pool: model.pools.values, facets: {} };
}

function itemsOf(model: Model, pattern: Pattern): Expression<SimpleType> {
  const pool = model.pools.values;
  switch (pattern.kind) {
    case 'empty':
      return empty(pool);
    case 'value':
      return symbol(pool, pattern.type);
    case 'oneOrMore':
      return repeat(pool, itemsOf(model, pattern.of), 1, Infinity);
    case 'choice':
      return choice(
        pool,
        pattern.of.map((part) => itemsOf(model, part)),
      );
    case 'group':
      return sequence(
        pool,
        pattern.of.map((part) => itemsOf(model, part)),
      );
    default:
      throw new CannotCompare('a list holds what is no value');
  }
}
