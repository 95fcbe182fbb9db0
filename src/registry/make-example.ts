import type { Contract } from '../core/contract.js';
import { parsedSchemas } from './compare.js';
import { jsonExample } from './json-schema/json-example.js';
import { xmlExample } from './xml-schema/xml-example.js';

/** The text of a content that should fit the contract's schema; undefined where none can be made. */
export function makeExample(contract: Contract): string | undefined {
  const { kind, schema, imports } = contract;
  if (kind !== 'json-schema') return xmlExample(kind, { schema, imports });
  const value = jsonExample(parsedSchemas(contract));
  return value === undefined ? undefined : JSON.stringify(value, undefined, 2);
}
