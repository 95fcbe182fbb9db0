import { contentOf, entryPointer, xmlPlace } from '../content-places.js';
import type { Teller } from '../content-places.js';
import { readTreeGently } from '../xml/xml-tree.js';
import type { XmlElement } from '../xml/xml-tree.js';
import { ATOM_NAMESPACE } from '../atom/atom-rules.js';
import { placeFinder } from '../places.js';
import { toAtom } from './json-atom.js';
import { TEXT } from './json-mapping.js';
import type { Dialect } from './json-mapping.js';
import { nodeAt } from './json-pointer.js';
import { locator, readRoot } from './json-read.js';
import { pointerPart, readJsonGently } from './json-text.js';
import type { JsonNode } from './json-text.js';

/** Tells places in a document of the JSON mapping that has been read before. */
export async function jsonTeller(body: Uint8Array, dialect: Dialect): Promise<Teller> {
  const { source, root } = await readRoot(body);
  const atom = await toAtom(dialect, source, root, false);
  const tree = await readTreeGently(atom.xml);
  // What is within payloads was passed over before.
  const whole = await readJsonGently(source, { depth: DEPTH });
  const find = placeFinder(source);
  const locate = locator(source, atom);
  const isOne = root.name === 'entry';
  const entries = isOne ? [tree] : tree.elements.filter(isEntry);

  return (index, place) => {
    const entry = entries[index] ?? tree;
    const pointer = entryPointer(isOne ? '/entry' : '/feed/entry', index, isOne);
    const content = contentOf(entry);
    const top = content?.elements[0];
    if (place.kind === 'entry' || content === undefined)
      return { path: pointer, ...find(nodeAt(whole, pointer).start) };
    if (top !== undefined) {
      const { element, attribute } = xmlPlace(atom.xml, top, place);
      const at = locate(element.start, attribute === undefined ? '' : `/@${attribute}`);
      return attribute === undefined || !isPlain(nodeAt(whole, at.path))
        ? at
        : { ...at, path: at.path + pointerPart(attribute) };
    }
    const path = `${pointer}/content${pointerPart(TEXT)}${place.kind === 'json' ? place.pointer : ''}`;
    return { path, ...find(nodeAt(whole, path).start) };
  };
}

/** An element as an object, which would have the attribute as a member, and has not. */
function isPlain(node: JsonNode): boolean {
  return node.kind === 'object' && node.members.every(({ name }) => name !== '@xml');
}

/** Elements may be 100 deep, and each can be an array and an object; a payload may be as deep again. */
const DEPTH = 420;

function isEntry({ uri, local }: XmlElement): boolean {
  return uri === ATOM_NAMESPACE && local === 'entry';
}
