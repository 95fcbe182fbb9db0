import type { Entry } from '../../core/entry.js';
import { feedAuthor, feedTitle } from '../../core/feed.js';
import type { Link } from '../../core/page.js';
import { GAP_REL, withFormat } from '../../core/page.js';
import type { Urls } from '../../core/urls.js';
import type { FeedDocument } from '../atom/atom-write.js';
import type { Room } from './html-content.js';
import { FORMAT_WORDS, entryMarkup, personMarkup, trailTo } from './html-entry.js';
import { frameAround, timeElement } from './html-frame.js';
import { foreignText, html } from './html.js';
import type { Html } from './html.js';
import { ATOM, JSON_FEED, RSS } from '../media-types.js';
import type { Format } from '../media-types.js';
import { breather } from '../slices.js';

/** Characters of content on one page, whatever its limit. */
const PAGE_ROOM = 2_000_000;

/** What feed readers look for in the head of a page, with its media type. */
const DISCOVERED: ReadonlyMap<string, string> = new Map<Format, string>([
  ['atom', ATOM],
  ['jsonfeed', JSON_FEED],
  ['rss', RSS],
]);

/** In the order in which a reader walks. */
const PAGE_LINKS: readonly (readonly [rel: string, words: string])[] = [
  ['first', 'Newest'],
  ['previous', 'Newer'],
  ['next', 'Older'],
  ['last', 'Oldest'],
  ['prev-archive', 'Archive'],
];
const ARCHIVE_LINKS: readonly (readonly [rel: string, words: string])[] = [
  ['current', 'Newest'],
  ['next-archive', 'Newer'],
  ['prev-archive', 'Older'],
];

/** A page of a feed for a person with a browser, in pieces. It has no script, and nothing of an entry's is run or loaded. */
export async function* writeHtmlPage(
  document: FeedDocument,
  entries: Iterable<Entry> | AsyncIterable<Entry>,
  urls: Urls,
): AsyncGenerator<string> {
  const { feed, formats = [] } = document;
  const room: Room = { left: PAGE_ROOM };
  const alternates = formats.flatMap(({ format, href }) => {
    const type = DISCOVERED.get(format);
    return type === undefined ? [] : [{ href, type }];
  });
  const frame = { title: feedTitle(feed), trail: trailTo(feed, urls), alternates, footer: footerMarkup(document) };
  const { head, tail } = frameAround(frame);
  const breathe = breather();
  let count = 0;
  yield head + introMarkup(document, urls).markup;
  for await (const entry of entries) {
    count += 1;
    yield (await entryMarkup(entry, feed, urls, room)).markup;
    await breathe();
  }
  const note = endNote(document, count);
  const end = html`${note === undefined ? undefined : html`<p class="notice">${note}</p>`}
  ${walkMarkup(document, 'Pages')}`;
  yield end.markup + tail;
}

/** Everything above the entries. */
function introMarkup(document: FeedDocument, urls: Urls): Html {
  const { feed, updated, links, archive, search } = document;
  const { name, uri, email } = feedAuthor(feed);
  const gap = hrefOf(links, GAP_REL);
  const found = html`<p class="notice">
    Entries that match <code>${foreignText(search ?? '', 1_000)}</code>.
    <a href="${withFormat(urls.feed(feed), 'html')}">Show all</a>
  </p>`;
  const lost = html`<p class="notice">
    Retention has taken entries that stood here.
    <a href="${gap}" rel="${GAP_REL}">Go on with the oldest that are kept</a>
  </p>`;
  return html`<h1>${foreignText(feedTitle(feed))}</h1>
    <p class="meta">
      ${feed.workspace}/${feed.name}${archive ? ', an archived page that never changes' : undefined}, by
      ${personMarkup({ name, uri, email })}, updated ${timeElement(updated)}
    </p>
    ${searchForm(document, urls)} ${search === undefined ? undefined : found} ${gap === undefined ? undefined : lost}
    ${walkMarkup(document, 'Pages, above')}`;
}

/**
 * It searches the feed as a whole, with the limit that the page was asked for. It goes to where the page itself comes from,
 * whatever name that has: `form-action 'self'` lets it go nowhere else (CSP Level 3 §6.4.1).
 */
function searchForm({ feed, links, search }: FeedDocument, urls: Urls): Html {
  const self = links.find(({ rel }) => rel === 'self')?.href ?? '';
  const limit = URL.canParse(self) ? new URL(self).searchParams.get('limit') : null;
  return html`<search>
    <form method="get" action="${new URL(urls.feed(feed)).pathname}">
      <label for="search">Search by category</label>
      <input
        type="search"
        id="search"
        name="search"
        value="${search}"
        aria-describedby="search-hint"
        autocapitalize="none"
        spellcheck="false"
      />
      <button>Search</button>
      ${limit === null ? undefined : html`<input type="hidden" name="limit" value="${limit}" /> `}<input
        type="hidden"
        name="format"
        value="html"
      />
      <p class="hint" id="search-hint">
        <code>+a+b</code> finds entries with a or b, <code>(&amp;(cat=a)(cat=b))</code> those with both.
      </p>
    </form>
  </search> `;
}

function walkMarkup({ links, archive }: FeedDocument, label: string): Html {
  const items = (archive ? ARCHIVE_LINKS : PAGE_LINKS).map(([rel, words]) => {
    const href = hrefOf(links, rel);
    return href === undefined ? undefined : html`<li><a rel="${rel}" href="${href}">${words}</a></li> `;
  });
  return html`<nav aria-label="${label}">
    <ul>
      ${items}
    </ul>
  </nav> `;
}

function footerMarkup({ formats = [] }: FeedDocument): Html {
  const items = formats.map(({ format, href }) =>
    format === 'html'
      ? undefined
      : html`<li><a rel="alternate" href="${href}">${FORMAT_WORDS[format as Format]}</a></li> `,
  );
  return html`<nav aria-label="Formats">
    This page as
    <ul>
      ${items}
    </ul>
  </nav>`;
}

/** What a reader should know who sees no entry, or none behind these. */
function endNote({ links, search, archive }: FeedDocument, count: number): string | undefined {
  const isHead = hrefOf(links, 'first') === undefined;
  const goesOn = hrefOf(links, 'next') !== undefined;
  if (archive) return undefined;
  if (count > 0) return goesOn ? undefined : 'There is nothing older than this.';
  if (search !== undefined) return `No entry here matches.${goesOn ? ' Older ones may.' : ''}`;
  if (isHead && !goesOn) return 'This feed has no entries yet.';
  return isHead ? 'There are no entries here.' : 'There is nothing newer so far.';
}

function hrefOf(links: readonly Link[], wanted: string): string | undefined {
  return links.find(({ rel }) => rel === wanted)?.href;
}
