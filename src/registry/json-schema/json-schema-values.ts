import addFormats from 'ajv-formats';
import type { Format } from 'ajv';
import { child, isObject, isPlainDynamicReference, keyword, resolveReference } from './json-schema-set.js';
import type { SchemaNode } from './json-schema-set.js';

/** The types of JSON Schema, numbers in two: those that are integers and the others. */
export type ValueType = 'null' | 'boolean' | 'integer' | 'fraction' | 'string' | 'array' | 'object';

/** `undefined`: it cannot be said without the whole of JSON Schema. */
type Answer = boolean | undefined;

/** A schema that refers to itself without end is given up here. */
const DEEPEST = 60;
const NUMERIC_FORMATS = ['int32', 'int64', 'float', 'double'];
/** Keywords that are not looked into here. */
const NOT_DECIDED = ['unevaluatedProperties', 'unevaluatedItems'];

export function typeOf(value: unknown): ValueType {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'fraction';
  return typeof value as 'boolean' | 'string' | 'object';
}

/** The types that a name in `type` stands for. */
export function typesNamed(name: unknown): ValueType[] {
  return name === 'number' ? ['integer', 'fraction'] : [name as ValueType];
}

/** Are two JSON values the same (JSON Schema 2020-12 Core §4.2.2)? */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameValue(item, b[index]));
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameValue(a[name], b[name]))
  );
}

function isAmong(values: readonly unknown[], value: unknown): boolean {
  return values.includes(value) || (typeof value === 'object' && values.some((one) => sameValue(one, value)));
}

function matches(pattern: string, text: string): boolean {
  return new RegExp(pattern, 'u').test(text);
}

/** Characters as JSON Schema counts them: code points. */
export function lengthOf(text: string): number {
  return [...text].length;
}

/** What a format is about: numbers, texts, or (unknown or unchecked) nothing. */
export function formatSubject(name: unknown): 'number' | 'string' | undefined {
  if (NUMERIC_FORMATS.includes(String(name))) return name === 'float' || name === 'double' ? undefined : 'number';
  const format = formatNamed(name);
  return format === undefined || format === true ? undefined : 'string';
}

function formatNamed(name: unknown): Format | undefined {
  try {
    return addFormats.default.get(String(name) as 'date');
  } catch {
    return undefined; // not a format that is known
  }
}

function fitsFormat(name: unknown, value: unknown): boolean {
  const subject = formatSubject(name);
  const format = formatNamed(name);
  if (subject === undefined || subject !== typeof value || typeof format !== 'object') return true;
  if (format instanceof RegExp) return format.test(value as string);
  const { validate } = format as { validate: RegExp | ((data: unknown) => boolean) };
  return validate instanceof RegExp ? validate.test(value as string) : validate(value);
}

function every(answers: Iterable<Answer>): Answer {
  let all: Answer = true;
  for (const answer of answers) {
    if (answer === false) return false;
    if (answer === undefined) all = undefined;
  }
  return all;
}

function not(answer: Answer): Answer {
  return answer === undefined ? undefined : !answer;
}

/** Does a schema accept a value? */
export function accepts(node: SchemaNode, value: unknown, depth = 0): Answer {
  if (typeof node.schema === 'boolean') return node.schema;
  if (depth > DEEPEST) return undefined;
  return every(answers(node, value, depth + 1));
}

function* answers(node: SchemaNode, value: unknown, depth: number): Generator<Answer> {
  const schema = node.schema as Record<string, unknown>;
  const inner = (...steps: string[]) => accepts(child(node, ...steps), value, depth);
  const list = (name: string) => listed(schema[name]).map((_, index) => inner(name, String(index)));

  if ('type' in schema) yield [schema['type']].flat().flatMap(typesNamed).includes(typeOf(value));
  if ('const' in schema) yield sameValue(schema['const'], value);
  if (Array.isArray(schema['enum'])) yield isAmong(schema['enum'], value);
  if ('$ref' in schema) yield followed(resolveReference(node, String(schema['$ref'])), value, depth);
  if ('$dynamicRef' in schema) {
    const reference = String(schema['$dynamicRef']);
    const plain = isPlainDynamicReference(node, reference);
    yield followed(plain ? resolveReference(node, reference) : undefined, value, depth);
  }
  if ('$recursiveRef' in schema) yield undefined;
  if ('allOf' in schema) yield every(list('allOf'));
  if ('anyOf' in schema) yield not(every(list('anyOf').map(not)));
  if ('oneOf' in schema) {
    const found = list('oneOf');
    const count = found.filter((answer) => answer === true).length;
    yield count > 1 ? false : found.includes(undefined) ? undefined : count === 1;
  }
  if ('not' in schema) yield not(inner('not'));
  if ('if' in schema) {
    const condition = inner('if');
    const then = 'then' in schema ? inner('then') : true;
    const otherwise = 'else' in schema ? inner('else') : true;
    yield condition === undefined ? (then === otherwise ? then : undefined) : condition ? then : otherwise;
  }
  if (typeof value === 'number' || typeof value === 'string') yield scalarFits(schema, value);
  if (Array.isArray(value)) yield every(arrayAnswers(node, value, depth));
  if (isObject(value)) yield every(objectAnswers(node, value, depth));
  if (typeof value === 'object' && value !== null && NOT_DECIDED.some((name) => name in schema)) yield undefined;
}

