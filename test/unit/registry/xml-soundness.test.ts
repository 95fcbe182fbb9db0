import { expect } from 'chai';
import type { Break, Contract } from '../../../src/core/contract.js';
import { compileXml } from '../../../src/registry/xml-engine.js';
import { relaxNgBreaks } from '../../../src/registry/xml-schema/relax-ng-compatibility.js';
import { xsdBreaks } from '../../../src/registry/xml-schema/xsd-compatibility.js';
import { xmlContract } from './build.js';
import { cpuTime } from '../../support/cpu-time.js';

/** A content that the older of two contracts accepts and the newer refuses, and the breaks that tell of it. */
interface Refusal {
  readonly what: string;
  readonly older: Contract;
  readonly newer: Contract;
  readonly content: string;
  readonly breaks: readonly string[];
}

type Imports = Readonly<Record<string, string>>;

const XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
const HEAD = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"';
const OF_T = 'targetNamespace="urn:t" xmlns:t="urn:t" elementFormDefault="qualified"';
const xsd = (body: string, attributes = '', imports: Imports = {}): Contract => ({
  ...xmlContract(`${HEAD} ${attributes}>${body}</xs:schema>`),
  imports,
});
/** Of the namespace urn:t, which the prefix t stands for. */
const ofT = (body: string, attributes = ''): Contract => xsd(body, `${OF_T} ${attributes}`);
const element = (type: string, attributes = ''): string => `<xs:element name="r" ${attributes}>${type}</xs:element>`;
const typed = (type: string, attributes = ''): Contract => xsd(element(type, attributes));
const named = (name: string, type: string): string => type.replace('<xs:simpleType>', `<xs:simpleType name="${name}">`);
const facet = (name: string, ...values: string[]): string =>
  values.map((value) => `<xs:${name} value="${value}"/>`).join('');
const simple = (base: string, facets = ''): string =>
  `<xs:simpleType><xs:restriction base="${base}">${facets}</xs:restriction></xs:simpleType>`;
const within = (type: string, facets: string): string =>
  `<xs:simpleType><xs:restriction>${type}${facets}</xs:restriction></xs:simpleType>`;
const union = (members: string): string => `<xs:simpleType><xs:union memberTypes="${members}"/></xs:simpleType>`;
const list = (item: string): string => `<xs:simpleType><xs:list itemType="${item}"/></xs:simpleType>`;
const complex = (body: string, attributes = ''): string => `<xs:complexType ${attributes}>${body}</xs:complexType>`;
const sequence = (body: string, attributes = ''): string => `<xs:sequence ${attributes}>${body}</xs:sequence>`;
const extending = (base: string, body: string): string =>
  `<xs:complexContent><xs:extension base="${base}">${body}</xs:extension></xs:complexContent>`;
const extendingSimple = (base: string, body: string): string =>
  `<xs:simpleContent><xs:extension base="${base}">${body}</xs:extension></xs:simpleContent>`;
const attribute = (more: string): Contract => typed(complex(`<xs:attribute name="a" ${more}/>`));
const A = '<xs:element name="a" minOccurs="0"/>';
const B = '<xs:element name="b" minOccurs="0"/>';

const rng = (body: string): Contract =>
  xmlContract(
    `<element name="r" xmlns="http://relaxng.org/ns/structure/1.0" datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">${body}</element>`,
    'relax-ng',
  );
const grammar = (body: string, imports: Imports = {}): Contract => ({
  ...xmlContract(
    `<grammar xmlns="http://relaxng.org/ns/structure/1.0" datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">${body}</grammar>`,
    'relax-ng',
  ),
  imports,
});
/** An element that can hold itself. */
const recursive = (body: string): Contract =>
  grammar(`<start><ref name="r"/></start><define name="r"><element name="r">${body}</element></define>`);
const data = (type: string, ...params: readonly (readonly [name: string, value: string])[]): Contract =>
  rng(
    `<data type="${type}">${params.map(([name, value]) => `<param name="${name}">${value}</param>`).join('')}</data>`,
  );
