import { expect } from 'chai';
import fc from 'fast-check';
import type { Entry } from '../../../../src/core/entry.js';
import { GAP_REL } from '../../../../src/core/page.js';
import { parseSearch } from '../../../../src/core/search.js';
import type { FeedDocument } from '../../../../src/formats/atom/atom-write.js';
import { writeHtmlEntry } from '../../../../src/formats/html/html-entry.js';
import { writeHtmlPage } from '../../../../src/formats/html/html-page.js';
import { FORMAT_NAMES } from '../../../../src/formats/media-types.js';
import { parseXml } from '../../../support/atom.js';
import type { Element } from '../../../support/atom.js';
import { URLS, aDocument, aStoredEntry, aTombstone, joined } from '../../../support/page-document.js';
import { escapeAttribute, escapeText } from '../../../../src/formats/xml/xml.js';

const FEED = 'https://feeds.example.org/feeds/shop/orders';

/** Our pages are well-formed XML too, which any mistake in escaping would end. */
function read(page: string): Element {
  return parseXml(page.replace(/^<!doctype html>\s*/, ''));
}

function all(root: Element, local: string): Element[] {
  return [root, ...root.children.flatMap((child) => all(child, local))].filter(
    (element, index) => index > 0 || element.local === local,
  );
}

function elements(root: Element, local: string): Element[] {
  return root.children.flatMap((child) => [...(child.local === local ? [child] : []), ...elements(child, local)]);
}

async function pageOf(entries: readonly Entry[], parts: Parameters<typeof aDocument>[0] = {}): Promise<Element> {
  return read(await joined(writeHtmlPage(aDocument(parts), entries, URLS)));
}

/** Text as a reader sees it. */
function seen(element: Element): string {
  return element.text.replaceAll(/\s+/g, ' ').trim();
}

function hrefs(root: Element, rel: string): (string | undefined)[] {
  return elements(root, 'a')
    .filter(({ attributes }) => attributes['rel'] === rel)
    .map(({ attributes }) => attributes['href']);
}

