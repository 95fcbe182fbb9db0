import pg from 'pg';
import { insertFeed } from './log.js';

const XML = (id: string, words: number): string =>
  `'<entry xmlns="http://www.w3.org/2005/Atom"><id>' || ${id} || '</id><title>Order placed</title>` +
  `<updated>2026-01-02T03:04:05Z</updated><author><name>shop</name></author><content type="application/xml">` +
  `<order xmlns="urn:example:orders" customer="c-17" total="49.50"><line sku="a" quantity="2"/><note>${'to be wrapped '.repeat(words)}</note>` +
  `</order></content></entry>'`;

const FILL_ENTRIES = (words: number): string => `
  insert into entries (partition_id, feed_id, position, kind, octets, atom_key, atom_id, terms, xml)
  select 0, $1, n, 0, 600, md5($1::int || ':' || n)::uuid, 'urn:x:' || n, '{}', ${XML("'urn:x:' || n", words)}
    from generate_series(1, $2::bigint) n`;

const FILL_MEMBERS = `
  insert into members (partition_id, feed_id, atom_key, position, first_position, first_digest, editable, deleted)
  select 0, $1, md5($1::int || ':' || n)::uuid, n, n, md5('')::uuid, false, false
    from generate_series(1, $2::bigint) n`;

// The feeds take turns. $3 which of them it is, $4 how many there are, $5 how many entries a tick, $6 how many days ago
const FILL_TICKS = `
  insert into ticks (partition_id, tick, feed_id, first_position, last_position, recorded_at)
  select 0, b * $4::int + $3::int + 1, $1, b * $5::int + 1, (b + 1) * $5::int,
         now() - make_interval(days => $6) - interval '1 hour' + make_interval(secs => (b * $4 + $3) * 0.001)
    from generate_series(0, $2::bigint / $5::int - 1) b`;

/**
 * Makes feeds `shop/<name>` with so many entries each, as if they had been published one feed after the other, some at a time, within an
 * hour so many days ago; with twenty `words` an entry has 600 octets. The log has to be empty, and no server may run on it meanwhile.
 */
export async function fillLog(
  url: string,
  names: readonly string[],
  { each, aTick = 10, daysAgo = 0, words = 20 }: { each: number; aTick?: number; daysAgo?: number; words?: number },
): Promise<void> {
  // All ticks are of one time.
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const name of names) await insertFeed(url, name);
    await client.query('begin');
    for (const [index, name] of names.entries()) {
      const { rows } = await client.query<{ id: number }>('select feed_id as id from feeds where name = $1', [name]);
      await client.query(FILL_ENTRIES(words), [rows[0]?.id, each]);
      await client.query(FILL_MEMBERS, [rows[0]?.id, each]);
      await client.query(FILL_TICKS, [rows[0]?.id, each, index, names.length, aTick, daysAgo]);
    }
    await client.query('commit');
    await client.query('analyze');
  } finally {
    await client.end();
  }
}
