import type { Entry } from '../core/entry.js';
import type { Feed } from '../core/feed.js';
import type { Urls } from '../core/urls.js';
import { entryDocument, feedFrame, renderEntry } from './atom/atom-write.js';
import type { FeedDocument } from './atom/atom-write.js';
import { writeCloudEvent, writeCloudEventBatch } from './cloud-events/cloud-events-write.js';
import { writeHtmlEntry } from './html/html-entry.js';
import { writeHtmlPage } from './html/html-page.js';
import { writeJsonFeed } from './feed-readers/json-feed.js';
import { writeJsonEntry, writeJsonPage } from './json/json-write.js';
import type { Format } from './media-types.js';
import { writeRss } from './feed-readers/rss.js';

/** Entries as they come: all at once, or one by one from the database. */
export type Entries = Iterable<Entry> | AsyncIterable<Entry>;

/** A page in a representation, in pieces to be sent one after the other. */
export function writePage(
  format: Format,
  document: FeedDocument,
  entries: Entries,
  urls: Urls,
): AsyncGenerator<string> {
  switch (format) {
    case 'atom':
      return writeAtomPage(document, entries, urls);
    case 'json':
    case 'cloudfeeds':
      return writeJsonPage(format, document, entries, urls);
    case 'jsonfeed':
      return writeJsonFeed(document, entries, urls);
    case 'rss':
      return writeRss(document, entries, urls);
    case 'html':
      return writeHtmlPage(document, entries, urls);
    case 'cloudevents':
      return writeCloudEventBatch(document, entries, urls);
  }
}

/** An entry in a representation, as a document of its own; not for a tombstone. */
export async function writeEntry(format: Format, entry: Entry, feed: Feed, urls: Urls): Promise<string> {
  switch (format) {
    case 'atom':
      return entryDocument(entry, feed, urls);
    case 'json':
    case 'cloudfeeds':
      return writeJsonEntry(format, entry, feed, urls);
    case 'html':
      return writeHtmlEntry(entry, feed, urls);
    case 'cloudevents':
      return writeCloudEvent(entry, feed, urls);
    case 'jsonfeed':
    case 'rss':
      throw new Error(`a bug: an entry was asked for as ${format}, which is for pages only`);
  }
}

async function* writeAtomPage(document: FeedDocument, entries: Entries, urls: Urls): AsyncGenerator<string> {
  const { head, tail } = feedFrame(document);
  yield head;
  for await (const entry of entries) yield `${renderEntry(entry, document.feed, urls)}\n`;
  yield tail;
}
