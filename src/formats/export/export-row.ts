import type { ExportedEntry } from '../../core/export.js';
import type { Instant } from '../../core/entry.js';
import { FeedsError } from '../../core/errors.js';
import type { Feed } from '../../core/feed.js';
import { toInstantMs } from '../dates.js';
import { viewEntry } from '../atom/entry-view.js';
import type { CategoryView, ContentView, EntryView } from '../atom/entry-view.js';
import { ATOM_NAMESPACE } from '../atom/atom-rules.js';
import { elementJson } from '../json/json-write.js';
import { attributeOf, readTree } from '../xml/xml-tree.js';

/**
 * An entry as a row, flat and typed (docs/export.md). Columns are never renamed and keep their types; new ones come at the end.
 */
export interface ExportRow {
  readonly workspace: string;
  readonly feed: string;
  /** In its feed; null for who is not told positions. */
  readonly position: bigint | null;
  readonly atom_id: string;
  readonly event_type: string | null;
  readonly tenant: string | null;
  readonly categories: readonly string[];
  /** Instants in UTC. */
  readonly published: Instant | null;
  readonly updated: Instant | null;
  readonly recorded_at: Instant;
  readonly kind: ExportedEntry['kind'];
  readonly schema_version: number | null;
  /** A media type; null of what has no content. */
  readonly content_type: string | null;
  /** The element, self-contained; null where the content is no XML. */
  readonly content_xml: string | null;
  /** A JSON text, on one line. */
  readonly content_json: string | null;
}

export type ExportColumn = keyof ExportRow;

/** In this order in all formats. */
export const EXPORT_COLUMNS = [
  'workspace',
  'feed',
  'position',
  'atom_id',
  'event_type',
  'tenant',
  'categories',
  'published',
  'updated',
  'recorded_at',
  'kind',
  'schema_version',
  'content_type',
  'content_xml',
  'content_json',
] as const satisfies readonly ExportColumn[];

/** Throws `bad-parameter`. */
export function checkColumns(names: readonly string[]): asserts names is readonly ExportColumn[] {
  for (const name of names) {
    if ((EXPORT_COLUMNS as readonly string[]).includes(name)) continue;
    const there = EXPORT_COLUMNS.join(', ');
    throw new FeedsError('bad-parameter', `there is no column "${name.slice(0, 64)}"; there are ${there}`);
  }
}

const TYPE_TERM = /^type:/i;
const TENANT_TERM = /^tid:/i;

/** @param showsPositions the caller sees the whole log */
export async function exportRow(
  entry: ExportedEntry,
  { workspace, name }: Pick<Feed, 'workspace' | 'name'>,
  showsPositions: boolean,
): Promise<ExportRow> {
  const view = entry.kind === 'tombstone' ? undefined : await viewEntry(entry);
  const terms = (view?.categories ?? []).map(({ term }: CategoryView) => term);
  return {
    workspace,
    feed: name,
    position: showsPositions ? entry.position : null,
    atom_id: entry.atomId,
    event_type: behind(terms, TYPE_TERM),
    tenant: behind(terms, TENANT_TERM),
    categories: terms,
    published: instant(view?.published),
    updated: instant(view === undefined ? deletedAt(entry) : view.updated),
    recorded_at: entry.recordedAt,
    kind: entry.kind,
    schema_version: entry.schemaVersion ?? null,
    ...contentColumns(view),
  };
}

/** The first of them that begins so, without that. */
function behind(terms: readonly string[], beginning: RegExp): string | null {
  return terms.find((term) => beginning.test(term))?.replace(beginning, '') ?? null;
}

/** RFC 6721 §3 */
function deletedAt({ xml }: ExportedEntry): string | undefined {
  return attributeOf(readTree(xml), 'when');
}

/** To the millisecond; finer fractions are cut off. */
function instant(text: string | undefined): Instant | null {
  const ms = text === undefined ? undefined : toInstantMs(text);
  return ms === undefined ? null : new Date(ms).toISOString();
}

type ContentColumns = Pick<ExportRow, 'content_type' | 'content_xml' | 'content_json'>;

function contentColumns(view: EntryView | undefined): ContentColumns {
  const content = view?.content;
  if (view === undefined || content === undefined) return { content_type: null, content_xml: null, content_json: null };
  switch (content.kind) {
    case 'xml':
      return { content_type: content.type, content_xml: content.xml, content_json: xmlAsJson(content.xml) };
    case 'json':
      return { content_type: content.type, content_xml: null, content_json: onOneLine(content.json) };
    default:
      return { content_type: typeOf(content), content_xml: null, content_json: textAsJson(content) };
  }
}

function typeOf(content: Exclude<ContentView, { kind: 'xml' | 'json' }>): string | null {
  return content.kind === 'markup' ? 'text/html' : (content.type ?? null);
}

/** A string: the text, the HTML, the Base64 of what is binary, or where it is. */
function textAsJson(content: Exclude<ContentView, { kind: 'xml' | 'json' }>): string {
  switch (content.kind) {
    case 'text':
      return JSON.stringify(content.text);
    case 'markup':
      return JSON.stringify(content.html);
    case 'binary':
      return JSON.stringify(content.bytes.toString('base64'));
    case 'outside':
      return JSON.stringify({ src: content.src });
  }
}

/** By the mapping of `application/json` (docs/json.md): one member, named as the element. */
function xmlAsJson(xml: string): string | null {
  if (xml === '') return null;
  const element = readTree(xml);
  return `{${JSON.stringify(element.local)}:${elementJson('json', xml, element, ATOM_NAMESPACE)}}`;
}

/** Between the tokens of a JSON text a line end is white space, and within them there is none (RFC 8259 §2, §7). */
function onOneLine(json: string): string {
  return json.replaceAll(/[\r\n]+/g, ' ');
}
