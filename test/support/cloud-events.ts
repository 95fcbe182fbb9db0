import { expect } from 'chai';
import fc from 'fast-check';
import type { Entry, EntryDraft } from '../../src/core/entry.js';
import { FeedsError } from '../../src/core/errors.js';
import type { Violation } from '../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../src/core/feed.js';
import { readEntryText } from '../../src/formats/atom/atom-read.js';
import { completeEntry } from '../../src/formats/atom/atom-write.js';
import type { EventReadOptions } from '../../src/formats/cloud-events/cloud-event-entry.js';
import { readCloudEvent, readCloudEventBatch } from '../../src/formats/cloud-events/cloud-events-read.js';
import { writeCloudEvent } from '../../src/formats/cloud-events/cloud-events-write.js';
import { readJsonText } from '../../src/formats/json/json-text.js';
import { URLS, aDocument } from './page-document.js';

export type Members = Record<string, unknown>;

export const OPTIONS: EventReadOptions = { limits: DEFAULT_LIMITS, inlineJson: false };
export const INLINE: EventReadOptions = { ...OPTIONS, inlineJson: true };

let made = 0;

/** An event with nothing but what it must have, and what a test says of it. */
export function anEvent(parts: Members = {}): Members {
  made += 1;
  return {
    specversion: '1.0',
    id: `${String(process.pid)}-${String(made)}`,
    source: '/sensors/tn-1234567',
    type: 'com.example.alert',
    ...parts,
  };
}

/** What the log holds of a draft, after the server has completed it. */
export function stored(draft: EntryDraft): Entry {
  const atomId = draft.atomId ?? 'urn:none';
  const xml = completeEntry(draft, {
    atomId,
    title: 'a title',
    updated: '2026-01-02T03:04:05Z',
    published: '2026-01-02T03:04:05Z',
    author: { name: 'somebody' },
  });
  return { position: 7n, kind: 'entry', atomId, xml, recordedAt: '2026-01-02T03:04:05.678901Z' };
}

/** The entry that an event in JSON becomes. */
export async function published(event: Members | string, options = OPTIONS): Promise<Entry> {
  const text = typeof event === 'string' ? event : JSON.stringify(event);
  const entry = stored(await readCloudEvent(Buffer.from(text), options));
  // It is an entry by all rules of Atom, also once it is complete.
  await readEntryText(entry.xml, { limits: DEFAULT_LIMITS });
  return entry;
}

/** An entry as an event, in JSON. */
export async function asEvent(entry: Entry): Promise<string> {
  return writeCloudEvent(entry, aDocument().feed, URLS);
}

/** An event, published and read back. */
export async function back(event: Members | string, options = OPTIONS): Promise<Members> {
  return JSON.parse(await asEvent(await published(event, options))) as Members;
}

export async function failure(work: Promise<unknown>): Promise<FeedsError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof FeedsError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

/** The mistakes in an event, or in a batch, by place. */
export async function mistakes(
  sent: Members | readonly unknown[] | string,
  options = OPTIONS,
): Promise<Record<string, string>> {
  const body = Buffer.from(typeof sent === 'string' ? sent : JSON.stringify(sent));
  const error = await failure(Array.isArray(sent) ? readCloudEventBatch(body, options) : readCloudEvent(body, options));
  expect(error.code).to.equal('invalid-entry');
  return byPath(error.details.violations ?? []);
}

export function byPath(violations: readonly Violation[]): Record<string, string> {
  return Object.fromEntries(violations.map(({ path, message }) => [path, message]));
}

/** What two events have to have in common to be the same: `null` is as good as nothing but in the data. */
export function meaningOf(json: string): Members {
  const root = readJsonText(json, { depth: 200 });
  if (root.kind !== 'object') throw new Error('no object');
  const parsed = JSON.parse(json) as Members;
  const members = root.members
    .filter(({ name, value }) => name === 'data' || value.kind !== 'null')
    // Numbers beyond JavaScript's count too, and members named twice.
    .map(({ name, value }) => [
      name,
      name === 'data' && value.kind !== 'string' ? escaped(json.slice(value.start, value.end)) : parsed[name],
    ]);
  return Object.fromEntries(members) as Members;
}

/** What XML cannot carry comes back as an escape, which means the same (RFC 8259 §7). */
function escaped(json: string): string {
  return json.replaceAll(/[\ufffe\uffff]/g, (found) => `\\u${found.charCodeAt(0).toString(16)}`);
}

