import type { ExportEnd, ExportedEntry } from '../../core/export.js';
import { feedTitle } from '../../core/feed.js';
import type { Feed } from '../../core/feed.js';
import type { BatchEnd } from '../../core/named-export.js';
import { urlsFrom } from '../../core/urls.js';
import type { Urls } from '../../core/urls.js';
import { ATOM_NAMESPACE } from '../atom/atom-rules.js';
import { renderEntry } from '../atom/atom-write.js';
import { breather } from '../slices.js';
import { readKnownTreeGently } from '../xml/known-tree.js';
import { USUAL_DECLARATION, escapeAttribute, escapeText } from '../xml/xml.js';
import { toldLosses } from './export-write.js';
import type { ExportDocument, ExportSource } from './export-write.js';

/** Of `row` and `end`; their attributes are named as the columns, and as the members of the last line of NDJSON. */
const EXPORT_NAMESPACE = 'urn:millrace:export';

/** So many characters are handed on at once. */
const PIECE = 64 * 1024;

/**
 * Entries as one atom:feed (RFC 4287 §4.1.1), each as in a page of its own feed, and before its end tag an atom:source (§4.2.11),
 * where it has none, and our `row`. The last child of the feed is our `end`: without it the export was cut off.
 */
export async function* writeAtom(source: ExportSource): AsyncGenerator<string> {
  const urls = urlsFrom(source.document.base);
  const breathe = breather();
  let text = headOf(source.document);
  for await (const entries of source.batches) {
    for (const entry of entries) {
      const { feed, showsPositions } = source.feedOf(entry);
      const isSourced = namesSource(entry) && (await hasSource(entry));
      text += `${elementOf(entry, feed, { urls, showsPositions, isSourced })}\n`;
      if (text.length < PIECE) continue;
      yield text;
      text = '';
      await breathe();
    }
  }
  yield `${text}${endElement(source.end())}\n</feed>\n`;
}

function headOf({ base, id, title, self, updated }: ExportDocument): string {
  return [
    `${USUAL_DECLARATION}\n<feed xmlns="${ATOM_NAMESPACE}">`,
    `<id>${escapeText(id)}</id>`,
    `<title>${escapeText(title)}</title>`,
    `<updated>${updated}</updated>`,
    `<author><name>Millrace</name><uri>${escapeText(base)}</uri></author>`,
    `<link rel="self" href="${escapeAttribute(self)}"/>\n`,
  ].join('\n');
}

interface Manner {
  readonly urls: Urls;
  readonly showsPositions: boolean;
  /** It came with an atom:source, which stays. */
  readonly isSourced: boolean;
}

function elementOf(entry: ExportedEntry, feed: Feed, { urls, showsPositions, isSourced }: Manner): string {
  const rendered = renderEntry(entry, feed, urls);
  const row = emptyElement('row', {
    workspace: feed.workspace,
    feed: feed.name,
    position: showsPositions ? entry.position : undefined,
    kind: entry.kind,
    recorded_at: entry.recordedAt,
    schema_version: entry.schemaVersion,
  });
  if (entry.kind === 'tombstone') {
    // RFC 6721 §3: it may have an atom:source and extensions; stored it is an empty element.
    const source = sourceElement('', ` xmlns="${ATOM_NAMESPACE}"`, entry, feed, urls);
    return `${rendered.slice(0, -'/>'.length)}>${source}${row}</at:deleted-entry>`;
  }
  const end = rendered.lastIndexOf('</');
  const prefix = rendered.slice(end + 2, -'entry>'.length);
  const source = isSourced ? '' : sourceElement(prefix, '', entry, feed, urls);
  return rendered.slice(0, end) + source + row + rendered.slice(end);
}

/** RFC 4287 §4.2.11: the feed as it was when the entry was new. */
function sourceElement(prefix: string, declared: string, entry: ExportedEntry, feed: Feed, urls: Urls): string {
  const parts = [
    `<${prefix}id>${escapeText(feed.atomId)}</${prefix}id>`,
    `<${prefix}title>${escapeText(feedTitle(feed))}</${prefix}title>`,
    `<${prefix}updated>${entry.recordedAt}</${prefix}updated>`,
    `<${prefix}link rel="self" href="${escapeAttribute(urls.feed(feed))}"/>`,
  ];
  return `<${prefix}source${declared}>${parts.join('')}</${prefix}source>`;
}

/** It may have an element of this name, of any prefix; hardly any has. */
function namesSource({ xml }: ExportedEntry): boolean {
  return /[<:]source[\s/>]/.test(xml);
}

async function hasSource({ xml }: ExportedEntry): Promise<boolean> {
  const { elements } = await readKnownTreeGently(xml);
  return elements.some(({ local, uri }) => local === 'source' && uri === ATOM_NAMESPACE);
}

function endElement({ lost, ...end }: ExportEnd | BatchEnd): string {
  const within = toldLosses(lost).map((one) => emptyElement('lost', { ...one }));
  return `<x:end xmlns:x="${EXPORT_NAMESPACE}"${attributes({ ...end })}>${within.join('')}</x:end>`;
}

type Value = string | number | bigint | boolean | null | undefined;

function emptyElement(name: string, values: Readonly<Record<string, Value>>): string {
  return `<x:${name} xmlns:x="${EXPORT_NAMESPACE}"${attributes(values)}/>`;
}

/** What there is not is left out. */
function attributes(values: Readonly<Record<string, Value>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => ` ${name}="${escapeAttribute(String(value))}"`)
    .join('');
}