describe('a page for a person', () => {
  it('has a language, one main heading, a title, and no script', async () => {
    const page = await pageOf([aStoredEntry()], { settings: { title: 'Orders & more' } });
    expect(page.attributes['lang']).to.equal('en');
    expect(elements(page, 'h1').map(seen)).to.deep.equal(['Orders & more']);
    expect(elements(page, 'title').map(seen)).to.deep.equal(['Orders & more']);
    expect(elements(page, 'main')).to.have.length(1);
    for (const name of ['script', 'iframe', 'object', 'img', 'base', 'embed', 'svg'])
      expect(elements(page, name), name).to.deep.equal([]);
  });

  it('shows of each entry title, times, authors, categories, summary and content, as they come', async () => {
    const entry = aStoredEntry({
      id: 'urn:x:1 2',
      title: 'first',
      updated: '2026-01-02T03:04:05.678+02:00',
      published: '2026-01-01T00:00:00Z',
      author: 'Ann',
      categories: ['a(b)', 'tid:Ab'],
      content: '<content>line one\n  line two</content>',
      more: '<summary>in short</summary>',
    });
    const page = await pageOf([entry, aStoredEntry({ title: 'second' })]);
    const articles = elements(page, 'article');
    expect(articles.map((article) => seen(elements(article, 'h2')[0]!))).to.deep.equal(['first', 'second']);
    const [article] = articles;
    expect(elements(article!, 'time').map(({ attributes, text }) => [attributes['datetime'], text])).to.deep.equal([
      ['2026-01-02T03:04:05.678+02:00', '2026-01-02 03:04:05 +02:00'],
      ['2026-01-01T00:00:00Z', '2026-01-01 00:00:00 UTC'],
    ]);
    expect(seen(article!)).to.include('by Ann').and.to.include('in short');
    expect(elements(article!, 'pre').map(({ text }) => text)).to.deep.equal(['\nline one\n  line two']);
    expect(elements(article!, 'a')[0]?.attributes['href']).to.equal(`${FEED}/entries/urn%3Ax%3A1%202?format=html`);
  });

  it('links each category to a search for it', async () => {
    const terms = ['a(b)*\\', 'tid:Ab', 'a b+c&d=e', 'É'];
    const page = await pageOf([aStoredEntry({ categories: terms })]);
    const links = elements(page, 'a').filter(({ attributes }) => attributes['href']?.includes('search=') === true);
    expect(links.map(seen)).to.deep.equal(terms);
    const searches = links.map(({ attributes }) => {
      const url = new URL(attributes['href']!);
      expect([url.origin + url.pathname, url.searchParams.get('format')]).to.deep.equal([FEED, 'html']);
      return parseSearch(url.searchParams.get('search')!);
    });
    expect(searches).to.deep.equal(['a(b)*\\', 'tid:Ab', 'a b+c&d=e', 'é'].map((term) => ({ kind: 'term', term })));
  });

  it('does not link a category that no search can name', async () => {
    const page = await pageOf([aStoredEntry({ categories: ['x'.repeat(4_092)] })]);
    expect(elements(page, 'a').some(({ attributes }) => attributes['href']?.includes('search='))).to.equal(false);
  });

  it('shows what was deleted as deleted', async () => {
    const page = await pageOf([aTombstone('urn:x:"<', '2026-02-03T04:05:06Z')]);
    const [article] = elements(page, 'article');
    expect(seen(article!)).to.equal('Deleted urn:x:"< was deleted at 2026-02-03 04:05:06 UTC');
  });

  it('has the links of the page above and below the entries', async () => {
    const links = ['previous', 'next', 'first', 'last', 'prev-archive'].map((rel) => ({
      rel,
      href: `${FEED}?${rel}&x`,
    }));
    const page = await pageOf([aStoredEntry()], { links });
    for (const { rel, href } of links) expect(hrefs(page, rel), rel).to.deep.equal([href, href]);
    expect(elements(page, 'nav').map(({ attributes }) => attributes['aria-label'])).to.deep.equal([
      'Where this is',
      'Pages, above',
      'Pages',
      'Formats',
    ]);
    const archive = await pageOf([], {
      archive: true,
      links: ['prev-archive', 'next-archive', 'current'].map((rel) => ({ rel, href: `${FEED}/${rel}` })),
    });
    expect(hrefs(archive, 'next-archive')[0]).to.equal(`${FEED}/next-archive`);
    expect(seen(archive)).to.include('an archived page that never changes');
  });

  it('says what retention has taken', async () => {
    const page = await pageOf([aStoredEntry()], { links: [{ rel: GAP_REL, href: `${FEED}?marker=last` }] });
    expect(seen(page)).to.include('Retention has taken entries that stood here');
    expect(hrefs(page, GAP_REL)).to.deep.equal([`${FEED}?marker=last`]);
  });

  it('leads to every other representation, in its head to those that feed readers know', async () => {
    const formats = FORMAT_NAMES.map((format) => ({ format, href: `${FEED}?limit=3&format=${format}` }));
    const page = await pageOf([], { formats });
    const others = formats.filter(({ format }) => format !== 'html').map(({ href }) => href);
    expect(hrefs(page, 'alternate')).to.deep.equal(others);
    expect(elements(page, 'link').map(({ attributes: { rel, type, href } }) => [rel, type, href])).to.deep.equal([
      ['alternate', 'application/atom+xml', `${FEED}?limit=3&format=atom`],
      ['alternate', 'application/feed+json', `${FEED}?limit=3&format=jsonfeed`],
      ['alternate', 'application/rss+xml', `${FEED}?limit=3&format=rss`],
    ]);
  });

  describe('has a form for searches', () => {
    const formOf = async (parts: Partial<FeedDocument>): Promise<{ action: string | undefined; fields: unknown }> => {
      const [form] = elements(await pageOf([], parts), 'form');
      expect(form?.attributes['method']).to.equal('get');
      const inputs = elements(form!, 'input').map(({ attributes: { name, value } }) => [name, value]);
      expect(elements(form!, 'label')[0]?.attributes['for']).to.equal('search');
      return { action: form?.attributes['action'], fields: Object.fromEntries(inputs) };
    };

    it('of the whole feed, as HTML', async () => {
      expect(await formOf({})).to.deep.equal({
        action: new URL(FEED).pathname,
        fields: { search: '', format: 'html' },
      });
    });

    it('that keeps the search and the limit', async () => {
      const links = [{ rel: 'self', href: `${FEED}?marker=3&limit=7&search=x&format=html` }];
      expect(await formOf({ links, search: '(cat="<)' })).to.deep.equal({
        action: new URL(FEED).pathname,
        fields: { search: '(cat="<)', limit: '7', format: 'html' },
      });
    });
  });

  it('says what it means that there is nothing, or nothing more', async () => {
    const href = FEED;
    const note = async (count: number, rels: readonly string[], parts: Partial<FeedDocument> = {}): Promise<string> => {
      const links = ['self', 'previous', 'last', ...rels].map((rel) => ({ rel, href }));
      const page = await pageOf(
        Array.from({ length: count }, () => aStoredEntry()),
        { links, ...parts },
      );
      const notices = elements(page, 'p').filter(({ attributes }) => attributes['class'] === 'notice');
      return notices.map(seen).at(-1) ?? '';
    };
    expect(await note(0, [])).to.equal('This feed has no entries yet.');
    expect(await note(0, ['first', 'next'])).to.equal('There is nothing newer so far.');
    expect(await note(0, ['next'], { search: '(cat=a)' })).to.equal('No entry here matches. Older ones may.');
    expect(await note(0, [], { search: '(cat=a)' })).to.equal('No entry here matches.');
    expect(await note(1, ['next'])).to.equal('');
    expect(await note(1, ['first'])).to.equal('There is nothing older than this.');
    expect(await note(1, [], { archive: true })).to.equal('');
  });
});

