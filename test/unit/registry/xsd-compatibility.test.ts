import { expect } from 'chai';
import { XmlDocument, XsdValidator } from 'libxml2-wasm';
import { xsdBreaks } from '../../../src/registry/xml-schema/xsd-compatibility.js';
import { cpuTime } from '../../support/cpu-time.js';

/** A pair of schemas, the breaks as `rule path`, and contents that some version may accept. */
interface Pair {
  readonly what: string;
  readonly older: string;
  readonly newer: string;
  readonly breaks: readonly string[];
  readonly contents: readonly string[];
}

const HEAD = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"';
const schema = (body: string, attributes = ''): string => `${HEAD} ${attributes}>${body}</xs:schema>`;
const complex = (body: string): string =>
  schema(`<xs:element name="e"><xs:complexType>${body}</xs:complexType></xs:element>`);
const sequence = (body: string): string => complex(`<xs:sequence>${body}</xs:sequence>`);
const el = (name: string, attributes = '', type = 'xs:string'): string =>
  `<xs:element name="${name}" type="${type}" ${attributes}/>`;
const optional = 'minOccurs="0"';
const attribute = (name: string, more = ''): string => `<xs:attribute name="${name}" type="xs:string" ${more}/>`;
const restriction = (base: string, facets: string): string =>
  `<xs:simpleType><xs:restriction base="xs:${base}">${facets}</xs:restriction></xs:simpleType>`;
const value = (base: string, facets = ''): string =>
  schema(`<xs:element name="e">${restriction(base, facets)}</xs:element>`);
const facet = (name: string, ...values: string[]): string =>
  values.map((each) => `<xs:${name} value="${each}"/>`).join('');
const list = (facets: string, item = 'xs:int'): string =>
  schema(
    `<xs:element name="e"><xs:simpleType><xs:restriction><xs:simpleType><xs:list itemType="${item}"/></xs:simpleType>${facets}</xs:restriction></xs:simpleType></xs:element>`,
  );
const union = (members: string): string =>
  schema(`<xs:element name="e"><xs:simpleType><xs:union memberTypes="${members}"/></xs:simpleType></xs:element>`);
const any = (attributes: string): string => `<xs:any minOccurs="0" ${attributes}/>`;
const values = (...texts: string[]): string[] => texts.map((text) => `<e>${text}</e>`);
const A = '<a/>';
const B = '<b/>';
const NIL = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"';
const SHAPES = (derived: string): string =>
  schema(
    `<xs:complexType name="base"><xs:sequence>${el('a')}</xs:sequence></xs:complexType>${derived}<xs:element name="e" type="base"/>`,
  );
const EXTENSION = (body: string): string =>
  `<xs:complexType name="more"><xs:complexContent><xs:extension base="base"><xs:sequence>${body}</xs:sequence></xs:extension></xs:complexContent></xs:complexType>`;
const XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
const SUBSTITUTION = (members: string): string =>
  schema(
    `<xs:element name="head" type="xs:string" abstract="true"/>${members}<xs:element name="e"><xs:complexType><xs:sequence><xs:element ref="head"/></xs:sequence></xs:complexType></xs:element>`,
  );
const member = (name: string): string => `<xs:element name="${name}" type="xs:string" substitutionGroup="head"/>`;
const RECURSIVE = (name: string): string =>
  schema(
    `<xs:complexType name="node"><xs:sequence><xs:element name="node" type="node" minOccurs="0" maxOccurs="unbounded"/>${name}</xs:sequence></xs:complexType><xs:element name="e" type="node"/>`,
  );
const UNIQUE = (more: string): string =>
  schema(
    `<xs:element name="e"><xs:complexType><xs:sequence>${el('a', 'maxOccurs="3"')}</xs:sequence></xs:complexType>${more}</xs:element>`,
  );

type Row = readonly [
  what: string,
  older: string,
  newer: string,
  breaks: readonly string[],
  contents: readonly string[],
];