const X = '<element name="x"><ref name="r"/></element>';
const Y = '<element name="y"><text/></element>';
const X_TEXT = '<element name="x"><text/></element>';

type Row = readonly [what: string, older: Contract, newer: Contract, content: string, ...breaks: string[]];

/** Elements r of a type T that a type D extends. */
const derived = (d = '', t = '', r = ''): Contract =>
  ofT(
    `${element('', `type="t:T" ${r}`)}<xs:complexType name="T" ${t}>${sequence(A)}</xs:complexType><xs:complexType name="D" ${d}>${extending('t:T', sequence(B))}</xs:complexType>`,
  );
const OF_D = `<t:r xmlns:t="urn:t" ${XSI} xsi:type="t:D"><t:b/></t:r>`;

/** A substitution group of h, m and mm: m may stand for h, and mm for m. */
const substitution = (h = '', m = '', mm = 'substitutionGroup="m"', t = ''): Contract =>
  xsd(
    `${element(complex(sequence('<xs:element ref="h"/>')))}<xs:element name="h" type="T" ${h}/><xs:element name="m" type="D" substitutionGroup="h" ${m}/><xs:element name="mm" type="D" ${mm}/><xs:complexType name="T" ${t}/><xs:complexType name="D">${extending('T', '<xs:attribute name="q"/>')}</xs:complexType>`,
  );

/** Rows of a and b with keys over them. */
const keyed = (constraints: string, type = 'xs:string', attributes = '', more = ''): Contract =>
  typed(
    `${complex(
      `<xs:choice minOccurs="0" maxOccurs="unbounded"><xs:element name="a">${complex(
        `${sequence(`${B}<xs:element name="c" minOccurs="0" type="${type}"/>`)}<xs:attribute name="i" type="${type}" ${attributes}/>`,
      )}</xs:element><xs:element name="b">${complex(
        `${sequence('<xs:element name="c" minOccurs="0"/>')}<xs:attribute name="i" type="xs:string"/>`,
      )}</xs:element>${more}</xs:choice>`,
    )}${constraints}`,
  );
const key = (kind: string, name: string, selector: string, ...fields: string[]): string =>
  `<xs:${kind} ${name}><xs:selector xpath="${selector}"/>${fields.map((xpath) => `<xs:field xpath="${xpath}"/>`).join('')}</xs:${kind}>`;
const UNIQUE = key('unique', 'name="u"', 'a', '@i');
const KEYREF = key('keyref', 'name="R" refer="A"', 'a', 'c');

/** A type T that is derived from L, which is derived from a built-in one. */
const steps = (base: string, first: string, second: string): Contract =>
  xsd(named('L', simple(base, first)) + element(simple('L', second)));

const INCLUDING = '<xs:include schemaLocation="b.xsd"/>';
const schemaText = (body: string, attributes = ''): string => xsd(body, attributes).schema;
const includes = (base: string): Contract =>
  xsd(`<xs:include schemaLocation="dir/a.xsd"/>${element('', 'type="T"')}`, '', {
    'dir/a.xsd': schemaText(INCLUDING),
    'dir/b.xsd': schemaText(named('T', simple(base))),
    'b.xsd': schemaText(named('T', simple('xs:string'))),
  });
const includesNg = (type: string): Contract =>
  grammar('<include href="dir/a.rng"/>', {
    'dir/a.rng': grammar('<include href="b.rng"/>').schema,
    'dir/b.rng': grammar(`<start><element name="r"><data type="${type}"/></element></start>`).schema,
    'b.rng': grammar('<start><element name="r"><data type="string"/></element></start>').schema,
  });
