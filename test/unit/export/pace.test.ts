import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { makePace } from '../../../src/export/pace.js';

const never = new AbortController().signal;

/** This thread has nothing else to do for longer than is looked at. */
function beBusy(): void {
  for (const end = performance.now() + 200; performance.now() < end;);
}

async function timeOf(work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

describe('the pace of exports', () => {
  it('lets them go on while the server has nothing else to do', async () => {
    const pace = makePace();
    await sleep(500);
    expect(await timeOf(() => pace(20, never))).to.be.below(100);
  });

  it('has them rest eight times as long as a piece has taken while the server is busy, and not for ever', async () => {
    const pace = makePace();
    beBusy();
    expect(await timeOf(() => pace(15, never))).to.be.within(115, 1_000);
    const paceOfMany = makePace();
    beBusy();
    const many = Array.from({ length: 50 }, () => timeOf(() => paceOfMany(1_000, never)));
    expect(Math.max(...(await Promise.all(many)))).to.be.within(1_500, 3_500);
  });

  it('ends a rest with the reader', async () => {
    const pace = makePace();
    beBusy();
    const gone = new AbortController();
    const resting = pace(20, gone.signal).catch((error: unknown) => error);
    gone.abort();
    expect(await resting).to.have.property('name', 'AbortError');
  });
});
