import type { Tx } from './db.js';

/** What was taken out of a bucket, as the time in which so much flows in again. */
export interface Spent {
  readonly key: string;
  readonly ms: number;
}

/** Ordered, so that two nodes which add to the same rows wait for each other and not in a circle. */
const ADD = `
  insert into rates as known (key, full_at)
  select spent.key, now() + spent.ms * interval '1 millisecond'
    from unnest($1::text[], $2::float8[]) as spent (key, ms)
   order by spent.key
      on conflict (key) do update
     set full_at = greatest(known.full_at, now()) + (excluded.full_at - now())
  returning key, (extract(epoch from full_at - now()) * 1000)::float8`;

/** Adds up what all nodes took; each key once. Returns by key in how many milliseconds its bucket is full again. */
export async function addSpent(tx: Tx, spent: readonly Spent[]): Promise<Map<string, number>> {
  const values = [spent.map(({ key }) => key), spent.map(({ ms }) => ms)];
  const { rows } = await tx.query<[string, number]>({ name: 'add-spent', text: ADD, values });
  return new Map(rows);
}

const DELETE_FULL = 'delete from rates where full_at < now()';

/** Those whose buckets are full. */
export async function deleteFull(tx: Tx): Promise<void> {
  await tx.query({ name: 'delete-full-rates', text: DELETE_FULL });
}
