import type { Bench } from './bench.js';
import { createDatabase, createFeeds, execute, query } from './processes.js';
import type { ServerUnderTest } from './processes.js';

export const FEEDS = 10;
const FEED_NAMES = Array.from({ length: FEEDS }, (_, index) => `feed-${String(index)}`);
const HOT = 'hot';
/** What commit_delay makes of a fast disk: the backend that flushes sleeps 5 ms first. */
const SLOW_DISK = { commit_delay: '5000', commit_siblings: '0' };

export interface Target {
  readonly server: ServerUnderTest;
  readonly databaseUrl: string;
  readonly feeds: readonly string[];
  readonly hot: string;
}

/** The server under test with ten feeds and a hot one. */
export async function target(bench: Bench, disk: 'fast' | 'slow' = 'fast'): Promise<Target> {
  const name = `millrace_${disk}`;
  const paths = [...FEED_NAMES, HOT].map((feed) => `/feeds/bench/${feed}`);
  const databaseUrl = await bench.database(name, async () => {
    const url = await createDatabase(bench.postgres, name, disk === 'slow' ? SLOW_DISK : {});
    await createFeeds(url, [...FEED_NAMES, HOT]);
    return url;
  });
  const server = await bench.server(name, { databaseUrl });
  return { server, databaseUrl, feeds: paths.slice(0, FEEDS), hot: paths[FEEDS] ?? '' };
}

/** The table that the references write to and read from. */
const FIXED_TABLE = `
  create table fixed (
    feed_id int not null,
    position bigint not null,
    atom_id text collate "C" not null,
    xml text not null,
    recorded_at timestamptz not null,
    primary key (feed_id, position),
    unique (feed_id, atom_id)
  )`;
const COUNTERS = 'create table counters (feed_id int primary key, n bigint not null)';

export function referenceDatabase(bench: Bench, disk: 'fast' | 'slow' = 'fast'): Promise<string> {
  const name = `reference_${disk}`;
  return bench.database(name, async () => {
    const url = await createDatabase(bench.postgres, name, disk === 'slow' ? SLOW_DISK : {});
    await execute(url, FIXED_TABLE, COUNTERS);
    return url;
  });
}

/** So that one measurement does not pay for what another has written. */
export async function emptyReference(connectionString: string): Promise<void> {
  await execute(
    connectionString,
    'truncate fixed, counters',
    'insert into counters select f, 0 from generate_series(0, 9) f',
    'checkpoint',
  );
}

/** Every 201 is one entry, at the next position of its feed. To the audit feed the server itself publishes. */
export async function verifyLog({ server, databaseUrl }: Pick<Target, 'server' | 'databaseUrl'>): Promise<string> {
  const feeds = await query<{ feed_id: number; entries: string; first: string; last: string; head: string }>(
    databaseUrl,
    `select feed_id, count(*) as entries, min(position) as first, max(position) as last,
            (select max(last_position) from ticks t where t.feed_id = e.feed_id) as head
       from entries e
      where feed_id not in (select feed_id from feeds where workspace = 'system')
      group by feed_id`,
  );
  let entries = 0;
  for (const feed of feeds) {
    entries += Number(feed.entries);
    if (feed.first !== '1' || feed.last !== feed.entries || feed.head !== feed.last)
      throw new Error(`the log of a feed has a gap: ${JSON.stringify(feed)}`);
  }
  if (entries !== server.published)
    throw new Error(`${String(server.published)} publishes were answered 201, but the log holds ${String(entries)}`);
  return `${entries.toLocaleString('en')} entries for as many 201s, no gap`;
}
