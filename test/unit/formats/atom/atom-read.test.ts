import { expect } from 'chai';
import { digest } from '../../../../src/core/entry.js';
import type { EntryDraft } from '../../../../src/core/entry.js';
import { FeedsError } from '../../../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../../../src/core/feed.js';
import { readEntry } from '../../../../src/formats/atom/atom-read.js';
import type { ReadOptions } from '../../../../src/formats/atom/atom-read.js';
import { fixtures } from '../fixtures.js';

const OPTIONS: ReadOptions = { limits: DEFAULT_LIMITS, ownUrl: 'https://feeds.example.org/feeds/' };
const CONTENT = '<content>c</content>';

/** An entry in the default namespace with content, and this in it. */
function anEntry(inner: string, attributes = ''): string {
  return `<entry xmlns="http://www.w3.org/2005/Atom"${attributes}>${inner}${CONTENT}</entry>`;
}

function read(source: string | Buffer, options: Partial<ReadOptions> = {}): EntryDraft {
  const body = typeof source === 'string' ? Buffer.from(source) : source;
  const draft = readEntry(body, undefined, { ...OPTIONS, ...options });
  if (draft instanceof Promise) return expect.fail('a small body gave a promise');
  return draft;
}

function refusal(source: string, options: Partial<ReadOptions> = {}): FeedsError {
  try {
    read(source, options);
  } catch (error) {
    expect(error).to.be.instanceOf(FeedsError);
    return error as FeedsError;
  }
  return expect.fail(`accepted: ${source.slice(0, 300)}`);
}

/** Its violations as `path: message`. */
function mistakes(source: string, options: Partial<ReadOptions> = {}): string[] {
  const { code, details } = refusal(source, options);
  expect(code).to.equal('invalid-entry');
  return details.violations!.map(({ path, message }) => `${path}: ${message}`);
}

