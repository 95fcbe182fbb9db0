import { expect } from 'chai';
import fc from 'fast-check';
import { JsonReader, decodeJson, pointerPart, readJsonText } from '../../../../src/formats/json/json-text.js';
import type { JsonNode } from '../../../../src/formats/json/json-text.js';
import { refusalOf } from '../../../support/refusal.js';

/** What JSON.parse would make of it. */
function valueOf(text: string, node: JsonNode): unknown {
  switch (node.kind) {
    case 'object':
      return Object.fromEntries(node.members.map(({ name, value }) => [name, valueOf(text, value)]));
    case 'array':
      return node.items.map((item) => valueOf(text, item));
    case 'string':
      return node.value;
    default:
      return JSON.parse(text.slice(node.start, node.end));
  }
}

describe('the JSON reader', () => {
  it('reads what JSON.parse reads, in whatever slices', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(3), fc.integer({ min: 1, max: 20 }), (compact, indent, slice) => {
        const text = ` ${JSON.stringify(JSON.parse(compact), null, indent)}\n`;
        expect(valueOf(text, readJsonText(text))).to.deep.equal(JSON.parse(text));
        const reader = new JsonReader(text);
        for (let until = slice; !reader.run(until); until += slice);
        expect(reader.root).to.deep.equal(readJsonText(text));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps each member in its order, and the text of numbers', () => {
    const text = '{"b": 1.0, "2": [-0, 1e400], "b": "x", "__proto__": null}';
    const root = readJsonText(text);
    if (root.kind !== 'object') throw new Error(root.kind);
    expect(root.members.map(({ name }) => name)).to.deep.equal(['b', '2', 'b', '__proto__']);
    expect(root.members.map(({ value }) => text.slice(value.start, value.end))).to.deep.equal([
      '1.0',
      '[-0, 1e400]',
      '"x"',
      'null',
    ]);
    expect(root.members.map(({ at }) => text.charAt(at))).to.deep.equal(['"', '"', '"', '"']);
  });

  it('keeps lone surrogates that are escaped, for others to judge', () => {
    expect(readJsonText('"\\ud800\\u00e9"')).to.include({ kind: 'string', value: '\ud800é' });
  });

  it('tells what is wrong with a string, at its place', () => {
    const place = (text: string): unknown => refusalOf(() => readJsonText(text)).details.violations?.[0];
    expect(place('["a",\n "b\\x"]')).to.include({ line: 2, column: 4, message: '"\\\\x" is no escape (RFC 8259 §7)' });
    expect(place('"\\u12g4"')).to.include({ column: 2 });
    expect(place('["a\u0001"]')).to.include({ column: 4 });
    expect(place('["a')).to.include({ column: 2 });
    expect(place('"\\')).to.include({ column: 2 });
  });

  it('goes as deep as it is told', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    readJsonText(nested(100));
    readJsonText(nested(320), { depth: 320 });
    expect(refusalOf(() => readJsonText(nested(101))).message).to.include('more than 100 deep');
  });

  it('reads UTF-8, and passes over a byte order mark', () => {
    expect(decodeJson(Buffer.from('\ufeff{}'))).to.equal('{}');
    expect(refusalOf(() => decodeJson(Buffer.from([0x22, 0xe9, 0x22]))).code).to.equal('not-well-formed');
  });

  it('writes names as parts of a JSON Pointer (RFC 6901 §3)', () => {
    expect(['a/b', 'm~n', '~1', '', 0].map(pointerPart)).to.deep.equal(['/a~1b', '/m~0n', '/~01', '/', '/0']);
  });
});
