import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry } from '../support/build.js';
import { createDatabase } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';
import { ask } from '../support/log.js';
import { post } from '../support/publish.js';
import { until } from '../support/waiting.js';

describe('quotas on two nodes', function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let nodes: [TestApp, TestApp];

  before(async () => {
    database = await createDatabase();
    nodes = await Promise.all([startApp({ database }), startApp({ database })]);
    await nodes[0].feed('orders');
  });
  after(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    await database.drop();
  });

  const path = '/feeds/shop/orders';
  const setQuotas = async (quotas: Record<string, number>): Promise<void> => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ quotas });
    expect((await nodes[0].request('/admin/workspaces/shop', { method: 'PUT', headers, body })).status).to.equal(200);
  };
  const used = async (node: TestApp): Promise<Record<string, number>> => {
    const response = await node.request('/admin/workspaces/shop');
    return ((await response.json()) as { used: Record<string, number> }).used;
  };
  const status = async (node: TestApp, body = anEntry()): Promise<number> => (await post(node, path, body)).status;

  it('are in force on the other within a second or so, and lifted as soon', async () => {
    await setQuotas({ entriesPerDay: 0 });
    expect(await status(nodes[0])).to.equal(403);
    await until('the other refuses too', async () => (await status(nodes[1])) === 403);
    await setQuotas({});
    await until('the other takes entries again', async () => (await status(nodes[1])) === 201);
  });

  it('are known to both, and exceeded by what the others publish in a second at most', async () => {
    const before = (await used(nodes[0]))['entriesPerDay']!;
    const quota = before + 60;
    await setQuotas({ entriesPerDay: quota });
    await sleep(1_100);
    let stop = false;
    const taken: number[] = [];
    const publishing = nodes.flatMap((node) =>
      [1, 2].map(async () => {
        while (!stop) {
          const answer = await status(node);
          expect(answer).to.be.oneOf([201, 429]);
          if (answer === 201) taken.push(performance.now());
          await sleep(5);
        }
      }),
    );
    await until('the quota is used up', () => taken.length >= 60);
    const full = taken[59]!;
    await sleep(2_500);
    stop = true;
    await Promise.all(publishing);
    // Readings are made in the background, so that one may be a little older than a second when it is gone by.
    expect(taken.filter((at) => at > full + 2_000)).to.have.length(0);
    for (const node of nodes) expect((await used(node))['entriesPerDay']).to.equal(before + taken.length);
    for (const node of nodes) expect(await status(node)).to.equal(429);
  });

  it('of bytes are known to both as well, and to a node that has just started', async () => {
    await setQuotas({ bytes: (await bytes()) + 5_000 });
    await until('the other knows', async () => (await used(nodes[1]))['bytes'] !== undefined);
    expect(await status(nodes[0], anEntry({ title: 'x'.repeat(4_000) }))).to.equal(201);
    await sleep(1_100);
    expect(await status(nodes[1], anEntry({ title: 'x'.repeat(4_000) }))).to.equal(403);
    const third = await startApp({ database });
    try {
      expect(await status(third, anEntry({ title: 'x'.repeat(4_000) }))).to.equal(403);
      expect((await used(third))['bytes']).to.equal(await bytes());
    } finally {
      await third.stop();
    }
  });

  async function bytes(): Promise<number> {
    const [row] = await ask<{ octets: string }>(
      database.url,
      `select sum(octets) as octets from entries join feeds using (feed_id) where workspace = 'shop'`,
    );
    return Number(row!.octets);
  }
});
