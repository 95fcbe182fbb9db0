import type { Bench } from './bench.js';
import { startCosts } from './costs.js';
import { entryId, entryXml, tenantOf } from './entries.js';
import { GROWN_RUN } from './fill-feed.js';
import { grownFeed } from './grown-feed.js';
import type { GetRequest, HttpJob, Outcome } from './jobs.js';
import { interleave, median, perSecond, rangeOf } from './measure.js';
import type { Line } from './measure.js';
import { TOKEN, execute, publish, query, startPlainServer } from './processes.js';
import { emptyReference, referenceDatabase, target } from './targets.js';
import type { Target } from './targets.js';

export const CONNECTIONS = 32;
const PAGE_ENTRIES = 25;
/** Of each side in turn: a fifth more or less is much here. Longer than the pauses between them, in which lines of the log may be written. */
const SLICE_SECONDS = 0.5;
const ATOM = 'application/atom+xml';
const JSON_TYPE = 'application/json';

/** The head of a feed, read again and again. */
export function measurePage(bench: Bench): Promise<Line> {
  return againstPlainServer(bench, 'page of 25 entries, warm', 200);
}

/** The head of a feed, asked for by who has it already. */
export function measureNotModified(bench: Bench): Promise<Line> {
  return againstPlainServer(bench, '304 to a poll that finds nothing new', 304);
}

/** The head of a feed as JSON, against the same page as Atom, both warm. */
export async function measureJsonPage(bench: Bench): Promise<Line> {
  const { server, hot } = await filledTarget(bench);
  const costs = startCosts(bench, server.pid);
  const read = (accept: string): Promise<Outcome> =>
    bench.load.run(readJob(bench, server.url, { method: 'GET', path: hot, headers: { Accept: accept } }, 200));
  const size = async (accept: string): Promise<number> => {
    const page = await fetch(server.url + hot, { headers: { accept, 'accept-encoding': 'identity' } });
    return (await page.arrayBuffer()).byteLength;
  };
  const sizes = `${String(await size(JSON_TYPE))} bytes against ${String(await size(ATOM))}`;
  await read(JSON_TYPE);
  await read(ATOM);
  const { ratios, ...rates } = await interleave(
    bench.rounds,
    async () => (await costs.during(() => read(JSON_TYPE))).perSecond,
    async () => (await read(ATOM)).perSecond,
  );
  return {
    what: 'the same page as JSON, warm',
    ours: perSecond(median(rates.ours)),
    reference: `${perSecond(median(rates.reference))} as Atom`,
    value: median(ratios),
    range: rangeOf(ratios),
    reach: 0.7,
    aim: 0.9,
    better: 'higher',
    unit: '',
    note: `${sizes}; ${costs.summary()}`,
  };
}

/** The server under test, whose hot feed has a full page at least. */
export async function filledTarget(bench: Bench): Promise<Target> {
  const under = await target(bench);
  const { server, hot, databaseUrl } = under;
  const [row] = await query<{ n: string }>(
    databaseUrl,
    "select count(*) as n from entries join feeds using (feed_id) where name = 'hot'",
  );
  if (Number(row?.n) < PAGE_ENTRIES) {
    const request = { method: 'POST', paths: [hot], token: TOKEN } as const;
    await publish(bench.load, server, { connections: 1, until: { answers: PAGE_ENTRIES }, request });
  }
  return under;
}

async function againstPlainServer(bench: Bench, what: string, expect: 200 | 304): Promise<Line> {
  const { server, hot } = await filledTarget(bench);
  const page = await fetch(server.url + hot, { headers: { 'accept-encoding': 'identity' } });
  const body = await page.text();
  const plain = await startPlainServer(body);
  try {
    const tags = { ours: page.headers.get('etag') ?? '', plain: plain.tag };
    const get = (tag: string): GetRequest => ({
      method: 'GET',
      path: hot,
      headers: expect === 304 ? { 'If-None-Match': tag } : {},
    });
    const job = (url: string, tag: string): HttpJob => readJob(bench, url, get(tag), expect);
    const readSlice = (url: string, tag: string): Promise<Outcome> =>
      bench.load.run({ ...job(url, tag), until: { seconds: SLICE_SECONDS } });
    const costs = startCosts(bench, server.pid);
    const plainCosts = startCosts(bench, plain.pid);
    await bench.load.run(job(server.url, tags.ours));
    await bench.load.run(job(plain.url, tags.plain));
    const { ratios, ...rates } = await interleave(
      bench.rounds,
      async () => (await costs.during(() => readSlice(server.url, tags.ours))).perSecond,
      async () => (await plainCosts.during(() => readSlice(plain.url, tags.plain))).perSecond,
      bench.seconds / SLICE_SECONDS,
    );
    return {
      what,
      ours: perSecond(median(rates.ours)),
      reference: `${perSecond(median(rates.reference))} bare node:http`,
      value: median(ratios),
      range: rangeOf(ratios),
      reach: 0.6,
      aim: 0.85,
      better: 'higher',
      unit: '',
      note: `${String(Buffer.byteLength(body))} bytes, ${String(CONNECTIONS)} connections; ${costs.summary()}; the reference: ${plainCosts.summary()}`,
    };
  } finally {
    await plain.stop();
  }
}

/** Pages from all over a large feed, on a server that keeps none. */
export async function measureUncachedPage(bench: Bench): Promise<Line> {
  const { server, path, entries } = await grownFeed(bench, bench.large);
  const connectionString = await referenceDatabase(bench);
  await fillReference(bench, connectionString, entries);
  const request: GetRequest = { method: 'GET', path, varied: { by: 'position', entries } };
  const read = (): Promise<Outcome> => bench.load.run(readJob(bench, server.url, request, 200));
  const readRows = (): Promise<Outcome> =>
    bench.load.run({
      kind: 'sql',
      connectionString,
      what: 'pages',
      concurrency: CONNECTIONS,
      feeds: 1,
      seconds: bench.seconds,
    });
  const costs = startCosts(bench, server.pid);
  await read();
  await readRows();
  const { ratios, ...rates } = await interleave(
    bench.rounds,
    async () => (await costs.during(read)).perSecond,
    async () => (await readRows()).perSecond,
  );
  return {
    what: 'page not in any cache',
    ours: perSecond(median(rates.ours)),
    reference: `${perSecond(median(rates.reference))} 25 rows by key`,
    value: median(ratios),
    range: rangeOf(ratios),
    reach: 0.4,
    aim: 0.7,
    better: 'higher',
    unit: '',
    note: `anywhere in ${entries.toLocaleString('en')} entries, ${String(CONNECTIONS)} at a time; ${costs.summary()}`,
  };
}

/** The fixed table with the entries of the large feed. */
async function fillReference(bench: Bench, connectionString: string, entries: number): Promise<void> {
  bench.say(`filling the reference with ${entries.toLocaleString('en')} rows`);
  await emptyReference(connectionString);
  const xml = entryXml(entryId(GROWN_RUN, 1), tenantOf(1)).replaceAll("'", "''");
  await execute(
    connectionString,
    'set synchronous_commit = off',
    `insert into fixed
     select 0, n, 'urn:uuid:${GROWN_RUN}-0000-4000-8000-' || lpad(to_hex(n), 12, '0'), '${xml}' || n, now()
       from generate_series(1, ${String(entries)}) n`,
    'vacuum analyze fixed',
    'checkpoint',
  );
}

export function readJob(bench: Bench, url: string, request: GetRequest, expect: number): HttpJob {
  return { kind: 'http', url, connections: CONNECTIONS, until: { seconds: bench.seconds }, request, expect };
}
