import { expect } from 'chai';
import { isUri, isUriReference, uriOfIri } from '../../../../src/formats/cloud-events/uri.js';

describe('a URI', () => {
  const references =
    '/ . .. a/b ?q #f //h //h:80/p //[::1]:80/ //u:p@h/ //h: http://h/a;b?c=d#e mailto:a@b.c urn:a:b a:b 1-555 a%2Fb ./a:b /a:b ?a:b #/a ?a?b http://[2001:db8::7]/c=GB?o#f';
  for (const text of ['', ...references.split(' ')]) {
    it(`reference may be "${text}"`, () => {
      expect(isUriReference(text)).to.equal(true);
    });
  }

  const others =
    'a b|ä|<a>|a"b|a\\b|%|%2|%zz|a^b|a`b|{a}|a|1a:b|:a|a_b:c|//[::1|//a]b/|//h:x/|/[a]|?[a]|#a#b|http://a@b@c/|é:';
  for (const text of others.split('|').filter((one) => one !== 'a')) {
    it(`reference is not "${text}"`, () => {
      expect(isUriReference(text)).to.equal(false);
    });
  }

  it('has a scheme', () => {
    expect(['urn:x', 'https://h#f', 'a+b-c.1:'].map(isUri)).to.deep.equal([true, true, true]);
    expect(['//h', 'a', '', '1a:b', 'urn:ä'].map(isUri)).to.deep.equal([false, false, false, false, false]);
  });

  it('is made of an IRI', () => {
    expect(uriOfIri('http://h/ä?b=ü%20%#😀')).to.equal('http://h/%C3%A4?b=%C3%BC%20%25#%F0%9F%98%80');
    expect(uriOfIri('http://[::1]/a')).to.equal('http://[::1]/a');
    expect(uriOfIri('/a?b[]=c')).to.equal('/a?b%5B%5D=c');
    expect(uriOfIri('a\ud800')).to.equal('a%EF%BF%BD');
    expect(uriOfIri('1a:b')).to.equal(undefined);
  });
});
