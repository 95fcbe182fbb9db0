import type { Contract } from '../../../src/core/contract.js';

const NOTHING = { imports: {}, namespaces: {}, assertions: [], categories: [], private: [] };

/** A JSON contract of this schema and nothing else. */
export function jsonContract(schema: string): Contract {
  return { kind: 'json-schema', schema, ...NOTHING };
}

/** An XML contract of this schema and nothing else. */
export function xmlContract(schema: string, kind: 'xsd' | 'relax-ng' = 'xsd'): Contract {
  return { kind, schema, ...NOTHING };
}
