import { CannotCompare } from './schema-tree.js';

/**
 * A regular expression over symbols: elements in a content model, items in a list. Made only by the functions below,
 * which give one object for what is written the same way, so that expressions can be compared by identity.
 */
export type Expression<S> = { readonly id: number; readonly nullable: boolean } & Form<S>;

type Form<S> =
  /** Nothing matches it. */
  | { readonly kind: 'none' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'symbol'; readonly symbol: S }
  | { readonly kind: 'sequence'; readonly first: Expression<S>; readonly rest: Expression<S> }
  | { readonly kind: 'choice' | 'interleave'; readonly of: readonly Expression<S>[] }
  | { readonly kind: 'repeat'; readonly of: Expression<S>; readonly min: number; readonly max: number };

/** Holds the expressions that were made, and so lives as long as the comparison. */
export interface Expressions<S> {
  readonly byKey: Map<string, Expression<S>>;
  readonly symbols: Map<S, number>;
  work: number;
}

/** Groups of groups of groups would fill the memory. */
const MAX_EXPRESSIONS = 100_000;
/** What a comparison may cost, in characters of the keys of all expressions that were asked for. */
const MAX_WORK = 4_000_000;

/** Somewhere to make expressions in. */
export function newExpressions<S>(): Expressions<S> {
  return { byKey: new Map(), symbols: new Map(), work: 0 };
}

function made<S>(pool: Expressions<S>, key: string, nullable: boolean, form: () => Form<S>): Expression<S> {
  spend(pool, key.length);
  const found = pool.byKey.get(key);
  if (found !== undefined) return found;
  const fresh: Expression<S> = { id: pool.byKey.size, nullable, ...form() };
  pool.byKey.set(key, fresh);
  return fresh;
}

function spend<S>(pool: Expressions<S>, work: number): void {
  pool.work += work;
  if (pool.work > MAX_WORK || pool.byKey.size > MAX_EXPRESSIONS)
    throw new CannotCompare('the content is too intricate');
}

function none<S>(pool: Expressions<S>): Expression<S> {
  return made(pool, 'none', false, () => ({ kind: 'none' }));
}

export function empty<S>(pool: Expressions<S>): Expression<S> {
  return made(pool, 'empty', true, () => ({ kind: 'empty' }));
}

export function symbol<S>(pool: Expressions<S>, of: S): Expression<S> {
  let number = pool.symbols.get(of);
  if (number === undefined) pool.symbols.set(of, (number = pool.symbols.size));
  return made(pool, `symbol ${number}`, false, () => ({ kind: 'symbol', symbol: of }));
}

export function sequence<S>(pool: Expressions<S>, parts: readonly Expression<S>[]): Expression<S> {
  return parts.reduceRight((rest, first) => followed(pool, first, rest), empty(pool));
}

function followed<S>(pool: Expressions<S>, first: Expression<S>, rest: Expression<S>): Expression<S> {
  if (first.kind === 'none' || rest.kind === 'empty') return first;
  if (rest.kind === 'none' || first.kind === 'empty') return rest;
  // Always leaning to the right, so that one sequence has one form.
  if (first.kind === 'sequence') return followed(pool, first.first, followed(pool, first.rest, rest));
  return made(pool, `sequence ${first.id} ${rest.id}`, first.nullable && rest.nullable, () => ({
    kind: 'sequence',
    first,
    rest,
  }));
}

export function choice<S>(pool: Expressions<S>, parts: readonly Expression<S>[]): Expression<S> {
  for (const part of parts) spend(pool, part.kind === 'choice' ? part.of.length : 1);
  const distinct = new Set(parts.flatMap((part) => (part.kind === 'choice' ? part.of : [part])));
  distinct.delete(none(pool));
  const of = [...distinct].sort((a, b) => a.id - b.id);
  if (of.length < 2) return of[0] ?? none(pool);
  const nullable = of.some((part) => part.nullable);
  return made(pool, `choice ${of.map(({ id }) => id).join(' ')}`, nullable, () => ({ kind: 'choice', of }));
}

export function interleave<S>(pool: Expressions<S>, parts: readonly Expression<S>[]): Expression<S> {
  const of = parts
    .flatMap((part) => (part.kind === 'interleave' ? part.of : [part]))
    .filter(({ kind }) => kind !== 'empty')
    .sort((a, b) => a.id - b.id);
  if (of.some(({ kind }) => kind === 'none')) return none(pool);
  if (of.length < 2) return of[0] ?? empty(pool);
  const nullable = of.every((part) => part.nullable);
  return made(pool, `interleave ${of.map(({ id }) => id).join(' ')}`, nullable, () => ({ kind: 'interleave', of }));
}

