import type { ContentPlace } from '../../core/contract.js';
import { entryPointer, within, xmlPlace } from '../content-places.js';
import type { Teller } from '../content-places.js';
import { nodeAt } from '../json/json-pointer.js';
import { decodeJson, readJsonGently } from '../json/json-text.js';
import { placeFinder } from '../places.js';
import { readTreeGently } from '../xml/xml-tree.js';
import type { XmlElement } from '../xml/xml-tree.js';

/** Tells places in an event, or a batch of them, in the JSON event format. */
export async function eventTeller(body: Uint8Array): Promise<Teller> {
  const source = decodeJson(body);
  const root = await readJsonGently(source, { depth: DEPTH });
  const find = placeFinder(source);
  const isOne = root.kind !== 'array';
  const texts = isOne ? [nodeAt(root, '/data')] : root.items.map((item) => nodeAt(item, '/data'));
  const trees = await Promise.all(texts.map((data) => xmlIn(data.kind === 'string' ? data.value : '')));

  return (index, place) => {
    const event = entryPointer('', index, isOne);
    const data = `${event}/data`;
    const path = place.kind === 'entry' ? event : dataPath(data, place, trees[index]);
    const [outer = path] = path.split('#', 1);
    return { path, ...find(nodeAt(root, outer).start) };
  };
}

/** The same of an event in binary mode, whose data is the body. */
export async function binaryEventTeller(body: Buffer): Promise<Teller> {
  const source = body.toString('utf8');
  const find = placeFinder(source);
  const tree = await xmlIn(source);
  const root = tree === undefined ? await readJsonGently(source).catch(() => undefined) : undefined;

  return (_index, place) => {
    if (place.kind === 'entry') return { path: '' };
    if (tree !== undefined) {
      const { element, path } = xmlPlace(source, tree.top, place);
      return { path, ...find(element.start) };
    }
    const pointer = place.kind === 'json' ? place.pointer : '';
    return { path: pointer, ...(root === undefined ? {} : find(nodeAt(root, pointer).start)) };
  };
}

/** An event, and its data, which may be 100 deep for itself. */
const DEPTH = 103;

interface XmlData {
  readonly source: string;
  readonly top: XmlElement;
}

async function xmlIn(text: string): Promise<XmlData | undefined> {
  if (!/^\s*</.test(text)) return undefined;
  try {
    return { source: text, top: await readTreeGently(text) };
  } catch {
    // It is text that begins like XML.
    return undefined;
  }
}

function dataPath(data: string, place: ContentPlace, tree: XmlData | undefined): string {
  if (tree !== undefined) return within(data, xmlPlace(tree.source, tree.top, place).path);
  return place.kind === 'json' ? data + place.pointer : data;
}