const printable = fc.stringMatching(/^[\x20-\x7e\u00a0-\u00ff\u20ac\u4e00-\u4e0f\u{1f600}-\u{1f60f}]{1,12}$/u);
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', ' ', '<a/>', ']]>', '&', '\r\n', '\ufeffx', '\u0000', '\ud800', '{"a": 1}', 'MTIz', '1234'),
);
const anyXml = fc.constantFrom(
  '<a/>',
  '<a xmlns="urn:x"><b/></a>',
  '<p:a xmlns:p="urn:p"><b p:c="d"/></p:a>',
  '<a>\r\n x &amp; <![CDATA[<y>]]></a>',
  '<?xml version="1.0"?><a/>',
  '<a/><b/>',
  '<a/> ',
  ' <a/>',
  '<p:a/>',
  '<!DOCTYPE a><a/>',
  '<a',
  '',
  `${'<a>'.repeat(98)}${'</a>'.repeat(98)}`,
  `${'<a>'.repeat(99)}${'</a>'.repeat(99)}`,
  '<a><!-- c --><?p i?></a>',
  '<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="b"/>',
);
const anyJsonText = fc.oneof(
  fc.jsonValue({ maxDepth: 3, noUnicodeString: false }).map((value) => JSON.stringify(value)),
  fc.constantFrom('null', '12345678901234567890.10', '1e400', '-0', '[ 1.0 , 2 ]', '{"a":1,"a":2}', '"\\ud800"', '""'),
);
const jsonString = anyText.map((text) => JSON.stringify(text));

/** Members `data` and so on as they stand in JSON. */
const anyData: fc.Arbitrary<Record<string, string>> = fc.oneof(
  fc.constant({}),
  fc.record({ data: anyJsonText }),
  fc.record({
    datacontenttype: anyOf('application/json', 'application/vnd.x+json;v=1', 'text/json'),
    data: anyJsonText,
  }),
  fc.record({ datacontenttype: anyOf('text/plain', 'text/html; charset=utf-8', 'text/x%y'), data: jsonString }),
  fc.record({
    datacontenttype: anyOf('application/xml', 'text/xml', 'application/atom+xml;type=entry', 'message/x+xml'),
    data: anyXml.map((text) => JSON.stringify(text)),
  }),
  fc.record({ datacontenttype: anyOf('application/x-yaml', 'multipart/mixed', 'image/png'), data: jsonString }),
  fc.record({ datacontenttype: anyOf('image/png', 'application/xml'), data: anyJsonText }),
  fc.record({
    datacontenttype: anyOf(
      'image/png',
      'text/plain',
      'application/json',
      'multipart/x',
      'application/xml',
      'message/y',
    ),
    data_base64: fc.oneof(
      fc.uint8Array({ maxLength: 12 }).map((bytes) => JSON.stringify(Buffer.from(bytes).toString('base64'))),
      fc.constantFrom('"MTIz"', '"1234"', '"IHt9IA=="', '"77u/e30="'),
    ),
  }),
);

function anyOf(...texts: string[]): fc.Arbitrary<string> {
  return fc.constantFrom(...texts).map((text) => JSON.stringify(text));
}

/** Any valid event as a JSON text, its members in any order. */
export const anyEventJson: fc.Arbitrary<string> = fc
  .record({
    core: fc.record(
      {
        specversion: fc.constant('"1.0"'),
        id: printable.map((text) => JSON.stringify(text)),
        source: anyOf(
          '/a',
          'https://example.com/a?b=c#d',
          'urn:x:y',
          '1-555-123-4567',
          '//[::1]:80/',
          '#',
          '?',
          'a%20b',
        ),
        type: printable.map((text) => JSON.stringify(text)),
        subject: fc.oneof(
          printable.map((text) => JSON.stringify(text)),
          fc.constant('null'),
        ),
        time: anyOf('2018-04-05T17:31:00Z', '2018-04-05t17:31:00.123456789z', '1990-12-31T15:59:60-08:00'),
        dataschema: anyOf('https://example.com/schema#/a', 'urn:x:y'),
      },
      { requiredKeys: ['specversion', 'id', 'source', 'type'] },
    ),
    data: anyData,
    extensions: fc.dictionary(
      fc.oneof(fc.stringMatching(/^x[a-z0-9]{0,24}$/), fc.constantFrom('constructor', '1', 'valueof')),
      fc.oneof(
        printable.map((text) => JSON.stringify(text)),
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map(String),
        fc.constantFrom('true', 'false', 'null', '""', '"5"', '-0'),
      ),
      { maxKeys: 4 },
    ),
    space: fc.constantFrom('', ' ', '\n\t'),
    order: fc.infiniteStream(fc.nat()),
  })
  .map(({ core, data, extensions, space, order }) => {
    const members = Object.entries({ ...extensions, ...core, ...data } as Record<string, string>);
    return `{${members
      .map(([name, value]) => ({
        text: `${JSON.stringify(name)}:${space}${value}`,
        rank: order.next().value as number,
      }))
      .toSorted((one, other) => one.rank - other.rank)
      .map(({ text }) => text)
      .join(`,${space}`)}}`;
  });
