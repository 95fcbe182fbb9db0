import type { Break } from '../../core/contract.js';
import { compareAttributes } from './attribute-comparison.js';
import type { Breaks } from './breaks.js';
import { compareContent, compareExpressions } from './content-comparison.js';
import type { Alternative, ContentModel, ElementRule, Pools, Shape } from './content-model.js';
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
  readonly breaks: Map<string, Break>;
  count: number;
}

class DoesNotFit extends Error {}

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
    breaks: new Map(),
    count: 0,
  };
  const breaks = reporting(comparison);
  try {
    compareExpressions(breaks, older.start, newer.start, '');
  } catch (error) {
    if (!(error instanceof CannotCompare)) throw error;
    breaks.add('cannot-be-compared', '', `the versions cannot be compared: ${error.message}`);
  }
  return [...comparison.breaks.values()].slice(0, MAX_BREAKS);
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
    throw new DoesNotFit();
  };
  return {
    older,
    newer,
    pools,
    isDecision: true,
    add: stop,
    fits: (one, other) => fits(comparison, one, other),
    distance: (one, other) => distance(comparison, one, other),
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
    if (error instanceof DoesNotFit) return false;
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
  const gone = newer.constraints.filter((constraint) => !older.constraints.includes(constraint));
  if (gone.length > 0) {
    const message = `${what} must satisfy a constraint now (${cut(gone.join('; '))}) that it did not before`;
    breaks.add('identity-constraint-added', path, message);
  }
  for (const [name, shape] of older.derived()) {
    const other = newer.derived().get(name);
    const local = name.slice(name.indexOf('}') + 1);
    if (other !== undefined) {
      compareShapes(comparison, breaks, shape, other, path);
    } else {
      const message = `${what} can no longer be of the type "${cut(local)}"; what was published with that xsi:type is refused`;
      breaks.add('type-removed', path, message);
    }
  }
  if (older.shape().abstract) return;
  if (newer.shape().abstract) {
    const message = `${what} is of an abstract type now; what was published without xsi:type is refused`;
    breaks.add('abstract', path, message);
    return;
  }
  compareValueConstraints(breaks, older, newer, path);
  compareShapes(comparison, breaks, older.shape(), newer.shape(), path);
}

/** Part 1 §3.3.4: a fixed value must be the one there is; a default or fixed value is that of an element without content. */
function compareValueConstraints(breaks: Breaks, older: ElementRule, newer: ElementRule, path: string): void {
  const what = subject(path);
  if (newer.fixed !== undefined && newer.fixed !== older.fixed) {
    breaks.add('fixed-added', path, `${what} must be "${cut(newer.fixed)}" now; other values are refused`);
  } else if (newer.fixed !== undefined && simpleTypeOf(older)?.base !== simpleTypeOf(newer)?.base) {
    breaks.add('cannot-be-compared', path, `${what} has the same fixed value, of another type`);
  }
  const given = older.default ?? older.fixed;
  const type = simpleTypeOf(newer);
  if (given === undefined || newer.default !== undefined || newer.fixed !== undefined || type === undefined) return;
  if (isValue('', type) !== true) {
    breaks.add('default-removed', path, `${what} has no default value now; where it is empty it is refused`);
  }
}

function simpleTypeOf(rule: ElementRule): (SimpleType & { base?: string }) | undefined {
  const alternatives = rule.shape().alternatives();
  const content = alternatives === 'anything' ? undefined : alternatives[0]?.content;
  return content?.kind === 'simple' ? content.type : undefined;
}

function compareShapes(comparison: Comparison, breaks: Breaks, older: Shape, newer: Shape, path: string): void {
  const key = `${numberOf(comparison, older)} ${numberOf(comparison, newer)}`;
  if (!breaks.isDecision) {
    // A type that many elements have is told of where it is met first; values are told of everywhere.
    if (comparison.reported.has(key) && !isPlainValue(older)) return;
    comparison.reported.add(key);
    compareAlternatives(comparison, breaks, older, newer, path);
    return;
  }
  const { assumed, refuted } = comparison;
  if (assumed.has(key)) return;
  const before = assumed.size;
  assumed.add(key);
  if (!refuted.has(key) && holds(() => compareAlternatives(comparison, breaks, older, newer, path))) return;
  // What was found with the help of the assumption is no longer known.
  for (const each of [...assumed].slice(before)) assumed.delete(each);
  refuted.add(key);
  throw new DoesNotFit();
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
      compareAlternative(breaks, each, nearest(comparison, each, now), path);
    }
  }
}

/** The one with the fewest breaks. */
function nearest(comparison: Comparison, older: Alternative, newer: readonly Alternative[]): Alternative {
  const counted = newer.map((alternative) => ({ alternative, count: breakCount(comparison, older, alternative) }));
  const [best] = counted.sort((a, b) => a.count - b.count);
  if (best === undefined) throw new CannotCompare('there is nothing to compare with');
  return best.alternative;
}

function breakCount(comparison: Comparison, older: Alternative, newer: Alternative): number {
  let count = 0;
  const add = (): void => {
    count++;
  };
  compareAlternative({ ...reporting(comparison), add, child: add }, older, newer, '');
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

function numberOf({ numbers }: Comparison, shape: Shape): number {
  const number = numbers.get(shape) ?? numbers.size;
  numbers.set(shape, number);
  return number;
}
