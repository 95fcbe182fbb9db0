import {
  and,
  boundOf,
  conjunction,
  itemOf,
  largest,
  memberOf,
  otherMemberOf,
  prefixLengthOf,
} from './json-schema-conjunction.js';
import { requiredNames, smallest, split, typesOf } from './json-schema-conjunction.js';
import type { Conjunction } from './json-schema-conjunction.js';
import { child, isObject, keyword, readSet } from './json-schema-set.js';
import type { JsonSchemaSet, Keywords } from './json-schema-set.js';
import { accepts, lengthOf, listed, propertyNames, sameValue } from './json-schema-values.js';
import type { ValueType } from './json-schema-values.js';
import { patternExample } from './pattern-example.js';

/** An example in the making. `variant`: which of several, where items must differ. */
interface Making {
  readonly depth: number;
  readonly variant: number;
  readonly left: { steps: number };
}

const MOST_STEPS = 2_000;
/** Below this only what is required is made; far below it, nothing. */
const DEEPEST_OPTIONAL = 4;
const DEEPEST = 16;
const MOST_ITEMS = 1_000;
const MOST_CHARACTERS = 10_000;

const FORMATS: Readonly<Record<string, string>> = {
  'date-time': '2026-01-31T12:00:00Z',
  'iso-date-time': '2026-01-31T12:00:00Z',
  date: '2026-01-31',
  time: '12:00:00Z',
  'iso-time': '12:00:00Z',
  duration: 'P1D',
  email: 'someone@example.com',
  'idn-email': 'someone@example.com',
  hostname: 'www.example.com',
  'idn-hostname': 'www.example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  url: 'https://example.com/',
  iri: 'https://example.com/',
  'uri-reference': '/path',
  'iri-reference': '/path',
  'uri-template': 'https://example.com/{id}',
  uuid: '123e4567-e89b-42d3-a456-426614174000',
  regex: '^[a-z]+$',
  'json-pointer': '/member',
  'json-pointer-uri-fragment': '#/member',
  'relative-json-pointer': '0/member',
  byte: 'ZXhhbXBsZQ==',
};

