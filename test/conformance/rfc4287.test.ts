import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { ATOM, childOf, childrenOf, linksOf, parseXml } from '../support/atom.js';
import type { Element, FeedPage } from '../support/atom.js';
import { anEntry, anEntryWithoutId, anId } from '../support/build.js';
import { page, post, publish, publishSome } from '../support/publish.js';

/** RFC 3339, with the upper-case T and Z that RFC 4287 §3.3 asks for. */
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const ABSOLUTE = /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/;
const CONTENT = '<content>c</content>';

describe('RFC 4287, the Atom syndication format', () => {
  let app: TestApp;
  let feed: string;
  let pages: FeedPage[];

  before(async () => {
    app = await startApp();
    feed = await app.feed('atom');
    await publish(app, feed, { author: 'A', categories: ['x'] });
    await publishSome(app, feed, 30);
    const empty = await app.feed('empty');
    const queries = ['', '?limit=1', '?marker=31', '?marker=last', '?search=%2Bnothing', '/archive/1'];
    pages = await Promise.all([empty, ...queries.map((query) => feed + query)].map((path) => page(app, path)));
  });
  after(() => app.stop());

  const eachFeed = (check: (root: Element) => void): void => {
    for (const { root } of pages) check(root);
  };
  const eachEntry = (check: (entry: Element) => void): void => {
    for (const { entries } of pages) for (const entry of entries) check(entry);
  };
  const statusOf = async (body: string): Promise<number> => (await post(app, feed, body)).status;

  it('§2: documents are namespace-well-formed XML in http://www.w3.org/2005/Atom', () => {
    eachFeed(({ local, uri }) => expect([local, uri]).to.deep.equal(['feed', ATOM]));
  });

  it('§2: white space in an IRI and in a date is refused', async () => {
    expect(await statusOf(anEntry({ id: ' urn:x:a' }))).to.equal(422);
    expect(await statusOf(anEntry({ updated: ' 2026-01-01T00:00:00Z' }))).to.equal(422);
    expect(await statusOf(anEntry({ more: '<link rel="related" href="a b"/>' }))).to.equal(422);
  });

  it('§2: xml:base and xml:lang of an entry still hold for it where it is served', async () => {
    const path = await app.feed('base');
    await publish(app, path, { attributes: 'xml:base="http://example.org/" xml:lang="de"' });
    const [entry] = (await page(app, path)).entries;
    expect(entry?.attributes).to.include({ 'xml:base': 'http://example.org/', 'xml:lang': 'de' });
  });

  it('§3.1.1: a text construct is text, html or xhtml and nothing else', async () => {
    for (const type of ['text', 'html']) {
      expect(await statusOf(anEntry({ more: `<summary type="${type}">s</summary>` }))).to.equal(201);
      expect(await statusOf(anEntry({ more: `<summary type="${type}"><b/></summary>` }))).to.equal(422);
    }
    expect(await statusOf(anEntry({ more: '<summary type="text/plain">s</summary>' }))).to.equal(422);
  });

  it('§3.1.1.3: xhtml is one div of the XHTML namespace', async () => {
    const xhtml = (inner: string): string => anEntry({ more: `<summary type="xhtml">${inner}</summary>` });
    const div = '<div xmlns="http://www.w3.org/1999/xhtml"><p>s</p></div>';
    expect(await statusOf(xhtml(div))).to.equal(201);
    for (const wrong of [
      '',
      'text',
      '<p xmlns="http://www.w3.org/1999/xhtml"/>',
      '<div xmlns=""/>',
      div + div,
      `text${div}`,
    ]) {
      expect(await statusOf(xhtml(wrong)), wrong).to.equal(422);
    }
  });

  it('§3.2: a person has exactly one name, at most one uri and one email of the form name@host', async () => {
    const person = (inner: string): string => anEntry({ more: `<contributor>${inner}</contributor>` });
    expect(await statusOf(person('<name>n</name><uri>u</uri><email>a@b</email>'))).to.equal(201);
    for (const wrong of [
      '',
      '<name>a</name><name>b</name>',
      '<name>a</name><uri>a</uri><uri>b</uri>',
      '<name>a</name><email>a@b</email><email>c@d</email>',
      '<name>a</name><email>nobody</email>',
    ]) {
      expect(await statusOf(person(wrong)), wrong).to.equal(422);
    }
  });

  it('§3.3: dates are of RFC 3339 with an upper-case T and Z', async () => {
    eachFeed((root) => expect(childOf(root, 'updated').text).to.match(DATE));
    eachEntry((entry) => expect(childOf(entry, 'updated').text).to.match(DATE));
    for (const date of [
      '2026-01-01t00:00:00Z',
      '2026-01-01T00:00:00z',
      '2026-01-01T00:00:00',
      '2026-02-30T00:00:00Z',
      '',
    ]) {
      expect(await statusOf(anEntry({ updated: date })), date).to.equal(422);
    }
  });

  it('§4.1.1: a feed has exactly one id, title and updated', () => {
    eachFeed((root) => {
      for (const name of ['id', 'title', 'updated']) expect(childrenOf(root, name), name).to.have.length(1);
    });
  });

  it('§4.1.1: a feed has an author', () => {
    eachFeed((root) => expect(childOf(childOf(root, 'author'), 'name').text).not.to.equal(''));
  });

  it('§4.1.1: a feed has at most one generator, icon, logo, rights and subtitle, and a self link', () => {
    eachFeed((root) => {
      for (const name of ['generator', 'icon', 'logo', 'rights', 'subtitle']) {
        expect(childrenOf(root, name).length).to.be.below(2);
      }
      expect(childrenOf(root, 'link').filter(({ attributes }) => attributes['rel'] === 'self')).to.have.length(1);
    });
  });

  it('§4.1.1: no two alternate links of a feed have the same type and hreflang', () => {
    eachFeed((root) => {
      const alternates = childrenOf(root, 'link').filter(
        ({ attributes: { rel = 'alternate' } }) => rel === 'alternate',
      );
      const variants = alternates.map(({ attributes: { type, hreflang } }) => `${String(type)} ${String(hreflang)}`);
      expect(new Set(variants).size).to.equal(variants.length);
    });
  });

  it('§4.1.2: an entry has exactly one id, title and updated, also when its publisher left them out', async () => {
    await post(app, feed, anEntryWithoutId());
    const { entries } = await page(app, feed);
    for (const entry of entries) {
      for (const name of ['id', 'title', 'updated']) expect(childrenOf(entry, name), name).to.have.length(1);
    }
  });

  it('§4.1.2: an entry has an author, or its source has, or the server gives one', async () => {
    eachEntry((entry) => expect(childrenOf(entry, 'author')).to.have.length(1));
    const id = anId();
    await publish(app, feed, { id, more: `<source><id>urn:x:s</id><author><name>n</name></author></source>` });
    const entry = parseXml(await (await app.request(`${feed}/entries/${id}`)).text());
    expect(childrenOf(entry, 'author')).to.deep.equal([]);
  });

  for (const name of ['id', 'title', 'updated', 'published', 'rights', 'summary', 'content', 'source']) {
    it(`§4.1.2: an entry with a second ${name} is refused`, async () => {
      const text = { id: 'urn:x:2', updated: '2026-01-01T00:00:00Z', published: '2026-01-01T00:00:00Z' }[name] ?? '';
      const one = `<${name}>${text}</${name}>`;
      const already = ['id', 'content'].includes(name) ? one : one + one;
      expect(await statusOf(anEntry({ more: already }))).to.equal(422);
    });
  }

  it('§4.1.2: an entry without content has an alternate link', async () => {
    expect(await statusOf(anEntry({ content: '' }))).to.equal(422);
    expect(await statusOf(anEntry({ content: '', more: '<link rel="related" href="http://example.org/"/>' }))).to.equal(
      422,
    );
    expect(await statusOf(anEntry({ content: '', more: '<link href="http://example.org/"/>' }))).to.equal(201);
  });

  it('§4.1.2: two alternate links of one type and hreflang are refused', async () => {
    const link = (type: string): string => `<link type="${type}" href="http://example.org/"/>`;
    expect(await statusOf(anEntry({ more: link('text/html') + link('text/plain') }))).to.equal(201);
    expect(await statusOf(anEntry({ more: link('text/html') + link('text/html') }))).to.equal(422);
  });

  it('§4.1.2: a summary is there when the content has a src or is Base64', async () => {
    const summary = '<summary>s</summary>';
    for (const content of ['<content src="http://example.org/"/>', '<content type="image/png">AAAA</content>']) {
      expect(await statusOf(anEntry({ content })), content).to.equal(422);
      expect(await statusOf(anEntry({ content, more: summary })), content).to.equal(201);
    }
  });

  it('§4.1.3.1: the type of content is text, html, xhtml or a media type that is not composite', async () => {
    for (const type of ['multipart/mixed', 'message/rfc822', 'nonsense', 'text/']) {
      expect(await statusOf(anEntry({ content: `<content type="${type}">c</content>` })), type).to.equal(422);
    }
    expect(await statusOf(anEntry({ content: '<content type="text/plain">c</content>' }))).to.equal(201);
  });

  it('§4.1.3.2: content with a src is empty', async () => {
    const content = '<content src="http://example.org/">not empty</content>';
    expect(await statusOf(anEntry({ content, more: '<summary>s</summary>' }))).to.equal(422);
  });

  it('§4.1.3.3: content of an XML media type has one child element', async () => {
    const content = (inner: string): string => `<content type="application/xml">${inner}</content>`;
    expect(await statusOf(anEntry({ content: content('<x xmlns=""/>') }))).to.equal(201);
    expect(await statusOf(anEntry({ content: content('<x xmlns=""/><y xmlns=""/>') }))).to.equal(422);
  });

  it('§4.1.3.3: content of another media type is Base64', async () => {
    const content = '<content type="image/png">no base 64!</content>';
    expect(await statusOf(anEntry({ content, more: '<summary>s</summary>' }))).to.equal(422);
  });

  it('§4.2.2.1: a category has a term', async () => {
    expect(await statusOf(anEntry({ content: CONTENT, more: '<category scheme="http://example.org/"/>' }))).to.equal(
      422,
    );
    expect(await statusOf(anEntry({ more: '<category term="t" scheme="http://example.org/" label="l"/>' }))).to.equal(
      201,
    );
  });

  it('§4.2.6: ids are absolute IRIs, and do not change when what they name is moved or edited', async () => {
    eachFeed((root) => expect(childOf(root, 'id').text).to.match(ABSOLUTE));
    eachEntry((entry) => expect(childOf(entry, 'id').text).to.match(ABSOLUTE));
    const path = await app.feed('moved', { title: 'one' });
    const before = childOf((await page(app, path)).root, 'id').text;
    await app.feed('moved', { title: 'two' });
    expect(childOf((await page(app, path)).root, 'id').text).to.equal(before);
  });

  it('§4.2.6.1: ids are compared character by character', async () => {
    const path = await app.feed('alike');
    const ids = [
      'http://example.org/thing',
      'http://example.org/Thing',
      'http://EXAMPLE.org/thing',
      'http://example.org/%74hing',
    ];
    for (const id of ids) await publish(app, path, { id });
    expect((await page(app, path)).ids).to.deep.equal(ids.toReversed());
  });

  it('§4.2.7: a link has an href', async () => {
    expect(await statusOf(anEntry({ more: '<link rel="related"/>' }))).to.equal(422);
    eachEntry((entry) => {
      for (const [rel, href] of linksOf(entry)) expect(href, rel).to.match(ABSOLUTE);
    });
  });

  it('§6.2, §6.3: foreign markup is taken and kept', async () => {
    const id = await publish(app, feed, { more: '<x:y xmlns:x="urn:x" at="1">text<z/></x:y><unknown/>' });
    const entry = parseXml(await (await app.request(`${feed}/entries/${id}`)).text());
    expect(childOf(entry, 'y', 'urn:x').attributes).to.deep.equal({ at: '1' });
    expect(childrenOf(entry, 'unknown')).to.have.length(1);
  });

  it('§7: what is served is application/atom+xml', () => {
    for (const { headers } of pages) expect(headers.get('content-type')).to.match(/^application\/atom\+xml\b/);
  });
});
