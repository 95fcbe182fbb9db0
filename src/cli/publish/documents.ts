import { ATOM_NAMESPACE } from '../../formats/atom/atom-rules.js';
import { ATOM, CLOUD_EVENT, CLOUD_EVENTS, JSON_TYPE } from '../../formats/media-types.js';

/** What is sent in one request. */
export interface Document {
  readonly type: string;
  readonly body: string | Uint8Array;
}

/** What a document is by its beginning; undefined: neither XML nor JSON. The server says whether it is right. */
export function typeOf(body: Uint8Array): string | undefined {
  // UTF-16 has its byte order mark; it is XML then, as JSON is UTF-8.
  if ((body[0] ?? 0) >= 0xfe) return ATOM;
  const text = new TextDecoder().decode(body).trimStart();
  if (text.startsWith('<')) return ATOM;
  if (text.startsWith('[')) return CLOUD_EVENTS;
  return text.startsWith('{') ? (isEvent(text) ? CLOUD_EVENT : JSON_TYPE) : undefined;
}

function isEvent(json: string): boolean {
  try {
    return Object.hasOwn(JSON.parse(json) as object, 'specversion');
  } catch {
    // No JSON: of two forms that it is not, the one whose refusal says more.
    return /^\{\s*"specversion"/.test(json);
  }
}

/** An entry of a few words, for a person or a shell script. */
export interface FewWords {
  readonly title: string;
  readonly categories: readonly string[];
  /** Text; an object or array in JSON is a payload of that type, to the digit. */
  readonly content: string | undefined;
}

export function entryOf({ title, categories, content }: FewWords): Document {
  const members = [
    `"@type":${JSON.stringify(ATOM_NAMESPACE)}`,
    `"title":${JSON.stringify(title)}`,
    ...(categories.length === 0 ? [] : [`"category":${JSON.stringify(categories.map((term) => ({ term })))}`]),
    `"content":${contentOf(content ?? title)}`,
  ];
  return { type: JSON_TYPE, body: `{"entry":{${members.join(',')}}}` };
}

function contentOf(text: string): string {
  return /^\s*[{[]/.test(text) && isJson(text) ? `{"type":"application/json","@text":${text}}` : JSON.stringify(text);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