describe('the content of an entry for a person', () => {
  const shown = async (content: string, more = ''): Promise<Element> => {
    const [article] = elements(await pageOf([aStoredEntry({ id: 'urn:x:1', content, more })]), 'article');
    return article!;
  };
  const pre = async (content: string): Promise<string | undefined> => {
    const [element] = elements(await shown(content), 'pre');
    return element?.text.replace(/^\n/, '');
  };

  it('is indented when it is XML, with its namespaces', async () => {
    expect(
      await pre('<content type="application/xml"><e xmlns="urn:e" xmlns:n="urn:n"><n:a b="1"/></e></content>'),
    ).to.equal('<e xmlns="urn:e" xmlns:n="urn:n">\n  <n:a b="1"/>\n</e>');
  });

  it('is indented when it is JSON, in plain text or in Base64, and every number keeps its text', async () => {
    const json = '{"n":12345678901234567890.10}';
    for (const text of [json, Buffer.from(json).toString('base64')])
      expect(await pre(`<content type="application/json">${text}</content>`)).to.equal(
        '{\n  "n": 12345678901234567890.10\n}',
      );
  });

  it('is the source when it is HTML or XHTML', async () => {
    const markup = '<b onclick="x()">bold</b>';
    expect(await pre(`<content type="html">${escapeText(markup)}</content>`)).to.equal(markup);
    const div = `<div xmlns="http://www.w3.org/1999/xhtml">${markup}</div>`;
    expect(await pre(`<content type="xhtml">${div}</content>`)).to.equal(`<div>${markup}</div>`);
  });

  it('is only told of when it is bytes, with a link to the entry', async () => {
    const article = await shown('<content type="image/png">AAECAw==</content>', '<summary>a picture</summary>');
    expect(seen(article)).to.include('image/png, 4 bytes: in the entry as Atom');
    const links = elements(article, 'a').map(({ attributes }) => attributes['href']);
    expect(links).to.include(`${FEED}/entries/urn%3Ax%3A1?format=atom`);
  });

  it('is nothing when it is empty', async () => {
    for (const type of ['', ' type="html"', ' type="application/xml"', ' type="text/plain"'])
      expect(elements(await shown(`<content${type}/>`), 'pre'), type).to.deep.equal([]);
  });

  it('is a link when it is elsewhere', async () => {
    const article = await shown(
      '<content type="video/mp4" src="https://a.example/v.mp4"/>',
      '<summary>a film</summary>',
    );
    expect(seen(article)).to.include('The content is elsewhere: https://a.example/v.mp4 (video/mp4)');
    expect(hrefs(article, 'noopener noreferrer nofollow')).to.deep.equal(['https://a.example/v.mp4']);
  });

  it('waits behind a line of ours when it has many, and is cut when it is long', async () => {
    const many = elements(await shown(`<content>${'line\n'.repeat(50)}</content>`), 'details');
    expect(many.map((details) => seen(elements(details, 'summary')[0]!))).to.deep.equal(['text/plain, 51 lines']);
    const long = await shown(`<content>${'long '.repeat(10_000)}</content>`);
    expect(elements(long, 'pre')[0]?.text).to.have.length(20_001);
    expect(seen(long)).to.include('This is the beginning only: the whole entry as Atom has the rest.');
  });

  it('is left out of a page that is long already, so that the page has its bounds', async () => {
    const content = `<content>${'&amp;'.repeat(30_000)}</content>`;
    const entries = Array.from({ length: 150 }, () => aStoredEntry({ content }));
    const text = await joined(writeHtmlPage(aDocument(), entries, URLS));
    const articles = text.split('<article>');
    expect(articles).to.have.length(151);
    expect(articles.filter((article) => article.includes('<pre'))).to.have.length(100);
    expect(articles.at(-1)).to.include('left out, for this page is long already');
  });
});

