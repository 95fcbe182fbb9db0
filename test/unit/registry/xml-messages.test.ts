import { expect } from 'chai';
import type { Finding } from '../../../src/core/contract.js';
import { compileXml } from '../../../src/registry/xml-engine.js';
import { readXmlMessage } from '../../../src/registry/xml-messages.js';
import { xmlContract } from './build.js';

const entry = (content: string): string =>
  `<a:entry xmlns:a="http://www.w3.org/2005/Atom"><a:content type="application/xml">${content}</a:content></a:entry>`;

/** What libxml2 itself says of this content, as it is told. */
function findings(schema: string, content: string, kind: 'xsd' | 'relax-ng' = 'xsd'): readonly Finding[] {
  const compiled = compileXml(xmlContract(schema, kind));
  if ('mistakes' in compiled) expect.fail(JSON.stringify(compiled.mistakes));
  try {
    return compiled.checker.check(entry(content)).findings;
  } finally {
    compiled.checker.dispose();
  }
}

const xsd = (inside: string): string =>
  `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:t" targetNamespace="urn:t" elementFormDefault="qualified">${inside}</xs:schema>`;

/** The schema of an element with one attribute of this type. */
const attribute = (type: string, more = ''): string =>
  xsd(`<xs:element name="e"><xs:complexType><xs:attribute name="v"><xs:simpleType>${type}</xs:simpleType></xs:attribute></xs:complexType></xs:element>
    ${more}`);
const facet = (base: string, name: string, ...values: string[]): string =>
  `<xs:restriction base="${base}">${values.map((value) => `<xs:${name} value="${value}"/>`).join('')}</xs:restriction>`;

