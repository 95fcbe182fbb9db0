import fc from 'fast-check';

type Schema = Record<string, unknown> | boolean;

/** Values of a small world, in which random schemas and random values meet often. */
const NAMES = ['a', 'ab', 'b', 'c'];
const TEXTS = ['', 'a', 'ab', 'b', 'abc', '2026-01-31'];
const scalar = fc.constantFrom<unknown>(null, true, false, -1, 0, 1, 2, 3, 4, 1.5, 2.5, ...TEXTS);

export const aValue = fc.letrec((again) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    { weight: 4, arbitrary: scalar },
    { weight: 2, arbitrary: fc.array(again('value'), { maxLength: 3 }) },
    { weight: 4, arbitrary: fc.dictionary(fc.constantFrom(...NAMES), again('value'), { maxKeys: 4 }) },
  ),
})).value;

const type = fc.constantFrom('null', 'boolean', 'integer', 'number', 'string', 'array', 'object');
const few = fc.integer({ min: 0, max: 3 });
const half = fc.constantFrom(-1, 0, 0.5, 1, 1.5, 2, 3);
const names = fc.uniqueArray(fc.constantFrom(...NAMES), { maxLength: 3 });
const record = (keywords: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Record<string, unknown>> =>
  fc.record(keywords, { requiredKeys: [] });

const plain: fc.Arbitrary<Schema> = fc.oneof(
  fc.constantFrom<Schema>(true, false, {}),
  type.map((name) => ({ type: name })),
  fc.uniqueArray(type, { minLength: 2, maxLength: 3 }).map((list) => ({ type: list })),
  fc.uniqueArray(scalar, { minLength: 1, maxLength: 4 }).map((list) => ({ enum: list })),
  scalar.map((value) => ({ const: value })),
  record({
    type: fc.constantFrom('number', 'integer'),
    ...{ minimum: half, maximum: half, exclusiveMinimum: half, exclusiveMaximum: half },
    multipleOf: fc.constantFrom(0.5, 1, 2, 3),
  }),
  record({
    type: fc.constant('string'),
    ...{ minLength: few, maxLength: few },
    pattern: fc.constantFrom('^a', 'b', '^[ab]+$'),
    format: fc.constantFrom('date', 'uuid'),
  }),
);

/** A schema with references, recursive ones too, to `$defs` `x` and `y`. */
const aSchema: fc.Arbitrary<Schema> = fc.letrec<{ schema: Schema; inner: Schema }>((again) => {
  const map = (of: fc.Arbitrary<unknown>, keys: string[], maxKeys = 3) =>
    fc.dictionary(fc.constantFrom(...keys), of, { maxKeys });
  const object = record({
    type: fc.constant('object'),
    properties: map(again('inner'), NAMES),
    required: names,
    additionalProperties: fc.oneof(fc.constant(false), again('inner')),
    patternProperties: map(again('inner'), ['^a', 'b'], 2),
    propertyNames: again('schema'),
    ...{ minProperties: few, maxProperties: few },
    dependentRequired: map(names, NAMES, 1),
    dependentSchemas: map(again('schema'), NAMES, 1),
    unevaluatedProperties: fc.oneof(fc.constant(false), again('schema')),
  });
  const array = record({
    type: fc.constant('array'),
    items: again('inner'),
    prefixItems: fc.array(again('inner'), { minLength: 1, maxLength: 2 }),
    ...{ minItems: few, maxItems: few, uniqueItems: fc.boolean() },
    contains: again('schema'),
    ...{ minContains: few, maxContains: few },
    unevaluatedItems: fc.oneof(fc.constant(false), again('schema')),
  });
  const list = fc.array(again('schema'), { minLength: 1, maxLength: 3 });
  const combined = record({
    ...{ allOf: list, anyOf: list, oneOf: list, not: again('schema') },
    ...{ if: again('schema'), then: again('schema'), else: again('schema') },
  });
  const some = (of: fc.Arbitrary<Record<string, unknown>>, most: number): fc.Arbitrary<Schema> =>
    fc.tuple(of, fc.array(fc.nat(), { minLength: 1, maxLength: most })).map(([schema, picks]) => {
      const keys = Object.keys(schema);
      const kept = picks.flatMap((pick) => (keys.length === 0 ? [] : [keys[pick % keys.length] as string]));
      return Object.fromEntries(keys.filter((key) => kept.includes(key)).map((key) => [key, schema[key]]));
    });
  return {
    schema: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      { weight: 4, arbitrary: plain },
      { weight: 4, arbitrary: some(object, 4) },
      { weight: 2, arbitrary: some(array, 4) },
      { weight: 3, arbitrary: some(combined, 2) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(some(object, 3), some(combined, 2))
          .map(([one, other]) => ({ ...(one as object), ...(other as object) })),
      },
    ),
    // one level further in the value, where a reference may lead back
    inner: fc.oneof(
      { weight: 5, arbitrary: again('schema') },
      { weight: 1, arbitrary: fc.constantFrom({ $ref: '#/$defs/x' }, { $ref: '#y' }) },
    ),
  };
}).schema;