export function repeat<S>(pool: Expressions<S>, of: Expression<S>, min: number, max: number): Expression<S> {
  if (max === 0 || of.kind === 'empty') return empty(pool);
  if (of.kind === 'none') return min === 0 ? empty(pool) : of;
  // What may be nothing may be nothing as often as wanted.
  const least = of.nullable ? 0 : min;
  if (least === 1 && max === 1) return of;
  if (of.kind === 'repeat' && of.min <= 1 && of.max === Infinity) {
    return repeat(pool, of.of, of.min === 0 ? 0 : least, Infinity);
  }
  return made(pool, `repeat ${of.id} ${least} ${max}`, least === 0, () => ({ kind: 'repeat', of, min: least, max }));
}

/**
 * What may follow when one of the symbols has been read: the derivative (Brzozowski 1964) by it. `known` holds those by
 * the same symbols.
 */
export function after<S>(
  pool: Expressions<S>,
  of: Expression<S>,
  read: ReadonlySet<S>,
  known: Map<number, Expression<S>>,
): Expression<S> {
  const before = known.get(of.id);
  if (before !== undefined) return before;
  const next = (part: Expression<S>): Expression<S> => after(pool, part, read, known);
  const derivative = (): Expression<S> => {
    switch (of.kind) {
      case 'none':
      case 'empty':
        return none(pool);
      case 'symbol':
        return read.has(of.symbol) ? empty(pool) : none(pool);
      case 'sequence': {
        const gone = sequence(pool, [next(of.first), of.rest]);
        return of.first.nullable ? choice(pool, [gone, next(of.rest)]) : gone;
      }
      case 'choice':
        return choice(pool, of.of.map(next));
      case 'interleave':
        return choice(
          pool,
          of.of.map((part, at) => {
            const gone = next(part);
            return gone.kind === 'none' ? gone : interleave(pool, of.of.with(at, gone));
          }),
        );
      case 'repeat':
        return sequence(pool, [next(of.of), repeat(pool, of.of, Math.max(of.min - 1, 0), of.max - 1)]);
    }
  };
  const found = derivative();
  known.set(of.id, found);
  return found;
}

/** The symbols in the expression, each once. */
export function symbolsOf<S>(of: Expression<S>): Set<S> {
  const symbols = new Set<S>();
  const seen = new Set<number>();
  const visit = (part: Expression<S>): void => {
    if (seen.has(part.id)) return;
    seen.add(part.id);
    if (part.kind === 'symbol') symbols.add(part.symbol);
    else if (part.kind === 'sequence') [part.first, part.rest].forEach(visit);
    else if (part.kind === 'repeat') visit(part.of);
    else if (part.kind === 'choice' || part.kind === 'interleave') part.of.forEach(visit);
  };
  visit(of);
  return symbols;
}

/** How often, at least and at most, what matches the expression holds one of the symbols. */
export function occurrences<S>(of: Expression<S>, is: (symbol: S) => boolean): { least: number; most: number } {
  const known = new Map<number, { least: number; most: number }>();
  const times = (count: number, by: number): number => (count === 0 ? 0 : count * by);
  const sum = (parts: readonly Expression<S>[]): { least: number; most: number } =>
    parts.map(count).reduce((a, b) => ({ least: a.least + b.least, most: a.most + b.most }), { least: 0, most: 0 });
  const fresh = (part: Expression<S>): { least: number; most: number } => {
    switch (part.kind) {
      case 'none':
      case 'empty':
        return { least: 0, most: 0 };
      case 'symbol':
        return is(part.symbol) ? { least: 1, most: 1 } : { least: 0, most: 0 };
      case 'sequence':
        return sum([part.first, part.rest]);
      case 'interleave':
        return sum(part.of);
      case 'choice': {
        const parts = part.of.map(count);
        return {
          least: Math.min(...parts.map(({ least }) => least)),
          most: Math.max(...parts.map(({ most }) => most)),
        };
      }
      case 'repeat': {
        const { least, most } = count(part.of);
        return { least: times(least, part.min), most: times(most, part.max) };
      }
    }
  };
  const count = (part: Expression<S>): { least: number; most: number } => {
    const found = known.get(part.id) ?? fresh(part);
    known.set(part.id, found);
    return found;
  };
  return count(of);
}
