import type { Break } from '../../core/contract.js';
import { compareContains, compareItems, compareUniqueItems } from './compare-arrays.js';
import {
  compareAllOf,
  compareAnyOf,
  compareConditional,
  compareNot,
  compareOneOf,
  compareReferences,
  compareUnevaluated,
} from './compare-combined.js';
import {
  compareDependencies,
  compareOtherMembers,
  compareProperties,
  comparePropertyNames,
  compareRequired,
} from './compare-objects.js';
import { compareBounds, compareCounts, compareFormat, compareMultipleOf, comparePattern } from './compare-scalars.js';
import { addBreak, MOST_BREAKS, shown, subject, typesInWords } from './json-comparison.js';
import type { Comparison, Rule } from './json-comparison.js';
import { and, conjunction, split, typesOf, valuesOf } from './json-schema-conjunction.js';
import type { Conjunction } from './json-schema-conjunction.js';
import { isEmpty } from './json-schema-empty.js';
import { sameSchema } from './json-schema-same.js';
import { child, followed, keyword, madeSchema, readSet, resolveReference } from './json-schema-set.js';
import type { JsonSchemaSet, SchemaNode } from './json-schema-set.js';
import { accepts, listed, sameValue, typesNamed } from './json-schema-values.js';
import type { ValueType } from './json-schema-values.js';

const RULES: readonly Rule[] = [
  ...[compareReferences, compareAllOf, compareAnyOf, compareOneOf, compareNot, compareConditional],
  ...[compareRequired, compareProperties, compareOtherMembers, comparePropertyNames, compareDependencies],
  ...[compareItems, compareUniqueItems, compareContains, compareUnevaluated],
  ...[compareBounds, compareCounts, compareMultipleOf, comparePattern, compareFormat],
];

/** So many schemas are laid side by side; what takes more, as alternatives of alternatives may, is given up. */
const MOST_STEPS = 60_000;
/** An older schema that is the alternative of so many at once is not told apart further. */
const MOST_CHOSEN = 6;
const MOST_VALUES_TOLD = 10;

/** What is known of pairs of schemas. */
interface Known {
  /**
   * Pairs that are covered, or being looked at: where a schema refers to itself, a pair is covered unless a break is found
   * on the way round.
   */
  readonly covered: Set<string>;
  /** The same in the order in which they were found. */
  readonly trail: string[];
  readonly failed: Set<string>;
  steps: number;
}

/**
 * All ways in which the newer schema may refuse what the older accepted, by the rules of schema registries and as the
 * validator reads both (json-engine.ts). Where none is told, the newer schema accepts all that the older did; a break may
 * be told where none is, when a schema says more than can be compared. Two things are lenient: as in registries, a member
 * that is required now and has a default; and numbers so large that the validator takes them for multiples of nothing
 * (compare-scalars.ts).
 */
export function jsonSchemaBreaks(older: JsonSchemaSet, newer: JsonSchemaSet): Break[] {
  try {
    if (sameValue(older.schema, newer.schema) && sameValue(older.imports, newer.imports)) return [];
    return compareSets(older, newer);
  } catch (error) {
    // Schemas within schemas by the thousand exhaust the stack.
    if (!(error instanceof RangeError)) throw error;
    const message = 'the versions cannot be compared: schemas are nested too deeply';
    return [{ rule: 'cannot-be-compared', path: '', message }];
  }
}

function compareSets(older: JsonSchemaSet, newer: JsonSchemaSet): Break[] {
  const breaks: Break[] = [];
  const known: Known = { covered: new Set(), trail: [], failed: new Set(), steps: MOST_STEPS };
  toComparison(known, breaks, MOST_BREAKS, false).compare(
    conjunction([readSet(older, 'older')]),
    readSet(newer, 'newer'),
  );
  return breaks;
}

/** `most`: so many breaks are told. With 1 it is only asked whether there is any. */
function toComparison(known: Known, breaks: Break[], most: number, strict: boolean): Comparison {
  const covers = (older: Conjunction, newer: SchemaNode, strictly: boolean): boolean => {
    const before = known.trail.length;
    const found: Break[] = [];
    toComparison(known, found, 1, strictly).compare(older, newer);
    if (found.length === 0) return true;
    // What was taken for covered on the way may have been so only by this pair.
    for (const pair of known.trail.splice(before)) known.covered.delete(pair);
    return false;
  };
  const comparison: Comparison = {
    strict,
    compare(older, given) {
      const newer = followed(given);
      if (breaks.length >= most || newer.schema === true) return;
      if (known.steps-- < 0) {
        const message = `the schemas of ${subject(newer.path)} are too large to be compared`;
        comparison.tell('cannot-be-compared', newer.path, message);
        return;
      }
      const pair = `${strict ? 'strict ' : ''}${older.key} ⊆ ${newer.id}`;
      if (known.covered.has(pair)) return;
      if (most === 1 && known.failed.has(pair)) {
        comparison.tell('cannot-be-compared', newer.path, 'found to differ before');
        return;
      }
      if (isEmpty(older)) return;
      known.steps -= older.parts.length * (1 + older.chosen.size) || 1;
      known.covered.add(pair);
      known.trail.push(pair);
      compareSchemas(comparison, older, newer);
      if (most === 1 && breaks.length > 0) known.failed.add(pair);
    },
    covers: (older, newer) => covers(older, newer, strict),
    implies: (one, other) => covers(one, other, true),
    tell: (rule, path, message) => {
      if (breaks.length < most) addBreak(breaks, { rule, path, message });
    },
  };
  return comparison;
}

