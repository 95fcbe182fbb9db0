import type { CheckedContent, ContractKind } from '../core/contract.js';
import { isXmlKind } from '../core/contract.js';
import type { DraftContent, EntryDraft } from '../core/entry.js';
import { ATOM_NAMESPACE } from './atom/atom-rules.js';
import { contentElement, contentOf } from './content-places.js';
import { base64Payload, jsonPayload } from './json/json-payload.js';
import { elementJson } from './json/json-write.js';
import { isJsonType, isXmlType } from './media-types.js';
import { readKnownTree } from './xml/known-tree.js';
import { attributeOf, readTreeGently } from './xml/xml-tree.js';
import type { XmlElement } from './xml/xml-tree.js';

/**
 * The content of an entry in the form that a contract of this kind is about; a text instead says why there is none.
 * `xml` is the entry's Atom text. XML under a JSON contract is what the Cloud Feeds mapping makes of it (docs/json.md).
 */
export async function contentFor(
  kind: ContractKind,
  { open, content, close }: Pick<EntryDraft, 'open' | 'content' | 'close'>,
  xml: string,
): Promise<CheckedContent | string> {
  if (isXmlKind(kind)) {
    if (content.form === 'xml') return { kind: 'xml', entry: xml, alone: open + content.text + close };
    return `${told(content)}, but the contract of this feed is about XML: type="application/xml"`;
  }
  switch (content.form) {
    case 'json':
      return { kind: 'json', json: content.text, fromXml: false };
    case 'json-in-base64':
      return { kind: 'json', json: base64Payload(content.text)?.toString('utf8') ?? '', fromXml: false };
    case 'xml':
      return mapped(open + content.text + close);
    default:
      return `${told(content)}, but the contract of this feed is about JSON: type="application/json"`;
  }
}

async function mapped(entry: string): Promise<CheckedContent | string> {
  const top = contentElement(await readTreeGently(entry));
  if (top === undefined) return 'the content is empty, but the contract of this feed is about JSON';
  return {
    kind: 'json',
    json: mappedElement(entry, top),
    fromXml: true,
  };
}

function mappedElement(entry: string, top: XmlElement): string {
  return `{${JSON.stringify(top.local)}:${elementJson('cloudfeeds', entry, top, ATOM_NAMESPACE)}}`;
}

/** The same of an entry as it is stored, for a contract that is about JSON; undefined where its content is none. */
export function storedJson(entry: string): string | undefined {
  const root = readKnownTree(entry);
  const content = contentOf(root);
  if (content === undefined || attributeOf(content, 'src') !== undefined) return undefined;
  const type = attributeOf(content, 'type') ?? '';
  if (isJsonType(type)) return jsonPayload(content.text);
  const top = isXmlType(type) ? contentElement(root) : undefined;
  return top === undefined ? undefined : mappedElement(entry, top);
}

function told({ form, type }: DraftContent): string {
  if (form === 'none') return 'the entry has no content';
  if (form === 'outside') return 'the content is elsewhere (src)';
  return `the content is of type="${type.slice(0, 80)}"`;
}
