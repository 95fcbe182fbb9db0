import { isXmlKind } from '../core/contract.js';
import type { Break, Contract } from '../core/contract.js';
import { jsonSchemaBreaks } from './json-schema/json-compatibility.js';
import type { Answers } from './tasks.js';
import { relaxNgBreaks } from './xml-schema/relax-ng-compatibility.js';
import { xsdBreaks } from './xml-schema/xsd-compatibility.js';

/**
 * The schemas of two contracts of one kind: what the newer refuses that the older accepts, and the other way round.
 * Assertions are not compared, as schema registries do not compare their rules: no reader goes by them.
 */
export function compareContracts(older: Contract, newer: Contract): Answers['compare'] {
  return { backward: schemaBreaks(older, newer), forward: schemaBreaks(newer, older) };
}

function schemaBreaks(older: Contract, newer: Contract): readonly Break[] {
  if (isXmlKind(older.kind)) {
    return older.kind === 'xsd' ? xsdBreaks(older, newer) : relaxNgBreaks(older, newer);
  }
  return jsonSchemaBreaks(parsedSchemas(older), parsedSchemas(newer));
}

/** The schema of a JSON contract, and what it refers to, as values. */
export function parsedSchemas({ schema, imports }: Contract): { schema: unknown; imports: Record<string, unknown> } {
  const entries = Object.entries(imports).map(([name, text]) => [name, JSON.parse(text) as unknown] as const);
  return { schema: JSON.parse(schema) as unknown, imports: Object.fromEntries(entries) };
}
