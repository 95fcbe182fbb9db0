import { expect } from 'chai';
import { makeToken, tokenDigest, tokenId, withoutTokens } from '../../../src/core/token.js';
import { cpuTime } from '../../support/cpu-time.js';

describe('a bearer token of ours', () => {
  it('has a beginning and a length to be found by, and its id in it', () => {
    const { id, token } = makeToken();
    expect(token).to.match(/^mrt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
    expect(tokenId(token)).to.equal(id);
    expect(new Set(Array.from({ length: 100 }, () => makeToken().token)).size).to.equal(100);
  });

  it('is known from other texts', () => {
    const { token } = makeToken();
    for (const other of [
      '',
      'mrt_',
      token.slice(0, -1),
      `${token}a`,
      token.replace('mrt_', 'mra_'),
      token.toUpperCase(),
    ]) {
      expect(tokenId(other), other).to.be.undefined;
    }
  });

  it('is taken out of what is logged, but for its id', () => {
    const { id, token } = makeToken();
    expect(withoutTokens(`/admin/tokens/${token}?a=${token}`)).to.equal(`/admin/tokens/mrt_${id}_…?a=mrt_${id}_…`);
    expect(withoutTokens('/feeds/shop/mrt_orders')).to.equal('/feeds/shop/mrt_orders');
  });

  it('is taken out of what is logged if it is a JWT', () => {
    const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln-_bmF0dXJl';
    expect(withoutTokens(`/a.b?t=${jwt}&u=Bearer%20${jwt}&v=x.y.${jwt}#`)).to.equal(
      '/a.b?t=eyJ…&u=Bearer%20eyJ…&v=x.y.eyJ…#',
    );
    expect(withoutTokens('/feeds/eyJ/a.b.c/eyJ.b')).to.equal('/feeds/eyJ/a.b.c/eyJ.b');
    const startedAt = cpuTime();
    for (const part of ['eyJ', 'eyJ.', 'eyJ.a', '.eyJ', 'a-']) withoutTokens(`eyJ${part.repeat(20_000)}!`);
    expect(cpuTime() - startedAt).to.be.below(1_000);
  });

  it('has a digest of its own', () => {
    const { token } = makeToken();
    expect(tokenDigest(token)).to.have.length(32).and.deep.equal(tokenDigest(token));
    expect(tokenDigest(token)).not.to.deep.equal(tokenDigest(makeToken().token));
  });
});
