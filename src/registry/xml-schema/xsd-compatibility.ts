import type { Break } from '../../core/contract.js';
import { compareModels } from './compare-models.js';
import type { XmlSchemaSet } from './schema-tree.js';
import { xsdModel } from './xsd-model.js';

/**
 * Every way found in which the newer XML Schema may refuse what the older one accepted; none means that it accepts it
 * all. To see whether the older one accepts what is written by the newer, swap them.
 */
export function xsdBreaks(older: XmlSchemaSet, newer: XmlSchemaSet): Break[] {
  return compareModels(older, newer, xsdModel);
}
