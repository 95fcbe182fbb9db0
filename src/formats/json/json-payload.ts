import { base64Check, jsonCheck } from '../atom/payload-check.js';
import { escapeText } from '../xml/xml.js';

/**
 * The JSON text that the content of a JSON media type holds: plain, as publishers of Cloud Feeds send it, or in the Base64
 * of RFC 4287 §4.1.3.3. Undefined when it is neither. Nothing that is JSON can be read as the Base64 of other JSON: that
 * would begin with bytes that are no ASCII.
 */
export function jsonPayload(text: string): string | undefined {
  if (isJson(text)) return text.trim();
  const bytes = base64Payload(text);
  if (bytes === undefined) return undefined;
  const decoded = utf8(bytes);
  return decoded !== undefined && isJson(decoded) ? decoded.trim() : undefined;
}

/** The bytes of a text in Base64; undefined when it is none. */
export function base64Payload(text: string): Buffer | undefined {
  const check = base64Check();
  check.take(text);
  return check.problem() === undefined ? Buffer.from(text, 'base64') : undefined;
}

/** Undefined when the bytes are not UTF-8. A byte order mark is passed over. */
function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** A JSON text as character data of atom:content: Base64, or as it is where the feed is set so. */
export function writeJsonPayload(json: string, inline: boolean): string {
  if (!inline) return Buffer.from(json).toString('base64');
  return escapeText(xmlSafeJson(json));
}

/** What JSON may hold and XML may not stands in strings only, where an escape means the same (RFC 8259 §7). */
export function xmlSafeJson(json: string): string {
  return json.replaceAll(/[\ufffe\uffff]/g, (found) => `\\u${found.charCodeAt(0).toString(16)}`);
}

/** Fewer brackets than this cannot be nested too deep. */
const SURELY_SHALLOW = 100;

/** A JSON text that is nested at most 100 deep (payload-check.ts). */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
  } catch {
    return false;
  }
  if (!hasMore(text, /[[{]/g, SURELY_SHALLOW)) return true;
  const check = jsonCheck();
  check.take(text);
  return check.problem() === undefined;
}

function hasMore(text: string, what: RegExp, most: number): boolean {
  let count = 0;
  what.lastIndex = 0;
  while (what.test(text)) if (++count > most) return true;
  return false;
}
