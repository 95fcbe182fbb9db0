import { expect } from 'chai';
import type { Pool } from 'pg';
import { startUsageMeter } from '../../src/actions/usage-meter.js';
import type { UsageMeter } from '../../src/actions/usage-meter.js';
import { openPool, reader } from '../../src/store/db.js';
import { inTransaction } from '../../src/store/transaction.js';
import { countOctets } from '../../src/store/usage.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { retain } from '../../src/workers/retention.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { deleteFeed } from '../support/deletion.js';
import { ask } from '../support/log.js';
import { publishSome } from '../support/publish.js';
import { until } from '../support/waiting.js';

describe('the bytes of a workspace', function () {
  this.timeout(60_000);
  let app: TestApp;
  let pool: Pool;
  let meter: UsageMeter;
  const logger = createLogger('silent');

  before(async () => {
    app = await startApp({ env: { RETENTION_SECONDS: '86400' } });
    pool = openPool({ connectionString: app.database.url }, { size: 4 });
    meter = startUsageMeter({ db: reader(pool), pool, logger });
    await app.feed('one', { keepEntries: 100 });
    await app.feed('two', { keepEntries: 2_400 });
  });
  after(async () => {
    await meter.stop();
    await pool.end();
    await app.stop();
  });

  const setQuotas = (quotas: Record<string, number>): Promise<Response> =>
    app.request('/admin/workspaces/shop', {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ quotas }),
    });
  const stored = async (): Promise<number> => {
    const [row] = await ask<{ octets: string }>(
      app.database.url,
      `select sum(octets) as octets from entries join feeds using (feed_id) where workspace = 'shop'`,
    );
    return Number(row!.octets);
  };
  const counted = async (): Promise<[number, number]> => {
    const [row] = await ask<{ octets: string; behind: string }>(
      app.database.url,
      `select sum(u.octets) as octets,
              (select coalesce(sum(e.octets), 0) from entries e join feed_usage u using (feed_id)
                where e.position <= u.counted_to) as behind
         from feed_usage u`,
    );
    return [Number(row!.octets), Number(row!.behind)];
  };
  const count = (): Promise<boolean> => inTransaction(pool, (tx) => countOctets(tx, ['shop', 'none']));
  const run = (): Promise<void> =>
    retain(
      {
        pool,
        db: reader(pool),
        memory: { changed: () => undefined },
        metrics: { removed: () => undefined },
        logger,
      },
      new AbortController().signal,
    );

  it('are not counted before there is a quota of them', async () => {
    await publishSome(app, '/feeds/shop/one', 2_500);
    await publishSome(app, '/feeds/shop/two', 2_500);
    expect(await meter.usage('shop')).to.deep.equal({ entries: 5_000, octets: 0, isComplete: true });
    expect(await counted()).to.deep.equal([0, 0]);
  });

  it('are counted a little at a time from then on, and say so until they are', async () => {
    await setQuotas({ bytes: 1_000_000_000 });
    const first = await meter.usage('shop');
    expect(first.isComplete).to.equal(false);
    expect(first.octets).to.be.within(1, (await stored()) - 1);
    await until('all is counted', async () => (await meter.usage('shop')).isComplete);
    expect((await meter.usage('shop')).octets).to.equal(await stored());
    const [octets, behind] = await counted();
    expect(octets).to.equal(behind).and.to.be.above(0);
  });

  it('are given back by retention and by deletions, whoever counts meanwhile', async () => {
    const over = new AbortController();
    const counting = (async () => {
      while (!over.signal.aborted) await count();
    })();
    const publishing = (async () => {
      for (let n = 0; n < 10; n++) await publishSome(app, '/feeds/shop/one', 200);
    })();
    for (let n = 0; n < 5; n++) await run();
    await publishing;
    await run();
    expect((await meter.usage('shop')).octets).to.equal(await stored());
    await deleteFeed(app, '/feeds/shop/two');
    expect((await meter.usage('shop')).octets).to.equal(await stored());
    await deleteFeed(app, '/feeds/shop/two', { purge: true });
    await run();
    over.abort();
    await counting;
    expect((await meter.usage('shop')).octets)
      .to.equal(await stored())
      .and.to.be.below(200_000);
    const [octets, behind] = await counted();
    expect(octets).to.equal(behind);
  });

  it('are counted also in a workspace of many feeds whose entries were gone before they were counted', async () => {
    const put = (path: string, body: object): Promise<Response> =>
      app.request(path, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    await put('/admin/workspaces/gone', { quotas: { bytes: 1_000_000_000 } });
    await put('/admin/feeds/gone/live', {});
    await publishSome(app, '/feeds/gone/live', 10);
    await ask(
      app.database.url,
      `with gone as (
         insert into feeds (workspace, name, atom_id, settings)
         select 'gone', 'f' || n, 'urn:gone:' || n, '{}' from generate_series(1, 100) n
         returning partition_id, feed_id)
       insert into ticks (partition_id, tick, feed_id, first_position, last_position, recorded_at)
       select partition_id, (select max(tick) from ticks), feed_id, 1, 5000, now() from gone`,
    );
    // As many as are counted at once are further behind than the one that has something to count.
    for (let n = 0; n < 2; n++) await inTransaction(pool, (tx) => countOctets(tx, ['gone']));
    const [row] = await ask<{ behind: number; octets: string }>(
      app.database.url,
      `select count(*) filter (where u.counted_to <> case when f.name = 'live' then 10 else 5000 end)::int as behind,
              sum(u.octets) as octets
         from feed_usage u join feeds f using (feed_id)
        where f.workspace = 'gone'`,
    );
    expect(row!.behind).to.equal(0);
    expect(Number(row!.octets))
      .to.equal((await meter.usage('gone')).octets)
      .and.to.be.above(0);
    expect(await inTransaction(pool, (tx) => countOctets(tx, ['gone'])), 'something is left').to.equal(false);
  });

  it('of a workspace that is not there, or has no feeds, are none', async () => {
    expect(await meter.usage('none')).to.deep.equal({ entries: 0, octets: 0, isComplete: true });
  });
});
