import { FeedsError } from '../../core/errors.js';
import { essence, isXmlType } from '../media-types.js';
import { textOfAttribute } from './cloud-event.js';
import type { CloudEvent, EventData } from './cloud-event.js';
import { declaresJson } from './cloud-event-rules.js';
import { writeJsonPayload } from '../json/json-payload.js';
import { base64Check, jsonCheck } from '../atom/payload-check.js';
import type { PayloadCheck } from '../atom/payload-check.js';
import { breather, runInSlices } from '../slices.js';
import { XmlScanner, escapeText } from '../xml/xml.js';
import { attributeOf, selfContained } from '../xml/xml-tree.js';
import type { XmlElement } from '../xml/xml-tree.js';

/** What the event element says of the data, so that it is restored as it was sent. */
export type DataForm = 'none' | 'json' | 'text' | 'xml' | 'binary';

/** The data of an event as atom:content (RFC 4287 §4.1.3). */
export interface EventContent {
  readonly form: DataForm;
  /** The type of the content; undefined: none. */
  readonly type: string | undefined;
  /** As it stands between the tags. */
  readonly markup: string;
  /** Then the entry needs a summary (RFC 4287 §4.1.2). */
  readonly base64: boolean;
}

const OCTETS = 'application/octet-stream';
/** What Atom takes for a media type; RFC 2046 has a few characters more. */
const ATOM_TYPE = /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/;
const LONGEST_TYPE = 255;
const SLICE_CHARACTERS = 32 * 1024;
/** Elements within one another: entry and content come around them. */
const XML_DEPTH = 98;
const NOT_FOR_XML = /[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]/;

/** `inlineJson`: JSON stays plain text instead of RFC 4287's Base64. Other work may come between when the data is large. */
export async function eventContent(event: CloudEvent, inlineJson: boolean): Promise<EventContent> {
  const { data } = event;
  const sent = textOfAttribute(event, 'datacontenttype');
  const bytes = (form: DataForm, content: Buffer, rule: ContentRule = 'other'): EventContent => ({
    form,
    type: typeFor(rule, sent),
    markup: content.toString('base64'),
    base64: true,
  });
  switch (data.kind) {
    case 'none':
      return { form: 'none', type: undefined, markup: '', base64: false };
    case 'json': {
      const markup = writeJsonPayload(data.json, inlineJson);
      return { form: 'json', type: typeFor('json', sent), markup, base64: !inlineJson };
    }
    case 'text': {
      const { text } = data;
      const rule = ruleOf(sent);
      if (rule === 'text' && !NOT_FOR_XML.test(text)) {
        return { form: 'text', type: typeFor('text', sent), markup: await escapedText(text), base64: false };
      }
      if (rule === 'xml' && (await isOneElement(text))) {
        return { form: 'xml', type: typeFor('xml', sent), markup: text, base64: false };
      }
      return bytes('text', Buffer.from(text));
    }
    case 'binary': {
      const text = ruleOf(sent) === 'json' ? exactText(data.bytes) : undefined;
      return bytes('binary', data.bytes, text !== undefined && (await passes(jsonCheck(), text)) ? 'json' : 'other');
    }
  }
}

/** The data that was made into this content. Undefined when it could not have been: somebody else wrote the entry. */
export async function dataOf(
  source: string,
  content: XmlElement,
  form: string | undefined,
): Promise<EventData | undefined> {
  if (attributeOf(content, 'src') !== undefined) return undefined;
  switch (form) {
    case 'none':
      return { kind: 'none' };
    case 'json': {
      const json = await jsonOf(content.text);
      return json === undefined ? undefined : { kind: 'json', json };
    }
    case 'text': {
      if (ruleOf(attributeOf(content, 'type')) === 'text') return { kind: 'text', text: content.text };
      const bytes = await bytesOf(content.text);
      const text = bytes === undefined ? undefined : exactText(bytes);
      return text === undefined ? undefined : { kind: 'text', text };
    }
    case 'xml': {
      const [element, ...others] = content.elements;
      if (element === undefined || others.length > 0) return undefined;
      const written = source.slice(content.tagEnd, content.endStart);
      const same = !hasDefaultNamespace(content) && (await isOneElement(written));
      return { kind: 'text', text: same ? written : selfContained(source, element) };
    }
    case 'binary': {
      const bytes = await bytesOf(content.text);
      return bytes === undefined ? undefined : { kind: 'binary', bytes };
    }
    default:
      return undefined;
  }
}

