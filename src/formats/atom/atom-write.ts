import type { Completion, Entry, EntryDraft, Instant } from '../../core/entry.js';
import { feedAuthor, feedTitle } from '../../core/feed.js';
import type { Author, Feed } from '../../core/feed.js';
import type { Link } from '../../core/page.js';
import { uriComponent } from '../../core/urls.js';
import type { Urls } from '../../core/urls.js';
import { escapeAttribute, escapeText } from '../xml/xml.js';

const ATOM = 'http://www.w3.org/2005/Atom';
const APP = 'http://www.w3.org/2007/app';
/** RFC 5005 §2: the namespace of fh:archive. */
export const FEED_HISTORY = 'http://purl.org/syndication/history/1.0';
/** RFC 6721 §3 */
const TOMBSTONES = 'http://purl.org/atompub/tombstones/1.0';

/**
 * The entry as it will be stored: the publisher's own text, and after its start tag what was left to the server
 * (RFC 4287 §4.1.2 wants an id, a title, an updated and an author).
 */
export function completeEntry(draft: EntryDraft, completion: Completion): string {
  const { prefix, has } = draft;
  let added = '';
  if (draft.atomId === undefined) added += element(prefix, 'id', completion.atomId);
  if (!has.title) added += element(prefix, 'title', completion.title);
  if (!has.updated) added += element(prefix, 'updated', completion.updated);
  if (!has.published && completion.published !== undefined) added += element(prefix, 'published', completion.published);
  if (!has.author) added += author(prefix, completion.author);
  for (const term of completion.categories ?? []) added += `<${prefix}category term="${escapeAttribute(term)}"/>`;
  return draft.open + added + draft.inner + draft.close;
}

/** What stands for a deleted entry from then on (RFC 6721 §3). */
export function tombstone(atomId: string, when: Instant): string {
  return `<at:deleted-entry xmlns:at="${TOMBSTONES}" ref="${escapeAttribute(atomId)}" when="${when}"/>`;
}

/**
 * The stored bytes with the server's own parts before the end tag: app:edited (RFC 5023 §10.2), the entry's URL, and
 * where it may be edited there (RFC 5023 §11.1), and the version of the contract that it was checked against. Nothing is parsed: stored text ends with `</prefix:entry>`.
 */
export function renderEntry(entry: Entry, feed: Feed, urls: Urls): string {
  return entryRenderer(feed, urls)(entry);
}

/** The same for one entry after the other. */
function entryRenderer(feed: Feed, urls: Urls): (entry: Entry) => string {
  const entriesUrl = escapeAttribute(urls.entries(feed));
  const { editable } = feed.settings;
  return ({ kind, xml, atomId, recordedAt, schemaVersion }) => {
    if (kind === 'tombstone') return xml;
    const end = xml.lastIndexOf('</');
    const prefix = xml.slice(end + 2, -'entry>'.length);
    // What is percent-encoded need not be escaped.
    const href = entriesUrl + uriComponent(atomId);
    const edit = editable ? `<${prefix}link rel="edit" href="${href}"/>` : '';
    const described =
      schemaVersion === undefined
        ? ''
        : `<${prefix}link rel="describedby" href="${escapeAttribute(urls.schema(feed, schemaVersion))}"/>`;
    return `${xml.slice(0, end)}<app:edited xmlns:app="${APP}">${recordedAt}</app:edited><${prefix}link rel="self" href="${href}"/>${edit}${described}${xml.slice(end)}`;
  };
}

/** An entry as a document of its own. */
export function entryDocument(entry: Entry, feed: Feed, urls: Urls): string {
  return `${DECLARATION}${renderEntry(entry, feed, urls)}\n`;
}

export interface FeedDocument {
  readonly feed: Feed;
  readonly updated: Instant;
  readonly links: readonly Link[];
  /** RFC 5005 §4: marks a document that will not change. */
  readonly archive: boolean;
  /** The search that the page answers, as its reader would write it. */
  readonly search?: string | undefined;
  /** The same page in every representation, for a person to choose from. */
  readonly formats?: readonly { readonly format: string; readonly href: string }[];
}

/** What stands before the entries of a feed document, and after them. */
export function feedFrame({ feed, updated, links, archive }: FeedDocument): { head: string; tail: string } {
  const history = archive ? ` xmlns:fh="${FEED_HISTORY}"` : '';
  const head = [
    `${DECLARATION}<feed xmlns="${ATOM}"${history}>`,
    element('', 'id', feed.atomId),
    element('', 'title', feedTitle(feed)),
    element('', 'updated', updated),
    author('', feedAuthor(feed)),
    ...(archive ? ['<fh:archive/>'] : []),
    ...links.map(linkElement),
  ].join('\n');
  return { head: `${head}\n`, tail: '</feed>\n' };
}

function linkElement({ rel, href, type }: Link): string {
  const typed = type === undefined ? '' : ` type="${escapeAttribute(type)}"`;
  return `<link rel="${escapeAttribute(rel)}"${typed} href="${escapeAttribute(href)}"/>`;
}

/** A page of a feed: the stored entries side by side. */
export function feedDocument(document: FeedDocument, entries: readonly Entry[], urls: Urls): string {
  const { head, tail } = feedFrame(document);
  const render = entryRenderer(document.feed, urls);
  let text = head;
  for (const entry of entries) text += `${render(entry)}\n`;
  return text + tail;
}

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

function element(prefix: string, name: string, text: string): string {
  return `<${prefix}${name}>${escapeText(text)}</${prefix}${name}>`;
}

function author(prefix: string, { name, uri, email }: Author): string {
  const parts =
    element(prefix, 'name', name) +
    (uri === undefined ? '' : element(prefix, 'uri', uri)) +
    (email === undefined ? '' : element(prefix, 'email', email));
  return `<${prefix}author>${parts}</${prefix}author>`;
}
