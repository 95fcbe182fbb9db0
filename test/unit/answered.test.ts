import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { tellOfAnswered } from '../../src/telemetry/answered.js';
import type { Answered } from '../../src/telemetry/answered.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { createMetrics } from '../../src/telemetry/metrics.js';

const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const fileOf = (name: string): string => fileURLToPath(new URL(`../../src/telemetry/${name}.ts`, import.meta.url));
const [LOGGER, ANSWERED_FILE, METRICS] = [fileOf('logger'), fileOf('answered'), fileOf('metrics')];

const ANSWERED: Answered = {
  requestId: 'r1',
  client: '127.0.0.1',
  route: '/feeds/:workspace/:feed',
  method: 'GET',
  url: '/feeds/shop/orders?marker=1',
  status: 200,
  at: Date.UTC(2026, 10, 23, 8, 30),
  ms: 0.123_456,
};

describe('what is told of answered requests', () => {
  const stops: (() => void)[] = [];
  after(() => {
    for (const stop of stops) stop();
  });

  function telling(level: 'info' | 'warn' = 'info') {
    const written: string[] = [];
    const logger = createLogger(level, { write: (text: string) => void written.push(text) });
    const metrics = createMetrics();
    const withoutSecrets = (text: string): string => text.replace('hush', '…');
    const lines = () =>
      written
        .join('')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const { tell, stop } = tellOfAnswered({ logger, metrics, withoutSecrets });
    stops.push(stop);
    return { tell, stop, metrics, lines };
  }

  it('is a line of JSON for each, in their order, without secrets, whatever was sent', () => {
    const { tell, stop, lines } = telling();
    const urls = ['/plain', '/"quoted"\\', '/ü\u0001\u2028', '/?token=hush', '/'];
    for (const url of urls) tell({ ...ANSWERED, url, requestId: `of ${url}` });
    expect(lines()).to.deep.equal([]);
    stop();
    expect(lines().map(({ url }) => url)).to.deep.equal(['/plain', '/"quoted"\\', '/ü\u0001\u2028', '/?token=…', '/']);
    expect(lines()[1]).to.deep.equal({
      level: 'info',
      time: '2026-11-23T08:30:00.000Z',
      requestId: 'of /"quoted"\\',
      client: '127.0.0.1',
      method: 'GET',
      url: '/"quoted"\\',
      status: 200,
      ms: 0.123,
      msg: 'request',
    });
  });

  it('is written before long, and at once when there is much of it', async () => {
    const { tell, lines } = telling();
    for (let n = 0; n < 1_000; n += 1) tell({ ...ANSWERED, status: n });
    const atOnce = lines().length;
    expect(atOnce).to.be.within(500, 1_000);
    // The timer keeps no process alive, and this one does.
    const end = performance.now() + 5_000;
    while (lines().length < 1_000 && performance.now() < end) await sleep(10);
    expect(lines().map(({ status }) => status)).to.deep.equal(Array.from({ length: 1_000 }, (_, n) => n));
  });

  it('is written at once when the URLs are long, and when no more is to come', () => {
    const { tell, stop, lines } = telling();
    for (let n = 0; n < 3; n += 1) tell({ ...ANSWERED, url: `/${'x'.repeat(11_000)}` });
    expect(lines()).to.have.length(3);
    stop();
    tell(ANSWERED);
    expect(lines()).to.have.length(4);
  });

  it('leaves nothing behind that is called when the process exits', () => {
    const before = process.listenerCount('exit');
    const { stop } = telling();
    expect(process.listenerCount('exit')).to.equal(before);
    stop();
  });

  it('is written to the last line when the process exits, whoever reads it', async () => {
    const script = `import { createLogger } from ${JSON.stringify(pathToFileURL(LOGGER).href)};
      import { tellOfAnswered } from ${JSON.stringify(pathToFileURL(ANSWERED_FILE).href)};
      import { createMetrics } from ${JSON.stringify(pathToFileURL(METRICS).href)};
      // As the server has done before: from then on what is written at once is no more than the system has room for.
      process.stdout.write('{"status":0}\\n');
      const metrics = createMetrics();
      const { tell } = tellOfAnswered({ logger: createLogger('info'), metrics, withoutSecrets: (text) => text });
      const answered = ${JSON.stringify({ ...ANSWERED, requestId: 'r'.repeat(2_000) })};
      for (let n = 1; n <= 250; n++) tell({ ...answered, status: n });
      process.exit(1);`;
    const child = spawn(process.execPath, ['--import', TSX, '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    await once(child, 'close');
    const statuses = output
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { status: number }).status);
    expect(statuses).to.deep.equal(Array.from({ length: 251 }, (_, n) => n));
  });

  it('is counted before the metrics are read, whether lines are written or not', async () => {
    for (const level of ['info', 'warn'] as const) {
      const { tell, metrics, lines } = telling(level);
      tell(ANSWERED);
      tell(ANSWERED);
      expect(await metrics.text()).to.contain(
        'millrace_http_request_duration_seconds_count{route="/feeds/:workspace/:feed",method="GET",status="200"} 2',
      );
      expect(lines()).to.have.length(level === 'info' ? 2 : 0);
    }
  });
});
