import { randomUUID } from 'node:crypto';
import pg from 'pg';

/** One statement on a connection of its own. */
export async function ask<Row extends pg.QueryResultRow = Record<string, unknown>>(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** Makes a feed `shop/<name>` behind the servers' back, and gives its path. */
export async function insertFeed(url: string, name: string, settings: Record<string, unknown> = {}): Promise<string> {
  await ask(url, `insert into workspaces (name) values ('shop') on conflict do nothing`);
  await ask(
    url,
    `with feed as (
       insert into feeds (workspace, name, atom_id, settings)
       values ('shop', $1, $2, $3)
       returning partition_id, feed_id)
     insert into heads (partition_id, feed_id, page_size)
     select partition_id, feed_id, 25
       from feed`,
    [name, `urn:uuid:${randomUUID()}`, JSON.stringify(settings)],
  );
  return `/feeds/shop/${name}`;
}

const CHECKS: Readonly<Record<string, string>> = {
  'positions of entries are 1, 2, 3 …': `
    select feed_id, min(position), max(position), count(*)
      from entries
     group by feed_id
    having min(position) <> 1 or max(position) <> count(*)`,
  'stretches of ticks follow each other': `
    select *
      from (select feed_id, tick, first_position, last_position,
                   coalesce(lag(last_position) over (partition by feed_id order by tick), 0) as before
              from ticks
             where feed_id <> 0) t
     where first_position <> before + 1 or last_position < first_position`,
  'ticks reach as far as entries': `
    select feed_id, e.last, t.last
      from (select feed_id, max(position) as last from entries group by feed_id) e
      full join (select feed_id, max(last_position) as last from ticks where feed_id <> 0 group by feed_id) t using (feed_id)
     where e.last is distinct from t.last`,
  'the clock neither skips nor goes back': `
    select *
      from (select tick, min(recorded_at) as recorded_at, max(recorded_at) as latest,
                   coalesce(lag(tick) over (order by tick), 0) as before,
                   lag(min(recorded_at)) over (order by tick) as earlier
              from ticks
             group by tick) t
     where tick <> before + 1 or recorded_at <> latest or recorded_at < earlier`,
  'each id is a member where its newest entry is': `
    select feed_id, atom_key, m.position, m.first_position, e.newest, e.oldest
      from members m
      full join (select feed_id, atom_key, max(position) as newest, min(position) as oldest
                   from entries group by feed_id, atom_key) e using (feed_id, atom_key)
     where m.position is distinct from e.newest or m.first_position is distinct from e.oldest`,
  'the term index holds current entries only': `
    select feed_id, term, p.position
      from entry_terms t
     cross join lateral unnest(t.earlier || t.last_position) as p (position)
      left join members m using (feed_id, position)
     where m.position is null`,
  'the lists of a term follow each other': `
    select *
      from (select feed_id, term, earlier, last_position,
                   lag(last_position) over (partition by feed_id, term order by last_position) as before
              from entry_terms) t
     where not (before < all (earlier))
        or earlier || last_position <> array(select p from unnest(earlier || last_position) as p group by p order by p)`,
};

/** What is wrong with the log; an empty list when all is well. Not for logs that retention has shortened. */
export async function mistakesInLog(url: string): Promise<string[]> {
  const mistakes: string[] = [];
  for (const [rule, sql] of Object.entries(CHECKS)) {
    const rows = await ask(url, sql);
    if (rows.length > 0) mistakes.push(`not true that ${rule}: ${JSON.stringify(rows.slice(0, 3))}`);
  }
  return mistakes;
}

/** The ids of a feed in the order of their positions. */
export async function idsInLog(url: string, name: string): Promise<string[]> {
  const rows = await ask<{ atom_id: string }>(
    url,
    `select e.atom_id
       from entries e
       join feeds f using (feed_id)
      where f.workspace = 'shop' and f.name = $1
      order by e.position`,
    [name],
  );
  return rows.map((row) => row.atom_id);
}