describe('what libxml2 says of a value', () => {
  /** The type, the value, what was expected and what was found. */
  const VALUES: Record<string, [string, string, string | undefined, string]> = {
    enumeration: [facet('xs:token', 'enumeration', 'A', 'B'), 'C', "one of 'A', 'B'", 'C'],
    pattern: [facet('xs:token', 'pattern', "[a-z]'+"), 'A', "what fits the pattern [a-z]'+", 'A'],
    minInclusive: [facet('xs:int', 'minInclusive', '3'), '1', 'at least 3', '1'],
    maxInclusive: [facet('xs:int', 'maxInclusive', '3'), '9', 'at most 3', '9'],
    minExclusive: [facet('xs:int', 'minExclusive', '3'), '3', 'more than 3', '3'],
    maxExclusive: [facet('xs:int', 'maxExclusive', '3'), '3', 'less than 3', '3'],
    minLength: [facet('xs:string', 'minLength', '3'), 'a', 'a length of at least 3', 'a length of 1'],
    maxLength: [facet('xs:string', 'maxLength', '3'), 'abcd', 'a length of at most 3', 'a length of 4'],
    length: [facet('xs:string', 'length', '3'), 'ab', 'a length of 3', 'a length of 2'],
    totalDigits: [facet('xs:decimal', 'totalDigits', '3'), '1234', 'digits, at most 3', '1234'],
    fractionDigits: [facet('xs:decimal', 'fractionDigits', '1'), '1.25', 'fractional digits, at most 1', '1.25'],
    'an atomic type without a name': [facet('xs:int', 'minInclusive', '3'), 'x', undefined, 'x'],
    'a union without a name': ['<xs:union memberTypes="xs:int xs:date"/>', 'x', undefined, 'x'],
    'quotes within it': [facet('xs:token', 'enumeration', 'A'), "it's 'so'", "one of 'A'", "it's 'so'"],
    'lines within it': [facet('xs:token', 'enumeration', 'A'), 'a&#10;b', "one of 'A'", 'a b'],
  };
  for (const [name, [type, value, expected, found]] of Object.entries(VALUES)) {
    it(`is taken apart: ${name}`, () => {
      const [first] = findings(attribute(type), `<e xmlns="urn:t" v="${value}"/>`);
      expect(first?.place).to.include({ kind: 'xml', attribute: 'v' });
      expect(first)
        .to.include({ found })
        .and.have.property('message')
        .that.matches(/^attribute v: /);
      expect(first?.expected).to.equal(expected);
    });
  }

  it('is taken apart where the type has a name, which is told without its URI', () => {
    const types = `<xs:simpleType name="ints"><xs:list itemType="xs:int"/></xs:simpleType>
      <xs:simpleType name="either"><xs:union memberTypes="xs:int xs:date"/></xs:simpleType>`;
    for (const name of ['ints', 'either']) {
      const told = findings(
        xsd(
          `<xs:element name="e"><xs:complexType><xs:attribute name="v" type="${name}"/></xs:complexType></xs:element>${types}`,
        ),
        '<e xmlns="urn:t" v="x"/>',
      );
      expect(told.at(-1)).to.include({ expected: `a value of ${name}`, found: 'x' });
    }
  });

  it('is taken apart in an element, whose place is told', () => {
    const schema = xsd(`<xs:element name="e"><xs:complexType><xs:sequence>
      <xs:element name="v" maxOccurs="unbounded" type="xs:int"/></xs:sequence></xs:complexType></xs:element>`);
    expect(findings(schema, '<t:e xmlns:t="urn:t"><t:v>1</t:v><t:v>x</t:v></t:e>')).to.deep.equal([
      {
        place: { kind: 'xml', xpath: '/a:entry/a:content/t:e/t:v[2]' },
        message: "v: 'x' is not a valid value of the atomic type 'xs:int'.",
        expected: 'a value of xs:int',
        found: 'x',
      },
    ]);
  });

  it('is taken apart where it is fixed, in an attribute and in an element', () => {
    const schema = xsd(`<xs:element name="e"><xs:complexType><xs:simpleContent><xs:extension base="xs:string">
      <xs:attribute name="v" type="xs:string" fixed="one"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>
      <xs:element name="f" type="xs:string" fixed="one"/>`);
    const two = { expected: 'one', found: 'two' };
    expect(findings(schema, '<e xmlns="urn:t" v="two"/>')[0]).to.include(two);
    expect(findings(schema, '<f xmlns="urn:t">two</f>')[0]).to.include(two);
  });

  it('is shortened where it is long', () => {
    const [first] = findings(
      attribute(facet('xs:token', 'enumeration', 'A')),
      `<e xmlns="urn:t" v="${'😀'.repeat(500)}"/>`,
    );
    expect(first?.found).to.have.length.within(199, 201).and.match(/…$/);
    expect(first?.found?.isWellFormed()).to.be.true;
    expect(first?.message).to.have.length.within(599, 601).and.match(/…$/);
  });
});

