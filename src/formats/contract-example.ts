import { isXmlKind } from '../core/contract.js';
import type { Contract, ContractVersion } from '../core/contract.js';
import type { Entry } from '../core/entry.js';
import { DEFAULT_LIMITS, feedAuthor } from '../core/feed.js';
import type { Feed } from '../core/feed.js';
import { namedUuid } from '../core/uuid.js';
import { readEntryText } from './atom/atom-read.js';
import { ATOM_NAMESPACE } from './atom/atom-rules.js';
import { completeEntry } from './atom/atom-write.js';
import { writeJsonPayload } from './json/json-payload.js';
import { readTree } from './xml/xml-tree.js';

/** Long ago, so that nobody takes an example for news. */
const UPDATED = '2000-01-01T00:00:00Z';
const NO_LIMITS = {
  ...DEFAULT_LIMITS,
  bodyBytes: Infinity,
  categories: Infinity,
  categoryLength: Infinity,
  links: Infinity,
};

/** An entry that a version accepts: `example` is that of the contract, a content or, in XML, a whole atom:entry. */
export async function exampleEntry(
  feed: Feed,
  { version, createdAt }: ContractVersion,
  contract: Pick<Contract, 'kind'>,
  example: string,
): Promise<Entry> {
  const text = isXmlKind(contract.kind) ? xmlExample(example) : jsonExample(example, feed.settings.inlineJson);
  const draft = await readEntryText(text, { limits: NO_LIMITS });
  const atomId = draft.atomId ?? namedUuid(Buffer.from(`${feed.atomId}\0`), `example ${String(version)}`);
  const xml = completeEntry(draft, {
    atomId,
    title: EXAMPLE,
    updated: UPDATED,
    published: undefined,
    author: feedAuthor(feed),
  });
  return { position: 0n, kind: 'entry', atomId, xml, recordedAt: createdAt, schemaVersion: version };
}

/** What an example of XML content is checked as: an entry that leaves nothing to the server. */
export function completeXmlExample(example: string): string {
  const text = xmlExample(example);
  const root = readTree(text);
  if (root.elements.some(({ uri, local }) => uri === ATOM_NAMESPACE && local === 'id')) return text;
  const name = text.slice(root.start + 1, root.tagEnd - 1).replace(/[\s>/][^]*$/, '');
  const prefix = name.slice(0, name.lastIndexOf(':') + 1);
  const element = (local: string, value: string): string => `<${prefix}${local}>${value}</${prefix}${local}>`;
  const added = element('id', 'urn:example') + element('title', EXAMPLE) + element('updated', UPDATED);
  return `${text.slice(0, root.tagEnd)}${added}${text.slice(root.tagEnd)}`;
}

const EXAMPLE = 'Example';

function xmlExample(example: string): string {
  const { uri, local } = readTree(example);
  if (uri === ATOM_NAMESPACE && local === 'entry') return example;
  return `<atom:entry xmlns:atom="${ATOM_NAMESPACE}"><atom:content type="application/xml">${example}</atom:content></atom:entry>`;
}

function jsonExample(example: string, inline: boolean): string {
  const content = `<content type="application/json">${writeJsonPayload(example, inline)}</content>`;
  return `<entry xmlns="${ATOM_NAMESPACE}"><summary>${EXAMPLE}</summary>${content}</entry>`;
}
