import fc from 'fast-check';
import { normaliseTerm, type Search } from '../../src/core/search.js';

/** A category term as a publisher may send it: few letters, so that searches and entries meet, and the awkward ones. */
export function aTerm(): fc.Arbitrary<string> {
  const letters = fc.constantFrom(...'aAb:*\\() +,"ςΣİıÉéß😀Kǅ'.match(/./gu)!);
  const rest = fc.string({ unit: letters, minLength: 1, maxLength: 6 });
  return fc.tuple(fc.constantFrom('', '', 'tid:', 'TId:', 'type:', 'ti'), rest).map((parts) => parts.join(''));
}

const PARTS = { minLength: 1, maxLength: 4 };

/** A search as `parseSearch` gives it, within its limits: 64 terms at most. */
export function aSearch(): fc.Arbitrary<Search> {
  const leaf: fc.Arbitrary<Search> = fc.oneof(
    aTerm().map((text): Search => ({ kind: 'term', term: normaliseTerm(text) })),
    aTerm().map((text): Search => ({ kind: 'prefix', prefix: normaliseTerm(text) })),
    fc.constantFrom('tid:', 'type:', 'a:', 't').map((text): Search => ({ kind: 'prefix', prefix: text })),
  );
  return fc.letrec<{ search: Search }>((tie) => ({
    search: fc.oneof(
      { maxDepth: 3, depthSize: 'small', withCrossShrink: true },
      leaf,
      fc
        .tuple(fc.constantFrom('and' as const, 'or' as const, 'or' as const), fc.array(tie('search'), PARTS))
        .map(([kind, of]): Search => ({ kind, of })),
      tie('search').map((of): Search => ({ kind: 'not', of })),
    ),
  })).search;
}
