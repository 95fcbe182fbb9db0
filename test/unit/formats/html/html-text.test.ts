import { expect } from 'chai';
import fc from 'fast-check';
import { htmlToText } from '../../../../src/formats/html/html-text.js';
import { cpuTime } from '../../../support/cpu-time.js';

describe('the text of HTML', () => {
  for (const [html, expected] of [
    ['plain', 'plain'],
    ['a <b>b</b><i>c</i> d', 'a bc d'],
    ['<p>a</p><p>b</p>c<br>d<BR/>e', 'a b c d e'],
    ['1 < 2 && 3 > 2', '1 < 2 && 3 > 2'],
    ['a<!-- <b> --> b', 'a b'],
    ['a<script>b</b>"</script\n>c<STYLE>d</style>e<scripture>f', 'a c e f'],
    [
      '&lt;b&gt; &amp;amp; &#65;&#x1F600; &eacute;&nbsp;&Eacute; &mdash; &unknown; &amp',
      '<b> &amp; A😀 é É — &unknown; &amp',
    ],
    ['&#0;&#xD800;&#99999999;&#xfffe;', '\ufffd\ufffd\ufffd\ufffd'],
    ['  a \n\t b  ', 'a b'],
    ['a <b title="never closed', 'a'],
    ['a <!-- never closed', 'a'],
    ['a <script> never closed', 'a'],
  ] as const) {
    it(`of ${html} is ${expected}`, () => {
      expect(htmlToText(html)).to.equal(expected);
    });
  }

  it('is that which was escaped', () => {
    const words = fc.array(fc.stringMatching(/^[!-~]{1,6}$/), { maxLength: 6 }).map((parts) => parts.join(' '));
    fc.assert(
      fc.property(words, (text) => {
        const html = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
        expect(htmlToText(`<p>${html}</p>`)).to.equal(text);
      }),
    );
  });

  it('takes no longer for markup that never ends', () => {
    for (const piece of ['<a', '<!--', '<script>', '<', '&', '&#1', '</', '<a "', ' ', '<script></'] as const) {
      const started = cpuTime();
      htmlToText(piece.repeat(300_000));
      expect(cpuTime() - started, piece).to.be.below(2_000);
    }
  });
});
