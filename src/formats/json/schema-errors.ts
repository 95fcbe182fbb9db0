import type { AnySchemaObject, ErrorObject } from 'ajv';
import { shorten } from '../text.js';
import { pointerPart } from './json-text.js';

/** A mistake in a JSON value, as a person would tell it. */
export interface ExplainedError {
  /** A JSON Pointer (RFC 6901) to the value, or to where one is missing. */
  readonly path: string;
  readonly message: string;
  readonly expected?: string;
  readonly found?: string;
}

const SHOWN_CHARACTERS = 80;

/** Of an error that ajv tells with `verbose`. */
export function explain(error: ErrorObject): ExplainedError {
  const { instancePath: path, params, keyword, data } = error;
  const schema: AnySchemaObject = error.parentSchema ?? {};
  // JSON Schema Validation §9.4: what may be written and not be read, such as a password.
  const found = schema['writeOnly'] === true ? 'a value that is not shown' : shown(data);
  const at = (expected: string): ExplainedError => ({
    path,
    message: `is ${found}, expected ${expected}`,
    expected,
    found,
  });
  const limit = String(params['limit']);
  switch (keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = String(params['additionalProperty'] ?? params['unevaluatedProperty']);
      return { path: path + pointerPart(name), message: `is unknown; ${knownMembers(name, schema)}` };
    }
    case 'required':
    case 'dependentRequired':
    case 'dependencies':
      return {
        path: path + pointerPart(String(params['missingProperty'])),
        message: 'is missing',
        expected: 'a value',
        found: 'nothing',
      };
    case 'type':
      return at([params['type']].flat().map(withArticle).join(' or '));
    case 'enum':
      return at(oneOf(params['allowedValues'] as readonly unknown[], schema));
    case 'const':
      return at(shown(params['allowedValue']));
    case 'minimum':
      return at(`${limit} or more`);
    case 'maximum':
      return at(`${limit} or less`);
    case 'exclusiveMinimum':
      return at(`more than ${limit}`);
    case 'exclusiveMaximum':
      return at(`less than ${limit}`);
    case 'multipleOf':
      return at(`a multiple of ${String(params['multipleOf'])}`);
    case 'minLength':
      return at(limit === '1' ? 'a text that is not empty' : `at least ${limit} characters`);
    case 'maxLength':
      return at(`at most ${limit} characters`);
    case 'minItems':
      return at(`at least ${limit} items`);
    case 'maxItems':
      return at(`at most ${limit} items`);
    case 'minProperties':
      return at(`at least ${limit} members`);
    case 'maxProperties':
      return at(`at most ${limit} members`);
    case 'uniqueItems':
      return at(`items that differ: ${String(params['j'])} and ${String(params['i'])} are the same`);
    case 'format':
      return at(described(schema) ?? `a ${String(params['format'])}`);
    case 'pattern':
      return at(described(schema) ?? `what fits the pattern ${cut(String(params['pattern']))}`);
    // Where the schema is `false`.
    case 'false schema':
      return { path, message: `is ${shown(data)}, which is not accepted here`, found: shown(data) };
    default:
      return at(described(schema) ?? String(error.message));
  }
}

function described(schema: AnySchemaObject): string | undefined {
  const description: unknown = schema['description'];
  return typeof description === 'string' ? cut(description) : undefined;
}

function oneOf(values: readonly unknown[], schema: AnySchemaObject): string {
  return described(schema) ?? `one of ${cut(values.map((value) => shown(value)).join(', '))}`;
}

function cut(text: string): string {
  return shorten(text, 2 * SHOWN_CHARACTERS);
}

function withArticle(type: unknown): string {
  return `${/^[aeio]/.test(String(type)) ? 'an' : 'a'} ${String(type)}`;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'number' && !Number.isFinite(value)) return 'a number that is too large';
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return shorten(text, SHOWN_CHARACTERS);
}

function knownMembers(name: string, schema: AnySchemaObject): string {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, AnySchemaObject>);
  const known = properties.filter(([, property]) => property['readOnly'] !== true).map(([member]) => member);
  if (known.length === 0) return 'nothing more is allowed here';
  const near = known.find((member) => distance(member.toLowerCase(), name.toLowerCase()) <= 2);
  return near === undefined ? `there are ${cut(known.join(', '))}` : `did you mean "${near}"?`;
}

/** Levenshtein's; 99 when it is more than two anyway. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 99;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 99;
}