const importsTwo = (...locations: string[]): Contract =>
  xsd(
    `${locations.map((at) => `<xs:import namespace="urn:a" schemaLocation="${at}"/>`).join('')}${element(complex(sequence('<xs:any namespace="urn:a"/>')))}`,
    'targetNamespace="urn:t"',
    {
      'x.xsd': schemaText('<xs:element name="x" type="xs:string"/>', 'targetNamespace="urn:a"'),
      'y.xsd': schemaText('<xs:element name="y" type="xs:string"/>', 'targetNamespace="urn:a"'),
    },
  );
const qualified = (uri: string): Contract =>
  xsd(element(simple('xs:QName', facet('enumeration', 'p:a'))), `xmlns:p="${uri}"`);
const qualifiedFixed = (uri: string): Contract =>
  xsd(element(complex('<xs:attribute name="a" type="xs:QName" fixed="p:a"/>')), `xmlns:p="${uri}"`);
const mixedOfEmpty = (mixed: string): Contract =>
  xsd(
    `${element('', 'type="D"')}<xs:complexType name="B"/><xs:complexType name="D" ${mixed}>${extending('B', '<xs:attribute name="q"/>')}</xs:complexType>`,
  );
const ofSimple = (type: string, more: string): Contract =>
  ofT(`${element('', `type="${type}"`)}${named('S', simple('xs:string'))}${more}`);
const complexOf = (base: string, type: string): string =>
  `<xs:complexType name="D">${extendingSimple(base, `<xs:attribute name="q" type="${type}"/>`)}</xs:complexType>`;
const VALUE_OF_D = `<t:r xmlns:t="urn:t" ${XSI} xsi:type="t:D" q="z">x</t:r>`;
const defaulted = (value: string, of = 'xs:string', d = facet('maxLength', '2')): Contract =>
  ofT(
    `${element('', `type="t:T" ${value}`)}<xs:complexType name="T">${extendingSimple(of, '')}</xs:complexType><xs:complexType name="D"><xs:simpleContent><xs:restriction base="t:T">${d}</xs:restriction></xs:simpleContent></xs:complexType>`,
  );
const EMPTY_D = `<t:r xmlns:t="urn:t" ${XSI} xsi:type="t:D"/>`;

