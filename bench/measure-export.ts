import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './bench.js';
import { startCosts } from './costs.js';
import { grownFeed } from './grown-feed.js';
import type { ExportJob, Outcome } from './jobs.js';
import { interleave, median, perSecond, rangeOf } from './measure.js';
import type { Line } from './measure.js';
import { TOKEN, createFeeds, publish, startLoad } from './processes.js';

const MEGABYTE = 1e6;
/** Rows that are exported at a time: some seconds' worth. */
const ROWS = 100_000;

interface Case {
  readonly format: 'ndjson' | 'parquet';
  /**
   * What is counted: the bytes that are sent; or, where these are compressed, the rows, and so the bytes that COPY has for
   * them.
   */
  readonly by: 'bytes' | 'rows';
  readonly reach: number;
  readonly aim: number;
}

/** A large feed as NDJSON, against COPY of the rows that it is made of. */
export function measureExport(bench: Bench): Promise<Line> {
  return measureFormat(bench, { format: 'ndjson', by: 'bytes', reach: 0.5, aim: 0.8 });
}

/** The same as Parquet. */
export function measureParquet(bench: Bench): Promise<Line> {
  return measureFormat(bench, { format: 'parquet', by: 'rows', reach: 0.2, aim: 0.4 });
}

async function measureFormat(bench: Bench, { format, by, reach, aim }: Case): Promise<Line> {
  const { server, path, databaseUrl } = await grownFeed(bench, ROWS);
  const exported = (): Promise<Outcome> => bench.load.run(exportJob(server.url, path, format));
  const copied = (): Promise<Outcome> =>
    bench.load.run({ kind: 'copy', connectionString: databaseUrl, sql: COPIED, rows: ROWS });
  const costs = startCosts(bench, server.pid);
  const rows = { ours: [] as number[], reference: [] as number[] };
  const measured = async (side: 'ours' | 'reference', run: () => Promise<Outcome>): Promise<number> => {
    const outcome = await run();
    const rowsPerSecond = ROWS / (outcome.p50Ms / 1000);
    rows[side].push(rowsPerSecond);
    return by === 'rows' ? rowsPerSecond : outcome.perSecond / MEGABYTE;
  };
  await exported();
  await copied();
  const { ratios, ...rates } = await interleave(
    bench.rounds,
    () => measured('ours', () => costs.during(exported)),
    () => measured('reference', copied),
  );
  const inWords = (side: 'ours' | 'reference'): string => `${String(Math.round(median(rows[side])))} rows/s`;
  const shown = (value: number): string => (by === 'rows' ? perSecond(value) : `${value.toFixed(0)} MB/s`);
  return {
    what: `export as ${NAMES[format]}, ${by === 'rows' ? 'rows' : 'MB'}/s`,
    ours: shown(median(rates.ours)),
    reference: `${shown(median(rates.reference))} by COPY`,
    value: median(ratios),
    range: rangeOf(ratios),
    reach,
    aim,
    better: 'higher',
    unit: '',
    note: `${inWords('ours')} against ${inWords('reference')}, entries of 1.2 kB; ${costs.summary()}`,
  };
}

const NAMES = { ndjson: 'NDJSON', parquet: 'Parquet' };

function exportJob(url: string, path: string, format: Case['format']): ExportJob {
  const feed = path.replace('/feeds/', '');
  return { kind: 'export', url: `${url}/export?feeds=${feed}&format=${format}`, token: TOKEN, rows: ROWS };
}

const PUBLISHED = Array.from({ length: 10 }, (_, index) => `beside-${String(index)}`);
const CONNECTIONS = 128;
/** Until the export is well under way. */
const UNDER_WAY_MS = 300;

/** Publishing while one export after the other is read, against publishing alone. */
export async function measurePublishBesideExport(bench: Bench): Promise<Line> {
  const { server, path, databaseUrl } = await grownFeed(bench, ROWS);
  const paths = await createFeeds(databaseUrl, PUBLISHED);
  const request = { method: 'POST' as const, paths, token: TOKEN };
  const reader = startLoad();
  const exports: number[] = [];
  const alone = async (): Promise<number> => {
    const job = { connections: CONNECTIONS, until: { seconds: bench.seconds }, request };
    return (await publish(bench.load, server, job)).perSecond;
  };
  const beside = async (): Promise<number> => {
    const state = { isOver: false };
    const reading = (async () => {
      while (!state.isOver) exports.push((await reader.run(exportJob(server.url, path, 'ndjson'))).p50Ms);
    })();
    try {
      await sleep(UNDER_WAY_MS);
      return await alone();
    } finally {
      state.isOver = true;
      await reading;
    }
  };
  try {
    await alone();
    await beside();
    const { ratios, ...rates } = await interleave(bench.rounds, beside, alone);
    return {
      what: 'publish beside an export, 10 feeds, 128 connections',
      ours: perSecond(median(rates.ours)),
      reference: `${perSecond(median(rates.reference))} alone`,
      value: median(ratios),
      range: rangeOf(ratios),
      reach: 0.75,
      aim: 0.9,
      better: 'higher',
      unit: '',
      note: `meanwhile ${String(exports.length)} exports of ${String(ROWS)} rows, ${(median(exports) / 1000).toFixed(1)} s each`,
    };
  } finally {
    await reader.stop();
  }
}

const COPIED = `
  copy (select position, kind, atom_id, schema_version, xml
          from entries
         where partition_id = 0 and feed_id = (select feed_id from feeds where workspace = 'bench' and name = 'grown')
         order by position) to stdout`;
