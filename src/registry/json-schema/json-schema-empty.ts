import {
  and,
  boundOf,
  branchesOf,
  itemOf,
  largest,
  memberOf,
  MOST_BRANCHES,
  prefixLengthOf,
  requiredNames,
  smallest,
  split,
  typesOf,
  valuesOf,
} from './json-schema-conjunction.js';
import type { Conjunction } from './json-schema-conjunction.js';
import { madeSchema } from './json-schema-set.js';

/** So deep is looked for a reason why nothing fits, and into so many. */
const DEEPEST = 6;
const MOST_LOOKED_INTO = 20_000;

/** Is it certain that nothing fits? */
export function isEmpty(of: Conjunction): boolean {
  return (of.known.empty ??= emptyAt(of, 0));
}

function emptyAt(of: Conjunction, depth: number): boolean {
  if (typesOf(of).size === 0 || valuesOf(of)?.length === 0) return true;
  if (depth > DEEPEST) return false;
  const known = of.parts.find(({ documents }) => documents !== undefined)?.documents?.empty;
  if (known === undefined) return lookInto(of, depth);
  const key = `${String(depth)} ${of.key}`;
  const before = known.get(key) ?? (known.size < MOST_LOOKED_INTO ? undefined : false);
  if (before !== undefined) return before;
  const found = lookInto(of, depth);
  known.set(key, found);
  return found;
}

function lookInto(of: Conjunction, depth: number): boolean {
  if (noneOfItsTypes(of, depth)) return true;
  const [union] = of.unions;
  if (depth > 0 || union === undefined || branchesOf(of) > MOST_BRANCHES) return false;
  return split(of, union).every((branch) => emptyAt(branch, depth + 1));
}

function noneOfItsTypes(of: Conjunction, depth: number): boolean {
  return [...typesOf(of)].every((type) => {
    if (type === 'integer' || type === 'fraction') return noNumber(and(of, madeSchema({ type: 'number' })));
    if (type === 'string') return over(of, 'minLength', 'maxLength');
    if (type === 'array') return over(of, 'minItems', 'maxItems') || noItem(of, depth);
    if (type === 'object') return over(of, 'minProperties', 'maxProperties') || noMember(of, depth);
    return false;
  });
}

function over(of: Conjunction, least: string, most: string): boolean {
  return (largest(of, least) ?? 0) > (smallest(of, most) ?? Infinity);
}

function noNumber(of: Conjunction): boolean {
  const [lower, upper] = [boundOf(of, -1), boundOf(of, 1)];
  if (lower === undefined || upper === undefined) return false;
  return lower.value > upper.value || (lower.value === upper.value && (lower.exclusive || upper.exclusive));
}

function noItem(of: Conjunction, depth: number): boolean {
  const needed = Math.min(largest(of, 'minItems') ?? 0, prefixLengthOf(of) + 1);
  return Array.from({ length: needed }).some((_, index) => emptyAt(itemOf(of, index), depth + 1));
}

function noMember(of: Conjunction, depth: number): boolean {
  return [...requiredNames(of.parts)].some((name) => emptyAt(memberOf(of, name), depth + 1));
}