/** A root, and what its references lead to. */
export const aDocument: fc.Arbitrary<Record<string, unknown>> = fc
  .tuple(aSchema, aSchema, aSchema)
  .map(([root, x, y]) => ({
    ...asObject(root),
    ...(JSON.stringify(root).includes('$ref') ? { $defs: { x, y: { ...asObject(y), $anchor: 'y' } } } : {}),
  }));

function asObject(schema: Schema): Record<string, unknown> {
  return typeof schema === 'boolean' ? { allOf: [schema] } : schema;
}

interface Change {
  readonly at: number;
  readonly how: string;
  readonly key: number;
  readonly by: Schema;
}

/** The same document, changed in one or two places. */
export const someChanges: fc.Arbitrary<Change[]> = fc.array(
  fc.record({
    at: fc.nat(),
    how: fc.constantFrom('drop', 'add', 'replace', 'more', 'less'),
    key: fc.nat(),
    by: aSchema,
  }),
  { minLength: 1, maxLength: 2 },
);

export function changed(document: Record<string, unknown>, changes: readonly Change[]): Record<string, unknown> {
  const copy = structuredClone(document);
  for (const { at, how, key, by: given } of changes) {
    const by = structuredClone(given);
    const places = objectsIn(copy);
    const place = places[at % places.length]!;
    const keys = Object.keys(place).filter(
      (name) => name !== '$defs' && name !== '$anchor' && name !== 'x' && name !== 'y',
    );
    const name = keys[key % Math.max(keys.length, 1)];
    if (how === 'add' && typeof by === 'object' && isSchemaPlace(place)) Object.assign(place, by);
    if (name === undefined) continue;
    const value = place[name];
    if (how === 'drop') Reflect.deleteProperty(place, name);
    if (typeof value === 'number' && how === 'more') place[name] = value + 1;
    if (typeof value === 'number' && how === 'less' && value > 0) place[name] = value - 1;
    if (Array.isArray(value) && value.length > 1 && how === 'less') place[name] = value.slice(1);
    if (isSchema(value) && how === 'replace') place[name] = by;
  }
  return copy;
}

function isSchema(value: unknown): boolean {
  return typeof value === 'boolean' || (typeof value === 'object' && value !== null && !Array.isArray(value));
}

/** And not an object of schemas by their names. */
function isSchemaPlace(place: Record<string, unknown>): boolean {
  return !Object.keys(place).some((key) => NAMES.includes(key) || key === 'x' || key.startsWith('^'));
}

/** All objects within a document in which something can be changed: schemas, and objects of schemas. */
function objectsIn(value: unknown, key = ''): Record<string, unknown>[] {
  if (Array.isArray(value)) return ['enum', 'required'].includes(key) ? [] : value.flatMap((item) => objectsIn(item));
  if (typeof value !== 'object' || value === null || key === 'const') return [];
  const inner = Object.entries(value).flatMap(([name, one]) => objectsIn(one, name));
  return [value as Record<string, unknown>, ...inner];
}
