import { expect } from 'chai';
import { secretsHider } from '../../../src/core/secrets.js';
import { makeToken } from '../../../src/core/token.js';
import { cpuTime } from '../../support/cpu-time.js';

const KNOWN = 'known+to/us.0123456789';
const JWT = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl';

describe('what is logged of a URL', () => {
  const hide = secretsHider([KNOWN]);

  it('has only the id left of a token of ours', () => {
    const { id, token } = makeToken();
    expect(hide(`/feeds/${token}?marker=5`)).to.equal(`/feeds/mrt_${id}_…?marker=5`);
  });

  for (const [what, sent, shown] of [
    ['no known secret', `/feeds/shop/${KNOWN}?a=${encodeURIComponent(KNOWN)}`, '/feeds/shop/…?a=…'],
    ['no admin token', `/feeds/mra_${'aB3_-xyz'.repeat(4)}/x`, '/feeds/…/x'],
    ['no JWT', `/feeds?marker=${JWT}`, '/feeds?marker=eyJ…'],
    ['no access_token', '/feeds?limit=1&access_token=hush&search=+a', '/feeds?limit=1&access_token=…&search=+a'],
    ['no apikey', '/?ApiKey=hush', '/?ApiKey=…'],
    ['no password', '/feeds?password=hush#x', '/feeds?password=…#x'],
    ['no signature', '/feeds?X-Amz-Signature=hush', '/feeds?X-Amz-Signature=…'],
  ] as const) {
    it(`has ${what}`, () => {
      expect(hide(sent)).to.equal(shown);
    });
  }

  it('is otherwise what was sent', () => {
    for (const url of [
      '/feeds/shop/orders?marker=12&direction=forward',
      '/feeds/shop/auth-tokens?search=%2Btoken:a',
      '/feeds/key/signups/entries/urn:x:secret',
    ])
      expect(hide(url)).to.equal(url);
  });

  it('is found quickly, whatever is sent', () => {
    for (const url of [
      '?token'.repeat(2_700),
      'eyJ.'.repeat(4_000),
      `?${'key'.repeat(5_000)}`,
      'eyJ'.repeat(5_000),
      '?key='.repeat(3_000),
      'mra_'.repeat(4_000),
    ]) {
      const since = cpuTime();
      hide(url);
      expect(cpuTime() - since, url.slice(0, 10)).to.be.below(200);
    }
  });
});
