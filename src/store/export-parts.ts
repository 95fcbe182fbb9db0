import type { FeedId } from '../core/feed.js';
import type { Db, Tx } from './db.js';

/** What a batch has stored of a feed and a day. */
export interface ExportPart {
  readonly feed: FeedId;
  /** UTC, by `recorded_at`: `2026-11-22`. */
  readonly date: string;
  readonly rows: number;
}

/** All that was stored of them. */
export interface StoredDay extends ExportPart {
  /** The keys of batches. */
  readonly batches: readonly string[];
}

const INSERT = `
  insert into export_parts (export_id, feed_id, date, batch, rows)
  select $1, p.feed_id, p.date::date, $2, p.rows
    from unnest($3::int[], $4::text[], $5::int[]) as p (feed_id, date, rows)
  on conflict (export_id, feed_id, date, batch) do nothing`;

export async function insertParts(tx: Tx, id: string, batch: string, parts: readonly ExportPart[]): Promise<void> {
  const stored = parts.filter(({ rows }) => rows > 0);
  await tx.query({
    name: 'insert-parts',
    text: INSERT,
    values: [id, batch, stored.map(({ feed }) => feed), stored.map(({ date }) => date), stored.map(({ rows }) => rows)],
  });
}

const UNTOLD_DAYS = `
  select d.feed_id, d.date::text, p.rows::int, p.batches
    from (select distinct feed_id, date
            from export_parts
           where export_id = $1
             and not told
             and date < $2::date
           order by date, feed_id
           limit $3) d
   cross join lateral (
      select sum(rows) as rows, array_agg(batch order by batch) as batches
        from export_parts
       where export_id = $1
         and feed_id = d.feed_id
         and date = d.date
       limit 1) p`;

/** Days before this one of which something was stored that was not told with their end; the oldest, so many at most. */
export async function untoldDays(db: Db, id: string, before: string, most: number): Promise<StoredDay[]> {
  const { rows } = await db.query<[FeedId, string, number, string[]]>({
    name: 'untold-days',
    text: UNTOLD_DAYS,
    values: [id, before, most],
  });
  return rows.map(([feed, date, count, batches]) => ({ feed, date, rows: count, batches }));
}

const DAY_OVER = `
  select 1
    from export_parts
   where export_id = $1
     and not told
     and date < (clock_timestamp() at time zone 'UTC')::date
   limit 1`;

/** Was something stored of a day before today that was not told with its end? */
export async function hasDayOver(db: Db, id: string): Promise<boolean> {
  const { rows } = await db.query({ name: 'day-over', text: DAY_OVER, values: [id] });
  return rows.length > 0;
}

const TELL = `
  update export_parts
     set told = true
   where export_id = $1
     and feed_id = $2
     and date = $3::date
     and batch = any($4)
     and not told`;

export async function noteTold(tx: Tx, id: string, { feed, date, batches }: StoredDay): Promise<void> {
  await tx.query({ name: 'note-told', text: TELL, values: [id, feed, date, batches] });
}

const FORGET = 'delete from export_parts where export_id = $1 and ($2::date is null or date >= $2::date)';

/** All from this day on, or all (undefined): it is going to be stored again. */
export async function forgetParts(tx: Tx, id: string, from: string | undefined): Promise<void> {
  await tx.query({ name: 'forget-parts', text: FORGET, values: [id, from ?? null] });
}

const FORGET_UNTOLD = 'delete from export_parts where export_id = $1 and not told';

/** Of days that are not over yet, or were not told. */
export async function forgetUntoldParts(tx: Tx, id: string): Promise<void> {
  await tx.query({ name: 'forget-untold-parts', text: FORGET_UNTOLD, values: [id] });
}
