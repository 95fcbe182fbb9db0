import type { Entry } from '../../core/entry.js';
import { feedTitle } from '../../core/feed.js';
import type { Feed } from '../../core/feed.js';
import { withFormat } from '../../core/page.js';
import { normaliseTerm, printSearch } from '../../core/search.js';
import type { Urls } from '../../core/urls.js';
import { viewEntry } from '../atom/entry-view.js';
import type { CategoryView, EntryView, LinkView, PersonView, TextView } from '../atom/entry-view.js';
import { SHOWN_CHARACTERS, block, contentMarkup } from './html-content.js';
import type { Room } from './html-content.js';
import { framed, timeElement } from './html-frame.js';
import { foreignLink, foreignText, html, safeHref } from './html.js';
import type { Html } from './html.js';
import { htmlToText } from './html-text.js';
import { indentXml } from '../xml/indent-xml.js';
import { FORMATS, FORMAT_NAMES } from '../media-types.js';
import { cutText, shorten } from '../text.js';
import { readKnownTree } from '../xml/known-tree.js';
import { attributeOf } from '../xml/xml-tree.js';

/** Of each kind so many parts are shown; an entry may have any number of them. */
const MOST_PARTS = 50;
const SUMMARY_CHARACTERS = 2_000;
/** What parseSearch takes. */
const LONGEST_SEARCH = 4_096;

/** An entry on a page among others. */
export async function entryMarkup(entry: Entry, feed: Feed, urls: Urls, room: Room): Promise<Html> {
  if (entry.kind === 'tombstone') return tombstoneMarkup(entry);
  const view = await viewEntry(entry);
  const title = html`<a href="${withFormat(urls.entry(feed, entry.atomId), 'html')}">${titleMarkup(entry, view)}</a>`;
  return html`<article>
    <h2>${title}</h2>
    ${bodyMarkup(entry, view, feed, urls, room)}
  </article> `;
}

/** An entry as a document of its own. */
export async function writeHtmlEntry(entry: Entry, feed: Feed, urls: Urls): Promise<string> {
  const view = await viewEntry(entry);
  const room: Room = { left: Infinity };
  const url = urls.entry(feed, entry.atomId);
  const stored = indentXml(entry.xml, view.tree, SHOWN_CHARACTERS);
  const content = html`<h1>${titleMarkup(entry, view)}</h1>
    ${bodyMarkup(entry, view, feed, urls, room)}
    <h2>Details</h2>
    <dl>
      <dt>Id</dt>
      <dd>${foreignText(entry.atomId, 1_024)}</dd>
      <dt>Recorded</dt>
      <dd>${timeElement(entry.recordedAt)}</dd>
      ${view.categories.slice(0, MOST_PARTS).map(categoryDetails)}
    </dl>
    <h2>As it is stored</h2>
    ${block('Atom', stored, 'ltr', withFormat(url, 'atom'), room)}`;
  const title = `${titleOf(entry, view)} – ${feedTitle(feed)}`;
  return framed({ title, trail: trailTo(feed, urls), footer: formatsMarkup(url) }, content);
}

/** The way to a feed. */
export function trailTo(feed: Feed, urls: Urls): { href: string; text: string }[] {
  return [
    { href: urls.service(), text: 'Feeds' },
    { href: urls.workspace(feed.workspace), text: feed.workspace },
    { href: withFormat(urls.feed(feed), 'html'), text: feedTitle(feed) },
  ];
}

function formatsMarkup(url: string): Html {
  const items = FORMAT_NAMES.filter((name) => name !== 'html' && FORMATS[name].entry !== undefined).map(
    (name) => html`<li><a href="${withFormat(url, name)}" rel="alternate">${FORMAT_WORDS[name]}</a></li> `,
  );
  return html`<nav aria-label="Formats">
    This entry as
    <ul>
      ${items}
    </ul>
  </nav>`;
}

/** How a person knows the representations. */
export const FORMAT_WORDS = {
  atom: 'Atom',
  cloudfeeds: 'Cloud Feeds JSON',
  json: 'JSON',
  jsonfeed: 'JSON Feed',
  rss: 'RSS',
  cloudevents: 'CloudEvents',
  html: 'HTML',
} as const;

function tombstoneMarkup(entry: Entry): Html {
  // RFC 6721 §3
  const when = attributeOf(readKnownTree(entry.xml), 'when') ?? entry.recordedAt;
  return html`<article class="deleted">
    <h2>Deleted</h2>
    <p class="meta">${foreignText(entry.atomId, 1_024)} was deleted at ${timeElement(when)}</p>
  </article> `;
}

