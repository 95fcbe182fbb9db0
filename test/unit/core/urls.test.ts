import { expect } from 'chai';
import fc from 'fast-check';
import { tenantUrls, uriComponent, urlsFrom } from '../../../src/core/urls.js';

describe('the URLs that are handed out', () => {
  it('have percent escapes where a component needs them, and nowhere else', () => {
    const ids = [
      'urn:uuid:9909a11e-0000-4000-8000-000000000001',
      'tag:example.org,2026:a/b?c#d&e=f',
      'plain_id-1.2~3',
      "it's (not) *so* plain!",
      'grün 100 %',
      '',
      'a\n',
    ];
    for (const id of ids) expect(uriComponent(id)).to.equal(encodeURIComponent(id));
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (id) => {
        expect(uriComponent(id)).to.equal(encodeURIComponent(id));
      }),
    );
  });

  it('begin with the base, whatever slashes it ends with, and with the tenant where one is looked at', () => {
    const feed = { workspace: 'shop', name: 'orders' };
    const urls = urlsFrom('https://events.example.org/atom//');
    expect(urls.entry(feed, 'a:1')).to.equal('https://events.example.org/atom/feeds/shop/orders/entries/a%3A1');
    expect(urls.entries(feed)).to.equal('https://events.example.org/atom/feeds/shop/orders/entries/');
    const ofTenant = tenantUrls(urls, 't 1');
    expect(ofTenant.entry(feed, 'a')).to.equal('https://events.example.org/atom/feeds/shop/orders/t%201/entries/a');
    expect(ofTenant.feed(feed)).to.equal('https://events.example.org/atom/feeds/shop/orders/t%201');
    expect(ofTenant.service()).to.equal(urls.service());
  });
});
