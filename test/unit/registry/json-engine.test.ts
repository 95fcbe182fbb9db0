import { expect } from 'chai';
import type { Contract, ContractMistake, Finding } from '../../../src/core/contract.js';
import { compileJson } from '../../../src/registry/json-engine.js';
import type { JsonChecker } from '../../../src/registry/json-engine.js';
import { jsonContract } from './build.js';

const DRAFT_7 = 'http://json-schema.org/draft-07/schema#';
const DRAFT_2020 = 'https://json-schema.org/draft/2020-12/schema';

function contractOf(schema: unknown, more: Partial<Contract> = {}): Contract {
  return { ...jsonContract(JSON.stringify(schema)), ...more };
}

function checkerOf(contract: Contract): JsonChecker {
  const compiled = compileJson(contract);
  if ('mistakes' in compiled) expect.fail(JSON.stringify(compiled.mistakes));
  return compiled.checker;
}

function findings(contract: Contract, value: unknown, fromXml = false): readonly Finding[] {
  return checkerOf(contract).check(typeof value === 'string' ? value : JSON.stringify(value), fromXml).findings;
}

function mistakesOf(contract: Contract): readonly ContractMistake[] {
  const compiled = compileJson(contract);
  return 'mistakes' in compiled ? compiled.mistakes : [];
}

function nested(depth: number): string {
  return `${'{"items":'.repeat(depth)}{}${'}'.repeat(depth)}`;
}

describe('a JSON contract with a mistake', () => {
  /** The contract, and the pointers and messages of what is wrong with it. */
  const MISTAKES: Record<string, [Contract, [string, RegExp][]]> = {
    'in two keywords': [
      contractOf({ properties: { a: { type: 'no' } }, minItems: -1 }),
      [
        ['/schema/minItems', /./],
        ['/schema/properties/a/type', /./],
      ],
    ],
    'in being no schema': [contractOf([]), [['/schema', /an object, true or false/]]],
    'in a regular expression': [
      contractOf({ properties: { a: { pattern: '(' } } }),
      [['/schema/properties/a/pattern', /regular expression/]],
    ],
    'in a regular expression for names': [
      contractOf({ patternProperties: { '[': {} } }),
      [['/schema/patternProperties/[', /regular expression/]],
    ],
    'in a draft that is not understood': [
      contractOf({ $schema: 'http://json-schema.org/draft-04/schema#' }),
      [['/schema/$schema', /drafts 7 .* and 2020-12 .* are understood, not .*draft-04/]],
    ],
    'in an import of another draft': [
      contractOf({ $schema: DRAFT_7 }, { imports: { 'a.json': JSON.stringify({ $schema: DRAFT_2020 }) } }),
      [['/imports/a.json/$schema', /another draft/]],
    ],
    'in an import': [contractOf({}, { imports: { 'a/b.json': '{"type":"no"}' } }), [['/imports/a~1b.json/type', /./]]],
    'in what it refers to': [
      contractOf({ properties: { a: { $ref: 'https://example.org/a.json' } } }),
      [['/schema/properties/a/$ref', /is not there: other documents come along in "imports"/]],
    ],
    'in referring to itself without end': [contractOf({ $ref: '#' }), [['/schema', /without end/]]],
    'in schemas within schemas without number': [jsonContract(nested(20_000)), [['/schema', /too deeply/]]],
    'in schemas within schemas of an import': [
      contractOf({}, { imports: { 'a.json': nested(20_000) } }),
      [['/imports/a.json', /too deeply/]],
    ],
    'in asking for a promise': [contractOf({ $async: true }), [['/schema/$async', /not taken/]]],
    'in an assertion': [
      contractOf({}, { assertions: [{ test: '{"type":"no"}', message: '' }] }),
      [['/assertions/0/test/type', /./]],
    ],
    'in its pointers': [
      contractOf({}, { categories: [{ prefix: 'p', path: 'a' }], private: ['/a', '/~2'] }),
      [
        ['/categories/0/path', /"a" is no JSON Pointer/],
        ['/private/1', /"\/~2" is no JSON Pointer/],
      ],
    ],
  };
  for (const [what, [contract, expected]] of Object.entries(MISTAKES)) {
    it(`is told each of them, with its place: ${what}`, () => {
      const mistakes = mistakesOf(contract).toSorted((a, b) => (a.pointer < b.pointer ? -1 : 1));
      expect(mistakes.map(({ pointer }) => pointer)).to.deep.equal(expected.map(([pointer]) => pointer));
      expected.forEach(([, message], index) => expect(mistakes[index]?.message).to.match(message));
    });
  }
});