/** What speaks of a type, where none is named. */
const ABOUT: readonly (readonly [ValueType, readonly string[]])[] = [
  ['object', ['properties', 'required', 'additionalProperties', 'patternProperties', 'minProperties', 'propertyNames']],
  ['array', ['items', 'prefixItems', 'minItems', 'contains', 'uniqueItems']],
  ['string', ['pattern', 'minLength', 'maxLength', 'format']],
  ['integer', ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']],
];

/** A value that should fit a schema; `undefined` when none can easily be made. What the schema gives as such comes first. */
export function jsonExample(set: JsonSchemaSet): unknown {
  return make(conjunction([readSet(set, '')]), { depth: 0, variant: 0, left: { steps: MOST_STEPS } });
}

function make(of: Conjunction, making: Making): unknown {
  if (of.never || making.depth > DEEPEST || making.left.steps-- <= 0) return undefined;
  const given = of.parts.flatMap(({ schema }) => givenIn(schema as Keywords)).filter((value) => fits(of, value));
  if (given.length > 0) return given[Math.min(making.variant, given.length - 1)];
  for (const branch of cases(of)) {
    const value = make(branch, making);
    if (value !== undefined && fits(of, value)) return value;
  }
  if (of.unions.length > 0) return undefined;
  for (const type of likelyTypes(of)) for (const value of valuesOf(of, type, making)) if (fits(of, value)) return value;
  return undefined;
}

function givenIn(schema: Keywords): unknown[] {
  const examples = [...listed(schema['examples'])];
  const held = ['default', 'const'].flatMap((name) => (schema[name] === undefined ? [] : [schema[name]]));
  return [...examples, ...held, ...listed(schema['enum'])];
}

function fits(of: Conjunction, value: unknown): boolean {
  return (
    value !== undefined &&
    of.given.every((node) => accepts(node, value) !== false) &&
    of.excluded.every((node) => accepts(node, value) !== true)
  );
}

/** The branches of a union, and the two sides of an if. */
function* cases(of: Conjunction): Generator<Conjunction> {
  const [union] = of.unions;
  if (union !== undefined) yield* split(of, union);
  const conditional = of.parts.find((part) => keyword(part, 'if') !== undefined && !of.chosen.has(`${part.id}/if`));
  if (union !== undefined || conditional === undefined) return;
  const chosen = new Set([...of.chosen, `${conditional.id}/if`]);
  const side = (name: string) => (keyword(conditional, name) === undefined ? [] : [child(conditional, name)]);
  const [condition] = side('if');
  yield conjunction([...of.given, ...side('if'), ...side('then')], { ...of, chosen });
  const excluded = condition === undefined ? of.excluded : [...of.excluded, condition];
  yield conjunction([...of.given, ...side('else')], { ...of, excluded, chosen });
}

function likelyTypes(of: Conjunction): ValueType[] {
  const types = typesOf(of);
  const about = ABOUT.filter(([, names]) =>
    of.parts.some((part) => names.some((name) => keyword(part, name) !== undefined)),
  );
  const named = of.parts.flatMap((part) => [keyword(part, 'type') ?? []].flat() as ValueType[]);
  const plain: ValueType[] = ['string', 'integer', 'fraction', 'boolean', 'object', 'array', 'null'];
  return [...new Set([...about.map(([type]) => type), ...named, ...plain])].filter((type) => types.has(type));
}

/** Values of a type, the likeliest first. */
function* valuesOf(of: Conjunction, type: ValueType, making: Making): Generator {
  if (type === 'null') yield null;
  if (type === 'boolean') yield* making.variant % 2 === 0 ? [true, false] : [false, true];
  if (type === 'string') yield* texts(of, making.variant);
  if (type === 'integer' || type === 'fraction') yield* numbers(of, making.variant);
  if (type === 'array') {
    yield makeArray(of, making, true);
    yield makeArray(of, making, false);
  }
  if (type === 'object') {
    yield makeObject(of, making, true);
    yield makeObject(of, making, false);
  }
}

function* texts(of: Conjunction, variant: number): Generator<string> {
  const least = largest(of, 'minLength') ?? 0;
  const most = smallest(of, 'maxLength') ?? Infinity;
  if (least > MOST_CHARACTERS) return;
  const mark = variant === 0 ? '' : String(variant);
  for (const part of of.parts) {
    const format = keyword(part, 'format');
    if (typeof format === 'string' && Object.hasOwn(FORMATS, format)) yield* marked(FORMATS[format] ?? '', mark);
    const pattern = keyword(part, 'pattern');
    if (typeof pattern === 'string') {
      const text = patternExample(pattern, least + variant) ?? patternExample(pattern, least);
      if (text !== undefined) yield* marked(text, '');
    }
  }
  const word = mark + 'example'.padEnd(least - mark.length, ' example');
  yield [...word].slice(0, Math.min(most, Math.max(least, lengthOf(word)))).join('');
}

/** A text, before it the same with its last digit another. */
function* marked(text: string, mark: string): Generator<string> {
  if (mark !== '') yield text.replace(/\d(?=\D*$)/, mark.slice(-1));
  yield text;
}

function* numbers(of: Conjunction, variant: number): Generator<number> {
  const [lower, upper] = [boundOf(of, -1), boundOf(of, 1)];
  const steps = of.parts.map((part) => keyword(part, 'multipleOf')).filter((step) => typeof step === 'number');
  const step =
    steps.length === 0 ? 1 : steps.every(Number.isInteger) ? steps.reduce(commonMultiple) : Math.max(...steps);
  const from = Math.ceil((lower?.value ?? Math.min(0, upper?.value ?? 0)) / step) * step;
  const down = upper === undefined ? from : Math.floor(upper.value / step) * step;
  for (const more of [0, 1, 2]) yield Number((from + (variant + more) * step).toPrecision(15));
  for (const more of [0, 1]) yield Number((down - (variant + more) * step).toPrecision(15));
  if (lower !== undefined && upper !== undefined)
    yield lower.value + ((upper.value - lower.value) * (variant + 1)) / (variant + 2);
  if (lower !== undefined) yield lower.value + (variant + 1) / 2;
  if (upper !== undefined) yield upper.value - (variant + 1) / 2;
}

function commonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return (a / x) * b;
}

