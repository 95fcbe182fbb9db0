import {
  child,
  followed,
  isObject,
  isPlainDynamicReference,
  keyword,
  madeSchema,
  resolveReference,
} from './json-schema-set.js';
import type { SchemaNode } from './json-schema-set.js';
import {
  accepts,
  itemSchema,
  listed,
  prefixLength,
  propertyNames,
  propertySchemas,
  sameValue,
  typeOf,
  typesNamed,
} from './json-schema-values.js';
import type { ValueType } from './json-schema-values.js';

/** Of whose schemas a value fits one at least. */
export interface Union {
  readonly id: string;
  readonly branches: readonly SchemaNode[];
  /** Of oneOf: it fits no other. */
  readonly exclusive: boolean;
}

/**
 * Schemas that a value fits all at once, `$ref` and `allOf` laid out flat. Where a schema says more than can be held here
 * (if/then/else, unevaluatedProperties …) that is left out: it holds of fewer values than this says, never of more.
 */
export interface Conjunction {
  readonly key: string;
  readonly given: readonly SchemaNode[];
  readonly parts: readonly SchemaNode[];
  readonly unions: readonly Union[];
  /** Schemas that it does not fit. */
  readonly excluded: readonly SchemaNode[];
  readonly never: boolean;
  readonly chosen: ReadonlySet<string>;
  /** What has been found out about it, which is asked again and again. */
  readonly known: { types?: ReadonlySet<ValueType>; empty?: boolean; tags?: ReadonlyMap<string, readonly unknown[]> };
}

interface Besides {
  readonly excluded?: readonly SchemaNode[];
  readonly unions?: readonly Union[];
  /** Unions one of whose branches is given already. */
  readonly chosen?: ReadonlySet<string>;
}

const ALL_TYPES: readonly ValueType[] = ['null', 'boolean', 'integer', 'fraction', 'string', 'array', 'object'];
/** So deep, and in so few, are alternatives of alternatives looked into: they multiply. */
const DEEPEST_UNIONS = 2;
export const MOST_BRANCHES = 64;
/** Keywords that apply further schemas to the same value: what they evaluate, `unevaluated…` leaves alone. */
const IN_PLACE = [
  ...['$ref', '$dynamicRef', '$recursiveRef', 'allOf', 'anyOf', 'oneOf', 'not', 'if'],
  ...['dependentSchemas', 'dependencies', 'contains'],
];

export function conjunction(given: readonly SchemaNode[], besides: Besides = {}): Conjunction {
  const parts = new Map<string, SchemaNode>();
  const unions = new Map((besides.unions ?? []).map((union) => [union.id, union]));
  const excluded = new Map((besides.excluded ?? []).map((node) => [node.id, node]));
  const chosen = besides.chosen ?? new Set<string>();
  let never = false;
  let queue = [...given];
  while (queue.length > 0) {
    const found: SchemaNode[] = [];
    for (const node of queue.map(followed)) {
      if (node.schema === false) never = true;
      if (typeof node.schema === 'boolean' || parts.has(node.id)) continue;
      parts.set(node.id, node);
      found.push(...conjuncts(node));
      if (node.schema['not'] !== undefined) excluded.set(`${node.id}/not`, child(node, 'not'));
      for (const union of unionsOf(node)) {
        const [only] = union.branches;
        if (union.branches.length === 1 && only !== undefined) found.push(only);
        else if (!chosen.has(union.id)) unions.set(union.id, union);
      }
    }
    const open = (node: SchemaNode) => node.schema === false || !parts.has(followed(node).id);
    queue = (found.length > 0 ? found : activated([...parts.values()])).filter(open);
    if (never) break;
  }
  const ids = [parts.keys(), excluded.keys(), unions.keys()].map((keys) => [...keys].sort());
  return {
    key: never ? 'never' : JSON.stringify(ids),
    given,
    parts: [...parts.values()],
    unions: [...unions.values()],
    excluded: [...excluded.values()],
    never,
    chosen,
    known: {},
  };
}

/** Further schemas that a value fits when it fits this one. */
function conjuncts(node: SchemaNode): SchemaNode[] {
  const all = listed(keyword(node, 'allOf')).map((_, index) => child(node, 'allOf', String(index)));
  const { $ref: reference, $dynamicRef: dynamic } = node.schema as Record<string, unknown>;
  const targets = [
    typeof reference === 'string' ? resolveReference(node, reference) : undefined,
    typeof dynamic === 'string' && isPlainDynamicReference(node, dynamic) ? resolveReference(node, dynamic) : undefined,
  ];
  return [...all, ...targets.filter((target) => target !== undefined)];
}

