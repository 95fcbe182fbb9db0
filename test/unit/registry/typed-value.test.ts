import { expect } from 'chai';
import type { ContentValue } from '../../../src/core/content-columns.js';
import type { ColumnType } from '../../../src/core/contract.js';
import { typedValue } from '../../../src/registry/typed-value.js';
import { stopwatch } from '../../support/stopwatch.js';

const VALUES: Readonly<Record<ColumnType, readonly (readonly [text: string, value: ContentValue])[]>> = {
  string: [
    ['', ''],
    [' a\n', ' a\n'],
    ['5', '5'],
  ],
  integer: [
    ['5', 5n],
    [' -05\n', -5n],
    ['+7', 7n],
    ['5.00', 5n],
    ['9223372036854775807', 9223372036854775807n],
    ['-9223372036854775808', -9223372036854775808n],
    ['9223372036854775808', null],
    [`${'0'.repeat(1_000)}1`, 1n],
    ['5.5', null],
    ['1e3', null],
    ['0x10', null],
    ['', null],
    ['five', null],
  ],
  number: [
    ['5', 5],
    ['-0.25', -0.25],
    ['.5', 0.5],
    ['5.', 5],
    ['1e3', 1_000],
    [' 1E-2 ', 0.01],
    ['1e999', null],
    ['NaN', null],
    ['INF', null],
    ['.', null],
    ['', null],
    ['1,5', null],
  ],
  boolean: [
    ['true', true],
    [' false ', false],
    ['1', true],
    ['0', false],
    ['TRUE', null],
    ['', null],
  ],
  timestamp: [
    ['2026-03-12T10:00:00Z', '2026-03-12T10:00:00.000Z'],
    [' 2026-03-12T10:00:00.1239+01:00 ', '2026-03-12T09:00:00.123Z'],
    ['2026-03-12T10:00:00', null],
    ['2026-03-12', null],
    ['0000-01-01T00:00:00+01:00', null],
    ['', null],
  ],
};

describe('a value of the content', () => {
  for (const [type, values] of Object.entries(VALUES)) {
    it(`is a ${type} where it reads as one, and null where not`, () => {
      for (const [text, value] of values) {
        expect(typedValue(text, type as ColumnType), JSON.stringify(text.slice(0, 40))).to.equal(value);
      }
      expect(typedValue(undefined, type as ColumnType)).to.equal(null);
    });
  }

  it('has no zero that is negative', () => {
    expect(Object.is(typedValue('-0', 'number'), 0)).to.equal(true);
  });

  it('is read in no time, however long it is', () => {
    const took = stopwatch();
    const long = '1'.repeat(2_000_000);
    for (const text of [`${long}x`, `${long}.${long}x`, `${'0'.repeat(2_000_000)}x`]) {
      for (const type of ['integer', 'number'] as const) expect(typedValue(text, type)).to.equal(null);
    }
    expect(took()).to.be.below(2_000);
  });
});
