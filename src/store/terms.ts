import type { Feed } from '../core/feed.js';
import type { Db } from './db.js';

/** Terms that are looked at; some may be those of entries behind the floor only. */
const MOST_EXAMINED = 2_000;

/**
 * Jumps from term to term in the index, so that its cost is that of the terms, not of the entries. $5 is where it begins, $6
 * where it ends.
 */
const TERMS_IN_USE = `
  with recursive terms as (
    (select term, 1 as number
       from entry_terms
      where partition_id = $1
        and feed_id = $2
        and term >= $5
      order by term
      limit 1)
    union all
    select following.term, terms.number + 1
      from terms
     cross join lateral (
       select term
         from entry_terms
        where partition_id = $1
          and feed_id = $2
          and term > terms.term
        order by term
        limit 1) following
     where terms.number < $3
       and terms.term < $6)
  select terms.term
    from terms
   cross join lateral (
     select 1
       from entry_terms
      where partition_id = $1
        and feed_id = $2
        and term = terms.term
        and last_position >= (select first_kept from heads where partition_id = $1 and feed_id = $2)
      limit 1) kept
   where terms.term < $6
   order by terms.term
   limit $4`;

/**
 * What begins with U+0001 is no term but a prefix, and stands before all terms; with two of them, before all prefixes, it is of
 * private entries (core/search.ts).
 */
const TERMS = ['\u0002', '\u{10ffff}'] as const;
const TERMS_OF_PRIVATE = ['\u0001\u0001\u0002', '\u0001\u0002'] as const;

/** The terms of the feed's entries in their comparison form, in the order of their bytes, at most so many. */
export async function termsInUse(
  db: Db,
  feed: Feed,
  { withPrivate }: { readonly withPrivate: boolean },
  most: number,
): Promise<string[]> {
  const terms = await termsBetween(db, feed, TERMS, most);
  if (!withPrivate) return terms;
  const others = await termsBetween(db, feed, TERMS_OF_PRIVATE, most);
  if (others.length === 0) return terms;
  const all = new Set([...terms, ...others.map((term) => term.slice(2))]);
  return inOrderOfBytes([...all]).slice(0, most);
}

/** As the index has them (collation C). */
export function inOrderOfBytes(terms: readonly string[]): string[] {
  return terms.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

async function termsBetween(
  db: Db,
  feed: Feed,
  [from, to]: readonly [string, string],
  most: number,
): Promise<string[]> {
  const { rows } = await db.query<[string]>({
    name: 'terms-in-use',
    text: TERMS_IN_USE,
    values: [feed.partition, feed.id, MOST_EXAMINED, most, from, to],
  });
  return rows.map(([term]) => term);
}
