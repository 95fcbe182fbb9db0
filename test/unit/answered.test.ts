import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { flushLogger, tellOfAnswered } from '../../src/telemetry/answered.js';
import type { Answered } from '../../src/telemetry/answered.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { createMetrics } from '../../src/telemetry/metrics.js';

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
    return { tell: tellOfAnswered({ logger, metrics, withoutSecrets }), logger, metrics, lines };
  }

  it('is a line of JSON for each, in their order, without secrets, whatever was sent', async () => {
    const { tell, logger, lines } = telling();
    const urls = ['/plain', '/"quoted"\\', '/ü\u0001\u2028', '/?token=hush', '/'];
    for (const url of urls) tell({ ...ANSWERED, url, requestId: `of ${url}` });
    await flushLogger(logger);
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