async function escapedText(text: string): Promise<string> {
  if (text.length <= SLICE_CHARACTERS) return escapeText(text);
  const breathe = breather();
  let escaped = '';
  for (let at = 0; at < text.length;) {
    const end = at + SLICE_CHARACTERS;
    // A pair of surrogates is one character.
    const stop = (text.charCodeAt(end) & 0xfc00) === 0xdc00 ? end + 1 : end;
    escaped += escapeText(text.slice(at, stop));
    at = stop;
    await breathe();
  }
  return escaped;
}

/** JSON as plain text, or in Base64: what is the one is never the other (json-payload.ts). */
async function jsonOf(text: string): Promise<string | undefined> {
  if (await passes(jsonCheck(), text)) return text.trim();
  const bytes = await bytesOf(text);
  const decoded = bytes === undefined ? undefined : exactText(bytes);
  return decoded !== undefined && (await passes(jsonCheck(), decoded)) ? decoded.trim() : undefined;
}

async function bytesOf(base64: string): Promise<Buffer | undefined> {
  return (await passes(base64Check(), base64)) ? Buffer.from(base64, 'base64') : undefined;
}

/** Other work may come between when the text is large. */
async function passes(check: PayloadCheck, text: string): Promise<boolean> {
  const breathe = breather();
  for (let at = 0; at < text.length; at += SLICE_CHARACTERS) {
    check.take(text.slice(at, at + SLICE_CHARACTERS));
    await breathe();
  }
  return check.problem() === undefined;
}

/** UTF-8 as text, a byte order mark included; undefined when it is none. */
export function exactText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Of RFC 4287 §4.1.3.3. */
type ContentRule = 'json' | 'xml' | 'text' | 'other';

const SUBSTITUTES: Record<ContentRule, string> = {
  json: 'application/json',
  xml: 'application/xml',
  text: 'text/plain',
  other: OCTETS,
};

function ruleOf(type: string | undefined): ContentRule {
  if (type === undefined) return 'json';
  if (isXmlType(type)) return 'xml';
  if (essence(type).startsWith('text/')) return 'text';
  return declaresJson(type) ? 'json' : 'other';
}

/** The media type as it was sent, where RFC 4287 lets such content have it; else one that it may have. */
function typeFor(rule: ContentRule, sent: string | undefined): string {
  if (sent === undefined || ruleOf(sent) !== rule) return SUBSTITUTES[rule];
  const type = essence(sent);
  if (!ATOM_TYPE.test(type) || /^(?:multipart|message)\//.test(type)) return SUBSTITUTES[rule];
  return sent.length <= LONGEST_TYPE ? sent : type.length <= LONGEST_TYPE ? type : SUBSTITUTES[rule];
}

/** Is the text one XML element and nothing else, that means the same wherever it is put? */
async function isOneElement(text: string): Promise<boolean> {
  let start = -1;
  let stop = -1;
  const scanner = new XmlScanner(
    text,
    {
      start(tag) {
        if (start === -1) start = tag.start;
      },
      text: () => undefined,
      end(_, end) {
        stop = end;
      },
    },
    { depth: XML_DEPTH, attributes: 200 },
  );
  try {
    await runInSlices(scanner);
  } catch (error) {
    if (error instanceof FeedsError) return false;
    throw error;
  }
  return start === 0 && stop === text.length;
}

function hasDefaultNamespace(element: XmlElement): boolean {
  for (let at: XmlElement | undefined = element; at !== undefined; at = at.parent) {
    const uri = at.declarations.get('');
    if (uri !== undefined) return uri !== '';
  }
  return false;
}
