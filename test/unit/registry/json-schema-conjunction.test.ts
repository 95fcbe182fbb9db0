import { expect } from 'chai';
import { conjunction } from '../../../src/registry/json-schema/json-schema-conjunction.js';
import { child, readSet } from '../../../src/registry/json-schema/json-schema-set.js';

describe('a conjunction of JSON Schemas', () => {
  it('has another key than any of other schemas, whatever their members are called', () => {
    const older = readSet({ schema: { type: 'object' }, imports: {} }, 'older');
    const newer = readSet({ schema: { properties: { x: {}, 'x older': {} } }, imports: {} }, 'newer');
    const two = conjunction([child(newer, 'properties', 'x'), older]);
    const one = conjunction([child(newer, 'properties', 'x older')]);
    expect(two.key).to.not.equal(one.key);
  });
});
