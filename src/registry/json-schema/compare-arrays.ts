import { mostItems } from './compare-scalars.js';
import { subject } from './json-comparison.js';
import type { Comparison, Rule } from './json-comparison.js';
import { conjunction, itemOf, largest, prefixLengthOf, unevaluatedIsAdditional } from './json-schema-conjunction.js';
import type { Conjunction } from './json-schema-conjunction.js';
import { child, keyword } from './json-schema-set.js';
import type { SchemaNode } from './json-schema-set.js';
import { itemSchema, prefixLength } from './json-schema-values.js';

/** JSON Schema 2020-12 Core §10.3.1: items, those with a schema of their own and the rest. */
export const compareItems: Rule = (comparison, older, newer, types) => {
  if (!types.has('array')) return;
  const most = mostItems(older);
  const own = Math.max(prefixLength(newer), prefixLengthOf(older));
  // The item at `own` stands for all the rest.
  for (let index = 0; index <= own && index < most; index++) {
    const target = itemTarget(newer, index);
    const item = itemOf(older, index);
    if (target === undefined) continue;
    if (target.schema !== false && item.parts.length > 0) comparison.compare(item, target);
    else if (!comparison.covers(item, target)) tellItem(comparison, older, newer, target, index);
  }
};

function itemTarget(newer: SchemaNode, index: number): SchemaNode | undefined {
  const unevaluated = keyword(newer, 'unevaluatedItems') !== undefined && unevaluatedIsAdditional(newer);
  return itemSchema(newer, index) ?? (unevaluated ? child(newer, 'unevaluatedItems') : undefined);
}

function tellItem(
  comparison: Comparison,
  older: Conjunction,
  newer: SchemaNode,
  target: SchemaNode,
  index: number,
): void {
  const whose = subject(newer.path);
  const own = index < prefixLength(newer);
  if (target.schema !== false)
    comparison.tell(
      own ? 'item-added-to-open-content-model' : 'additional-items-narrowed',
      target.path,
      `${own ? `item ${String(index)}` : 'each item'} of ${whose} has a schema now; what was published and does not fit it is refused`,
    );
  else if (index < prefixLengthOf(older))
    comparison.tell(
      'item-removed-from-closed-content-model',
      target.path,
      `item ${String(index)} of ${whose} is not accepted any more; what was published with it is refused`,
    );
  else
    comparison.tell(
      'additional-items-removed',
      target.path,
      `further items of ${whose} are not accepted any more; what was published with any is refused`,
    );
}

/** JSON Schema 2020-12 Validation §6.4.3 */
export const compareUniqueItems: Rule = (comparison, older, newer, types) => {
  if (keyword(newer, 'uniqueItems') !== true || !types.has('array')) return;
  if (older.parts.some((part) => keyword(part, 'uniqueItems') === true) || mostItems(older) <= 1) return;
  comparison.tell(
    'unique-items-added',
    `${newer.path}/uniqueItems`,
    `the items of ${subject(newer.path)} must differ now; what was published with equal ones is refused`,
  );
};

/** Core §10.3.1.3, Validation §6.4.4 and §6.4.5 */
export const compareContains: Rule = (comparison, older, newer, types) => {
  if (!types.has('array') || keyword(newer, 'contains') === undefined) return;
  const target = child(newer, 'contains');
  const { least, most } = containedOf(newer);
  const before = older.parts.filter((part) => keyword(part, 'contains') !== undefined);
  const within = before.filter((part) => comparison.implies(conjunction([child(part, 'contains')]), target));
  const beyond = before.filter((part) => comparison.implies(conjunction([target]), child(part, 'contains')));
  const had = Math.max(everyItemFits(comparison, older, target), ...within.map((part) => containedOf(part).least));
  const held = Math.min(mostItems(older), ...beyond.map((part) => containedOf(part).most));
  const whose = subject(newer.path);
  if (least > had)
    comparison.tell(
      before.length === 0 ? 'contains-added' : within.length > 0 ? 'min-contains-increased' : 'contains-changed',
      target.path,
      `${whose} must contain ${String(least)} or more such items now; what was published without is refused`,
    );
  if (most < held)
    comparison.tell(
      before.length === 0 ? 'max-contains-added' : beyond.length > 0 ? 'max-contains-decreased' : 'contains-changed',
      target.path,
      `${whose} may contain at most ${String(most)} such items now; what was published with more is refused`,
    );
};

function containedOf(node: SchemaNode): { least: number; most: number } {
  const [least, most] = [keyword(node, 'minContains'), keyword(node, 'maxContains')];
  return { least: typeof least === 'number' ? least : 1, most: typeof most === 'number' ? most : Infinity };
}

/** How many items there are at least, all of them fitting the target; 0 where some may not. */
function everyItemFits(comparison: Comparison, older: Conjunction, target: SchemaNode): number {
  const least = largest(older, 'minItems') ?? 0;
  if (least === 0) return 0;
  const indexes = Array.from({ length: prefixLengthOf(older) + 1 }, (_, index) => index);
  return indexes.every((index) => comparison.implies(itemOf(older, index), target)) ? least : 0;
}
