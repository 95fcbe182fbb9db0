import { expect } from 'chai';
import { RelaxNGValidator, XmlDocument } from 'libxml2-wasm';
import { relaxNgBreaks } from '../../../src/registry/xml-schema/relax-ng-compatibility.js';

const NAMESPACES =
  'xmlns="http://relaxng.org/ns/structure/1.0" datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes"';
/** The schema whose content is an element `e` that holds the patterns. */
const e = (body: string, attributes = ''): string => `<element name="e" ${NAMESPACES} ${attributes}>${body}</element>`;
const grammar = (body: string): string => `<grammar ${NAMESPACES}>${body}</grammar>`;
const el = (name: string, body = '<text/>'): string => `<element name="${name}">${body}</element>`;
const at = (name: string, body = ''): string => `<attribute name="${name}">${body}</attribute>`;
const within =
  (name: string) =>
  (body: string): string =>
    `<${name}>${body}</${name}>`;
const [optional, choice, interleave, zeroOrMore, oneOrMore, list] = [
  within('optional'),
  within('choice'),
  within('interleave'),
  within('zeroOrMore'),
  within('oneOrMore'),
  within('list'),
] as const;
const data = (type: string, params = ''): string => `<data type="${type}">${params}</data>`;
const param = (name: string, value: string): string => `<param name="${name}">${value}</param>`;
const values = (...texts: string[]): string => choice(texts.map((text) => `<value>${text}</value>`).join(''));
const ANYTHING = `<define name="any"><element><anyName/>${zeroOrMore(choice('<attribute><anyName/></attribute><text/><ref name="any"/>'))}</element></define>`;
const extensible = (body: string, extra = ''): string => grammar(`<start>${el('e', body + extra)}</start>${ANYTHING}`);
const recursive = (leaf: string): string =>
  grammar(`<start><ref name="n"/></start><define name="n">${el('e', zeroOrMore('<ref name="n"/>') + leaf)}</define>`);
const kinds = (of: string): string =>
  e(
    zeroOrMore(
      choice(el('item', at('kind', '<value>a</value>') + el('x')) + el('item', at('kind', '<value>b</value>') + of)),
    ),
  );

type Row = readonly [
  what: string,
  older: string,
  newer: string,
  breaks: readonly string[],
  contents: readonly string[],
];

