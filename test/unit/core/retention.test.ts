import { expect } from 'chai';
import fc from 'fast-check';
import { floorFor } from '../../../src/core/retention.js';

describe('floorFor', () => {
  const rule = (settings: { keepDays?: number; keepEntries?: number }) => ({ settings, pageSize: 25 });

  it('keeps everything when nothing was chosen', () => {
    expect(floorFor(rule({}), 1_000n, 900n)).to.equal(1n);
  });

  it('lets whole pages go when enough newer entries are there', () => {
    expect(floorFor(rule({ keepEntries: 100 }), 124n, 0n)).to.equal(1n);
    expect(floorFor(rule({ keepEntries: 100 }), 125n, 0n)).to.equal(26n);
    expect(floorFor(rule({ keepEntries: 100 }), 149n, 0n)).to.equal(26n);
    expect(floorFor(rule({ keepEntries: 100 }), 150n, 0n)).to.equal(51n);
  });

  it('lets whole pages go that are old enough', () => {
    expect(floorFor(rule({ keepDays: 7 }), 200n, 49n)).to.equal(26n);
    expect(floorFor(rule({ keepDays: 7 }), 200n, 50n)).to.equal(51n);
  });

  it('takes what goes first when both were chosen', () => {
    expect(floorFor(rule({ keepDays: 7, keepEntries: 100 }), 200n, 25n)).to.equal(101n);
    expect(floorFor(rule({ keepDays: 7, keepEntries: 150 }), 200n, 100n)).to.equal(101n);
  });

  it('keeps everything of a feed that is empty, or shorter than what it keeps', () => {
    expect(floorFor(rule({ keepDays: 1, keepEntries: 10 }), 0n, 0n)).to.equal(1n);
    expect(floorFor(rule({ keepEntries: 1_000_000 }), 50n, 0n)).to.equal(1n);
  });

  it('never takes more than was chosen, and stands at the beginning of a page', () => {
    const size = fc.integer({ min: 1, max: 200 });
    const count = fc.integer({ min: 0, max: 5_000 });
    fc.assert(
      fc.property(size, count, count, fc.integer({ min: 1, max: 5_000 }), (pageSize, head, old, keepEntries) => {
        const expired = Math.min(old, head);
        const floor = floorFor({ settings: { keepDays: 3, keepEntries }, pageSize }, BigInt(head), BigInt(expired));
        const gone = Number(floor) - 1;
        expect(gone % pageSize).to.equal(0);
        expect(gone).to.be.at.most(Math.max(expired, head - keepEntries, 0));
        expect(gone + pageSize).to.be.above(Math.max(expired, head - keepEntries, 0));
      }),
    );
  });
});
