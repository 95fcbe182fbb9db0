import { expect } from 'chai';
import { request as httpRequest } from 'node:http';
import { readFileSync, readdirSync } from 'node:fs';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { APP, ATOM, childOf, childrenOf, linksOf, parseXml, readFeed } from '../support/atom.js';
import type { Element } from '../support/atom.js';
import { aFeedOf, anEntry, anEntryWithoutId, anId } from '../support/build.js';
import { ENTRY_TYPE, FEED_TYPE, page, post, publish, publishSome } from '../support/publish.js';
import { parsed } from '../unit/formats/xml/infoset.js';

const FIXTURES = new URL('../fixtures/', import.meta.url);

interface Problem {
  readonly type: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly { path: string; message: string; line?: number; column?: number }[];
}

describe('publishing', () => {
  let app: TestApp;
  let feed: string;
  let editable: string;

  before(async () => {
    app = await startApp();
    feed = await app.feed('facts', { author: { name: 'The & shop', uri: 'https://shop.example/' }, title: 'Facts' });
    editable = await app.feed('editable', { editable: true });
  });
  after(() => app.stop());

  const member = (path: string, id: string): string => `${path}/entries/${encodeURIComponent(id)}`;
  const problemOf = async (response: Response): Promise<Problem> => {
    expect(response.headers.get('content-type')).to.equal('application/problem+json');
    return (await response.json()) as Problem;
  };
  const created = async (response: Response): Promise<Element> => {
    const text = await response.text();
    expect(response.status, text).to.equal(201);
    return parseXml(text);
  };
  const headOf = async (path: string): Promise<number> => {
    const { links } = await page(app, `${path}?limit=1`);
    return Number(/marker=(\d+)/.exec(links.get('previous') ?? '')?.[1]);
  };

  describe('an entry', () => {
    it('is 201 with its place, its tag and the entry as it is now kept', async () => {
      const id = anId();
      const response = await post(app, feed, anEntry({ id, title: 'a & b' }));
      const body = await response.text();
      expect(response.status).to.equal(201);
      expect(response.headers.get('content-type')).to.equal('application/atom+xml;type=entry;charset=utf-8');
      const location = response.headers.get('location') ?? '';
      expect(location).to.equal(`${app.url}${member(feed, id)}`);
      expect(response.headers.get('content-location')).to.equal(location);
      const read = await app.request(location, { headers: { 'accept-encoding': 'identity' } });
      expect(await read.text()).to.equal(body);
      expect(read.headers.get('etag')).to.equal(response.headers.get('etag'));
      expect(response.headers.get('etag')).to.match(/^"[!-~]+"$/);
      const entry = parseXml(body);
      expect(childOf(entry, 'title').text).to.equal('a & b');
      expect(linksOf(entry).get('self')).to.equal(location);
      expect(linksOf(entry).has('edit')).to.equal(false);
      expect(childOf(entry, 'edited', APP).text).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    });

    for (const type of [
      'application/atom+xml',
      'application/atom+xml;type=entry',
      'application/atom+xml; type="entry"; charset=utf-8',
      'Application/ATOM+XML ; Type=Entry',
    ]) {
      it(`is taken as ${type}`, async () => {
        await created(await post(app, feed, anEntry(), { 'content-type': type }));
      });
    }

    it('that leaves everything to the server is completed', async () => {
      const before = Date.now();
      const entry = await created(await post(app, feed, anEntryWithoutId()));
      expect(childOf(entry, 'id').text).to.match(
        /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
      expect(childOf(entry, 'title').text).to.equal('Facts');
      const author = childOf(entry, 'author');
      expect(childOf(author, 'name').text).to.equal('The & shop');
      expect(childOf(author, 'uri').text).to.equal('https://shop.example/');
      for (const name of ['updated', 'published']) {
        expect(Date.parse(childOf(entry, name).text), name).to.be.within(before - 1_000, Date.now() + 1_000);
      }
    });

    it('keeps what it says of itself, each thing once', async () => {
      const said = {
        title: 'T',
        updated: '1990-12-31T23:59:60Z',
        published: '1985-04-12T23:20:50.52+01:00',
        author: 'A',
      };
      const entry = await created(await post(app, feed, anEntry(said)));
      expect(childOf(entry, 'title').text).to.equal('T');
      expect(childOf(entry, 'updated').text).to.equal(said.updated);
      expect(childOf(entry, 'published').text).to.equal(said.published);
      expect(childOf(childOf(entry, 'author'), 'name').text).to.equal('A');
    });

    it('cannot say what only the server may', async () => {
      const own = `${app.url}${feed}/entries/x`;
      const entry = await created(
        await post(
          app,
          feed,
          anEntry({
            more: `<app:edited xmlns:app="${APP}">1999-01-01T00:00:00Z</app:edited><link rel="edit" href="http://evil.example/"/><link rel="self" href="${own}"/><link rel="related" href="r"/>`,
          }),
        ),
      );
      expect(childOf(entry, 'edited', APP).text).not.to.include('1999');
      expect(childrenOf(entry, 'link').map(({ attributes }) => attributes['rel'])).to.deep.equal(['related', 'self']);
    });

    it('takes its title from a Slug when it has none (RFC 5023 §9.7)', async () => {
      const titleFor = async (slug: string, parts = {}): Promise<string> =>
        childOf(await created(await post(app, feed, anEntry(parts), { slug })), 'title').text;
      expect(await titleFor('The Beach')).to.equal('The Beach');
      expect(await titleFor('The Beach at S%C3%A8te %3C&')).to.equal('The Beach at Sète <&');
      expect(await titleFor('100%')).to.equal('100%');
      expect(await titleFor('a%00b%0Ac%EF%BF%BF')).to.equal('a b c ');
      expect(await titleFor('  ')).to.equal('Facts');
      expect(await titleFor('unused', { title: 'own' })).to.equal('own');
      expect((await titleFor(encodeURIComponent('😀'.repeat(200)))).length).to.be.within(200, 255);
    });

    for (const file of readdirSync(FIXTURES).filter((name) => name.endsWith('.xml'))) {
      it(`as in ${file} comes back with the same infoset, alone, in a page and in an archive of its own`, async () => {
        const path = await app.feed(`fixture-${file.slice(0, 2)}`);
        const source = readFileSync(new URL(file, FIXTURES), 'utf8');
        const id = childOf(parseXml(source), 'id').text;
        expect((await post(app, path, source)).status).to.equal(201);
        const inner = (xml: string): string[] => {
          const lines = parsed(xml);
          const at = lines.findIndex((line) => line.startsWith('<') && line.includes('"entry"'));
          return lines.slice(at + 1);
        };
        const sent = inner(source).slice(0, -1);
        const has = (lines: string[]): void => {
          // What the server adds stands before and behind what was sent.
          const at = lines.indexOf(sent[1] ?? '') - 1;
          expect(lines.slice(at, at + sent.length - 1)).to.deep.equal(sent.slice(0, -1));
        };
        has(inner(await (await app.request(member(path, id))).text()));
        has(inner((await page(app, path)).xml));
      });
    }

    it('keeps namespaces, xml:lang, xml:base and markup as they were within a page', async () => {
      const path = await app.feed('infoset');
      const id = anId();
      const source = `<?xml version="1.0"?>
<a:entry xmlns:a="${ATOM}" xmlns:x="urn:x" xml:lang="de" xml:base="http://example.org/base/">
 <a:id>${id}</a:id><a:title type="html">&lt;b&gt;A&lt;/b&gt;</a:title>
 <plain><x:deep xmlns="urn:default" at="1" x:at="2"><inner/></x:deep></plain>
 <a:content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml" xml:lang="fr"><p>a<!-- c -->b<![CDATA[<c>]]>&#x1F600;&#13;</p></div></a:content>
 <a:link rel="related" href="rel/ative"/>
</a:entry>`;
      await created(await post(app, path, source));
      const inPage = parseXml((await page(app, path)).xml);
      const entry = childOf(inPage, 'entry');
      expect(entry.attributes).to.deep.equal({ 'xml:lang': 'de', 'xml:base': 'http://example.org/base/' });
      const plain = childOf(entry, 'plain', '');
      expect(childOf(childOf(plain, 'deep', 'urn:x'), 'inner', 'urn:default').attributes).to.deep.equal({});
      expect(childOf(plain, 'deep', 'urn:x').attributes).to.deep.equal({ at: '1', 'x:at': '2' });
      const div = childOf(childOf(entry, 'content'), 'div', 'http://www.w3.org/1999/xhtml');
      expect(div.text).to.equal('ab<c>😀\r');
      expect(linksOf(entry).get('related')).to.equal('rel/ative');
    });

    it('in UTF-16 and in ISO-8859-1 is kept as the same characters', async () => {
      const utf16 = Buffer.from(`\ufeff${anEntry({ title: 'é日😀' }).replace('UTF-8', 'UTF-16')}`, 'utf16le');
      expect(childOf(await created(await post(app, feed, utf16)), 'title').text).to.equal('é日😀');
      const latin = Buffer.from(anEntry({ title: 'é' }).replace('UTF-8', 'ISO-8859-1'), 'latin1');
      expect(childOf(await created(await post(app, feed, latin)), 'title').text).to.equal('é');
    });
  });

  describe('an id', () => {
    for (const id of [
      'http://example.org/a/b//c/?q=1&r=2#frag',
      'http://example.org/with/slash/',
      'http://example.org/1+1=2',
      'http://example.org/100%25/a%20b',
      'http://example.org/%C3%A9',
      'http://example.org/é/日本/😀',
      "urn:x:(odd)'!*;:@$,~",
      'tag:example.org,2026:..',
      'urn:x:/../../etc/passwd',
      'urn:x:last',
      'x:1',
    ]) {
      it(`${id} is found at its Location, and as it stands where a URL can carry it`, async () => {
        const path = await app.feed('odd-ids');
        const response = await post(app, path, anEntry({ id }));
        expect(response.status).to.equal(201);
        const location = response.headers.get('location') ?? '';
        expect(location).to.match(/^[!-~]+$/);
        const idAt = async (url: string): Promise<string> => {
          const found = await app.request(url);
          const text = await found.text();
          expect(found.status, text).to.equal(200);
          return childOf(parseXml(text), 'id').text;
        };
        expect(await idAt(location)).to.equal(id);
        // What fetch would change on its way, or what starts a query or a fragment.
        if (!/[?#]|\.\./.test(id)) expect(await idAt(`${app.url}${path}/entries/${id}`)).to.equal(id);
        const { entries } = await page(app, path);
        const self = entries.map((entry) => linksOf(entry).get('self'));
        expect(self).to.include(location);
      });
    }

    it('with a slash at its end is another one than without', async () => {
      const path = await app.feed('slashes');
      await publish(app, path, { id: 'http://example.org/x/' });
      expect((await app.request(`${path}/entries/http://example.org/x/`)).status).to.equal(200);
      expect((await app.request(`${path}/entries/http://example.org/x`)).status).to.equal(404);
      await publish(app, path, { id: 'http://example.org/x' });
      const text = await (await app.request(member(path, 'http://example.org/x'))).text();
      expect(childOf(parseXml(text), 'id').text).to.equal('http://example.org/x');
    });

    it('of 1,024 bytes is taken, of 1,025 refused', async () => {
      await created(await post(app, feed, anEntry({ id: `urn:x:${'a'.repeat(1_018)}` })));
      const long = await post(app, feed, anEntry({ id: `urn:x:${'é'.repeat(509)}a` }));
      expect((await problemOf(long)).status).to.equal(422);
    });

    for (const id of ['', 'relative/path', 'no scheme', 'urn:x:white space', ' urn:x:1', 'http://example.org/%zz']) {
      it(`"${id}" is no absolute IRI and is refused with its place`, async () => {
        const problem = await problemOf(await post(app, feed, anEntry({ id })));
        expect(problem).to.include({ status: 422, type: 'urn:millrace:problem:invalid-entry' });
        expect(problem.errors?.[0]).to.include({ path: 'entry/id', line: 2 });
      });
    }
  });

  describe('the same again', () => {
    it('replays the first answer and writes nothing', async () => {
      const path = await app.feed('again');
      const body = anEntry();
      const [first, again] = [await post(app, path, body), await post(app, path, body)];
      expect(again.status).to.equal(201);
      expect(first.headers.get('idempotent-replayed')).to.equal(null);
      expect(again.headers.get('idempotent-replayed')).to.equal('true');
      for (const name of ['location', 'etag', 'content-location']) {
        expect(again.headers.get(name)).to.equal(first.headers.get(name));
      }
      expect(await again.text()).to.equal(await first.text());
      expect(await headOf(path)).to.equal(1);
    });

    it('with other content is 409', async () => {
      const id = anId();
      await publish(app, feed, { id });
      const problem = await problemOf(await post(app, feed, anEntry({ id, title: 'other' })));
      expect(problem).to.include({ status: 409, type: 'urn:millrace:problem:id-conflict' });
    });

    it('at the same time is one entry, and one answer is the first', async () => {
      const path = await app.feed('at-once');
      const body = anEntry();
      const answers = await Promise.all(Array.from({ length: 20 }, () => post(app, path, body)));
      expect(answers.map(({ status }) => status)).to.deep.equal(Array.from({ length: 20 }, () => 201));
      expect(answers.filter(({ headers }) => !headers.has('idempotent-replayed'))).to.have.length(1);
      expect(await headOf(path)).to.equal(1);
    });

    it('with an Idempotency-Key and no id replays, other content under the key is 409', async () => {
      const path = await app.feed('keys');
      const other = await app.feed('other-keys');
      const body = anEntryWithoutId({ title: 'one' });
      const first = await post(app, path, body, { 'idempotency-key': '"k-1"' });
      const again = await post(app, path, body, { 'idempotency-key': 'k-1' });
      expect(again.headers.get('idempotent-replayed')).to.equal('true');
      expect(again.headers.get('location')).to.equal(first.headers.get('location'));
      const id = childOf(await created(first), 'id').text;
      expect(id).to.match(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5/);
      const different = await post(app, path, anEntryWithoutId({ title: 'two' }), { 'idempotency-key': 'k-1' });
      expect(different.status).to.equal(409);
      expect(childOf(await created(await post(app, path, body, { 'idempotency-key': 'k-2' })), 'id').text).not.to.equal(
        id,
      );
      expect(
        childOf(await created(await post(app, other, body, { 'idempotency-key': 'k-1' })), 'id').text,
      ).not.to.equal(id);
      expect(await headOf(path)).to.equal(2);
    });

    it('without an id and without a key is another entry', async () => {
      const path = await app.feed('keyless');
      const body = anEntryWithoutId();
      await created(await post(app, path, body));
      await created(await post(app, path, body));
      expect(await headOf(path)).to.equal(2);
    });

    it('with a key that is empty or too long is refused', async () => {
      for (const key of ['""', 'x'.repeat(256)]) {
        expect((await post(app, feed, anEntry(), { 'idempotency-key': key })).status, key).to.equal(400);
      }
    });

    it('after an edit replays still, after a deletion it is 410', async () => {
      const id = anId();
      const body = anEntry({ id });
      const first = await post(app, editable, body);
      const put = await app.request(member(editable, id), {
        method: 'PUT',
        headers: { 'content-type': ENTRY_TYPE, 'if-match': first.headers.get('etag') ?? '' },
        body: anEntry({ id, title: 'second' }),
      });
      expect(put.status).to.equal(200);
      const again = await post(app, editable, body);
      expect(again.status).to.equal(201);
      expect(again.headers.get('idempotent-replayed')).to.equal('true');
      expect(again.headers.get('location')).to.equal(first.headers.get('location'));
      expect(childOf(await created(again), 'id').text).to.equal(id);
      // What the edit put there is not what was first published.
      expect((await post(app, editable, anEntry({ id, title: 'second' }))).status).to.equal(409);
      expect((await app.request(member(editable, id), { method: 'DELETE' })).status).to.equal(204);
      expect((await post(app, editable, body)).status).to.equal(410);
      expect((await app.request(member(editable, id))).status).to.equal(410);
      expect((await app.request(member(editable, id), { method: 'DELETE' })).status).to.equal(410);
    });
  });

  describe('a feed document', () => {
    it('publishes its entries in their order as one batch', async () => {
      const path = await app.feed('batch');
      const ids = [anId(), anId(), anId()];
      const response = await post(app, path, aFeedOf(ids.map((id) => ({ id }))), { 'content-type': FEED_TYPE });
      expect(response.status).to.equal(201);
      const answer = parseXml(await response.text());
      expect(childrenOf(answer, 'entry').map((entry) => childOf(entry, 'id').text)).to.deep.equal(ids);
      expect((await page(app, path)).ids).to.deep.equal(ids.toReversed());
    });

    it('is all or none, and the answer names every entry that offends', async () => {
      const path = await app.feed('none');
      const taken = await publish(app, path);
      const conflicting = await post(
        app,
        path,
        aFeedOf([{}, { id: taken, title: 'other' }, {}, { id: taken, title: 'third' }]),
        { 'content-type': FEED_TYPE },
      );
      const problem = await problemOf(conflicting);
      expect(problem.status).to.equal(409);
      expect(problem.errors?.map(({ path: at }) => at)).to.deep.equal(['feed/entry[2]', 'feed/entry[4]']);
      const invalid = await post(app, path, aFeedOf([{ id: 'x' }, {}, { updated: 'now' }]), {
        'content-type': FEED_TYPE,
      });
      const second = await problemOf(invalid);
      expect(second.status).to.equal(422);
      expect(second.errors?.map(({ path: at }) => at)).to.deep.equal(['feed/entry[1]/id', 'feed/entry[3]/updated']);
      expect(await headOf(path)).to.equal(1);
    });

    it('replays as a whole, also by its Idempotency-Key', async () => {
      const path = await app.feed('batch-again');
      const source = aFeedOf([{}, {}]);
      const keyed = source.replaceAll(/<id>.*?<\/id>/g, '');
      for (const [body, headers] of [
        [source, {}],
        [keyed, { 'idempotency-key': 'batch-1' }],
      ] as const) {
        const [first, again] = [
          await post(app, path, body, { 'content-type': FEED_TYPE, ...headers }),
          await post(app, path, body, { 'content-type': FEED_TYPE, ...headers }),
        ];
        expect(first.headers.get('idempotent-replayed')).to.equal(null);
        expect(again.status).to.equal(201);
        expect(again.headers.get('idempotent-replayed')).to.equal('true');
        const idsIn = async (response: Response): Promise<string[]> =>
          childrenOf(parseXml(await response.text()), 'entry').map((entry) => childOf(entry, 'id').text);
        expect(await idsIn(again)).to.deep.equal(await idsIn(first));
      }
      expect(await headOf(path)).to.equal(4);
    });

    it('sent as an entry is refused, and an entry sent as a feed too (RFC 5023 §9.2)', async () => {
      for (const type of ['application/atom+xml', ENTRY_TYPE]) {
        expect((await post(app, feed, aFeedOf([{}]), { 'content-type': type })).status, type).to.equal(422);
      }
      expect((await post(app, feed, anEntry(), { 'content-type': FEED_TYPE })).status).to.equal(422);
    });

    it('without an entry is refused', async () => {
      expect((await post(app, feed, aFeedOf([]), { 'content-type': FEED_TYPE })).status).to.equal(422);
    });
  });

  describe('what cannot be taken', () => {
    for (const [what, body, status] of [
      ['an empty body', '', 400],
      ['white space', ' \n', 400],
      ['JSON', '{}', 400],
      ['half an entry', anEntry().slice(0, -10), 400],
      ['a DOCTYPE', `<!DOCTYPE x>${anEntry().slice(39)}`, 400],
      ['an illegal character', anEntry({ title: '&#0;' }).replace('&amp;', '&'), 400],
      ['an unbound prefix', anEntry({ more: '<x:y/>' }), 400],
      ['another root', '<html/>', 422],
      ['Atom 0.3', '<entry xmlns="http://purl.org/atom/ns#"/>', 422],
      ['neither content nor an alternate', anEntry({ content: '' }), 422],
      ['two ids', anEntry({ more: '<id>urn:x:2</id>' }), 422],
    ] as const) {
      it(`${what} is ${String(status)} with a message`, async () => {
        const problem = await problemOf(await post(app, feed, body));
        expect(problem.status, problem.detail).to.equal(status);
        expect(problem.detail.length).to.be.above(10);
      });
    }

    it('every mistake is told, with its place', async () => {
      const body = anEntry({ id: 'x', updated: 'today', more: '\n<category/>\n<link/>' });
      const { errors = [] } = await problemOf(await post(app, feed, body));
      expect(errors.map(({ path, line }) => `${path} ${String(line)}`)).to.deep.equal([
        'entry/id 2',
        'entry/updated 2',
        'entry/category[1]/@term 3',
        'entry/link[1]/@href 4',
      ]);
    });

    it('the limits of the feed hold, at their edge', async () => {
      const limits = { bodyBytes: 2_000, categories: 2, categoryLength: 5, links: 1 };
      const path = await app.feed('narrow', { limits });
      const link = '<link rel="related" href="http://example.org/"/>';
      const atEdge = anEntry({ categories: ['12345', '😀😀😀😀😀'], more: link });
      await created(await post(app, path, atEdge));
      const over = anEntry({ categories: ['123456', 'b', 'c'], more: link + link });
      const problem = await problemOf(await post(app, path, over));
      expect(problem.status).to.equal(422);
      expect(problem.errors).to.have.length(3);
      const padded = (bytes: number): string => {
        const body = anEntry({ id: `urn:x:padded:${String(bytes)}` });
        return body + ' '.repeat(bytes - Buffer.byteLength(body));
      };
      expect((await post(app, path, padded(2_000))).status).to.equal(201);
      expect((await post(app, path, padded(2_001))).status).to.equal(413);
    });

    for (const type of [
      'application/xml',
      'text/plain',
      'application/json5',
      'application/atom+xml;type=other',
      'nonsense',
      'image/png',
    ]) {
      it(`${type} is 415 and says what can be posted`, async () => {
        const response = await post(app, feed, anEntry(), { 'content-type': type });
        expect(response.status).to.equal(415);
        expect(response.headers.get('accept-post')).to.include('application/atom+xml;type=entry');
      });
    }

    it('a content coding is 415 and says so', async () => {
      const response = await post(app, feed, anEntry(), { 'content-encoding': 'gzip' });
      expect(response.status).to.equal(415);
      expect(response.headers.get('accept-encoding')).to.equal('identity');
    });

    it('a publisher that cannot take Atom back is 406, and nothing is written', async () => {
      const path = await app.feed('unacceptable');
      expect((await post(app, path, anEntry(), { accept: 'image/png' })).status).to.equal(406);
      expect(await headOf(path)).to.equal(0);
    });

    it('a large body that is refused early is still answered', async () => {
      const body = Buffer.alloc(4_000_000, 'x');
      for (const [path, headers, status] of [
        [feed, { 'content-type': 'image/png' }, 415],
        [feed, { authorization: 'Bearer wrong' }, 401],
        ['/feeds/shop/nowhere', {}, 404],
        [`${feed}/archive/1`, {}, 405],
        [feed, {}, 413],
        ['/nowhere', {}, 404],
      ] as const) {
        for (const chunked of [false, true]) {
          const got = await new Promise<number>((resolve, reject) => {
            const sent = httpRequest(`${app.url}${path}`, {
              method: 'POST',
              headers: {
                'content-type': ENTRY_TYPE,
                authorization: 'Bearer test-token-0123456789abcdef',
                ...(chunked ? {} : { 'content-length': String(body.length) }),
                ...headers,
              },
            });
            sent.on('response', (response) => {
              response.resume();
              resolve(response.statusCode ?? 0);
            });
            sent.on('error', reject);
            sent.end(body);
          });
          expect(got, path).to.equal(status);
        }
      }
    });

    it('a client that writes on while it is refused gets to read the answer, and may go on', async function () {
      this.timeout(60_000);
      const body = Buffer.alloc(4_000_000, 'x');
      for (let round = 0; round < 15; round += 1) {
        const refused = await post(app, feed, body, round % 2 === 0 ? { 'content-type': 'image/png' } : {});
        expect(refused.status).to.equal(round % 2 === 0 ? 415 : 413);
        await refused.arrayBuffer();
      }
      expect((await post(app, feed, anEntry())).status).to.equal(201);
    });
  });

  describe('an ordinary feed', () => {
    it('has neither PUT nor DELETE, and says so', async () => {
      const id = await publish(app, feed);
      for (const method of ['PUT', 'DELETE', 'POST', 'PATCH']) {
        const response = await app.request(member(feed, id), {
          method,
          headers: { 'content-type': ENTRY_TYPE, 'if-match': '*' },
          ...(method === 'DELETE' ? {} : { body: anEntry({ id }) }),
        });
        expect(response.status, method).to.equal(405);
        expect(response.headers.get('allow')).to.equal('GET, HEAD, OPTIONS');
      }
      const options = await app.request(member(feed, id), { method: 'OPTIONS' });
      expect(options.headers.get('allow')).to.equal('GET, HEAD, OPTIONS');
    });
  });

  describe('an editable feed', () => {
    const put = (id: string, etag: string | undefined, body: string, headers = {}): Promise<Response> =>
      app.request(member(editable, id), {
        method: 'PUT',
        headers: { 'content-type': ENTRY_TYPE, ...(etag === undefined ? {} : { 'if-match': etag }), ...headers },
        body,
      });
    const tagOf = async (id: string, headers: Record<string, string> = {}): Promise<string> => {
      const response = await app.request(member(editable, id), { headers });
      await response.arrayBuffer();
      return response.headers.get('etag') ?? '';
    };

    it('tells its methods, and where an entry may be edited', async () => {
      const id = await publish(app, editable);
      const options = await app.request(member(editable, id), { method: 'OPTIONS' });
      expect(options.headers.get('allow')).to.equal('GET, HEAD, PUT, DELETE, OPTIONS');
      const response = await app.request(member(editable, id), { method: 'PATCH' });
      expect(response.headers.get('allow')).to.equal('GET, HEAD, PUT, DELETE, OPTIONS');
      const entry = parseXml(await (await app.request(member(editable, id))).text());
      expect(linksOf(entry).get('edit')).to.equal(`${app.url}${member(editable, id)}`);
    });

    it('replaces an entry: a new revision at the next position, with a new tag', async () => {
      const id = await publish(app, editable, { title: 'one' });
      const before = await headOf(editable);
      const tag = await tagOf(id);
      const response = await put(id, tag, anEntry({ id, title: 'two' }));
      const body = await response.text();
      expect(response.status, body).to.equal(200);
      expect(response.headers.get('content-location')).to.equal(`${app.url}${member(editable, id)}`);
      expect(childOf(parseXml(body), 'title').text).to.equal('two');
      const now = await tagOf(id, { 'accept-encoding': 'identity' });
      expect(response.headers.get('etag')).to.equal(now);
      expect(now).not.to.equal(tag);
      expect(await headOf(editable)).to.equal(before + 1);
    });

    it('wants If-Match for PUT: 428 without, 412 when it is stale, weak or of something else', async () => {
      const id = await publish(app, editable, { title: 'one' });
      const other = await tagOf(await publish(app, editable));
      const tag = await tagOf(id);
      const body = anEntry({ id, title: 'two' });
      expect((await put(id, undefined, body)).status).to.equal(428);
      for (const wrong of [other, `W/${tag}`, '"x"', 'x', '']) {
        expect((await put(id, wrong, body)).status, wrong).to.be.oneOf([412, 428]);
      }
      expect((await put(id, tag, body)).status).to.equal(200);
      expect((await put(id, tag, anEntry({ id, title: 'three' }))).status).to.equal(412);
    });

    it('takes a list, a star, and the tag of any coding', async () => {
      const id = await publish(app, editable, { content: `<content>${'long '.repeat(500)}</content>` });
      let title = 0;
      for (const accept of ['identity', 'gzip', 'br']) {
        const tag = await tagOf(id, { 'accept-encoding': accept });
        expect((await put(id, `"x", ${tag}`, anEntry({ id, title: String(++title) }))).status, accept).to.equal(200);
        await put(
          id,
          '*',
          anEntry({ id, title: String(++title), content: `<content>${'long '.repeat(500)}</content>` }),
        );
      }
      expect(childOf(parseXml(await (await app.request(member(editable, id))).text()), 'title').text).to.equal('6');
    });

    it('lets one of two simultaneous edits win', async () => {
      const id = await publish(app, editable);
      const tag = await tagOf(id);
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, index) => put(id, tag, anEntry({ id, title: String(index) }))),
      );
      expect(answers.map(({ status }) => status).toSorted()).to.deep.equal([200, 412, 412, 412, 412, 412, 412, 412]);
    });

    it('keeps the id and the time of publication of what is replaced', async () => {
      const id = await publish(app, editable);
      const publishedOf = async (): Promise<string> =>
        childOf(parseXml(await (await app.request(member(editable, id))).text()), 'published').text;
      const first = await publishedOf();
      expect((await put(id, '*', anEntryWithoutId({ title: 'no id' }))).status).to.equal(200);
      expect(await publishedOf()).to.equal(first);
      expect((await put(id, '*', anEntry({ id: anId() }))).status).to.equal(409);
    });

    it('answers PUT of what is not there with 404, of what was deleted with 410, of no entry with 415 or 422', async () => {
      const id = await publish(app, editable);
      expect((await put('urn:x:nobody', '*', anEntry({ id: 'urn:x:nobody' }))).status).to.equal(404);
      expect((await put(id, '*', aFeedOf([{ id }]), { 'content-type': FEED_TYPE })).status).to.equal(415);
      expect((await put(id, '*', anEntry({ id, updated: 'x' }))).status).to.equal(422);
      await app.request(member(editable, id), { method: 'DELETE' });
      expect((await put(id, '*', anEntry({ id }))).status).to.equal(410);
    });

    it('deletes with a fitting If-Match or none, 412 otherwise', async () => {
      const id = await publish(app, editable);
      const del = (headers = {}): Promise<Response> => app.request(member(editable, id), { method: 'DELETE', headers });
      expect((await del({ 'if-match': '"x"' })).status).to.equal(412);
      const gone = await del({ 'if-match': await tagOf(id) });
      expect(gone.status).to.equal(204);
      expect(await gone.text()).to.equal('');
      expect((await app.request(member(editable, 'urn:x:nobody'), { method: 'DELETE' })).status).to.equal(404);
    });
  });

  describe('reading a member', () => {
    it('answers HEAD, 304, codings and 406 as a page does', async () => {
      const id = await publish(app, feed, { content: `<content>${'long '.repeat(500)}</content>` });
      const url = member(feed, id);
      const get = await app.request(url, { headers: { 'accept-encoding': 'gzip' } });
      const text = await get.text();
      expect(get.headers.get('content-encoding')).to.equal('gzip');
      const plain = await app.request(url, { headers: { 'accept-encoding': 'identity' } });
      expect(await plain.text()).to.equal(text);
      for (const etag of [get.headers.get('etag') ?? '', plain.headers.get('etag') ?? '', '*']) {
        const not = await app.request(url, { headers: { 'if-none-match': etag } });
        expect(not.status, etag).to.equal(304);
      }
      expect((await app.request(url, { headers: { 'if-none-match': '"x"' } })).status).to.equal(200);
      const head = await app.request(url, { method: 'HEAD' });
      expect(head.status).to.equal(200);
      expect(await head.text()).to.equal('');
      expect((await app.request(url, { headers: { accept: 'image/png' } })).status).to.equal(406);
    });

    it('of an unknown id is 404, of garbage a 4xx', async () => {
      expect((await app.request(member(feed, 'urn:x:nobody'))).status).to.equal(404);
      for (const rest of ['%', '%zz', '%ff', '%00', 'a%00b', '', '/', '//', 'x'.repeat(5_000), '%E0%A4%A']) {
        const response = await app.request(`${feed}/entries/${rest}`);
        expect(response.status, rest).to.be.within(400, 414);
      }
    });
  });

  it('entries of one feed are not those of another', async () => {
    const [one, two] = [await app.feed('mine'), await app.feed('yours')];
    const id = await publish(app, one);
    expect((await app.request(member(two, id))).status).to.equal(404);
    await publish(app, two, { id, title: 'other' });
    expect((await readFeed(await app.request(two))).ids).to.deep.equal([id]);
    await publishSome(app, one, 2);
    expect(await headOf(two)).to.equal(1);
  });
});