function followed(target: SchemaNode | undefined, value: unknown, depth: number): Answer {
  return target && accepts(target, value, depth);
}

function scalarFits(schema: Readonly<Record<string, unknown>>, value: number | string): boolean {
  const within = (name: string, fits: (limit: number) => boolean) =>
    typeof schema[name] !== 'number' || fits(schema[name]);
  if (!fitsFormat(schema['format'], value)) return false;
  if (typeof value === 'string') {
    const length = lengthOf(value);
    const { pattern } = schema;
    if (typeof pattern === 'string' && !matches(pattern, value)) return false;
    return within('minLength', (limit) => length >= limit) && within('maxLength', (limit) => length <= limit);
  }
  return (
    within('minimum', (limit) => value >= limit) &&
    within('maximum', (limit) => value <= limit) &&
    within('exclusiveMinimum', (limit) => value > limit) &&
    within('exclusiveMaximum', (limit) => value < limit) &&
    within('multipleOf', (limit) => isWhole(value / limit))
  );
}

/** As the validator asks: of 1e21 and more the text is read up to the `e` only, so they are no whole numbers. */
function isWhole(quotient: number): boolean {
  return quotient === parseInt(String(quotient), 10);
}

function* arrayAnswers(node: SchemaNode, value: readonly unknown[], depth: number): Generator<Answer> {
  const { minItems, maxItems, uniqueItems, minContains = 1, maxContains = Infinity } = node.schema as Limits;
  if (typeof minItems === 'number') yield value.length >= minItems;
  if (typeof maxItems === 'number') yield value.length <= maxItems;
  if (uniqueItems === true)
    yield value.every((item, index) => !value.slice(0, index).some((other) => sameValue(item, other)));
  for (const [index, item] of value.entries()) {
    const schema = itemSchema(node, index);
    if (schema !== undefined) yield accepts(schema, item, depth);
  }
  if (keyword(node, 'contains') !== undefined) {
    const found = value.map((item) => accepts(child(node, 'contains'), item, depth));
    const count = found.filter((answer) => answer === true).length;
    const perhaps = found.filter((answer) => answer !== false).length;
    if (perhaps < minContains || count > maxContains) yield false;
    else yield count >= minContains && perhaps <= maxContains ? true : undefined;
  }
}

function* objectAnswers(node: SchemaNode, value: Readonly<Record<string, unknown>>, depth: number): Generator<Answer> {
  const { minProperties, maxProperties } = node.schema as Limits;
  const names = Object.keys(value);
  if (typeof minProperties === 'number') yield names.length >= minProperties;
  if (typeof maxProperties === 'number') yield names.length <= maxProperties;
  for (const name of listed(keyword(node, 'required'))) yield Object.hasOwn(value, String(name));
  for (const name of names) {
    for (const schema of propertySchemas(node, name)) yield accepts(schema, value[name], depth);
    if (keyword(node, 'propertyNames') !== undefined) yield accepts(child(node, 'propertyNames'), name, depth);
  }
  for (const group of ['dependencies', 'dependentRequired', 'dependentSchemas']) {
    const dependencies = keyword(node, group);
    for (const [name, needed] of Object.entries(isObject(dependencies) ? dependencies : {})) {
      if (!Object.hasOwn(value, name)) continue;
      if (Array.isArray(needed)) yield needed.every((other) => Object.hasOwn(value, String(other)));
      else yield accepts(child(node, group, name), value, depth);
    }
  }
}

type Limits = Partial<
  Record<'minItems' | 'maxItems' | 'minProperties' | 'maxProperties' | 'minContains' | 'maxContains', number>
> & { uniqueItems?: boolean };

/** The list that a keyword has as its value; empty where it has none. */
export function listed(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** How many items have a schema of their own (`prefixItems`, or in draft 7 a list in `items`). */
export function prefixLength(node: SchemaNode): number {
  return Math.max(listed(keyword(node, 'prefixItems')).length, listed(keyword(node, 'items')).length);
}

/** What a schema says of the item at an index, by itself; `undefined` when it says nothing. */
export function itemSchema(node: SchemaNode, index: number): SchemaNode | undefined {
  const prefix = Array.isArray(keyword(node, 'items')) ? 'items' : 'prefixItems';
  if (index < listed(keyword(node, prefix)).length) return child(node, prefix, String(index));
  const rest = prefix === 'items' ? 'additionalItems' : 'items';
  return keyword(node, rest) === undefined ? undefined : child(node, rest);
}

/** What a schema says of the member of a name, by itself. */
export function propertySchemas(node: SchemaNode, name: string): SchemaNode[] {
  const properties = keyword(node, 'properties');
  const named = isObject(properties) && Object.hasOwn(properties, name);
  const found = named ? [child(node, 'properties', name)] : [];
  for (const pattern of propertyNames(node, 'patternProperties'))
    if (matches(pattern, name)) found.push(child(node, 'patternProperties', pattern));
  if (found.length > 0) return found;
  return keyword(node, 'additionalProperties') === undefined ? [] : [child(node, 'additionalProperties')];
}

/** The names that a keyword such as `properties` has schemas for. */
export function propertyNames(node: SchemaNode, group: string): string[] {
  const value = keyword(node, group);
  return isObject(value) ? Object.keys(value) : [];
}
