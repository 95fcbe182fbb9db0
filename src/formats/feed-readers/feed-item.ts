import type { Entry } from '../../core/entry.js';
import type { Feed } from '../../core/feed.js';
import type { Urls } from '../../core/urls.js';
import { viewEntry } from '../atom/entry-view.js';
import type { ContentView, EntryView, LinkView, PersonView, TextView } from '../atom/entry-view.js';
import { htmlToText } from '../html/html-text.js';

/** An entry as feed readers know one: what JSON Feed and RSS have in common. */
export interface FeedItem {
  readonly id: string;
  /** Where a person can read more: http or https. */
  readonly url: string;
  /** Of a page elsewhere that the entry is about. */
  readonly externalUrl: string | undefined;
  /** In one line, without markup. */
  readonly title: string;
  readonly summary: Body | undefined;
  readonly content: Body | undefined;
  /** RFC 3339, as their publisher wrote them. */
  readonly published: string;
  readonly updated: string;
  readonly authors: readonly ItemAuthor[];
  readonly categories: EntryView['categories'];
  readonly language: string | undefined;
  readonly attachments: readonly Attachment[];
}

/** HTML is not to be trusted. Text that is `verbatim` is not prose: its lines and spaces are to be kept. */
export type Body =
  | { readonly kind: 'html'; readonly html: string }
  | { readonly kind: 'text'; readonly text: string; readonly verbatim: boolean };

export interface ItemAuthor {
  readonly name: string | undefined;
  /** http, https or mailto. */
  readonly url: string | undefined;
}

export interface Attachment {
  /** http or https. */
  readonly url: string;
  readonly mediaType: string;
  readonly title: string | undefined;
  readonly bytes: number | undefined;
}

/** RFC 5646 §2.1, as to its form; xml:lang may hold anything. */
const LANGUAGE = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$/;
/** Nothing else bounds them: categories and links have their limits when an entry is published. */
const MOST_AUTHORS = 100;

/** Not for a tombstone. */
export async function feedItem(entry: Entry, feed: Feed, urls: Urls): Promise<FeedItem> {
  const view = await viewEntry(entry);
  return {
    id: entry.atomId,
    url: linked(view, 'alternate') ?? urls.entry(feed, entry.atomId),
    externalUrl: linked(view, 'related'),
    title: view.title.kind === 'markup' ? htmlToText(view.title.html) : view.title.text.replaceAll(/\s+/g, ' ').trim(),
    summary: view.summary === undefined ? undefined : unlessBlank(textBody(view.summary)),
    content: view.content === undefined ? undefined : unlessBlank(contentBody(view.content)),
    published: view.published ?? view.updated,
    updated: view.updated,
    authors: view.authors.slice(0, MOST_AUTHORS).map(itemAuthor),
    categories: view.categories,
    language: LANGUAGE.test(view.language ?? '') ? view.language : undefined,
    attachments: attachmentsOf(view),
  };
}

function linked({ links }: EntryView, rel: string): string | undefined {
  return links
    .filter((link) => link.rel === rel)
    .map(({ href }) => webUrl(href))
    .find((url) => url !== undefined);
}

export function itemAuthor({ name, uri, email = '' }: Pick<PersonView, 'name'> & Partial<PersonView>): ItemAuthor {
  const page = uri === undefined ? undefined : webUrl(uri);
  // RFC 6068 §2: what would begin header fields is encoded.
  const address = email === '' ? undefined : `mailto:${encodeURIComponent(email).replaceAll('%40', '@')}`;
  return { name: name === '' ? undefined : name, url: page ?? address };
}

function textBody(view: TextView): Body {
  return view.kind === 'markup'
    ? { kind: 'html', html: view.html }
    : { kind: 'text', text: view.text, verbatim: false };
}

function contentBody(content: ContentView): Body {
  switch (content.kind) {
    case 'markup':
      return { kind: 'html', html: content.html };
    case 'text':
      return { kind: 'text', text: content.text, verbatim: content.type !== 'text/plain' };
    case 'json':
      return { kind: 'text', text: content.json, verbatim: true };
    case 'xml':
      return { kind: 'text', text: content.xml, verbatim: true };
    case 'binary':
      return { kind: 'text', text: `${content.type}, ${content.bytes.length} bytes`, verbatim: false };
    case 'outside':
      return { kind: 'text', text: `${content.type ?? 'content'} at ${content.src}`, verbatim: false };
  }
}

function unlessBlank(body: Body): Body | undefined {
  return /\S/.test(body.kind === 'html' ? body.html : body.text) ? body : undefined;
}

const UNKNOWN_TYPE = 'application/octet-stream';

/** What is not in the entry itself: content by its src, and enclosures. */
function attachmentsOf({ links, content }: EntryView): Attachment[] {
  const outside = content?.kind === 'outside' ? [{ href: content.src, type: content.type }] : [];
  const enclosures: Partial<LinkView>[] = links.filter(({ rel }) => rel === 'enclosure');
  return [...outside, ...enclosures].flatMap(({ href = '', type, title, length = '' }: Partial<LinkView>) => {
    const url = webUrl(href);
    const bytes = /^\d{1,15}$/.test(length) ? Number(length) : undefined;
    return url === undefined ? [] : [{ url, mediaType: type ?? UNKNOWN_TYPE, title, bytes }];
  });
}

/** Feed readers open what they are given, so nothing else is handed to them; in ASCII, as a URL is. */
function webUrl(text: string): string | undefined {
  return /^https?:/i.test(text) && URL.canParse(text) ? new URL(text).href : undefined;
}
