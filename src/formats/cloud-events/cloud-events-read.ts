import type { EntryDraft } from '../../core/entry.js';
import { FeedsError } from '../../core/errors.js';
import { MOST_ENTRIES_IN_BATCH } from '../../core/feed.js';
import { SPEC_VERSION } from './cloud-event.js';
import type { AttributeValue, EventData } from './cloud-event.js';
import { draftOf } from './cloud-event-entry.js';
import type { EventReadOptions } from './cloud-event-entry.js';
import { REQUIRED_ATTRIBUTES, declaresJson, nameProblem, valueProblem } from './cloud-event-rules.js';
import { decodeJson, pointerPart, readJsonGently } from '../json/json-text.js';
import type { JsonMember, JsonNode, JsonObject } from '../json/json-text.js';
import { CLOUD_EVENT, CLOUD_EVENTS } from '../media-types.js';
import { placesOf } from '../places.js';
import { breather } from '../slices.js';
import { MOST_VIOLATIONS, invalidEntry } from '../violations.js';

/**
 * Of the attributes of an event, names and values together. CloudEvents wants events of up to 64 KiB to be forwarded (Size
 * Limits); for what is larger there is the data.
 */
const MOST_CHARACTERS = 65_536;

/**
 * Reads a CloudEvent in the JSON event format (structured mode). Rejects with `not-well-formed` (no JSON), or
 * `invalid-entry` with every mistake as JSON Pointer, line and column.
 */
export async function readCloudEvent(body: Uint8Array, options: EventReadOptions): Promise<EntryDraft> {
  const reading = await startReading(body);
  const { root } = reading;
  if (root.kind === 'array') {
    complain(reading, root.start, '', `this is a batch of events: it is sent as ${CLOUD_EVENTS}`);
  }
  const draft = root.kind === 'array' ? undefined : await readEvent(reading, root, '', options);
  if (draft === undefined) throw refusal(reading);
  return draft;
}

/**
 * Reads events in the JSON batch format, in their order. Rejects as readCloudEvent does, with the mistakes of all events;
 * a batch without an event is a mistake too.
 */
export async function readCloudEventBatch(body: Uint8Array, options: EventReadOptions): Promise<EntryDraft[]> {
  const reading = await startReading(body);
  const { root } = reading;
  const drafts: EntryDraft[] = [];
  if (root.kind === 'array') {
    if (root.items.length === 0) complain(reading, root.start, '', 'the batch holds no event to publish');
    if (root.items.length > MOST_ENTRIES_IN_BATCH) {
      const message = `the batch has ${String(root.items.length)} events, more than the ${String(MOST_ENTRIES_IN_BATCH)} that are taken at once`;
      throw new FeedsError('too-large', message);
    }
    const breathe = breather();
    for (const [index, item] of root.items.entries()) {
      const draft = await readEvent(reading, item, pointerPart(index), options);
      if (draft !== undefined) drafts.push(draft);
      await breathe();
    }
  } else if (root.kind === 'object') {
    complain(reading, root.start, '', `an array of events was expected: a single event is sent as ${CLOUD_EVENT}`);
  } else {
    complain(reading, root.start, '', `an array of events was expected, not ${shown(root)}`);
  }
  if (reading.mistakeCount > 0) throw refusal(reading);
  return drafts;
}

interface Mistake {
  readonly at: number;
  readonly pointer: string;
  readonly message: string;
}

interface Reading {
  readonly text: string;
  readonly root: JsonNode;
  readonly mistakes: Mistake[];
  mistakeCount: number;
}

async function startReading(body: Uint8Array): Promise<Reading> {
  const text = decodeJson(body);
  const root = await readJsonGently(text, { opaque: 'data' });
  return { text, root, mistakes: [], mistakeCount: 0 };
}

function complain(reading: Reading, at: number, pointer: string, message: string): void {
  reading.mistakeCount++;
  if (reading.mistakes.length < MOST_VIOLATIONS) reading.mistakes.push({ at, pointer, message });
}

function refusal({ text, mistakes, mistakeCount }: Reading) {
  const inOrder = mistakes.toSorted((one, other) => one.at - other.at);
  const places = placesOf(
    text,
    inOrder.map(({ at }) => at),
  );
  const violations = inOrder.map(({ pointer, message }, index) => ({ path: pointer, message, ...places[index] }));
  return invalidEntry(violations, mistakeCount);
}

/** Undefined: it was complained of. */
async function readEvent(
  reading: Reading,
  node: JsonNode,
  pointer: string,
  options: EventReadOptions,
): Promise<EntryDraft | undefined> {
  if (node.kind !== 'object') {
    complain(reading, node.start, pointer, `an event is an object, not ${shown(node)}`);
    return undefined;
  }
  const before = reading.mistakeCount;
  const members = membersOf(reading, node, pointer);
  const attributes = readAttributes(reading, node, members, pointer);
  const data = readData(reading, members, attributes, pointer);
  if (data === undefined || reading.mistakeCount > before) return undefined;
  return draftOf({ attributes, data }, options, (name, message) => {
    const member = name === undefined ? undefined : members.get(name);
    const place = name === undefined ? pointer : pointer + pointerPart(name);
    complain(reading, member?.value.start ?? node.start, place, message);
  });
}

