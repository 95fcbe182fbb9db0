import { expect } from 'chai';
import { ADMIN, ANONYMOUS, ROLES, administersAll, decide, decideNamedExport, knows } from '../../../src/core/access.js';
import type { Act, Grant, Principal, Target } from '../../../src/core/access.js';

const ACTS: readonly Act[] = ['describe', 'read', 'publish', 'export', 'administer'];
const FEED: Target = { workspace: 'shop', feed: 'orders' };
const PUBLIC: Target = { ...FEED, public: true };

const withGrants = (...grants: Grant[]): Principal => ({ name: 'token:1', grants });
const decisions = (principal: Principal, target: Target): string =>
  ACTS.map((act) => decide(principal, act, target)).join(' ');

describe('who may do what', () => {
  const ALLOWED: Record<(typeof ROLES)[number], string> = {
    admin: 'allowed allowed allowed allowed allowed',
    publisher: 'allowed forbidden allowed forbidden forbidden',
    reader: 'allowed allowed forbidden forbidden forbidden',
    exporter: 'allowed allowed forbidden allowed forbidden',
  };
  for (const role of ROLES) {
    it(`${role}: in everything, a workspace or a feed, and nowhere else`, () => {
      for (const scope of [{}, { workspace: 'shop' }, { workspace: 'shop', feed: 'orders' }]) {
        expect(decisions(withGrants({ role, ...scope }), FEED), JSON.stringify(scope)).to.equal(ALLOWED[role]);
      }
      for (const scope of [
        { workspace: 'other' },
        { workspace: 'other', feed: 'orders' },
        { workspace: 'shop', feed: 'others' },
      ]) {
        const principal = withGrants({ role, ...scope });
        expect(decisions(principal, FEED), JSON.stringify(scope)).to.equal('unknown unknown unknown unknown unknown');
        expect(decisions(principal, PUBLIC)).to.equal('allowed allowed forbidden forbidden forbidden');
      }
    });
  }

  it('nobody publishes to the audit feed, and grants in it are as good as others for the rest', () => {
    const audit: Target = { workspace: 'system', feed: 'audit' };
    expect(decisions(ADMIN, audit)).to.equal('allowed allowed forbidden allowed allowed');
    expect(decisions(withGrants({ role: 'publisher', ...audit } as Grant), audit)).to.equal(
      'allowed forbidden forbidden forbidden forbidden',
    );
    expect(decisions(withGrants({ role: 'admin', workspace: 'shop' }), audit)).to.equal(
      'unknown unknown unknown unknown unknown',
    );
    expect(decide(ANONYMOUS, 'publish', audit)).to.equal('unauthorized');
    expect(decide(ADMIN, 'publish', { workspace: 'system', feed: 'other' })).to.equal('allowed');
    expect(decide(ADMIN, 'publish', { workspace: 'shop', feed: 'audit' })).to.equal('allowed');
  });

  it('without credentials: to read what is public, and of nothing else is told whether it is there', () => {
    expect(decisions(ANONYMOUS, FEED)).to.equal('unauthorized unauthorized unauthorized unauthorized unauthorized');
    expect(decisions(ANONYMOUS, PUBLIC)).to.equal('allowed allowed unauthorized unauthorized unauthorized');
  });

  it('a named export is for who may export all that it names, whole, and known to who has some right in all of it', () => {
    const everything: Target[] = [{}];
    const shop: Target[] = [{ workspace: 'shop' }];
    const two: Target[] = [FEED, { workspace: 'far', feed: 'a' }];
    const told = (principal: Principal): string =>
      [everything, shop, [FEED], two].map((targets) => decideNamedExport(principal, targets)).join(' ');
    expect(told(ADMIN)).to.equal('allowed allowed allowed allowed');
    expect(told(ANONYMOUS)).to.equal('unauthorized unauthorized unauthorized unauthorized');
    expect(told(withGrants({ role: 'exporter' }))).to.equal('allowed allowed allowed allowed');
    expect(told(withGrants({ role: 'exporter', tenants: ['1'] }))).to.equal('forbidden forbidden forbidden forbidden');
    const ofShop: Grant = { role: 'exporter', workspace: 'shop' };
    expect(told(withGrants(ofShop))).to.equal('unknown allowed allowed unknown');
    const inFar: Grant = { role: 'reader', workspace: 'far', feed: 'a' };
    expect(told(withGrants(ofShop, inFar))).to.equal('unknown allowed allowed forbidden');
    expect(told(withGrants(ofShop, { ...inFar, role: 'exporter' }))).to.equal('unknown allowed allowed allowed');
    expect(told(withGrants({ role: 'exporter', ...FEED } as Grant))).to.equal('unknown unknown allowed unknown');
  });

  it('nobody gives more than they have, and what has no grants is nobody’s', () => {
    const owner = withGrants({ role: 'admin', workspace: 'shop' });
    expect(administersAll(owner, [{ role: 'reader', workspace: 'shop', feed: 'a' }])).to.be.true;
    expect(administersAll(owner, [{ role: 'reader', workspace: 'shop' }, { role: 'reader' }])).to.be.false;
    expect(administersAll(owner, [])).to.be.false;
    expect(administersAll(withGrants({ role: 'reader' }), [{ role: 'reader', workspace: 'shop' }])).to.be.false;
  });

  it('grants add up', () => {
    const both = withGrants(
      { role: 'publisher', workspace: 'shop' },
      { role: 'reader', workspace: 'shop', feed: 'orders' },
    );
    expect(decisions(both, FEED)).to.equal('allowed allowed allowed forbidden forbidden');
    expect(decisions(both, { workspace: 'shop', feed: 'other' })).to.equal(
      'allowed forbidden allowed forbidden forbidden',
    );
  });

  it('a grant in a feed gives no right in its workspace, but its bearer knows of that', () => {
    const principal = withGrants({ role: 'admin', workspace: 'shop', feed: 'orders' });
    expect(decide(principal, 'administer', { workspace: 'shop' })).to.equal('forbidden');
    expect(decide(principal, 'administer', { workspace: 'other' })).to.equal('unknown');
    expect(decide(principal, 'administer', {})).to.equal('forbidden');
    expect(knows(principal, { workspace: 'shop' })).to.be.true;
    expect(knows(principal, { workspace: 'shop', feed: 'other' })).to.be.false;
  });

  it('the admin may do everything, and who has no grant knows of nothing', () => {
    for (const target of [{}, { workspace: 'shop' }, FEED]) {
      expect(decisions(ADMIN, target)).to.equal(ALLOWED.admin);
      expect(knows(withGrants(), target)).to.be.false;
    }
  });
});
