import { kebab, shown, subject } from './json-comparison.js';
import type { Comparison, Rule } from './json-comparison.js';
import {
  and,
  boundOf,
  itemOf,
  largest,
  otherMemberOf,
  prefixLengthOf,
  requiredNames,
  smallest,
} from './json-schema-conjunction.js';
import type { Conjunction } from './json-schema-conjunction.js';
import { isEmpty } from './json-schema-empty.js';
import { keyword, madeSchema } from './json-schema-set.js';
import type { SchemaNode } from './json-schema-set.js';
import { formatSubject, propertyNames } from './json-schema-values.js';
import type { ValueType } from './json-schema-values.js';

const BOUNDS = [
  ['minimum', -1, false],
  ['exclusiveMinimum', -1, true],
  ['maximum', 1, false],
  ['exclusiveMaximum', 1, true],
] as const;

/** JSON Schema 2020-12 Validation §6.2: bounds of numbers. */
export const compareBounds: Rule = (comparison, older, newer, types) => {
  if (!types.has('integer') && !types.has('fraction')) return;
  const numbers = and(older, madeSchema({ type: 'number' }));
  for (const [name, side, exclusive] of BOUNDS) {
    const limit = keyword(newer, name);
    if (typeof limit !== 'number') continue;
    const bound = boundOf(numbers, side);
    const room = bound === undefined ? -1 : side * (limit - bound.value);
    if (room > 0 || (room === 0 && (!exclusive || bound?.exclusive === true))) continue;
    const was = bound === undefined ? undefined : `${bound.exclusive ? 'exclusive ' : ''}${String(bound.value)}`;
    tellLimit(comparison, newer, { name, side, limit, was });
  }
};

interface Limit {
  readonly name: string;
  readonly side: -1 | 1;
  readonly limit: number;
  readonly was: string | undefined;
}

function tellLimit(comparison: Comparison, newer: SchemaNode, { name, side, limit, was }: Limit): void {
  const change = was === undefined ? 'added' : side < 0 ? 'increased' : 'decreased';
  const before = was === undefined ? '' : `, was ${was}`;
  const beyond = side < 0 ? 'less' : 'more';
  comparison.tell(
    `${kebab(name)}-${change}`,
    `${newer.path}/${name}`,
    `${name} of ${subject(newer.path)} is ${String(limit)} now${before}; what was published with ${beyond} is refused`,
  );
}

const COUNTS: readonly (readonly [string, ValueType, -1 | 1])[] = [
  ['minLength', 'string', -1],
  ['maxLength', 'string', 1],
  ['minItems', 'array', -1],
  ['maxItems', 'array', 1],
  ['minProperties', 'object', -1],
  ['maxProperties', 'object', 1],
];

/** §6.3 to §6.5: lengths and counts. */
export const compareCounts: Rule = (comparison, older, newer, types) => {
  for (const [name, type, side] of COUNTS) {
    const limit = keyword(newer, name);
    if (typeof limit !== 'number' || !types.has(type)) continue;
    const was = side < 0 ? leastOf(older, name) : mostOf(older, name);
    if (side * (limit - (was ?? (side < 0 ? 0 : Infinity))) >= 0) continue;
    tellLimit(comparison, newer, { name, side, limit, was: was === undefined ? undefined : String(was) });
  }
};

function leastOf(older: Conjunction, name: string): number | undefined {
  const least = largest(older, name);
  const required = name === 'minProperties' ? requiredNames(older.parts).size : 0;
  return least === undefined && required === 0 ? undefined : Math.max(least ?? 0, required);
}

function mostOf(older: Conjunction, name: string): number | undefined {
  const most = smallest(older, name) ?? Infinity;
  const closed = name === 'maxItems' ? mostItems(older) : name === 'maxProperties' ? mostMembers(older) : Infinity;
  return Math.min(most, closed) === Infinity ? undefined : Math.min(most, closed);
}

