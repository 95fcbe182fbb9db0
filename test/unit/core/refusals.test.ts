import { expect } from 'chai';
import { gatherRefusals } from '../../../src/core/refusals.js';
import type { Refusal } from '../../../src/core/refusals.js';

const ONE: Refusal = {
  by: 'token:1',
  address: '192.0.2.1',
  reason: 'forbidden',
  method: 'GET',
  path: '/feeds/shop/orders',
};

describe('refusals', () => {
  it('of one principal for one reason are one sum, with their number, times and requests', () => {
    const refusals = gatherRefusals();
    const before = new Date().toISOString();
    for (let n = 0; n < 100_000; n++) refusals.note(ONE);
    refusals.note({ ...ONE, method: 'POST', address: '192.0.2.2' });
    refusals.note({ ...ONE, reason: 'unknown' });
    const [sum, other, ...rest] = refusals.take();
    expect(rest).to.deep.equal([]);
    expect(sum).to.deep.include({ by: 'token:1', address: '192.0.2.2', reason: 'forbidden', count: 100_001, more: 0 });
    expect(sum!.requests).to.deep.equal([
      { method: 'GET', path: ONE.path, count: 100_000 },
      { method: 'POST', path: ONE.path, count: 1 },
    ]);
    expect(sum!.first >= before && sum!.last >= sum!.first).to.equal(true);
    expect(other).to.deep.include({ by: 'token:1', reason: 'unknown', count: 1 });
    expect(refusals.take()).to.deep.equal([]);
  });

  it('of nobody known are summed by address, of IPv6 by network', () => {
    const refusals = gatherRefusals();
    for (const address of [
      '192.0.2.1',
      '::ffff:192.0.2.1',
      '2001:db8:0:100::1',
      '2001:DB8::1ff:0:0:0:7',
      '2001:db8::7',
    ]) {
      refusals.note({ ...ONE, by: undefined, address });
    }
    expect(refusals.take().map(({ by, address, count }) => [by, address, count])).to.deep.equal([
      ['anonymous', '192.0.2.1', 2],
      ['anonymous', '2001:db8:0:100::/56', 2],
      ['anonymous', '2001:db8:0:0::/56', 1],
    ]);
  });

  it('tell of ten requests, and how many more there were', () => {
    const refusals = gatherRefusals();
    for (let n = 0; n < 25; n++) refusals.note({ ...ONE, path: `/feeds/shop/${String(n)}${'x'.repeat(1_000)}` });
    const [sum] = refusals.take();
    expect([sum!.requests.length, sum!.more, sum!.count]).to.deep.equal([10, 15, 25]);
    for (const { path } of sum!.requests) expect(path).to.have.length(200);
  });

  it('of very many are summed as others, and strangers do not crowd out principals', () => {
    const refusals = gatherRefusals();
    for (let n = 0; n < 100_000; n++) {
      refusals.note({
        ...ONE,
        by: undefined,
        address: `10.${String(n >> 16)}.${String((n >> 8) & 255)}.${String(n & 255)}`,
      });
    }
    refusals.note(ONE);
    for (let n = 0; n < 1_000; n++) refusals.note({ ...ONE, by: `user:${String(n)}` });
    const sums = refusals.take();
    expect(sums).to.have.length(202);
    expect(sums.find(({ by }) => by === 'token:1')).to.include({ count: 1 });
    expect(sums.find(({ address }) => address === 'others')).to.include({ by: 'anonymous', count: 100_000 - 100 });
    expect(sums.find(({ by }) => by === 'others')).to.include({ count: 1_000 - 99 });
  });
});
