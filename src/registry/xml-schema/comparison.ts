import type { Break } from '../../core/contract.js';
import { compareAttributes } from './attribute-comparison.js';
import { type Breaks, nearest } from './breaks.js';
import { hasSameValues } from './constrained-values.js';
import { compareContent, compareExpressions } from './content-comparison.js';
import {
  type Alternative,
  type ContentModel,
  type ElementRule,
  type Pools,
  type Shape,
  TEXT,
} from './content-model.js';
import { symbolsOf } from './expression.js';
import { CannotCompare } from './schema-tree.js';
import type { SimpleType } from './simple-types.js';
import { isValue } from './simple-values.js';
import { cut, subject } from './wording.js';

/** Of the comparisons of two types. */
const MAX_COMPARISONS = 20_000;
const MAX_BREAKS = 100;

/** What is known while two models are compared. */
interface Comparison {
  readonly older: ContentModel;
  readonly newer: ContentModel;
  readonly pools: Pools;
  readonly numbers: Map<object, number>;
  /** Pairs of shapes taken to fit: they do, unless something that is still being looked at does not. */
  readonly assumed: Set<string>;
  readonly refuted: Set<string>;
  readonly reported: Set<string>;
  /** Whether keys compare the same values in elements of both rules. */
  readonly sameValues: Map<string, boolean>;
  readonly breaks: Map<string, Break>;
  count: number;
}

/** Thrown so often that each should not note where it was. */
const DOES_NOT_FIT = new Error('does not fit');

/**
 * Every way found in which the newer model refuses what the older one accepts. The content of each pair of types is
 * compared as two regular languages are; types that contain themselves are assumed to fit while they are looked at.
 */
export function modelBreaks(older: ContentModel, newer: ContentModel, pools: Pools): Break[] {
  const comparison: Comparison = {
    older,
    newer,
    pools,
    numbers: new Map(),
    assumed: new Set(),
    refuted: new Set(),
    reported: new Set(),
    sameValues: new Map(),
    breaks: new Map(),
    count: 0,
  };
  const breaks = reporting(comparison);
  try {
    compareExpressions(breaks, older.start, newer.start, '');
    // What is told of a type once need not be all that there is: where nothing is told, all must be known to fit.
    const isDecided = (): void => {
      compareExpressions(deciding(comparison), older.start, newer.start, '');
    };
    if (comparison.breaks.size > 0) return toldOf(comparison);
    if (!holds(isDecided)) {
      breaks.add('cannot-be-compared', '', 'the versions cannot be compared: what the newer refuses is intricate');
    } else if (older.hasReferences() && newer.hasReferences()) {
      // A reference may have lost its ID, in another place.
      breaks.add('cannot-be-compared', '', 'the versions cannot be compared: values refer to IDs');
    }
  } catch (error) {
    if (!(error instanceof CannotCompare)) throw error;
    breaks.add('cannot-be-compared', '', `the versions cannot be compared: ${error.message}`);
  }
  return toldOf(comparison);
}

function toldOf({ breaks }: Comparison): Break[] {
  return [...breaks.values()].slice(0, MAX_BREAKS);
}

/** Notes all breaks. */
function reporting(comparison: Comparison): Breaks {
  const { older, newer, pools } = comparison;
  const breaks: Breaks = {
    older,
    newer,
    pools,
    isDecision: false,
    add: (rule, path, message) => {
      comparison.breaks.set([rule, path, message].join('\n'), { rule, path, message });
    },
    fits: (one, other) => fits(comparison, one, other),
    distance: (one, other) => distance(comparison, one, other),
    child: (one, other, path) => {
      if (!fits(comparison, one, other)) compareElements(comparison, breaks, one, other, path);
    },
  };
  return breaks;
}

/** Stops at the first break. */
function deciding(comparison: Comparison): Breaks {
  const { older, newer, pools } = comparison;
  const stop = (): never => {
    throw DOES_NOT_FIT;
  };
  return {
    older,
    newer,
    pools,
    isDecision: true,
    add: stop,
    fits: (one, other) => fits(comparison, one, other),
    distance: () => 0,
    child: (one, other) => {
      if (!fits(comparison, one, other)) stop();
    },
  };
}

function holds(compare: () => void): boolean {
  try {
    compare();
    return true;
  } catch (error) {
    if (error === DOES_NOT_FIT) return false;
    throw error;
  }
}