function membersOf(reading: Reading, node: JsonObject, pointer: string): Map<string, JsonMember> {
  const members = new Map<string, JsonMember>();
  for (const member of node.members) {
    if (members.has(member.name)) {
      complain(reading, member.at, pointer + pointerPart(member.name), 'a second member of this name');
    } else {
      members.set(member.name, member);
    }
  }
  return members;
}

function readAttributes(
  reading: Reading,
  node: JsonObject,
  members: ReadonlyMap<string, JsonMember>,
  pointer: string,
): Map<string, AttributeValue> {
  const attributes = new Map<string, AttributeValue>();
  const size = sizeOfAttributes(members);
  if (size > MOST_CHARACTERS) {
    const message = `the attributes have ${String(size)} characters, names and values together; at most ${String(MOST_CHARACTERS)} are taken`;
    complain(reading, node.start, pointer, message);
    return attributes;
  }
  for (const { name, at, value } of members.values()) {
    if (isData(name)) continue;
    const place = pointer + pointerPart(name);
    const wrongName = nameProblem(name);
    if (wrongName !== undefined) {
      complain(reading, at, place, wrongName);
      continue;
    }
    // JSON event format §2.2: the same as not being there.
    if (value.kind === 'null') continue;
    const attribute = attributeOf(reading.text, value);
    const problem =
      attribute === undefined
        ? `the value of an attribute is a string, an integer or a boolean, not ${shown(value)}`
        : valueProblem(name, attribute);
    if (problem !== undefined) complain(reading, value.start, place, problem);
    if (attribute !== undefined) attributes.set(name, attribute);
  }
  for (const name of REQUIRED_ATTRIBUTES) {
    const sent = members.get(name);
    if (sent !== undefined && sent.value.kind !== 'null') continue;
    const example = name === 'specversion' ? `: "${SPEC_VERSION}" was expected` : '';
    complain(reading, sent?.value.start ?? node.start, pointer + pointerPart(name), `is missing${example}`);
  }
  return attributes;
}

function sizeOfAttributes(members: ReadonlyMap<string, JsonMember>): number {
  let size = 0;
  for (const { name, value } of members.values()) {
    if (!isData(name)) size += name.length + (value.kind === 'string' ? value.value.length : value.end - value.start);
  }
  return size;
}

function isData(name: string): boolean {
  return name === 'data' || name === 'data_base64';
}

function attributeOf(text: string, value: JsonNode): AttributeValue | undefined {
  switch (value.kind) {
    case 'string':
      return { type: 'string', text: value.value };
    case 'boolean':
      return { type: 'boolean', text: text.slice(value.start, value.end) };
    case 'number':
      return { type: 'integer', text: text.slice(value.start, value.end) };
    default:
      return undefined;
  }
}

function readData(
  reading: Reading,
  members: ReadonlyMap<string, JsonMember>,
  attributes: ReadonlyMap<string, AttributeValue>,
  pointer: string,
): EventData | undefined {
  const plain = members.get('data');
  const base64 = members.get('data_base64');
  if (base64 !== undefined) {
    const { value } = base64;
    const place = `${pointer}/data_base64`;
    // JSON event format §3.1.1
    if (plain !== undefined) complain(reading, base64.at, place, 'an event has either data or data_base64, not both');
    if (value.kind !== 'string') {
      complain(reading, value.start, place, `a string in Base64 was expected, not ${shown(value)}`);
      return undefined;
    }
    const bytes = Buffer.from(value.value, 'base64');
    if (bytes.toString('base64') !== value.value) {
      complain(
        reading,
        value.start,
        place,
        'this is no Base64 of RFC 4648 §4: its alphabet, with padding, in one line',
      );
      return undefined;
    }
    return { kind: 'binary', bytes };
  }
  if (plain === undefined) return { kind: 'none' };
  const { value } = plain;
  const type = attributes.get('datacontenttype')?.text;
  // What is no text in UTF-8 is kept as the JSON that it is.
  if (value.kind === 'string' && !declaresJson(type) && value.value.isWellFormed()) {
    return { kind: 'text', text: value.value };
  }
  return { kind: 'json', json: reading.text.slice(value.start, value.end) };
}

function shown({ kind }: JsonNode): string {
  if (kind === 'opaque') return 'an object or array';
  return kind === 'array' || kind === 'object' ? `an ${kind}` : kind === 'null' ? 'null' : `a ${kind}`;
}
