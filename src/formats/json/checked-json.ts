import { Ajv2020 } from 'ajv/dist/2020.js';
import type { AnySchemaObject, ErrorObject } from 'ajv/dist/2020.js';
import { FeedsError } from '../../core/errors.js';
import type { Violation } from '../../core/errors.js';
import { decodeJson, pointerPart, readJsonText } from './json-text.js';

/** Refuses a value that breaks a schema: `invalid-body`, every mistake with its JSON Pointer (RFC 6901). */
export type Check = (value: unknown, what: string) => void;

/** Told of one body at most. */
const MOST_VIOLATIONS = 100;
const SHOWN_CHARACTERS = 80;

/** Compiles JSON Schemas (2020-12) that may refer to each other by their `$id`. */
export function compileChecks<Name extends string>(
  schemas: Readonly<Record<Name, AnySchemaObject>>,
): Record<Name, Check> {
  const ajv = new Ajv2020({
    schemas: Object.values<AnySchemaObject>(schemas),
    allErrors: true,
    verbose: true,
    allowUnionTypes: true,
  });
  const checks = Object.entries<AnySchemaObject>(schemas).map(([name, schema]): [string, Check] => {
    const validate = ajv.compile(schema);
    return [
      name,
      (value, what) => {
        if (!validate(value))
          throw invalidBody((validate.errors ?? []).slice(0, MOST_VIOLATIONS).map(toViolation), what);
      },
    ];
  });
  return Object.fromEntries(checks) as Record<Name, Check>;
}

function invalidBody(violations: readonly Violation[], what: string): FeedsError {
  const [first] = violations;
  const more = violations.length > 1 ? ` (and ${String(violations.length - 1)} more)` : '';
  const place = first === undefined || first.path === '' ? 'it' : first.path;
  return new FeedsError('invalid-body', `${what} cannot be taken: ${place} ${first?.message ?? 'is wrong'}${more}`, {
    violations,
  });
}

function toViolation(error: ErrorObject): Violation {
  const { instancePath: path, params, keyword, data } = error;
  const schema = error.parentSchema as AnySchemaObject;
  const expected = (what: string): Violation => ({ path, message: `is ${shown(data)}, expected ${what}` });
  switch (keyword) {
    case 'additionalProperties': {
      const name = String(params['additionalProperty']);
      return { path: path + pointerPart(name), message: `is unknown; ${knownMembers(name, schema)}` };
    }
    case 'required':
      return { path: path + pointerPart(String(params['missingProperty'])), message: 'is missing' };
    case 'type':
      return expected([params['type']].flat().map(withArticle).join(' or '));
    case 'minimum':
      return expected(`${String(params['limit'])} or more`);
    case 'maximum':
      return expected(`${String(params['limit'])} or less`);
    case 'minLength':
      return expected('a text that is not empty');
    case 'maxLength':
      return expected(`at most ${String(params['limit'])} characters`);
    default:
      return expected(String(schema['description'] ?? error.message));
  }
}

function withArticle(type: unknown): string {
  return `${/^[aeio]/.test(String(type)) ? 'an' : 'a'} ${String(type)}`;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

function knownMembers(name: string, schema: AnySchemaObject): string {
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, AnySchemaObject>);
  const known = properties.filter(([, property]) => property['readOnly'] !== true).map(([member]) => member);
  const near = known.find((member) => distance(member.toLowerCase(), name.toLowerCase()) <= 2);
  return near === undefined ? `there are ${known.join(', ')}` : `did you mean "${near}"?`;
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

/** Reads JSON (RFC 8259) in UTF-8. Refuses with `not-well-formed` and the place of the mistake. */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decodeJson(bytes);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // JSON.parse does not tell where, or each version of it in other words.
    readJsonText(text);
    throw error;
  }
}
