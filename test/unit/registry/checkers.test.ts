import { expect } from 'chai';
import type { CheckedContent, Contract } from '../../../src/core/contract.js';
import { FeedsError } from '../../../src/core/errors.js';
import { QUICK, SLOW, startCheckers } from '../../../src/registry/checkers.js';
import type { Checkers } from '../../../src/registry/checkers.js';
import type { NumberedContract } from '../../../src/registry/lane.js';
import { until } from '../../support/waiting.js';
import { jsonContract, xmlContract } from './build.js';

const QUICK_MS = 300;
const SLOW_MS = 800;
/** Machines that run tests have other things to do. */
const COMPILE_MS = 20_000;

const ARRAY = '{"type":"array"}';
/** A regular expression that is at it for years. */
const ENDLESS = '{"pattern":"^(a+)+$"}';
const ENDLESS_TEXT = json(`"${'a'.repeat(60)}b"`);
const RULE = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="list">
    <xs:complexType><xs:sequence><xs:element name="a" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType>
  </xs:element>
</xs:schema>`;

function json(text: string): CheckedContent {
  return { kind: 'json', json: text, fromXml: false };
}

function xml(list: string): CheckedContent {
  const entry = `<entry xmlns="http://www.w3.org/2005/Atom"><content type="application/xml"><list xmlns="">${list}</list></content></entry>`;
  return { kind: 'xml', entry, alone: entry };
}

let ids = 0;
/** A contract under a number of its own, that counts how often it was asked for. */
function numbered(contract: Contract): NumberedContract & { asked: number } {
  const one = {
    id: ++ids,
    asked: 0,
    contract: () => {
      one.asked += 1;
      return Promise.resolve(contract);
    },
  };
  return one;
}

/** Threads of this process. */
function threads(): number {
  return process.getActiveResourcesInfo().filter((what) => what === 'MessagePort').length;
}

function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => error);
}

describe('the threads that check', function () {
  this.timeout(60_000);
  let checkers: Checkers;

  // Starting a thread takes seconds where its code is read as it was written: they share these.
  before(() => {
    checkers = startCheckers(
      { ...QUICK, checkMs: QUICK_MS, compileMs: COMPILE_MS },
      { ...SLOW, checkMs: SLOW_MS, compileMs: COMPILE_MS, mostWaitingOfOne: 2 },
    );
  });

  after(() => checkers.stop());

  const fits = async (contract: NumberedContract, content: CheckedContent): Promise<void> => {
    expect(await checkers.check(contract, content)).to.deep.equal({ findings: [], terms: [] });
  };

  describe('a check that does not end', () => {
    const endless = numbered(jsonContract(ENDLESS));

    it('is cut off and told so, and the others in its batch are answered rightly', async () => {
      const good = numbered(jsonContract(ARRAY));
      const results = await Promise.all([
        checkers.check(good, json('[1]')),
        checkers.check(endless, ENDLESS_TEXT),
        checkers.check(good, json('{}')),
        checkers.check(endless, json('"aaa"')),
        checkers.check(good, json('[]')),
      ]);
      expect(results[0]).to.deep.equal({ findings: [], terms: [] });
      expect(results[1]).to.deep.equal({ cutOff: `it takes longer than ${String(SLOW_MS / 1000)} s` });
      expect(results[2]).to.have.property('findings').with.length(1);
      expect(results[3]).to.deep.equal({ findings: [], terms: [] });
      expect(results[4]).to.deep.equal({ findings: [], terms: [] });
    });

    it('sends its contract to the slow lane the third time, where it no longer holds up the quick one', async () => {
      for (let n = 0; n < 2; n++) expect(await checkers.check(endless, ENDLESS_TEXT)).to.have.property('cutOff');
      const good = numbered(jsonContract(ARRAY));
      await fits(good, json('[]'));
      const asked = good.asked;
      let over = false;
      const slow = checkers.check(endless, ENDLESS_TEXT).finally(() => (over = true));
      for (let n = 0; n < 50; n++) await fits(good, json('[]'));
      expect(over).to.be.false;
      expect(good.asked, 'its thread is still the same').to.equal(asked);
      expect(await slow).to.have.property('cutOff');
    });

    it('takes with it what waits for the same contract, so that they hold up a quick one no longer', async () => {
      const [good, another] = [numbered(jsonContract(ARRAY)), numbered(jsonContract(ENDLESS))];
      await fits(good, json('[]'));
      const all = Array.from({ length: 20 }, () => outcomeOf(checkers.check(another, ENDLESS_TEXT)));
      await fits(good, json('[]'));
      // Its batch, and the first three of them alone: each ended a thread. Twenty would have ended twenty.
      expect(good.asked).to.be.at.most(5);
      const told = await Promise.all(all);
      const refused = told.filter((one) => one instanceof FeedsError && one.code === 'overloaded');
      expect(refused).not.to.deep.equal([]);
      for (const one of told) if (!(one instanceof Error)) expect(one).to.have.property('cutOff');
    });

    it('of a contract that cannot be loaded in time is tried once in the quick lane, and then in the slow one', async () => {
      const impatient = startCheckers({ ...QUICK, compileMs: 0 }, { ...SLOW, compileMs: COMPILE_MS });
      try {
        const contract = numbered(jsonContract(ARRAY));
        const results = await Promise.all(['[]', '[1]', '{}'].map((text) => impatient.check(contract, json(text))));
        expect(results.map((one) => 'findings' in one && one.findings.length)).to.deep.equal([0, 0, 1]);
        expect(contract.asked, 'once in each lane').to.equal(2);
        expect(await impatient.check(contract, json('[]'))).to.deep.equal({ findings: [], terms: [] });
        expect(contract.asked, 'not in the quick lane again').to.equal(2);
      } finally {
        await impatient.stop();
      }
    });

    it('holds up another contract for one of its checks at most in the slow lane, however many of them wait', async () => {
      const [endless, good] = [numbered(jsonContract(ENDLESS)), numbered(jsonContract(ARRAY))];
      const large = 300 * 1024;
      await checkers.check(good, json(`[${'1,'.repeat(large / 2)}1]`));
      let over = 0;
      const all = [1, 2].map(() =>
        checkers.check(endless, json(`"${'a'.repeat(large)}b"`)).finally(() => {
          over += 1;
        }),
      );
      await fits(good, json(`[${'1,'.repeat(large / 2)}1]`));
      expect(over, 'those that were before it').to.equal(1);
      for (const one of await Promise.all(all)) expect(one).to.have.property('cutOff');
    });

    it('is cut off in XPath too', async () => {
      const test = 'count(//*[count(//*[count(//*[count(//*) > 0]) > 0]) > 0]) > 0';
      const contract = numbered({ ...xmlContract(RULE), assertions: [{ test, message: 'no' }] });
      expect(await checkers.check(contract, xml('<a/>'.repeat(1_000)))).to.have.property('cutOff');
      await fits(numbered(xmlContract(RULE)), xml('<a/>'));
    });
  });

  describe('memory', () => {
    const TOO_MUCH = { cutOff: 'it takes more memory than it may have' };
    let patient: Checkers;

    before(() => {
      patient = startCheckers(QUICK, { ...SLOW, checkMs: 40_000, compileMs: 40_000 });
    });

    after(() => patient.stop());

    it('of JavaScript that runs out ends the thread alone, and the next check works', async () => {
      const schema = {
        items: { allOf: Array.from({ length: 200 }, (_, n) => ({ title: String(n), type: 'string' })) },
      };
      // large, so that it is one for the slow lane
      const zeros = `${' '.repeat(300_000)}[${'0,'.repeat(120_000)}0]`;
      const contract = numbered(jsonContract(JSON.stringify(schema)));
      expect(await patient.check(contract, json(zeros))).to.deep.equal(TOO_MUCH);
      expect(await patient.compile(jsonContract(ARRAY))).to.deep.equal([]);
    });

    it('of libxml2 that runs out does so too', async () => {
      const contract = numbered(xmlContract(RULE));
      expect(await patient.check(contract, xml('<a/>'.repeat(4_000_000)))).to.deep.equal(TOO_MUCH);
      expect(await patient.compile(xmlContract(RULE))).to.deep.equal([]);
    });

    it('that a contract would take to be compiled is a mistake of it', async () => {
      const group = (n: number): string =>
        `<xs:group name="g${String(n)}"><xs:sequence>${n === 0 ? '<xs:element name="a"/>' : `<xs:group ref="g${String(n - 1)}"/>`.repeat(2)}</xs:sequence></xs:group>`;
      const schema = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">${Array.from({ length: 24 }, (_, n) => group(n)).join('')}
        <xs:element name="list"><xs:complexType><xs:group ref="g23"/></xs:complexType></xs:element></xs:schema>`;
      expect(await patient.compile(xmlContract(schema))).to.deep.equal([
        { pointer: '/schema', message: `this contract cannot be compiled: ${TOO_MUCH.cutOff}` },
      ]);
      expect(await patient.compile(xmlContract(RULE))).to.deep.equal([]);
    });

    it('of the stack that runs out is told, and the next contract is compiled', async () => {
      const deep = `${'{"not":'.repeat(20_000)}{}${'}'.repeat(20_000)}`;
      const [mistake] = await patient.compile(jsonContract(deep));
      expect(mistake?.message).to.match(/schemas within schemas too deeply/);
      expect(await patient.compile(jsonContract(ARRAY))).to.deep.equal([]);
    });
  });

  it('answers what stands in a batch behind a check that failed, in another thread', async () => {
    const [good, odd] = [numbered(jsonContract(ARRAY)), numbered(jsonContract(ARRAY))];
    const results = await Promise.all([
      checkers.check(good, json('[]')),
      // content of another kind than its contract is a bug, which shows as an error within the thread
      checkers.check(odd, xml('')),
      checkers.check(good, json('[]')),
    ]);
    expect(results[0]).to.deep.equal({ findings: [], terms: [] });
    expect(results[1]).to.deep.equal({ cutOff: 'content of another kind than its contract' });
    expect(results[2]).to.deep.equal({ findings: [], terms: [] });
    expect(good.asked).to.equal(2);
  });

  describe('a contract', () => {
    it('is asked for once, for as many checks as there are', async () => {
      const contract = numbered(jsonContract(ARRAY));
      await Promise.all(Array.from({ length: 200 }, () => fits(contract, json('[]'))));
      expect(contract.asked).to.equal(1);
    });

    it('is forgotten when two hundred others were used since, and loaded again', async () => {
      const [first, second] = [numbered(jsonContract(ARRAY)), numbered(jsonContract(ARRAY))];
      const others = Array.from({ length: 199 }, () => numbered(jsonContract(ARRAY)));
      await fits(first, json('[]'));
      await fits(second, json('[]'));
      // used again: the second is now the one that was used longest ago
      await fits(first, json('[]'));
      await Promise.all(others.map((other) => fits(other, json('[]'))));
      await fits(first, json('[]'));
      expect(second.asked).to.equal(1);
      await fits(second, json('[]'));
      expect(first.asked).to.equal(1);
      expect(second.asked).to.equal(2);
    });

    it('that cannot be had rejects its checks and nothing else', async () => {
      const good = numbered(jsonContract(ARRAY));
      await fits(good, json('[]'));
      const away = new Error('the database is away');
      const lost = { id: ++ids, contract: () => Promise.reject<Contract>(away) };
      const results = await Promise.all([
        outcomeOf(checkers.check(lost, json('[]'))),
        outcomeOf(checkers.check(good, json('[]'))),
        outcomeOf(checkers.check(lost, json('[]'))),
      ]);
      expect(results).to.deep.equal([away, { findings: [], terms: [] }, away]);
      expect(good.asked, 'the thread is still the same').to.equal(1);
    });

    it('that no longer compiles is told with every entry, and harms no other', async () => {
      const [good, broken] = [numbered(jsonContract(ARRAY)), numbered(jsonContract('{"type":"no"}'))];
      const results = await Promise.all([
        checkers.check(broken, json('[]')),
        checkers.check(good, json('[]')),
        checkers.check(broken, json('[]')),
      ]);
      for (const result of [results[0], results[2]])
        expect(result)
          .to.have.property('cutOff')
          .that.matches(/^a contract that was accepted does not compile: ./);
      expect(results[1]).to.deep.equal({ findings: [], terms: [] });
    });
  });

  describe('what waits', () => {
    const contract = numbered(jsonContract(ARRAY));

    /** Messages of what these checks reject with, when nothing has been done about them yet. */
    async function refusals(
      limited: Checkers,
      checks: readonly [NumberedContract, CheckedContent][],
    ): Promise<unknown[]> {
      const all = checks.map(([of, content]) => outcomeOf(limited.check(of, content)));
      await limited.stop();
      const told = await Promise.all(all);
      for (const one of told) expect(one).to.be.instanceOf(FeedsError).and.include({ code: 'overloaded' });
      return told.map((one) => (one as FeedsError).message);
    }

    const TAKEN = 'the server is stopping';
    const FULL = 'too much waits to be checked';

    it('is bounded in number', async () => {
      const limited = startCheckers({ ...QUICK, mostWaiting: 2 });
      const one: [NumberedContract, CheckedContent] = [contract, json('[]')];
      expect(await refusals(limited, [one, one, one, one])).to.deep.equal([TAKEN, TAKEN, FULL, FULL]);
    });

    it('is bounded for each contract', async () => {
      const limited = startCheckers({ ...QUICK, mostWaitingOfOne: 1 });
      const one: [NumberedContract, CheckedContent] = [contract, json('[]')];
      const other: [NumberedContract, CheckedContent] = [numbered(jsonContract(ARRAY)), json('[]')];
      expect(await refusals(limited, [one, one, other])).to.deep.equal([TAKEN, FULL, TAKEN]);
    });

    it('is bounded in characters', async () => {
      const limited = startCheckers();
      const large: [NumberedContract, CheckedContent] = [contract, json(`"${'x'.repeat(30 * 1024 * 1024)}"`)];
      expect(await refusals(limited, [large, large, large])).to.deep.equal([TAKEN, TAKEN, FULL]);
    });
  });

  describe('when they stop', () => {
    const start = (): Checkers =>
      startCheckers(
        { ...QUICK, checkMs: 60_000, compileMs: COMPILE_MS, batch: 2 },
        { ...SLOW, checkMs: 60_000, compileMs: COMPILE_MS },
      );

    async function expectStopped(outcome: Promise<unknown>): Promise<void> {
      expect(await outcome)
        .to.be.instanceOf(FeedsError)
        .and.include({ code: 'overloaded', message: STOPPING });
    }
    const STOPPING = 'the server is stopping';

    it('no thread is left and no promise open, whatever was going on', async () => {
      const before = threads();
      const stopped = start();
      const [good, endless] = [numbered(jsonContract(ARRAY)), numbered(jsonContract(ENDLESS))];
      await Promise.all([stopped.check(good, json('[]')), stopped.compile(jsonContract(ARRAY))]);
      expect(threads()).to.be.greaterThan(before);
      const open = [
        stopped.check(good, json('[]')),
        stopped.check(endless, ENDLESS_TEXT),
        stopped.check(good, json('[]')),
        stopped.check(endless, ENDLESS_TEXT),
        stopped.check(numbered(jsonContract(ARRAY)), json('[]')),
        stopped.check(endless, json(`"${'a'.repeat(300_000)}b"`)),
      ].map(outcomeOf);
      const atTheDesk = [
        stopped.compile(jsonContract(ARRAY)),
        stopped.compare(jsonContract(ARRAY), jsonContract(ARRAY)),
        stopped.example(jsonContract(ARRAY)),
      ].map(outcomeOf);
      await new Promise((resolve) => setTimeout(resolve, 100));
      await stopped.stop();
      await Promise.all(open.map(expectStopped));
      await Promise.all(atTheDesk);
      expect(threads()).to.equal(before);
    });

    it('while a thread is starting, none is left either', async () => {
      const before = threads();
      const stopped = start();
      const open = outcomeOf(stopped.check(numbered(jsonContract(ARRAY)), json('[]')));
      await new Promise(setImmediate);
      expect(threads()).to.be.greaterThan(before);
      await stopped.stop();
      await expectStopped(open);
      expect(threads()).to.equal(before);
    });

    it('while a contract is being fetched, its check is let go', async () => {
      const before = threads();
      const stopped = start();
      let give: ((contract: Contract) => void) | undefined;
      const contract = (): Promise<Contract> => new Promise((resolve) => (give = resolve));
      const open = outcomeOf(stopped.check({ id: ++ids, contract }, json('[]')));
      await until('the contract is asked for', () => give !== undefined);
      const end = stopped.stop();
      give?.(jsonContract(ARRAY));
      await end;
      await expectStopped(open);
      expect(threads()).to.equal(before);
    });

    it('nothing more is taken', async () => {
      const stopped = start();
      await stopped.stop();
      await expectStopped(outcomeOf(stopped.check(numbered(jsonContract(ARRAY)), json('[]'))));
    });
  });
});