describe('reading an entry', () => {
  it('gives the text of an XML content, wherever it stands, and of no other', () => {
    const content = '<a:content type="application/xml" xml:lang="de"><x>1<y/></x></a:content>';
    for (const inner of [
      `${content}<a:id>urn:a</a:id>`,
      `<a:source><a:id>urn:b</a:id></a:source>${content}`,
      `<content/>${content}<z/>`,
    ]) {
      const draft = read(`<a:entry xmlns:a="http://www.w3.org/2005/Atom">${inner}</a:entry>`);
      expect(draft.content).to.deep.equal({ form: 'xml', type: 'application/xml', text: content });
    }
    expect(read(anEntry('')).content).to.deep.equal({ form: 'text', type: 'text', text: '' });
  });

  it('takes every sample, in its own words', () => {
    for (const { name, body, text } of fixtures()) {
      const draft = read(body);
      expect(text, name).to.contain(draft.open + draft.inner + draft.close);
      expect(draft.open, name).to.equal('<atom:entry xmlns:atom="http://www.w3.org/2005/Atom">');
      expect(draft.prefix, name).to.equal('atom:');
      expect(draft.atomId, name).to.equal(/<atom:id>(.*)<\/atom:id>/.exec(text)![1]);
      expect(draft.has, name).to.deep.equal({ title: true, updated: true, published: false, author: true });
      expect(draft.digest.equals(digest(draft.open + draft.inner + draft.close)), name).to.equal(true);
      expect(draft.terms, name).to.deep.equal([...text.matchAll(/category term="([^"]*)"/g)].map(([, term]) => term));
    }
  });

  it('tells what the publisher left to the server', () => {
    const bare = read(anEntry(''));
    expect(bare.atomId).to.equal(undefined);
    expect(bare.published).to.equal(undefined);
    expect(bare.terms).to.deep.equal([]);
    expect(bare.has).to.deep.equal({ title: false, updated: false, published: false, author: false });
    const full = read(
      anEntry('<id>urn:a</id><title/><updated>2024-01-01T00:00:00Z</updated><published>2024-01-02T00:00:00Z</published>' +
        '<author><name>n</name><email>a@b</email><uri>http://u</uri></author>'),
    ); // prettier-ignore
    expect(full.atomId).to.equal('urn:a');
    expect(full.published).to.equal('2024-01-02T00:00:00Z');
    expect(full.has).to.deep.equal({ title: true, updated: true, published: true, author: true });
  });

  it('takes the author of atom:source for one (RFC 4287 §4.2.1)', () => {
    expect(read(anEntry('<source><author><name>n</name></author></source>')).has.author).to.equal(true);
    expect(read(anEntry('<source><id>urn:s</id></source>')).has.author).to.equal(false);
  });

  it('gives terms as they were meant, each once, in their order', () => {
    const categories = ['b', 'a&amp;&#x41;', 'b', ' x\ny '].map((term) => `<category term="${term}"/>`).join('');
    expect(read(anEntry(categories)).terms).to.deep.equal(['b', 'a&A', ' x y ']);
  });

  it('keeps start tag, foreign markup, comments and line ends as they were written', () => {
    const inner = '\r\n<x:y xmlns:x="urn:x" x:z=\'1\'>&#65;<![CDATA[<]]></x:y><!-- c --><?p i?>\n<content>c</content>';
    const open =
      '<a:entry xmlns:a="http://www.w3.org/2005/Atom"\n  xml:lang="en"  xmlns = "http://www.w3.org/2005/Atom" x="&lt;" >';
    const draft = read(`<?xml version="1.0"?>\n<!-- before -->${open}${inner}</a:entry  >\n<!-- after -->`);
    expect(draft).to.include({ open, inner, close: '</a:entry>', prefix: 'a:' });
  });

  it('drops what only the server may say, but counts it in the digest', () => {
    const own =
      '<app:edited xmlns:app="http://www.w3.org/2007/app">2024-01-01T00:00:00Z</app:edited>' +
      '<link rel="edit" href="x"/><link rel="edit-media" href="x"><x/></link>' +
      '<link rel="http://www.iana.org/assignments/relation/edit" href="y"/>' +
      '<link rel="self" href="https://feeds.example.org/feeds/a/b/entries/1"/>';
    const kept =
      '<link rel="self" href="https://elsewhere.example.org/"/><app:control xmlns:app="http://www.w3.org/2007/app"/>';
    const draft = read(anEntry(`1${own}2${kept}3`));
    expect(draft.inner).to.equal(`12${kept}3${CONTENT}`);
    expect(draft.digest.equals(digest(anEntry(`1${own}2${kept}3`)))).to.equal(true);
    expect(draft.digest.equals(read(anEntry(`12${kept}3`)).digest)).to.equal(false);
  });

  it('drops the own parts at the top only', () => {
    const inner = '<x:y xmlns:x="urn:x"><link rel="edit" href="x"/></x:y>';
    expect(read(anEntry(inner)).inner).to.equal(inner + CONTENT);
  });

  it('says that there is no default namespace where one would change the meaning', () => {
    const entry = (inner: string): string =>
      `<a:entry xmlns:a="http://www.w3.org/2005/Atom"><a:content type="application/xml">${inner}</a:content></a:entry>`;
    expect(read(entry('<plain/>')).open).to.equal('<a:entry xmlns:a="http://www.w3.org/2005/Atom" xmlns="">');
    expect(read(entry('<b xmlns="urn:b"><c/></b>')).open).to.equal('<a:entry xmlns:a="http://www.w3.org/2005/Atom">');
    expect(read(entry('<b xmlns=""><c/></b>')).open).to.equal('<a:entry xmlns:a="http://www.w3.org/2005/Atom">');
    expect(read(entry('<b xmlns="urn:b"><c xmlns=""/></b><!-- -->')).open).to.not.contain('xmlns=""');
    expect(read(entry('')).open).to.not.contain('xmlns=""');
  });

  it('says so too where xsi:type may be what would change its meaning', () => {
    const content = (inner: string): string => `<a:content type="application/xml">${inner}</a:content>`;
    const declared =
      '<a:entry xmlns:a="http://www.w3.org/2005/Atom" xmlns:p="urn:p" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
    const entry = (inner: string): string => `${declared}>${inner}</a:entry>`;
    const typed = '<p:b xsi:type="c"/>';
    expect(read(entry(content(typed))).open).to.equal(`${declared} xmlns="">`);
    expect(read(entry(typed + content(''))).open).to.equal(`${declared} xmlns="">`);
    expect(read(entry(content(`<b xmlns="urn:b">${typed}</b>`))).open).to.equal(`${declared}>`);
    const own = `${declared} xmlns="urn:d">`;
    expect(read(`${own}${content(typed)}</a:entry>`).open).to.equal(own);
  });

  it('gives every entry the digest that it has had from the first version on', () => {
    const entry = (inner: string, attributes = ''): string =>
      `<a:entry xmlns:a="http://www.w3.org/2005/Atom"${attributes}><a:content type="application/xml">${inner}</a:content></a:entry>`;
    const digests = [
      anEntry(''),
      entry(''),
      entry('<plain/>'),
      entry('<x:b xmlns:x="urn:x" type="c"/>'),
      entry('<x:b xmlns:x="urn:x"><plain/></x:b>'),
      entry('<b xmlns="urn:b"/>'),
      entry('<plain/>', ' xmlns=""'),
      entry('<plain/>', ' xmlns="urn:d"'),
    ].map((source) => read(source).digest.toString('hex'));
    expect(digests).to.deep.equal([
      '56e71b12c662dc5b05bef26e8ecc3215',
      '204c44024040f68c01e0d7ed741512ba',
      'e43d86336988329c36778c8d7ae5013e',
      'f6afb0d406baddcc569e635755ca8f03',
      'b1d3246b2163742caa864406207127b2',
      '581c2abdd1d8d8cd71d60a79286c427e',
      'e43d86336988329c36778c8d7ae5013e',
      'c0345f3e4d0e57186bdc1eac5e11a038',
    ]);
  });

  it('reads other encodings', () => {
    const source = `<?xml version="1.0" encoding="ISO-8859-1"?>${anEntry('<title>Übung</title>')}`;
    expect(read(Buffer.from(source, 'latin1')).inner).to.contain('Übung');
    expect(read(Buffer.from(`\ufeff${anEntry('<title>東</title>')}`, 'utf16le')).inner).to.contain('東');
  });

  it('names all mistakes with their places, not only the first', () => {
    const source = [
      '<a:entry xmlns:a="http://www.w3.org/2005/Atom">',
      '  <a:id>no iri</a:id>',
      '  <a:updated>yesterday</a:updated>',
      '  <a:category term="x"/><a:category/>',
      '  <a:category term=""/>',
      '  <a:author/>',
      '</a:entry>',
    ].join('\n');
    const { violations } = refusal(source).details;
    expect(violations!.map(({ path, line, column }) => [path, line, column])).to.deep.equal([
      ['entry', 1, 1],
      ['entry/id', 2, 3],
      ['entry/updated', 3, 3],
      ['entry/category[2]/@term', 4, 25],
      ['entry/category[3]/@term', 5, 3],
      ['entry/author[1]', 6, 3],
    ]);
    expect(refusal(source).message).to.match(/^6 mistakes, the first in entry: /);
  });

  it('stops counting out mistakes at a hundred', () => {
    const { message, details } = refusal(anEntry('<link/>'.repeat(5000)));
    expect(details.violations).to.have.length(100);
    expect(message).to.match(/^\d+ mistakes \(the first 100 are told\)/);
  });

  it('refuses a root that is no entry, and says what to do', () => {
    const cases: [string, RegExp][] = [
      ['<feed xmlns="http://www.w3.org/2005/Atom"/>', /^feed: .*application\/atom\+xml;type=feed \(RFC 5023 §9\.2\)/],
      ['<entry/>', /^entry: .*"entry" without a namespace.*xmlns="http:\/\/www\.w3\.org\/2005\/Atom"/],
      ['<entry xmlns="http://purl.org/atom/ns#"/>', /^entry: .*Atom 0\.3/],
      ['<entry xmlns="urn:x"/>', /^entry: .*"entry" of urn:x/],
      ['<title xmlns="http://www.w3.org/2005/Atom"/>', /^title: .*atom:entry was expected/],
    ];
    for (const [source, message] of cases) {
      expect(mistakes(source)).to.have.length(1);
      expect(mistakes(source)[0]).to.match(message);
    }
  });

  it('refuses a second of what comes once (RFC 4287 §4.1.2)', () => {
    const once = {
      id: 'urn:a',
      title: '',
      updated: '2024-01-01T00:00:00Z',
      published: '2024-01-01T00:00:00Z',
      summary: '',
      rights: '',
      source: '',
    };
    for (const [name, text] of Object.entries(once)) {
      expect(mistakes(anEntry(`<${name}>${text}</${name}>`.repeat(3)))).to.deep.equal([
        `entry/${name}[2]: an entry has at most one atom:${name} (RFC 4287 §4.1.2)`,
      ]);
    }
    expect(mistakes(anEntry(CONTENT))).to.deep.equal([
      'entry/content[2]: an entry has at most one atom:content (RFC 4287 §4.1.2)',
    ]);
  });

  it('takes absolute IRIs as ids and nothing else', () => {
    const good = [
      'urn:uuid:3f7c1d52-8a94-4c0e-b1d7-6e20a9f5c301',
      'tag:a,2024:b',
      'http://é.example/東?q=%20#f',
      'x:1',
      `urn:${'é'.repeat(510)}`,
    ];
    for (const id of good) expect(read(anEntry(`<id>${id}</id>`)).atomId).to.equal(id);
    const bad = [
      '',
      ' ',
      ' urn:a',
      'urn:a\n',
      'relative',
      '/a',
      '1a:b',
      'urn:',
      'urn:a b',
      'urn:&lt;',
      'urn:"',
      'urn:a%2',
      'urn:{}',
      'urn:\\',
      'urn:|^`',
      'urn:\u0085',
    ];
    for (const id of bad) expect(mistakes(anEntry(`<id>${id}</id>`)), id).to.have.length(1);
    expect(mistakes(anEntry(`<id>urn:${'é'.repeat(511)}</id>`))[0]).to.match(/1026 bytes in UTF-8; at most 1024/);
    expect(mistakes(anEntry('<id>urn:<b/>a</id>'))[0]).to.match(/^entry\/id: atom:id holds text only/);
  });

  it('takes an id that comes in pieces', () => {
    expect(read(anEntry('<id>urn:<![CDATA[a]]>&amp;<!-- -->b</id>')).atomId).to.equal('urn:a&b');
  });

  it('refuses dates that are none (RFC 4287 §3.3)', () => {
    expect(
      mistakes(anEntry('<updated> 2024-01-01T00:00:00Z</updated><published>2024-02-30T00:00:00Z</published>')),
    ).to.deep.equal([
      'entry/updated: " 2024-01-01T00:00:00Z" is no date of RFC 3339 with upper-case T and Z, such as 2024-03-11T15:00:09.482Z (RFC 4287 §3.3)',
      'entry/published: "2024-02-30T00:00:00Z" is no date of RFC 3339 with upper-case T and Z, such as 2024-03-11T15:00:09.482Z (RFC 4287 §3.3)',
    ]);
    expect(read(anEntry('<published>2016-12-31T23:59:60Z</published>')).published).to.equal('2016-12-31T23:59:60Z');
  });

  it('checks text constructs (RFC 4287 §3.1)', () => {
    const div = '<div xmlns="http://www.w3.org/1999/xhtml"><p>x</p> y</div>';
    for (const name of ['title', 'summary', 'rights']) {
      const text = (type: string, inner: string): string => anEntry(`<${name}${type}>${inner}</${name}>`);
      for (const good of [
        text('', 'a'),
        text(' type="text"', ''),
        text(' type="html"', '&lt;b>'),
        text(' type="xhtml"', ` ${div}\n`),
      ])
        read(good);
      expect(mistakes(text('', '<b/>'))[0]).to.match(new RegExp(`^entry/${name}: type="text" holds text only`));
      expect(mistakes(text(' type="html"', '<b/>'))[0]).to.match(/type="html" holds text only/);
      expect(mistakes(text(' type="text/plain"', ''))[0]).to.match(
        /@type: "text\/plain" is none of text, html and xhtml/,
      );
      expect(mistakes(text(' type="xhtml"', ''))[0]).to.match(/but has 0 elements/);
      expect(mistakes(text(' type="xhtml"', div + div))[0]).to.match(/but has 2 elements/);
      expect(mistakes(text(' type="xhtml"', `x${div}`))[0]).to.match(/but has text beside it/);
      expect(mistakes(text(' type="xhtml"', '<div/>'))[0]).to.match(new RegExp(`^entry/${name}/div: `));
    }
  });

  it('keeps to the limits of the feed', () => {
    const limits = { bodyBytes: 1e6, categories: 2, categoryLength: 3, links: 1 };
    read(anEntry('<category term="😀😀😀"/><category term="b"/><link rel="x" href=""/><link rel="edit" href=""/>'), {
      limits,
    });
    expect(mistakes(anEntry('<category term="a"/>'.repeat(3)), { limits })).to.deep.equal([
      'entry: 3 categories; this feed takes at most 2 in an entry',
    ]);
    expect(mistakes(anEntry('<category term="abcd"/>'), { limits })).to.deep.equal([
      'entry/category[1]/@term: the term has 4 characters; this feed takes at most 3',
    ]);
    expect(mistakes(anEntry('<link rel="x" href=""/>'.repeat(2)), { limits })).to.deep.equal([
      'entry: 2 links; this feed takes at most 1 in an entry',
    ]);
  });

  it('checks links (RFC 4287 §4.2.7, §4.1.2)', () => {
    expect(mistakes(anEntry('<link/>'))).to.deep.equal([
      'entry/link[1]/@href: the href of an atom:link is missing (RFC 4287 §4.2.7.1)',
    ]);
    expect(mistakes(anEntry('<link rel="edit" href="a"/><link/>'))[0]).to.match(/^entry\/link\[2\]\/@href: /);
    expect(mistakes(anEntry('<link rel="x" href="a b"/>'))[0]).to.match(/^entry\/link\[1\]\/@href: white space/);
    read(anEntry('<link href="a"/><link href="b" type="text/html"/><link href="c" type="text/html" hreflang="de"/>'));
    expect(
      mistakes(anEntry('<link href="a" type="text/html"/><link rel="alternate" href="b" type="TEXT/html"/>'))[0],
    ).to.match(/^entry\/link\[2\]: a second atom:link rel="alternate" of the same type/);
  });

  it('checks persons (RFC 4287 §3.2)', () => {
    for (const person of ['author', 'contributor']) {
      const inner = (text: string): string => anEntry(`<${person}>${text}</${person}>`);
      read(inner('<name>a</name><x:y xmlns:x="urn:x"><name/></x:y>'));
      expect(mistakes(inner(''))[0]).to.match(new RegExp(`^entry/${person}\\[1\\]: .*exactly one atom:name, not 0`));
      expect(mistakes(inner('<name/><name/>'))[0]).to.match(/exactly one atom:name, not 2/);
      expect(mistakes(inner('<name/><uri/><uri/>'))[0]).to.match(/at most one atom:uri/);
      expect(mistakes(inner('<name/><email>a@b</email><email>a@b</email>'))[0]).to.match(/at most one atom:email/);
      expect(mistakes(inner('<name/><email>nobody</email>'))[0]).to.match(
        new RegExp(`^entry/${person}\\[1\\]/email: `),
      );
      expect(mistakes(inner('<name/><uri>a b</uri>'))[0]).to.match(new RegExp(`^entry/${person}\\[1\\]/uri: `));
    }
    expect(read(anEntry('<author><name/></author><author><name/></author>')).has.author).to.equal(true);
  });

  it('wants content or an alternate link (RFC 4287 §4.1.2)', () => {
    const entry = (inner: string): string => `<entry xmlns="http://www.w3.org/2005/Atom">${inner}</entry>`;
    expect(mistakes(entry('<title/><link rel="related" href="a"/>'))).to.deep.equal([
      'entry: neither atom:content nor an atom:link rel="alternate": one must be there (RFC 4287 §4.1.2)',
    ]);
    read(entry('<link href="a"/>'));
    read(entry('<content/>'));
  });

  it('checks content by its type (RFC 4287 §4.1.3)', () => {
    const content = (attributes: string, inner: string, summary = ''): string =>
      `<entry xmlns="http://www.w3.org/2005/Atom"><content ${attributes}>${inner}</content>${summary}</entry>`;
    const div = '<div xmlns="http://www.w3.org/1999/xhtml"/>';
    const summary = '<summary/>';
    const good = [
      content('', 'x'),
      content('type="html"', '&lt;b>'),
      content('type="xhtml"', div),
      content('type="application/xml"', '<a xmlns="urn:a"><b/><c/></a>'),
      content('type="image/svg+xml; charset=utf-8"', '<svg xmlns="urn:a"/>'),
      content('type="TEXT/XML"', '<a/>'),
      content('type="text/csv"', 'a,b'),
      content('type="image/png"', 'aGVs\nbG8=', summary),
      content('type="application/json"', 'eyJhIjoxfQ==', summary),
      content('type="application/json"', ' {"a": [1, null, "&lt;é"]}\n'),
      content('type="application/vnd.a+json"', '<![CDATA[{"a":"<&"}]]>'),
      content('src="http://a" type="image/png"', '', summary),
      content('src="http://a"', '<!-- -->', summary),
    ];
    for (const source of good) read(source);
    const bad: [string, RegExp][] = [
      [content('', '<b/>'), /^entry\/content: type="text" holds text only/],
      [content('type="html"', '<b/>'), /^entry\/content: type="html" holds text only/],
      [content('type="xhtml"', 'x'), /^entry\/content: .*0 elements/],
      [content('type="application/xml"', '<a/><b/>'), /^entry\/content: .*one child element, not 2/],
      [content('type="text/csv"', '<a/>'), /type="text\/csv" holds text only/],
      [content('type="multipart/mixed"', ''), /^entry\/content\/@type: .*§4\.1\.3\.1/],
      [content('type="message/rfc822"', ''), /^entry\/content\/@type: /],
      [content('type="plain"', ''), /^entry\/content\/@type: /],
      [content('type=""', ''), /^entry\/content\/@type: /],
      [content('type="image/png"', '{}', summary), /must be Base64 .* but "\{" is unexpected at character 1/],
      [content('type="image/png"', 'aGVsbG8='), /^entry: atom:summary is missing: .* the content is Base64/],
      [content('type="application/json"', 'e30='), /^entry: atom:summary is missing/],
      [content('type="application/json"', '{"a":}'), /must be JSON, but "\}" is unexpected at character 6; or Base64/],
      [content('type="application/json"', `${'['.repeat(101)}${']'.repeat(101)}`), /more than 100 deep/],
      [content('type="application/json"', '<a/>'), /holds text only/],
      [content('src="http://a" type="image/png"', ''), /^entry: atom:summary is missing: .* has a src/],
      [content('src="http://a" type="image/png"', 'x', summary), /^entry\/content: content with a src must be empty/],
      [
        content('src="http://a" type="image/png"', '<a/>', summary),
        /^entry\/content: content with a src must be empty/,
      ],
      [content('src="http://a" type="html"', '', summary), /^entry\/content\/@type: /],
      [content('src="a b" type="image/png"', '', summary), /^entry\/content\/@src: white space/],
    ];
    for (const [source, message] of bad) {
      expect(mistakes(source), source).to.have.length(1);
      expect(mistakes(source)[0], source).to.match(message);
    }
  });

  it('keeps elements of Atom that it does not know, and refuses those that belong elsewhere', () => {
    const later = '<in-reply-to ref="urn:x"><deep/></in-reply-to>';
    expect(read(anEntry(later)).inner).to.equal(later + CONTENT);
    for (const name of ['feed', 'entry', 'generator', 'icon', 'logo', 'subtitle', 'name', 'uri', 'email']) {
      expect(mistakes(anEntry(`<${name}/>`))).to.deep.equal([
        `entry/${name}: atom:${name} has no place in an entry (RFC 4287 §4.1.2)`,
      ]);
    }
  });

  it('does not take what merely looks like Atom for it', () => {
    const draft = read(
      anEntry('<id xmlns="urn:x">no iri</id><x:category xmlns:x="urn:x"/><updated xmlns="">never</updated>'),
    );
    expect(draft).to.include({ atomId: undefined });
    expect(draft.has.updated).to.equal(false);
  });
});
