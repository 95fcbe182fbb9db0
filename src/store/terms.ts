import type { Feed } from '../core/feed.js';
import type { Db } from './db.js';

/** Terms that are looked at; some may be those of entries behind the floor only. */
const MOST_EXAMINED = 2_000;

/**
 * Jumps from term to term in the index, so that its cost is that of the terms, not of the entries. What begins with
 * U+0001 is no term but a prefix, and stands before all terms.
 */
const TERMS_IN_USE = `
  with recursive terms as (
    (select term, 1 as number
       from entry_terms
      where partition_id = $1
        and feed_id = $2
        and term >= E'\\x02'
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
     where terms.number < $3)
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
   order by terms.term
   limit $4`;

/** The terms of the feed's entries in their comparison form, in the order of their bytes, at most so many. */
export async function termsInUse(db: Db, feed: Feed, most: number): Promise<string[]> {
  const { rows } = await db.query<[string]>({
    name: 'terms-in-use',
    text: TERMS_IN_USE,
    values: [feed.partition, feed.id, MOST_EXAMINED, most],
  });
  return rows.map(([term]) => term);
}
