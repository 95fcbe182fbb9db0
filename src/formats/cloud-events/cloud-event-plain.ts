import type { Entry } from '../../core/entry.js';
import type { Feed } from '../../core/feed.js';
import type { Urls } from '../../core/urls.js';
import { essence } from '../media-types.js';
import { SPEC_VERSION } from './cloud-event.js';
import type { AttributeValue, CloudEvent, EventData } from './cloud-event.js';
import { declaresJson, isEventString, valueProblem } from './cloud-event-rules.js';
import { viewEntry } from '../atom/entry-view.js';
import type { ContentView } from '../atom/entry-view.js';
import { jsonPayload } from '../json/json-payload.js';
import { uriOfIri } from './uri.js';
import { readKnownTree } from '../xml/known-tree.js';
import { attributeOf } from '../xml/xml-tree.js';

/** The types of events that entries become which came as something else. Consumers rely on them. */
const ENTRY_TYPE = 'millrace.entry';
const REVISION_TYPE = 'millrace.entry.revised';
const TOMBSTONE_TYPE = 'millrace.entry.deleted';

/** Any entry as an event; of a tombstone the event that the entry was deleted. */
export async function plainEvent(entry: Entry, feed: Feed, urls: Urls): Promise<CloudEvent> {
  if (entry.kind === 'tombstone') return deletion(entry, urls.feed(feed));
  const view = await viewEntry(entry);
  const { data, type, dataref } = payloadOf(view.content);
  const { title } = view;
  const id = eventString(entry.atomId);
  const revised = entry.kind === 'revision';
  return {
    attributes: attributesOf({
      // Source and id name one event, and a revision is another one than the entry that it replaces.
      id: revised ? `${id};revision=${entry.revisionName ?? String(entry.position)}` : id,
      source: urls.feed(feed),
      type: revised ? REVISION_TYPE : ENTRY_TYPE,
      subject: title.kind === 'text' && title.text.trim() !== '' && isEventString(title.text) ? title.text : undefined,
      time: view.updated,
      datacontenttype: type,
      dataschema: entry.schemaVersion === undefined ? undefined : urls.schema(feed, entry.schemaVersion),
      // The extension "dataref" of CloudEvents: where the data is.
      dataref,
    }),
    data,
  };
}

function deletion({ atomId, xml }: Entry, source: string): CloudEvent {
  const when = attributeOf(readKnownTree(xml), 'when') ?? '';
  const id = eventString(atomId);
  return {
    attributes: attributesOf({
      id: `${id};deleted=${when}`,
      source,
      type: TOMBSTONE_TYPE,
      subject: id,
      time: when,
    }),
    data: { kind: 'none' },
  };
}

function attributesOf(texts: Readonly<Record<string, string | undefined>>): Map<string, AttributeValue> {
  const attributes = new Map<string, AttributeValue>([['specversion', { type: 'string', text: SPEC_VERSION }]]);
  for (const [name, text] of Object.entries(texts)) {
    if (text !== undefined) attributes.set(name, { type: 'string', text });
  }
  return attributes;
}

/** An IRI may hold noncharacters of the higher planes, a string of CloudEvents not. */
function eventString(iri: string): string {
  return iri.replaceAll(/\p{NChar}/gu, encodeURIComponent);
}

interface Payload {
  readonly data: EventData;
  /** Undefined: JSON, or there is no data. */
  readonly type?: string | undefined;
  readonly dataref?: string | undefined;
}

function payloadOf(content: ContentView | undefined): Payload {
  switch (content?.kind) {
    case undefined:
      return { data: { kind: 'none' } };
    case 'text':
      return textPayload(content.text, legalType(content.type) ?? 'text/plain');
    case 'markup':
      return { data: { kind: 'text', text: content.html }, type: 'text/html' };
    case 'xml':
      return { data: { kind: 'text', text: content.xml }, type: legalType(content.type) ?? 'application/xml' };
    case 'json':
      return { data: { kind: 'json', json: content.json }, type: legalType(content.type) ?? 'application/json' };
    case 'binary':
      return {
        data: { kind: 'binary', bytes: content.bytes },
        type: legalType(content.type) ?? 'application/octet-stream',
      };
    case 'outside': {
      const type = content.type === undefined ? undefined : legalType(content.type);
      return { data: { kind: 'none' }, type, dataref: uriOfIri(content.src) };
    }
  }
}

/** JSON event format §3.1.1: of a type that declares JSON, a string were a JSON string. */
function textPayload(text: string, type: string): Payload {
  if (!declaresJson(type)) return { data: { kind: 'text', text }, type };
  const json = jsonPayload(text);
  return { data: json === undefined ? { kind: 'binary', bytes: Buffer.from(text) } : { kind: 'json', json }, type };
}

/** What Atom lets pass for a media type may have parameters that are none: then the type alone. */
function legalType(type: string): string | undefined {
  return [type, essence(type)].find((text) => valueProblem('datacontenttype', { type: 'string', text }) === undefined);
}