function fits(comparison: Comparison, older: ElementRule, newer: ElementRule): boolean {
  return holds(() => compareElements(comparison, deciding(comparison), older, newer, ''));
}

function compareElements(
  comparison: Comparison,
  breaks: Breaks,
  older: ElementRule,
  newer: ElementRule,
  path: string,
): void {
  const what = subject(path);
  if (older.shape().alternatives() === 'anything') {
    if (newer.shape().alternatives() === 'anything') return;
    breaks.add('wildcard-narrowed', path, `${what} could hold anything and may hold only what is declared now`);
    return;
  }
  if (older.nillable && !newer.nillable) {
    breaks.add('nillable-removed', path, `${what} may not be nil now; what was published with xsi:nil is refused`);
  }
  compareConstraints(comparison, breaks, older, newer, path);
  if (older.derived().size > 0) {
    const compare = (): void => {
      compareDerived(comparison, breaks, older, newer, path);
    };
    // Many elements have the same types.
    if (breaks.isDecision) assume(comparison, keyOf(comparison, older.derived(), newer.derived()), compare);
    else compare();
  }
  compareDefaults(breaks, older, newer, path);
  if (older.shape().abstract) return;
  if (newer.shape().abstract) {
    const message = `${what} is of an abstract type now; what was published without xsi:type is refused`;
    breaks.add('abstract', path, message);
    return;
  }
  compareFixed(breaks, older, newer, path);
  compareShapes(comparison, breaks, older.shape(), newer.shape(), path);
}

function compareConstraints(
  comparison: Comparison,
  breaks: Breaks,
  older: ElementRule,
  newer: ElementRule,
  path: string,
): void {
  if (newer.constraints.length === 0) return;
  const gone = newer.constraints.filter((constraint) => !older.constraints.includes(constraint));
  if (gone.length > 0) {
    const message = `${subject(path)} must satisfy a constraint now (${cut(gone.join('; '))}) that it did not before`;
    breaks.add('identity-constraint-added', path, message);
    return;
  }
  const key = keyOf(comparison, older, newer);
  const isSame = comparison.sameValues.get(key) ?? hasSameValues(comparison, older, newer);
  comparison.sameValues.set(key, isSame);
  if (isSame) return;
  const message = `${subject(path)} has keys or what must be unique, and what these compare is of other types or has another default now`;
  breaks.add('cannot-be-compared', path, message);
}

function compareDerived(
  comparison: Comparison,
  breaks: Breaks,
  older: ElementRule,
  newer: ElementRule,
  path: string,
): void {
  for (const [name, shape] of older.derived()) {
    if (shape.abstract) continue;
    const other = newer.derived().get(name);
    const type = `the type "${cut(name.slice(name.indexOf('}') + 1))}"`;
    if (other === undefined) {
      const message = `${subject(path)} can no longer be of ${type}; what was published with that xsi:type is refused`;
      breaks.add('type-removed', path, message);
    } else if (other.abstract) {
      const message = `${subject(path)} can be of ${type}, which is abstract now; what was published with that xsi:type is refused`;
      breaks.add('abstract', path, message);
    } else {
      compareShapes(comparison, breaks, shape, other, path);
    }
  }
}

/** Part 1 §3.3.4: a fixed value must be the one there is. */
function compareFixed(breaks: Breaks, older: ElementRule, newer: ElementRule, path: string): void {
  const what = subject(path);
  if (newer.fixed !== undefined && newer.fixed !== older.fixed) {
    breaks.add('fixed-added', path, `${what} must be "${cut(newer.fixed)}" now; other values are refused`);
  } else if (newer.fixed !== undefined && simpleTypeOf(older)?.base !== simpleTypeOf(newer)?.base) {
    breaks.add('cannot-be-compared', path, `${what} has the same fixed value, of another type`);
  }
}

/** Part 1 §3.3.4: a default or fixed value is that of an element without content, also where xsi:type names its type. */
function compareDefaults(breaks: Breaks, older: ElementRule, newer: ElementRule, path: string): void {
  const [given, is] = [older.default ?? older.fixed, newer.default ?? newer.fixed];
  if (given === is) return;
  const derived = [...older.derived().keys()].flatMap((name) => newer.derived().get(name) ?? []);
  // That the declared type takes its default is seen to by libxml2.
  const shapes = (is === undefined ? [newer.shape(), ...derived] : derived).filter((shape) => !shape.abstract);
  if (shapes.every((shape) => takesText(shape, is ?? ''))) return;
  const what = subject(path);
  if (is === undefined) {
    breaks.add('default-removed', path, `${what} has no default value now; where it is empty it is refused`);
  } else {
    const message = `${what} has a default value now ("${cut(is)}") that not all of its types take; where it is empty it is refused`;
    breaks.add('default-added', path, message);
  }
}