const rows: readonly Row[] = [
  // rows of elements
  [
    'one of two elements of a name that holds the whole again becomes a text',
    recursive(`<optional>${X}${X}</optional>`),
    recursive(`<optional>${X}${X_TEXT}</optional>`),
    '<r><x><r/></x><x><r/></x></r>',
    'cannot-be-compared ',
  ],
  [
    'what may be repeated must be repeated',
    typed(complex(sequence('<xs:element name="x" maxOccurs="unbounded"/>'))),
    typed(
      complex(
        sequence(
          sequence('<xs:element name="x" maxOccurs="unbounded"/>', 'minOccurs="2" maxOccurs="unbounded"').replace(
            '<xs:sequence >',
            '',
          ),
        ),
      ),
    ),
    '<r><x/></r>',
    'occurs-narrowed r/x',
  ],
  // white space of unions
  [
    'a token becomes a member of a union that keeps spaces',
    typed(simple('xs:token', facet('enumeration', 'a'))),
    xsd(named('S', simple('xs:string', facet('enumeration', 'a'))) + element(union('S xs:int'))),
    '<r> a </r>',
    'facet-tightened r',
  ],
  [
    'the members of an enumerated union keep spaces',
    typed(within(union('xs:token'), facet('enumeration', 'a'))),
    typed(within(union('xs:string'), facet('enumeration', 'a'))),
    '<r> a </r>',
    'cannot-be-compared r',
  ],
  [
    'the members of a union with a pattern keep spaces',
    typed(within(union('xs:token'), facet('pattern', 'a'))),
    typed(within(union('xs:string'), facet('pattern', 'a'))),
    '<r> a </r>',
    'cannot-be-compared r',
  ],
  [
    'a boolean becomes a member of a union that keeps spaces',
    typed(simple('xs:boolean')),
    xsd(named('S', simple('xs:string', facet('enumeration', 'true', 'false', '1', '0'))) + element(union('S xs:int'))),
    '<r> true </r>',
    'type-narrowed r',
  ],
  [
    'a token value becomes one of a choice that keeps spaces',
    rng('<value type="token">a</value>'),
    rng('<choice><value type="string">a</value><data type="int"/></choice>'),
    '<r> a </r>',
    'facet-tightened r',
  ],
  // enumerations of unions and lists
  [
    'a number of an enumerated union becomes a text',
    typed(within(union('xs:int xs:string'), facet('enumeration', '1'))),
    typed(within(union('xs:string'), facet('enumeration', '1'))),
    '<r>01</r>',
    'cannot-be-compared r',
  ],
  [
    'the numbers of an enumerated list become texts',
    typed(within(list('xs:int'), facet('enumeration', '1 2'))),
    typed(within(list('xs:string'), facet('enumeration', '1 2'))),
    '<r>01 2</r>',
    'cannot-be-compared r',
  ],
  [
    'a decimal value becomes a whole number',
    typed(simple('xs:decimal', facet('enumeration', '1'))),
    typed('', 'type="xs:integer"'),
    '<r>1.0</r>',
    'type-narrowed r',
  ],
  [
    'a decimal value becomes a whole number, in RELAX NG',
    rng('<value type="decimal">1</value>'),
    rng('<data type="integer"/>'),
    '<r>1.0</r>',
    'type-narrowed r',
  ],
  [
    'an excepted value is one with spaces',
    rng('<value type="token">a</value>'),
    rng('<data type="token"><except><value type="string"> a </value></except></data>'),
    '<r> a </r>',
    'cannot-be-compared ',
  ],
  // fixed values
  [
    'a fixed number of an attribute becomes a fixed text',
    attribute('type="xs:decimal" fixed="1"'),
    attribute('type="xs:string" fixed="1"'),
    '<r a="1.0"/>',
    'cannot-be-compared r/@a',
  ],
  [
    'a fixed token of an attribute becomes a text with its spaces',
    attribute('type="xs:token" fixed="a"'),
    attribute('type="xs:string" fixed="a"'),
    '<r a=" a "/>',
    'cannot-be-compared r/@a',
  ],
  [
    'the prefix of a fixed name stands for another namespace',
    qualifiedFixed('urn:1'),
    qualifiedFixed('urn:2'),
    '<r xmlns:p="urn:1" a="p:a"/>',
    'cannot-be-compared r/@a',
  ],
  [
    'the prefix of an enumerated name stands for another namespace',
    qualified('urn:1'),
    qualified('urn:2'),
    '<r xmlns:p="urn:1">p:a</r>',
    'cannot-be-compared ',
  ],
  // derived types
  ['a derived type becomes abstract', derived(), derived('abstract="true"'), OF_D, 'abstract r'],
  ['a type blocks its extensions', derived(), derived('', 'block="extension"'), OF_D, 'type-removed r'],
  ['a type blocks all that is derived from it', derived(), derived('', 'block="#all"'), OF_D, 'type-removed r'],
  [
    'a type that extends a simple one is removed',
    ofSimple('t:S', complexOf('t:S', 'xs:string')),
    ofSimple('t:S', ''),
    VALUE_OF_D,
    'type-removed r',
  ],
  [
    'a type that extends a simple one is narrowed',
    ofSimple('t:S', complexOf('t:S', 'xs:string')),
    ofSimple('t:S', complexOf('t:S', 'xs:int')),
    VALUE_OF_D,
    'type-narrowed r/@q',
  ],
  [
    'a type that extends a built-in one is narrowed',
    ofSimple('xs:string', complexOf('xs:string', 'xs:string')),
    ofSimple('xs:string', complexOf('xs:string', 'xs:int')),
    VALUE_OF_D,
    'type-narrowed r/@q',
  ],
  [
    'a type that extends one derived from the built-in one is narrowed',
    ofSimple('xs:string', complexOf('t:S', 'xs:string')),
    ofSimple('xs:string', complexOf('t:S', 'xs:int')),
    VALUE_OF_D,
    'type-narrowed r/@q',
  ],
  [
    'a type that extends a member of a union is narrowed',
    ofSimple('t:U', `${named('U', union('xs:int t:S'))}${complexOf('t:S', 'xs:string')}`),
    ofSimple('t:U', `${named('U', union('xs:int t:S'))}${complexOf('t:S', 'xs:int')}`),
    VALUE_OF_D,
    'type-narrowed r/@q',
  ],
  [
    'a default is added that a derived type refuses',
    defaulted(''),
    defaulted('default="hello"'),
    EMPTY_D,
    'default-added r',
  ],
  [
    'a default is removed that a derived type needs',
    defaulted('default="ab"', 'xs:string', facet('minLength', '1')),
    defaulted('', 'xs:string', facet('minLength', '1')),
    EMPTY_D,
    'default-removed r',
  ],
  [
    'a mixed extension of an empty type is no longer mixed',
    mixedOfEmpty('mixed="true"'),
    mixedOfEmpty(''),
    '<r>text</r>',
    'mixed-removed r',
  ],
  // substitution groups
  [
    'the type of the head blocks extensions',
    substitution(),
    substitution('', '', undefined, 'block="extension"'),
    '<r><m/></r>',
    'element-removed r/m',
  ],
  [
    'the head blocks extensions',
    substitution(),
    substitution('block="extension"'),
    '<r><m/></r>',
    'element-removed r/m',
  ],
  [
    'a member of a member that blocks substitution leaves the group',
    substitution('', 'block="substitution"'),
    substitution('', 'block="substitution"', ''),
    '<r><mm/></r>',
    'element-removed r/mm',
  ],
  // documents that others refer to
  [
    'a document that is included beside the one that includes it is narrowed',
    includes('xs:string'),
    includes('xs:int'),
    '<r>x</r>',
    'type-narrowed r',
  ],
  [
    'a document that is included beside the one that includes it is narrowed, in RELAX NG',
    includesNg('string'),
    includesNg('int'),
    '<r>x</r>',
    'type-narrowed r',
  ],
  [
    'a document is imported for a namespace that another one was imported for',
    importsTwo('x.xsd'),
    importsTwo('y.xsd', 'x.xsd'),
    '<t:r xmlns:t="urn:t"><x xmlns="urn:a"/></t:r>',
    'cannot-be-compared ',
  ],
  // keys
  [
    'a key takes what was a choice of elements as two fields',
    keyed(key('key', 'name="k"', 'a | b', 'c')),
    keyed(key('key', 'name="k"', 'a', 'b', 'c')),
    '<r><a><c>1</c></a></r>',
    'identity-constraint-added r',
  ],
  [
    'a reference is to the other of two keys, which have changed names',
    keyed(key('key', 'name="A"', 'a', '@i') + key('key', 'name="B"', 'b', '@i') + KEYREF),
    keyed(key('key', 'name="B"', 'a', '@i') + key('key', 'name="A"', 'b', '@i') + KEYREF),
    '<r><a i="1"><c>1</c></a></r>',
    'identity-constraint-added r',
  ],
  [
    'what is unique loses its spaces',
    keyed(UNIQUE),
    keyed(UNIQUE, 'xs:token'),
    '<r><a i="x"/><a i=" x"/></r>',
    'cannot-be-compared r',
  ],
  [
    'what is unique has a default',
    keyed(UNIQUE),
    keyed(UNIQUE, 'xs:string', 'default="z"'),
    '<r><a/><a/></r>',
    'cannot-be-compared r',
  ],
  [
    'references by number become references by text',
    keyed(key('key', 'name="A"', 'a', '@i') + KEYREF, 'xs:decimal'),
    keyed(key('key', 'name="A"', 'a', '@i') + KEYREF),
    '<r><a i="1"><c>1.0</c></a></r>',
    'cannot-be-compared r',
  ],
  // facets that are said twice
  [
    'a length is fixed before a lesser one is asked for',
    typed(simple('xs:string', facet('minLength', '1') + facet('maxLength', '3'))),
    steps('xs:string', facet('length', '3'), facet('minLength', '1')),
    '<r>a</r>',
    'facet-tightened r',
  ],
  [
    'a greater length is asked for beside a small one, in RELAX NG',
    data('string', ['maxLength', '5']),
    data('string', ['maxLength', '2'], ['maxLength', '5']),
    '<r>abcd</r>',
    'facet-tightened r',
  ],
  [
    'a lesser bound is asked for beside a great one, in RELAX NG',
    data('int', ['minInclusive', '1']),
    data('int', ['minInclusive', '5'], ['minInclusive', '1']),
    '<r>2</r>',
    'facet-tightened r',
  ],
  [
    'a bound of a type is beyond that of its base, in RELAX NG',
    data('integer', ['minInclusive', '-9999999999'], ['maxInclusive', '9']),
    data('int', ['minInclusive', '-9999999999'], ['maxInclusive', '9']),
    '<r>-3000000000</r>',
    'facet-tightened r',
  ],
  // attributes of RELAX NG
  [
    'one of two attributes may have the name of the other',
    rng('<attribute><choice><name>a</name><name>b</name></choice></attribute>'),
    rng('<attribute><choice><name>a</name><name>b</name></choice></attribute>'.repeat(2)),
    '<r a="1"/>',
    'cannot-be-compared ',
  ],
  [
    'the length of a list is asked for, in RELAX NG',
    data('NMTOKENS', ['maxLength', '1']),
    rng('<list><data type="NMTOKEN"/></list>'),
    '<r>a b</r>',
    'cannot-be-compared ',
  ],
  [
    'what is interleaved is followed by more of it',
    rng(`${Y}${X_TEXT}<zeroOrMore>${Y}</zeroOrMore>`),
    rng(`<interleave>${Y}${X_TEXT}</interleave><zeroOrMore>${Y}</zeroOrMore>`),
    '<r><y/><x/><y/></r>',
    'cannot-be-compared ',
  ],
  [
    'what is interleaved is repeated',
    rng(`<oneOrMore>${Y}${X_TEXT}</oneOrMore>`),
    rng(`<oneOrMore><interleave>${Y}${X_TEXT}</interleave></oneOrMore>`),
    '<r><y/><x/><y/><x/></r>',
    'cannot-be-compared ',
  ],
  [
    'a bound is asked for of a text, in RELAX NG',
    rng('<value type="string">0</value>'),
    data('string', ['maxInclusive', '2']),
    '<r>0</r>',
    'cannot-be-compared ',
  ],
  [
    'white space is asked for, in RELAX NG',
    data('string', ['whiteSpace', 'preserve']),
    data('string', ['whiteSpace', 'collapse'], ['maxLength', '2']),
    '<r> a </r>',
    'cannot-be-compared ',
  ],
  [
    'an extension of anything with an empty row of its own holds nothing now',
    xsd(
      `${element('', 'type="D"')}<xs:complexType name="D" mixed="true">${extending('xs:anyType', '<xs:sequence/>')}</xs:complexType>`,
    ),
    xsd(`${element('', 'type="D"')}<xs:complexType name="D" mixed="true"/>`),
    '<r><z/></r>',
    'wildcard-narrowed r/*',
  ],
  [
    'a whole type is excepted',
    rng('<value>a</value>'),
    rng('<data type="token"><except><data type="int"/></except></data>'),
    '<r>a</r>',
    'cannot-be-compared ',
  ],
  [
    'nothing is a value of a type that has no such value',
    rng('<value></value>'),
    rng('<value type="NCName"></value>'),
    '<r> </r>',
    'cannot-be-compared ',
  ],
  [
    'what another value refers to is no ID now',
    rng('<attribute name="i"><data type="ID"/></attribute><attribute name="f"><data type="IDREF"/></attribute>'),
    rng('<attribute name="i"><data type="NCName"/></attribute><attribute name="f"><data type="IDREF"/></attribute>'),
    '<r i="a" f="a"/>',
    'cannot-be-compared ',
  ],
  [
    'an element has two types in one content',
    typed(complex('<xs:choice minOccurs="0" maxOccurs="unbounded"><xs:element name="z" type="xs:token"/></xs:choice>')),
    typed(
      complex(
        '<xs:choice minOccurs="0" maxOccurs="unbounded"><xs:element name="z" type="xs:token"/><xs:any namespace="##other"/><xs:element name="z"><xs:complexType/></xs:element></xs:choice>',
      ),
    ),
    '<r><z> t </z><z> t </z></r>',
    'cannot-be-compared ',
  ],
];

