import { expect } from 'chai';
import type { Compatibility, Contract, ContractVersion } from '../../../src/core/contract.js';
import { QUICK, SLOW, startCheckers } from '../../../src/registry/checkers.js';
import type { Checkers } from '../../../src/registry/checkers.js';
import { compareContracts } from '../../../src/registry/compare.js';
import type { Verdict } from '../../../src/registry/compatibility.js';
import { judge } from '../../../src/registry/compatibility.js';
import { jsonContract, xmlContract } from './build.js';

const range = (minimum: number, maximum: number) => ({
  contract: jsonContract(JSON.stringify({ type: 'integer', minimum, maximum })),
});
/** Each of the others accepts what this one refuses, and the other way round. */
const NEW = range(0, 9).contract;

/** Versions 1, 2, 3 …, with their contracts. */
function registered(...contracts: { contract: Contract; retired?: boolean }[]) {
  return contracts.map(({ contract, retired = false }, index) => ({
    contract,
    version: {
      id: index + 1,
      version: index + 1,
      kind: contract.kind,
      retired,
      hasPrivate: false,
      createdAt: '2026-01-31T10:00:00Z',
    },
  }));
}

/** What a thread would do, without one. */
let asked = 0;
const comparison: Pick<Checkers, 'compare'> = {
  compare(one, other) {
    asked += 1;
    return Promise.resolve(compareContracts(one, other));
  },
};

/** The verdict on a contract that is to follow these. */
function judged(
  mode: Compatibility,
  versions: ReturnType<typeof registered>,
  contract: Contract,
  checkers = comparison,
): Promise<Verdict> {
  const contracts = new Map(versions.map((one) => [one.version.id, one.contract]));
  const read = ({ id }: ContractVersion): Promise<Contract> =>
    Promise.resolve(contracts.get(id) ?? expect.fail(`no contract ${String(id)}`));
  return judge(
    { checkers, read },
    mode,
    versions.map(({ version }) => version),
    contract,
  );
}

async function broken(mode: Compatibility, versions: ReturnType<typeof registered>): Promise<string[]> {
  const { breaks } = await judged(mode, versions, NEW);
  return breaks.map(({ version, direction, rule }) => `${String(version)} ${direction}: ${rule}`);
}

describe('a new version of a contract', () => {
  const three = registered(range(-1, 5), range(-2, 5), range(-3, 5));

  const MODES: Record<Compatibility, string[]> = {
    none: [],
    backward: ['3 backward: minimum-increased'],
    forward: ['3 forward: maximum-decreased'],
    full: ['3 backward: minimum-increased', '3 forward: maximum-decreased'],
    'backward-transitive': [
      '3 backward: minimum-increased',
      '2 backward: minimum-increased',
      '1 backward: minimum-increased',
    ],
    'forward-transitive': [
      '3 forward: maximum-decreased',
      '2 forward: maximum-decreased',
      '1 forward: maximum-decreased',
    ],
    'full-transitive': [
      '3 backward: minimum-increased',
      '3 forward: maximum-decreased',
      '2 backward: minimum-increased',
      '2 forward: maximum-decreased',
      '1 backward: minimum-increased',
      '1 forward: maximum-decreased',
    ],
  };
  for (const [mode, expected] of Object.entries(MODES) as [Compatibility, string[]][]) {
    it(`is judged by what ${mode} asks for, the newest version first`, async () => {
      expect(await broken(mode, three)).to.deep.equal(expected);
    });
  }

  it('is compared with the newest version that is not retired', async () => {
    const versions = registered(range(-1, 5), range(-2, 5), { ...range(-3, 5), retired: true });
    expect(await broken('backward', versions)).to.deep.equal(['2 backward: minimum-increased']);
    expect(await broken('backward-transitive', versions)).to.deep.equal([
      '2 backward: minimum-increased',
      '1 backward: minimum-increased',
    ]);
  });

  it('says which versions it was compared with, in their order, and by which mode', async () => {
    expect(await judged('full-transitive', three, NEW)).to.include({ mode: 'full-transitive' });
    expect((await judged('full-transitive', three, NEW)).against).to.deep.equal([1, 2, 3]);
    expect((await judged('full', three, NEW)).against).to.deep.equal([3]);
    expect((await judged('none', three, NEW)).against).to.deep.equal([]);
  });

  it('breaks nothing where there is no other, or where all are retired', async () => {
    expect(await broken('full-transitive', [])).to.deep.equal([]);
    expect(await broken('full', registered({ ...range(-1, 5), retired: true }))).to.deep.equal([]);
  });

  it('of another kind breaks with the one before, without being compared', async () => {
    const versions = registered({ contract: xmlContract('<schema/>') });
    const { breaks } = await judged('full', versions, NEW);
    expect(breaks.map(({ rule, path, direction }) => [rule, path, direction])).to.deep.equal([
      ['kind-changed', '/kind', 'backward'],
      ['kind-changed', '/kind', 'forward'],
    ]);
    expect(breaks[0]?.message).to.equal('version 1 is of the kind xsd');
    expect(await broken('none', versions)).to.deep.equal([]);
  });

  it('tells a hundred breaks at most, and asks about no further version then', async () => {
    const members = (type: string) => ({
      contract: jsonContract(
        JSON.stringify({
          properties: Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`p${String(n)}`, { type }])),
        }),
      ),
    });
    const versions = registered(members('string'), members('boolean'), members('array'));
    asked = 0;
    const verdict = await judged('backward-transitive', versions, members('integer').contract);
    expect(verdict.breaks).to.have.length(100);
    expect(asked).to.equal(2);
  });

  it('is not taken where comparing was cut off', async () => {
    const checkers = startCheckers(QUICK, SLOW, { ...SLOW, compileMs: 0 });
    const error = await judged('backward', three, NEW, checkers).catch((thrown: unknown) => thrown);
    await checkers.stop();
    expect(error).to.include({
      code: 'incompatible-contract',
      message: 'whether it is compatible with version 3 cannot be told: it takes longer than 0 s',
    });
  });
});