/** Does it surely? What is no value may hold no text at all. */
function takesText(shape: Shape, text: string): boolean {
  const alternatives = shape.alternatives();
  if (alternatives === 'anything') return true;
  return alternatives.every(({ content }) =>
    content.kind === 'simple'
      ? isValue(text, content.type) === true
      : text === '' || symbolsOf(content.expression).has(TEXT),
  );
}

function simpleTypeOf(rule: ElementRule): (SimpleType & { base?: string }) | undefined {
  const alternatives = rule.shape().alternatives();
  const content = alternatives === 'anything' ? undefined : alternatives[0]?.content;
  return content?.kind === 'simple' ? content.type : undefined;
}

function compareShapes(comparison: Comparison, breaks: Breaks, older: Shape, newer: Shape, path: string): void {
  const key = keyOf(comparison, older, newer);
  if (!breaks.isDecision) {
    // A type that many elements have is told of where it is met first; values are told of everywhere.
    if (comparison.reported.has(key) && !isPlainValue(older)) return;
    comparison.reported.add(key);
    compareAlternatives(comparison, breaks, older, newer, path);
    return;
  }
  assume(comparison, key, () => {
    compareAlternatives(comparison, breaks, older, newer, path);
  });
}

/** Takes what is compared to fit while that is looked at. */
function assume({ assumed, refuted }: Comparison, key: string, compare: () => void): void {
  if (assumed.has(key)) return;
  const before = assumed.size;
  assumed.add(key);
  if (!refuted.has(key) && holds(compare)) return;
  // What was found with the help of the assumption is no longer known.
  for (const each of [...assumed].slice(before)) assumed.delete(each);
  refuted.add(key);
  throw DOES_NOT_FIT;
}

function compareAlternatives(comparison: Comparison, breaks: Breaks, older: Shape, newer: Shape, path: string): void {
  if (++comparison.count > MAX_COMPARISONS) throw new CannotCompare('there are too many types');
  const [before, now] = [older.alternatives(), newer.alternatives()];
  if (before === 'anything' || now === 'anything') return;
  for (const each of before) {
    const [only, ...others] = now;
    if (only === undefined) {
      breaks.add('type-narrowed', path, `nothing is allowed in ${subject(path)} now`);
    } else if (others.length === 0) {
      compareAlternative(breaks, each, only, path);
    } else if (!now.some((other) => holds(() => compareAlternative(deciding(comparison), each, other, path)))) {
      const closest = nearest(now, (other) => breakCount(comparison, each, other)) ?? only;
      compareAlternative(breaks, each, closest, path);
    }
  }
}

function breakCount(comparison: Comparison, older: Alternative, newer: Alternative): number {
  let count = 0;
  const add = (): void => {
    count++;
  };
  // Of what is further in it does not matter what it is nearest to: to look for that would take ever longer.
  compareAlternative({ ...reporting(comparison), add, child: add, distance: () => 0 }, older, newer, '');
  return count;
}

function distance(comparison: Comparison, older: ElementRule, newer: ElementRule): number {
  const [before, now] = [older.shape().alternatives(), newer.shape().alternatives()];
  if (before === 'anything' || now === 'anything') return 0;
  const counts = before.map((each) => Math.min(...now.map((other) => breakCount(comparison, each, other))));
  return counts.reduce((sum, count) => sum + count, 0);
}

function compareAlternative(breaks: Breaks, older: Alternative, newer: Alternative, path: string): void {
  compareAttributes(breaks, older.attributes, newer.attributes, path);
  compareContent(breaks, older.content, newer.content, path);
}

function isPlainValue(shape: Shape): boolean {
  const alternatives = shape.alternatives();
  return alternatives !== 'anything' && alternatives.every(({ content }) => content.kind === 'simple');
}

function keyOf({ numbers }: Comparison, older: object, newer: object): string {
  const [one, other] = [older, newer].map((of) => {
    const number = numbers.get(of) ?? numbers.size;
    numbers.set(of, number);
    return number;
  });
  return `${one ?? ''} ${other ?? ''}`;
}
