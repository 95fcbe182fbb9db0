import { expect } from 'chai';
import fc from 'fast-check';
import type { Entry } from '../../../../src/core/entry.js';
import { writeRss } from '../../../../src/formats/feed-readers/rss.js';
import { ATOM, AT, FH, childOf, childrenOf, parseXml } from '../../../support/atom.js';
import type { Element } from '../../../support/atom.js';
import { URLS, aDocument, aStoredEntry, aTombstone, joined } from '../../../support/page-document.js';
import { escapeAttribute, escapeText } from '../../../../src/formats/xml/xml.js';

const CONTENT = 'http://purl.org/rss/1.0/modules/content/';
const DC = 'http://purl.org/dc/elements/1.1/';

describe('a page as RSS 2.0', () => {
  const channelOf = async (entries: readonly Entry[], document = aDocument()): Promise<Element> => {
    const root = parseXml(await joined(writeRss(document, entries, URLS)));
    expect([root.local, root.uri, root.attributes['version']]).to.deep.equal(['rss', '', '2.0']);
    return childOf(root, 'channel', '');
  };
  const itemOf = async (entry: Entry): Promise<Element> => childOf(await channelOf([entry]), 'item', '');
  const textsOf = (element: Element, name: string, uri = ''): string[] =>
    childrenOf(element, name, uri).map(({ text }) => text);

  describe('has a channel', () => {
    it('with title, link, description and the time of its last change', async () => {
      const html = 'https://feeds.example.org/feeds/shop/orders?format=html';
      const document = aDocument({
        settings: { title: 'A & B <i>]]></i> &amp; "C"' },
        formats: [{ format: 'html', href: html }],
      });
      const channel = await channelOf([], document);
      expect(textsOf(channel, 'title')).to.deep.equal(['A & B <i>]]></i> &amp; "C"']);
      expect(textsOf(channel, 'link')).to.deep.equal([html]);
      expect(childOf(channel, 'description', '').text).to.include('A & B <i>]]></i> &amp; "C"');
      expect(textsOf(channel, 'lastBuildDate')).to.deep.equal(['Fri, 02 Jan 2026 03:04:05 GMT']);
    });

    it('with the links of the page, but not those to other representations', async () => {
      const links = [
        { rel: 'self', href: 'https://feeds.example.org/feeds/shop/orders?search=%2Ba&format=rss' },
        { rel: 'next', href: 'https://feeds.example.org/feeds/shop/orders?marker=3&direction=backward&format=rss' },
        { rel: 'alternate', type: 'text/html', href: 'https://feeds.example.org/feeds/shop/orders?format=html' },
      ];
      const channel = await channelOf([], aDocument({ links }));
      expect(childrenOf(channel, 'link', ATOM).map(({ attributes: { rel, href } }) => ({ rel, href }))).to.deep.equal(
        links.slice(0, 2).map(({ rel, href }) => ({ rel, href })),
      );
    });

    it('that says when it is a page of the archive', async () => {
      expect(childrenOf(await channelOf([], aDocument({ archive: true })), 'archive', FH)).to.have.length(1);
      expect(childrenOf(await channelOf([]), 'archive', FH)).to.deep.equal([]);
    });

    it('with the deleted entries as RFC 6721 writes them, in their place', async () => {
      const when = '2026-02-03T04:05:06.000007Z';
      const channel = await channelOf([aStoredEntry(), aTombstone('urn:x:"<&', when), aStoredEntry()]);
      const kinds = channel.children.map(({ local }) => local).filter((local) => /item|deleted/.test(local));
      expect(kinds).to.deep.equal(['item', 'deleted-entry', 'item']);
      expect(childOf(channel, 'deleted-entry', AT).attributes).to.include({ ref: 'urn:x:"<&', when });
    });
  });

  describe('has an item for each entry', () => {
    it('with its id as a guid that is no link, and its own URL when it names no other', async () => {
      const item = await itemOf(aStoredEntry({ id: 'tag:example.org,2026:a?b&amp;c' }));
      expect(childOf(item, 'guid', '')).to.deep.include({
        text: 'tag:example.org,2026:a?b&amp;c',
        attributes: { isPermaLink: 'false' },
      });
      expect(textsOf(item, 'link')).to.deep.equal([
        URLS.entry(aDocument().feed, 'tag:example.org,2026:a?b&amp;c').replace('&amp;', '%26amp%3B'),
      ]);
    });

    it('with the first alternate link that a browser can open', async () => {
      const more = ['javascript:alert(1)', 'relative', 'http://[', 'HTTP://Example.org/a b?c=<&amp;d']
        .map((href) => `<link href="${href.replace('<', '&lt;')}"/>`)
        .join('');
      expect(textsOf(await itemOf(aStoredEntry({ more })), 'link')).to.deep.equal(['http://example.org/a%20b?c=%3C&d']);
    });

    for (const [time, expected] of [
      ['2026-03-01T01:30:00.999+02:00', 'Sat, 28 Feb 2026 23:30:00 GMT'],
      ['1969-07-20T20:17:40Z', 'Sun, 20 Jul 1969 20:17:40 GMT'],
      ['2016-12-31T23:59:60Z', 'Sat, 31 Dec 2016 23:59:59 GMT'],
      ['0000-01-01T00:00:00Z', 'Sat, 01 Jan 0000 00:00:00 GMT'],
      ['0000-01-01T00:00:00+14:00', 'Sat, 01 Jan 0000 00:00:00 GMT'],
      ['9999-12-31T23:59:59-12:00', 'Fri, 31 Dec 9999 23:59:59 GMT'],
    ] as const) {
      it(`with ${time} as ${expected}`, async () => {
        const item = await itemOf(aStoredEntry({ published: time, updated: '2027-01-01T00:00:00.5Z' }));
        expect(textsOf(item, 'pubDate')).to.deep.equal([expected]);
        expect(textsOf(item, 'updated', ATOM)).to.deep.equal(['2027-01-01T00:00:00.5Z']);
      });
    }

    it('with the time of its last change when it does not say when it was published', async () => {
      const item = await itemOf(aStoredEntry({ updated: '2026-03-01T01:30:00Z' }));
      expect(textsOf(item, 'pubDate')).to.deep.equal(['Sun, 01 Mar 2026 01:30:00 GMT']);
    });

    it('with its categories and their schemes', async () => {
      const more =
        '<category term="a &amp; &quot;b&quot; &amp;amp; &lt;c>"/><category term="d" scheme="urn:s?&lt;&quot;&amp;"/>';
      const categories = childrenOf(await itemOf(aStoredEntry({ more })), 'category', '');
      expect(categories.map(({ text, attributes }) => [text, attributes['domain']])).to.deep.equal([
        ['a & "b" &amp; <c>', undefined],
        ['d', 'urn:s?<"&'],
      ]);
    });

    it('with all of its authors', async () => {
      const more = '<author><name>x &amp;lt; y</name><email>a@example.org</email></author>';
      const item = await itemOf(aStoredEntry({ author: 'Anna', more }));
      expect(textsOf(item, 'creator', DC)).to.deep.equal(['Anna', 'x &lt; y']);
    });

    it('with its first enclosure, of which the length may be unknown', async () => {
      const enclosures = [
        '<link rel="enclosure" href="ftp://example.org/no"/>',
        '<link rel="enclosure" href="http://example.org/a.mp3" type="audio/mpeg;x=&quot;&lt;&quot;" length="12345"/>',
        '<link rel="enclosure" href="http://example.org/b" length="many"/>',
      ];
      const first = childOf(await itemOf(aStoredEntry({ more: enclosures.join('') })), 'enclosure', '');
      expect(first.attributes).to.deep.equal({
        url: 'http://example.org/a.mp3',
        type: 'audio/mpeg;x="<"',
        length: '12345',
      });
      const last = childOf(await itemOf(aStoredEntry({ more: enclosures[2]! })), 'enclosure', '');
      expect(last.attributes).to.deep.equal({
        url: 'http://example.org/b',
        type: 'application/octet-stream',
        length: '0',
      });
    });

    it('with text as a description, which is HTML', async () => {
      const item = await itemOf(aStoredEntry({ content: '<content>1 &lt; 2 &amp;amp;\nsecond line</content>' }));
      expect(textsOf(item, 'description')).to.deep.equal(['1 &lt; 2 &amp;amp;<br>\nsecond line']);
      expect(childrenOf(item, 'encoded', CONTENT)).to.deep.equal([]);
    });

    it('with a JSON or XML payload as preformatted text', async () => {
      const json = await itemOf(
        aStoredEntry({ content: '<content type="application/json">{"a": "&lt;b>"}</content>' }),
      );
      expect(textsOf(json, 'description')).to.deep.equal(['<pre>{"a": "&lt;b&gt;"}</pre>']);
      const xml = await itemOf(
        aStoredEntry({ content: '<content type="application/xml"><a xmlns="urn:a"/></content>' }),
      );
      expect(textsOf(xml, 'description')).to.deep.equal(['<pre>&lt;a xmlns="urn:a"/&gt;</pre>']);
    });

    it('with HTML in content:encoded, and the summary as the description beside it', async () => {
      const content = '<content type="html">&lt;p>a ]]&gt; b ]]&gt; c &amp;amp;amp; &lt;/p></content>';
      const alone = await itemOf(aStoredEntry({ content }));
      expect(textsOf(alone, 'encoded', CONTENT)).to.deep.equal(['<p>a ]]> b ]]> c &amp;amp; </p>']);
      expect(childrenOf(alone, 'description', '')).to.deep.equal([]);
      const both = await itemOf(aStoredEntry({ content, more: '<summary>a &lt; b</summary>' }));
      expect(textsOf(both, 'description')).to.deep.equal(['a &lt; b']);
      expect(textsOf(both, 'encoded', CONTENT)).to.have.length(1);
    });

    it('with XHTML in content:encoded as HTML', async () => {
      const content =
        '<content type="xhtml"><h:div xmlns:h="http://www.w3.org/1999/xhtml">a<h:p/><h:br/><![CDATA[<b>]]></h:div></content>';
      expect(textsOf(await itemOf(aStoredEntry({ content })), 'encoded', CONTENT)).to.deep.equal([
        '<div>a<p></p><br>&lt;b&gt;</div>',
      ]);
    });

    it('with a word of what cannot be shown', async () => {
      const base64 = '<summary>a picture</summary><content type="image/png">iVBORw0KGgo=</content>';
      const picture = await itemOf(aStoredEntry({ content: base64 }));
      expect(textsOf(picture, 'description')).to.deep.equal(['a picture']);
      expect(textsOf(picture, 'encoded', CONTENT)).to.deep.equal(['image/png, 8 bytes']);
      const outside = await itemOf(
        aStoredEntry({
          content: '<content src="http://example.org/v" type="video/mp4"/><summary type="html"> </summary>',
        }),
      );
      expect(textsOf(outside, 'description')).to.deep.equal(['video/mp4 at http://example.org/v']);
      expect(childOf(outside, 'enclosure', '').attributes).to.include({
        url: 'http://example.org/v',
        type: 'video/mp4',
      });
    });

    it('with a title without markup, or its id where it would have neither title nor description', async () => {
      const html = await itemOf(aStoredEntry({ content: '', more: '' }));
      expect(textsOf(html, 'title')).to.deep.equal(['a title']);
      const bare = await itemOf(
        aStoredEntry({ id: 'urn:x:bare', title: ' ', content: '<content type="html"> </content>' }),
      );
      expect(textsOf(bare, 'title')).to.deep.equal(['urn:x:bare']);
      const told = await itemOf(aStoredEntry({ title: ' ' }));
      expect(childrenOf(told, 'title', '')).to.deep.equal([]);
    });
  });

  it('is well-formed and has each value again, whatever characters the entries hold', async () => {
    const letters = fc.constantFrom(
      ...[
        ']]>',
        '<![CDATA[',
        '&amp;',
        '&',
        '<',
        '>',
        '"',
        "'",
        '\r',
        '\n',
        '\t',
        '\0',
        '\x000\x00',
        '\ufffe',
        '😀',
        'a',
        '0',
        '</item>',
        '-->',
      ],
    );
    const legal = (text: string): string => text.replaceAll(/[\0\ufffe]/g, '\ufffd');
    const value = fc.array(letters, { maxLength: 8 }).map((parts) => legal(parts.join('')));
    await fc.assert(
      fc.asyncProperty(value, value, value, value, value, async (id, name, term, scheme, html) => {
        const entry = aStoredEntry({
          content: `<content type="html">${escapeText(html)}x</content>`,
          more: `<category term="${escapeAttribute(term)}" scheme="${escapeAttribute(scheme)}"/><author><name>${escapeText(name)}x</name></author>`,
        });
        const [item, other] = childrenOf(
          await channelOf([{ ...entry, atomId: `urn:x:${id}` }, aStoredEntry()]),
          'item',
          '',
        );
        expect(other).not.to.equal(undefined);
        expect(textsOf(item!, 'guid')).to.deep.equal([`urn:x:${id}`]);
        expect(textsOf(item!, 'creator', DC)[1]).to.equal(`${name}x`);
        expect(childOf(item!, 'category', '')).to.deep.include({ text: term, attributes: { domain: scheme } });
        expect(textsOf(item!, 'encoded', CONTENT)).to.deep.equal([`${html}x`]);
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
    const pieces = writeRss(aDocument(), entries(), URLS);
    for (let count = 0; count < 3; count += 1) await pieces.next();
    expect(asked).to.equal(2);
    await pieces.return(undefined);
  });
});
