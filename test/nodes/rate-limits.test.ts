import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { createDatabase } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';
import { ask } from '../support/log.js';
import { startProxy } from '../support/proxy.js';
import { bearing, issue } from '../support/tokens.js';
import { until } from '../support/waiting.js';

/** More than a node waits before it tells what was used. */
const PACE_MS = 80;

describe('limits on use that several nodes share', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let nodes: [TestApp, TestApp];
  let feed: string;

  before(async () => {
    database = await createDatabase();
    const env = { RATE_READ: '20', RATE_PUBLISH: '20', RATE_FAILED_LOGINS_ADDRESS: '10' };
    nodes = [await startApp({ database, env }), await startApp({ database, env })];
    feed = await nodes[0].feed('orders');
  });
  after(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await database.drop();
  });

  const statusOf = async (node: TestApp, headers: Record<string, string>): Promise<number> => {
    const response = await node.request(feed, { headers });
    await response.arrayBuffer();
    return response.status;
  };
  /** How often it is answered so until it is 429. */
  async function answersBefore429(node: TestApp, headers: Record<string, string>, status: number): Promise<number> {
    for (let n = 0; n < 40; n++) {
      const found = await statusOf(node, headers);
      if (found === 429) return n;
      expect(found).to.equal(status);
      await sleep(PACE_MS);
    }
    throw new Error('never refused');
  }

  /** Most of the quota is missing, as all nodes know. */
  const isUsedUp = async (key: string): Promise<boolean> => {
    const rows = await ask(
      database.url,
      `select 1 from rates where key like '${key}%' and full_at > now() + interval '40 seconds'`,
    );
    return rows.length > 0;
  };

  it('refuse on one node who has used it up on the other, but for a tenth', async () => {
    const { id, token } = await issue(nodes[0], [{ role: 'reader' }]);
    const headers = bearing({ token });
    expect(await answersBefore429(nodes[0], headers, 200)).to.be.within(20, 26);
    await until('the other node can know', () => isUsedUp(`read token:${id}`));
    expect(await answersBefore429(nodes[1], headers, 200)).to.be.within(1, 8);
  });

  it('let through little more than the quota when both are used in turn', async () => {
    const headers = bearing(await issue(nodes[0], [{ role: 'reader' }]));
    let answered = 0;
    for (let n = 0; n < 40; n++) {
      if ((await statusOf(nodes[n % 2]!, headers)) === 200) answered += 1;
      await sleep(PACE_MS);
    }
    // The quota, a tenth of it on each node, and what flows in within the seconds that this takes.
    expect(answered).to.be.within(20, 34);
  });

  it('refuse one more failed login at most on a node that has not heard of those on the other', async () => {
    const wrong = bearing({ token: 'guess' });
    expect(await answersBefore429(nodes[0], wrong, 401)).to.be.within(10, 13);
    await until('the other node can know', () => isUsedUp('failed-logins-address'));
    expect(await answersBefore429(nodes[1], wrong, 401)).to.be.within(1, 3);
  });

  it('are counted by each node on its own while the database is away, and shared again afterwards', async () => {
    const proxy = await startProxy(database.url);
    const node = await startApp({ database: { ...database, url: proxy.url }, env: { RATE_READ_ANONYMOUS: '60' } });
    try {
      const read = async (): Promise<number> => {
        const response = await node.request(feed, { anonymous: true });
        await response.arrayBuffer();
        return response.status;
      };
      expect(await read()).to.equal(401);
      proxy.refuse(true);
      let status = 0;
      for (let n = 0; n < 200 && status !== 429; n++) {
        status = await read();
        expect(status).to.be.oneOf([401, 429, 503]);
      }
      expect(status).to.equal(429);
      expect(await isUsedUp('read-anonymous')).to.equal(false);
      proxy.refuse(false);
      await until('the others can know', async () => {
        await read();
        await sleep(PACE_MS);
        return isUsedUp('read-anonymous');
      });
    } finally {
      await node.stop();
      await proxy.stop();
    }
  });

  it('leave nothing in the database when they are not in use any more', async () => {
    await ask(database.url, `update rates set full_at = now() - interval '1 second'`);
    const other = await startApp({ database });
    try {
      await until('they are gone', async () => (await ask(database.url, 'select 1 from rates')).length === 0);
    } finally {
      await other.stop();
    }
  });
});
