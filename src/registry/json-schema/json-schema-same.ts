import {
  child,
  isObject,
  keyword,
  MANY_SCHEMAS,
  NAMED_SCHEMAS,
  ONE_SCHEMA,
  resolveReference,
} from './json-schema-set.js';
import type { SchemaNode } from './json-schema-set.js';
import { sameValue } from './json-schema-values.js';

/** Keywords that accept and refuse nothing by themselves. */
const ANNOTATIONS = new Set([
  ...['title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly', '$comment', '$schema'],
  ...['$id', '$anchor', '$dynamicAnchor', '$defs', 'definitions', '$vocabulary'],
  ...['contentEncoding', 'contentMediaType', 'contentSchema'],
]);

/** Do two schemas say the same in the same keywords, whatever their references are called? */
export function sameSchema(a: SchemaNode, b: SchemaNode, seen = new Set<string>()): boolean {
  if (!isObject(a.schema) || !isObject(b.schema)) return a.schema === b.schema;
  const pair = `${a.id} ${b.id}`;
  if (seen.has(pair)) return true;
  seen.add(pair);
  const names = checkingKeywords(a.schema);
  return (
    names.length === checkingKeywords(b.schema).length &&
    names.every((name) => keyword(b, name) !== undefined && sameKeyword(a, b, name, seen))
  );
}

function checkingKeywords(schema: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(schema).filter((name) => !ANNOTATIONS.has(name));
}

function sameKeyword(a: SchemaNode, b: SchemaNode, name: string, seen: Set<string>): boolean {
  const [left, right] = [keyword(a, name), keyword(b, name)];
  if (name === '$ref') {
    const [from, to] = [resolveReference(a, String(left)), resolveReference(b, String(right))];
    return from === undefined || to === undefined ? from === to && left === right : sameSchema(from, to, seen);
  }
  // Where it leads depends on all schemas on the way to it.
  if (name === '$dynamicRef') return false;
  if (Array.isArray(left) && MANY_SCHEMAS.includes(name)) {
    return (
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((_, index) => sameSchema(child(a, name, String(index)), child(b, name, String(index)), seen))
    );
  }
  if (NAMED_SCHEMAS.includes(name) && isObject(left) && isObject(right)) {
    const members = Object.keys(left);
    return (
      members.length === Object.keys(right).length &&
      members.every((member) => {
        if (!Object.hasOwn(right, member)) return false;
        // A list of names in `dependencies` (draft 7 §6.5.7) is no schema.
        if (Array.isArray(left[member])) return sameValue(left[member], right[member]);
        return !Array.isArray(right[member]) && sameSchema(child(a, name, member), child(b, name, member), seen);
      })
    );
  }
  if (ONE_SCHEMA.includes(name) && !Array.isArray(right)) return sameSchema(child(a, name), child(b, name), seen);
  return sameValue(left, right);
}