/** What is near to the above and may not be refused with it. */
const compatible: readonly (readonly [what: string, older: Contract, newer: Contract])[] = [
  [
    'the values of an enumeration are spread over a union',
    typed(simple('xs:string', facet('enumeration', 'a', 'b'))),
    xsd(
      named('S', simple('xs:string', facet('enumeration', 'a', 'c'))) +
        named('T', simple('xs:token', facet('enumeration', 'b'))) +
        element(union('S T')),
    ),
  ],
  [
    'an enumerated union takes one more value',
    typed(within(union('xs:int xs:string'), facet('enumeration', '1'))),
    typed(within(union('xs:int xs:string'), facet('enumeration', '1', 'a'))),
  ],
  [
    'an enumerated list takes one more value',
    typed(within(list('xs:int'), facet('enumeration', '1 2'))),
    typed(within(list('xs:int'), facet('enumeration', '1 2', '3'))),
  ],
  [
    'a whole number becomes a decimal',
    typed(simple('xs:int', facet('enumeration', '1'))),
    typed('', 'type="xs:decimal"'),
  ],
  [
    'an attribute has the same fixed value',
    attribute('type="xs:token" fixed="a"'),
    typed(complex('<xs:attribute name="a" type="xs:token" fixed="a"/><xs:attribute name="b"/>')),
  ],
  ['a type may be derived from again', derived('', 'block="extension"'), derived()],
  [
    'a type that stands for another by a block that does not matter',
    substitution('', '', undefined, 'block="restriction"'),
    substitution(),
  ],
  ['a default changes that all types take', defaulted('default="a"'), defaulted('default="b"')],
  [
    'two keys change their names',
    keyed(key('key', 'name="A"', 'a', '@i') + KEYREF),
    keyed(key('key', 'name="K"', 'a', '@i') + KEYREF.replace('"A"', '"K"')),
  ],
  [
    'elements are added to what has a key',
    keyed(UNIQUE),
    keyed(UNIQUE, 'xs:string', '', '<xs:element name="d" type="xs:int"/>'),
  ],
  ['documents import each other', circular(''), circular(B)],
];

