import { expect } from 'chai';
import { OctetWriter } from '../../../src/formats/octet-writer.js';

function written(write: (to: OctetWriter) => void): string {
  const to = new OctetWriter(0);
  write(to);
  return Buffer.from(to.taken()).toString();
}

describe('octets that are written', () => {
  it('are texts in UTF-8, short and long, whatever their characters', () => {
    const texts = [
      '',
      'a',
      'é',
      '東京',
      '😀',
      'x'.repeat(32),
      'x'.repeat(33),
      `${'x'.repeat(31)}é`,
      'é'.repeat(1_000),
      '\u0000',
    ];
    const all = written((to) => {
      for (const text of texts) to.text(text);
    });
    expect(all).to.equal(texts.join(''));
  });

  it('are whole numbers to the last digit', () => {
    const numbers = [0, 1, 9, 10, 99, 100, 101, 999_999, 1_000_000, 4_294_967_296, Number.MAX_SAFE_INTEGER];
    for (const number of numbers) expect(written((to) => to.integer(number))).to.equal(String(number));
  });

  it('are given in room that is not much larger', () => {
    for (const room of [0, 100, 1_000_000]) {
      const to = new OctetWriter(room);
      to.text('first');
      const taken = to.taken();
      expect(Buffer.from(taken).toString()).to.equal('first');
      expect(taken.buffer.byteLength).to.be.below(32);
    }
  });

  it('have room for a word behind them, by which they may be written', () => {
    for (const room of [0, 1, 5, 100]) {
      const to = new OctetWriter(room);
      to.ensure(7);
      to.end = 7;
      expect(() => {
        to.view.setInt32(to.end, -1, true);
      }).not.to.throw();
    }
  });
});
