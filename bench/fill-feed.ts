import pg from 'pg';
import { entryId, tenantOf } from './entries.js';

/** The ids of entries that were not published but written by SQL are those of this run. */
export const GROWN_RUN = '9909a11e';
/** Entries of one tick: what a group commit of a busy feed makes. */
const ENTRIES_A_TICK = 10;

/**
 * Fills an empty feed with entries like the one that was published to it before, which is taken as the pattern: the log
 * as it is when so many entries were published in the last hour, ten at a time. No server may run on it meanwhile.
 */
export async function fillFeed(connectionString: string, feed: string, entries: number): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query('set synchronous_commit = off');
    await client.query("set maintenance_work_mem = '512MB'");
    await client.query("set work_mem = '512MB'");
    const [partition, feedId] = await findFeed(client, feed);
    const ids = [partition, feedId];
    const [id, tenant] = [entryId(GROWN_RUN, 1), tenantOf(1)];
    const { rows } = await client.query<{ xml: string }>(
      'select xml from entries where partition_id = $1 and feed_id = $2 and position = 1 and atom_id = $3',
      [...ids, id],
    );
    const pieces = split(rows[0]?.xml ?? '', id, tenant);
    const numbers = [...ids, entries];
    await client.query('begin');
    await client.query(FILL_ENTRIES, [...numbers, id.slice(0, -12), ...pieces, tenant]);
    await client.query(FILL_MEMBERS, numbers);
    await client.query(FILL_TERMS, [...numbers, tenant, ENTRIES_A_TICK]);
    await client.query(AGE_PATTERN, [partition]);
    await client.query(FILL_TICKS, [...numbers, ENTRIES_A_TICK]);
    await client.query('commit');
    for (const table of ['entries', 'members', 'entry_terms', 'ticks']) await client.query(`vacuum analyze ${table}`);
    await client.query('checkpoint');
  } finally {
    await client.end();
  }
}

async function findFeed(client: pg.Client, name: string): Promise<[number, number]> {
  const { rows } = await client.query<{ partition_id: number; feed_id: number }>(
    'select partition_id, feed_id from feeds where name = $1',
    [name],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`there is no feed ${name}`);
  return [row.partition_id, row.feed_id];
}

/** What stands before, between and after the id and the tenant. */
function split(xml: string, id: string, tenant: string): [string, string, string] {
  const [before, rest, ...more] = xml.split(id);
  const [between, after, ...others] = (rest ?? '').split(tenant);
  if (before === undefined || between === undefined || after === undefined || more.length + others.length > 0)
    throw new Error(`the pattern has its id or its tenant not once:\n${xml}`);
  return [before, between, after];
}

// $1 partition, $2 feed, $3 entries; position 1 is the pattern. The tenant of position n is that of tenantOf(n).
const TENANT = "'tid:' || (100000 + n % 100)";

// The pattern is read first: a plan that looks for it again for each row would look through all that it has written.
const FILL_ENTRIES = `
  with p as materialized (select kind, octets, terms from entries where partition_id = $1 and feed_id = $2)
  insert into entries (partition_id, feed_id, position, kind, octets, atom_key, atom_id, terms, xml)
  select $1, $2, n, p.kind, p.octets, encode(substr(sha256(convert_to(id, 'UTF8')), 1, 16), 'hex')::uuid, id,
         array_replace(p.terms, $8, ${TENANT}), $5 || id || $6 || ${TENANT} || $7
    from p
   cross join (
      select n, $4 || lpad(to_hex(n), 12, '0') as id
        from generate_series(2, $3::bigint) n) as numbered
   order by n`;

const FILL_MEMBERS = `
  with p as materialized (select first_digest from members where partition_id = $1 and feed_id = $2)
  insert into members (partition_id, feed_id, atom_key, position, first_position, first_digest, editable, deleted)
  select $1, $2, e.atom_key, e.position, e.position, p.first_digest, false, false
    from p
   cross join entries e
   where e.partition_id = $1
     and e.feed_id = $2
     and e.position between 2 and $3`;

const FILL_TERMS = `
  with p as materialized (select term from entry_terms where partition_id = $1 and feed_id = $2)
  insert into entry_terms (partition_id, feed_id, term, last_position, earlier)
  select $1, $2, term, max(n), case when count(*) > 1 then trim_array(array_agg(n order by n), 1) end
    from (
      select case when p.term = $4 then ${TENANT} else p.term end as term, n
        from p
       cross join generate_series(2, $3::bigint) n) as positions
   group by term, (n - 2) / $5
   order by 3, 4`;

const AGE_PATTERN = "update ticks set recorded_at = now() - interval '1 hour' where partition_id = $1";

const FILL_TICKS = `
  insert into ticks (partition_id, tick, feed_id, first_position, last_position, recorded_at)
  select $1, t.tick + b, $2, 2 + (b - 1) * $4, least(1 + b * $4, $3),
         t.recorded_at + (now() - t.recorded_at) * (b * $4 / $3::float8) * 0.99
    from generate_series(1, ceil(($3::bigint - 1) / $4::numeric)::bigint) b
   cross join (
      select tick, recorded_at
        from ticks
       where partition_id = $1
       order by tick desc
       limit 1) t`;
