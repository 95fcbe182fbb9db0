import type { Direction } from './plain-page.js';

/** Within the log `h` (its head and first_kept), on this side of `from`: backward with it, forward after it. */
export function stretchSql(direction: Direction, column: string, from: string): string {
  return direction === 'forward'
    ? `${column} >= greatest(${from} + 1, h.first_kept) and ${column} <= h.head`
    : `${column} <= ${from} and ${column} >= h.first_kept`;
}

/**
 * Positions of what has any of the terms, at most `limit`, in the direction from `from`; $1 is the partition, $2 the feed, and
 * `h` has head and first_kept. The index holds current revisions and tombstones only, in lists (core/term-lists.ts): each row
 * that is looked at has a position to show, save for the first one backward, which may begin only after `from`. The lists are
 * laid end to end in the order of the index, and no more of them are opened than are needed.
 */
export function indexedPositions(direction: Direction, terms: string, from: string, limit: string): string {
  const order = direction === 'forward' ? 'asc' : 'desc';
  const first =
    direction === 'forward'
      ? ''
      : `
                   left join lateral (
                      select last_position
                        from entry_terms
                       where partition_id = $1 and feed_id = $2 and term = t.term and last_position >= ${from}
                       order by last_position
                       limit 1) f on true`;
  const rows =
    direction === 'forward'
      ? `last_position >= greatest(${from} + 1, h.first_kept)`
      : `last_position <= coalesce(f.last_position, ${from}) and last_position >= h.first_kept`;
  return `
                  select i.position
                    from unnest(${terms}::text[]) as t (term)${first}
                   cross join lateral (
                      select p.position
                        from (
                          select last_position, earlier
                            from entry_terms
                           where partition_id = $1 and feed_id = $2 and term = t.term and ${rows}
                           order by last_position ${order}
                           limit ${limit} + 1) l
                       cross join lateral unnest(l.earlier || l.last_position) as p (position)
                       where ${stretchSql(direction, 'p.position', from)}
                       order by l.last_position ${order}, p.position ${order}
                       limit ${limit}) i
                   group by i.position
                   order by i.position ${order}
                   limit ${limit}`;
}
