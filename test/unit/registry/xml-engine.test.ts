import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { diag } from 'libxml2-wasm';
import type { Contract, ContractMistake } from '../../../src/core/contract.js';
import { compileXml } from '../../../src/registry/xml-engine.js';
import type { XmlChecker } from '../../../src/registry/xml-engine.js';
import { xmlContract } from './build.js';

const XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"';
const RNG = 'xmlns="http://relaxng.org/ns/structure/1.0"';
const LIST_XSD = `<xs:schema ${XS}>
  <xs:element name="list"><xs:complexType><xs:sequence>
    <xs:element name="a" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:simpleContent>
      <xs:extension base="xs:string"><xs:attribute name="q" type="xs:int"/></xs:extension>
    </xs:simpleContent></xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>`;
const LIST_RNG = `<element name="list" ${RNG} datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <zeroOrMore><element name="a"><optional><attribute name="q"><data type="int"/></attribute></optional><text/></element></zeroOrMore>
</element>`;

const entry = (content: string): string =>
  `<entry xmlns="http://www.w3.org/2005/Atom"><id>urn:x</id><content type="application/xml">${content}</content></entry>`;
const list = (items: string): string => entry(`<list xmlns="">${items}</list>`);

function mistakesOf(contract: Contract): readonly ContractMistake[] {
  const compiled = compileXml(contract);
  if ('mistakes' in compiled) return compiled.mistakes;
  compiled.checker.dispose();
  return [];
}

function using<T>(contract: Contract, work: (checker: XmlChecker) => T): T {
  const compiled = compileXml(contract);
  if ('mistakes' in compiled) expect.fail(JSON.stringify(compiled.mistakes));
  try {
    return work(compiled.checker);
  } finally {
    compiled.checker.dispose();
  }
}

describe('an XML contract with a mistake', () => {
  /** The contract, and the pointers and lines of what is wrong with it. */
  const MISTAKES: Record<string, [Contract, [string, number | undefined, RegExp][]]> = {
    'in the XML of its schema': [xmlContract(`<xs:schema ${XS}>\n\n<a>`), [['/schema', 3, /Premature end/]]],
    'in what its schema says': [
      xmlContract(`<xs:schema ${XS}>\n<xs:element/>\n<xs:element name="e" typ="xs:int"/>\n</xs:schema>`),
      [
        ['/schema', 2, /'name' is required/],
        ['/schema', 3, /'typ' is not allowed/],
      ],
    ],
    'in a type that there is not': [
      xmlContract(`<xs:schema ${XS}>\n<xs:element name="e" type="xs:nope"/>\n</xs:schema>`),
      [['/schema', 2, /nope/]],
    ],
    'in a RELAX NG schema': [
      xmlContract(`<element name="e" ${RNG}>\n<sometimes/>\n</element>`, 'relax-ng'),
      [['/schema', 2, /sometimes/]],
    ],
    'in the XML of an import': [
      { ...xmlContract(LIST_XSD), imports: { 'a/b~c.xsd': '\n<a' } },
      [['/imports/a~1b~0c.xsd', 2, /Start Tag/]],
    ],
    'in what an import says': [
      {
        ...xmlContract(`<xs:schema ${XS}><xs:include schemaLocation="other.xsd"/></xs:schema>`),
        imports: { 'other.xsd': `<xs:schema ${XS}>\n\n<xs:element name="e" type="xs:nope"/></xs:schema>` },
      },
      [['/imports/other.xsd', 3, /nope/]],
    ],
    'in a DOCTYPE': [
      xmlContract(`<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY e "">]>\n<x/>`),
      [['/schema', 2, /DOCTYPE/]],
    ],
    'in an assertion': [
      {
        ...xmlContract(LIST_XSD),
        assertions: [
          { test: 'true()', message: '' },
          { test: '1 +', message: '' },
        ],
      },
      [['/assertions/1/test', undefined, /no XPath 1.0 expression/]],
    ],
    'in a prefix that is not declared': [
      { ...xmlContract(LIST_XSD), categories: [{ prefix: 'p', path: 'x:y' }] },
      [['/categories/0/path', undefined, /prefix: x/]],
    ],
    'in a function that there is not': [
      { ...xmlContract(LIST_XSD), assertions: [{ test: 'document("file:///etc/passwd")', message: '' }] },
      [['/assertions/0/test', undefined, /cannot be evaluated/]],
    ],
    'in a private place that is a value': [
      { ...xmlContract(LIST_XSD), private: ['list/a', 'count(list)'] },
      [['/private/1', undefined, /elements or attributes were expected/]],
    ],
  };
  for (const [what, [contract, expected]] of Object.entries(MISTAKES)) {
    it(`is told each of them, with its place: ${what}`, () => {
      const mistakes = mistakesOf(contract);
      expect(mistakes.map(({ pointer, line }) => [pointer, line])).to.deep.equal(
        expected.map(([pointer, line]) => [pointer, line]),
      );
      expected.forEach(([, , message], index) => expect(mistakes[index]?.message).to.match(message));
    });
  }

  it('is told of the schema and of the expressions at once', () => {
    const assertions = [{ test: '(', message: '' }];
    expect(mistakesOf({ ...xmlContract('<a'), assertions }).map(({ pointer }) => pointer)).to.deep.equal([
      '/schema',
      '/assertions/0/test',
    ]);
  });
});

