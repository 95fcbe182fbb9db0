import { type Breaks, nearest } from './breaks.js';
import { type Content, type Particle, TEXT } from './content-model.js';
import { explainContent } from './content-explanation.js';
import { type Expression, after, symbolsOf } from './expression.js';
import { type Counterexample, type Letter, counterexample } from './inclusion.js';
import { type QualifiedName, hasName, listedNames, tellingNames } from './name-class.js';
import { CannotCompare } from './schema-tree.js';
import { valueBreaks, spokenType } from './simple-inclusion.js';
import { type SimpleType, takesAnyText } from './simple-types.js';
import { isValue } from './simple-values.js';
import { inside, subject } from './wording.js';

/** Adds each way in which the newer content model refuses what the older one accepts. */
export function compareContent(breaks: Breaks, older: Content, newer: Content, path: string): void {
  if (older.kind === 'children' && newer.kind === 'children') {
    compareExpressions(breaks, older.expression, newer.expression, path);
  } else if (older.kind === 'simple' && newer.kind === 'simple') {
    for (const { rule, reason } of valueBreaks(older.type, newer.type)) {
      breaks.add(rule, path, `${subject(path)} ${reason}; what was published with other values is refused`);
    }
  } else if (older.kind === 'simple' && newer.kind === 'children') {
    if (!allowsText(breaks, newer.expression)) {
      const message = `${subject(path)} holds no value now; what was published with one is refused`;
      breaks.add('type-narrowed', path, message);
    }
  } else if (older.kind === 'children' && newer.kind === 'simple') {
    if (!isWithinValue(older.expression, newer.type)) {
      const message = `${subject(path)} holds only a value (${spokenType(newer.type)}) now; other content is refused`;
      breaks.add('type-narrowed', path, message);
    }
  }
}

function allowsText({ pools }: Breaks, expression: Expression<Particle>): boolean {
  return expression.nullable && after(pools.particles, expression, new Set([TEXT]), new Map()).nullable;
}

function isWithinValue(expression: Expression<Particle>, type: SimpleType): boolean {
  const symbols = [...symbolsOf(expression)];
  if (symbols.some(({ kind }) => kind === 'element')) return false;
  return takesAnyText(type) || (symbols.length === 0 && ['', ' '].every((text) => isValue(text, type) === true));
}

/** Adds each way in which the newer expression refuses rows of elements, or elements in them, of the older one. */
export function compareExpressions(
  breaks: Breaks,
  older: Expression<Particle>,
  newer: Expression<Particle>,
  path: string,
): void {
  const letters = letterTable(breaks, older, newer, path);
  let found: Counterexample<Particle> | undefined;
  try {
    found = counterexample(breaks.pools.particles, older, newer, (particle) => letters.get(particle) ?? []);
  } catch (error) {
    if (!(error instanceof CannotCompare)) throw error;
    breaks.add('cannot-be-compared', path, `${subject(path)} cannot be compared: ${error.message}`);
    return;
  }
  if (found !== undefined) explainContent(breaks, older, newer, found, path);
}

/** For each particle of the older expression what it may be, and what in the newer one takes that. */
function letterTable(
  breaks: Breaks,
  older: Expression<Particle>,
  newer: Expression<Particle>,
  path: string,
): Map<Particle, Letter<Particle>[]> {
  const [before, now] = [symbolsOf(older), symbolsOf(newer)];
  const wildcards = [...before].some((each) => each.kind === 'element' && listedNames(each.names) === undefined);
  const names = wildcards ? namesOf(breaks, [...before, ...now]) : [];
  const table = new Map<Particle, Letter<Particle>[]>();
  for (const particle of before) {
    if (particle.kind === 'text') {
      table.set(particle, [{ name: 'text', accepted: new Set(now.has(TEXT) ? [TEXT] : []) }]);
      continue;
    }
    const candidates = listedNames(particle.names) ?? names.filter((name) => hasName(particle.names, name));
    const letters = candidates.flatMap((name) => {
      const rule = particle.rule(name);
      if (rule === undefined) return [];
      const takers = [...now].flatMap((other) => {
        const taken = other.kind === 'element' && hasName(other.names, name) ? other.rule(name) : undefined;
        return taken === undefined ? [] : [{ other, taken }];
      });
      const fitting = takers.filter(({ taken }) => breaks.fits(rule, taken));
      const first = fitting.length === 0 ? nearest(takers, ({ taken }) => breaks.distance(rule, taken)) : undefined;
      // The row of names is one question and what is in the elements another: each is told of by itself.
      if (first !== undefined) breaks.child(rule, first.taken, inside(path, name.local));
      const accepted = new Set<Particle>((fitting.length === 0 ? takers : fitting).map(({ other }) => other));
      return [{ name, accepted }];
    });
    table.set(particle, letters);
  }
  return table;
}

function namesOf({ older, newer }: Breaks, particles: readonly Particle[]): QualifiedName[] {
  const classes = particles.flatMap((particle) => (particle.kind === 'element' ? [particle.names] : []));
  return tellingNames(classes, [...older.declaredElements, ...newer.declaredElements]);
}
