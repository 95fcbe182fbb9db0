import { after, interleave, symbolsOf, type Expression, type Expressions } from './expression.js';
import type { QualifiedName } from './name-class.js';
import { CannotCompare } from './schema-tree.js';

/**
 * One thing that a symbol of the older expression may stand for (a wildcard stands for many names), and the symbols of
 * the newer one that accept it.
 */
export interface Letter<S> {
  /** The name of an element, or what else it is. */
  readonly name: QualifiedName | string;
  readonly accepted: ReadonlySet<S>;
}

/** A shortest row of letters that the older expression allows and the newer one does not. */
export interface Counterexample<S> {
  readonly read: readonly Letter<S>[];
  /** What cannot follow; undefined when it may not end there. */
  readonly refused: Letter<S> | undefined;
  /** How the older expression goes on from there to an end. */
  readonly rest: readonly Letter<S>[];
  /** What the newer expression would have gone on with. */
  readonly expected: Expression<S>;
}

type LettersOf<S> = (symbol: S) => readonly Letter<S>[];

/** Of the pairs of places in the two expressions that are looked at. */
const MAX_PAIRS = 5000;

/** What the older expression allows and the newer one does not; undefined when there is nothing. */
export function counterexample<S>(
  pool: Expressions<S>,
  older: Expression<S>,
  newer: Expression<S>,
  lettersOf: LettersOf<S>,
): Counterexample<S> | undefined {
  if (writtenWider(older, newer, lettersOf)) return undefined;
  for (const [part, wider] of independentParts(pool, older, newer, lettersOf)) {
    const found = writtenWider(part, wider, lettersOf) ? undefined : search(pool, part, wider, lettersOf);
    if (found !== undefined) return found;
  }
  return undefined;
}

interface Place<S> {
  readonly older: Expression<S>;
  readonly newer: Expression<S>;
  readonly read: Letter<S> | undefined;
  readonly from: Place<S> | undefined;
}

/** Walks both expressions at the same time, the nearest places first. */
function search<S>(
  pool: Expressions<S>,
  older: Expression<S>,
  newer: Expression<S>,
  lettersOf: LettersOf<S>,
): Counterexample<S> | undefined {
  const steps = stepsOf(older, lettersOf);
  const seen = new Set<string>();
  const queue: Place<S>[] = [];
  const enqueue = (place: Place<S>): void => {
    const key = `${place.older.id} ${place.newer.id}`;
    if (seen.has(key)) return;
    if (seen.size === MAX_PAIRS) throw new CannotCompare('the content is too intricate');
    seen.add(key);
    queue.push(place);
  };
  enqueue({ older, newer, read: undefined, from: undefined });
  for (const place of queue) {
    if (place.older.nullable && !place.newer.nullable) {
      return { read: rowTo(place), refused: undefined, rest: [], expected: place.newer };
    }
    for (const step of steps) {
      const next = after(pool, place.older, step.from, step.knownOlder);
      if (next.kind === 'none') continue;
      for (const { letter, knownNewer } of step.letters) {
        const wider = after(pool, place.newer, letter.accepted, knownNewer);
        if (wider.kind === 'none') {
          return { read: rowTo(place), refused: letter, rest: shortestEnd(pool, next, steps), expected: place.newer };
        }
        enqueue({ older: next, newer: wider, read: letter, from: place });
      }
    }
  }
  return undefined;
}

interface Step<S> {
  readonly from: ReadonlySet<S>;
  readonly knownOlder: Map<number, Expression<S>>;
  readonly letters: {
    readonly letter: Letter<S>;
    readonly knownNewer: Map<number, Expression<S>>;
  }[];
}

/** The letters of each symbol; those that the same symbols accept need to be followed once only. */
function stepsOf<S>(older: Expression<S>, lettersOf: LettersOf<S>): Step<S>[] {
  const numbers = new Map<S, number>();
  const numberOf = (symbol: S): number => {
    const number = numbers.get(symbol) ?? numbers.size;
    numbers.set(symbol, number);
    return number;
  };
  const known = new Map<string, Map<number, Expression<S>>>();
  return [...symbolsOf(older)].map((from) => {
    const letters = new Map<string, Step<S>['letters'][number]>();
    for (const letter of lettersOf(from)) {
      const key = [...letter.accepted].map(numberOf).join(' ');
      const knownNewer = known.get(key) ?? new Map<number, Expression<S>>();
      known.set(key, knownNewer);
      if (!letters.has(key)) letters.set(key, { letter, knownNewer });
    }
    return { from: new Set([from]), knownOlder: new Map(), letters: [...letters.values()] };
  });
}

