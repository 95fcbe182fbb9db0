import { expect } from 'chai';
import { clientAddressBy } from '../../src/http/client-address.js';
import type { ProxyHeader } from '../../src/core/proxy-header.js';
import { cpuTime } from '../support/cpu-time.js';

/** Whom a request is from that came from `near`, with these headers. */
function client(
  near: string,
  headers: Record<string, string>,
  trusted: readonly string[] = ['loopback', '10.0.0.0/8'],
  header: ProxyHeader = 'x-forwarded-for',
): string {
  return clientAddressBy(trusted, header)({ headers, socket: { remoteAddress: near } as never });
}

describe('the address of a client', () => {
  it('is that of its connection where no proxy is trusted', () => {
    const headers = { 'x-forwarded-for': '203.0.113.7', forwarded: 'for=203.0.113.7' };
    expect(client('127.0.0.1', headers, [])).to.equal('127.0.0.1');
    expect(client('::ffff:127.0.0.1', headers, [])).to.equal('127.0.0.1');
    expect(client('2001:db8::1', headers, [])).to.equal('2001:db8::1');
  });

  it('is that of its connection where who opened it is not trusted', () => {
    expect(client('198.51.100.1', { 'x-forwarded-for': '203.0.113.7' })).to.equal('198.51.100.1');
    expect(client('::ffff:198.51.100.1', { 'x-forwarded-for': '203.0.113.7' })).to.equal('198.51.100.1');
  });

  for (const [what, value, found] of [
    ['is what a trusted proxy says', '203.0.113.7', '203.0.113.7'],
    ['is the nearest that is not trusted: what stands before it is hearsay', '192.0.2.99, 203.0.113.7', '203.0.113.7'],
    ['is looked for behind all trusted proxies', '192.0.2.99, 203.0.113.7, 10.1.1.1, 10.2.2.2', '203.0.113.7'],
    ['is the farthest where all are trusted', '10.3.3.3, 10.2.2.2', '10.3.3.3'],
    ['is told without its port', '203.0.113.7:4711', '203.0.113.7'],
    ['is told without brackets and port', '[2001:db8::7]:4711', '2001:db8::7'],
    ['has one form, of IPv6', '2001:0DB8:0:0::0:7', '2001:db8::7'],
    ['has one form, of IPv4 in IPv6', '::FFFF:203.0.113.7', '203.0.113.7'],
    ['has one form, of IPv4 in IPv6 in hexadecimal', '::ffff:cb00:7107', '203.0.113.7'],
    ['is the last that was told where a proxy tells nothing', 'unknown', '127.0.0.1'],
    ['is not what is no address', '203.0.113.7, "><script>, 10.1.1.1', '10.1.1.1'],
    ['is not what only looks like one', '0203.0.113.7', '127.0.0.1'],
    ['is the connection where nothing is said', '', '127.0.0.1'],
    ['is not what comes after a gap', '203.0.113.7,,', '127.0.0.1'],
  ] as const) {
    it(what, () => {
      expect(client('127.0.0.1', { 'x-forwarded-for': value })).to.equal(found);
      expect(client('::ffff:127.0.0.1', { 'x-forwarded-for': value })).to.equal(found);
    });
  }

  for (const [value, found] of [
    ['for=203.0.113.7', '203.0.113.7'],
    ['For="[2001:db8:cafe::17]:4711"', '2001:db8:cafe::17'],
    ['for=192.0.2.99, for=203.0.113.7;proto=http;by=10.0.0.1', '203.0.113.7'],
    ['proto=https;host="a,b;for=192.0.2.1";for=203.0.113.7', '203.0.113.7'],
    ['for=203.0.113.7, for="10.1.1.1:80"', '203.0.113.7'],
    ['for=192.0.2.99;proto=", for="[2001:db8::7]"', '2001:db8::7'],
    ['for="192.0.2.99, for=203.0.113.7', '203.0.113.7'],
    ['for=192.0.2.99;x=", for="[2001:db8::7]", for=10.1.1.1', '2001:db8::7'],
    ['for="\\203.0.113.7"', '127.0.0.1'],
    ['for=203.0.113.7, for=_hidden', '127.0.0.1'],
    ['for=203.0.113.7, for=unknown, for=10.1.1.1', '10.1.1.1'],
    ['proto=https', '127.0.0.1'],
    ['for="203.0.113.7', '127.0.0.1'],
    ['', '127.0.0.1'],
  ] as const) {
    it(`is ${found} by Forwarded: ${value} (RFC 7239)`, () => {
      expect(client('127.0.0.1', { forwarded: value }, ['loopback', '10.0.0.0/8'], 'forwarded')).to.equal(found);
    });
  }

  it('is never what the other header says: it is the client who writes it', () => {
    const both = { 'x-forwarded-for': '203.0.113.7', forwarded: 'for=192.0.2.99' };
    expect(client('127.0.0.1', both)).to.equal('203.0.113.7');
    expect(client('127.0.0.1', both, ['loopback'], 'forwarded')).to.equal('192.0.2.99');
    expect(client('127.0.0.1', { forwarded: 'for=192.0.2.99' })).to.equal('127.0.0.1');
  });

  it('is found quickly in a header of the greatest length, whatever is in it', () => {
    for (const [header, value] of [
      ['x-forwarded-for', '10.1.1.1,'.repeat(1_700) + '10.1.1.1'],
      ['forwarded', 'for="'.repeat(3_200)],
      ['forwarded', 'for="\\'.repeat(2_700)],
      ['forwarded', ';'.repeat(16_000)],
      ['forwarded', `${' '.repeat(15_000)}for=x`],
    ] as const) {
      const since = cpuTime();
      client('127.0.0.1', { [header]: value }, ['loopback', '10.0.0.0/8'], header);
      expect(cpuTime() - since).to.be.below(200);
    }
  });
});