describe('what an XML contract refers to', () => {
  const part = (type: string): string =>
    `<xs:schema ${XS}><xs:simpleType name="part"><xs:restriction base="${type}"/></xs:simpleType></xs:schema>`;
  const including = (location: string): string =>
    `<xs:schema ${XS}><xs:include schemaLocation="${location}"/><xs:element name="e" type="part"/></xs:schema>`;

  it('is found by its name, also from a document in another folder', () => {
    const contract = {
      ...xmlContract(
        `<xs:schema ${XS}><xs:include schemaLocation="a/b.xsd"/><xs:element name="e" type="part"/></xs:schema>`,
      ),
      imports: {
        'a/b.xsd': `<xs:schema ${XS}><xs:include schemaLocation="../c.xsd"/></xs:schema>`,
        'c.xsd': part('xs:int'),
      },
    };
    using(contract, (checker) => {
      expect(checker.check(entry('<e xmlns="">1</e>')).findings).to.deep.equal([]);
      expect(checker.check(entry('<e xmlns="">x</e>')).findings).to.have.length(1);
    });
  });

  it('is not left over for the next contract', () => {
    const contract = { ...xmlContract(including('c.xsd')), imports: { 'c.xsd': part('xs:int') } };
    expect(mistakesOf(contract)).to.deep.equal([]);
    expect(mistakesOf({ ...contract, imports: {} })[0]).to.deep.equal({
      pointer: '/imports',
      message: '"c.xsd" is referred to and not given: documents of a schema come along in "imports", by this name',
    });
  });

  it('is never fetched from the network or read from a file', async () => {
    const heard: string[] = [];
    const server = createServer((req, res) => {
      heard.push(req.url ?? '');
      res.end(part('xs:int'));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const folder = await mkdtemp(join(tmpdir(), 'contract-'));
    try {
      const file = join(folder, 'part.xsd');
      await writeFile(file, part('xs:int'));
      const http = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/part.xsd`;
      for (const location of [http, file, pathToFileURL(file).href, `../../../../..${file}`]) {
        const notGiven = `"${location.replace(/^(\.\.\/)+/, '')}" is referred to and not given`;
        const rng = `<externalRef href="${location}" ${RNG}/>`;
        const contracts = [
          xmlContract(including(location)),
          xmlContract(`<xs:schema ${XS}><xs:import namespace="urn:o" schemaLocation="${location}"/></xs:schema>`),
          xmlContract(rng, 'relax-ng'),
          xmlContract(`<grammar ${RNG}><include href="${location}"/></grammar>`, 'relax-ng'),
        ];
        for (const contract of contracts) {
          const [first] = mistakesOf(contract);
          expect(first?.pointer, contract.schema).to.equal('/imports');
          if (!location.startsWith('..')) expect(first?.message).to.include(notGiven);
        }
      }
      using(xmlContract(LIST_XSD), (checker) => {
        checker.check(list(`<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="${http}"/>`));
        const schemaLocation = `xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:noNamespaceSchemaLocation="${http}"`;
        checker.check(entry(`<list xmlns="" ${schemaLocation}/>`));
      });
      expect(heard).to.deep.equal([]);
    } finally {
      server.close();
      await rm(folder, { recursive: true });
    }
  });
});

describe('an XML contract', () => {
  it('holds its assertions against the entry, and takes its categories from the content', () => {
    const contract = {
      ...xmlContract(LIST_XSD),
      namespaces: { a: 'http://www.w3.org/2005/Atom' },
      assertions: [
        { test: 'a:id = "urn:x"', message: 'holds' },
        { test: 'count(a:content/list/a) < 2', message: 'one at most' },
      ],
      categories: [
        { prefix: 'q', path: 'a/@q' },
        { prefix: 'n', path: 'count(a)' },
      ],
    };
    using(contract, (checker) => {
      expect(checker.check(list('<a q="1"/><a q=" 2 "/>'))).to.deep.equal({
        findings: [{ place: { kind: 'entry' }, message: 'one at most' }],
        terms: ['q:1', 'q:2', 'n:2'],
      });
    });
  });

  it('looks at the content alone where no XPath may go beyond it', () => {
    const scopeOf = (more: Partial<Contract>): string =>
      using({ ...xmlContract(LIST_XSD), ...more }, ({ scope }) => scope);
    const assertions = [{ test: 'true()', message: 'm' }];
    expect(scopeOf({})).to.equal('content');
    expect(scopeOf({ categories: [{ prefix: 'q', path: '@q' }] })).to.equal('content');
    expect(scopeOf({ categories: [{ prefix: 'q', path: '../../@q' }] })).to.equal('entry');
    expect(scopeOf({ assertions })).to.equal('entry');
  });

  it('tells that there is no element in the content', () => {
    using(xmlContract(LIST_XSD), (checker) => {
      expect(checker.check(entry('text')).findings).to.have.length(1);
      expect(checker.check(entry('text')).findings[0]?.message).to.match(/holds no element/);
    });
  });

  it('refuses what libxml2 refuses without a word', () => {
    const reference = `<element name="r" ${RNG} datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes"><attribute name="f"><data type="IDREF"/></attribute></element>`;
    using(xmlContract(reference, 'relax-ng'), (checker) => {
      expect(checker.check(entry('<r xmlns="" f="a"/>')).findings).to.deep.equal([
        { place: { kind: 'entry' }, message: 'the content does not fit the schema' },
      ]);
    });
  });

  it('makes no categories of more than twenty values', () => {
    using({ ...xmlContract(LIST_XSD), categories: [{ prefix: 'q', path: 'a/@q' }] }, (checker) => {
      expect(checker.check(list('<a q="1"/>'.repeat(20))).terms).to.have.length(20);
      const { findings, terms } = checker.check(list('<a q="1"/>'.repeat(21)));
      expect(terms).to.deep.equal([]);
      expect(findings[0]?.message).to.match(/^21 values would become "q:" categories/);
    });
  });

  it('leaves nothing of what it read, of an entry or of its own documents', () => {
    diag.configure({ enabled: true });
    try {
      for (const [schema, kind] of [
        [LIST_XSD, 'xsd'],
        [LIST_RNG, 'relax-ng'],
      ] as const) {
        const contract = {
          ...xmlContract(schema, kind),
          imports: { 'part.xsd': LIST_XSD },
          assertions: [{ test: '//a', message: 'no' }],
          categories: [{ prefix: 'q', path: '//a' }],
          private: ['a'],
        };
        using(contract, (checker) => {
          for (const items of ['<a q="1"/>', '<a q="x"/><b/>', '']) checker.check(list(items));
          checker.check(entry('text'));
          expect(() => checker.check('<entry')).to.throw();
        });
        mistakesOf({ ...contract, private: ['1', '('] });
        mistakesOf({ ...contract, schema: '<a' });
        mistakesOf({ ...contract, schema: '<a/>' });
      }
      expect(diag.report()).to.deep.equal({});
    } finally {
      diag.configure({ enabled: false });
    }
  });

  for (const [schema, kind] of [
    [LIST_XSD, 'xsd'],
    [LIST_RNG, 'relax-ng'],
  ] as const) {
    it(`keeps the memory of libxml2 flat over ten thousand checks by ${kind}`, function () {
      this.timeout(60_000);
      const contract = {
        ...xmlContract(schema, kind),
        assertions: [
          { test: 'count(//*) > 0', message: 'no' },
          { test: '//a/@q', message: 'no' },
        ],
        categories: [{ prefix: 'q', path: '//a[1]' }],
      };
      const right = list('<a q="1">one</a>'.repeat(40));
      const wrong = list('<a q="x">one</a><b/>'.repeat(20));
      using(contract, (checker) => {
        const checks = (times: number): number =>
          grownDuring(() => {
            for (let n = 0; n < times; n++) checker.check(n % 10 === 0 ? wrong : right);
          });
        checks(100);
        expect(checks(10_000)).to.equal(0);
      });
    });
  }
});

/** Of the types that Node's do not have. */
interface Memory {
  grow: (this: Memory, pages: number) => number;
}
declare const WebAssembly: { readonly Memory: { readonly prototype: Memory } };

/** Pages that libxml2 asked for meanwhile: it begins with 16 MB, which what is left of an entry would soon fill. */
function grownDuring(work: () => void): number {
  const memory = WebAssembly.Memory.prototype;
  const { grow } = memory;
  let grown = 0;
  memory.grow = function (pages) {
    grown += pages;
    return grow.call(this, pages);
  };
  try {
    work();
    return grown;
  } finally {
    memory.grow = grow;
  }
}
