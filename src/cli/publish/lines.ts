import { StringDecoder } from 'node:string_decoder';
import { ATOM_NAMESPACE } from '../../formats/atom/atom-rules.js';
import { readJsonText } from '../../formats/json/json-text.js';
import type { JsonNode, JsonObject } from '../../formats/json/json-text.js';
import { CLOUD_EVENT, CLOUD_EVENTS, JSON_TYPE } from '../../formats/media-types.js';
import { UsageError } from '../command.js';
import type { Document } from './documents.js';

/** A line of a file that has a document in each (NDJSON). */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** What it can share a request with: entries with entries, events with events; the rest goes alone. */
  readonly kind: 'entry' | 'event' | 'other';
  /** Of an entry: what stands for it among others. */
  readonly item: string;
}

/** More than any server takes at once. */
const MOST_CHARACTERS = 64 * 1024 * 1024;
/** Objects and arrays of an entry; payloads are not looked into (docs/json.md). */
const READING = { depth: 320, opaque: '@text' };

/**
 * The lines that have arrived, as they arrive: all that were there at once together, so that a slow source is not waited for and a
 * fast one goes in batches. Empty lines are passed over.
 */
export async function* linesOf(input: AsyncIterable<Buffer | string>): AsyncGenerator<readonly Line[]> {
  const decoder = new StringDecoder('utf8');
  /** Of a line whose end has not come: put together once, however many they are. */
  let pieces: string[] = [];
  let length = 0;
  let number = 0;
  const take = (texts: readonly string[]): Line[] =>
    texts.flatMap((text) => {
      number += 1;
      const clean = (number === 1 ? text.replace(/^\ufeff/, '') : text).trim();
      return clean === '' ? [] : [lineOf(number, clean)];
    });
  for await (const chunk of input) {
    const [first = '', ...texts] = (typeof chunk === 'string' ? chunk : decoder.write(chunk)).split('\n');
    pieces.push(first);
    length += first.length;
    const rest = texts.pop();
    if (rest !== undefined) {
      const lines = take([pieces.join(''), ...texts]);
      if (lines.length > 0) yield lines;
      pieces = [rest];
      length = rest.length;
    }
    if (length > MOST_CHARACTERS) throw new UsageError(`line ${String(number + 1)} is too long`);
  }
  const last = take([[...pieces, decoder.end()].join('')]);
  if (last.length > 0) yield last;
}

function lineOf(number: number, text: string): Line {
  const other: Line = { number, text, kind: 'other', item: '' };
  let root: JsonNode;
  try {
    root = readJsonText(text, READING);
  } catch {
    // The server says what is wrong with it, and where.
    return other;
  }
  if (root.kind !== 'object') return other;
  if (root.members.some(({ name }) => name === 'specversion')) return { ...other, kind: 'event' };
  const [first, ...more] = root.members;
  if (first?.name !== 'entry' || more.length > 0 || first.value.kind !== 'object') return other;
  const item = withoutNamespace(text, first.value);
  return item === undefined ? other : { ...other, kind: 'entry', item };
}

/** In a feed an entry inherits the namespace, and may not say it again. */
function withoutNamespace(text: string, entry: JsonObject): string | undefined {
  const [type, next] = entry.members;
  if (type?.name !== '@type' || type.value.kind !== 'string' || type.value.value !== ATOM_NAMESPACE) return undefined;
  return next === undefined ? undefined : `{${text.slice(next.at, entry.end)}`;
}

/** Neighbours that can share a request. */
export function groupsOf(lines: readonly Line[]): readonly (readonly Line[])[] {
  const groups: Line[][] = [];
  for (const line of lines) {
    const last = groups.at(-1);
    if (line.kind !== 'other' && last?.[0]?.kind === line.kind) last.push(line);
    else groups.push([line]);
  }
  return groups;
}

/** Lines of one group as one document; one by itself as it stands. */
export function documentOf(group: readonly Line[]): Document {
  const [first] = group;
  if (first === undefined || group.length === 1) {
    return { type: first?.kind === 'event' ? CLOUD_EVENT : JSON_TYPE, body: first?.text ?? '' };
  }
  if (first.kind === 'event') return { type: CLOUD_EVENTS, body: `[${group.map(({ text }) => text).join(',\n')}]` };
  const items = group.map(({ item }) => item).join(',\n');
  return { type: JSON_TYPE, body: `{"feed":{"@type":${JSON.stringify(ATOM_NAMESPACE)},"entry":[\n${items}]}}` };
}