function unionsOf(node: SchemaNode): Union[] {
  return ['anyOf', 'oneOf'].flatMap((name) => {
    const branches = listed(keyword(node, name)).map((_, index) => child(node, name, String(index)));
    return branches.length === 0 ? [] : [{ id: `${node.id}/${name}`, branches, exclusive: name === 'oneOf' }];
  });
}

/** Schemas that depend on members which are always there: where only an object fits, for `required` is about objects. */
function activated(parts: readonly SchemaNode[]): SchemaNode[] {
  if (!parts.some((part) => keyword(part, 'type') === 'object')) return [];
  const required = requiredNames(parts);
  return parts.flatMap((part) =>
    ['dependentSchemas', 'dependencies'].flatMap((group) =>
      propertyNames(part, group)
        .filter((name) => required.has(name))
        .map((name) => child(part, group, name))
        .filter(({ schema }) => isObject(schema) || !schema),
    ),
  );
}

/** The same, told apart by the branches of one of its unions. */
export function split(of: Conjunction, union: Union): Conjunction[] {
  const unions = of.unions.filter(({ id }) => id !== union.id);
  const chosen = new Set([...of.chosen, union.id]);
  return union.branches.map((branch) => {
    const others = union.exclusive ? union.branches.filter((other) => other !== branch) : [];
    return conjunction([...of.given, branch], { excluded: [...of.excluded, ...others], unions, chosen });
  });
}

/** The same, and a further schema. */
export function and(of: Conjunction, ...more: SchemaNode[]): Conjunction {
  return conjunction([...of.given, ...more], of);
}

/** Types that what fits may have. */
export function typesOf(of: Conjunction): ReadonlySet<ValueType> {
  return (of.known.types ??= possibleTypes(of, 0));
}

function possibleTypes(of: Conjunction, depth: number): ReadonlySet<ValueType> {
  if (of.never) return new Set();
  let types = ALL_TYPES;
  for (const part of of.parts) {
    const { type, const: constant, enum: values } = part.schema as Record<string, unknown>;
    const named = [type ?? []].flat().flatMap(typesNamed);
    if (named.length > 0) types = types.filter((name) => named.includes(name));
    const held = constant === undefined ? (Array.isArray(values) ? values : undefined) : [constant];
    if (held !== undefined) types = types.filter((name) => held.some((value) => typeOf(value) === name));
  }
  for (const { schema } of of.excluded) {
    if (schema === true || (isObject(schema) && Object.keys(schema).length === 0)) types = [];
    const plain = isObject(schema) && Object.keys(schema).join() === 'type';
    const named = plain ? [schema['type']].flat().flatMap(typesNamed) : [];
    types = types.filter((name) => !named.includes(name));
  }
  if (depth < DEEPEST_UNIONS && branchesOf(of) <= MOST_BRANCHES)
    for (const { branches } of of.unions) {
      const possible = branches.map((branch) => possibleTypes(conjunction([branch]), depth + 1));
      types = types.filter((name) => possible.some((set) => set.has(name)));
    }
  return new Set(types);
}

export function branchesOf(of: Conjunction): number {
  return of.unions.reduce((sum, { branches }) => sum + branches.length, 0);
}

/** All values that may fit, where they are few enough to be listed. */
export function valuesOf(of: Conjunction): unknown[] | undefined {
  const types = typesOf(of);
  let values: readonly unknown[] | undefined;
  if ([...types].every((type) => type === 'null' || type === 'boolean')) values = [null, true, false];
  for (const part of of.parts) {
    const { const: constant, enum: listedValues } = part.schema as Record<string, unknown>;
    if (constant !== undefined) values ??= [constant];
    if (Array.isArray(listedValues)) values ??= listedValues;
  }
  return values?.filter(
    (value) =>
      types.has(typeOf(value)) &&
      of.given.every((node) => accepts(node, value) !== false) &&
      !of.excluded.some((node) => accepts(node, value) === true) &&
      of.unions.every(({ branches }) => branches.some((branch) => accepts(branch, value) !== false)),
  );
}

/** Has a member that is always there other values in each, as alternatives are often told apart by? */
export function areToldApart(one: Conjunction, other: Conjunction): boolean {
  const others = tagsOf(other);
  return [...tagsOf(one)].some(([name, values]) => {
    const held = others.get(name);
    return held !== undefined && !values.some((value) => held.some((another) => sameValue(value, another)));
  });
}

/** Members that are always there, of an object, with the values that they may have. */
function tagsOf(of: Conjunction): ReadonlyMap<string, readonly unknown[]> {
  return (of.known.tags ??= findTags(of.parts));
}

