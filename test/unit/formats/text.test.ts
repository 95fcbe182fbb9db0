import { expect } from 'chai';
import { cutText, shorten } from '../../../src/formats/text.js';

describe('a text', () => {
  it('is cut where it is too long, but never within a character', () => {
    expect(shorten('abc', 3)).to.equal('abc');
    expect(shorten('abcd', 3)).to.equal('abc…');
    expect(cutText('ab\u{1f600}', 3)).to.equal('ab');
    expect(cutText('ab\u{1f600}', 4)).to.equal('ab\u{1f600}');
  });
});
