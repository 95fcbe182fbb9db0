import type { Break } from '../../core/contract.js';
import { modelBreaks } from './comparison.js';
import type { ContentModel, Pools } from './content-model.js';
import { newExpressions } from './expression.js';
import { CannotCompare, type XmlSchemaSet, sameTexts } from './schema-tree.js';

/** The breaks between two schemas that are read in the same way. */
export function compareModels(
  older: XmlSchemaSet,
  newer: XmlSchemaSet,
  read: (set: XmlSchemaSet, pools: Pools) => ContentModel,
): Break[] {
  if (sameTexts(older, newer)) return [];
  const pools: Pools = { particles: newExpressions(), values: newExpressions() };
  try {
    return modelBreaks(read(older, pools), read(newer, pools), pools);
  } catch (error) {
    if (!(error instanceof CannotCompare || error instanceof RangeError)) throw error;
    // Types that build on each other by the thousand exhaust the stack.
    const why = error instanceof CannotCompare ? error.message : 'types are nested too deeply';
    return [{ rule: 'cannot-be-compared', path: '', message: `the versions cannot be compared: ${why}` }];
  }
}
