import { expect } from 'chai';
import fc from 'fast-check';
import type { Entry } from '../../../../src/core/entry.js';
import { writeJsonFeed } from '../../../../src/formats/feed-readers/json-feed.js';
import { escapeAttribute, escapeText } from '../../../../src/formats/xml/xml.js';
import { checkJsonFeed } from '../../../support/json-feed-schema.js';
import type { JsonFeed, JsonFeedItem } from '../../../support/json-feed-schema.js';
import { URLS, aDocument, aStoredEntry, aTombstone, joined } from '../../../support/page-document.js';
import type { EntryParts } from '../../../support/build.js';

describe('a page as JSON Feed 1.1', () => {
  const written = async (entries: readonly Entry[], document = aDocument()): Promise<JsonFeed> =>
    checkJsonFeed(await joined(writeJsonFeed(document, entries, URLS)));
  const itemOf = async (parts: EntryParts): Promise<JsonFeedItem> => (await written([aStoredEntry(parts)])).items[0]!;

  describe('says of the feed', () => {
    const base = 'https://feeds.example.org/feeds/shop/orders';
    const links = [
      { rel: 'self', href: `${base}?marker=7&format=jsonfeed` },
      { rel: 'previous', href: `${base}?marker=9&direction=forward&format=jsonfeed` },
      { rel: 'next', href: `${base}?marker=3&direction=backward&format=jsonfeed` },
      { rel: 'prev-archive', href: `${base}/archive/1?format=jsonfeed` },
    ];

    it('its title, its page for people, itself, older and newer entries', async () => {
      const formats = [{ format: 'html', href: `${base}?marker=7&format=html` }];
      const feed = await written([], aDocument({ links, formats, settings: { title: 'Orders "&<"' } }));
      expect(feed).to.deep.include({
        title: 'Orders "&<"',
        home_page_url: `${base}?marker=7&format=html`,
        feed_url: links[0]!.href,
        next_url: links[2]!.href,
        items: [],
      });
      expect(feed._millrace.newer).to.equal(links[1]!.href);
    });

    it('where the archive goes on when it is a page of it', async () => {
      const archive = [links[0]!, links[3]!, { rel: 'next-archive', href: `${base}/archive/3?format=jsonfeed` }];
      const feed = await written([], aDocument({ links: archive, archive: true }));
      expect(feed.next_url).to.equal(`${base}/archive/1?format=jsonfeed`);
      expect(feed._millrace.newer).to.equal(`${base}/archive/3?format=jsonfeed`);
    });

    it('its author, with the page or else the address', async () => {
      const authorsOf = async (author: { name: string; uri?: string; email?: string }): Promise<unknown> =>
        (await written([], aDocument({ settings: { author } }))).authors;
      const [name, email] = ['A', 'a+b@example.org'];
      expect(await authorsOf({ name })).to.deep.equal([{ name }]);
      expect(await authorsOf({ name, email })).to.deep.equal([{ name, url: 'mailto:a%2Bb@example.org' }]);
      expect(await authorsOf({ name, email, uri: 'https://a.example' })).to.deep.equal([
        { name, url: 'https://a.example/' },
      ]);
      expect(await authorsOf({ name, uri: 'javascript:alert(1)' })).to.deep.equal([{ name }]);
    });

    it('which entries were deleted and when', async () => {
      const when = '2026-02-03T04:05:06.000007Z';
      const feed = await written([
        aStoredEntry({ id: 'urn:x:2' }),
        aTombstone('urn:x:"<&', when),
        aStoredEntry({ id: 'urn:x:1' }),
      ]);
      expect(feed._millrace.deleted).to.deep.equal([{ id: 'urn:x:"<&', when }]);
      expect(feed.items.map(({ id }) => id)).to.deep.equal(['urn:x:2', 'urn:x:1']);
    });
  });

  describe('says of an entry', () => {
    it('its id, and its own URL when it names no other', async () => {
      expect(await itemOf({ id: 'urn:x:a?b' })).to.include({
        id: 'urn:x:a?b',
        url: 'https://feeds.example.org/feeds/shop/orders/entries/urn%3Ax%3Aa%3Fb',
      });
    });

    it('where it is shown, and what it is about', async () => {
      const more =
        '<link href="javascript:alert(1)"/><link href="relative"/><link href="http://example.org/ä"/><link href="http://example.org/2"/>' +
        '<link rel="related" href="urn:x"/><link rel="related" href="https://elsewhere.example/"/>';
      expect(await itemOf({ more })).to.include({
        url: 'http://example.org/%C3%A4',
        external_url: 'https://elsewhere.example/',
      });
    });

    it('its times as their publisher wrote them', async () => {
      const [published, updated] = ['2016-12-31T23:59:60.5Z', '2017-01-01T02:03:04+02:30'];
      expect(await itemOf({ published, updated })).to.include({ date_published: published, date_modified: updated });
      expect(await itemOf({ updated })).to.include({ date_published: updated, date_modified: updated });
    });

    it('its categories once each, its authors and its language', async () => {
      const more = '<author><name/><email>b@example.org</email></author><author><name/></author>';
      const item = await itemOf({ categories: ['a', 'b "&', 'a'], author: 'A', more, attributes: 'xml:lang="de-AT"' });
      expect(item).to.deep.include({
        tags: ['a', 'b "&'],
        authors: [{ name: 'A' }, { url: 'mailto:b@example.org' }],
        language: 'de-AT',
      });
      for (const language of ['', 'no language']) {
        const none = await itemOf({ attributes: `xml:lang="${language}"` });
        expect(none).not.to.have.any.keys('language', 'tags');
      }
    });

    it('its title and summary without markup', async () => {
      const summary =
        '&lt;p>first &lt;b>bold&lt;/b> &amp;amp; x &amp;lt;i>&lt;/p>&lt;p>second&lt;script>no&lt;/script>&lt;/p>';
      const item = await itemOf({
        title: '  two\n lines <b> &amp; ',
        more: `<summary type="html">${summary}</summary>`,
      });
      expect(item).to.include({ title: 'two lines <b> &amp;', summary: 'first bold & x <i> second' });
    });

    for (const [what, content, expected] of [
      ['text', '<content>1 &lt; 2\n3</content>', { content_text: '1 < 2\n3' }],
      ['HTML', '<content type="html">&lt;b>x&lt;/b></content>', { content_html: '<b>x</b>' }],
      [
        'XHTML',
        '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p/>a<![CDATA[<]]></div></content>',
        { content_html: '<div xmlns="http://www.w3.org/1999/xhtml"><p></p>a&lt;</div>'.replace(/ xmlns="[^"]*"/, '') },
      ],
      ['JSON', '<content type="application/json">{"a": 1.0}</content>', { content_text: '{"a": 1.0}' }],
      ['JSON in Base64', '<content type="application/json">eyJhIjogMS4wfQ==</content>', { content_text: '{"a": 1.0}' }],
      ['CSV', '<content type="text/csv">a;b\n1;2</content>', { content_text: 'a;b\n1;2' }],
      ['a picture', '<content type="image/png">iVBORw0KGgo=</content>', { content_text: 'image/png, 8 bytes' }],
      ['nothing', '', { content_text: '' }],
      ['nothing but a summary', '<summary>s</summary>', { content_text: 's', summary: 's' }],
      [
        'nothing but a summary in HTML',
        '<summary type="html">&lt;i>s&lt;/i></summary>',
        { content_html: '<i>s</i>', summary: 's' },
      ],
    ] as const) {
      it(`its content when that is ${what}`, async () => {
        expect(await itemOf({ content })).to.include(expected);
      });
    }

    it('its content when that is XML, self-contained', async () => {
      const { content_text: text } = await itemOf({
        attributes: 'xmlns:x="urn:x"',
        content: '<content type="application/xml"><x:a b="&amp;"/></content>',
      });
      expect(text).to.match(/^<x:a b="&amp;" .*xmlns:x="urn:x".*\/>$/);
    });

    it('what is attached to it', async () => {
      const more =
        '<link rel="enclosure" href="http://example.org/a" type="audio/mpeg" length="123" title="A"/>' +
        '<link rel="enclosure" href="http://example.org/b" length="1e3"/><link rel="enclosure" href="file:///etc/passwd"/>';
      const content = '<content src="http://example.org/c" type="video/mp4"/>';
      expect((await itemOf({ content, more })).attachments).to.deep.equal([
        { url: 'http://example.org/c', mime_type: 'video/mp4' },
        { url: 'http://example.org/a', mime_type: 'audio/mpeg', title: 'A', size_in_bytes: 123 },
        { url: 'http://example.org/b', mime_type: 'application/octet-stream' },
      ]);
    });
  });

  it('gives every character again that an entry can hold', async () => {
    const character = fc.constantFrom('"', '\\', '\n', '\r', '\t', '\u2028', '\u007f', '😀', '<', '&', ']]>', 'a');
    const value = fc.array(character, { maxLength: 8 }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(value, value, async (text, term) => {
        const content = `<content>${escapeText(text)}x</content>`;
        const item = await itemOf({ content, more: `<category term="${escapeAttribute(term)}"/>` });
        expect(item).to.deep.include({ content_text: `${text}x`, tags: [term] });
      }),
    );
  });

  it('is given piece by piece', async () => {
    let asked = 0;
    function* entries(): Generator<Entry> {
      for (;;) {
        asked += 1;
        yield aStoredEntry();
      }
    }
    const pieces = writeJsonFeed(aDocument(), entries(), URLS);
    for (let count = 0; count < 3; count += 1) await pieces.next();
    expect(asked).to.equal(2);
    await pieces.return(undefined);
  });
});
