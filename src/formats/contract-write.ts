import { isXmlKind } from '../core/contract.js';
import type { Contract } from '../core/contract.js';

/** A contract as it could be sent (schemas/api/contract.json): what is JSON in it stands there as it was written. */
export function writeContract(contract: Contract): string {
  const { kind, schema, imports, namespaces, assertions, categories, private: hidden, columns, example } = contract;
  const text = (part: string): string => (isXmlKind(kind) ? JSON.stringify(part) : part);
  const members = [
    member('kind', JSON.stringify(kind)),
    member('schema', text(schema)),
    member('imports', object(Object.entries(imports).map(([name, part]) => member(name, text(part))))),
    member('namespaces', JSON.stringify(namespaces)),
    member(
      'assertions',
      `[${assertions.map(({ test, message }) => object([member('test', text(test)), member('message', JSON.stringify(message))])).join()}]`,
    ),
    member('categories', JSON.stringify(categories)),
    member('private', JSON.stringify(hidden)),
    ...(columns === undefined ? [] : [member('columns', JSON.stringify(columns))]),
    ...(example === undefined ? [] : [member('example', text(example))]),
  ];
  return `${object(members)}\n`;
}

function member(name: string, text: string): string {
  return `${JSON.stringify(name)}:${text}`;
}

function object(members: readonly string[]): string {
  return `{${members.join(',')}}`;
}
