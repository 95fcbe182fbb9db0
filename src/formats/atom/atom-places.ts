import type { ContentPlace } from '../../core/contract.js';
import { contentOf, within, xmlPlace } from '../content-places.js';
import type { Teller, ToldPlace } from '../content-places.js';
import { nodeAt } from '../json/json-pointer.js';
import { readJsonGently } from '../json/json-text.js';
import type { JsonNode } from '../json/json-text.js';
import { placeFinder } from '../places.js';
import { decodeXml } from '../xml/xml-encoding.js';
import { readTreeGently } from '../xml/xml-tree.js';
import type { XmlElement } from '../xml/xml-tree.js';
import { ATOM_NAMESPACE } from './atom-rules.js';

/** Tells places in an Atom document that has been read before. */
export async function atomTeller(body: Buffer, charset: string | undefined): Promise<Teller> {
  const source = decodeXml(body, charset);
  const root = await readTreeGently(source);
  const find = placeFinder(source);
  const entries = root.local === 'entry' ? [root] : root.elements.filter(isEntry);
  const payloads = await Promise.all(entries.map((entry) => inlinePayload(source, entry)));

  return (index, place) => {
    const entry = entries[index] ?? root;
    const path = root.local === 'entry' ? 'entry' : `feed/entry[${String(index + 1)}]`;
    const content = contentOf(entry);
    if (place.kind === 'entry' || content === undefined) return { path, ...find(entry.start) };
    return inContent(`${path}/content`, content, place, payloads[index]);
  };

  function inContent(path: string, content: XmlElement, place: ContentPlace, payload: Payload | undefined): ToldPlace {
    const [top] = content.elements;
    if (top !== undefined) {
      const { element, path: below } = xmlPlace(source, top, place);
      return { path: `${path}/${below}`, ...find(element.start) };
    }
    const pointer = place.kind === 'json' ? place.pointer : '';
    const at = payload === undefined ? content.start : payload.offset + nodeAt(payload.root, pointer).start;
    return { path: within(path, pointer), ...find(at) };
  }
}

function isEntry({ uri, local }: XmlElement): boolean {
  return uri === ATOM_NAMESPACE && local === 'entry';
}

interface Payload {
  readonly root: JsonNode;
  /** Of its text in the document. */
  readonly offset: number;
}

/** JSON that stands in the document as it is, so that what is in it has a line of its own. */
async function inlinePayload(source: string, entry: XmlElement): Promise<Payload | undefined> {
  const content = contentOf(entry);
  if (content === undefined || content.elements.length > 0) return undefined;
  const written = source.slice(content.tagEnd, content.endStart);
  // Behind a reference or a section of character data offsets are others.
  if (written !== content.text || !/^\s*[[{]/.test(written)) return undefined;
  try {
    return { root: await readJsonGently(written), offset: content.tagEnd };
  } catch {
    // It is no JSON, which is what will be told.
    return undefined;
  }
}
