import { expect } from 'chai';
import { RelaxNGValidator, XmlDocument, XsdValidator } from 'libxml2-wasm';
import { xmlExample } from '../../../src/registry/xml-schema/xml-example.js';

const XSD = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"';
const RNG = 'xmlns="http://relaxng.org/ns/structure/1.0" datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes"';

const schema = (body: string, attributes = ''): string => `<xs:schema ${XSD} ${attributes}>${body}</xs:schema>`;
const value = (base: string, facets = ''): string =>
  schema(
    `<xs:element name="e"><xs:simpleType><xs:restriction base="xs:${base}">${facets}</xs:restriction></xs:simpleType></xs:element>`,
  );
const facet = (name: string, text: string): string => `<xs:${name} value="${text}"/>`;
const complex = (body: string, attributes = ''): string =>
  schema(`<xs:element name="e"><xs:complexType>${body}</xs:complexType></xs:element>`, attributes);

const BUILT_IN = [
  ...[
    'string',
    'normalizedString',
    'token',
    'language',
    'NMTOKEN',
    'NMTOKENS',
    'Name',
    'NCName',
    'ID',
    'boolean',
    'decimal',
  ],
  ...[
    'integer',
    'positiveInteger',
    'nonPositiveInteger',
    'negativeInteger',
    'long',
    'int',
    'byte',
    'unsignedByte',
    'float',
  ],
  ...[
    'double',
    'duration',
    'dateTime',
    'time',
    'date',
    'gYearMonth',
    'gYear',
    'gMonthDay',
    'gDay',
    'gMonth',
    'hexBinary',
  ],
  ...['base64Binary', 'anyURI', 'anySimpleType', 'anyType'],
];

const schemas: Readonly<Record<string, string>> = {
  ...Object.fromEntries(BUILT_IN.map((type) => [`xs:${type}`, schema(`<xs:element name="e" type="xs:${type}"/>`)])),
  'an enumeration': value('string', facet('enumeration', 'b') + facet('enumeration', 'a')),
  'a pattern': value('string', facet('pattern', '[A-Z]{3}-\\d{2,4}(x|y)?')),
  'a pattern and a length': value('string', facet('pattern', '[a-z]+') + facet('minLength', '7')),
  'a pattern for a UUID': value('string', facet('pattern', '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')),
  'a negated class and an escape': value('string', facet('pattern', '[^a-z]\\.\\p{Lu}+')),
  'a length': value('string', facet('minLength', '12')),
  'a short length': value('token', facet('maxLength', '2')),
  'a length of bytes': value('hexBinary', facet('length', '4')),
  'a range': value('int', facet('minInclusive', '17') + facet('maxInclusive', '20')),
  'an open range': value('decimal', facet('minExclusive', '3') + facet('maxExclusive', '4')),
  'an upper bound': value('long', facet('maxInclusive', '-5')),
  'a range of dates': value('date', facet('minInclusive', '2031-01-01')),
  'a list': schema(
    '<xs:element name="e"><xs:simpleType><xs:restriction><xs:simpleType><xs:list itemType="xs:int"/></xs:simpleType><xs:length value="3"/></xs:restriction></xs:simpleType></xs:element>',
  ),
  'a union': schema(
    '<xs:element name="e"><xs:simpleType><xs:union memberTypes="xs:date xs:int"/></xs:simpleType></xs:element>',
  ),
  attributes: complex(
    '<xs:attribute name="a" type="xs:int" use="required"/><xs:attribute name="b" use="required" fixed="x &lt; y"/><xs:attribute name="c"/>',
  ),
  'elements in a namespace': complex(
    '<xs:sequence><xs:element name="a" type="xs:int" maxOccurs="2" minOccurs="2"/><xs:element name="b" minOccurs="0"/></xs:sequence><xs:attribute name="v" use="required" form="qualified"/>',
    'targetNamespace="urn:n" elementFormDefault="qualified"',
  ),
  'elements in no namespace': complex(
    '<xs:sequence><xs:element name="a" type="xs:int"/></xs:sequence>',
    'targetNamespace="urn:n"',
  ),
  'an all and a choice': complex(
    '<xs:all><xs:element name="a"><xs:complexType><xs:choice><xs:element name="x" type="xs:date"/><xs:element name="y"/></xs:choice></xs:complexType></xs:element><xs:element name="b" type="xs:int"/></xs:all>',
  ),
  'a recursive type': schema(
    '<xs:complexType name="t"><xs:choice><xs:element name="more" type="t"/><xs:element name="end" type="xs:int"/></xs:choice></xs:complexType><xs:element name="e" type="t"/>',
  ),
  'an extended type': schema(
    '<xs:complexType name="t"><xs:sequence><xs:element name="a"/></xs:sequence></xs:complexType><xs:element name="e"><xs:complexType><xs:complexContent><xs:extension base="t"><xs:sequence><xs:element name="b" type="xs:time"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType></xs:element>',
  ),
  'simple content': complex(
    '<xs:simpleContent><xs:extension base="xs:decimal"><xs:attribute name="unit" use="required"/></xs:extension></xs:simpleContent>',
  ),
  'a substitution group': schema(
    '<xs:element name="e"><xs:complexType><xs:sequence><xs:element ref="head"/></xs:sequence></xs:complexType></xs:element><xs:element name="head" abstract="true"/><xs:element name="a" substitutionGroup="head"/>',
  ),
  'an abstract type': schema(
    '<xs:complexType name="t" abstract="true"/><xs:complexType name="u"><xs:complexContent><xs:extension base="n:t"><xs:attribute name="a" use="required"/></xs:extension></xs:complexContent></xs:complexType><xs:element name="e" type="n:t"/>',
    'targetNamespace="urn:n" xmlns:n="urn:n"',
  ),
  'a wildcard': complex('<xs:sequence><xs:any processContents="lax" namespace="##other"/></xs:sequence>'),
  'a fixed element': complex('<xs:sequence><xs:element name="a" type="xs:int" fixed="7"/></xs:sequence>'),
};

