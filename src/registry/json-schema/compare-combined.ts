import { subject } from './json-comparison.js';
import type { Comparison, Rule } from './json-comparison.js';
import { and, areToldApart, conjunction, typesOf, unevaluatedIsAdditional } from './json-schema-conjunction.js';
import type { Conjunction } from './json-schema-conjunction.js';
import { isEmpty } from './json-schema-empty.js';
import { sameMetaschema, sameSchema } from './json-schema-same.js';
import { child, isPlainDynamicReference, keyword, madeSchema, resolveReference } from './json-schema-set.js';
import type { SchemaNode } from './json-schema-set.js';
import { listed } from './json-schema-values.js';

/** JSON Schema 2020-12 Core §8.2.3: references. */
export const compareReferences: Rule = (comparison, older, newer) => {
  // `$recursiveRef` is of draft 2019-09; the validator goes by it in 2020-12 too.
  for (const name of ['$ref', '$dynamicRef', '$recursiveRef']) {
    const reference = keyword(newer, name);
    if (typeof reference !== 'string') continue;
    const followed = name === '$ref' || (name === '$dynamicRef' && isPlainDynamicReference(newer, reference));
    const target = followed ? resolveReference(newer, reference) : undefined;
    if (target !== undefined) comparison.compare(older, target);
    else if (name !== '$ref' || !older.parts.some((part) => sameMetaschema(part, newer)))
      cannotBeCompared(comparison, newer, name);
  }
};

function cannotBeCompared(comparison: Comparison, newer: SchemaNode, name: string): void {
  comparison.tell(
    'cannot-be-compared',
    `${newer.path}/${name}`,
    `whether ${name} of ${subject(newer.path)} accepts all that was published cannot be told`,
  );
}

/** §10.2.1.1 */
export const compareAllOf: Rule = (comparison, older, newer) => {
  for (const branch of branchesOf(newer, 'allOf')) comparison.compare(older, branch);
};

function branchesOf(node: SchemaNode, name: string): SchemaNode[] {
  return listed(keyword(node, name)).map((_, index) => child(node, name, String(index)));
}

/** §10.2.1.2 */
export const compareAnyOf: Rule = (comparison, older, newer) => {
  const branches = branchesOf(newer, 'anyOf');
  if (branches.length === 0) return;
  const near = branches.filter((branch) => !areToldApart(older, conjunction([branch])));
  if (near.some((branch) => comparison.covers(older, branch))) return;
  const kinds = kindsOf(older);
  if (kinds.length > 1) for (const kind of kinds) compareAnyOf(comparison, kind, newer, typesOf(kind));
  else tellUncovered(comparison, older, newer, 'anyOf');
};

/** §10.2.1.3: and the other branches accept nothing of it. */
export const compareOneOf: Rule = (comparison, older, newer) => {
  const branches = branchesOf(newer, 'oneOf');
  if (branches.length === 0) return;
  const near = branches.filter((branch) => !areToldApart(older, conjunction([branch])));
  const covering = near.filter((branch) => comparison.covers(older, branch));
  const overlapping = (branch: SchemaNode) =>
    near.find((other) => other !== branch && !areDisjoint(comparison, older, other));
  if (covering.some((branch) => overlapping(branch) === undefined)) return;
  const kinds = kindsOf(older);
  const [first] = covering;
  if (kinds.length > 1) for (const kind of kinds) compareOneOf(comparison, kind, newer, typesOf(kind));
  else if (first === undefined) tellUncovered(comparison, older, newer, 'oneOf');
  else tellOverlap(comparison, newer, first, overlapping(first));
};

function tellOverlap(comparison: Comparison, newer: SchemaNode, first: SchemaNode, other = first): void {
  comparison.tell(
    'sum-type-overlaps',
    other.path,
    `${subject(newer.path)} may fit this alternative of oneOf besides that at ${first.path} now, and what fits two is refused`,
  );
}

/** What was accepted, one type at a time. */
function kindsOf(older: Conjunction): Conjunction[] {
  const kinds = new Set(
    [...typesOf(older)].map((type) => (type === 'fraction' || type === 'integer' ? 'number' : type)),
  );
  return kinds.size > 1 ? [...kinds].map((type) => and(older, madeSchema({ type }))) : [older];
}

function tellUncovered(comparison: Comparison, older: Conjunction, newer: SchemaNode, name: string): void {
  if (isEmpty(older)) return;
  const near = branchesOf(newer, name).filter((branch) => !isEmpty(and(older, branch)));
  const [only] = near;
  if (near.length === 1 && only !== undefined) {
    comparison.compare(older, only);
    return;
  }
  const from = older.given.at(-1)?.path ?? '';
  comparison.tell(
    'sum-type-narrowed',
    `${newer.path}/${name}`,
    `no alternative of ${name} is sure to accept all that ${from === '' ? 'the older schema' : `${from} of the older schema`} did of ${subject(newer.path)}`,
  );
}

/** Is it certain that nothing fits both? */
function areDisjoint(comparison: Comparison, older: Conjunction, other: SchemaNode): boolean {
  if (isEmpty(and(older, other))) return true;
  // What fits `other` would fit what the older schema excludes.
  if (older.excluded.some((excluded) => sameSchema(other, excluded))) return true;
  const fitting = conjunction([other]);
  return older.excluded.some((excluded) => comparison.implies(fitting, excluded));
}

/** §10.2.1.4 */
export const compareNot: Rule = (comparison, older, newer) => {
  if (keyword(newer, 'not') === undefined || areDisjoint(comparison, older, child(newer, 'not'))) return;
  comparison.tell(
    'not-type-extended',
    `${newer.path}/not`,
    `${subject(newer.path)} must not fit this schema now; what was published and fits it is refused`,
  );
};

/** §10.2.2 */
export const compareConditional: Rule = (comparison, older, newer) => {
  if (keyword(newer, 'if') === undefined) return;
  const condition = child(newer, 'if');
  const conditional = older.parts.filter((part) => keyword(part, 'if') !== undefined);
  const meets = conditional.filter((part) => comparison.implies(conjunction([condition]), child(part, 'if')));
  const fails = conditional.filter((part) => comparison.implies(conjunction([child(part, 'if')]), condition));
  const branch = (name: string) => (part: SchemaNode) =>
    keyword(part, name) === undefined ? madeSchema(true) : child(part, name);
  const then = and(older, condition, ...meets.map(branch('then')));
  const otherwise = conjunction([...older.given, ...fails.map(branch('else'))], {
    ...older,
    excluded: [...older.excluded, condition],
  });
  for (const [name, what] of [
    ['then', then],
    ['else', otherwise],
  ] as const)
    if (!comparison.covers(what, branch(name)(newer))) cannotBeCompared(comparison, newer, name);
};

/** §11.2 and §11.3: what they are about depends on all keywords beside them, so they are the same or not. */
export const compareUnevaluated: Rule = (comparison, older, newer, types) => {
  for (const [name, type] of [
    ['unevaluatedProperties', 'object'],
    ['unevaluatedItems', 'array'],
  ] as const) {
    const unevaluated = keyword(newer, name);
    if (unevaluated === undefined || unevaluated === true || !types.has(type) || unevaluatedIsAdditional(newer))
      continue;
    if (!older.parts.some((part) => sameSchema(part, newer))) cannotBeCompared(comparison, newer, name);
  }
};
