import type { Entry } from '../../core/entry.js';
import { ATOM_NAMESPACE } from '../atom/atom-rules.js';
import { CORE_ATTRIBUTES, EVENT_NAMESPACE, eventAtomId } from './cloud-event.js';
import type { AttributeValue, CloudEvent } from './cloud-event.js';
import { dataOf } from './cloud-event-content.js';
import { REQUIRED_ATTRIBUTES, nameProblem, valueProblem } from './cloud-event-rules.js';
import { attributeOf, readTreeGently } from '../xml/xml-tree.js';
import type { XmlElement } from '../xml/xml-tree.js';

/**
 * The event that an entry was published as, attribute for attribute. Undefined when it was not, or when what says so is
 * no valid event: any publisher of Atom can write such an element.
 */
export async function restoredEvent({ xml, atomId }: Pick<Entry, 'xml' | 'atomId'>): Promise<CloudEvent | undefined> {
  if (!xml.includes(EVENT_NAMESPACE)) return undefined;
  const tree = await readTreeGently(xml);
  const children = tree.elements;
  const [element, ...others] = children.filter(({ uri, local }) => uri === EVENT_NAMESPACE && local === 'event');
  const content = children.find(({ uri, local }) => uri === ATOM_NAMESPACE && local === 'content');
  if (element === undefined || others.length > 0 || content === undefined) return undefined;
  const attributes = attributesIn(element);
  if (attributes === undefined) return undefined;
  // Source and id name one entry in a feed, as the ids of entries do.
  const id = eventAtomId(attributes.get('source')?.text ?? '', attributes.get('id')?.text ?? '');
  if (id !== atomId) return undefined;
  const data = await dataOf(xml, content, attributeOf(element, 'data'));
  return data === undefined ? undefined : { attributes, data };
}

function attributesIn(element: XmlElement): Map<string, AttributeValue> | undefined {
  const attributes = new Map<string, AttributeValue>();
  for (const { uri, local, value } of element.attributes) {
    if (uri !== '') return undefined;
    if (local === 'data') continue;
    if (!CORE_ATTRIBUTES.includes(local)) return undefined;
    attributes.set(local, { type: 'string', text: value });
  }
  for (const extension of element.elements) {
    if (extension.uri !== EVENT_NAMESPACE || extension.local !== 'extension') return undefined;
    const name = attributeOf(extension, 'name') ?? '';
    const text = attributeOf(extension, 'value');
    const type = attributeOf(extension, 'type');
    if (text === undefined || attributes.has(name) || CORE_ATTRIBUTES.includes(name)) return undefined;
    if (type !== 'string' && type !== 'integer' && (type !== 'boolean' || !/^(?:true|false)$/.test(text)))
      return undefined;
    attributes.set(name, { type, text });
  }
  const complete = REQUIRED_ATTRIBUTES.every((name) => attributes.has(name));
  const valid = [...attributes].every(
    ([name, value]) => nameProblem(name) === undefined && valueProblem(name, value) === undefined,
  );
  return complete && valid ? attributes : undefined;
}
