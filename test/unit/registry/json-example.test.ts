import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'chai';
import { jsonExample } from '../../../src/registry/json-schema/json-example.js';

const DRAFT_7 = 'http://json-schema.org/draft-07/schema#';

function example(schema: unknown, imports: Record<string, unknown> = {}): unknown {
  return jsonExample({ schema, imports });
}

function fits(schema: Record<string, unknown>, value: unknown): boolean {
  const ajv = new (schema['$schema'] === DRAFT_7 ? Ajv : Ajv2020)({ strict: false, allErrors: true });
  addFormats.default(ajv);
  return ajv.validate<unknown>(schema, value);
}

const FORMATS = [
  ...['date-time', 'date', 'time', 'iso-time', 'iso-date-time', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uri'],
  ...['url', 'uri-reference', 'uri-template', 'uuid', 'regex', 'json-pointer', 'relative-json-pointer', 'byte'],
];
const PATTERNS = [
  ...[
    '^[A-Z]{3}-\\d{4,}$',
    '^(red|green)$',
    '^a?b+c*$',
    '[^a-z]',
    '^\\w+@\\w+\\.\\w{2,}$',
    '^(?:ab){2,3}$',
    '^$',
    '.+',
  ],
  ...['^[\\w.-]+$', '^(?<year>\\d{4})-(0[1-9]|1[0-2])$', '^[äöü]$', '\\$\\{', '^[^\\s]{12}$'],
];
const text = { type: 'string' };
const node = {
  type: 'object',
  properties: { name: text, under: { type: 'array', items: { $ref: '#/$defs/node' } } },
  required: ['name', 'under'],
};

const SCHEMAS: Record<string, Record<string, unknown>> = {
  everything: {},
  lengths: { type: 'string', minLength: 20, maxLength: 22 },
  'a short text': { type: 'string', maxLength: 2 },
  'a long pattern': { type: 'string', pattern: '^[a-f0-9]*$', minLength: 32, maxLength: 32 },
  'a number between': { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
  'an integer from below': { type: 'integer', maximum: -5 },
  multiples: { type: 'integer', minimum: 10, multipleOf: 7 },
  'multiples of two': { type: 'integer', allOf: [{ multipleOf: 4 }, { multipleOf: 6 }], exclusiveMinimum: 12 },
  cents: { type: 'number', exclusiveMinimum: 0, multipleOf: 0.01 },
  'an array': { type: 'array', items: { type: 'integer' }, minItems: 3 },
  'an array of different items': {
    type: 'array',
    items: { type: 'integer', minimum: 1 },
    minItems: 3,
    uniqueItems: true,
  },
  'different values of a list': { type: 'array', items: { enum: ['a', 'b', 'c'] }, minItems: 3, uniqueItems: true },
  'different objects': {
    type: 'array',
    items: { type: 'object', properties: { id: text }, required: ['id'] },
    minItems: 2,
    uniqueItems: true,
  },
  'a tuple': { type: 'array', prefixItems: [text, { type: 'integer' }], items: false, minItems: 2 },
  'a tuple of draft 7': {
    $schema: DRAFT_7,
    type: 'array',
    items: [text, { const: 2 }],
    additionalItems: false,
    minItems: 2,
  },
  'what must be contained': { type: 'array', items: { type: 'integer' }, contains: { minimum: 10 }, minContains: 2 },
  'members of all kinds': {
    type: 'object',
    properties: {
      id: { type: 'string', format: 'uuid' },
      on: { type: 'boolean' },
      no: { type: 'null' },
      at: { type: 'string', format: 'date-time' },
    },
    required: ['id', 'on', 'no', 'more'],
    additionalProperties: { type: 'integer' },
  },
  'a number of members': { type: 'object', minProperties: 3, additionalProperties: text },
  'members by a pattern': {
    type: 'object',
    minProperties: 2,
    patternProperties: { '^x-[a-z]+$': text },
    additionalProperties: false,
  },
  'names by a pattern': { type: 'object', minProperties: 1, propertyNames: { pattern: '^[A-Z]{2}$' } },
  'few members': { type: 'object', properties: { a: text, b: text, c: text }, required: ['c'], maxProperties: 2 },
  'members that need others': {
    type: 'object',
    properties: { a: text },
    dependentRequired: { a: ['b'] },
    required: ['a'],
  },
  'members that need a schema': {
    type: 'object',
    properties: { a: text },
    dependentSchemas: { a: { required: ['z'] } },
    required: ['a'],
  },
  alternatives: {
    oneOf: [
      { type: 'object', required: ['a'], properties: { a: false } },
      { type: 'integer', minimum: 5 },
    ],
  },
  'one alternative only': {
    type: 'object',
    properties: { a: { const: 1 }, b: { const: 2 } },
    oneOf: [{ required: ['a'] }, { required: ['b'] }],
  },
  'alternatives beside members': {
    type: 'object',
    properties: { kind: text },
    required: ['kind'],
    anyOf: [{ properties: { kind: { const: 'x' } } }],
  },
  'all of several': {
    allOf: [
      { type: 'object', required: ['a'] },
      { properties: { a: { minimum: 3 } } },
      { properties: { a: { type: 'integer', maximum: 3 } } },
    ],
  },
  not: { type: ['string', 'integer'], not: text },
  'if and then': {
    type: 'object',
    properties: { a: { const: 1 } },
    required: ['a'],
    if: { properties: { a: { const: 1 } } },
    then: { required: ['b'], properties: { b: text } },
  },
  'if and else': { type: 'integer', if: { minimum: 100 }, then: { multipleOf: 7 }, else: { maximum: 5 } },
  'a tree': { $ref: '#/$defs/node', $defs: { node } },
  'a list of lists': {
    $id: 'https://example.com/list',
    anyOf: [{ type: 'null' }, { type: 'array', items: { $ref: '#' } }],
  },
};

describe('jsonExample', () => {
  it('takes what the schema gives: an example, a default, a constant, the first value', () => {
    expect(example({ ...text, examples: ['one', 'two'], default: 'three' })).to.equal('one');
    expect(example({ ...text, default: 'three', enum: ['two', 'three'] })).to.equal('three');
    expect(example({ const: { a: [1] } })).to.deep.equal({ a: [1] });
    expect(example({ enum: [5, 6] })).to.equal(5);
    expect(example({ type: 'object', properties: { a: { examples: [7] }, b: { default: false } } })).to.deep.equal({
      a: 7,
      b: false,
    });
  });

  it('passes over examples that do not fit', () => {
    expect(example({ type: 'integer', examples: ['many', 12] })).to.equal(12);
    expect(example({ enum: [1, 'a'], type: 'string' })).to.equal('a');
  });

  it('shows optional members too', () => {
    expect(example({ type: 'object', properties: { a: { type: 'boolean' }, b: { type: 'null' } } })).to.deep.equal({
      a: true,
      b: null,
    });
  });

  for (const format of FORMATS)
    it(`makes a text of the format ${format}`, () => {
      const schema = { type: 'string', format };
      const value = example(schema);
      expect(value).to.be.a('string');
      expect(fits(schema, value), JSON.stringify(value)).to.equal(true);
    });

  for (const pattern of PATTERNS)
    it(`makes a text that matches ${pattern}`, () => {
      const schema = { type: 'string', pattern };
      const value = example(schema);
      expect(value).to.be.a('string');
      expect(fits(schema, value), JSON.stringify(value)).to.equal(true);
    });

  for (const [what, schema] of Object.entries(SCHEMAS))
    it(`makes a value that fits: ${what}`, () => {
      const value = example(schema);
      expect(value).to.not.equal(undefined);
      expect(fits(schema, value), JSON.stringify(value)).to.equal(true);
    });

  it('follows references into imports', () => {
    const schema = { type: 'array', items: { $ref: 'common.json#/$defs/id' }, minItems: 1 };
    expect(example(schema, { 'common.json': { $defs: { id: { const: 'x1' } } } })).to.deep.equal(['x1']);
  });

  for (const [what, schema] of Object.entries({
    'nothing fits': false,
    'no number is so large and so small': { type: 'integer', minimum: 5, maximum: 4 },
    'a member must be there and may not': { type: 'object', required: ['a'], properties: { a: false } },
    'the pattern looks ahead': { type: 'string', pattern: '^(?=.*\\d)(?=.*z).{8,}$' },
    'the schema asks for itself without end': { type: 'object', required: ['a'], properties: { a: { $ref: '#' } } },
    'so many items are too many': { type: 'array', minItems: 1_000_000 },
    'so long a text is too long': { type: 'string', minLength: 100_000_000 },
    'the repetition is too long': { type: 'string', pattern: '^(((a{1000}){1000}){1000}){1000}$' },
  }))
    it(`makes none where ${what}`, () => {
      expect(example(schema)).to.equal(undefined);
    });
});