/** No array is longer than the first item that nothing fits. */
export function mostItems(older: Conjunction): number {
  const most = smallest(older, 'maxItems') ?? Infinity;
  for (let index = 0; index <= prefixLengthOf(older); index++)
    if (isEmpty(itemOf(older, index))) return Math.min(index, most);
  return most;
}

function mostMembers(older: Conjunction): number {
  if (!isEmpty(otherMemberOf(older, undefined, []))) return Infinity;
  return new Set(older.parts.flatMap((part) => propertyNames(part, 'properties'))).size;
}

/**
 * §6.2.1. A validator takes no number for a multiple that is 1e21 times the step or more. That is left out here, or an
 * integer could not become a multiple of 1, nor a multiple of 10 one of 5, without a break.
 */
export const compareMultipleOf: Rule = (comparison, older, newer, types) => {
  const step = keyword(newer, 'multipleOf');
  if (typeof step !== 'number' || (!types.has('integer') && !types.has('fraction'))) return;
  const steps = older.parts.map((part) => keyword(part, 'multipleOf')).filter((one) => typeof one === 'number');
  if (!types.has('fraction')) steps.push(1);
  // A validator divides binary floating-point numbers, in which 1.1 is a multiple of 0.1 and not of 0.01.
  const exact = Number.isInteger(step * 2 ** 20);
  if (steps.some((one) => one === step || (exact && Number.isInteger(one / step)))) return;
  const told = steps.filter((one) => one !== 1 || types.has('fraction'));
  const [was] = told;
  const rule = was === undefined ? 'added' : Number.isInteger(step / was) ? 'expanded' : 'changed';
  comparison.tell(
    `multiple-of-${rule}`,
    `${newer.path}/multipleOf`,
    `${subject(newer.path)} is a multiple of ${String(step)} now${was === undefined ? '' : `, was of ${String(was)}`}; other numbers that were published are refused`,
  );
};

/** §6.3.3: whether one pattern matches all that another does is not asked. */
export const comparePattern: Rule = (comparison, older, newer, types) => {
  const pattern = keyword(newer, 'pattern');
  if (typeof pattern !== 'string' || !types.has('string')) return;
  const patterns = older.parts.map((part) => keyword(part, 'pattern')).filter((one) => one !== undefined);
  if (patterns.includes(pattern)) return;
  const [was] = patterns;
  comparison.tell(
    was === undefined ? 'pattern-added' : 'pattern-changed',
    `${newer.path}/pattern`,
    `${subject(newer.path)} must match ${shown(pattern)} now${was === undefined ? '' : `, was ${shown(was)}`}; what was published and does not match is refused`,
  );
};

/** The formats that accept all that the one before them does. */
const WIDER_FORMATS: readonly (readonly [string, string])[] = [
  ['int32', 'int64'],
  ['date-time', 'iso-date-time'],
  ['time', 'iso-time'],
];

/** §7 */
export const compareFormat: Rule = (comparison, older, newer, types) => {
  const format = keyword(newer, 'format');
  const about = formatSubject(format);
  const concerned = about === 'number' ? types.has('integer') || types.has('fraction') : types.has('string');
  if (about === undefined || !concerned) return;
  const formats = older.parts.map((part) => keyword(part, 'format')).filter((one) => typeof one === 'string');
  const wider = ([from, to]: readonly [string, string]) => formats.includes(from) && format === to;
  if (formats.some((one) => one === format) || WIDER_FORMATS.some(wider)) return;
  // ajv-formats: int64 is any integer.
  if (format === 'int64' && !types.has('fraction')) return;
  const [was] = formats;
  comparison.tell(
    was === undefined ? 'format-added' : 'format-changed',
    `${newer.path}/format`,
    `${subject(newer.path)} has the format ${shown(format)} now${was === undefined ? '' : `, was ${shown(was)}`}; what was published in another is refused`,
  );
};
