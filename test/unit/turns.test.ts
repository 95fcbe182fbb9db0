import { expect } from 'chai';
import { setImmediate as turn } from 'node:timers/promises';
import { makeTurns } from '../../src/http/turns.js';

describe('turns', () => {
  it('let so much work go on at once, and the rest in its order', async () => {
    const turns = makeTurns(2, 10);
    const log: string[] = [];
    const ends: (() => void)[] = [];
    const work = (name: string) => () =>
      new Promise<string>((resolve) => {
        log.push(name);
        ends.push(() => {
          resolve(name);
        });
      });
    const all = ['a', 'b', 'c', 'd'].map((name) => turns.run(work(name)));
    await turn();
    expect(log).to.deep.equal(['a', 'b']);
    ends[1]?.();
    await turn();
    expect(log).to.deep.equal(['a', 'b', 'c']);
    ends[0]?.();
    await turn();
    ends[2]?.();
    ends[3]?.();
    expect(await Promise.all(all)).to.deep.equal(['a', 'b', 'c', 'd']);
  });

  it('go on after work that failed, and refuse when too many wait', async () => {
    const turns = makeTurns(1, 1);
    let end: () => void = () => undefined;
    const first = turns.run(() => new Promise<void>((_, reject) => (end = () => reject(new Error('failed')))));
    const second = turns.run(() => Promise.resolve('done'));
    const third = await turns.run(() => Promise.resolve()).catch((error: unknown) => error);
    expect(third).to.include({ code: 'overloaded' });
    end();
    expect(await first.catch((error: unknown) => (error as Error).message)).to.equal('failed');
    expect(await second).to.equal('done');
    expect(await turns.run(() => Promise.resolve('again'))).to.equal('again');
  });
});
