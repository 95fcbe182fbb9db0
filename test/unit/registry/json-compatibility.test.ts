import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'chai';
import fc from 'fast-check';
import { jsonSchemaBreaks } from '../../../src/registry/json-schema/json-compatibility.js';
import { aDocument, aValue, changed, someChanges } from './json-schema-arbitraries.js';

const DRAFT_7 = { $schema: 'http://json-schema.org/draft-07/schema#' };

function breaks(older: unknown, newer: unknown, before: Record<string, unknown> = {}, now = before) {
  return jsonSchemaBreaks({ schema: older, imports: before }, { schema: newer, imports: now });
}

function rules(older: unknown, newer: unknown): string[] {
  return breaks(older, newer).map(({ rule }) => rule);
}

const qty = (schema: unknown) => ({ type: 'object', properties: { qty: schema }, additionalProperties: false });
const open = (properties: Record<string, unknown>, required: string[] = []) => ({
  type: 'object',
  properties,
  required,
});
const closed = (properties: Record<string, unknown>, required: string[] = []) => ({
  ...open(properties, required),
  additionalProperties: false,
});
const text = { type: 'string' };
const number = { type: 'number' };

/** What changes, the older and the newer schema, the rules that break from older to newer, and from newer to older. */
const PAIRS: Record<string, [string, unknown, unknown, string[], string[]][]> = {
  types: [
    ['integer becomes number', { type: 'integer' }, number, [], ['type-narrowed']],
    ['null is added', text, { type: ['string', 'null'] }, [], ['type-narrowed']],
    ['string becomes integer', text, { type: 'integer' }, ['type-changed'], ['type-changed']],
    ['null is added by nullable', text, { type: 'string', nullable: true }, [], ['type-narrowed']],
    ['nullable is a type more', { type: 'string', nullable: true }, { type: ['string', 'null'] }, [], []],
    ['a type is given', {}, text, ['type-narrowed'], []],
    ['true becomes false', true, false, ['type-narrowed'], []],
    ['true becomes {}', true, {}, [], []],
    ['not everything becomes false', { not: {} }, false, [], []],
    ['a list of one type is that type', { type: ['string'] }, text, [], []],
    [
      'integer is number in multiples of 1',
      { type: 'integer' },
      { type: 'number', multipleOf: 1 },
      [],
      ['type-narrowed'],
    ],
  ],
  values: [
    ['a value is added', { enum: ['a'] }, { enum: ['a', 'b'] }, [], ['enum-array-narrowed']],
    ['the order of values changes', { enum: ['a', 'b'] }, { enum: ['b', 'a'] }, [], []],
    ['all values change', { enum: ['a'] }, { enum: ['b'] }, ['enum-array-changed'], ['enum-array-changed']],
    ['values are listed', text, { type: 'string', enum: ['a'] }, ['enum-array-added'], []],
    ['values are of the new type', { enum: ['a', 'b'] }, text, [], ['enum-array-added']],
    ['a constant changes', { const: 1 }, { const: 2 }, ['const-changed'], ['const-changed']],
    ['a constant is given', text, { const: 'a' }, ['const-added'], []],
    ['a constant becomes a value of several', { const: 1 }, { enum: [1, 2] }, [], ['enum-array-narrowed']],
    ['a boolean becomes true only', { type: 'boolean' }, { const: true }, ['enum-array-narrowed'], []],
    ['both booleans are listed', { type: 'boolean' }, { enum: [true, false] }, [], []],
    ['listed values fit the new bounds', { enum: [1, 5] }, { type: 'integer', maximum: 5 }, [], ['enum-array-added']],
    [
      'one of them does not',
      { enum: [1, 6] },
      { type: 'integer', maximum: 5 },
      ['enum-array-narrowed'],
      ['enum-array-added'],
    ],
    [
      'a number that the validator takes for a multiple of nothing',
      { enum: [1e21] },
      { multipleOf: 1 },
      ['enum-array-changed'],
      ['enum-array-added'],
    ],
    ['members in another order are the same value', { const: { a: 1, b: [2] } }, { const: { b: [2], a: 1 } }, [], []],
  ],
  numbers: [
    ['maximum rises', { maximum: 5 }, { maximum: 6 }, [], ['maximum-decreased']],
    ['maximum is given', number, { type: 'number', maximum: 6 }, ['maximum-added'], []],
    ['minimum falls', { minimum: 5 }, { minimum: 4 }, [], ['minimum-increased']],
    ['maximum becomes exclusive', { maximum: 5 }, { exclusiveMaximum: 5 }, ['exclusive-maximum-decreased'], []],
    [
      'a bound of integers is written otherwise',
      { type: 'integer', exclusiveMaximum: 6 },
      { type: 'integer', maximum: 5 },
      [],
      [],
    ],
    ['exclusive minimum rises', { exclusiveMinimum: 0 }, { exclusiveMinimum: 1 }, ['exclusive-minimum-increased'], []],
    ['bounds of numbers matter not to strings', text, { type: 'string', maximum: 5 }, [], []],
    ['multiple of a part', { multipleOf: 6 }, { multipleOf: 3 }, [], ['multiple-of-expanded']],
    ['multiple of another', { multipleOf: 2 }, { multipleOf: 3 }, ['multiple-of-changed'], ['multiple-of-changed']],
    ['an integer is a multiple of 1', { type: 'integer' }, { type: 'integer', multipleOf: 1 }, [], []],
    ['multiple is given', number, { type: 'number', multipleOf: 2 }, ['multiple-of-added'], []],
    [
      'int32 becomes int64',
      { type: 'integer', format: 'int32' },
      { type: 'integer', format: 'int64' },
      [],
      ['format-changed'],
    ],
  ],
  texts: [
    ['maxLength falls', { maxLength: 5 }, { maxLength: 4 }, ['max-length-decreased'], []],
    ['maxLength is given', text, { type: 'string', maxLength: 4 }, ['max-length-added'], []],
    ['minLength rises', { minLength: 1 }, { minLength: 2 }, ['min-length-increased'], []],
    ['minLength 0 says nothing', text, { type: 'string', minLength: 0 }, [], []],
    ['a pattern is given', text, { type: 'string', pattern: '^a' }, ['pattern-added'], []],
    ['a pattern changes', { pattern: '^a' }, { pattern: '^b' }, ['pattern-changed'], ['pattern-changed']],
    ['a format is given', text, { type: 'string', format: 'date' }, ['format-added'], []],
    ['a format changes', { format: 'date' }, { format: 'time' }, ['format-changed'], ['format-changed']],
    ['an unknown format is no check', text, { type: 'string', format: 'colour' }, [], []],
  ],
  members: [
    ['an optional one is added, open', open({}), open({ a: text }), ['property-added-to-open-content-model'], []],
    ['one of any value is added, open', open({}), open({ a: {} }), [], []],
    [
      'a required one is added, open',
      open({}),
      open({ a: {} }, ['a']),
      ['required-property-added-to-open-content-model'],
      [],
    ],
    [
      'an optional one is added, closed',
      closed({}),
      closed({ a: text }),
      [],
      ['property-removed-from-closed-content-model'],
    ],
    [
      'a required one is added, closed',
      closed({}),
      closed({ a: text }, ['a']),
      ['required-property-added-to-unopen-content-model'],
      ['property-removed-from-closed-content-model'],
    ],
    [
      'a required one with a default is added, closed',
      closed({}),
      closed({ a: { type: 'string', default: '' } }, ['a']),
      [],
      ['property-removed-from-closed-content-model'],
    ],
    ['one is required', closed({ a: text }), closed({ a: text }, ['a']), ['required-attribute-added'], []],
    [
      'one with a default is required',
      closed({ a: text }),
      closed({ a: { type: 'string', default: '' } }, ['a']),
      [],
      [],
    ],
    ['one is removed, open', open({ a: text }), open({}), [], ['property-added-to-open-content-model']],
    ['one that was never accepted is removed, closed', closed({ a: false }), closed({}), [], []],
    [
      'a pattern covers the one that is removed',
      closed({ ab: text }),
      { ...closed({}), patternProperties: { '^a': text } },
      [],
      ['additional-properties-removed'],
    ],
    [
      'a pattern does not',
      closed({ ab: text }),
      { ...closed({}), patternProperties: { '^a': number } },
      ['property-removed-not-covered-by-partially-open-content-model'],
      ['property-added-not-covered-by-partially-open-content-model', 'additional-properties-removed'],
    ],
    [
      'one is covered by what others are',
      { ...open({}), additionalProperties: text },
      { ...open({ a: text }), additionalProperties: text },
      [],
      [],
    ],
    ['further ones are refused', open({ a: text }), closed({ a: text }), ['additional-properties-removed'], []],
    [
      'further ones have a schema',
      open({}),
      { ...open({}), additionalProperties: text },
      ['additional-properties-narrowed'],
      [],
    ],
    [
      'the schema of further ones changes',
      { additionalProperties: text },
      { additionalProperties: number },
      ['type-changed'],
      ['type-changed'],
    ],
    [
      'further ones that match a pattern have a schema',
      open({}),
      { ...open({}), patternProperties: { '^x-': text } },
      ['pattern-property-added'],
      [],
    ],
    ['a member changes', qty({ type: 'integer' }), qty({ type: 'integer', maximum: 9 }), ['maximum-added'], []],
    ['names have a pattern', open({}), { ...open({}), propertyNames: { pattern: '^a' } }, ['property-names-added'], []],
    [
      'all names fit the new pattern',
      closed({ ab: text }),
      { ...closed({ ab: text }), propertyNames: { pattern: '^a' } },
      [],
      [],
    ],
    [
      'minProperties is what is required anyway',
      open({ a: {} }, ['a']),
      { ...open({ a: {} }, ['a']), minProperties: 1 },
      [],
      [],
    ],
    ['maxProperties is given', open({}), { ...open({}), maxProperties: 2 }, ['max-properties-added'], []],
    ['one needs another', open({}), { ...open({}), dependentRequired: { a: ['b'] } }, ['dependency-array-added'], []],
    [
      'one needs a third',
      { ...open({}), dependentRequired: { a: ['b'] } },
      { ...open({}), dependentRequired: { a: ['b', 'c'] } },
      ['dependency-array-extended'],
      [],
    ],
    [
      'one needs what is there anyway',
      open({}, ['b']),
      { ...open({}, ['b']), dependentRequired: { a: ['b'] } },
      [],
      [],
    ],
    [
      'one needs a schema',
      open({}),
      { ...open({}), dependentSchemas: { a: { required: ['b'] } } },
      ['dependency-schema-added'],
      [],
    ],
    [
      'unevaluated is additional where nothing else evaluates',
      closed({ a: text }),
      { ...open({ a: text }), unevaluatedProperties: false },
      [],
      [],
    ],
    [
      'a name that objects have by themselves',
      closed({ constructor: text }),
      closed({}),
      ['property-removed-from-closed-content-model'],
      [],
    ],
  ],
  items: [
    ['items get a schema', { type: 'array' }, { type: 'array', items: text }, ['additional-items-narrowed'], []],
    [
      'items change',
      { type: 'array', items: { type: 'integer' } },
      { type: 'array', items: number },
      [],
      ['type-narrowed'],
    ],
    ['maxItems falls', { maxItems: 3 }, { maxItems: 2 }, ['max-items-decreased'], []],
    ['minItems is given', { type: 'array' }, { type: 'array', minItems: 1 }, ['min-items-added'], []],
    [
      'a closed tuple is no longer than its items',
      { type: 'array', prefixItems: [text], items: false },
      { type: 'array', prefixItems: [text], maxItems: 1 },
      [],
      [],
    ],
    ['items must differ', { type: 'array' }, { type: 'array', uniqueItems: true }, ['unique-items-added'], []],
    [
      'one item differs from itself only',
      { type: 'array', maxItems: 1 },
      { type: 'array', uniqueItems: true },
      [],
      ['max-items-added'],
    ],
    [
      'an item is added, open',
      { prefixItems: [text] },
      { prefixItems: [text, text] },
      ['item-added-to-open-content-model'],
      [],
    ],
    [
      'an item is added, closed',
      { prefixItems: [text], items: false },
      { prefixItems: [text, text], items: false },
      [],
      ['item-removed-from-closed-content-model'],
    ],
    [
      'further items are refused',
      { prefixItems: [text] },
      { prefixItems: [text], items: false },
      ['additional-items-removed'],
      [],
    ],
    ['an item must be contained', { type: 'array' }, { type: 'array', contains: text }, ['contains-added'], []],
    ['more must be contained', { contains: text }, { contains: text, minContains: 2 }, ['min-contains-increased'], []],
    [
      'fewer may be contained',
      { contains: text, maxContains: 3 },
      { contains: text, maxContains: 2 },
      ['max-contains-decreased'],
      [],
    ],
    [
      'every item fits what is contained',
      { type: 'array', items: text, minItems: 1 },
      { type: 'array', contains: text },
      [],
      ['additional-items-narrowed', 'min-items-added'],
    ],
  ],
  'combined schemas': [
    ['an alternative is added', { anyOf: [text] }, { anyOf: [text, number] }, [], ['sum-type-narrowed']],
    ['a schema becomes an alternative', text, { anyOf: [{ type: 'null' }, text] }, [], ['type-changed']],
    ['types become alternatives', { type: ['string', 'null'] }, { anyOf: [{ type: 'null' }, text] }, [], []],
    ['alternatives become types', { oneOf: [{ type: 'null' }, text] }, { type: ['null', 'string'] }, [], []],
    [
      'alternatives change places',
      { oneOf: [text, { type: 'object' }] },
      { oneOf: [{ type: 'object' }, text] },
      [],
      [],
    ],
    [
      'overlapping alternatives stay',
      {
        oneOf: [
          { minimum: 1, type: 'number' },
          { multipleOf: 2, type: 'number' },
        ],
      },
      {
        oneOf: [
          { minimum: 1, type: 'number' },
          { multipleOf: 2, type: 'number' },
        ],
        title: 'x',
      },
      [],
      [],
    ],
    [
      'an alternative that overlaps is added',
      { oneOf: [{ minimum: 1, type: 'number' }] },
      {
        oneOf: [
          { minimum: 1, type: 'number' },
          { multipleOf: 2, type: 'number' },
        ],
      },
      ['sum-type-overlaps'],
      ['minimum-added'],
    ],
    [
      'an alternative told by a constant is added',
      { oneOf: [open({ is: { const: 'a' } }, ['is'])] },
      { oneOf: [open({ is: { const: 'a' } }, ['is']), open({ is: { const: 'b' } }, ['is'])] },
      [],
      ['sum-type-narrowed'],
    ],
    ['anyOf becomes oneOf', { anyOf: [text, number] }, { oneOf: [text, number] }, [], []],
    ['a schema is added to all', text, { allOf: [text, { maxLength: 5 }] }, ['max-length-added'], []],
    ['all become one', { allOf: [{ type: 'string' }, { maxLength: 5 }] }, { type: 'string', maxLength: 5 }, [], []],
    ['one is put into allOf', open({ a: text }), { allOf: [open({ a: text })] }, [], []],
    ['not is given', {}, { not: text }, ['not-type-extended'], []],
    ['not that type anyway', number, { type: 'number', not: text }, [], []],
    ['not excludes less', { not: { type: ['string', 'null'] } }, { not: text }, [], ['not-type-extended']],
    [
      'if/then stays',
      { if: { required: ['a'] }, then: { required: ['b'] } },
      { if: { required: ['a'] }, then: { required: ['b'] }, title: 'x' },
      [],
      [],
    ],
    [
      'then changes',
      { if: { required: ['a'] }, then: { required: ['b'] } },
      { if: { required: ['a'] }, then: { required: ['c'] } },
      ['cannot-be-compared'],
      ['cannot-be-compared'],
    ],
    [
      'if/then is given',
      open({}),
      { ...open({}), if: { required: ['a'] }, then: { required: ['b'] } },
      ['cannot-be-compared'],
      [],
    ],
    [
      'unevaluatedProperties stays with the same besides',
      { allOf: [open({ a: text })], unevaluatedProperties: false },
      { allOf: [open({ a: text })], unevaluatedProperties: false, title: 'x' },
      [],
      [],
    ],
    [
      'unevaluatedProperties stays with other besides',
      { allOf: [open({ a: text })], unevaluatedProperties: false },
      { allOf: [open({ b: text })], unevaluatedProperties: false },
      ['property-added-to-open-content-model', 'cannot-be-compared'],
      ['property-added-to-open-content-model', 'cannot-be-compared'],
    ],
    [
      'unevaluatedItems is given',
      { type: 'array', contains: text },
      { type: 'array', contains: text, unevaluatedItems: false },
      ['cannot-be-compared'],
      [],
    ],
  ],
  references: [
    ['a schema is moved to $defs', qty(number), { ...qty({ $ref: '#/$defs/n' }), $defs: { n: number } }, [], []],
    [
      'definitions become $defs',
      { ...qty({ $ref: '#/definitions/n' }), definitions: { n: number } },
      { ...qty({ $ref: '#/$defs/m' }), $defs: { m: number } },
      [],
      [],
    ],
    [
      'what is referred to changes',
      { ...qty({ $ref: '#n' }), $defs: { n: { $anchor: 'n', ...number } } },
      { ...qty({ $ref: '#n' }), $defs: { n: { $anchor: 'n', type: 'integer' } } },
      ['type-narrowed'],
      [],
    ],
    [
      'beside a reference there is more',
      { $ref: '#/$defs/n', $defs: { n: number } },
      { $ref: '#/$defs/n', maximum: 5, $defs: { n: number } },
      ['maximum-added'],
      [],
    ],
    ['a tree is compared with itself', tree(text), { ...tree(text), title: 'tree' }, [], []],
    ['a tree of other leaves', tree({ type: ['string', 'null'] }), tree(text), ['type-narrowed'], []],
    ['steps of a pointer are escaped', { $ref: '#/$defs/a~1b%20c', $defs: { 'a/b c': number } }, number, [], []],
    [
      'references by $id',
      { $id: 'https://example.com/s', $ref: 'n', $defs: { n: { $id: 'n', type: 'integer' } } },
      number,
      [],
      ['type-narrowed'],
    ],
    [
      'what is referred to changes, under an unknown keyword',
      { $ref: 'https://example.com/n', components: { n: { $id: 'https://example.com/n', ...number } } },
      { $ref: 'https://example.com/n', components: { n: { $id: 'https://example.com/n', ...text } } },
      ['type-changed'],
      ['type-changed'],
    ],
    [
      'what is referred to by an anchor changes, under an unknown keyword',
      { $ref: '#n', components: { n: { $anchor: 'n', ...number } } },
      { $ref: '#n', components: { n: { $anchor: 'n', ...text } } },
      ['type-changed'],
      ['type-changed'],
    ],
    [
      'what is referred to changes, a slash within the step',
      { $ref: '#/$defs/a%2Fb', $defs: { 'a/b': number, a: { b: number } } },
      { $ref: '#/$defs/a%2Fb', $defs: { 'a/b': text, a: { b: number } } },
      ['type-changed'],
      ['type-changed'],
    ],
    [
      'the whole is referred to as "#/"',
      { ...open({ '': text, a: { $ref: '#/' } }), '': number },
      { ...open({ '': text, a: { $ref: '#' } }), '': text },
      [],
      [],
    ],
    [
      'two bear the identifier that is referred to',
      { $ref: 'n', $defs: { a: { $id: 'n', ...number }, b: { $id: 'n', ...number } } },
      { $ref: 'n', $defs: { a: { $id: 'n', ...number }, b: { $id: 'n', ...text } } },
      ['cannot-be-compared'],
      ['cannot-be-compared'],
    ],
    [
      'a dynamic anchor of the root is as an anchor',
      { $dynamicAnchor: 'n', ...open({ a: { $dynamicRef: '#n' }, b: text }) },
      open({ a: { $ref: '#' }, b: text }),
      [],
      [],
    ],
    [
      'a dynamic anchor further down is not',
      { ...qty({ $dynamicRef: '#n' }), $defs: { n: { $dynamicAnchor: 'n', ...number } } },
      qty(number),
      ['type-narrowed'],
      ['cannot-be-compared'],
    ],
    [
      'an anchor is no dynamic anchor',
      { ...qty({ $dynamicRef: '#n' }), $defs: { n: { $anchor: 'n', ...number } } },
      qty(number),
      ['type-narrowed'],
      ['cannot-be-compared'],
    ],
    [
      'a dynamic reference by a pointer',
      qty(number),
      qty({ $dynamicRef: '#/$defs/n' }),
      ['cannot-be-compared'],
      ['type-narrowed'],
    ],
    [
      'one of two dynamic anchors may be meant',
      { $dynamicAnchor: 'n', ...open({ a: { $ref: '#' } }) },
      { $dynamicAnchor: 'n', ...open({ a: { $dynamicRef: '#n' } }), $defs: { m: { $id: 'm', $dynamicAnchor: 'n' } } },
      ['cannot-be-compared'],
      ['type-narrowed', 'property-added-to-open-content-model'],
    ],
    [
      'a recursive reference of draft 2019-09',
      open({ a: {} }),
      open({ a: { $recursiveRef: '#' } }),
      ['cannot-be-compared'],
      [],
    ],
    [
      'a reference that leads outside stays',
      { $ref: 'https://json-schema.org/draft/2020-12/schema' },
      { $ref: 'https://json-schema.org/draft/2020-12/schema', title: 'x' },
      [],
      [],
    ],
    [
      'a dynamic anchor may extend what leads outside',
      { $ref: 'https://json-schema.org/draft/2020-12/schema', $dynamicAnchor: 'meta' },
      { $ref: 'https://json-schema.org/draft/2020-12/schema', $dynamicAnchor: 'meta', title: 'x' },
      ['cannot-be-compared'],
      ['cannot-be-compared'],
    ],
    [
      'a reference that leads nowhere stays',
      { $ref: 'n' },
      { $ref: 'n', title: 'x' },
      ['cannot-be-compared'],
      ['cannot-be-compared'],
    ],
    [
      'a reference that leads outside is given',
      {},
      { $ref: 'https://json-schema.org/draft/2020-12/schema' },
      ['cannot-be-compared'],
      [],
    ],
  ],
  'drafts and annotations': [
    [
      'annotations change',
      { ...qty(number), title: 'a', description: 'b', $comment: 'c' },
      { ...qty({ ...number, default: 1, examples: [2], deprecated: true }), 'x-y': 1 },
      [],
      [],
    ],
    [
      'draft 7 becomes 2020-12',
      { ...DRAFT_7, type: 'array', items: [text], additionalItems: false },
      { type: 'array', prefixItems: [text], items: false },
      [],
      [],
    ],
    [
      'dependencies become two keywords',
      { ...DRAFT_7, ...open({}), dependencies: { a: ['b'], c: { required: ['d'] } } },
      { ...open({}), dependentRequired: { a: ['b'] }, dependentSchemas: { c: { required: ['d'] } } },
      [],
      [],
    ],
    [
      'draft 7 does not know dependentRequired',
      { ...DRAFT_7, ...open({}), dependentRequired: { a: ['b'] } },
      { ...open({}), dependentRequired: { a: ['b'] } },
      ['dependency-array-added'],
      [],
    ],
    [
      'an anchor of draft 7',
      { ...DRAFT_7, $ref: '#n', definitions: { n: { $id: '#n', type: 'integer' } } },
      number,
      [],
      ['type-narrowed'],
    ],
    [
      'an anchor of draft 7 with an address before',
      { ...DRAFT_7, $ref: 'urn:example:a#n', definitions: { n: { $id: 'urn:example:a#n', ...number } } },
      { ...DRAFT_7, $ref: 'urn:example:a#n', definitions: { n: { $id: 'urn:example:a#n', ...text } } },
      ['type-changed'],
      ['type-changed'],
    ],
  ],
};