function makeArray(of: Conjunction, making: Making, full: boolean): unknown[] | undefined {
  const least = largest(of, 'minItems') ?? 0;
  const most = smallest(of, 'maxItems') ?? Infinity;
  const contained = of.parts.filter((part) => keyword(part, 'contains') !== undefined);
  const needed = Math.max(0, ...contained.map((part) => (keyword(part, 'minContains') as number | undefined) ?? 1));
  const own = prefixLengthOf(of);
  const wished = full && making.depth < DEEPEST_OPTIONAL ? Math.max(own, 1) : 0;
  const count = Math.min(Math.max(least, needed, wished), most);
  if (count > MOST_ITEMS) return undefined;
  const unique = of.parts.some((part) => keyword(part, 'uniqueItems') === true);
  const items: unknown[] = [];
  for (let index = 0; index < count; index++) {
    const schemas = index < needed ? contained.map((part) => child(part, 'contains')) : [];
    const item = makeItem(and(itemOf(of, index), ...schemas), making, unique ? items : []);
    // Beyond what there must be, an array may end where nothing more can be made.
    if (item === undefined) return index >= Math.max(least, needed) ? items : undefined;
    items.push(item);
  }
  return items;
}

/** An item that is none of those before. */
function makeItem(of: Conjunction, making: Making, before: readonly unknown[]): unknown {
  for (let variant = 0; variant <= before.length; variant++) {
    const item = make(of, { ...making, depth: making.depth + 1, variant: making.variant + variant });
    if (item !== undefined && !before.some((other) => sameValue(other, item))) return item;
  }
  return undefined;
}

function makeObject(of: Conjunction, making: Making, full: boolean): Keywords | undefined {
  const required = requiredNames(of.parts);
  const known = of.parts.flatMap((part) => propertyNames(part, 'properties'));
  const optional = full && making.depth < DEEPEST_OPTIONAL ? known : [];
  const least = largest(of, 'minProperties') ?? 0;
  const most = smallest(of, 'maxProperties') ?? Infinity;
  const members = new Map<string, unknown>();
  const inner = { ...making, depth: making.depth + 1 };
  for (const name of new Set([...known.filter((one) => required.has(one)), ...required, ...optional])) {
    if (members.size >= most && !required.has(name)) continue;
    const value = isName(of, name) ? make(memberOf(of, name), inner) : undefined;
    if (value !== undefined) members.set(name, value);
    else if (required.has(name)) return undefined;
  }
  for (const name of furtherNames(of, known)) {
    if (members.size >= least) break;
    const value = isName(of, name) ? make(memberOf(of, name), inner) : undefined;
    if (value !== undefined) members.set(name, value);
  }
  return completed(of, members, inner);
}

/** Members that others ask for (`dependentRequired`) are put in too. */
function completed(of: Conjunction, members: Map<string, unknown>, making: Making): Keywords | undefined {
  for (const [name] of members)
    for (const part of of.parts)
      for (const group of ['dependentRequired', 'dependencies']) {
        const dependencies = keyword(part, group);
        const needed = isObject(dependencies) && Object.hasOwn(dependencies, name) ? listed(dependencies[name]) : [];
        for (const other of needed.map(String)) {
          if (members.has(other)) continue;
          const value = make(memberOf(of, other), making);
          if (value === undefined) return undefined;
          members.set(other, value);
        }
      }
  return Object.fromEntries(members);
}

function isName(of: Conjunction, name: string): boolean {
  return of.parts.every(
    (part) => keyword(part, 'propertyNames') === undefined || accepts(child(part, 'propertyNames'), name) !== false,
  );
}

/** Names for members that must be there and have none: those that are known, such as patterns ask for, and any. */
function* furtherNames(of: Conjunction, known: readonly string[]): Generator<string> {
  yield* known;
  const patterns = of.parts.flatMap((part) => propertyNames(part, 'patternProperties'));
  const names = of.parts.flatMap((part) => {
    const pattern = isObject(keyword(part, 'propertyNames'))
      ? keyword(child(part, 'propertyNames'), 'pattern')
      : undefined;
    return typeof pattern === 'string' ? [pattern] : [];
  });
  for (let count = 1; count <= 20; count++)
    for (const pattern of [...patterns, ...names]) {
      const name = patternExample(pattern, count);
      if (name !== undefined) yield name;
    }
  if (!otherMemberOf(of, undefined, []).never) for (let count = 1; count <= 20; count++) yield `member${String(count)}`;
}
