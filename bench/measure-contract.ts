import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Bench } from './bench.js';
import { startCosts } from './costs.js';
import type { EntryKind } from './jobs.js';
import { interleave, median, perSecond, rangeOf } from './measure.js';
import type { Line } from './measure.js';
import { TOKEN, createDatabase, createFeeds, publish } from './processes.js';
import { verifyLog } from './targets.js';

const CONNECTIONS = 128;
const REGISTER = fileURLToPath(new URL('../examples/register-contracts/register.mjs', import.meta.url));
const CONTRACTS = fileURLToPath(new URL('../schemas/contracts/', import.meta.url));

/** What a schema has to leave of the rate without one, and, as we have set it ourselves, a schema with so many assertions. */
const SCHEMA = { part: (whole: SentContract): SentContract => whole, reach: 0.6, aim: 0.8 };
const ASSERTIONS = { ...SCHEMA, reach: 0.4, aim: 0.6 };

type ContractEntry = Exclude<EntryKind, 'plain'>;

/** Usage events of 2 kB into a feed whose contract is an XML Schema, against a feed without one. */
export function measureXmlContract(bench: Bench): Promise<Line> {
  const part = ({ kind, schema, imports }: SentContract): SentContract => ({ kind, schema, imports });
  return measureContract(bench, 'usage-event', 'an XSD contract', { ...SCHEMA, part });
}

/** The same with the assertions and the categories of that contract. */
export function measureAssertions(bench: Bench): Promise<Line> {
  return measureContract(bench, 'usage-event', 'an XSD contract with 12 assertions, 5 categories', ASSERTIONS);
}

/** Orders of 2 kB into a feed whose contract is a JSON Schema, against a feed without one. */
export function measureJsonContract(bench: Bench): Promise<Line> {
  return measureContract(bench, 'order-event', 'a JSON Schema contract');
}

/** schemas/api/contract.json */
interface SentContract {
  readonly kind: string;
  readonly schema: unknown;
  readonly imports?: unknown;
}

/** A ready contract, as its example puts it together from its folder. */
async function readContract(name: ContractEntry): Promise<SentContract> {
  const { stdout } = await promisify(execFile)(process.execPath, [REGISTER, `${CONTRACTS}${name}`]);
  return JSON.parse(stdout) as SentContract;
}

async function register(url: string, contract: SentContract): Promise<void> {
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
  const body = JSON.stringify(contract);
  const answer = await fetch(`${url}/admin/feeds/bench/checked/schemas`, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`the contract is not taken: ${await answer.text()}`);
}

async function measureContract(
  bench: Bench,
  entry: ContractEntry,
  contract: string,
  { part, reach, aim }: { part: (whole: SentContract) => SentContract; reach: number; aim: number } = SCHEMA,
): Promise<Line> {
  const { load, seconds } = bench;
  const name = `millrace_${contract.replaceAll(/\W+/g, '_').toLowerCase()}`;
  const databaseUrl = await bench.database(name, async () => {
    const url = await createDatabase(bench.postgres, name);
    await createFeeds(url, ['checked', 'free']);
    return url;
  });
  const server = await bench.server(name, { databaseUrl });
  await register(server.url, part(await readContract(entry)));
  const checking = startCosts(bench, server.pid);
  const taking = startCosts(bench, server.pid);

  const publishFor = async (feed: 'checked' | 'free', duration: number): Promise<number> => {
    const request = { method: 'POST' as const, paths: [`/feeds/bench/${feed}`], token: TOKEN, entry };
    const job = { connections: CONNECTIONS, until: { seconds: duration }, request };
    const costs = feed === 'checked' ? checking : taking;
    return (await costs.during(() => publish(load, server, job))).perSecond;
  };

  // The thread that checks starts with the first of these, and has to be as warm as the server.
  await publishFor('free', seconds);
  await publishFor('checked', seconds * 2);
  const { ratios, ...rates } = await interleave(
    bench.rounds,
    () => publishFor('checked', seconds),
    () => publishFor('free', seconds),
  );
  return {
    what: `publish with ${contract}, one feed, ${String(CONNECTIONS)} connections`,
    ours: perSecond(median(rates.ours)),
    reference: `${perSecond(median(rates.reference))} without a contract`,
    value: median(ratios),
    range: rangeOf(ratios),
    reach,
    aim,
    better: 'higher',
    unit: '',
    note: `${checking.summary()}; without a contract ${taking.summary()}; ${await verifyLog({ server, databaseUrl })}`,
  };
}
