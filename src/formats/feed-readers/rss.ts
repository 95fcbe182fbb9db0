import { Feed as Rss } from 'feed';
import type { Item } from 'feed';
import type { Entry } from '../../core/entry.js';
import { feedTitle } from '../../core/feed.js';
import type { Urls } from '../../core/urls.js';
import { FEED_HISTORY } from '../atom/atom-write.js';
import type { FeedDocument } from '../atom/atom-write.js';
import { toInstantMs } from '../dates.js';
import { feedItem } from './feed-item.js';
import type { Body, FeedItem } from './feed-item.js';
import { RSS } from '../media-types.js';
import { breather } from '../slices.js';
import { escapeAttribute, escapeText } from '../xml/xml.js';

const NAMESPACES =
  'xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"';

/**
 * A page as RSS 2.0, by the library `feed`. It writes whole documents only: asked for the channel and for each item by
 * itself, a page need not be in memory at once, and other work can come between.
 */
export async function* writeRss(
  document: FeedDocument,
  entries: Iterable<Entry> | AsyncIterable<Entry>,
  urls: Urls,
): AsyncGenerator<string> {
  const breathe = breather();
  yield channelHead(document, urls);
  for await (const entry of entries) {
    // RFC 6721 §3, as an extension of the channel: RSS has nothing of its own for what was deleted.
    if (entry.kind === 'tombstone') yield `${entry.xml}\n`;
    else yield itemElement(await feedItem(entry, document.feed, urls));
    await breathe();
  }
  yield '</channel>\n</rss>\n';
}

/** All that stands before the items. */
function channelHead({ feed, updated, links, archive, formats }: FeedDocument, urls: Urls): string {
  const marks = marksFor();
  const title = feedTitle(feed);
  const rss = new Rss({
    title: marks.text(title),
    description: marks.text(`The entries of ${title}, newest first`),
    link: formats?.find(({ format }) => format === 'html')?.href ?? urls.feed(feed),
    updated: new Date(updated),
    generator: 'Millrace',
  });
  const whole = marks.fill(rss.rss2());
  const head = whole
    .slice(0, whole.lastIndexOf('</channel>'))
    .trimEnd()
    .replace('<rss version="2.0"', `<rss version="2.0" ${NAMESPACES}`);
  // RFC 5005 appendix B: paging and archives in RSS are told as in Atom. A page is no alternate of itself.
  const archived = archive ? [`<fh:archive xmlns:fh="${FEED_HISTORY}"/>`] : [];
  const paging = links
    .filter(({ rel }) => rel !== 'alternate')
    .map(({ rel, href }) => `<atom:link rel="${escapeAttribute(rel)}" type="${RSS}" href="${escapeAttribute(href)}"/>`);
  return `${[head, ...archived, ...paging].join('\n')}\n`;
}

function itemElement(item: FeedItem): string {
  const marks = marksFor();
  const { title, authors } = item;
  const { description, encoded } = toBodies(item);
  // Readers expect one at most.
  const [enclosure] = item.attachments.map(({ url, mediaType: type, bytes: length = 0 }) => ({ url, type, length }));
  const rss = new Rss({ title: '' });
  rss.addItem({
    // RSS 2.0: an item has a title or a description.
    title: title === '' && description !== undefined ? '' : marks.text(title === '' ? item.id : title),
    link: item.url,
    guid: marks.text(item.id),
    date: toRssDate(item.published),
    ...(description === undefined ? {} : { description: marks.text(description) }),
    ...(encoded === undefined ? {} : { content: marks.text(encoded) }),
    category: item.categories.map(({ term, scheme }) => ({
      name: marks.text(term),
      ...(scheme === undefined ? {} : { domain: marks.attribute(scheme) }),
    })),
    ...(enclosure === undefined ? {} : { enclosure: { ...enclosure, type: marks.attribute(enclosure.type) } }),
    extensions: [
      extension(
        'dc:creator',
        authors.map(({ name, url }) => ({ _text: marks.text(name ?? url ?? '') })),
      ),
      extension('atom:updated', [{ _text: item.updated }]),
    ],
  });
  const whole = rss.rss2();
  const element = whole.slice(whole.indexOf('<item>'), whole.lastIndexOf('</item>'));
  return `${marks.fill(element)}</item>\n`;
}

/**
 * What is shown at once and, where there is more, the whole. Both are HTML (RSS 2.0, "Elements of <item>"). Prose and
 * payloads are a description; HTML is always whole content, beside its summary.
 */
function toBodies({ summary, content }: FeedItem): Record<'description' | 'encoded', string | undefined> {
  const html = content === undefined ? undefined : toHtml(content);
  if (summary !== undefined) return { description: toHtml(summary), encoded: html };
  return content?.kind === 'html'
    ? { description: undefined, encoded: html }
    : { description: html, encoded: undefined };
}

function toHtml(body: Body): string {
  if (body.kind === 'html') return body.html;
  const escaped = escapeText(body.text);
  return body.verbatim ? `<pre>${escaped}</pre>` : escaped.replaceAll('\n', '<br>\n');
}

type Extension = NonNullable<Item['extensions']>[number];

/** The library takes as many elements of the name as there are objects; its type knows of one. */
function extension(name: string, objects: readonly object[]): Extension {
  return { name, objects: objects as unknown as Extension['objects'] };
}

/**
 * Stands in for values while the library writes. It would take `&amp;` in a text for an ampersand that is escaped already,
 * leave an attribute's `&` and `<` as they are, and close a CDATA section at the second `]]>` in it. So it is given a mark
 * that no XML can hold, and the value is put there when it has done.
 */
function marksFor(): {
  text(text: string): string;
  attribute(value: string): string;
  fill(xml: string): string;
} {
  const values: ((inSection: boolean) => string)[] = [];
  const mark = (write: (inSection: boolean) => string): string => `\0${values.push(write) - 1}\0`;
  return {
    text: (text) => mark((inSection) => (inSection ? section(text) : escapeText(text))),
    attribute: (value) => mark(() => escapeAttribute(value)),
    fill: (xml) =>
      xml.replaceAll(
        /<!\[CDATA\[\0(\d+)\0\]\]>|\0(\d+)\0/g,
        (_, within?: string, plain?: string) => values[Number(within ?? plain)]?.(within !== undefined) ?? '',
      ),
  };
}

/** All that comes out of a CDATA section as it went in: what XML can carry, but no carriage return (XML 1.0 §2.11). */
const NOT_IN_SECTION = /[^\t\n\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

function section(text: string): string {
  if (NOT_IN_SECTION.test(text)) return escapeText(text);
  return `<![CDATA[${text.replaceAll(']]>', ']]]]><![CDATA[>')}]]>`;
}

const FIRST_MS = toInstantMs('0000-01-01T00:00:00Z') ?? 0;
const LAST_MS = toInstantMs('9999-12-31T23:59:59Z') ?? 0;

/** RFC 822 by way of RSS 2.0 has years of four digits in UTC: what an offset has carried beyond is moved to the end of them. */
function toRssDate(text: string): Date {
  return new Date(Math.min(LAST_MS, Math.max(FIRST_MS, toInstantMs(text) ?? 0)));
}
