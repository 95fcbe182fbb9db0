import type { Bench } from './bench.js';
import { median, rangeOf } from './measure.js';
import type { Line } from './measure.js';
import { TOKEN, publish, startLoad } from './processes.js';
import { target } from './targets.js';

const WRITER_CONNECTIONS = 8;
/** Of a poller that leaves the server idle between its polls: half of it, and what its timer takes longer, is in its times. */
const PAUSE_MS = 1;

/**
 * From sending an entry until a poller has it that asks again as soon as it is answered: where nobody else does anything, and beside a
 * writer that takes what it can get; and the same for a poller that pauses.
 */
export async function measureVisible(bench: Bench): Promise<Line[]> {
  const { server, hot, feeds } = await target(bench);
  const writer = startLoad();
  const idle = times();
  const paused = times();
  const beside = times();
  const pausedBeside = times();
  const rates: number[] = [];
  const probe = async (seconds: number, pauseMs: number, into?: Times): Promise<void> => {
    const outcome = await bench.load.run({ kind: 'probe', url: server.url, path: hot, token: TOKEN, seconds, pauseMs });
    server.published += outcome.answers;
    into?.p50.push(outcome.p50Ms);
    into?.p99.push(outcome.p99Ms);
  };
  const probeBesideWriter = async (pauseMs: number, into?: Times): Promise<void> => {
    const request = { method: 'POST', paths: feeds, token: TOKEN } as const;
    const until = { seconds: bench.seconds + 0.5 };
    const [written] = await Promise.all([
      publish(writer, server, { connections: WRITER_CONNECTIONS, until, request }),
      probe(bench.seconds, pauseMs, into),
    ]);
    if (into === beside) rates.push(written.perSecond);
  };
  try {
    // A server that has run for a while: of what is done a hundred times a second V8 has made up its mind only after some seconds.
    await probe(bench.seconds, 0);
    await probeBesideWriter(0);
    await probe(bench.seconds, 0);
    for (let round = 0; round < bench.rounds; round++) {
      await probe(bench.seconds, 0, idle);
      await probe(bench.seconds, PAUSE_MS, paused);
      await probeBesideWriter(0, beside);
      await probeBesideWriter(PAUSE_MS, pausedBeside);
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
  const whoPauses = `a poller that pauses for ${String(PAUSE_MS)} ms`;
  return [
    line('publish to visible, idle, p50', idle.p50, 3, 2),
    line('publish to visible, idle, p99', idle.p99, 10, 6),
    line(`… to ${whoPauses}, idle, p50`, paused.p50, 3, 2),
    line(`… to ${whoPauses}, idle, p99`, paused.p99, 10, 6),
    line(
      'publish to visible beside a saturating writer, p99',
      beside.p99,
      15,
      8,
      `${String(WRITER_CONNECTIONS)} connections write ${Math.round(median(rates)).toLocaleString('en')} entries/s; p50 ${ms(median(beside.p50))}`,
    ),
    line(`… to ${whoPauses}, beside the writer, p99`, pausedBeside.p99, 15, 8),
  ];
}

interface Times {
  readonly p50: number[];
  readonly p99: number[];
}

function times(): Times {
  return { p50: [], p99: [] };
}