const rows: readonly Row[] = [
  // elements
  [
    'an optional element is added',
    sequence(el('a')),
    sequence(el('a') + el('b', optional)),
    [],
    [`<e>${A}</e>`, `<e>${A}${B}</e>`],
  ],
  [
    'an optional element is removed',
    sequence(el('a') + el('b', optional)),
    sequence(el('a')),
    ['element-removed e/b'],
    [`<e>${A}</e>`, `<e>${A}${B}</e>`],
  ],
  [
    'a required element is added',
    sequence(el('a')),
    sequence(el('a') + el('b')),
    ['element-required e/b'],
    [`<e>${A}</e>`],
  ],
  [
    'an optional element becomes required',
    sequence(el('a', optional)),
    sequence(el('a')),
    ['element-required e/a'],
    ['<e/>', `<e>${A}</e>`],
  ],
  [
    'fewer are allowed',
    sequence(el('a', 'maxOccurs="5"')),
    sequence(el('a', 'maxOccurs="2"')),
    ['occurs-narrowed e/a'],
    [`<e>${A}${A}${A}</e>`, `<e>${A}</e>`],
  ],
  [
    'more are needed',
    sequence(el('a', 'maxOccurs="5"')),
    sequence(el('a', 'minOccurs="2" maxOccurs="5"')),
    ['occurs-narrowed e/a'],
    [`<e>${A}</e>`],
  ],
  [
    'more are allowed',
    sequence(el('a', 'maxOccurs="50000"')),
    sequence(el('a', 'maxOccurs="unbounded"')),
    [],
    [`<e>${A}${A}</e>`],
  ],
  [
    'an unbounded number is bounded by a large one',
    sequence(el('a', 'maxOccurs="unbounded"')),
    sequence(el('a', 'maxOccurs="40000"')),
    ['cannot-be-compared e'],
    [`<e>${A}</e>`],
  ],
  [
    'the order changes',
    sequence(el('a') + el('b')),
    sequence(el('b') + el('a')),
    ['order-changed e'],
    [`<e>${A}${B}</e>`, `<e>${B}${A}</e>`],
  ],
  [
    'a sequence becomes an all',
    sequence(el('a') + el('b', optional)),
    complex(`<xs:all>${el('b', optional)}${el('a')}</xs:all>`),
    [],
    [`<e>${A}${B}</e>`, `<e>${A}</e>`],
  ],
  [
    'an all becomes a sequence',
    complex(`<xs:all>${el('a')}${el('b')}</xs:all>`),
    sequence(el('a') + el('b')),
    ['order-changed e'],
    [`<e>${A}${B}</e>`, `<e>${B}${A}</e>`],
  ],
  [
    'a sequence becomes a choice',
    sequence(el('a', optional)),
    complex(`<xs:choice>${el('a')}${el('b')}</xs:choice>`),
    ['element-required e'],
    ['<e/>', `<e>${A}</e>`],
  ],
  [
    'a choice loses a branch',
    complex(`<xs:choice>${el('a')}${el('b')}</xs:choice>`),
    complex(`<xs:choice>${el('a')}</xs:choice>`),
    ['element-removed e/b', 'element-required e/a'],
    [`<e>${B}</e>`],
  ],
  [
    'a choice becomes a repeated one',
    complex(`<xs:choice>${el('a')}${el('b')}</xs:choice>`),
    complex(`<xs:choice minOccurs="0" maxOccurs="unbounded">${el('a')}${el('b')}</xs:choice>`),
    [],
    [`<e>${B}</e>`],
  ],
  [
    'what could come together is a choice',
    sequence(el('a', optional) + el('b', optional)),
    complex(`<xs:choice minOccurs="0">${el('a')}${el('b')}</xs:choice>`),
    ['content-narrowed e'],
    [`<e>${A}${B}</e>`, `<e>${A}</e>`],
  ],
  [
    'an equal model is written otherwise',
    sequence(`${el('a', optional)}${el('a', optional)}`.replace(/^(.*)$/u, el('a', 'minOccurs="0" maxOccurs="2"'))),
    sequence(`<xs:sequence minOccurs="0">${el('a')}<xs:sequence minOccurs="0">${el('a')}</xs:sequence></xs:sequence>`),
    [],
    ['<e/>', `<e>${A}${A}</e>`],
  ],
  ['a global element is removed', schema(el('e') + el('f')), schema(el('e')), ['element-removed f'], ['<f/>', '<e/>']],
  ['a global element is added', schema(el('e')), schema(el('e') + el('f')), [], ['<e/>']],
  [
    'a global element becomes abstract',
    schema(el('e') + el('f')),
    schema(el('e') + el('f', 'abstract="true"')),
    ['abstract f'],
    ['<f/>'],
  ],
  [
    'a namespace is introduced',
    schema(el('e')),
    schema(el('e'), 'targetNamespace="urn:n"'),
    ['element-removed e'],
    ['<e/>', '<e xmlns="urn:n"/>'],
  ],
  [
    'local elements become qualified',
    schema(
      `<xs:element name="e"><xs:complexType><xs:sequence>${el('a', optional)}</xs:sequence></xs:complexType></xs:element>`,
      'targetNamespace="urn:n"',
    ),
    schema(
      `<xs:element name="e"><xs:complexType><xs:sequence>${el('a', optional)}</xs:sequence></xs:complexType></xs:element>`,
      'targetNamespace="urn:n" elementFormDefault="qualified"',
    ),
    ['element-removed e/a'],
    ['<n:e xmlns:n="urn:n"><a/></n:e>'],
  ],
  [
    'an element may no longer be nil',
    schema(el('e', 'nillable="true"', 'xs:int')),
    schema(el('e', '', 'xs:int')),
    ['nillable-removed e'],
    [`<e ${NIL}/>`, '<e>1</e>'],
  ],
  ['a fixed value is added', schema(el('e')), schema(el('e', 'fixed="x"')), ['fixed-added e'], values('x', 'y')],
  ['a fixed value is lifted', schema(el('e', 'fixed="x"')), schema(el('e')), [], values('x', 'y')],
  [
    'a default is removed from a number',
    schema(el('e', 'default="1"', 'xs:int')),
    schema(el('e', '', 'xs:int')),
    ['default-removed e'],
    ['<e/>', '<e>2</e>'],
  ],
  [
    'text beside elements is refused',
    complex(`<xs:sequence>${el('a')}</xs:sequence>`).replace('<xs:complexType>', '<xs:complexType mixed="true">'),
    sequence(el('a')),
    ['mixed-removed e'],
    [`<e>x${A}</e>`, `<e>${A}</e>`],
  ],
  [
    'text beside elements is allowed',
    sequence(el('a')),
    complex(`<xs:sequence>${el('a')}</xs:sequence>`).replace('<xs:complexType>', '<xs:complexType mixed="true">'),
    [],
    [`<e>${A}</e>`],
  ],
  [
    'a deep type is narrowed',
    sequence(`<xs:element name="a"><xs:complexType>${attribute('x')}</xs:complexType></xs:element>`),
    sequence(`<xs:element name="a"><xs:complexType>${attribute('x', 'use="required"')}</xs:complexType></xs:element>`),
    ['attribute-required e/a/@x'],
    ['<e><a/></e>', '<e><a x="1"/></e>'],
  ],
  [
    'elements become a value',
    sequence(el('a', optional)),
    schema(el('e')),
    ['type-narrowed e'],
    [`<e>${A}</e>`, '<e/>'],
  ],
  ['a value becomes elements', schema(el('e')), sequence(el('a', optional)), ['type-narrowed e'], values('x', '')],
  // attributes
  [
    'an optional attribute is added',
    complex(attribute('x')),
    complex(attribute('x') + attribute('y')),
    [],
    ['<e x=""/>'],
  ],
  ['an attribute is removed', complex(attribute('x')), complex(''), ['attribute-removed e/@x'], ['<e x="1"/>', '<e/>']],
  [
    'a removed attribute is taken by a wildcard',
    complex(attribute('x')),
    complex('<xs:anyAttribute processContents="lax"/>'),
    [],
    ['<e x="1"/>'],
  ],
  [
    'a removed attribute is not taken by a wildcard of other namespaces',
    complex(attribute('x')),
    complex('<xs:anyAttribute namespace="##other" processContents="lax"/>'),
    ['attribute-removed e/@x'],
    ['<e x="1"/>'],
  ],
  [
    'an attribute becomes required',
    complex(attribute('x')),
    complex(attribute('x', 'use="required"')),
    ['attribute-required e/@x'],
    ['<e/>', '<e x="1"/>'],
  ],
  [
    'an attribute becomes optional',
    complex(attribute('x', 'use="required"')),
    complex(attribute('x')),
    [],
    ['<e x="1"/>'],
  ],
  [
    'an attribute is fixed',
    complex(attribute('x')),
    complex(attribute('x', 'fixed="1"')),
    ['fixed-added e/@x'],
    ['<e x="2"/>'],
  ],
  [
    'an attribute is narrowed',
    complex('<xs:attribute name="x" type="xs:long"/>'),
    complex('<xs:attribute name="x" type="xs:int"/>'),
    ['type-narrowed e/@x'],
    ['<e x="99999999999"/>', '<e x="1"/>'],
  ],
  [
    'an attribute wildcard is removed',
    complex('<xs:anyAttribute processContents="skip"/>'),
    complex(attribute('x')),
    ['wildcard-narrowed e/@*'],
    ['<e y="1"/>', '<e x="1"/>'],
  ],
  [
    'an attribute that a wildcard took in is typed',
    complex('<xs:anyAttribute processContents="lax"/>'),
    complex('<xs:attribute name="x" type="xs:int"/><xs:anyAttribute processContents="lax"/>'),
    ['wildcard-narrowed e/@*'],
    ['<e x="y"/>'],
  ],
  [
    'an attribute comes from a group',
    complex(attribute('x')),
    schema(
      `<xs:attributeGroup name="g">${attribute('x')}</xs:attributeGroup><xs:element name="e"><xs:complexType><xs:attributeGroup ref="g"/></xs:complexType></xs:element>`,
    ),
    [],
    ['<e x="1"/>'],
  ],
  // wildcards
  [
    'a wildcard is added',
    sequence(el('a')),
    sequence(el('a') + any('namespace="##other" processContents="lax"')),
    [],
    [`<e>${A}</e>`],
  ],
  [
    'a wildcard is removed',
    sequence(el('a') + any('namespace="##other" processContents="lax"')),
    sequence(el('a')),
    ['wildcard-narrowed e/*'],
    [`<e>${A}<x xmlns="urn:x"/></e>`],
  ],
  [
    'a wildcard takes fewer namespaces',
    sequence(any('namespace="urn:x urn:y" processContents="skip"')),
    sequence(any('namespace="urn:y" processContents="skip"')),
    ['wildcard-narrowed e/*'],
    ['<e><x xmlns="urn:x"/></e>', '<e><y xmlns="urn:y"/></e>'],
  ],
  [
    'a wildcard becomes strict',
    sequence(any('processContents="skip"')),
    sequence(any('processContents="strict"')),
    ['wildcard-narrowed e/*', 'wildcard-narrowed e/e'],
    [`<e>${A}</e>`, '<e><e/></e>'],
  ],
  [
    'a wildcard becomes lax',
    sequence(any('namespace="##other" processContents="strict"')),
    sequence(any('namespace="##other" processContents="lax"')),
    [],
    ['<e/>'],
  ],
  [
    'an element takes the place of a wildcard',
    sequence(any('processContents="skip"')),
    sequence(el('a', optional)),
    ['wildcard-narrowed e/*', 'wildcard-narrowed e/a'],
    ['<e><b/></e>', `<e>${A}</e>`],
  ],
  [
    'an element is taken by a wildcard',
    sequence(el('a', optional)),
    sequence(any('processContents="lax"')),
    [],
    [`<e>${A}</e>`],
  ],
  // types
  ...(
    [
      ['int', 'long', true],
      ['long', 'int', false],
      ['byte', 'decimal', true],
      ['decimal', 'integer', false],
      ['unsignedInt', 'long', true],
      ['unsignedLong', 'long', false],
      ['int', 'string', true],
      ['string', 'int', false],
      ['token', 'string', true],
      ['string', 'token', true],
      ['NCName', 'NMTOKEN', true],
      ['NMTOKEN', 'NCName', false],
      ['date', 'dateTime', false],
      ['dateTime', 'string', true],
      ['boolean', 'string', true],
      ['boolean', 'int', false],
      ['float', 'double', true],
      ['decimal', 'double', true],
      ['double', 'decimal', false],
      ['anyURI', 'string', true],
      ['string', 'anyURI', false],
      ['NCName', 'ID', false],
      ['positiveInteger', 'nonNegativeInteger', true],
      ['nonNegativeInteger', 'positiveInteger', false],
      ['language', 'NCName', true],
      ['hexBinary', 'base64Binary', false],
    ] as const
  ).map(([from, to, wider]): Row => [
    `xs:${from} becomes xs:${to}`,
    value(from),
    value(to),
    wider ? [] : ['type-narrowed e'],
    values(
      '1',
      'x',
      '-1',
      '0',
      '1.5',
      'true',
      '70000000000',
      '18446744073709551615',
      '%zz',
      'a:b',
      '1e9',
      '2020-01-01',
      '2020-01-01T00:00:00Z',
      'INF',
      'abc',
    ),
  ]),
  [
    'an enumeration loses a value',
    value('string', facet('enumeration', 'a', 'b', 'c')),
    value('string', facet('enumeration', 'a', 'c')),
    ['enumeration-narrowed e'],
    values('a', 'b'),
  ],
  [
    'an enumeration gains a value',
    value('string', facet('enumeration', 'a')),
    value('string', facet('enumeration', 'a', 'b')),
    [],
    values('a'),
  ],
  [
    'an enumeration is added',
    value('string'),
    value('string', facet('enumeration', 'a')),
    ['enumeration-narrowed e'],
    values('a', 'b'),
  ],
  [
    'an enumeration is lifted for a pattern that it fits',
    value('string', facet('enumeration', 'AB', 'CD')),
    value('string', facet('pattern', '[A-Z]{2}')),
    [],
    values('AB', 'CD'),
  ],
  [
    'an enumeration is lifted for a pattern that it does not fit',
    value('string', facet('enumeration', 'AB', 'C')),
    value('string', facet('pattern', '[A-Z]{2}')),
    ['enumeration-narrowed e'],
    values('AB', 'C'),
  ],
  [
    'listed numbers become listed texts',
    value('int', facet('enumeration', '1')),
    value('string', facet('enumeration', '1')),
    ['type-narrowed e'],
    values('1', '01'),
  ],
  [
    'a pattern is added',
    value('string'),
    value('string', facet('pattern', 'a+')),
    ['pattern-added e'],
    values('a', 'b'),
  ],
  [
    'a pattern changes',
    value('string', facet('pattern', 'a+')),
    value('string', facet('pattern', 'aa+')),
    ['pattern-changed e'],
    values('a', 'aa'),
  ],
  [
    'a pattern gets an alternative',
    value('string', facet('pattern', 'a')),
    value('string', facet('pattern', 'a', 'b')),
    [],
    values('a'),
  ],
  [
    'a length is tightened',
    value('string', facet('maxLength', '5')),
    value('string', facet('maxLength', '3') + facet('minLength', '2')),
    ['facet-tightened e'],
    values('abcde', 'abc', 'a'),
  ],
  [
    'a length is loosened',
    value('string', facet('maxLength', '5')),
    value('string', facet('maxLength', '9')),
    [],
    values('abcde'),
  ],
  [
    'a range is tightened',
    value('int', facet('minInclusive', '0')),
    value('int', facet('minExclusive', '0')),
    ['facet-tightened e'],
    values('0', '1'),
  ],
  [
    'a range is loosened',
    value('int', facet('minInclusive', '0') + facet('maxInclusive', '10')),
    value('int', facet('maxExclusive', '11')),
    [],
    values('0', '10', '11'),
  ],
  [
    'a narrower type with a range is as wide',
    value('int', facet('minInclusive', '0') + facet('maxInclusive', '255')),
    value('unsignedByte'),
    [],
    values('0', '255', '256'),
  ],
  [
    'digits are cut',
    value('decimal'),
    value('decimal', facet('fractionDigits', '2')),
    ['facet-tightened e'],
    values('1.234', '1.2'),
  ],
  [
    'white space is kept where length counts',
    value('token', facet('maxLength', '3')),
    value('string', facet('maxLength', '3')),
    ['facet-tightened e'],
    values('abc', ' abc '),
  ],
  [
    'a date range is tightened',
    value('date', facet('minInclusive', '2020-01-01')),
    value('date', facet('minInclusive', '2021-01-01')),
    ['facet-tightened e'],
    values('2020-06-01', '2022-01-01'),
  ],
  [
    'a date range is loosened',
    value('date', facet('minInclusive', '2021-01-01')),
    value('date', facet('minInclusive', '2020-01-01')),
    [],
    values('2022-01-01'),
  ],
  ['a list may be shorter', list(facet('minLength', '2')), list(''), [], values('1 2', '1')],
  [
    'a list must be shorter',
    list(facet('maxLength', '3')),
    list(facet('maxLength', '2')),
    ['facet-tightened e'],
    values('1 2 3', '1'),
  ],
  [
    'the items of a list are narrowed',
    list('', 'xs:long'),
    list('', 'xs:int'),
    ['type-narrowed e'],
    values('99999999999', '1 2'),
  ],
  ['a union gains a member', union('xs:int'), union('xs:int xs:date'), [], values('1')],
  ['a union loses a member', union('xs:int xs:date'), union('xs:int'), ['type-narrowed e'], values('1', '2020-01-01')],
  ['a type becomes a member of a union', value('int'), union('xs:date xs:long'), [], values('1')],
  // derivation
  [
    'an extended type loses what it added',
    SHAPES(EXTENSION(el('b', optional))),
    SHAPES(EXTENSION('')),
    ['element-removed e/b'],
    [`<e ${XSI} xsi:type="more">${A}${B}</e>`, `<e>${A}</e>`],
  ],
  [
    'a derived type is removed',
    SHAPES(EXTENSION(el('b'))),
    SHAPES(''),
    ['type-removed e'],
    [`<e ${XSI} xsi:type="more">${A}${B}</e>`],
  ],
  [
    'a type becomes abstract',
    SHAPES(''),
    SHAPES('').replace('name="base"', 'name="base" abstract="true"'),
    ['abstract e'],
    [`<e>${A}</e>`],
  ],
  [
    'a substitute is removed',
    SUBSTITUTION(member('a') + member('b')),
    SUBSTITUTION(member('a')),
    ['element-removed b', 'element-required e/a', 'element-removed e/b'],
    [`<e>${B}</e>`, `<e>${A}</e>`],
  ],
  ['a substitute is added', SUBSTITUTION(member('a')), SUBSTITUTION(member('a') + member('b')), [], [`<e>${A}</e>`]],
  [
    'a recursive type stays',
    RECURSIVE(el('n', optional)),
    RECURSIVE(el('n', optional) + el('m', optional)),
    [],
    ['<e><node><node><n/></node></node></e>'],
  ],
  [
    'a recursive type is narrowed',
    RECURSIVE(el('n', optional)),
    RECURSIVE(el('n')),
    ['element-required e/n'],
    ['<e><node><node><n/></node></node></e>', '<e><n/></e>'],
  ],
  [
    'values must be unique',
    UNIQUE(''),
    UNIQUE('<xs:unique name="u"><xs:selector xpath="a"/><xs:field xpath="."/></xs:unique>'),
    ['identity-constraint-added e'],
    ['<e><a>1</a><a>1</a></e>'],
  ],
];

