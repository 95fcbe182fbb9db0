import { expect } from 'chai';
import fc from 'fast-check';
import { FeedsError } from '../../../../src/core/errors.js';
import { fixtures } from '../fixtures.js';
import { parsed, scanned } from './infoset.js';
import type { Infoset } from './infoset.js';
import { mutatedDocument } from './mutated-document.js';

/** Where the two differ on purpose, or because saxes lets pass what XML does not allow. */
function knownDifference(source: string, ours: string | undefined): boolean {
  if (ours === undefined) return false;
  if (/DOCTYPE|only version 1\.0/.test(ours)) return true;
  // saxes takes a lone first half of a surrogate pair for a character,
  if (/half of a surrogate pair/.test(ours)) return /[\ud800-\udfff]/u.test(source);
  // and a question mark for a part of an instruction's target.
  return /"\?" cannot stand in an instruction's target/.test(ours);
}

function outcome(read: () => Infoset): { infoset: Infoset | undefined; message: string | undefined } {
  try {
    return { infoset: read(), message: undefined };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { infoset: undefined, message: error.message };
  }
}

describe('the XML scanner beside saxes', () => {
  it('accepts and refuses the same documents, and sees the same in them', () => {
    fc.assert(
      fc.property(mutatedDocument, fc.integer({ min: 1, max: 50 }), (source, slice) => {
        const ours = outcome(() => scanned(source, slice));
        const theirs = outcome(() => parsed(source));
        if (knownDifference(source, ours.message)) return;
        if (ours.message === undefined || theirs.message === undefined) {
          expect([ours.message ?? 'accepted', ours.infoset], source).to.deep.equal([
            theirs.message ?? 'accepted',
            theirs.infoset,
          ]);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('sees the same in every sample entry, wherever it is paused', () => {
    for (const { name, text } of fixtures()) {
      const expected = parsed(text);
      for (const slice of [1, 2, 3, 7, 64, Infinity]) expect(scanned(text, slice), name).to.deep.equal(expected);
    }
  });

  it('refuses every mistake with a place in the document', () => {
    fc.assert(
      fc.property(mutatedDocument, (source) => {
        try {
          scanned(source);
        } catch (error) {
          expect(error).to.be.instanceOf(FeedsError);
          const [violation] = (error as FeedsError).details.violations!;
          const lines = source.split(/\r\n|\r|\n/);
          expect(violation!.line).to.be.within(1, lines.length);
          expect(violation!.column).to.be.within(1, [...lines[violation!.line! - 1]!].length + 1);
        }
      }),
      { numRuns: 500 },
    );
  });
});
