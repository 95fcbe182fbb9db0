import { isXmlKind } from '../core/contract.js';
import type { CheckedContent, Contract, ContractKind, ContractVersion } from '../core/contract.js';
import type { Entry } from '../core/entry.js';
import { NO_LIMITS, feedAuthor } from '../core/feed.js';
import type { Author, Feed } from '../core/feed.js';
import { namedUuid } from '../core/uuid.js';
import { readEntryText } from './atom/atom-read.js';
import { ATOM_NAMESPACE } from './atom/atom-rules.js';
import { completeEntry } from './atom/atom-write.js';
import { writeJsonPayload } from './json/json-payload.js';
import { readTree } from './xml/xml-tree.js';

/** Long ago, so that nobody takes an example for news. */
const UPDATED = '2000-01-01T00:00:00Z';

/** An entry that a version accepts: `example` is that of the contract, a content or, in XML, a whole atom:entry. */
export async function exampleEntry(
  feed: Feed,
  { version, createdAt }: ContractVersion,
  { kind }: Pick<Contract, 'kind'>,
  example: string,
): Promise<Entry> {
  const text = isXmlKind(kind) ? xmlExample(example) : jsonExample(example, feed.settings.inlineJson);
  const madeId = namedUuid(Buffer.from(`${feed.atomId}\0`), `example ${String(version)}`);
  const { atomId, xml } = await completed(text, madeId, feedAuthor(feed));
  return { position: 0n, kind: 'entry', atomId, xml, recordedAt: createdAt, schemaVersion: version };
}

/**
 * What an example is checked as. Rejects with a FeedsError, as reading an entry does, when no entry can be made of it;
 * lines are those of the example.
 */
export async function exampleContent(kind: ContractKind, example: string): Promise<CheckedContent> {
  if (!isXmlKind(kind)) return { kind: 'json', json: example, fromXml: false };
  const { xml } = await completed(xmlExample(example), 'urn:example', { name: EXAMPLE });
  return { kind: 'xml', entry: xml, alone: xml };
}

/** An entry that leaves nothing to the server. */
async function completed(text: string, madeId: string, author: Author): Promise<{ atomId: string; xml: string }> {
  const draft = await readEntryText(text, { limits: NO_LIMITS });
  const atomId = draft.atomId ?? madeId;
  const completion = { atomId, title: EXAMPLE, updated: UPDATED, published: undefined, author };
  return { atomId, xml: completeEntry(draft, completion) };
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
