import type { Bench } from './bench.js';
import { median, rangeOf } from './measure.js';
import type { Line } from './measure.js';
import { TOKEN, publish, startLoad } from './processes.js';
import { target } from './targets.js';

const WRITER_CONNECTIONS = 8;

/** From sending an entry until a poller has it: on an idle server, and beside a writer that takes what it can get. */
export async function measureVisible(bench: Bench): Promise<Line[]> {
  const { server, hot, feeds } = await target(bench);
  const writer = startLoad();
  const idle = { p50: [] as number[], p99: [] as number[] };
  const beside = { p50: [] as number[], p99: [] as number[] };
  const rates: number[] = [];
  const probe = (seconds: number) =>
    bench.load.run({ kind: 'probe', url: server.url, path: hot, token: TOKEN, seconds });
  try {
    await probeAndCount(1);
    for (let round = 0; round < bench.rounds; round++) {
      const alone = await probeAndCount(bench.seconds);
      idle.p50.push(alone.p50Ms);
      idle.p99.push(alone.p99Ms);
      const request = { method: 'POST', paths: feeds, token: TOKEN } as const;
      const until = { seconds: bench.seconds + 0.5 };
      const [written, watched] = await Promise.all([
        publish(writer, server, { connections: WRITER_CONNECTIONS, until, request }),
        probeAndCount(bench.seconds),
      ]);
      rates.push(written.perSecond);
      beside.p50.push(watched.p50Ms);
      beside.p99.push(watched.p99Ms);
    }
  } finally {
    await writer.stop();
  }
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  const line = (what: string, values: number[], reach: number, aim: number, note?: string): Line => ({
    what,
    ours: ms(median(values)),
    reference: '',
    value: median(values),
    range: rangeOf(values),
    reach,
    aim,
    better: 'lower',
    unit: 'ms',
    note,
  });
  return [
    line('publish to visible, idle, p50', idle.p50, 3, 2),
    line('publish to visible, idle, p99', idle.p99, 10, 6),
    line(
      'publish to visible beside a saturating writer, p99',
      beside.p99,
      15,
      8,
      `${String(WRITER_CONNECTIONS)} connections write ${Math.round(median(rates)).toLocaleString('en')} entries/s; p50 ${ms(median(beside.p50))}`,
    ),
  ];

  async function probeAndCount(seconds: number) {
    const outcome = await probe(seconds);
    server.published += outcome.answers;
    return outcome;
  }
}
