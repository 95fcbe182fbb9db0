import { expect } from 'chai';
import fc from 'fast-check';
import { jsonWithout, withoutPointers } from '../../../src/formats/private-values.js';
import { anEntry } from '../../support/build.js';
import { parseXml } from '../../support/atom.js';

const element = (xml: string): string => anEntry({ content: `<content type="application/xml">${xml}</content>` });
const contentOf = (entry: string): string => /<content[^>]*>([^]*)<\/content>/.exec(entry)?.[1] ?? '';

describe('what JSON Pointers name in a content', () => {
  describe('goes from JSON, and all else keeps its text', () => {
    const cases: [string, string[], string][] = [
      ['{"a":1,"b":2}', ['/a'], '{"b":2}'],
      ['{ "a" : 1e400 , "b":{"c":[1, 2] ,"d":"x"}}', ['/b/d'], '{"a" : 1e400,"b":{"c":[1, 2]}}'],
      ['{"a":[{"p":1,"q":1},{"p":2}]}', ['/a/0/p', '/a/1'], '{"a":[{"q":1}]}'],
      ['{"a":{"b":1}}', ['/a', '/a/b'], '{}'],
      ['{"a":1,"a":2}', ['/a'], '{}'],
      ['{"a/b":1,"~":2,"":3}', ['/a~1b', '/~0', '/'], '{}'],
      ['{"a":1}', [''], 'null'],
      ['[1,2,3]', ['/1'], '[1,3]'],
      ['{"__proto__":{"x":1},"y":2}', ['/__proto__/x'], '{"__proto__":{},"y":2}'],
      ['{"a":1}', ['/b', '/a/b', '/a/0', '/-'], '{"a":1}'],
      ['"text"', ['/a'], '"text"'],
    ];
    for (const [json, pointers, left] of cases) {
      it(`${json} without ${pointers.join(' ')}`, () => expect(jsonWithout(json, pointers)).to.equal(left));
    }
  });

  it('goes from any JSON: what is left is what is left of its value', () => {
    const document = fc.object({ maxDepth: 3, key: fc.constantFrom('a', 'b', 'c', '0'), withBigInt: false });
    const pointer = fc.array(fc.constantFrom('a', 'b', 'c', '0', '1'), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(document, pointer, (value, names) => {
        const json = JSON.stringify(value);
        const expected = JSON.parse(json) as unknown;
        let at: unknown = expected;
        for (const name of names.slice(0, -1)) at = (at as Record<string, unknown> | undefined)?.[name];
        const last = names.at(-1) ?? '';
        if (Array.isArray(at)) at.splice(Number(last), /^\d+$/.test(last) ? 1 : 0);
        else if (typeof at === 'object' && at !== null) Reflect.deleteProperty(at, last);
        expect(JSON.parse(jsonWithout(json, [`/${names.join('/')}`]))).to.deep.equal(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('goes from JSON in an entry, inline or in Base64', () => {
    const json = '{"open":"<&","secret":1}';
    const inline = anEntry({
      content: `<content type="application/json">${json.replace('<&', '&lt;&amp;')}</content>`,
    });
    expect(contentOf(withoutPointers(inline, ['/secret']))).to.equal('{"open":"&lt;&amp;"}');
    const coded = anEntry({
      content: `<content type="application/vnd.x+json">${Buffer.from(json).toString('base64')}</content>`,
    });
    const left = contentOf(withoutPointers(coded, ['/secret']));
    expect(Buffer.from(left, 'base64').toString()).to.equal('{"open":"<&"}');
    expect(withoutPointers(coded, ['/nothing'])).to.equal(coded);
  });

  describe('goes from XML, as the mapping has it', () => {
    const cases: [string, string[], string][] = [
      ['<o a="1" b="2"/>', ['/o/a'], '<o b="2"/>'],
      ['<o b=\'x a="1"\' a = "2"><c/></o>', ['/o/a'], '<o b=\'x a="1"\'><c/></o>'],
      ['<o><c p="1">x</c><d/></o>', ['/o/c'], '<o><d/></o>'],
      ['<o><c/><d/><c/></o>', ['/o/c'], '<o><d/></o>'],
      ['<o><c p="1"/><c p="2" q="3"/></o>', ['/o/c/1/p'], '<o><c p="1"/><c q="3"/></o>'],
      ['<o><c p="1"/></o>', ['/o/c/0/p'], '<o><c/></o>'],
      ['<x:o xmlns:x="u" x:a="1"><x:c/></x:o>', ['/o/a', '/o/c'], '<x:o xmlns:x="u"></x:o>'],
      ['<o><c><d/></c></o>', ['/o/c', '/o/c/d'], '<o></o>'],
      ['<o/>', ['/o'], ''],
      ['<o a="1"/>', ['/p', '/o/b', '/a'], '<o a="1"/>'],
    ];
    for (const [xml, pointers, left] of cases) {
      it(`${xml} without ${pointers.join(' ')}`, () => {
        const entry = withoutPointers(element(xml), pointers);
        expect(contentOf(entry)).to.equal(left);
        parseXml(entry);
      });
    }
  });

  it('is not looked for where the content is something else', () => {
    for (const content of [
      '<content>{"a":1}</content>',
      '<content type="application/json">{"a":</content>',
      '',
      '<content src="http://x/"/>',
    ]) {
      expect(withoutPointers(anEntry({ id: 'urn:x', content }), ['/a'])).to.equal(anEntry({ id: 'urn:x', content }));
    }
  });
});