const rows: readonly Row[] = [
  ['an optional element is added', e(el('a')), e(el('a') + optional(el('b'))), [], ['<e><a/></e>', '<e><a/><b/></e>']],
  ['an element is removed', e(el('a') + optional(el('b'))), e(el('a')), ['element-removed e/b'], ['<e><a/><b/></e>']],
  ['a required element is added', e(el('a')), e(el('a') + el('b')), ['element-required e/b'], ['<e><a/></e>']],
  [
    'an element may occur once only',
    e(zeroOrMore(el('a'))),
    e(optional(el('a'))),
    ['occurs-narrowed e/a'],
    ['<e><a/><a/></e>'],
  ],
  ['an element may occur more often', e(optional(el('a'))), e(zeroOrMore(el('a'))), [], ['<e><a/></e>', '<e/>']],
  [
    'one or more become required',
    e(zeroOrMore(el('a'))),
    e(oneOrMore(el('a'))),
    ['element-required e/a'],
    ['<e/>', '<e><a/></e>'],
  ],
  ['a group is interleaved', e(el('a') + el('b')), e(interleave(el('a') + el('b'))), [], ['<e><a/><b/></e>']],
  [
    'the order is fixed',
    e(interleave(el('a') + el('b'))),
    e(el('a') + el('b')),
    ['order-changed e'],
    ['<e><b/><a/></e>', '<e><a/><b/></e>'],
  ],
  [
    'interleaved elements grow by one',
    e(
      interleave(
        'abcdefghijklmnopqrst'
          .split('')
          .map((name) => optional(el(name)))
          .join(''),
      ),
    ),
    e(
      interleave(
        'abcdefghijklmnopqrstu'
          .split('')
          .map((name) => optional(el(name)))
          .join(''),
      ),
    ),
    [],
    ['<e><c/><a/></e>'],
  ],
  [
    'text is no longer allowed',
    e(`<mixed>${optional(el('a'))}</mixed>`),
    e(optional(el('a'))),
    ['mixed-removed e'],
    ['<e>x</e>', '<e/>'],
  ],
  ['text is allowed', e(optional(el('a'))), e(`<mixed>${optional(el('a'))}</mixed>`), [], ['<e><a/></e>']],
  ['an attribute is added', e(at('x')), e(at('x') + optional(at('y'))), [], ['<e x="1"/>']],
  [
    'an attribute becomes required',
    e(optional(at('x'))),
    e(at('x')),
    ['attribute-required e/@x'],
    ['<e/>', '<e x=""/>'],
  ],
  ['an attribute is removed', e(optional(at('x'))), e('<empty/>'), ['attribute-removed e/@x'], ['<e x="1"/>', '<e/>']],
  [
    'an attribute is narrowed',
    e(at('x', data('long'))),
    e(at('x', data('int'))),
    ['type-narrowed e/@x'],
    ['<e x="99999999999"/>', '<e x="1"/>'],
  ],
  [
    'an attribute loses a value',
    e(at('x', values('a', 'b'))),
    e(at('x', values('a'))),
    ['enumeration-narrowed e/@x'],
    ['<e x="b"/>', '<e x=" a "/>'],
  ],
  ['an attribute gains a value', e(at('x', values('a'))), e(at('x', values('a', 'b'))), [], ['<e x="a"/>']],
  [
    'an attribute is one of two',
    e(choice(at('x') + at('y'))),
    e(at('x')),
    ['attribute-removed e/@y', 'attribute-required e/@x'],
    ['<e y="1"/>', '<e x="1"/>'],
  ],
  [
    'an attribute or an element stay',
    e(choice(at('x') + el('x'))),
    e(choice(el('x') + at('x')) + optional(at('z'))),
    [],
    ['<e x="1"/>', '<e><x/></e>'],
  ],
  [
    'an attribute may no longer be an element',
    e(choice(at('x') + el('x'))),
    e(at('x')),
    ['attribute-required e/@x', 'element-removed e/x'],
    ['<e x="1"/>', '<e><x/></e>'],
  ],
  [
    'any attribute was allowed',
    e(zeroOrMore('<attribute><anyName/></attribute>')),
    e(optional(at('x'))),
    ['wildcard-narrowed e/@*'],
    ['<e y="1"/>', '<e x="1"/>'],
  ],
  [
    'any attribute is allowed',
    e(optional(at('x'))),
    e(zeroOrMore('<attribute><anyName/></attribute>')),
    [],
    ['<e x="1"/>'],
  ],
  ['a value is widened', e(data('int')), e(data('decimal')), [], ['<e>1</e>']],
  ['a value is narrowed', e(data('decimal')), e(data('int')), ['type-narrowed e'], ['<e>1.5</e>', '<e>1</e>']],
  ['text becomes a type', e('<text/>'), e(data('int')), ['type-narrowed e'], ['<e>x</e>', '<e>1</e>']],
  ['a type becomes text', e(data('int')), e('<text/>'), [], ['<e>1</e>']],
  [
    'a length is tightened',
    e(data('string', param('maxLength', '5'))),
    e(data('string', param('maxLength', '3'))),
    ['facet-tightened e'],
    ['<e>abcd</e>', '<e>a</e>'],
  ],
  [
    'a pattern is added',
    e(data('string')),
    e(data('string', param('pattern', 'a*'))),
    ['pattern-added e'],
    ['<e>b</e>', '<e>a</e>'],
  ],
  ['listed values become a type that has them', e(values('1', '2')), e(data('int')), [], ['<e>1</e>']],
  [
    'a list must be longer',
    e(list(zeroOrMore(data('int')))),
    e(list(oneOrMore(data('int')))),
    ['facet-tightened e'],
    ['<e/>', '<e>1 2</e>'],
  ],
  [
    'a list of two may have any length',
    e(list(data('int') + data('int'))),
    e(list(oneOrMore(data('long')))),
    [],
    ['<e>1 2</e>'],
  ],
  [
    'a value is excepted',
    e(data('token')),
    e('<data type="token"><except><value>x</value></except></data>'),
    ['cannot-be-compared e'],
    ['<e>x</e>', '<e>y</e>'],
  ],
  [
    'an exception is lifted',
    e('<data type="token"><except><value>x</value></except></data>'),
    e(data('token')),
    [],
    ['<e>y</e>'],
  ],
  [
    'elements of one name differ by an attribute',
    kinds(el('y')),
    kinds(el('y') + optional(el('z'))),
    [],
    ['<e><item kind="b"><y/></item><item kind="a"><x/></item></e>'],
  ],
  [
    'one of the elements of a name is narrowed',
    kinds(optional(el('y'))),
    kinds(el('y')),
    ['element-required e/item/y'],
    ['<e><item kind="b"/></e>', '<e><item kind="a"><x/></item></e>'],
  ],
  [
    'anything may follow',
    extensible(el('a')),
    extensible(el('a'), zeroOrMore('<ref name="any"/>')),
    [],
    ['<e><a/></e>'],
  ],
  [
    'nothing may follow any more',
    extensible(el('a'), zeroOrMore('<ref name="any"/>')),
    extensible(el('a')),
    ['occurs-narrowed e/a', 'wildcard-narrowed e/*', 'wildcard-narrowed e/a/*', 'wildcard-narrowed e/a/@*'],
    ['<e><a/><b c=""><d/></b></e>', '<e><a/></e>'],
  ],
  [
    'what may be anything stays',
    extensible(el('a'), zeroOrMore('<ref name="any"/>')),
    extensible(el('a') + optional(el('b')), zeroOrMore('<ref name="any"/>')),
    [],
    ['<e><a/><b c=""><d/></b></e>'],
  ],
  [
    'a recursive definition stays',
    recursive(optional(at('x'))),
    recursive(optional(at('x')) + optional(at('y'))),
    [],
    ['<e><e x="1"/></e>'],
  ],
  [
    'a recursive definition is narrowed',
    recursive(optional(at('x'))),
    recursive(at('x')),
    ['attribute-required e/@x'],
    ['<e><e/></e>', '<e x="1"/>'],
  ],
  [
    'definitions are combined',
    grammar(
      `<start>${el('e', '<ref name="c"/>')}</start><define name="c" combine="choice">${el('a')}</define><define name="c" combine="choice">${el('b')}</define>`,
    ),
    e(el('a')),
    ['element-removed e/b', 'element-required e/a'],
    ['<e><b/></e>', '<e><a/></e>'],
  ],
  [
    'a namespace is inherited',
    e(el('a'), 'ns="urn:n"'),
    e(el('a', '<text/>').replace('<element', '<element ns="urn:n"'), 'ns="urn:n"'),
    [],
    ['<e xmlns="urn:n"><a/></e>'],
  ],
  [
    'a namespace changes',
    e(el('a'), 'ns="urn:n"'),
    e(el('a'), 'ns="urn:m"'),
    ['element-removed e'],
    ['<e xmlns="urn:n"><a/></e>', '<e xmlns="urn:m"><a/></e>'],
  ],
  [
    'the content may be of another name',
    e('<text/>'),
    grammar(`<start>${choice(el('e') + el('f'))}</start>`),
    [],
    ['<e/>'],
  ],
];

