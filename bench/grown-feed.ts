import type { Bench } from './bench.js';
import { ENTRY_TEMPLATE, ID_PLACE, TENANT_PLACE, entryId, tenantOf } from './entries.js';
import { GROWN_RUN, fillFeed } from './fill-feed.js';
import { TOKEN, createDatabase, createFeeds } from './processes.js';
import type { ServerUnderTest } from './processes.js';

const NAME = 'grown';
/** So little that no page is kept. */
const NO_CACHE = { PAGE_CACHE_BYTES: '1' };

export interface GrownFeed {
  readonly server: ServerUnderTest;
  readonly databaseUrl: string;
  readonly path: string;
  readonly entries: number;
}

/** A feed of so many entries, alone in its database, and a server that keeps no pages. */
export async function grownFeed(bench: Bench, entries: number): Promise<GrownFeed> {
  const name = `millrace_${String(entries)}`;
  const path = `/feeds/bench/${NAME}`;
  const databaseUrl = await bench.database(name, async () => {
    bench.say(`filling a feed with ${entries.toLocaleString('en')} entries`);
    const url = await createDatabase(bench.postgres, name);
    await createFeeds(url, [NAME]);
    const server = await bench.server(`${name} filling`, { databaseUrl: url });
    await publishPattern(server, path);
    await server.stop();
    await fillFeed(url, NAME, entries);
    return url;
  });
  const server = await bench.server(name, { databaseUrl, env: NO_CACHE });
  return { server, databaseUrl, path, entries };
}

/** The entry that all others of the feed are like, stored as the server stores it. */
async function publishPattern(server: ServerUnderTest, path: string): Promise<void> {
  const xml = ENTRY_TEMPLATE.replace(ID_PLACE, entryId(GROWN_RUN, 1)).replace(TENANT_PLACE, tenantOf(1));
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/atom+xml' };
  const response = await fetch(server.url + path, { method: 'POST', headers, body: xml });
  if (response.status !== 201) throw new Error(`the pattern was answered ${await response.text()}`);
}
