import { expect } from 'chai';
import fc from 'fast-check';
import { fullAfter, refillMs, unitsLeft, waitMs, wholeSeconds } from '../../../src/core/rate.js';
import type { RatePolicy } from '../../../src/core/rate.js';

const WINDOW_MS = 60_000;
const EMPTY_SINCE_EVER = 0;

function aPolicy(quota: number): RatePolicy {
  return { name: 'test', quota };
}

/** Takes what it may, and tells how much that was. */
function taken(
  policy: RatePolicy,
  requests: readonly { after: number; units: number }[],
): { at: number; units: number }[] {
  let fullAt = EMPTY_SINCE_EVER;
  let now = 1_000;
  return requests.flatMap(({ after, units }) => {
    now += after;
    if (waitMs(policy, fullAt, now, units) > 0) return [];
    fullAt = fullAfter(policy, fullAt, now, units);
    return [{ at: now, units }];
  });
}

describe('the limit of a rate', () => {
  it('gives all of the quota at once, and then no more, whatever its size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.double({ min: 0, max: 1e9, noNaN: true }), (quota, now) => {
        const policy = aPolicy(quota);
        let fullAt = EMPTY_SINCE_EVER;
        for (let n = 0; n < quota; n++) {
          expect(waitMs(policy, fullAt, now, 1)).to.equal(0);
          expect(unitsLeft(policy, fullAt, now)).to.equal(quota - n);
          fullAt = fullAfter(policy, fullAt, now, 1);
        }
        expect(unitsLeft(policy, fullAt, now)).to.equal(0);
        expect(waitMs(policy, fullAt, now, 1)).to.be.closeTo(refillMs(policy, 1), 0.02);
      }),
      { numRuns: 50 },
    );
  });

  it('never lets through more in any time than the quota and what flows in meanwhile', () => {
    const request = fc.record({
      after: fc.double({ min: 0, max: 20_000, noNaN: true }),
      units: fc.constantFrom(0.05, 0.25, 1, 2, 5),
    });
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 100 }), fc.array(request, { maxLength: 200 }), (quota, requests) => {
        const all = taken(aPolicy(quota), requests);
        all.forEach((first, from) => {
          let sum = 0;
          for (const { at, units } of all.slice(from)) {
            sum += units;
            expect(sum).to.be.at.most(quota + ((at - first.at) * quota) / WINDOW_MS + 0.001);
          }
        });
      }),
    );
  });

  it('lets through after the time that it told, and not a moment before', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 200_000, noNaN: true }),
        fc.integer({ min: 1, max: 20_000 }),
        (quota, missing, units) => {
          const policy = aPolicy(quota);
          const now = 1e6;
          const wait = waitMs(policy, now + missing, now, units);
          expect(waitMs(policy, now + missing, now + wait, units)).to.equal(0);
          expect(waitMs(policy, now + missing, now + wholeSeconds(wait) * 1000, units)).to.equal(0);
          if (wait > 1) expect(waitMs(policy, now + missing, now + wait - 1, units)).to.be.above(0);
        },
      ),
    );
  });

  it('lets a batch of more than the quota through when nothing was used, and then waits for all of it', () => {
    const policy = aPolicy(60);
    const now = 5_000;
    expect(waitMs(policy, EMPTY_SINCE_EVER, now, 200)).to.equal(0);
    const fullAt = fullAfter(policy, EMPTY_SINCE_EVER, now, 200);
    expect(unitsLeft(policy, fullAt, now)).to.equal(0);
    expect(waitMs(policy, fullAt, now, 1)).to.equal(141_000);
    const one = fullAfter(policy, EMPTY_SINCE_EVER, now, 1);
    expect(waitMs(policy, one, now, 200), 'where something was').to.equal(1_000);
  });

  it('takes back what was not needed', () => {
    const policy = aPolicy(60);
    const taken = fullAfter(policy, EMPTY_SINCE_EVER, 0, 1);
    expect(fullAfter(policy, taken, 0, -0.95)).to.be.closeTo(50, 1e-6);
    const late = fullAfter(policy, taken, 10_000, -0.95);
    expect(unitsLeft(policy, late, 10_000), 'no more than it holds').to.equal(60);
    expect(fullAfter(policy, late, 10_000, 60)).to.equal(70_000);
  });
});
