import type { Break } from '../../core/contract.js';
import { partsOf } from '../../formats/json/json-pointer.js';
import { shorten } from '../../formats/text.js';
import type { Conjunction } from './json-schema-conjunction.js';
import type { SchemaNode } from './json-schema-set.js';
import type { ValueType } from './json-schema-values.js';

/** Does a newer schema accept all that fits the older ones? The files beside this one answer it keyword by keyword. */
export interface Comparison {
  /** Only what validation itself says counts: a default does not make up for a missing member. */
  readonly strict: boolean;
  /** Tells how the newer schema refuses what fits the older ones. */
  compare(older: Conjunction, newer: SchemaNode): void;
  /** Does the newer schema accept all of it? Tells nothing. */
  covers(older: Conjunction, newer: SchemaNode): boolean;
  /** The same by validation alone, whichever of the two is the newer. */
  implies(one: Conjunction, other: SchemaNode): boolean;
  tell(rule: string, path: string, message: string): void;
}

/** One rule of comparing a keyword, or several that belong together. */
export type Rule = (
  comparison: Comparison,
  older: Conjunction,
  newer: SchemaNode,
  types: ReadonlySet<ValueType>,
) => void;

const SHOWN_CHARACTERS = 80;
export const MOST_BREAKS = 100;

/** Tells each break once. */
export function addBreak(breaks: Break[], added: Break): void {
  const same = ({ rule, path, message }: Break) =>
    rule === added.rule && path === added.path && message === added.message;
  if (breaks.length < MOST_BREAKS && !breaks.some(same)) breaks.push(added);
}

/** A value as it is shown in a message, cut where it is long. */
export function shown(value: unknown): string {
  return shorten(JSON.stringify(value), SHOWN_CHARACTERS);
}

/** What a place in a schema is about: the content, a member by its name, an item of one. */
export function subject(path: string): string {
  const steps = partsOf(path.replace(/^[^/]*/, ''));
  let told = 'the content';
  for (let index = 0; index < steps.length; index++) {
    const step = steps[index] ?? '';
    const next = steps[index + 1];
    if (step === 'properties' && next !== undefined) told = shown(next);
    else if (step === 'patternProperties' && next !== undefined) told = `a member that matches ${shown(next)}`;
    else if (step === 'additionalProperties' || step === 'unevaluatedProperties') told = `a further member of ${told}`;
    else if (step === 'propertyNames') told = `the name of a member of ${told}`;
    else if (step === 'prefixItems' || (step === 'items' && /^\d+$/.test(next ?? '')))
      told = `item ${next ?? ''} of ${told}`;
    else if (step === 'items' || step === 'additionalItems' || step === 'contains') told = `an item of ${told}`;
    else if (step === '$defs' || step === 'definitions') told = `what is defined as ${shown(next ?? '')}`;
    if (NAMED.has(step) || /^\d+$/.test(next ?? '')) index++;
  }
  return told.length > 2 * SHOWN_CHARACTERS ? `the value at ${shorten(path, SHOWN_CHARACTERS)}` : told;
}

/** After these comes a name. */
const NAMED = new Set([
  ...['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies'],
]);

/** `maxLength` as the first part of a rule's name: `max-length`. */
export function kebab(keyword: string): string {
  return keyword.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Types in words: `null or a string`. */
export function typesInWords(types: Iterable<ValueType>): string {
  const set = new Set(types);
  const number = set.has('integer') && set.has('fraction');
  const words = [...set].flatMap((type) => {
    if (type === 'integer') return number ? 'a number' : 'an integer';
    if (type === 'fraction') return number ? [] : 'a number that is no integer';
    if (type === 'null') return 'null';
    return /^[ao]/.test(type) ? `an ${type}` : `a ${type}`;
  });
  return words.join(' or ');
}