/** The fewest letters that lead to an end; none when it is far away. */
function shortestEnd<S>(pool: Expressions<S>, from: Expression<S>, steps: readonly Step<S>[]): Letter<S>[] {
  const seen = new Set([from.id]);
  const queue: Place<S>[] = [{ older: from, newer: from, read: undefined, from: undefined }];
  for (const place of queue) {
    if (place.older.nullable) return rowTo(place);
    for (const step of steps) {
      const next = after(pool, place.older, step.from, step.knownOlder);
      const [first] = step.letters;
      if (next.kind === 'none' || first === undefined || seen.has(next.id) || seen.size === MAX_PAIRS) continue;
      seen.add(next.id);
      queue.push({ older: next, newer: next, read: first.letter, from: place });
    }
  }
  return [];
}

function rowTo<S>(place: Place<S>): Letter<S>[] {
  const row: Letter<S>[] = [];
  for (let at: Place<S> | undefined = place; at !== undefined; at = at.from) {
    if (at.read !== undefined) row.unshift(at.read);
  }
  return row;
}

/**
 * Does the newer expression allow it all by the way it is written? That is quickly seen where it is so, and large counts
 * (maxOccurs="10000") cost nothing; a no says nothing.
 */
function writtenWider<S>(older: Expression<S>, newer: Expression<S>, lettersOf: LettersOf<S>): boolean {
  const known = new Map<string, boolean>();
  const wider = (a: Expression<S>, b: Expression<S>): boolean => {
    const key = `${a.id} ${b.id}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    // A no says nothing, so that it can be said early.
    if (known.size > MAX_PAIRS) return false;
    known.set(key, false);
    const answer = fresh(a, b);
    known.set(key, answer);
    return answer;
  };
  const fresh = (a: Expression<S>, b: Expression<S>): boolean => {
    if (a.kind === 'none') return true;
    if (a.kind === 'empty') return b.nullable;
    if (a.kind === 'choice') return a.of.every((part) => wider(part, b));
    if (a.kind === 'sequence') return b.kind === 'sequence' && inOrder(a, b);
    if (b.kind === 'choice') return b.of.some((part) => wider(a, part));
    if (a.kind === 'repeat') return b.kind === 'repeat' && b.min <= a.min && a.max <= b.max && wider(a.of, b.of);
    if (b.kind === 'repeat') return b.min <= 1 && wider(a, b.of);
    if (b.kind === 'sequence') {
      return (wider(a, b.first) && b.rest.nullable) || (b.first.nullable && wider(a, b.rest));
    }
    if (a.kind === 'symbol' && b.kind === 'symbol') {
      return lettersOf(a.symbol).every(({ accepted }) => accepted.has(b.symbol));
    }
    return false;
  };
  const inOrder = (a: Expression<S>, b: Expression<S>): boolean => {
    if (a.kind !== 'sequence' || b.kind !== 'sequence') return wider(a, b);
    return (wider(a.first, b.first) && wider(a.rest, b.rest)) || (b.first.nullable && wider(a, b.rest));
  };
  return wider(older, newer);
}

/**
 * Parts that interleave and have no letters in common can be compared one by one; together they have a place for each
 * subset of what has been read.
 */
function independentParts<S>(
  pool: Expressions<S>,
  older: Expression<S>,
  newer: Expression<S>,
  lettersOf: LettersOf<S>,
): [Expression<S>, Expression<S>][] {
  if (older.kind !== 'interleave' || newer.kind !== 'interleave') return [[older, newer]];
  let groups: { older: Expression<S>[]; newer: Expression<S>[]; symbols: ReadonlySet<S> }[] = newer.of.map((part) => ({
    older: [],
    newer: [part],
    symbols: symbolsOf(part),
  }));
  for (const part of older.of) {
    const accepted = [...symbolsOf(part)].flatMap((each) => lettersOf(each).flatMap((letter) => [...letter.accepted]));
    const touched = groups.filter(({ symbols }) => accepted.some((each) => symbols.has(each)));
    const merged = {
      older: [part, ...touched.flatMap((group) => group.older)],
      newer: touched.flatMap((group) => group.newer),
      symbols: new Set(touched.flatMap((group) => [...group.symbols])),
    };
    groups = [...groups.filter((group) => !touched.includes(group)), merged];
  }
  // Two parts of the newer one can share a symbol; then they have come to one group through it, or nothing reads it.
  return groups.map((group) => [interleave(pool, group.older), interleave(pool, group.newer)]);
}
