import { expect } from 'chai';
import { wordsAt } from '../../../src/core/claims.js';
import { grantsFor } from '../../../src/core/identity.js';
import type { GrantRules } from '../../../src/core/identity.js';

const RULES: GrantRules = {
  everyone: [{ role: 'reader', workspace: 'open' }],
  roles: new Map([
    ['admin', [{ role: 'admin' as const }, { role: 'reader' as const }]],
    ['publisher', [{ role: 'publisher' as const, workspace: 'shop' }]],
    ['auditor', [{ role: 'exporter' as const, workspace: 'shop', tenants: 'all' as const }]],
    ['partner', [{ role: 'reader' as const, workspace: 'shop', feed: 'orders', tenants: ['t8', 't9'] }]],
    ['local', [{ role: 'admin' as const, workspace: 'shop', project: 'p1' }]],
  ]),
};

describe('what is told elsewhere of somebody', () => {
  it('gives what its roles give, each once, and what everyone may', () => {
    const roles = ['publisher', 'publisher', 'unknown', 'constructor'];
    expect(grantsFor(RULES, { roles, tenants: undefined })).to.deep.equal([
      { role: 'reader', workspace: 'open' },
      { role: 'publisher', workspace: 'shop' },
    ]);
  });

  it('binds who reads or exports to its tenants, unless the rule says which', () => {
    expect(grantsFor(RULES, { roles: ['admin', 'publisher', 'auditor', 'partner'], tenants: ['t1'] })).to.deep.equal([
      { role: 'reader', workspace: 'open', tenants: ['t1'] },
      { role: 'admin' },
      { role: 'reader', tenants: ['t1'] },
      { role: 'publisher', workspace: 'shop' },
      { role: 'exporter', workspace: 'shop' },
      { role: 'reader', workspace: 'shop', feed: 'orders', tenants: ['t8', 't9'] },
    ]);
  });

  it('lets who has no tenants, where tenants are told, see the entries of none', () => {
    expect(grantsFor(RULES, { roles: [], tenants: [] })).to.deep.equal([
      { role: 'reader', workspace: 'open', tenants: [] },
    ]);
  });

  it('gives what is for a project in that project only', () => {
    const local = { role: 'admin', workspace: 'shop' };
    const of = (project?: string): unknown[] => grantsFor(RULES, { roles: ['local'], tenants: ['p1'], project });
    expect(of('p1')).to.deep.include(local);
    expect(of('p2')).not.to.deep.include(local);
    expect(of()).not.to.deep.include(local);
  });
});

describe('the words of a claim', () => {
  const CLAIMS = {
    scope: ' read  write read ',
    tenant: 5821027,
    tenants: ['t1', 7, 'a b', '', null, { a: 1 }, 1.5, 't1', 'x'.repeat(257), 'a\u0000b', '\ud800'],
    realm_access: { roles: ['admin'] },
    'https://feeds.example.org/roles': ['reader'],
    flag: true,
    nothing: null,
  };

  for (const [path, words] of [
    [['scope'], ['read', 'write']],
    [['tenant'], ['5821027']],
    [['tenants'], ['t1', '7']],
    [['realm_access', 'roles'], ['admin']],
    [['https://feeds.example.org/roles'], ['reader']],
    [['realm_access'], []],
    [['realm_access', 'roles', 'length'], []],
    [['scope', 'length'], []],
    [['flag'], []],
    [['nothing'], []],
    [['nothing', 'more'], []],
    [['none'], []],
    [['__proto__', 'toString'], []],
    [['constructor', 'name'], []],
  ] as const) {
    it(`at ${path.join(', ')} are ${JSON.stringify(words)}`, () => {
      expect(wordsAt(CLAIMS, path)).to.deep.equal(words);
    });
  }
});