describe('a JSON contract', () => {
  it('tells every finding, each at its place, with what was expected and found', () => {
    const schema = { properties: { a: { type: 'integer' }, 'b/c': { maxLength: 1 } }, required: ['d'] };
    const told = findings(contractOf(schema), { a: 'x', 'b/c': 'long' });
    expect(told.map(({ place }) => (place.kind === 'json' ? place.pointer : place.kind))).to.have.members([
      '/d',
      '/a',
      '/b~1c',
    ]);
    expect(told.find(({ place }) => place.kind === 'json' && place.pointer === '/a')).to.include.keys(
      'expected',
      'found',
    );
  });

  it('tells two hundred findings at most', () => {
    const value = Array.from({ length: 1_000 }, () => 'x');
    expect(findings(contractOf({ items: { type: 'integer' } }), value)).to.have.length(200);
  });

  it('is of draft 2020-12 where it names none', () => {
    const prefix = { prefixItems: [{ type: 'integer' }] };
    expect(findings(contractOf(prefix), ['x'])).to.have.length(1);
    expect(findings(contractOf({ $schema: DRAFT_2020, ...prefix }), ['x'])).to.have.length(1);
    // an unknown keyword in draft 7, where a list of items does that
    expect(findings(contractOf({ $schema: DRAFT_7, ...prefix }), ['x'])).to.deep.equal([]);
    expect(findings(contractOf({ $schema: DRAFT_7, items: [{ type: 'integer' }] }), ['x'])).to.have.length(1);
  });

  it('knows formats', () => {
    expect(findings(contractOf({ format: 'date-time' }), '"yesterday"')).to.have.length(1);
    expect(findings(contractOf({ format: 'date-time' }), '"2026-01-31T10:00:00Z"')).to.deep.equal([]);
  });

  it('finds what it refers to by its name, with and without an identifier of its own', () => {
    const imports = { 'types/a.json': '{"$defs":{"n":{"type":"integer"}}}' };
    for (const own of [{}, { $id: 'https://example.org/schemas/order.json' }]) {
      const contract = contractOf({ ...own, $ref: 'types/a.json#/$defs/n' }, { imports });
      expect(findings(contract, 1)).to.deep.equal([]);
      expect(findings(contract, '"x"')).to.have.length(1);
    }
  });

  it('tells the message of an assertion that does not hold, at the place where it does not', () => {
    const assertions = [
      { test: '{"properties":{"qty":{"maximum":5}}}', message: 'five at most' },
      { test: '{"required":["qty"]}', message: 'say how many' },
    ];
    const contract = contractOf({}, { assertions });
    expect(findings(contract, { qty: 5 })).to.deep.equal([]);
    expect(findings(contract, { qty: 6 })).to.have.length(1);
    expect(findings(contract, { qty: 6 })[0]).to.deep.include({
      place: { kind: 'json', pointer: '/qty' },
      message: 'five at most',
    });
    expect(findings(contract, {})[0]).to.deep.include({ message: 'say how many' });
  });

  it('tells nothing of what was expected where nothing is', () => {
    const place = { kind: 'json', pointer: '' };
    const contract = contractOf(true, { assertions: [{ test: 'false', message: 'closed' }] });
    expect(findings(contract, '1')).to.deep.equal([{ place, message: 'closed', found: '1' }]);
    expect(findings(contractOf(false), '1')).to.deep.equal([
      { place, message: 'is 1, which is not accepted here', found: '1' },
    ]);
  });

  it('takes texts for what they read as in what was XML, and only there', () => {
    const contract = contractOf({
      properties: { n: { type: 'integer' }, b: { type: 'boolean' }, list: { type: 'array' } },
    });
    const value = { n: '5', b: 'true', list: 'one' };
    expect(findings(contract, value, true)).to.deep.equal([]);
    expect(findings(contract, value)).to.have.length(3);
    expect(findings(contract, { n: 'five' }, true)).to.have.length(1);
  });

  it('refuses two members of one name, wherever they stand', () => {
    for (const [text, pointer] of [
      ['{"a":1,"a":2}', '/a'],
      ['[0,{"b":{"c~d":1,"c~d":1}}]', '/1/b/c~0d'],
    ] as const)
      expect(findings(contractOf(true), text)).to.deep.equal([
        { place: { kind: 'json', pointer }, message: 'is a second member of this name' },
      ]);
  });

  it('refuses what is not JSON', () => {
    expect(findings(contractOf(true), '{')[0]?.message).to.match(/^the content is not JSON: /);
  });

  it('is not led astray by the names of what objects inherit', () => {
    const contract = contractOf(
      { type: 'object', additionalProperties: false, properties: { constructor: { type: 'integer' } } },
      { categories: [{ prefix: 'p', path: '/toString' }] },
    );
    expect(findings(contract, '{"__proto__":{"x":1}}')).to.have.length(1);
    expect(checkerOf(contract).check('{}', false)).to.deep.equal({ findings: [], terms: [] });
  });

  it('makes categories of a value and of each in a list, and of no other', () => {
    const categories = ['/a', '/list', '/object', '/none', '/list/1', '/a~1b'].map((path, n) => ({
      prefix: String(n),
      path,
    }));
    const value = { a: ' x  y ', list: ['p', 2, true, null, {}, ''], object: {}, 'a/b': 'slash' };
    const { terms } = checkerOf(contractOf(true, { categories })).check(JSON.stringify(value), false);
    expect(terms).to.deep.equal(['0:x y', '1:p', '1:2', '1:true', '4:2', '5:slash']);
  });

  it('makes no categories of more than twenty values', () => {
    const checker = checkerOf(contractOf(true, { categories: [{ prefix: 'p', path: '' }] }));
    const values = Array.from({ length: 21 }, (_, n) => n);
    expect(checker.check(JSON.stringify(values.slice(1)), false).terms).to.have.length(20);
    const { findings: told, terms } = checker.check(JSON.stringify(values), false);
    expect(terms).to.deep.equal([]);
    expect(told[0]?.message).to.match(/^21 values would become "p:" categories/);
  });
});
