import { expect } from 'chai';
import fc from 'fast-check';
import { FeedsError } from '../../../../src/core/errors.js';
import { readKnownTree } from '../../../../src/formats/xml/known-tree.js';
import { readTree } from '../../../../src/formats/xml/xml-tree.js';
import type { XmlElement } from '../../../../src/formats/xml/xml-tree.js';
import { fixtures } from '../fixtures.js';
import { mutatedDocument } from './mutated-document.js';

/** Without its parents, of which it is checked that they are. */
function flat({ parent: _parent, ...element }: XmlElement): object {
  expect(element.elements).to.deep.equal(element.children.filter((child) => typeof child !== 'string'));
  const children = element.children.map((child) => {
    if (typeof child === 'string') return child;
    expect(child.parent?.start).to.equal(element.start);
    return flat(child);
  });
  return { ...element, elements: [], children };
}

function accepted(source: string): XmlElement | undefined {
  try {
    return readTree(source);
  } catch (error) {
    if (error instanceof FeedsError) return undefined;
    throw error;
  }
}

describe('the tree of a document that is known', () => {
  it('is that of one that is not, for whatever is well-formed', () => {
    let seen = 0;
    fc.assert(
      fc.property(mutatedDocument, (source) => {
        const tree = accepted(source);
        if (tree === undefined) return;
        seen += 1;
        expect(flat(readKnownTree(source)), source).to.deep.equal(flat(tree));
      }),
      { numRuns: 10_000 },
    );
    expect(seen).to.be.above(500);
    for (const { name, text } of fixtures())
      expect(flat(readKnownTree(text)), name).to.deep.equal(flat(readTree(text)));
  });

  it('comes to an end, whatever it is of', () => {
    fc.assert(
      fc.property(mutatedDocument, (source) => {
        try {
          readKnownTree(source);
        } catch (error) {
          expect(error).to.be.instanceOf(Error);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
