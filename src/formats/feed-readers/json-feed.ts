import type { Entry } from '../../core/entry.js';
import { feedAuthor, feedTitle } from '../../core/feed.js';
import type { Urls } from '../../core/urls.js';
import type { FeedDocument } from '../atom/atom-write.js';
import { feedItem, itemAuthor } from './feed-item.js';
import type { Body, FeedItem, ItemAuthor } from './feed-item.js';
import { htmlToText } from '../html/html-text.js';
import { breather } from '../slices.js';
import { readKnownTree } from '../xml/known-tree.js';
import { attributeOf } from '../xml/xml-tree.js';

const VERSION = 'https://jsonfeed.org/version/1.1';
const ABOUT =
  'deleted: entries that were deleted, which a reader should forget, newest first; newer: the URL of the entries that come after this page';

/** A page as JSON Feed 1.1, item by item. `next_url` leads to older entries. */
export async function* writeJsonFeed(
  document: FeedDocument,
  entries: Iterable<Entry> | AsyncIterable<Entry>,
  urls: Urls,
): AsyncGenerator<string> {
  const breathe = breather();
  const deleted: { id: string; when: string | undefined }[] = [];
  let separator = '\n';
  yield `${JSON.stringify(topLevel(document)).slice(0, -1)},"items":[`;
  for await (const entry of entries) {
    if (entry.kind === 'tombstone') {
      deleted.push({ id: entry.atomId, when: attributeOf(readKnownTree(entry.xml), 'when') });
    } else {
      yield separator + JSON.stringify(toItem(await feedItem(entry, document.feed, urls)));
      separator = ',\n';
    }
    await breathe();
  }
  // §extensions: what the format has no member for; it has none for what is gone, or for what is newer.
  const newer = hrefOf(document, 'previous') ?? hrefOf(document, 'next-archive');
  yield `\n],"_millrace":${JSON.stringify({ about: ABOUT, newer, deleted })}}\n`;
}

function topLevel(document: FeedDocument): Record<string, unknown> {
  const { feed, formats } = document;
  return {
    version: VERSION,
    title: feedTitle(feed),
    home_page_url: formats?.find(({ format }) => format === 'html')?.href,
    feed_url: hrefOf(document, 'self'),
    next_url: hrefOf(document, 'next') ?? hrefOf(document, 'prev-archive'),
    authors: toAuthors([itemAuthor(feedAuthor(feed))]),
  };
}

function hrefOf({ links }: FeedDocument, rel: string): string | undefined {
  return links.find((link) => link.rel === rel)?.href;
}

/** Members that are undefined are not written. */
function toItem(item: FeedItem): Record<string, unknown> {
  const { summary, attachments, categories } = item;
  return {
    id: item.id,
    url: item.url,
    external_url: item.externalUrl,
    title: item.title === '' ? undefined : item.title,
    ...toContent(item.content ?? summary),
    summary: summary === undefined ? undefined : plain(summary),
    date_published: item.published,
    date_modified: item.updated,
    authors: toAuthors(item.authors),
    tags: categories.length === 0 ? undefined : [...new Set(categories.map(({ term }) => term))],
    language: item.language,
    attachments:
      attachments.length === 0
        ? undefined
        : attachments.map(({ url, mediaType, title, bytes }) => ({
            url,
            mime_type: mediaType,
            title,
            size_in_bytes: bytes,
          })),
  };
}

/** §items: one of the two must be there. */
function toContent(body: Body | undefined): Record<string, string> {
  if (body === undefined) return { content_text: '' };
  return body.kind === 'html' ? { content_html: body.html } : { content_text: body.text };
}

function plain(body: Body): string {
  return body.kind === 'html' ? htmlToText(body.html) : body.text;
}

/** §top-level: an author has at least one member. */
function toAuthors(authors: readonly ItemAuthor[]): readonly ItemAuthor[] | undefined {
  const known = authors.filter(({ name, url }) => name !== undefined || url !== undefined);
  return known.length === 0 ? undefined : known;
}