describe('what libxml2 says of elements and attributes', () => {
  const schema = xsd(`
    <xs:element name="seq"><xs:complexType><xs:sequence>
      <xs:element name="a"/><xs:choice><xs:element name="b"/><xs:element name="c"/></xs:choice>
    </xs:sequence><xs:attribute name="need" use="required"/></xs:complexType></xs:element>
    <xs:element name="any"><xs:complexType><xs:sequence><xs:any namespace="##other"/></xs:sequence></xs:complexType></xs:element>
    <xs:element name="keys"><xs:complexType><xs:sequence>
      <xs:element name="k" maxOccurs="unbounded"><xs:complexType><xs:attribute name="id"/></xs:complexType></xs:element>
    </xs:sequence></xs:complexType><xs:key name="ids"><xs:selector xpath="*"/><xs:field xpath="@id"/></xs:key></xs:element>`);

  it('names what is missing', () => {
    expect(findings(schema, '<seq xmlns="urn:t" need=""/>')).to.deep.equal([
      {
        place: { kind: 'xml', xpath: '/a:entry/a:content/*' },
        message: 'seq: Missing child element(s). Expected is ( a ).',
        expected: 'a',
      },
    ]);
  });

  it('names each element that could follow', () => {
    const [first] = findings(schema, '<seq xmlns="urn:t" need=""><a/></seq>');
    expect(first).to.include({ expected: 'b or c' });
  });

  it('names what is not expected, at its place', () => {
    const [first] = findings(schema, '<t:seq xmlns:t="urn:t" need=""><t:b/></t:seq>');
    expect(first?.place).to.deep.equal({ kind: 'xml', xpath: '/a:entry/a:content/t:seq/t:b' });
    expect(first).to.include({ message: 'b: This element is not expected. Expected is ( a ).', expected: 'a' });
  });

  it('says nothing of what would be right where nothing would be', () => {
    const [first] = findings(schema, '<seq xmlns="urn:t" need=""><a/><b/><c/></seq>');
    expect(first?.message).to.equal('c: This element is not expected.');
    expect(first).to.not.have.any.keys('expected', 'found');
  });

  it('tells a wildcard as it stands', () => {
    const [first] = findings(schema, '<any xmlns="urn:t"/>');
    expect(first?.expected).to.equal('##other*');
  });

  it('names an attribute that is missing', () => {
    const [first] = findings(schema, '<seq xmlns="urn:t"><a/><b/></seq>');
    expect(first?.place).to.deep.equal({ kind: 'xml', xpath: '/a:entry/a:content/*', attribute: 'need' });
    expect(first).to.include({
      message: "seq: The attribute 'need' is required but missing.",
      expected: 'a value',
      found: 'nothing',
    });
  });

  it('names an attribute that is not allowed, by its local name', () => {
    for (const extra of ['zzz="1"', 'xmlns:q="urn:q" q:zzz="1"']) {
      const [first] = findings(schema, `<seq xmlns="urn:t" need="" ${extra}><a/><b/></seq>`);
      expect(first?.place).to.include({ attribute: 'zzz' });
    }
  });

  it('is told as it stands where no shape fits it', () => {
    const told = findings(schema, '<keys xmlns="urn:t"><k id="1"/><k id="1"/></keys>');
    expect(told).to.have.length(1);
    expect(told[0]?.message).to.match(/^k: Duplicate key-sequence \['1'\]/);
    expect(told[0]).to.not.have.any.keys('expected', 'found');
  });
});

describe('what libxml2 says by RELAX NG', () => {
  const schema = `<element name="o" xmlns="http://relaxng.org/ns/structure/1.0" datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
    <attribute name="n"><data type="int"/></attribute>
    <element name="a"><data type="date"/></element>
    <element name="b"><text/></element>
  </element>`;
  const told = (content: string): readonly Finding[] => findings(schema, content, 'relax-ng');

  it('takes a value of another type apart', () => {
    const [first] = told('<o n="1"><a>x</a><b/></o>');
    expect(first).to.deep.equal({
      place: { kind: 'xml', xpath: '/entry/content/o/a' },
      message: "Type date doesn't allow value 'x'",
      expected: 'a value of date',
      found: 'x',
    });
  });

  it('names an attribute that is not allowed', () => {
    const [first] = told('<o n="1" z="1"><a>2026-01-31</a><b/></o>');
    expect(first?.place).to.deep.equal({ kind: 'xml', xpath: '/entry/content/o', attribute: 'z' });
  });

  it('takes another element apart than was expected', () => {
    const [first] = told('<z/>');
    expect(first).to.include({ expected: 'element o', found: 'z' });
  });

  it('takes apart that an element is missing where any order will do', () => {
    const interleave = `<element name="i" xmlns="http://relaxng.org/ns/structure/1.0"><interleave>
      <element name="a"><empty/></element><element name="b"><empty/></element></interleave></element>`;
    const [first] = findings(interleave, '<i><a/></i>', 'relax-ng');
    expect(first).to.include({ expected: 'element b', found: 'nothing' });
  });

  it('is told as it stands elsewhere', () => {
    expect(told('<o n="1"><b/></o>')[0]).to.deep.equal({
      place: { kind: 'xml', xpath: '/entry/content/o/b' },
      message: 'Did not expect element b there',
    });
  });
});

describe('a message of libxml2', () => {
  it('that nobody knows is told as it stands, on one line', () => {
    expect(readXmlMessage('  Something\n  else {1}  ')).to.deep.equal({ message: 'Something else {1}' });
  });
});
