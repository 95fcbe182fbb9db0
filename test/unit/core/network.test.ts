import { expect } from 'chai';
import { networkOf } from '../../../src/core/network.js';

describe('whom an address stands for', () => {
  for (const [address, network] of [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:c000:0207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8::1', '2001:db8:0:0::/56'],
    ['2001:0db8:0000:0000:ffff:ffff:ffff:ffff', '2001:db8:0:0::/56'],
    ['2001:DB8:a:b:1:2:3:4', '2001:db8:a:0::/56'],
    ['2001:db8:1:ff::', '2001:db8:1:0::/56'],
    ['2001:db8:1:100::', '2001:db8:1:100::/56'],
    ['2001:db8:1:ABCD::', '2001:db8:1:ab00::/56'],
    ['fe80::1%eth0', 'fe80:0:0:0::/56'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/56'],
    ['::1', '0:0:0:0::/56'],
    ['::', '0:0:0:0::/56'],
    ['', ''],
  ] as const) {
    it(`of ${address === '' ? 'a connection that has gone' : address} is ${network === '' ? 'nobody' : network}`, () => {
      expect(networkOf(address)).to.equal(network);
    });
  }
});
