import { expect } from 'chai';
import fc from 'fast-check';
import { placeFinder, placeOf, placesOf } from '../../../src/formats/places.js';

describe('places in a text', () => {
  it('count lines of any ending, and characters, not units', () => {
    const text = 'a\nb\r\nc\rd😀e';
    expect(placesOf(text, [0, 1, 2, 5, 7, 8, 10, 99])).to.deep.equal([
      { line: 1, column: 1 },
      { line: 1, column: 2 },
      { line: 2, column: 1 },
      { line: 3, column: 1 },
      { line: 4, column: 1 },
      { line: 4, column: 2 },
      { line: 4, column: 3 },
      { line: 4, column: 4 },
    ]);
  });

  it('are the same whether they are looked for alone, in one pass or in any order', () => {
    const piece = fc.constantFrom('a', '\n', '\r', '\r\n', '😀', 'x'.repeat(1_500), '\n'.repeat(700));
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 40 }),
        fc.array(fc.nat(30_000), { maxLength: 20 }),
        (pieces, offsets) => {
          const text = pieces.join('');
          const within = offsets.map((offset) => Math.min(offset, text.length));
          const find = placeFinder(text);
          const expected = within.map((offset) => placeOf(text, offset));
          expect(within.map(find)).to.deep.equal(expected);
          const ascending = within.toSorted((one, other) => one - other);
          expect(placesOf(text, ascending)).to.deep.equal(ascending.map((offset) => placeOf(text, offset)));
        },
      ),
      { numRuns: 200 },
    );
  });
});