/** A schema's judgement on contents, by libxml2. */
function judged(text: string, contents: readonly string[]): boolean[] {
  const document = XmlDocument.fromString(text);
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- libxml2 plans to drop RELAX NG, and has not
  const validator = RelaxNGValidator.fromDoc(document);
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

describe('the compatibility of RELAX NG schemas', () => {
  for (const [what, older, newer, breaks] of rows) {
    it(`${breaks.length === 0 ? 'lets it pass' : 'tells'} when ${what}`, () => {
      const found = relaxNgBreaks(set(older), set(newer));
      const told = found.map(({ rule, path }) => `${rule} ${path}`);
      expect([...new Set(told)].sort(), JSON.stringify(found)).to.deep.equal([...breaks].sort());
    });
  }

  for (const [what, older, newer, , contents] of rows) {
    it(`agrees with libxml2 when ${what}`, () => {
      const [byOlder, byNewer] = [judged(older, contents), judged(newer, contents)];
      expect(byOlder).to.include(true);
      const forward = contents.filter((_, index) => byOlder[index] && !byNewer[index]);
      const back = contents.filter((_, index) => byNewer[index] && !byOlder[index]);
      if (relaxNgBreaks(set(older), set(newer)).length === 0) expect(forward).to.deep.equal([]);
      if (relaxNgBreaks(set(newer), set(older)).length === 0) expect(back).to.deep.equal([]);
    });
  }

  const common = (body: string): string => grammar(`<define name="c">${body}</define>`);
  const including = (more = ''): string =>
    grammar(`<include href="common.rng">${more}</include><start>${el('e', '<ref name="c"/>')}</start>`);

  it('reads what is included', () => {
    const older = set(including(), { 'common.rng': common(optional(el('a'))) });
    const newer = set(including(), { 'common.rng': common(el('a')) });
    expect(relaxNgBreaks(older, newer).map(({ rule, path }) => `${rule} ${path}`)).to.deep.equal([
      'element-required e/a',
    ]);
    expect(relaxNgBreaks(newer, older)).to.deep.equal([]);
  });

  it('puts definitions of an include in the place of those that it includes', () => {
    const imports = { 'common.rng': common(el('a')) };
    const replaced = set(including(`<define name="c">${optional(el('a'))}</define>`), imports);
    expect(relaxNgBreaks(replaced, set(including(), imports)).map(({ rule }) => rule)).to.deep.equal([
      'element-required',
    ]);
    expect(relaxNgBreaks(set(including(), imports), replaced)).to.deep.equal([]);
  });

  it('reads external references', () => {
    const older = set(e('<externalRef href="a.rng"/>'), {
      'a.rng': `<element name="a" ${NAMESPACES}><text/></element>`,
    });
    expect(relaxNgBreaks(older, set(e(el('a'))))).to.deep.equal([]);
    expect(relaxNgBreaks(set(e(el('b'))), older)).to.have.lengthOf(2);
  });
});
