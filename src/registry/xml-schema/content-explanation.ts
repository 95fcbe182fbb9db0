import type { Breaks } from './breaks.js';
import { type Particle, TEXT } from './content-model.js';
import { type Expression, after, occurrences, symbolsOf } from './expression.js';
import type { Counterexample, Letter } from './inclusion.js';
import { OTHER, type QualifiedName, hasName, listedNames, nameKey } from './name-class.js';
import { cut, inside, subject } from './wording.js';

type Content = Expression<Particle>;

/** Longer rows are not put in another order. */
const MAX_ROW = 7;

/**
 * Says in terms of names and how often they occur why the newer expression refuses what the older one allows; where
 * that does not say it, by the shortest row of elements that is refused.
 */
export function explainContent(
  breaks: Breaks,
  older: Content,
  newer: Content,
  found: Counterexample<Particle>,
  path: string,
): void {
  const reasons = new Set<string>();
  const explaining: Breaks['add'] = (rule, at, message) => {
    reasons.add(rule);
    breaks.add(rule, at, message);
  };
  const [before, now] = [namesIn(older), namesIn(newer)];
  for (const name of before) explainOlderName(breaks, explaining, older, newer, name, path);
  for (const name of now) {
    if (before.some((other) => nameKey(other) === nameKey(name))) continue;
    const { least } = count(newer, name);
    if (path !== '' && least > 0 && count(older, name).least === 0)
      explaining('element-required', inside(path, name.local), required(name));
  }
  if (symbolsOf(older).has(TEXT) && !symbolsOf(newer).has(TEXT)) {
    explaining(
      'mixed-removed',
      path,
      `${subject(path)} holds no text beside elements now; what was published with it is refused`,
    );
  }
  explainWildcard(explaining, found, path);
  if (reasons.size === 0) explainRow(breaks, found, newer, path);
}

function explainOlderName(
  breaks: Breaks,
  add: Breaks['add'],
  older: Content,
  newer: Content,
  name: QualifiedName,
  path: string,
): void {
  const at = inside(path, name.local);
  const [was, is] = [count(older, name), count(newer, name)];
  if (was.most === 0) return;
  if (is.most === 0) {
    const abstract = breaks.newer.abstract.some((other) => nameKey(other) === nameKey(name));
    if (abstract) {
      add('abstract', at, `"${cut(name.local)}" is abstract now; what was published with it is refused`);
      return;
    }
    const moved = namesIn(newer).find(({ uri, local }) => local === name.local && uri !== name.uri);
    const where = moved === undefined ? '' : ` (it is in the namespace "${cut(moved.uri)}" now)`;
    add(
      'element-removed',
      at,
      `"${cut(name.local)}" is no longer allowed${where}; what was published with it is refused`,
    );
  } else if (is.most < was.most) {
    const message = `"${cut(name.local)}" may occur at most ${times(is.most)} now, ${times(was.most)} before; more of them are refused`;
    add('occurs-narrowed', at, message);
  }
  if (path === '') return;
  if (is.least > 0 && was.least === 0) add('element-required', at, required(name));
  else if (is.least > was.least) {
    const message = `"${cut(name.local)}" must occur at least ${times(is.least)} now, ${times(was.least)} before; fewer of them are refused`;
    add('occurs-narrowed', at, message);
  }
}

function required({ local }: QualifiedName): string {
  return `"${cut(local)}" is required now; what was published without it is refused`;
}

function times(count: number): string {
  return count === Infinity ? 'any number of times' : count === 1 ? 'once' : `${count} times`;
}

/** How often the element must and may occur. A wildcard may be it. */
function count(expression: Content, name: QualifiedName): { least: number; most: number } {
  const may = (particle: Particle): boolean => particle.kind === 'element' && hasName(particle.names, name);
  const must = (particle: Particle): boolean =>
    particle.kind === 'element' && may(particle) && listedNames(particle.names)?.length === 1;
  return { least: occurrences(expression, must).least, most: occurrences(expression, may).most };
}

function namesIn(expression: Content): QualifiedName[] {
  const names = [...symbolsOf(expression)].flatMap((particle) =>
    particle.kind === 'element' ? (listedNames(particle.names) ?? []) : [],
  );
  return [...new Map(names.map((name) => [nameKey(name), name])).values()];
}

function explainWildcard(add: Breaks['add'], { refused }: Counterexample<Particle>, path: string): void {
  if (refused === undefined || typeof refused.name === 'string' || refused.name.local !== OTHER) return;
  const { uri } = refused.name;
  const what =
    uri === OTHER
      ? 'any element'
      : uri === ''
        ? 'any element of no namespace'
        : `any element of the namespace "${cut(uri)}"`;
  add(
    'wildcard-narrowed',
    inside(path, '*'),
    `a wildcard took in ${what} and does not now; what was published with one is refused`,
  );
}

function explainRow(breaks: Breaks, found: Counterexample<Particle>, newer: Content, path: string): void {
  const { read, refused, rest, expected } = found;
  const what = subject(path);
  const after_ = read.length === 0 ? '' : ` after ${row(read)}`;
  const letters = refused === undefined ? read : [...read, refused, ...rest];
  if (letters.length <= MAX_ROW && isAllowedInSomeOrder(breaks, newer, letters)) {
    const message = `${what} wants its elements in another order now; ${row(letters)} is refused`;
    breaks.add('order-changed', path, message);
  } else if (refused === undefined) {
    const next = namesIn(expected).map(({ local }) => local);
    const message = `${what} may not end${after_} now${next.length === 0 ? '' : `: one of ${row(next)} is required`}`;
    breaks.add('element-required', path, message);
  } else if (typeof refused.name !== 'string' && count(newer, refused.name).most === 0) {
    // A wildcard of the older version that took in this name.
    const local = refused.name.local;
    breaks.add('wildcard-narrowed', inside(path, local), `a wildcard took in "${cut(local)}" and does not now`);
  } else {
    breaks.add('content-narrowed', path, `${what} no longer allows ${row([refused])}${after_}`);
  }
}

function row(letters: readonly (Letter<Particle> | string)[]): string {
  const names = letters.map((letter) => {
    if (typeof letter === 'string') return `"${letter}"`;
    return typeof letter.name === 'string' ? letter.name : `"${letter.name.local}"`;
  });
  return cut(names.join(', '));
}

/** Is some order of the letters a row that the expression allows? */
function isAllowedInSomeOrder({ pools }: Breaks, newer: Content, letters: readonly Letter<Particle>[]): boolean {
  if (letters.length < 2) return false;
  const seen = new Set<string>();
  const visit = (at: Content, left: readonly Letter<Particle>[]): boolean => {
    if (at.kind === 'none') return false;
    if (left.length === 0) return at.nullable;
    const key = `${at.id} ${left.map((letter) => letters.indexOf(letter)).join(' ')}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return left.some((letter, index) =>
      visit(after(pools.particles, at, letter.accepted, new Map()), left.toSpliced(index, 1)),
    );
  };
  return visit(newer, letters);
}
