import { FeedsError } from '../core/errors.js';
import type { Finding } from '../core/contract.js';
import { nodeAt, partsOf } from '../formats/json/json-pointer.js';
import { pointerPart, readJsonText } from '../formats/json/json-text.js';
import type { JsonNode } from '../formats/json/json-text.js';

/** The value of a JSON text, or what keeps it from being one that is clear. */
export function readValue(json: string): { readonly value: unknown } | { readonly problem: Finding } {
  try {
    const value = JSON.parse(json) as unknown;
    if (colonsIn(json) === membersOf(value)) return { value };
    return { problem: secondMember(readJsonText(json), '') ?? notJson('it cannot be read') };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof FeedsError)) throw error;
    return { problem: notJson(error.message) };
  }
}

function notJson(why: string): Finding {
  return { place: { kind: 'json', pointer: '' }, message: `the content is not JSON: ${why}` };
}

/**
 * Members of one name (RFC 8259 §4) JSON.parse does not mind, and each reader takes another one of them: what was checked
 * would not be what is read. There is a colon for each member of a text; the value has only one of each name.
 */
function colonsIn(json: string): number {
  let count = 0;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === COLON) count++;
    else if (code === QUOTE) at = endOfString(json, at);
  }
  return count;
}

const COLON = 0x3a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The offset of the quote that ends the string that begins there. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); end >= 0; end = json.indexOf('"', end + 1)) {
    let slashes = 0;
    while (json.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return json.length;
}

function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + membersOf(item), 0);
  const values: unknown[] = Object.values(value);
  return values.reduce((sum: number, item) => sum + membersOf(item), values.length);
}

function secondMember(node: JsonNode, pointer: string): Finding | undefined {
  if (node.kind === 'array') {
    for (const [index, item] of node.items.entries()) {
      if (item.kind !== 'object' && item.kind !== 'array') continue;
      const found = secondMember(item, `${pointer}/${String(index)}`);
      if (found !== undefined) return found;
    }
  } else if (node.kind === 'object') {
    const names = new Set<string>();
    for (const { name, value } of node.members) {
      const place = (): string => pointer + pointerPart(name);
      if (names.has(name))
        return { place: { kind: 'json', pointer: place() }, message: 'is a second member of this name' };
      names.add(name);
      if (value.kind !== 'object' && value.kind !== 'array') continue;
      const found = secondMember(value, place());
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** Of a scalar; of a number that JavaScript's would change the text as it was written. */
export function textOf(value: unknown, json: string, pointer: string): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'boolean') return [String(value)];
  if (typeof value !== 'number') return [];
  if (Number.isSafeInteger(value)) return [String(value)];
  const { start, end } = nodeAt(readJsonText(json), pointer);
  return [json.slice(start, end)];
}

/** RFC 6901 §4; undefined where there is nothing. */
export function valueAt(value: unknown, pointer: string): unknown {
  let at = value;
  for (const name of partsOf(pointer)) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return at;
}