function tree(leaf: unknown) {
  const node = { ...open({ name: leaf, under: { type: 'array', items: { $ref: '#/$defs/node' } } }) };
  return { $ref: '#/$defs/node', $defs: { node } };
}

describe('jsonSchemaBreaks', () => {
  for (const [what, pairs] of Object.entries(PAIRS))
    describe(what, () => {
      for (const [title, older, newer, backward, forward] of pairs)
        it(`${title}: ${backward.join(', ') || 'no break'}; the other way ${forward.join(', ') || 'none'}`, () => {
          expect(rules(older, newer), 'backward').to.deep.equal(backward);
          expect(rules(newer, older), 'forward').to.deep.equal(forward);
        });
    });

  it('says where in the newer schema, what changed and what it breaks', () => {
    const older = closed({ qty: { type: 'integer', maximum: 9 }, unit: { enum: ['kg', 'l'] }, note: text });
    const newer = closed({ qty: { type: 'integer', maximum: 5 }, unit: { enum: ['kg'] } }, ['qty']);
    expect(breaks(older, newer)).to.have.deep.members([
      {
        rule: 'required-attribute-added',
        path: '/required',
        message: '"qty" is required now; what was published without it is refused',
      },
      {
        rule: 'maximum-decreased',
        path: '/properties/qty/maximum',
        message: 'maximum of "qty" is 5 now, was 9; what was published with more is refused',
      },
      {
        rule: 'enum-array-narrowed',
        path: '/properties/unit/enum',
        message: '"unit" may no longer be "l"; what was published with it is refused',
      },
      {
        rule: 'property-removed-from-closed-content-model',
        path: '/properties/note',
        message:
          '"note" is no longer known and further members are not accepted; what was published with it is refused',
      },
    ]);
  });

  it('says what an item, a definition and the content as a whole may no longer be', () => {
    const lines = (item: unknown) => open({ 'a/b': { type: 'array', items: item } });
    expect(breaks(lines(number), lines(text))).to.deep.equal([
      {
        rule: 'type-changed',
        path: '/properties/a~1b/items/type',
        message: 'an item of "a/b" must be a string now, was a number; what was published is refused',
      },
    ]);
    const defined = (n: unknown) => ({ $ref: '#/$defs/n', $defs: { n } });
    expect(breaks(defined({ type: ['integer', 'null'] }), defined({ type: 'integer' }))[0]).to.include({
      path: '/$defs/n/type',
      message: 'what is defined as "n" may no longer be null; what was published as such is refused',
    });
    expect(breaks(number, { type: 'integer' })[0]?.message).to.equal(
      'the content may no longer be a number that is no integer; what was published as such is refused',
    );
  });

  it('follows references into imports, by name or by URI, and says in which of them a break is', () => {
    const schema = { $id: 'https://example.com/order', properties: { a: { $ref: 'common.json#/$defs/id' } } };
    const named = (id: unknown) => ({ 'common.json': { $defs: { id } } });
    expect(breaks(schema, schema, named(text), named({ type: ['string', 'null'] }))).to.deep.equal([]);
    const [narrowed] = breaks(schema, schema, named(text), named({ type: 'string', maxLength: 9 }));
    expect(narrowed).to.include({ rule: 'max-length-added', path: 'common.json#/$defs/id/maxLength' });
    const byUri = { properties: { a: { $ref: 'https://example.com/common.json#/$defs/id' } } };
    const imported = (id: unknown) => ({ 'https://example.com/common.json': { $defs: { id } } });
    expect(breaks(schema, byUri, named(text), imported(text))).to.deep.equal([]);
    const [other] = breaks(schema, byUri, named(text), imported(number));
    expect(other?.message).to.match(/^what is defined as "id" must be a number now/);
  });

  it('takes no import for another whose name comes to the same', () => {
    const schema = open({ a: { $ref: '/c.json' } });
    const imports = (one: unknown) => ({ '/c.json': one, 'c.json': true });
    const found = breaks(schema, schema, imports(text), imports(number));
    expect(found.map(({ rule }) => rule)).to.deep.equal(['cannot-be-compared']);
  });

  it('takes no member for an import whose name reads as the way to it', () => {
    const schema = open({ 'a#': text, b: { $ref: '/properties/a' } });
    const imports = (one: unknown) => ({ '/properties/a': one });
    const found = breaks(schema, schema, imports({ type: ['string', 'null'] }), imports({ type: 'string' }));
    expect(found.map(({ rule }) => rule)).to.deep.equal(['type-narrowed']);
  });

  it('tells one hundred breaks at most, with values cut short', () => {
    const many = (of: unknown) =>
      closed(Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`m${String(index)}`, of])));
    expect(breaks(many(text), many(number))).to.have.length(100);
    const long = breaks(closed({ ['x'.repeat(1000)]: { enum: ['y'.repeat(1000), 'z'] } }), closed({}))[0]?.message;
    expect(long).to.have.length.below(300);
    const value = breaks({ enum: ['y'.repeat(1000), 'z'] }, { enum: ['z'] })[0]?.message;
    expect(value).to.have.length.below(200);
  });

  it('gives up, and says so, where alternatives multiply without end', () => {
    const choice = (name: string) => ({
      anyOf: [{ required: [name] }, { maxProperties: 3 }, { properties: { deeper: { $ref: '#' } } }],
    });
    const grown = (name: string) => ({
      type: 'object',
      allOf: Array.from({ length: 8 }, (_, index) => choice(`${name}${String(index)}`)),
      additionalProperties: { $ref: '#' },
    });
    expect(rules(grown('a'), grown('b'))).to.include('cannot-be-compared');
  }).timeout(10_000);

  it('gives up, and says so, where schemas are nested by the thousand', () => {
    const nested = (inner: string): unknown => JSON.parse(`${'{"items":'.repeat(20_000)}${inner}${'}'.repeat(20_000)}`);
    expect(breaks(nested('{}'), nested('{"type":"string"}'))).to.deep.equal([
      {
        rule: 'cannot-be-compared',
        path: '',
        message: 'the versions cannot be compared: schemas are nested too deeply',
      },
    ]);
  });

  describe('comes to an end soon', () => {
    const upTo = <T>(count: number, of: (index: number) => T): T[] =>
      Array.from({ length: count }, (_, index) => of(index));
    const members = (count: number, of: unknown) => {
      const names = upTo(count, (index) => `p${String(index)}`);
      return open(Object.fromEntries(names.map((name) => [name, of])), names);
    };
    const layers = (leaf: unknown) => ({
      $ref: '#/$defs/l0',
      $defs: Object.fromEntries(
        upTo(7, (index) => [
          `l${String(index)}`,
          members(8, index === 6 ? leaf : { $ref: `#/$defs/l${String(index + 1)}` }),
        ]),
      ),
    });
    const alternatives = (count: number, of: Record<string, unknown>, last: Record<string, unknown> = of) => ({
      oneOf: upTo(count, (index) =>
        open({ k: { const: `k${String(index)}` }, ...(index === count - 1 ? last : of) }, ['k']),
      ),
    });
    /** As in a union of many messages that may hold each other. */
    const inner = { v: { $ref: '#' }, w: { $ref: '#' } };
    const SLOW: Record<string, [unknown, unknown, string[]]> = {
      'where all members are the whole again': [
        members(8, { $ref: '#' }),
        { ...members(8, { $ref: '#' }), title: 'x' },
        [],
      ],
      'where layer upon layer is required': [layers(text), { ...layers(text), title: 'x' }, []],
      'where the last of many layers changes': [
        layers({ type: ['string', 'null'] }),
        layers(text),
        upTo(8, () => 'type-narrowed'),
      ],
      'where only the title of recursive alternatives changes': [
        alternatives(60, inner),
        { ...alternatives(60, inner), title: 'x' },
        [],
      ],
      'where one of many recursive alternatives changes': [
        alternatives(60, inner),
        alternatives(60, inner, { ...inner, v: text }),
        ['type-changed'],
      ],
      'where one of many alternatives changes': [
        alternatives(80, { v: { type: ['string', 'null'] } }),
        alternatives(80, { v: { type: ['string', 'null'] } }, { v: text }),
        ['type-narrowed'],
      ],
      'where alternatives have nothing to tell them apart by': [
        { oneOf: upTo(40, (index) => open({ [`k${String(index)}`]: text }, [`k${String(index)}`])) },
        { oneOf: upTo(40, (index) => open({ [`k${String(index)}`]: text }, [`k${String(index)}`])), title: 'x' },
        [],
      ],
      'where a not is within a not, and so on': [
        upTo(300, () => 0).reduce<unknown>((of) => ({ not: of }), {}),
        upTo(300, () => 0).reduce<unknown>((of) => ({ not: of }), text),
        ['not-type-extended'],
      ],
    };
    for (const [what, [older, newer, expected]] of Object.entries(SLOW))
      it(what, () => {
        expect(rules(older, newer)).to.deep.equal(expected);
      }).timeout(4_000);
  });

  it('finds a break whenever a random value is accepted by a schema and refused after a random change of it', () => {
    let [told, refused] = [0, 0];
    fc.assert(
      fc.property(
        aDocument,
        someChanges,
        fc.array(aValue, { minLength: 20, maxLength: 40 }),
        (one, changes, values) => {
          const other = changed(one, changes);
          const [fitsOne, fitsOther] = [compiled(one), compiled(other)];
          // A change may make a schema refer to itself without end, or be none.
          if (fitsOne === undefined || fitsOther === undefined) return;
          if (isMisread(one) || isMisread(other)) return;
          for (const [older, newer, fitted, fits] of [
            [one, other, fitsOne, fitsOther],
            [other, one, fitsOther, fitsOne],
          ] as const) {
            const found = breaks(older, newer);
            const example = values.find((value) => fitted(value) === true && fits(value) === false);
            if (found.length > 0) told++;
            if (example !== undefined) refused++;
            if (example !== undefined)
              expect(found, `${JSON.stringify([older, newer])} differ in ${JSON.stringify(example)}`).to.not.deep.equal(
                [],
              );
          }
        },
      ),
      { numRuns: 250 },
    );
    expect(refused, 'pairs of which a value tells that they break').to.be.above(10);
    expect(told, 'pairs of which a break is told').to.be.below(refused * 4);
  }).timeout(60_000);
});

/** Of an empty array ajv 8 looks at no `contains` beside `prefixItems` where it stops at the first mistake, as within `not`. */
function isMisread(schema: unknown): boolean {
  if (typeof schema !== 'object' || schema === null) return false;
  return ('prefixItems' in schema && 'contains' in schema) || Object.values(schema).some(isMisread);
}

/** What the validator says; `undefined` where it cannot, as with a schema that refers to itself without end. */
function compiled(schema: Record<string, unknown>): ((value: unknown) => boolean | undefined) | undefined {
  const ajv = new Ajv2020({ strict: false, logger: false, allErrors: true, meta: false, validateSchema: false });
  addFormats.default(ajv);
  try {
    const validate = ajv.compile(schema);
    return (value) => {
      try {
        return validate(value);
      } catch {
        return undefined;
      }
    };
  } catch {
    return undefined;
  }
}
