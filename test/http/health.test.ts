import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { auditPublished } from '../support/audit.js';
import { ask } from '../support/log.js';
import { publish } from '../support/publish.js';
import { until } from '../support/waiting.js';
import { withDatabase } from '../support/database.js';

describe('health', () => {
  let app: TestApp;

  before(async () => {
    app = await startApp();
  });
  after(() => app.stop());

  it('is told to anyone, without a token', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      const response = await app.request(path, { anonymous: true });
      expect(response.status, path).to.equal(200);
      expect(response.headers.get('cache-control'), path).to.equal('no-store');
      const head = await app.request(path, { anonymous: true, method: 'HEAD' });
      expect([head.status, await head.text()], path).to.deep.equal([200, '']);
      const refused = await app.request(path, { anonymous: true, method: 'POST' });
      expect([refused.status, refused.headers.get('allow')], path).to.deep.equal([405, 'GET, HEAD, OPTIONS']);
    }
  });

  it('counts requests by the pattern of their route, never by their URL', async () => {
    const path = await app.feed('counted');
    await app.request(path);
    await app.request(path);
    await app.request('/no/such/place/at/all');
    await publish(app, path);
    const text = await (await app.request('/metrics')).text();
    const count = (labels: string): number =>
      Number(
        new RegExp(`^millrace_http_request_duration_seconds_count\\{${labels}\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0,
      );
    expect(count('route="/feeds/:workspace/:feed",method="GET",status="200"')).to.equal(2);
    expect(count('route="/feeds/:workspace/:feed",method="POST",status="201"')).to.equal(1);
    expect(text).not.to.include('such');
    expect(text).not.to.include('counted');
  });

  it('counts what was published, and has a legal text for each series', async () => {
    const path = await app.feed('published');
    const metric = async (name: string): Promise<number> => {
      const text = await (await app.request('/metrics')).text();
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
    };
    await auditPublished(app.database.url);
    const before = await metric('millrace_entries_published_total');
    await publish(app, path);
    await publish(app, path);
    expect(await metric('millrace_entries_published_total')).to.equal(before + 2);
    expect(await metric('millrace_head_memory_listening')).to.equal(1);
    expect(await metric('millrace_queue_bytes')).to.equal(0);
    expect(await metric('millrace_pool_connections_open')).to.be.within(1, 10);

    const response = await app.request('/metrics');
    expect(response.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/);
    const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    for (const line of lines)
      expect(line).to.match(/^[a-z_:][a-z0-9_:]*(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? \S+$/i);
  });

  it('is not ready, and says why, while the database is away', async () => {
    const node = await startApp();
    const status = async (): Promise<{ status: number; fails: string[] }> => {
      const response = await node.request('/readyz', { anonymous: true });
      const { fails = [] } = (await response.json()) as { fails?: string[] };
      return { status: response.status, fails };
    };
    const name = new URL(node.database.url.replace(/^postgres(ql)?:\/\/[^/]*/, 'http://x')).pathname.slice(1);
    const elsewhere = withDatabase(node.database.url, 'postgres');
    try {
      expect(await status()).to.deep.equal({ status: 200, fails: [] });
      await ask(elsewhere, `alter database ${name} allow_connections false`);
      await ask(elsewhere, 'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
      await until('it is not ready', async () => (await status()).status === 503);
      expect((await status()).fails).to.include('database');
      expect((await node.request('/healthz')).status).to.equal(200);
      await ask(elsewhere, `alter database ${name} allow_connections true`);
      await until('it is ready again', async () => (await status()).status === 200);
    } finally {
      await ask(elsewhere, `alter database ${name} allow_connections true`);
      await node.stop();
    }
  });
});
