import { ruleFor } from './attribute-comparison.js';
import type { Alternative, AttributeRule, ContentModel, ElementRule, Particle, Shape } from './content-model.js';
import { type Expression, symbolsOf } from './expression.js';
import { type QualifiedName, hasName, listedNames, tellingNames } from './name-class.js';
import { readsAlike } from './simple-inclusion.js';

interface Models {
  readonly older: ContentModel;
  readonly newer: ContentModel;
}

/**
 * Has everything in an element the same value by both rules? Keys and what must be unique compare values: these are the
 * same when types read texts in the same way, and nothing is given that was not written.
 */
export function hasSameValues(models: Models, older: ElementRule, newer: ElementRule): boolean {
  const seen = new Map<Shape, Set<Shape>>();
  const waiting: (readonly [ElementRule, ElementRule])[] = [[older, newer]];
  for (let pair = waiting.pop(); pair !== undefined; pair = waiting.pop()) {
    const [before, now] = pair;
    if (before.nillable !== now.nillable || before.default !== now.default || before.fixed !== now.fixed) return false;
    for (const [shape, other] of shapesOf(before, now)) {
      const others = seen.get(shape) ?? new Set();
      seen.set(shape, others);
      if (others.has(other)) continue;
      others.add(other);
      const inner = innerPairs(models, shape, other);
      if (inner === undefined) return false;
      waiting.push(...inner);
    }
  }
  return true;
}

/** The shapes that an element may have by both rules. */
function shapesOf(older: ElementRule, newer: ElementRule): (readonly [Shape, Shape])[] {
  const derived = [...older.derived()].flatMap(([name, shape]) => {
    const other = newer.derived().get(name);
    return other === undefined ? [] : [[shape, other] as const];
  });
  return [[older.shape(), newer.shape()], ...derived];
}

/** The elements in them that are still to be compared; undefined when something has another value. */
function innerPairs(models: Models, older: Shape, newer: Shape): (readonly [ElementRule, ElementRule])[] | undefined {
  const [before, now] = [older.alternatives(), newer.alternatives()];
  if (before === 'anything' || now === 'anything') return before === now ? [] : undefined;
  const pairs: (readonly [ElementRule, ElementRule])[] = [];
  for (const one of before) {
    for (const other of now) {
      if (!hasSameAttributes(models, one.attributes, other.attributes)) return undefined;
      const inner = ofContent(models, one, other);
      if (inner === undefined) return undefined;
      pairs.push(...inner);
    }
  }
  return pairs;
}

function ofContent(
  models: Models,
  { content: older }: Alternative,
  { content: newer }: Alternative,
): (readonly [ElementRule, ElementRule])[] | undefined {
  if (older.kind === 'simple' && newer.kind === 'simple') return readsAlike(older.type, newer.type) ? [] : undefined;
  if (older.kind === 'simple' || newer.kind === 'simple') return undefined;
  return elementPairs(models, older.expression, newer.expression);
}

function elementPairs(
  { older, newer }: Models,
  before: Expression<Particle>,
  now: Expression<Particle>,
): (readonly [ElementRule, ElementRule])[] {
  const [particles, others] = [before, now].map((each) =>
    [...symbolsOf(each)].filter((particle) => particle.kind === 'element'),
  );
  if (particles === undefined || others === undefined) return [];
  const classes = [...particles, ...others].map(({ names }) => names);
  const telling = tellingNames(classes, [...older.declaredElements, ...newer.declaredElements]);
  return particles.flatMap((particle) =>
    namesOf(particle, telling).flatMap((name) => {
      const rule = particle.rule(name);
      if (rule === undefined) return [];
      return others.flatMap((other) => {
        const taken = hasName(other.names, name) ? other.rule(name) : undefined;
        return taken === undefined ? [] : [[rule, taken] as const];
      });
    }),
  );
}

function namesOf(
  of: { readonly names: AttributeRule['names'] },
  telling: readonly QualifiedName[],
): readonly QualifiedName[] {
  return listedNames(of.names) ?? telling.filter((name) => hasName(of.names, name));
}

function hasSameAttributes(
  { older, newer }: Models,
  before: readonly AttributeRule[],
  now: readonly AttributeRule[],
): boolean {
  const declared = [...older.declaredAttributes, ...newer.declaredAttributes];
  const telling = tellingNames(
    [...before, ...now].map(({ names }) => names),
    declared,
  );
  return (
    before.every((rule) =>
      namesOf(rule, telling).every((name) => {
        const type = rule.type(name);
        const taken = ruleFor(now, name);
        return type === undefined || taken === undefined || readsAlike(type, taken.type);
      }),
    ) &&
    now.every((rule) => {
      const given = rule.default ?? rule.fixed;
      if (given === undefined) return true;
      return namesOf(rule, telling).every((name) => {
        const was = ruleFor(before, name)?.rule;
        return (was?.default ?? was?.fixed) === given;
      });
    })
  );
}
