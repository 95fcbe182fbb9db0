import { expect } from 'chai';
import { ADMIN, ANONYMOUS, decide, viewOf } from '../../../src/core/access.js';
import type { Grant, Principal } from '../../../src/core/access.js';
import { tenantsView, viewKey, viewOfTenant } from '../../../src/core/view.js';
import type { View } from '../../../src/core/view.js';

const FEED = { workspace: 'shop', feed: 'orders', public: true };
const by = (...grants: Grant[]): Principal => ({ name: 'token:x', grants });
const bound = (...tenants: string[]): Grant => ({ role: 'reader', tenants });

describe('what somebody sees of a feed', () => {
  const cases: [string, Principal, View][] = [
    ['nobody', ANONYMOUS, { kind: 'open' }],
    ['the admin', ADMIN, { kind: 'whole' }],
    ['a reader', by({ role: 'reader', workspace: 'shop' }), { kind: 'whole' }],
    ['a reader of another feed', by({ role: 'reader', workspace: 'shop', feed: 'other' }), { kind: 'open' }],
    ['a publisher', by({ role: 'publisher' }), { kind: 'open' }],
    ['a reader of tenants', by(bound('b', 'a', 'b')), { kind: 'tenants', tenants: ['a', 'b'] }],
    ['an exporter of one', by({ role: 'exporter', tenants: ['a'] }), { kind: 'tenants', tenants: ['a'] }],
    ['a reader of no tenants', by(bound()), { kind: 'tenants', tenants: [] }],
    ['a reader of several grants', by(bound('b'), bound('a')), { kind: 'tenants', tenants: ['a', 'b'] }],
    ['a reader of tenants elsewhere', by({ ...bound('a'), workspace: 'far' }), { kind: 'open' }],
    [
      'a reader of tenants, and of all',
      by(bound('a'), { role: 'reader', feed: 'orders', workspace: 'shop' }),
      { kind: 'whole' },
    ],
    ['a reader of tenants who publishes', by(bound('a'), { role: 'publisher' }), { kind: 'tenants', tenants: ['a'] }],
    // Such a grant is refused where it is made; were there one, it would not be more than a reader's.
    ['an admin of tenants', by({ role: 'admin', tenants: ['a'] }), { kind: 'tenants', tenants: ['a'] }],
  ];
  for (const [who, principal, view] of cases) {
    it(`by ${who}`, () => expect(viewOf(principal, FEED)).to.deep.equal(view));
  }

  it('bound to tenants nobody does more than read', () => {
    const admin = by({ role: 'admin', tenants: ['a'] });
    const acts = ['describe', 'read', 'publish', 'export', 'administer'] as const;
    const told = acts.map((act) => decide(admin, act, { workspace: 'shop', feed: 'orders' }));
    expect(told).to.deep.equal(['allowed', 'allowed', 'forbidden', 'allowed', 'forbidden']);
  });

  it('can be narrowed to one tenant, and not widened', () => {
    expect(viewOfTenant({ kind: 'whole' }, 'a')).to.deep.equal(tenantsView(['a']));
    expect(viewOfTenant({ kind: 'open' }, 'a')).to.deep.equal(tenantsView(['a']));
    expect(viewOfTenant(tenantsView(['a', 'b']), 'b')).to.deep.equal(tenantsView(['b']));
    expect(viewOfTenant(tenantsView(['a', 'b']), 'c')).to.equal(undefined);
  });

  it('has a key that tells it from all others', () => {
    const views: View[] = [
      { kind: 'whole' },
      { kind: 'open' },
      ...[[], ['a'], ['a', 'b'], ['ab'], ['b'], ['a b'], ['a\u0000b'], ['a","b']].map(tenantsView),
    ];
    expect(new Set(views.map(viewKey)).size).to.equal(views.length);
    expect(viewKey(tenantsView(['b', 'a']))).to.equal(viewKey(tenantsView(['a', 'b', 'a'])));
  });
});