describe('an entry for a person', () => {
  const entryPage = async (entry: Entry): Promise<Element> => read(await writeHtmlEntry(entry, aDocument().feed, URLS));

  it('has its id, when it was recorded, the schemes of its categories, and all that is stored', async () => {
    const more = '<category term="a" scheme="https://s.example/" label="A"/><x:y xmlns:x="urn:x" z="1">foreign</x:y>';
    const page = await entryPage(aStoredEntry({ id: 'urn:x:1', title: 'one', more }));
    expect(elements(page, 'h1').map(seen)).to.deep.equal(['one']);
    expect(elements(page, 'dd').map(seen)).to.deep.equal([
      'urn:x:1',
      '2026-01-02 03:04:05 UTC',
      'A, of https://s.example/',
    ]);
    expect(elements(page, 'pre').at(-1)?.text).to.include('\n  <x:y xmlns:x="urn:x" z="1">foreign</x:y>\n');
    const others = elements(page, 'nav').at(-1);
    expect(elements(others!, 'a').map(({ attributes }) => attributes['href'])).to.include.members([
      `${FEED}/entries/urn%3Ax%3A1?format=atom`,
      `${FEED}/entries/urn%3Ax%3A1?format=json`,
    ]);
  });

  it('is there with more namespaces than a document may declare, which it can have from the feed that it came in', async () => {
    const declared = (name: string): string =>
      Array.from({ length: 150 }, (_, n) => `xmlns:${name}${String(n)}="urn:${name}${String(n)}"`).join(' ');
    const content = `<content type="application/xml"><x ${declared('c')}/></content>`;
    const page = await entryPage(aStoredEntry({ attributes: `${declared('a')} ${declared('b')}`, content }));
    expect(elements(page, 'pre')[0]?.text).to.include('xmlns:c149="urn:c149"').and.to.include('xmlns:a0="urn:a0"');
  });

  it('is called by its id when its title says nothing', async () => {
    expect(elements(await entryPage(aStoredEntry({ id: 'urn:x:2', title: ' ' })), 'h1').map(seen)).to.deep.equal([
      'urn:x:2',
    ]);
  });

  it('has of each kind of thing as many as a person reads', async () => {
    const authors = '<author><name>Ann</name></author>'.repeat(5_000);
    const links = Array.from({ length: 200 }, (_, n) => `<link rel="related" href="https://a.example/${n}"/>`).join('');
    const page = await entryPage(aStoredEntry({ title: 't'.repeat(100_000), more: authors + links }));
    expect(seen(page)).to.include('and 4951 more').and.to.include('and 150 more');
    expect(elements(page, 'h1').map(seen)[0]).to.have.length(301);
  });

  it('has no element, attribute or link but ours, whatever is in it', async () => {
    const hostile = fc.oneof(
      fc.constantFrom(
        '<script>alert(1)</script>',
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='alert(1)",
        'javascript:alert(1)',
        '</title></style></pre><svg onload=alert(1)>',
        '\u202e\u2066\u2069',
        '${alert(1)}',
        ']]>',
        '&lt;script&gt;',
      ),
      fc.string({ unit: 'binary' }).map((text) => text.replaceAll(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/g, ' ')),
    );
    const names = new Set(
      'html head meta title link style body nav ul li a bdi main h1 h2 p time span pre details summary dl dt dd footer'.split(
        ' ',
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(hostile, { minLength: 12, maxLength: 12 }), async (texts) => {
        const [a, b, c, d, e, f, g, h, i, j, k, l] = texts.map(escapeAttribute);
        const more =
          `<author><name>${a}</name><uri>${b}</uri><email>${c}</email></author>` +
          `<category term="${d}" scheme="${e}" label="${f}"/><link rel="${g}" href="${h}" title="${i}" type="${j}"/>` +
          `<summary type="html">${k}</summary><x xmlns="urn:x" y="${l}">${l}</x>`;
        const entry = aStoredEntry({ title: texts[0]!, more, attributes: `xml:lang="${a}"` });
        const page = await entryPage(entry);
        for (const element of all(page, 'html')) {
          expect([...names], element.local).to.include(element.local);
          for (const [name, value] of Object.entries(element.attributes)) {
            expect(name).to.match(/^(lang|charset|name|content|class|dir|href|rel|datetime|aria-label)$/);
            if (name === 'href') expect(value).to.match(/^(https?|mailto):/);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
