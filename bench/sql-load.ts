import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { entryId, entryXml, tenantOf } from './entries.js';
import type { Outcome, SqlJob } from './jobs.js';
import { startTally } from './tally.js';
import type { Tally } from './tally.js';

const BATCH = 200;
const POOL = 10;
const PAGE = 25;

/** The references: what `pg` does with the fixed table, without a server in front. */
export async function runSqlJob(job: SqlJob): Promise<Outcome> {
  const pool = new pg.Pool({ connectionString: job.connectionString, max: POOL });
  try {
    const places = await placesOf(pool, job.feeds);
    const tally = startTally(job.seconds);
    const end = performance.now() + job.seconds * 1000;
    const goesOn = (): boolean => performance.now() < end;
    const run = randomBytes(4).toString('hex');
    const work = { batches: insertBatches, rows: insertRows, 'counted rows': insertCountedRows, pages: readPages };
    await work[job.what]({ pool, job, places, tally, goesOn, run });
    return tally.outcome();
  } finally {
    await pool.end();
  }
}

interface Work {
  readonly pool: pg.Pool;
  readonly job: SqlJob;
  /** The last position of each feed. */
  readonly places: number[];
  readonly tally: Tally;
  readonly goesOn: () => boolean;
  readonly run: string;
}

async function placesOf(pool: pg.Pool, feeds: number): Promise<number[]> {
  const { rows } = await pool.query<{ last: string }>(
    `select coalesce((select max(position) from fixed where feed_id = f), 0) as last
       from generate_series(0, $1 - 1) f
      order by f`,
    [feeds],
  );
  return rows.map(({ last }) => Number(last));
}

const INSERT_BATCH = `
  insert into fixed (feed_id, position, atom_id, xml, recorded_at)
  select feed_id, position, atom_id, xml, now()
    from unnest($1::int[], $2::bigint[], $3::text[], $4::text[]) as f (feed_id, position, atom_id, xml)`;

/** Batches of 200 over one connection, one after the other. */
async function insertBatches({ pool, places, tally, goesOn, run }: Work): Promise<void> {
  const client = await pool.connect();
  for (let n = 0; goesOn(); n += BATCH) {
    const startedAt = performance.now();
    const rows = Array.from({ length: BATCH }, (_, index) => nextRow(places, run, n + index));
    await client.query({
      name: 'insert-batch',
      text: INSERT_BATCH,
      values: [0, 1, 2, 3].map((column) => rows.map((row) => row[column])),
    });
    tally.count(performance.now() - startedAt, BATCH);
  }
  client.release();
}

const INSERT_ROW = `
  insert into fixed (feed_id, position, atom_id, xml, recorded_at)
  values ($1, $2, $3, $4, now())`;

/** One transaction, of one statement, for each row. */
async function insertRows({ pool, job, places, tally, goesOn, run }: Work): Promise<void> {
  let n = 0;
  await atOnce(job.concurrency, async () => {
    while (goesOn()) {
      const startedAt = performance.now();
      await pool.query({ name: 'insert-row', text: INSERT_ROW, values: nextRow(places, run, n++) });
      tally.count(performance.now() - startedAt);
    }
  });
}

/** One transaction for each row that takes its position from a counter: no gaps, in the order of the commits. */
async function insertCountedRows({ pool, job, tally, goesOn, run }: Work): Promise<void> {
  let n = 0;
  await atOnce(job.concurrency, async () => {
    while (goesOn()) {
      const startedAt = performance.now();
      const number = n++;
      const client = await pool.connect();
      await client.query('begin');
      const { rows } = await client.query<{ n: string }>({
        name: 'count',
        text: 'update counters set n = n + 1 where feed_id = $1 returning n',
        values: [number % job.feeds],
      });
      const id = entryId(run, number);
      const values = [number % job.feeds, rows[0]?.n, id, entryXml(id, tenantOf(number))];
      await client.query({ name: 'insert-row', text: INSERT_ROW, values });
      await client.query('commit');
      client.release();
      tally.count(performance.now() - startedAt);
    }
  });
}

const READ_PAGE = `
  select position, atom_id, xml, recorded_at
    from fixed
   where feed_id = $1
     and position <= $2
   order by position desc
   limit ${String(PAGE)}`;

async function readPages({ pool, job, places, tally, goesOn }: Work): Promise<void> {
  const [last = 0] = places;
  await atOnce(job.concurrency, async () => {
    while (goesOn()) {
      const startedAt = performance.now();
      const position = PAGE + 1 + Math.floor(Math.random() * (last - PAGE));
      const { rows } = await pool.query({ name: 'page', text: READ_PAGE, values: [0, position], rowMode: 'array' });
      if (rows.length !== PAGE) throw new Error(`a page of ${String(rows.length)} rows`);
      tally.count(performance.now() - startedAt);
    }
  });
}

function nextRow(places: number[], run: string, n: number): [number, number, string, string] {
  const feed = n % places.length;
  const position = (places[feed] ?? 0) + 1;
  places[feed] = position;
  const id = entryId(run, n);
  return [feed, position, id, entryXml(id, tenantOf(n))];
}

async function atOnce(count: number, work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, work));
}
