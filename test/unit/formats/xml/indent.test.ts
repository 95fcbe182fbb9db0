import { expect } from 'chai';
import fc from 'fast-check';
import { indentJson } from '../../../../src/formats/json/indent-json.js';
import { indentXml } from '../../../../src/formats/xml/indent-xml.js';
import type { Shown } from '../../../../src/formats/xml/indent-xml.js';
import { readTree } from '../../../../src/formats/xml/xml-tree.js';
import { parsed } from './infoset.js';
import { cpuTime } from '../../../support/cpu-time.js';

describe('JSON for a person', () => {
  const shown = (json: string): string => indentJson(json, 10_000).text;

  it('has each member and item on a line, and what is empty on one', () => {
    expect(shown('{"a":[1,{"b":[ ]}],"c":{ }}')).to.equal(
      '{\n  "a": [\n    1,\n    {\n      "b": []\n    }\n  ],\n  "c": {}\n}',
    );
    expect(shown(' null ')).to.equal('null');
  });

  it('is what JSON.stringify makes of it, where that loses nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), fc.constantFrom(0, 1, 4, '\t \r\n'), (value, space) => {
        const json = JSON.stringify(value, null, space);
        expect(shown(json)).to.equal(JSON.stringify(value, null, 2));
      }),
    );
  });

  it('keeps the text of every number and string, and every member', () => {
    const tokens = ['12345678901234567890.10', '1E400', '-0', '1.0', String.raw`"\u0041\"{[,:\\"`, 'true'];
    expect(shown(`[${tokens.join(',')}]`)).to.equal(`[\n  ${tokens.join(',\n  ')}\n]`);
    expect(shown('{"a":1,"a":2,"__proto__":3}')).to.equal('{\n  "a": 1,\n  "a": 2,\n  "__proto__": 3\n}');
  });

  it('is cut, at the cost of what is shown', () => {
    for (const json of [`[${'1,'.repeat(500_000)}1]`, `"${'\\n'.repeat(500_000)}"`, '1'.repeat(1_000_000)]) {
      const begun = cpuTime();
      const { text, cut } = indentJson(json, 1_000);
      expect([text.length, cut]).to.deep.equal([1_000, true]);
      expect(cpuTime() - begun).to.be.below(200);
    }
    expect(indentJson('[1]', 7)).to.deep.equal({ text: '[\n  1\n]', cut: false });
  });
});

describe('XML for a person', () => {
  const indent = (xml: string, most = 10_000): Shown => indentXml(xml, readTree(xml), most);

  it('has each element on a line where nothing but elements is within, with attributes and namespaces as written', () => {
    expect(indent(`<a xmlns:n='urn:n'  b="1"><n:c/><d\n\t e="&lt;  2">\n<f>text</f></d></a>`).text).to.equal(
      `<a xmlns:n='urn:n' b="1">\n  <n:c/>\n  <d e="&lt;  2">\n    <f>text</f>\n  </d>\n</a>`,
    );
  });

  it('leaves text as it is, and what stands beside it', () => {
    for (const xml of [
      '<a>some <b>bold</b> <i/>text</a>',
      '<a>  </a>',
      '<a xml:space="preserve"> <b/> </a>',
      '<a><![CDATA[<x>]]><b/></a>',
      '<a>\n line\n</a>',
    ])
      expect(indent(xml).text).to.equal(xml);
  });

  it('keeps comments and instructions', () => {
    expect(indent('<a><!-- one --><b/><?two?></a>').text).to.equal('<a>\n  <!-- one -->\n  <b/>\n  <?two?>\n</a>');
  });

  it('says the namespaces that a part of a document inherits', () => {
    const source = '<r xmlns="urn:r" xmlns:p="urn:p"><p:a><b/></p:a></r>';
    const [part] = readTree(source).elements;
    expect(indentXml(source, part!, 1_000).text).to.equal('<p:a xmlns="urn:r" xmlns:p="urn:p">\n  <b/>\n</p:a>');
  });

  it('means the same as what was written, but for white space between elements', () => {
    const tree: fc.Arbitrary<string> = fc.letrec<{ element: string; content: string }>((tie) => ({
      element: fc
        .tuple(fc.constantFrom('a', 'b', 'n:c'), fc.constantFrom('', ' x="1 &amp;  2"', " n:y='\"'"), tie('content'))
        .map(([name, attribute, content]) => `<${name}${attribute}>${content}</${name}>`),
      content: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom('', 't', ' ', '<![CDATA[<]]>', '&#x20;'),
        fc.array(tie('element'), { maxLength: 3 }).map((parts) => parts.join('\n ')),
        fc.array(tie('element'), { maxLength: 3 }).map((parts) => parts.join(' and ')),
      ),
    })).element;
    const meaning = (xml: string): unknown => {
      const strip = (text: string): string => text.replaceAll(/>\s+</g, '><');
      return parsed(strip(xml));
    };
    fc.assert(
      fc.property(tree, (inner) => {
        const source = `<r xmlns:n="urn:n">${inner}</r>`;
        expect(meaning(indent(source, 1_000_000).text)).to.deep.equal(meaning(source));
      }),
    );
  });

  it('is cut, at the cost of what is shown', () => {
    for (const xml of [
      `<a>${'<b/>'.repeat(200_000)}</a>`,
      `<a>${'x'.repeat(800_000)}</a>`,
      `<a b="${'x'.repeat(800_000)}"/>`,
    ]) {
      const tree = readTree(xml);
      const begun = cpuTime();
      const { text, cut } = indentXml(xml, tree, 1_000);
      expect([text.length, cut]).to.deep.equal([1_000, true]);
      expect(cpuTime() - begun).to.be.below(500);
    }
  });
});
