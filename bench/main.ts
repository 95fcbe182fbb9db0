/**
 * `npm run bench`: what the server does, against what the machine could do, both measured in turns in the same run.
 *
 *   --only publish,page   these measurements only
 *   --rounds 5            of which the medians are taken
 *   --quick               three short rounds, and a hundred thousand entries instead of a million
 *   --server PATH         another build's dist/cli/main.js
 *   --profile DIRECTORY   the server writes its CPU profiles there, and what cost most is printed
 *   --log FILE            the server's log; else it is written to /dev/null
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEmbedded } from '../src/store/embedded.js';
import type { Bench } from './bench.js';
import { printTable } from './measure.js';
import type { Line } from './measure.js';
import { measureAssertions, measureJsonContract, measureXmlContract } from './measure-contract.js';
import { measureExport, measureParquet, measurePublishBesideExport } from './measure-export.js';
import { measureGrowth } from './measure-growth.js';
import { measureHotFeed, measurePublish, measureSlowDisk } from './measure-publish.js';
import { measureJsonPage, measureNotModified, measurePage, measureUncachedPage } from './measure-reads.js';
import { measureJwtPoll, measureLimitedPoll, measureTenantPoll, measureTokenPoll } from './measure-callers.js';
import { measureVisible } from './measure-visible.js';
import { query, startLoad, startServer } from './processes.js';
import type { ServerUnderTest } from './processes.js';
import { printProfiles } from './profile.js';

const MEASUREMENTS: Readonly<Record<string, (bench: Bench) => Promise<Line | Line[]>>> = {
  publish: measurePublish,
  hot: measureHotFeed,
  slow: measureSlowDisk,
  'contract-xsd': measureXmlContract,
  'contract-assertions': measureAssertions,
  'contract-json': measureJsonContract,
  page: measurePage,
  json: measureJsonPage,
  '304': measureNotModified,
  '304-token': measureTokenPoll,
  '304-tenants': measureTenantPoll,
  '304-jwt': measureJwtPoll,
  '304-limited': measureLimitedPoll,
  visible: measureVisible,
  uncached: measureUncachedPage,
  export: measureExport,
  'export-parquet': measureParquet,
  'publish-beside-export': measurePublishBesideExport,
  growth: measureGrowth,
};

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: Object.keys(MEASUREMENTS).join(',') },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    server: { type: 'string', default: fileURLToPath(new URL('../dist/cli/main.js', import.meta.url)) },
    profile: { type: 'string' },
    log: { type: 'string' },
  },
});
const wanted = values.only.split(',').map((name) => {
  const measure = MEASUREMENTS[name];
  if (measure !== undefined) return { name, measure };
  throw new Error(`there is no measurement "${name}"; there are ${Object.keys(MEASUREMENTS).join(', ')}`);
});

const startedAt = performance.now();
const say = (text: string): void => {
  process.stderr.write(`${((performance.now() - startedAt) / 1000).toFixed(0).padStart(4)} s  ${text}\n`);
};
const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-'));
const stops: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
try {
  if (values.profile !== undefined) await mkdir(values.profile, { recursive: true });
  const lines = await Promise.race([interrupted(), prepare().then(measureAll)]);
  process.stdout.write(`\n${printTable(lines)}\n\n`);
  for (const { what, note } of lines) if (note !== undefined) process.stdout.write(`${what}: ${note}\n`);
} finally {
  for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) await stop().catch(say);
}
if (values.profile !== undefined) process.stdout.write(await printProfiles(values.profile));

/** Rejects when somebody has had enough, so that what was started is stopped. */
function interrupted(): Promise<never> {
  return new Promise((_resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        reject(new Error(`${signal}: stopping`));
      });
    }
  });
}

async function prepare(): Promise<Bench> {
  const postgres = await startEmbedded({ dataDir: join(directory, 'data') });
  stops.push(() => postgres.stop());
  const load = startLoad();
  stops.push(() => load.stop());
  const [version] = await query<{ v: string }>(
    postgres.connectionString,
    "select current_setting('server_version') as v",
  );
  const cpu = cpus()[0]?.model ?? 'unknown';
  const memory = `${String(Math.round(totalmem() / 2 ** 30))} GiB`;
  process.stdout.write(
    `${String(availableParallelism())} cores of ${cpu}, ${memory}, Linux ${release()}, Node ${process.version}, Postgres ${version?.v ?? ''}; ${new Date().toISOString()}\n`,
  );

  const servers = new Map<string, Promise<ServerUnderTest>>();
  const databases = new Map<string, Promise<string>>();
  return {
    postgres: postgres.connectionString,
    postgresPid: postgres.pid ?? 0,
    load,
    rounds: Number(values.rounds ?? (values.quick ? 3 : 5)),
    seconds: values.quick ? 1 : 2.5,
    large: values.quick ? 100_000 : 1_000_000,
    server(name, options) {
      const known = servers.get(name);
      if (known !== undefined) return known;
      const started = startServer({ main: values.server, log: values.log, profileTo: values.profile, ...options });
      servers.set(name, started);
      stops.push(async () => (await started).stop());
      return started;
    },
    database(name, make) {
      const known = databases.get(name) ?? make();
      databases.set(name, known);
      return known;
    },
    say,
  };
}

async function measureAll(bench: Bench): Promise<Line[]> {
  const lines: Line[] = [];
  for (const { name, measure } of wanted) {
    say(`measuring ${name}`);
    lines.push(...[await measure(bench)].flat());
  }
  return lines;
}
