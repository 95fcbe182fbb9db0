import {
  child,
  isObject,
  keyword,
  leadsToMetaschema,
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

/** Pairs that are taken for the same where a schema refers to itself, and what has been found before. */
interface Seen {
  readonly pairs: Set<string>;
  readonly found: Map<string, boolean>;
}

/** Do two schemas say the same in the same keywords, whatever their references are called? */
export function sameSchema(a: SchemaNode, b: SchemaNode): boolean {
  const seen: Seen = { pairs: new Set(), found: a.documents?.same ?? new Map<string, boolean>() };
  const same = sayTheSame(a, b, seen);
  if (same) for (const pair of seen.pairs) seen.found.set(pair, true);
  return same;
}

function sayTheSame(a: SchemaNode, b: SchemaNode, seen: Seen): boolean {
  if (!isObject(a.schema) || !isObject(b.schema)) return a.schema === b.schema;
  const pair = `${String(a.id.length)} ${a.id}${b.id}`;
  const before = seen.found.get(pair) ?? (seen.pairs.has(pair) ? true : undefined);
  if (before !== undefined) return before;
  seen.pairs.add(pair);
  const names = checkingKeywords(a.schema);
  const same =
    names.length === checkingKeywords(b.schema).length &&
    names.every((name) => keyword(b, name) !== undefined && sameKeyword(a, b, name, seen));
  if (!same) seen.found.set(pair, false);
  return same;
}

/** Do both refer to the schema of a draft, and to the same? */
export function sameMetaschema(a: SchemaNode, b: SchemaNode): boolean {
  const reference = keyword(a, '$ref');
  if (typeof reference !== 'string' || reference !== keyword(b, '$ref')) return false;
  return leadsToMetaschema(a, reference) && leadsToMetaschema(b, reference);
}

function checkingKeywords(schema: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(schema).filter((name) => !ANNOTATIONS.has(name));
}

function sameKeyword(a: SchemaNode, b: SchemaNode, name: string, seen: Seen): boolean {
  const [left, right] = [keyword(a, name), keyword(b, name)];
  if (name === '$ref') {
    const [from, to] = [resolveReference(a, String(left)), resolveReference(b, String(right))];
    return from === undefined || to === undefined ? sameMetaschema(a, b) : sayTheSame(from, to, seen);
  }
  // Where it leads depends on all schemas on the way to it.
  if (name === '$dynamicRef' || name === '$recursiveRef') return false;
  if (Array.isArray(left) && MANY_SCHEMAS.includes(name)) {
    return (
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((_, index) => sayTheSame(child(a, name, String(index)), child(b, name, String(index)), seen))
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
        return !Array.isArray(right[member]) && sayTheSame(child(a, name, member), child(b, name, member), seen);
      })
    );
  }
  if (ONE_SCHEMA.includes(name) && !Array.isArray(right)) return sayTheSame(child(a, name), child(b, name), seen);
  return sameValue(left, right);
}
