import type { Bench } from './bench.js';
import { startCosts } from './costs.js';
import type { SqlJob } from './jobs.js';
import { interleave, median, perSecond, rangeOf } from './measure.js';
import type { Line } from './measure.js';
import { TOKEN, publish } from './processes.js';
import { FEEDS, emptyReference, referenceDatabase, target, verifyLog } from './targets.js';

interface Case {
  readonly what: string;
  readonly disk: 'fast' | 'slow';
  readonly feeds: 'ten' | 'hot';
  readonly connections: number;
  readonly reference: Pick<SqlJob, 'what' | 'concurrency'> & { readonly name: string };
  readonly reach: number;
  readonly aim: number;
}

/** Durable publishes a second, against batches of 200 that nobody waits for. */
export function measurePublish(bench: Bench): Promise<Line> {
  return measureCase(bench, {
    what: 'publish, 10 feeds, 128 connections',
    disk: 'fast',
    feeds: 'ten',
    connections: 128,
    reference: { what: 'batches', concurrency: 1, name: 'unnest inserts of 200' },
    reach: 0.2,
    aim: 0.35,
  });
}

/** All into one feed, against a transaction for each entry that takes the feed's counter. */
export function measureHotFeed(bench: Bench): Promise<Line> {
  return measureCase(bench, {
    what: 'publish, one hot feed, 32 connections',
    disk: 'fast',
    feeds: 'hot',
    connections: 32,
    reference: { what: 'counted rows', concurrency: 32, name: 'counter, one transaction a row' },
    reach: 3,
    aim: 5,
  });
}

/** A disk that takes 5 ms for a flush, against a transaction for each entry over ten connections. */
export function measureSlowDisk(bench: Bench): Promise<Line> {
  return measureCase(bench, {
    what: 'publish, slow disk (commit_delay 5 ms), 128 connections',
    disk: 'slow',
    feeds: 'ten',
    connections: 128,
    reference: { what: 'rows', concurrency: 128, name: 'one transaction a row, pool of 10' },
    reach: 3,
    aim: 5,
  });
}

async function measureCase(bench: Bench, one: Case): Promise<Line> {
  const ours = await target(bench, one.disk);
  const connectionString = await referenceDatabase(bench, one.disk);
  await emptyReference(connectionString);
  const { load, seconds } = bench;
  const request = { method: 'POST' as const, paths: one.feeds === 'ten' ? ours.feeds : [ours.hot], token: TOKEN };
  const { what, concurrency } = one.reference;
  const feeds = one.feeds === 'ten' ? FEEDS : 1;
  const p99s: number[] = [];
  const costs = startCosts(bench, ours.server.pid);

  const publishFor = async (duration: number): Promise<number> => {
    const until = { seconds: duration };
    const job = { connections: one.connections, until, request };
    const outcome = await costs.during(() => publish(load, ours.server, job));
    p99s.push(outcome.p99Ms);
    return outcome.perSecond;
  };
  const referenceFor = async (duration: number): Promise<number> => {
    const job = { kind: 'sql', connectionString, what, concurrency, feeds, seconds: duration } as const;
    return (await load.run(job)).perSecond;
  };

  await publishFor(seconds);
  await referenceFor(seconds / 2);
  const { ratios, ...rates } = await interleave(
    bench.rounds,
    () => publishFor(seconds),
    () => referenceFor(seconds),
  );
  return {
    what: one.what,
    ours: perSecond(median(rates.ours)),
    reference: `${perSecond(median(rates.reference))} ${one.reference.name}`,
    value: median(ratios),
    range: rangeOf(ratios),
    reach: one.reach,
    aim: one.aim,
    better: 'higher',
    unit: '',
    note: `p99 ${median(p99s).toFixed(1)} ms, ${costs.summary()}; ${await verifyLog(ours)}`,
  };
}