function compareSchemas(comparison: Comparison, older: Conjunction, newer: SchemaNode): void {
  const [union] = older.unions;
  // Whatever its alternatives are, they have not changed.
  if (union !== undefined && older.parts.some((part) => sameSchema(part, newer))) return;
  if (union !== undefined && older.chosen.size < MOST_CHOSEN) {
    for (const branch of split(older, union)) comparison.compare(branch, newer);
    return;
  }
  const narrowed = compareTypes(comparison, older, newer);
  if (narrowed === undefined || compareValues(comparison, narrowed, newer)) return;
  const types = typesOf(narrowed);
  for (const rule of RULES) rule(comparison, narrowed, newer, types);
}

/** JSON Schema 2020-12 Validation §6.1.1. Gives what is left of the older schema to be compared further. */
function compareTypes(comparison: Comparison, older: Conjunction, newer: SchemaNode): Conjunction | undefined {
  const before = typesOf(older);
  const type = keyword(newer, 'type');
  const named = newer.schema === false ? [] : type === undefined ? undefined : [type].flat().flatMap(typesNamed);
  if (named === undefined) return older;
  const now = new Set<ValueType>(named);
  const lost = [...before].filter((one) => !now.has(one));
  if (lost.length === 0) return older;
  const kept = [...before].filter((one) => now.has(one));
  const what = subject(newer.path);
  const path = newer.schema === false ? newer.path : `${newer.path}/type`;
  if (now.size === 0)
    comparison.tell('type-narrowed', path, `${what} is not accepted any more; what was published with it is refused`);
  else if (kept.length === 0)
    comparison.tell(
      'type-changed',
      path,
      `${what} must be ${typesInWords(now)} now, was ${typesInWords(before)}; what was published is refused`,
    );
  else
    comparison.tell(
      'type-narrowed',
      path,
      `${what} may no longer be ${typesInWords(lost)}; what was published as such is refused`,
    );
  if (kept.length === 0) return undefined;
  const types = kept.filter((one) => one !== 'fraction' || !kept.includes('integer'));
  return and(
    older,
    madeSchema({ type: types.map((one) => (kept.includes('fraction') && one === 'integer' ? 'number' : one)) }),
  );
}

/** §6.1.2 and §6.1.3: where the older schema lists its values, each is tried. Is all said then? */
function compareValues(comparison: Comparison, older: Conjunction, newer: SchemaNode): boolean {
  const values = valuesOf(older);
  if (values === undefined) {
    compareUnlisted(comparison, newer);
    return false;
  }
  const refused = values.filter((value) => accepts(newer, value) === false);
  for (const value of refused.slice(0, MOST_VALUES_TOLD)) {
    const { path, name } = refusing(newer, value);
    const changed = name === 'const' ? 'const-changed' : 'enum-array-changed';
    comparison.tell(
      refused.length === values.length ? changed : 'enum-array-narrowed',
      name === undefined ? path : `${path}/${name}`,
      `${subject(path)} may no longer be ${shown(value)}; what was published with it is refused`,
    );
  }
  return refused.length > 0 || values.every((value) => accepts(newer, value) === true);
}

function compareUnlisted(comparison: Comparison, newer: SchemaNode): void {
  for (const name of ['const', 'enum']) {
    const held = keyword(newer, name);
    if (held === undefined) continue;
    comparison.tell(
      name === 'const' ? 'const-added' : 'enum-array-added',
      `${newer.path}/${name}`,
      `${subject(newer.path)} may only be ${name === 'const' ? shown(held) : `one of ${shown(held)}`} now; other values that were published are refused`,
    );
  }
}

/** Where in a schema a value is refused, as near as it can be told. */
function refusing(node: SchemaNode, value: unknown, depth = 0): { path: string; name?: string } {
  const reference = keyword(node, '$ref');
  const target = typeof reference === 'string' ? resolveReference(node, reference) : undefined;
  const all = listed(keyword(node, 'allOf')).map((_, index) => child(node, 'allOf', String(index)));
  const inner = [...(target === undefined ? [] : [target]), ...all].find((one) => accepts(one, value) === false);
  if (inner !== undefined && depth < 20) return refusing(inner, value, depth + 1);
  const name = ['const', 'enum'].find((one) => keyword(node, one) !== undefined);
  return name === undefined ? { path: node.path } : { path: node.path, name };
}