const patterns: Readonly<Record<string, string>> = {
  text: `<element name="e" ${RNG}><text/></element>`,
  'attributes and elements': `<element name="e" ns="urn:n" ${RNG}><attribute name="a"><data type="int"/></attribute><optional><attribute name="b"/></optional><element name="x"><data type="date"/></element><oneOrMore><element name="y"><empty/></element></oneOrMore></element>`,
  'a grammar': `<grammar ${RNG}><start><ref name="s"/></start><define name="s"><element name="e"><choice><ref name="s"/><value>end</value></choice></element></define></grammar>`,
  'a choice of values': `<element name="e" ${RNG}><attribute name="a"><choice><value>x</value><value>y</value></choice></attribute><empty/></element>`,
  'an interleave': `<element name="e" ${RNG}><interleave><element name="a"><text/></element><element name="b"><list><data type="int"/><data type="date"/></list></element></interleave></element>`,
  'any element': `<element name="e" ${RNG}><element><anyName/><text/></element></element>`,
  'any element of a namespace': `<element name="e" ${RNG}><element><nsName ns="urn:x"/><empty/></element></element>`,
  'a mixed pattern': `<element name="e" ${RNG}><mixed><element name="a"><data type="string"><param name="pattern">\\d{3}</param></data></element></mixed></element>`,
  'an exception': `<element name="e" ${RNG}><data type="token"><except><value>text</value></except></data></element>`,
};

/** The judgement of libxml2; throws where it refuses. */
function validate(kind: 'xsd' | 'relax-ng', text: string, example: string): void {
  const document = XmlDocument.fromString(text);
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- libxml2 plans to drop RELAX NG, and has not
  const validator = kind === 'xsd' ? XsdValidator.fromDoc(document) : RelaxNGValidator.fromDoc(document);
  const instance = XmlDocument.fromString(example);
  try {
    validator.validate(instance);
  } finally {
    instance.dispose();
    validator.dispose();
    document.dispose();
  }
}

describe('the example of an XML contract', () => {
  for (const [kind, texts] of [
    ['xsd', schemas],
    ['relax-ng', patterns],
  ] as const) {
    for (const [what, text] of Object.entries(texts)) {
      it(`is valid by ${kind} with ${what}`, () => {
        const example = xmlExample(kind, { schema: text, imports: {} });
        expect(example).to.be.a('string');
        expect(() => validate(kind, text, example!), example).not.to.throw();
      });
    }
  }

  it('takes the first value of an enumeration', () => {
    expect(xmlExample('xsd', { schema: schemas['an enumeration']!, imports: {} })).to.equal('<e>b</e>');
  });

  it('is not made of what has no end', () => {
    const endless = schema(
      '<xs:complexType name="t"><xs:sequence><xs:element name="t" type="t"/></xs:sequence></xs:complexType><xs:element name="e" type="t"/>',
    );
    expect(xmlExample('xsd', { schema: endless, imports: {} })).to.equal(undefined);
  });

  it('is not made when it would be huge', () => {
    const type = (at: number): string =>
      `<xs:complexType name="t${at}"><xs:sequence>${`<xs:element name="a" type="${at === 0 ? 'xs:int' : `t${at - 1}`}"/>`.repeat(10)}</xs:sequence></xs:complexType>`;
    const huge = schema(Array.from({ length: 9 }, (_, at) => type(at)).join('') + '<xs:element name="e" type="t8"/>');
    expect(xmlExample('xsd', { schema: huge, imports: {} })).to.equal(undefined);
  });
});
