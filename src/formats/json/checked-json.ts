import { Ajv2020 } from 'ajv/dist/2020.js';
import type { AnySchemaObject } from 'ajv/dist/2020.js';
import { FeedsError } from '../../core/errors.js';
import type { Violation } from '../../core/errors.js';
import { decodeJson, readJsonText } from './json-text.js';
import { explain } from './schema-errors.js';

/** Refuses a value that breaks a schema: `invalid-body`, every mistake with its JSON Pointer (RFC 6901). */
export type Check = (value: unknown, what: string) => void;

/** Told of one body at most. */
const MOST_VIOLATIONS = 100;

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
        if (!validate(value)) throw invalidBody((validate.errors ?? []).slice(0, MOST_VIOLATIONS).map(explain), what);
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
