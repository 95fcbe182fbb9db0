import type { Bench } from './bench.js';
import { startCosts } from './costs.js';
import { grownFeed } from './grown-feed.js';
import type { Outcome } from './jobs.js';
import { interleave, median, rangeOf } from './measure.js';
import type { Line } from './measure.js';
import { TOKEN } from './processes.js';

const MEGABYTE = 1e6;
/** Rows that are exported at a time: some seconds' worth. */
const ROWS = 100_000;

/** A large feed as NDJSON, against COPY of the rows that it is made of. */
export async function measureExport(bench: Bench): Promise<Line> {
  const { server, path, databaseUrl } = await grownFeed(bench, ROWS);
  const feed = path.replace('/feeds/', '');
  const exported = (): Promise<Outcome> =>
    bench.load.run({ kind: 'export', url: `${server.url}/export?feeds=${feed}`, token: TOKEN, rows: ROWS });
  const copied = (): Promise<Outcome> =>
    bench.load.run({ kind: 'copy', connectionString: databaseUrl, sql: COPIED, rows: ROWS });
  const costs = startCosts(bench, server.pid);
  const rows = { ours: [] as number[], reference: [] as number[] };
  const measured = async (side: 'ours' | 'reference', run: () => Promise<Outcome>): Promise<number> => {
    const outcome = await run();
    rows[side].push(ROWS / (outcome.p50Ms / 1000));
    return outcome.perSecond / MEGABYTE;
  };
  await exported();
  await copied();
  const { ratios, ...rates } = await interleave(
    bench.rounds,
    () => measured('ours', () => costs.during(exported)),
    () => measured('reference', copied),
  );
  const inWords = (side: 'ours' | 'reference'): string => `${String(Math.round(median(rows[side])))} rows/s`;
  return {
    what: 'export as NDJSON, MB/s',
    ours: `${median(rates.ours).toFixed(0)} MB/s`,
    reference: `${median(rates.reference).toFixed(0)} MB/s by COPY`,
    value: median(ratios),
    range: rangeOf(ratios),
    reach: 0.5,
    aim: 0.8,
    better: 'higher',
    unit: '',
    note: `${inWords('ours')} against ${inWords('reference')}, entries of 1.2 kB; ${costs.summary()}`,
  };
}

const COPIED = `
  copy (select position, kind, atom_id, schema_version, xml
          from entries
         where partition_id = 0 and feed_id = (select feed_id from feeds where workspace = 'bench')
         order by position) to stdout`;
