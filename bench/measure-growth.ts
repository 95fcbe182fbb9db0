import type { Bench } from './bench.js';
import { grownFeed } from './grown-feed.js';
import type { GrownFeed } from './grown-feed.js';
import type { GetRequest } from './jobs.js';
import { interleave, median, perSecond, rangeOf } from './measure.js';
import type { Line } from './measure.js';
import { TOKEN, publish } from './processes.js';

const SMALL = 10_000;
const CONNECTIONS = 8;
/** Shorter slices, but more of them: it is a few per cent that count here. */
const SLICES_A_ROUND = 3;
/** Few enough that the small feed stays small. */
const PUBLISHES_A_SLICE = 400;

/** What the same costs in a feed of ten thousand entries and in one of a million, each alone in its database. */
export async function measureGrowth(bench: Bench): Promise<Line[]> {
  const small = await grownFeed(bench, SMALL);
  const large = await grownFeed(bench, bench.large);
  const lines: Line[] = [];
  const measure = async (what: string, rate: (feed: GrownFeed) => Promise<number>): Promise<void> => {
    for (const feed of [small, large, small, large]) await rate(feed);
    // The small feed is "ours", so that what the large one costs more makes a ratio above 1.
    const { ratios, ...rates } = await interleave(
      bench.rounds * SLICES_A_ROUND,
      () => rate(small),
      () => rate(large),
    );
    lines.push({
      what: `growth of ${what}`,
      ours: `${perSecond(median(rates.reference))} at ${large.entries.toLocaleString('en')}`,
      reference: `${perSecond(median(rates.ours))} at ${small.entries.toLocaleString('en')}`,
      value: median(ratios),
      range: rangeOf(ratios),
      reach: 1.2,
      aim: 1.1,
      better: 'lower',
      unit: '',
    });
  };
  const get = (varied?: 'position' | 'entry id' | 'tenant') => async (feed: GrownFeed) => {
    const request: GetRequest = {
      method: 'GET',
      path: feed.path,
      ...(varied === undefined ? {} : { varied: { by: varied, entries: feed.entries } }),
    };
    const until = { seconds: bench.seconds / SLICES_A_ROUND };
    const job = { kind: 'http', url: feed.server.url, connections: CONNECTIONS, until, request, expect: 200 } as const;
    return (await bench.load.run(job)).perSecond;
  };
  await measure('head', get());
  await measure('deep page', get('position'));
  await measure('page filtered by one term', get('tenant'));
  await measure('marker look-up', get('entry id'));
  await measure('publish', async ({ server, path }) => {
    const request = { method: 'POST', paths: [path], token: TOKEN } as const;
    const until = { answers: PUBLISHES_A_SLICE };
    return (await publish(bench.load, server, { connections: CONNECTIONS, until, request })).perSecond;
  });
  return lines;
}
