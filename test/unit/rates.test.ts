import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeBuckets } from '../../src/http/rates/buckets.js';
import type { Bucket } from '../../src/http/rates/buckets.js';
import { startSettlement } from '../../src/http/rates/settlement.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { until } from '../support/waiting.js';

const logger = createLogger('silent');
const POLICY = { name: 'test', quota: 60 };

describe('the buckets of a limit', () => {
  const told: Bucket[] = [];
  const some = (): ReturnType<typeof makeBuckets> => {
    told.length = 0;
    return makeBuckets(POLICY, { tellFrom: 6, tell: (bucket) => told.push(bucket) });
  };

  it('are so many at most, whoever calls', () => {
    const buckets = some();
    for (let n = 0; n < 30_000; n++) buckets.take(buckets.of(`2001:db8:${n.toString(16)}:0::/56`), 1, 0);
    expect(buckets.size).to.equal(10_000);
    expect(told, 'and nobody is told of what was used once').to.deep.equal([]);
  });

  it('are told of with each tenth of the quota that is used at once', () => {
    const buckets = some();
    const bucket = buckets.of('a');
    for (let n = 0; n < 5; n++) buckets.take(bucket, 1, 0);
    expect(told).to.have.length(0);
    buckets.take(bucket, 1, 0);
    expect(told).to.deep.equal([bucket]);
    const slow = buckets.of('b');
    for (let n = 0; n < 100; n++) buckets.take(slow, 1, n * 1_000);
    expect(told, 'not of what has flowed in again').to.deep.equal([bucket]);
  });

  it('have keys that the database takes, whatever somebody is called', () => {
    const buckets = some();
    const names = ['jwt:é', 'a\0b', 'x'.repeat(4_000), '', 'token:4f1c'];
    const keys = names.map((name) => buckets.of(name).key);
    expect(new Set(keys).size).to.equal(names.length);
    for (const key of keys) expect(key).to.match(/^test [\x21-\x7e]{1,300}$/);
    expect(keys.at(-1)).to.equal('test token:4f1c');
  });
});

describe('telling other nodes what was used', () => {
  const aBucket = (key: string): Bucket => ({ key, fullAt: performance.now() + 1_000, untoldMs: 1_000 });

  it('takes a bounded part of a flood, a few at a time', async () => {
    const sizes: number[] = [];
    const settlement = startSettlement({
      settle: (spent) => {
        sizes.push(spent.length);
        return Promise.resolve(new Map());
      },
      logger,
    });
    for (let n = 0; n < 20_000; n++) settlement.tell(aBucket(String(n)));
    await until('all that was taken is told', () => sizes.reduce((sum, size) => sum + size, 0) === 5_000);
    await sleep(150);
    await settlement.stop();
    expect(sizes).to.deep.equal(new Array(25).fill(200));
  });

  it('takes over what others have used, with what was used here meanwhile', async () => {
    let answer: ((missing: Map<string, number>) => void) | undefined;
    const settlement = startSettlement({ settle: () => new Promise((resolve) => (answer = resolve)), logger });
    const bucket = aBucket('a');
    settlement.tell(bucket);
    await until('it is told', () => answer !== undefined);
    bucket.untoldMs += 500;
    const now = performance.now();
    answer?.(new Map([['a', 30_000]]));
    await until('it is taken over', () => bucket.fullAt > now + 2_000);
    expect(bucket.fullAt - now).to.be.within(30_400, 31_500);
    await settlement.stop();
  });

  it('names a key once, also where its bucket was forgotten while it waited', async () => {
    const told: (readonly { key: string; ms: number }[])[] = [];
    const settlement = startSettlement({
      settle: (spent) => {
        told.push(spent);
        return Promise.resolve(new Map([['a', 30_000]]));
      },
      logger,
    });
    const [forgotten, again] = [aBucket('a'), aBucket('a')];
    for (const bucket of [forgotten, aBucket('b'), again]) settlement.tell(bucket);
    const now = performance.now();
    await until('it is taken over', () => again.fullAt > now + 10_000);
    await settlement.stop();
    expect(told).to.deep.equal([
      [
        { key: 'a', ms: 2_000 },
        { key: 'b', ms: 1_000 },
      ],
    ]);
  });

  it('loses nothing when it fails, and tries again when more is used, no sooner than a second later', async () => {
    const attempts: { readonly at: number; readonly ms: number | undefined }[] = [];
    const settlement = startSettlement({
      settle: ([spent]) => {
        attempts.push({ at: performance.now(), ms: spent?.ms });
        return attempts.length === 1 ? Promise.reject(new Error('away')) : Promise.resolve(new Map([['a', 60_000]]));
      },
      logger,
    });
    const bucket = aBucket('a');
    settlement.tell(bucket);
    await until('it has failed', () => bucket.untoldMs === 1_000 && attempts.length === 1);
    for (let n = 0; n < 5; n++) {
      bucket.untoldMs += 100;
      settlement.tell(bucket);
    }
    await until('it is told', () => bucket.untoldMs === 0);
    await settlement.stop();
    expect(attempts.map(({ ms }) => ms)).to.deep.equal([1_000, 1_500]);
    expect((attempts[1]?.at ?? 0) - (attempts[0]?.at ?? 0)).to.be.at.least(950);
  });
});