function findTags(parts: readonly SchemaNode[]): Map<string, readonly unknown[]> {
  const tags = new Map<string, readonly unknown[]>();
  if (!parts.some((part) => keyword(part, 'type') === 'object')) return tags;
  const required = requiredNames(parts);
  for (const part of parts)
    for (const name of propertyNames(part, 'properties')) {
      if (!required.has(name)) continue;
      const member = child(part, 'properties', name);
      const [constant, values] = [keyword(member, 'const'), keyword(member, 'enum')];
      if (constant !== undefined) tags.set(name, [constant]);
      else if (Array.isArray(values)) tags.set(name, values);
    }
  return tags;
}

export function requiredNames(parts: readonly SchemaNode[]): Set<string> {
  return new Set(parts.flatMap((part) => listed(keyword(part, 'required')).map(String)));
}

/** The largest value that a keyword has in any part; `undefined` where none has it. */
export function largest(of: Conjunction, name: string): number | undefined {
  const limits = of.parts.map((part) => keyword(part, name)).filter((limit) => typeof limit === 'number');
  return limits.length === 0 ? undefined : Math.max(...limits);
}

export function smallest(of: Conjunction, name: string): number | undefined {
  const limits = of.parts.map((part) => keyword(part, name)).filter((limit) => typeof limit === 'number');
  return limits.length === 0 ? undefined : Math.min(...limits);
}

/** `unevaluatedProperties` is `additionalProperties` where nothing else could evaluate any; so too with items. */
export function unevaluatedIsAdditional(node: SchemaNode): boolean {
  return isObject(node.schema) && !IN_PLACE.some((name) => keyword(node, name) !== undefined);
}

/** What all parts say of the member of a name. */
export function memberOf(of: Conjunction, name: string): Conjunction {
  return conjunction(
    of.parts.flatMap((part) => {
      const found = propertySchemas(part, name);
      const unevaluated = keyword(part, 'unevaluatedProperties') !== undefined && unevaluatedIsAdditional(part);
      return found.length === 0 && unevaluated ? [child(part, 'unevaluatedProperties')] : found;
    }),
  );
}

/**
 * What all parts say of a member that no part names, and that matches `matched` (if given) and none of `unmatched`,
 * patterns of `patternProperties`.
 */
export function otherMemberOf(of: Conjunction, matched: string | undefined, unmatched: readonly string[]): Conjunction {
  const given: SchemaNode[] = [];
  const unions: Union[] = [];
  for (const part of of.parts) {
    const patterns = propertyNames(part, 'patternProperties').filter((pattern) => !unmatched.includes(pattern));
    const unevaluated = unevaluatedIsAdditional(part) ? ['unevaluatedProperties'] : [];
    const rest = ['additionalProperties', ...unevaluated].find((name) => keyword(part, name) !== undefined);
    const additional = rest === undefined ? madeSchema(true) : child(part, rest);
    if (matched !== undefined && patterns.includes(matched)) given.push(child(part, 'patternProperties', matched));
    else if (patterns.length === 0) given.push(additional);
    else {
      const branches = [additional, ...patterns.map((pattern) => child(part, 'patternProperties', pattern))];
      unions.push({ id: `${part.id}/patternProperties${JSON.stringify(unmatched)}`, branches, exclusive: false });
    }
  }
  return conjunction(given, { unions });
}

/** What all parts say of the item at an index. */
export function itemOf(of: Conjunction, index: number): Conjunction {
  return conjunction(
    of.parts.flatMap((part) => {
      const unevaluated = keyword(part, 'unevaluatedItems') !== undefined && unevaluatedIsAdditional(part);
      return (
        itemSchema(part, index) ??
        (unevaluated && index >= prefixLength(part) ? child(part, 'unevaluatedItems') : undefined) ??
        []
      );
    }),
  );
}

/** How many items have a schema of their own in any part. */
export function prefixLengthOf(of: Conjunction): number {
  return Math.max(0, ...of.parts.map(prefixLength));
}

/** The bound of a number: `-1` for the lower, `1` for the upper. Exclusive bounds of integers are made inclusive. */
export function boundOf(of: Conjunction, side: -1 | 1): { value: number; exclusive: boolean } | undefined {
  const inclusive = side < 0 ? largest(of, 'minimum') : smallest(of, 'maximum');
  const exclusive = side < 0 ? largest(of, 'exclusiveMinimum') : smallest(of, 'exclusiveMaximum');
  const strict = exclusive !== undefined && (inclusive === undefined || side * (exclusive - inclusive) <= 0);
  const value = strict ? exclusive : inclusive;
  if (value === undefined) return undefined;
  if (typesOf(of).has('fraction')) return { value, exclusive: strict };
  const whole = side < 0 ? Math.ceil(value) : Math.floor(value);
  return { value: strict && whole === value ? whole - side : whole, exclusive: false };
}