/** Everything below an entry's title. */
function bodyMarkup(entry: Entry, view: EntryView, feed: Feed, urls: Urls, room: Room): Html {
  const { published, updated, authors, categories } = view;
  const words = view.summary === undefined ? '' : readable(view.summary);
  // The server gives an entry its title for a summary where RFC 4287 wants one.
  const summary = words === titleOf(entry, view) ? '' : words;
  const links = view.links.filter(({ rel }) => rel !== 'self' && rel !== 'edit');
  const whole = withFormat(urls.entry(feed, entry.atomId), 'atom');
  const birth =
    published === undefined || published === updated ? undefined : html`, published ${timeElement(published)}`;
  const by = authors.length === 0 ? undefined : html`, by ${enumerated(authors, personMarkup)}`;
  const about = html`<p class="text" ${langOf(view)} dir="auto">${shorten(summary, SUMMARY_CHARACTERS)}</p>`;
  return html`<p class="meta">${timeElement(updated)}${birth}${by}</p>
    ${
      categories.length === 0
        ? undefined
        : html`<ul class="row" aria-label="Categories">
            ${items(categories, (category) => categoryMarkup(category, feed, urls))}
          </ul>`
    }
    ${summary === '' ? undefined : about} ${contentMarkup(entry.xml, view, whole, room)}
    ${
      links.length === 0
        ? undefined
        : html`<ul aria-label="Links">
            ${items(links, linkMarkup)}
          </ul>`
    }`;
}

/** Items of a list: the first parts, and how many more there are. */
function items<Part>(parts: readonly Part[], markup: (part: Part) => Html): Html {
  const left = parts.length - MOST_PARTS;
  return html`${parts.slice(0, MOST_PARTS).map((part) => html`<li>${markup(part)}</li> `)}
  ${left > 0 ? html`<li>and ${left} more</li>` : undefined}`;
}

/** The same in a line. */
function enumerated<Part>(parts: readonly Part[], markup: (part: Part) => Html): Html {
  const left = parts.length - MOST_PARTS;
  const shown = parts.slice(0, MOST_PARTS).map((part, index) => html`${index === 0 ? '' : ', '}${markup(part)}`);
  return html`${shown}${left > 0 ? ` and ${String(left)} more` : undefined}`;
}

function titleOf(entry: Entry, view: EntryView): string {
  const title = readable(view.title).trim();
  return title === '' ? entry.atomId : title;
}

function titleMarkup(entry: Entry, view: EntryView): Html {
  return html`<span ${langOf(view)}>${foreignText(titleOf(entry, view))}</span>`;
}

/** A text construct (RFC 4287 §3.1) as text; markup in which there is none stays as it was written. */
function readable(construct: TextView): string {
  if (construct.kind === 'text') return construct.text;
  const beginning = cutText(construct.html, SHOWN_CHARACTERS);
  const text = htmlToText(beginning);
  return text.trim() === '' ? beginning : text;
}

/** xml:lang of the entry, if a browser can make something of it. */
function langOf({ language }: EntryView): Html | undefined {
  if (language === undefined || !/^[A-Za-z0-9-]{1,35}$/.test(language)) return undefined;
  return html`lang="${language}"`;
}

/** A name, and what else is told of its bearer. */
export function personMarkup({ name, uri, email }: PersonView): Html {
  // Nothing in the address may add to what the mail says (RFC 6068 §2).
  const mail = email !== undefined && /^[^\s?&%@]+@[^\s?&%@]+$/.test(email) ? `mailto:${email}` : '';
  const address = email === undefined ? undefined : html` (${foreignLink(mail, foreignText(email))})`;
  if (uri === undefined) return html`${foreignText(name)}${address}`;
  if (safeHref(uri) === undefined) return html`${foreignText(name)} ${foreignText(uri)}${address}`;
  return html`${foreignLink(uri, foreignText(name))}${address}`;
}

function categoryMarkup({ term, label }: CategoryView, feed: Feed, urls: Urls): Html {
  const shown =
    label === undefined || label === term ? foreignText(term) : html`${foreignText(label)} (${foreignText(term)})`;
  const search = printSearch({ kind: 'term', term: normaliseTerm(term) });
  if (term === '' || search.length > LONGEST_SEARCH) return shown;
  const href = `${urls.feed(feed)}?search=${encodeURIComponent(search)}&format=html`;
  return html`<a href="${href}">${shown}</a>`;
}

function categoryDetails({ term, scheme, label }: CategoryView): Html | undefined {
  if (scheme === undefined) return undefined;
  return html`<dt>Category</dt>
    <dd>${foreignText(label ?? term)}, of ${foreignLink(scheme, foreignText(scheme))}</dd> `;
}

function linkMarkup({ rel, href, type, title }: LinkView): Html {
  const name = title === undefined ? undefined : html`: ${foreignText(title)}`;
  const kind = type === undefined ? undefined : html` (${foreignText(type)})`;
  return html`${foreignText(rel)}${name} ${foreignLink(href, foreignText(href))}${kind}`;
}
