import type { EntryDraft } from '../../core/entry.js';
import { FeedsError } from '../../core/errors.js';
import { readEntryText } from '../atom/atom-read.js';
import type { ReadOptions } from '../atom/atom-read.js';
import { ATOM_NAMESPACE, schemaVersionIn } from '../atom/atom-rules.js';
import { CORE_ATTRIBUTES, EVENT_NAMESPACE, eventAtomId, textOfAttribute } from './cloud-event.js';
import type { CloudEvent } from './cloud-event.js';
import { eventContent } from './cloud-event-content.js';
import type { DataForm } from './cloud-event-content.js';
import { atomDate } from './cloud-event-rules.js';
import { escapeAttribute, escapeText } from '../xml/xml.js';

export interface EventReadOptions extends Pick<ReadOptions, 'limits' | 'ownUrl'> {
  /** JSON payloads are kept as text instead of RFC 4287's Base64. */
  readonly inlineJson: boolean;
}

/** Told of what is wrong with an attribute of the event; undefined: with the whole. */
export type Complain = (attribute: string | undefined, message: string) => void;

const LONGEST_TITLE = 250;

/** The event as an entry. When the feed does not take such an entry, `complain` is told of each mistake: then undefined. */
export async function draftOf(
  event: CloudEvent,
  { limits, ownUrl, inlineJson }: EventReadOptions,
  complain: Complain,
): Promise<EntryDraft | undefined> {
  const options = { limits, ...(ownUrl === undefined ? {} : { ownUrl }) };
  try {
    const read = await readEntryText(await eventEntry(event, false), options);
    const draft = { ...read, describedBy: versionNamed(event, ownUrl) };
    if (!inlineJson || event.data.kind !== 'json') return draft;
    // What is sent is known again by its Base64 form, however the feed keeps its payloads.
    const inline = await readEntryText(await eventEntry(event, true), options);
    return { ...inline, digest: draft.digest, describedBy: draft.describedBy };
  } catch (error) {
    if (!(error instanceof FeedsError) || error.code !== 'invalid-entry') throw error;
    for (const { path, message } of error.details.violations ?? []) {
      complain(attributeOf(path), `as an entry of this feed: ${message}`);
    }
    return undefined;
  }
}

/** CloudEvents §3.1.2: `dataschema` names the schema of the data; where it is a version of the feed's contract, that counts. */
function versionNamed(event: CloudEvent, ownUrl: string | undefined): string | undefined {
  const schema = textOfAttribute(event, 'dataschema');
  if (ownUrl === undefined || schema?.startsWith(ownUrl) !== true) return undefined;
  return schemaVersionIn(schema.slice(ownUrl.length));
}

/** What in the event became this in the entry. All else is made so that no rule of Atom is broken. */
function attributeOf(path: string): string | undefined {
  return path.startsWith('entry/category') ? 'type' : undefined;
}

/** The event as the text of an atom:entry, which leaves to the server what the event does not tell. */
async function eventEntry(event: CloudEvent, inlineJson: boolean): Promise<string> {
  const of = (name: string): string => textOfAttribute(event, name) ?? '';
  const content = await eventContent(event, inlineJson);
  // Where data is XML, Atom has a prefix: an element without a namespace stands there as it was sent.
  const prefix = content.form === 'xml' ? 'atom:' : '';
  const element = (name: string, text: string): string => `<${prefix}${name}>${escapeText(text)}</${prefix}${name}>`;
  const title = titleOf(of('type'), of('subject'));
  const time = textOfAttribute(event, 'time');
  const dates = time === undefined ? '' : element('published', atomDate(time)) + element('updated', atomDate(time));
  const type = content.type === undefined ? '' : ` type="${escapeAttribute(content.type)}"`;
  return [
    `<${prefix}entry xmlns${prefix === '' ? '' : ':atom'}="${ATOM_NAMESPACE}">`,
    element('id', eventAtomId(of('source'), of('id'))),
    element('title', title),
    dates,
    `<${prefix}category term="${escapeAttribute(of('type'))}"/>`,
    content.base64 ? element('summary', title) : '',
    `<${prefix}content${type}>${content.markup}</${prefix}content>`,
    eventElement(event, content.form),
    `</${prefix}entry>`,
  ].join('');
}

/** All that atom's own elements have no place for, in attributes only. */
function eventElement({ attributes }: CloudEvent, form: DataForm): string {
  let own = '';
  for (const name of CORE_ATTRIBUTES) {
    const value = attributes.get(name);
    if (value !== undefined) own += ` ${name}="${escapeAttribute(value.text)}"`;
  }
  let extensions = '';
  // In a fixed order, so that the same event is the same entry.
  for (const name of [...attributes.keys()].toSorted()) {
    const value = attributes.get(name);
    if (value === undefined || CORE_ATTRIBUTES.includes(name)) continue;
    extensions += `<extension name="${name}" type="${value.type}" value="${escapeAttribute(value.text)}"/>`;
  }
  return `<event xmlns="${EVENT_NAMESPACE}"${own} data="${form}">${extensions}</event>`;
}

function titleOf(type: string, subject: string): string {
  const title = subject === '' ? type : `${type}: ${subject}`;
  if (title.length <= LONGEST_TITLE) return title;
  return `${title.slice(0, LONGEST_TITLE - 1).toWellFormed()}…`;
}