/** A document that imports one that imports it again. */
function circular(more: string): Contract {
  return xsd(
    `<xs:import namespace="urn:a" schemaLocation="a.xsd"/>${element(complex(sequence(`<xs:element ref="o:x"/>${more}`)))}`,
    'targetNamespace="urn:t" xmlns:o="urn:a"',
    {
      'a.xsd': schemaText(
        '<xs:import namespace="urn:t" schemaLocation="t.xsd"/><xs:element name="x" type="xs:string"/>',
        'targetNamespace="urn:a"',
      ),
    },
  );
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

/** A union of a union and a type, of which the first is such a one again. */
const unions = (depth: number, type: string): Contract =>
  xsd(
    [
      element('', 'type="u0"'),
      ...upTo(depth).map((at) => named(`u${at}`, union(`u${at + 1} v${at + 1}`))),
      ...upTo(depth).map((at) => named(`v${at + 1}`, union(`u${at + 2} xs:${type}`)).replace(`u${depth + 1} `, '')),
      named(`u${depth}`, simple(`xs:${type}`)),
    ].join(''),
  );

/** Types that are derived from each other. */
const chain = (count: number, type: string): Contract =>
  xsd(
    [
      element('', 'type="t0"'),
      `<xs:complexType name="t0">${sequence('<xs:element name="c" type="t0" minOccurs="0"/>')}</xs:complexType>`,
      ...upTo(count).map(
        (at) =>
          `<xs:complexType name="t${at + 1}">${extending(`t${at}`, sequence(`<xs:element name="e${at}" type="xs:${type}" minOccurs="0"/>`))}</xs:complexType>`,
      ),
    ].join(''),
  );

/** Two elements of one name, in each of which there are two again. */
const twins = (depth: number, last: string): Contract =>
  grammar(
    [
      '<start><element name="r"><ref name="d0"/></element></start>',
      ...upTo(depth).map((at) => {
        const inner = `<ref name="d${at + 1}"/>`;
        return `<define name="d${at}"><element name="x"><attribute name="k"/>${inner}</element><element name="x">${inner}</element></define>`;
      }),
      `<define name="d${depth}">${last}</define>`,
    ].join(''),
  );

const intricate: readonly (readonly [what: string, older: Contract, newer: Contract])[] = [
  ['unions of unions', unions(20, 'long'), unions(20, 'int')],
  ['a chain of types', chain(50, 'long'), chain(50, 'int')],
  ['two elements of a name in each other', twins(20, '<text/>'), twins(20, '<data type="int"/>')],
  [
    'two elements of a name that hold the whole again',
    recursive(`<optional>${X}${X.replace('<ref', '<attribute name="k"/><ref')}</optional>`),
    recursive(`<optional>${X}${X.replace('<ref', '<attribute name="l"/><ref')}</optional><attribute name="m"/>`),
  ],
];

const refusals = rows.map(([what, older, newer, content, ...breaks]): Refusal => ({
  what,
  older,
  newer,
  content,
  breaks,
}));

/** What libxml2 says, as it says it of an entry. */
function accepts(contract: Contract, content: string): boolean {
  const compiled = compileXml(contract);
  if ('mistakes' in compiled) throw new Error(JSON.stringify(compiled.mistakes));
  try {
    const alone = content.replace(/^<([\w:]+)/u, '<$1 xmlns=""');
    const entry = `<entry xmlns="http://www.w3.org/2005/Atom"><id>urn:x</id><content type="application/xml">${alone}</content></entry>`;
    return compiled.checker.check(entry).findings.length === 0;
  } finally {
    compiled.checker.dispose();
  }
}

function breaksBetween(older: Contract, newer: Contract): Break[] {
  return older.kind === 'xsd' ? xsdBreaks(older, newer) : relaxNgBreaks(older, newer);
}

describe('what is refused and was not', () => {
  for (const { what, older, newer, content, breaks } of refusals) {
    it(`is told when ${what}`, () => {
      expect([accepts(older, content), accepts(newer, content)]).to.deep.equal([true, false]);
      const told = breaksBetween(older, newer);
      expect(
        told.map(({ rule, path }) => `${rule} ${path}`),
        JSON.stringify(told),
      ).to.include.members([...breaks]);
    });
  }

  for (const [what, older, newer] of compatible) {
    it(`is nothing when ${what}`, () => {
      expect(breaksBetween(older, newer)).to.deep.equal([]);
    });
  }

  for (const [what, older, newer] of intricate) {
    it(`is told in a moment of ${what}`, () => {
      const started = cpuTime();
      expect(breaksBetween(older, newer)).to.be.an('array');
      expect(breaksBetween(newer, older)).to.be.an('array');
      expect(cpuTime() - started).to.be.below(1000);
    });
  }
});
