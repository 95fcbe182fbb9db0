import { expect } from 'chai';
import fc from 'fast-check';
import { base64Check, jsonCheck } from '../../../../src/formats/atom/payload-check.js';
import type { PayloadCheck } from '../../../../src/formats/atom/payload-check.js';

/** What the check says of a text that comes in pieces of this length. */
function problem(check: PayloadCheck, text: string, length = 3): string | undefined {
  for (let at = 0; at < text.length; at += length) check.take(text.slice(at, at + length));
  return check.problem();
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return false;
  }
}

const PIECES = [
  ...'{}[],:"\\ \n\t0123456789.eE+-',
  'true',
  'false',
  'null',
  'nul',
  '"a"',
  '\\u00e9',
  '\\uZZZZ',
  '\\n',
  '\\x',
  '\u0001',
  '-0',
  '1.5e3',
  '01',
  '\u00a0',
  '東',
];

const nearlyJson = fc
  .tuple(fc.json(), fc.array(fc.tuple(fc.nat(200), fc.nat(3), fc.constantFrom('', ...PIECES)), { maxLength: 3 }))
  .map(([json, edits]) =>
    edits.reduce((text, [place, cut, piece]) => {
      const at = place % (text.length + 1);
      return text.slice(0, at) + piece + text.slice(at + cut);
    }, json),
  );

describe('checks of a payload', () => {
  it('takes for JSON exactly what JSON.parse takes', () => {
    fc.assert(
      fc.property(nearlyJson, fc.integer({ min: 1, max: 9 }), (text, length) => {
        expect(problem(jsonCheck(), text, length) === undefined, text).to.equal(parses(text));
      }),
      { numRuns: 4000 },
    );
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...PIECES), { maxLength: 6 }), (pieces) => {
        const text = pieces.join('');
        expect(problem(jsonCheck(), text) === undefined, text).to.equal(parses(text));
      }),
      { numRuns: 4000 },
    );
  });

  it('takes numbers and words at the very end, where nothing closes them', () => {
    for (const text of ['0', '-0', '12', '1.5', '1e5', '1E-5', 'true', 'null', ' 7 ']) {
      expect(problem(jsonCheck(), text), text).to.equal(undefined);
    }
    for (const text of ['', ' ', '-', '1.', '1e', '1e+', 'tru', '"a', '[1', '{"a"', '{"a":']) {
      expect(problem(jsonCheck(), text), text).to.match(/empty|ends too early/);
    }
  });

  it('says at which character JSON goes wrong', () => {
    expect(problem(jsonCheck(), '{"a": 1,}')).to.equal('"}" is unexpected at character 9');
  });

  it('bounds how deep JSON may be nested', () => {
    expect(problem(jsonCheck(), '['.repeat(100) + ']'.repeat(100))).to.equal(undefined);
    expect(problem(jsonCheck(), '['.repeat(101) + ']'.repeat(101))).to.match(/more than 100 deep/);
    expect(problem(jsonCheck(), '{"a":'.repeat(1_000_000), 65_536)).to.match(/more than 100 deep/);
  });

  it('takes for Base64 whatever Node encodes, with lines broken anyhow', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.integer({ min: 1, max: 80 }), (bytes, width) => {
        const lines = Buffer.from(bytes)
          .toString('base64')
          .replace(new RegExp(`.{${width}}`, 'g'), '$&\r\n ');
        expect(problem(base64Check(), lines)).to.equal(undefined);
      }),
    );
  });

  it('refuses what is no Base64', () => {
    for (const text of ['a', 'ab', 'abc', 'abcde', 'ab=c', 'ab===', '====', '=', 'ab-_', 'ab!=', 'é===']) {
      expect(problem(base64Check(), text), text).to.be.a('string');
    }
  });
});
