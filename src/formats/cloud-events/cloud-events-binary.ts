import type { EntryDraft } from '../../core/entry.js';
import type { Violation } from '../../core/errors.js';
import type { AttributeValue, EventData } from './cloud-event.js';
import { exactText } from './cloud-event-content.js';
import { draftOf } from './cloud-event-entry.js';
import type { EventReadOptions } from './cloud-event-entry.js';
import { REQUIRED_ATTRIBUTES, declaresJson, nameProblem, valueProblem } from './cloud-event-rules.js';
import { decodeJson, readJsonGently } from '../json/json-text.js';
import { essence, isXmlType, parseMediaType } from '../media-types.js';
import { invalidEntry } from '../violations.js';

const PREFIX = 'ce-';
const CONTENT_TYPE = 'content-type';
/** Charsets whose texts are texts in UTF-8 too. */
const LIKE_UTF8 = /^(?:utf-?8|us-ascii|ascii)$/i;

/**
 * Reads a CloudEvent in binary mode (HTTP protocol binding §3.1): its attributes are header fields, its data the body.
 * `rawHeaders`: names and values in turn, as they came. Rejects with `not-well-formed` (the body is not the JSON that its
 * type declares), or `invalid-entry` with every mistake, whose path is the name of a header field.
 */
export async function readBinaryCloudEvent(
  rawHeaders: readonly string[],
  body: Buffer,
  options: EventReadOptions,
): Promise<EntryDraft> {
  const violations: Violation[] = [];
  const attributes = readHeaders(rawHeaders, (path, message) => violations.push({ path, message }));
  if (violations.length > 0) throw invalidEntry(violations, violations.length);
  // RFC 9110 §8.3: what nothing is told of is bytes.
  if (body.length > 0 && !attributes.has('datacontenttype')) {
    attributes.set('datacontenttype', { type: 'string', text: 'application/octet-stream' });
  }
  const data = await dataOf(body, attributes.get('datacontenttype')?.text);
  const draft = await draftOf({ attributes, data }, options, (name, message) => {
    violations.push({ path: name === undefined ? '' : PREFIX + name, message });
  });
  if (draft === undefined) throw invalidEntry(violations, violations.length);
  return draft;
}

function readHeaders(
  rawHeaders: readonly string[],
  complain: (path: string, message: string) => void,
): Map<string, AttributeValue> {
  const attributes = new Map<string, AttributeValue>();
  const seen = new Set<string>();
  const take = (header: string, name: string, text: string): void => {
    const value: AttributeValue = { type: 'string', text };
    attributes.set(name, value);
    const problem = valueProblem(name, value);
    if (problem !== undefined) complain(header, problem);
  };
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const header = (rawHeaders[at] ?? '').toLowerCase();
    const raw = (rawHeaders[at + 1] ?? '').trim();
    if (header !== CONTENT_TYPE && !header.startsWith(PREFIX)) continue;
    if (seen.has(header)) {
      complain(header, 'this header field was sent twice');
      continue;
    }
    seen.add(header);
    if (header === CONTENT_TYPE) {
      take(header, 'datacontenttype', raw);
      continue;
    }
    const name = header.slice(PREFIX.length);
    const problem =
      name === 'datacontenttype' ? 'the type of the data is told by Content-Type alone (§3.1.1)' : nameProblem(name);
    const decoded = decodeValue(raw);
    if (problem !== undefined) complain(header, problem);
    else if (decoded.text === undefined) complain(header, decoded.problem);
    else take(header, name, decoded.text);
  }
  for (const name of REQUIRED_ATTRIBUTES) {
    if (!seen.has(PREFIX + name)) complain(PREFIX + name, 'this header field is missing');
  }
  return attributes;
}

type Decoded = { readonly text: string } | { readonly text: undefined; readonly problem: string };

/** HTTP protocol binding §3.1.3.2: quoted strings first, then percent-encoded UTF-8. */
function decodeValue(raw: string): Decoded {
  if (/[^\x20-\x7e]/.test(raw)) {
    return { text: undefined, problem: 'only printable US-ASCII may be in it: the rest is percent-encoded (§3.1.3.2)' };
  }
  const plain = unquoted(raw);
  if (plain === undefined) return { text: undefined, problem: 'a quoted string in it does not end' };
  if (!plain.includes('%')) return { text: plain };
  let wrong: string | undefined;
  // A percent sign that begins no escape was left as it is by a sender that encodes nothing.
  const text = plain.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) => {
    const decoded = exactText(Buffer.from(escapes.replaceAll('%', ''), 'hex'));
    if (decoded === undefined) wrong ??= escapes;
    return decoded ?? '';
  });
  if (wrong === undefined) return { text };
  return { text: undefined, problem: `"${wrong.slice(0, 60)}" is no UTF-8, percent-encoded (§3.1.3.2)` };
}

/** RFC 9110 §5.6.4 */
function unquoted(value: string): string | undefined {
  if (!value.includes('"')) return value;
  let text = '';
  let quoted = false;
  for (let at = 0; at < value.length; at++) {
    const character = value.charAt(at);
    if (character === '"') quoted = !quoted;
    else if (quoted && character === '\\') text += value.charAt(++at);
    else text += character;
  }
  return quoted ? undefined : text;
}

/** Whatever the type, the bytes come back as they were sent: as text only where they are UTF-8. */
async function dataOf(body: Buffer, type: string | undefined): Promise<EventData> {
  if (type === undefined) return { kind: 'none' };
  const isJson = declaresJson(type);
  const isXml = isXmlType(type);
  // Neither can be empty, so there is no data.
  if (body.length === 0 && (isJson || isXml)) return { kind: 'none' };
  if (isJson) {
    const text = decodeJson(body);
    const { start, end } = await readJsonGently(text, { whole: true });
    return { kind: 'json', json: text.slice(start, end) };
  }
  const charset = parseMediaType(type)?.parameters.get('charset');
  const mayBeText = (isXml || essence(type).startsWith('text/')) && (charset === undefined || LIKE_UTF8.test(charset));
  const text = mayBeText ? exactText(body) : undefined;
  return text === undefined ? { kind: 'binary', bytes: body } : { kind: 'text', text };
}