const pairs: readonly Pair[] = rows.map(([what, older, newer, breaks, contents]) => ({
  what,
  older,
  newer,
  breaks,
  contents,
}));

/** A schema's judgement on contents, by libxml2. */
function judged(text: string, contents: readonly string[]): boolean[] {
  const document = XmlDocument.fromString(text);
  const validator = XsdValidator.fromDoc(document);
  try {
    return contents.map((content) => {
      const instance = XmlDocument.fromString(content);
      try {
        validator.validate(instance);
        return true;
      } catch {
        return false;
      } finally {
        instance.dispose();
      }
    });
  } finally {
    validator.dispose();
    document.dispose();
  }
}

const set = (text: string, imports: Record<string, string> = {}) => ({ schema: text, imports });

describe('the compatibility of XML Schemas', () => {
  for (const { what, older, newer, breaks } of pairs) {
    it(`${breaks.length === 0 ? 'lets it pass' : 'tells'} when ${what}`, () => {
      const found = xsdBreaks(set(older), set(newer));
      const told = found.map(({ rule, path }) => `${rule} ${path}`);
      expect([...new Set(told)].sort(), JSON.stringify(found)).to.deep.equal([...breaks].sort());
    });
  }

  for (const { what, older, newer, contents } of pairs) {
    it(`agrees with libxml2 when ${what}`, () => {
      const [byOlder, byNewer] = [judged(older, contents), judged(newer, contents)];
      const forward = contents.filter((_, at) => byOlder[at] && !byNewer[at]);
      const back = contents.filter((_, at) => byNewer[at] && !byOlder[at]);
      expect(byOlder.concat(byNewer)).to.include(true);
      if (xsdBreaks(set(older), set(newer)).length === 0) expect(forward).to.deep.equal([]);
      if (xsdBreaks(set(newer), set(older)).length === 0) expect(back).to.deep.equal([]);
    });
  }

  const REF =
    '<xs:element name="e"><xs:complexType><xs:sequence><xs:element ref="o:a"/></xs:sequence></xs:complexType></xs:element>';
  const importing = schema(`<xs:import namespace="urn:o" schemaLocation="o.xsd"/>${REF}`, 'xmlns:o="urn:o"');
  const imported = (type: string): Record<string, string> => ({
    'o.xsd': schema(`<xs:element name="a" type="xs:${type}"/>`, 'targetNamespace="urn:o"'),
  });

  it('reads what is imported', () => {
    const breaks = xsdBreaks(set(importing, imported('long')), set(importing, imported('int')));
    expect(breaks.map(({ rule, path }) => `${rule} ${path}`)).to.have.members(['type-narrowed a', 'type-narrowed e/a']);
    expect(xsdBreaks(set(importing, imported('int')), set(importing, imported('long')))).to.deep.equal([]);
  });

  it('gives what is included the namespace of the document that includes it', () => {
    const including = schema('<xs:include schemaLocation="c.xsd"/>', 'targetNamespace="urn:n"');
    const included = `<xs:simpleType name="t"><xs:restriction base="xs:int"/></xs:simpleType><xs:element name="e" type="t"/>`;
    const written = schema(included.replace('type="t"', 'type="n:t"'), 'targetNamespace="urn:n" xmlns:n="urn:n"');
    expect(xsdBreaks(set(including, { 'c.xsd': schema(included) }), set(written))).to.deep.equal([]);
    expect(xsdBreaks(set(written), set(including, { 'c.xsd': schema(included) }))).to.deep.equal([]);
  });

  it('does not compare what it cannot read', () => {
    const redefining = schema('<xs:redefine schemaLocation="c.xsd"/>' + el('e'));
    expect(xsdBreaks(set(schema(el('e'))), set(redefining)).map(({ rule }) => rule)).to.deep.equal([
      'cannot-be-compared',
    ]);
    expect(xsdBreaks(set(redefining), set(redefining))).to.deep.equal([]);
    expect(xsdBreaks(set(importing), set(importing, imported('int'))).map(({ rule }) => rule)).to.deep.equal([
      'cannot-be-compared',
    ]);
  });

  it('says what was changed and what that breaks', () => {
    const breaks = xsdBreaks(
      set(complex('<xs:attribute name="vcpus" type="xs:int"/>')),
      set(complex('<xs:attribute name="vcpus" type="xs:short" use="required"/>')),
    );
    expect(breaks).to.deep.equal([
      {
        rule: 'type-narrowed',
        path: 'e/@vcpus',
        message: '"@vcpus" takes xs:short now, xs:int before; what was published with other values is refused',
      },
      {
        rule: 'attribute-required',
        path: 'e/@vcpus',
        message: '"@vcpus" is required now; what was published without it is refused',
      },
    ]);
  });

  it('tells a hundred breaks at most, in short messages', () => {
    const many = (type: string): string =>
      sequence(Array.from({ length: 150 }, (_, at) => el(`${'x'.repeat(200)}${at}`, '', type)).join(''));
    const breaks = xsdBreaks(set(many('xs:long')), set(many('xs:int')));
    expect(breaks).to.have.lengthOf(100);
    expect(Math.max(...breaks.map(({ message }) => message.length))).to.be.below(250);
  });

  it('is done with groups of groups, and with great choices, in a moment', () => {
    const group = (at: number): string =>
      `<xs:group name="g${at}"><xs:sequence>${at === 0 ? el('a', optional) : `<xs:group ref="g${at - 1}"/>`.repeat(8)}</xs:sequence></xs:group>`;
    const groups = (more: string): string =>
      schema(
        `${Array.from({ length: 12 }, (_, at) => group(at)).join('')}<xs:element name="e"><xs:complexType><xs:sequence><xs:group ref="g11"/>${more}</xs:sequence></xs:complexType></xs:element>`,
      );
    const started = cpuTime();
    expect(xsdBreaks(set(groups(el('b'))), set(groups(el('b', optional))))).to.be.an('array');
    const wide = (type: string): string =>
      complex(
        `<xs:choice maxOccurs="unbounded">${Array.from({ length: 500 }, (_, at) => el(`n${at}`, '', type)).join('')}</xs:choice>`,
      );
    expect(xsdBreaks(set(wide('xs:int')), set(wide('xs:long')))).to.deep.equal([]);
    expect(cpuTime() - started).to.be.below(5000);
  });
});
