import type { Break } from '../../core/contract.js';
import { compareModels } from './compare-models.js';
import { relaxNgModel } from './relax-ng-model.js';
import type { XmlSchemaSet } from './schema-tree.js';

/**
 * Every way found in which the newer RELAX NG schema, in the XML syntax, may refuse what the older one accepted; none
 * means that it accepts it all. To see whether the older one accepts what is written by the newer, swap them.
 */
export function relaxNgBreaks(older: XmlSchemaSet, newer: XmlSchemaSet): Break[] {
  return compareModels(older, newer, relaxNgModel);
}
