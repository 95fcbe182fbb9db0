import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { ATOM, childOf, childrenOf, linkHeaderOf, parseXml } from '../support/atom.js';
import { anEntry, anId } from '../support/build.js';
import { page, post, publish, publishAll, publishSome } from '../support/publish.js';
import { stopwatch } from '../support/stopwatch.js';

const JSON_TYPE = 'application/json';
const CLOUD_FEEDS = 'application/vnd.rackspace.atom+json';

type Members = Record<string, unknown>;

/** An entry as `application/json`, and what a test says of it. */
function aJsonEntry(parts: Members = {}): { entry: Members } {
  return { entry: { '@type': ATOM, id: anId(), title: 'An order', content: 'something happened', ...parts } };
}

interface JsonLink {
  readonly rel: string;
  readonly href: string;
  readonly type?: string;
}

interface JsonFeed {
  readonly '@type': string;
  readonly id: string;
  readonly title: string;
  readonly updated: string;
  readonly link: readonly JsonLink[];
  readonly entry: readonly Members[];
  readonly 'deleted-entry'?: unknown;
}

describe('JSON', () => {
  let app: TestApp;
  before(async () => {
    app = await startApp();
  });
  after(() => app.stop());

  const send = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    post(app, path, typeof body === 'string' ? body : JSON.stringify(body), { 'content-type': JSON_TYPE, ...headers });
  const get = (path: string, accept = JSON_TYPE, headers: Record<string, string> = {}): Promise<Response> =>
    app.request(path, { headers: { accept, ...headers } });
  const read = async (response: Response, status = 200): Promise<Members> => {
    const text = await response.text();
    expect(response.status, text).to.equal(status);
    return JSON.parse(text) as Members;
  };
  const readEntry = async (response: Response, status = 200): Promise<Members> =>
    (await read(response, status))['entry'] as Members;
  const readPage = async (response: Response): Promise<JsonFeed> => (await read(response))['feed'] as JsonFeed;
  const violationsOf = async (response: Response): Promise<{ path: string; message: string; line: number }[]> => {
    const problem = await read(response, 422);
    return problem['errors'] as { path: string; message: string; line: number }[];
  };

  for (const type of [JSON_TYPE, CLOUD_FEEDS]) {
    describe(`an entry published as ${type}`, () => {
      it('is answered in the form in which it was sent, and read back member for member', async () => {
        const path = await app.feed('members');
        const sent = aJsonEntry({
          title: { type: 'html', '@text': '<b>5 & 6</b>' },
          updated: '2024-03-12T10:03:12.500Z',
          author: [{ name: 'a' }, { name: 'b', email: 'b@example.org' }],
          category: [{ term: 'tid:1', scheme: 'urn:s', label: 'l' }, { term: 'é"\\' }],
          link: [{ rel: 'related', href: 'https://example.org/?a=1&b=2' }],
          content: {
            event: {
              '@type': 'urn:e',
              id: '1',
              product: { '@type': 'urn:p', up: 'true', disk: [{ n: '1' }, { n: '2' }] },
            },
          },
        });
        const answer = await send(path, sent, { 'content-type': type });
        expect(answer.headers.get('content-type')).to.equal(type);
        expect(answer.headers.get('content-location')).to.equal(answer.headers.get('location'));
        const stored = await readEntry(answer, 201);
        const links = stored['link'] as JsonLink[];
        expect(links.map(({ rel }) => rel)).to.deep.equal(['related', 'self']);
        const { link, ...rest } = sent.entry;
        expect(stored).to.deep.include(rest);
        expect(links).to.deep.include((link as JsonLink[])[0]);
        expect(stored).to.have.all.keys(...Object.keys(sent.entry), 'published', 'edited');

        const location = answer.headers.get('location') ?? '';
        const member = await get(location, type);
        expect(member.headers.get('content-type')).to.equal(type);
        expect(member.headers.get('etag')).to.equal(answer.headers.get('etag'));
        expect(await readEntry(member)).to.deep.equal(stored);

        const atom = parseXml(await (await get(location, 'application/atom+xml')).text());
        expect(childrenOf(atom, 'category').map(({ attributes }) => attributes['term'])).to.deep.equal([
          'tid:1',
          'é"\\',
        ]);
        expect(childOf(atom, 'title').text).to.equal('<b>5 & 6</b>');
        const event = childOf(childOf(atom, 'content'), 'event', 'urn:e');
        expect(childOf(atom, 'content').attributes['type']).to.equal('application/xml');
        expect(childrenOf(childOf(event, 'product', 'urn:p'), 'disk', 'urn:p')).to.have.length(2);
      });

      it('is found by its categories, and leaves to the server what Atom leaves to it', async () => {
        const path = await app.feed('found');
        const { entry } = aJsonEntry({ category: [{ term: `t:${type}` }] });
        delete entry['id'];
        delete entry['title'];
        const stored = await readEntry(await send(path, { entry }, { 'content-type': type, slug: 'Named' }), 201);
        expect(stored['id']).to.match(/^urn:uuid:/);
        expect(stored['title']).to.equal('Named');
        const found = await readPage(await get(`${path}?search=${encodeURIComponent(`(cat=t:${type})`)}`, type));
        expect(found.entry.map(({ id }) => id)).to.deep.equal([stored['id']]);
      });

      it('is replayed when it is sent again, however it is spelled', async () => {
        const path = await app.feed('replayed');
        const sent = aJsonEntry({ link: [{ rel: 'via', href: 'https://example.org/' }] });
        const first = await send(path, sent, { 'content-type': type });
        const again = await send(path, JSON.stringify(sent, null, 4), { 'content-type': type });
        expect(again.headers.get('idempotent-replayed')).to.equal('true');
        expect(await again.text()).to.equal(await first.text());
        const other = await send(path, { entry: { ...sent.entry, title: 'Another' } }, { 'content-type': type });
        expect(other.status).to.equal(409);
        await other.arrayBuffer();
      });

      it('can be one of a feed document, all of which are published or none', async () => {
        const path = await app.feed(`batch-${type === JSON_TYPE ? 'json' : 'cloudfeeds'}`);
        const entries = [1, 2, 3].map((): Members => ({ ...aJsonEntry().entry, '@type': undefined }));
        const document = { feed: { '@type': ATOM, title: 'Mine', author: { name: 'everybody' }, entry: entries } };
        const answer = await send(path, document, { 'content-type': type });
        const stored = (await read(answer, 201))['feed'] as JsonFeed;
        expect(stored.entry.map(({ id }) => id)).to.deep.equal(entries.map(({ id }) => id));
        expect(stored.entry.map(({ author }) => author)).to.deep.equal(entries.map(() => ({ name: 'everybody' })));
        const broken = entries.map((entry, index) => ({
          ...entry,
          id: index === 1 ? 'no iri' : anId(),
          updated: index === 2 ? 'now' : undefined,
        }));
        const refused = await violationsOf(
          await send(path, { feed: { '@type': ATOM, entry: broken } }, { 'content-type': type }),
        );
        expect(refused.map((one) => one.path)).to.deep.equal(['/feed/entry/1/id', '/feed/entry/2/updated']);
        expect((await page(app, path)).ids).to.have.length(3);
      });

      it('is named by its JSON Pointer when a batch is refused for what the feed has of it', async () => {
        const path = await app.feed(`taken-${type === JSON_TYPE ? 'json' : 'cloudfeeds'}`, { editable: true });
        const [taken, deleted] = [await publish(app, path), anId()];
        const batch = (ids: readonly string[]): unknown => ({
          feed: { '@type': ATOM, entry: ids.map((id) => ({ ...aJsonEntry({ id }).entry, '@type': undefined })) },
        });
        const conflict = await read(await send(path, batch([anId(), taken]), { 'content-type': type }), 409);
        expect(conflict['type']).to.equal('urn:millrace:problem:id-conflict');
        expect((conflict['errors'] as Members[]).map((one) => one['path'])).to.deep.equal(['/feed/entry/1']);
        expect(conflict['detail']).not.to.include('feed/entry[');
        const document = batch([deleted]);
        await read(await send(path, document, { 'content-type': type }), 201);
        await app.request(`${path}/entries/${encodeURIComponent(deleted)}`, { method: 'DELETE' });
        const { feed } = document as { feed: { entry: Members[] } };
        feed.entry.unshift({ ...aJsonEntry().entry, '@type': undefined });
        const gone = await read(await send(path, document, { 'content-type': type }), 410);
        expect((gone['errors'] as Members[]).map((one) => one['path'])).to.deep.equal(['/feed/entry/1']);
        expect((await page(app, path)).ids).to.have.length(2);
      });
    });

    describe(`a page as ${type}`, () => {
      it('holds what the Atom page holds, and leads on', async () => {
        const path = await app.feed('paged');
        const ids = await publishSome(app, path, 30);
        const seen: unknown[] = [];
        let url: string | undefined = `${path}?limit=7`;
        while (url !== undefined) {
          const response: Response = await get(url, type);
          expect(response.headers.get('content-type')).to.equal(type);
          const feed = await readPage(response);
          const links = new Map(feed.link.map(({ rel, href }) => [rel, href]));
          expect(linkHeaderOf(response.headers).get('previous')).to.equal(links.get('previous'));
          expect(links.get('previous')).not.to.include('format=');
          seen.push(...feed.entry.map(({ id }) => id));
          url = links.get('next');
        }
        expect(seen).to.include.members(ids);
        expect(seen.slice(0, 30)).to.deep.equal(ids.toReversed());
      });

      it('of an empty feed has an empty array of entries', async () => {
        const feed = await readPage(await get(await app.feed('empty'), type));
        expect(feed.entry).to.deep.equal([]);
        expect(feed['@type']).to.equal(ATOM);
        expect(feed.title).to.equal('shop/empty');
      });

      it('tells of deleted entries', async () => {
        const path = await app.feed(`editable-${type === JSON_TYPE ? 'json' : 'cloudfeeds'}`, { editable: true });
        const id = await publish(app, path);
        const url = `${path}/entries/${encodeURIComponent(id)}`;
        expect((await app.request(url, { method: 'DELETE' })).status).to.equal(204);
        const { entry, 'deleted-entry': deleted } = await readPage(await get(`${path}?limit=1`, type));
        expect(entry.map((one) => one['id'])).not.to.include(id);
        expect(deleted).to.deep.include({ '@type': 'http://purl.org/atompub/tombstones/1.0', ref: id });
      });
    });
  }

  describe('negotiation', () => {
    let path: string;
    before(async () => {
      path = await app.feed('negotiated');
      await publish(app, path);
    });

    it('a page has a tag of its own in each representation, and a 304 for that one only', async () => {
      const tags = new Map<string, string>();
      for (const format of ['atom', 'cloudfeeds', 'json']) {
        const response = await get(`${path}?format=${format}`, '*/*');
        await response.arrayBuffer();
        tags.set(format, response.headers.get('etag') ?? '');
        expect(response.headers.get('vary')).to.include('Accept');
      }
      expect(new Set(tags.values()).size).to.equal(3);
      for (const format of tags.keys()) {
        for (const [other, tag] of tags) {
          const response = await get(`${path}?format=${format}`, '*/*', { 'if-none-match': tag });
          await response.arrayBuffer();
          expect(response.status, `${format} ${other}`).to.equal(format === other ? 304 : 200);
        }
      }
    });

    it('format= goes before Accept, and is carried on by the links', async () => {
      const feed = await readPage(await get(`${path}?format=json&limit=1`, 'application/atom+xml'));
      const links = new Map(feed.link.map(({ rel, href }) => [rel, href]));
      for (const rel of ['self', 'current', 'last', 'previous'])
        expect(links.get(rel), rel).to.match(/[?&]format=json\b/);
      const { ids, links: atomLinks } = await page(app, `${path}?format=atom`, { accept: JSON_TYPE });
      expect(ids).to.have.length(1);
      expect(atomLinks.get('previous')).to.include('format=atom');
    });

    it('a format that is not there is refused with those that are', async () => {
      const problem = await read(await get(`${path}?format=yaml`, '*/*'), 400);
      expect(problem['detail']).to.include('atom, cloudfeeds, json, jsonfeed, rss, cloudevents, html');
    });

    it('a 406 lists what there is', async () => {
      const problem = await read(await get(path, 'image/png'), 406);
      expect(problem['available']).to.deep.equal([
        'application/atom+xml',
        CLOUD_FEEDS,
        JSON_TYPE,
        'application/feed+json',
        'application/rss+xml',
        'application/cloudevents-batch+json',
        'text/html',
      ]);
    });

    it('a publisher gets what it accepts, and what it cannot be answered in is not published', async () => {
      const feed = await app.feed('answered');
      const asked = async (sent: string, accept: string | undefined): Promise<string> => {
        const body = sent === JSON_TYPE ? JSON.stringify(aJsonEntry()) : anEntry();
        const response = await post(app, feed, body, {
          'content-type': sent,
          ...(accept === undefined ? {} : { accept }),
        });
        await response.arrayBuffer();
        return `${String(response.status)} ${response.headers.get('content-type') ?? ''}`;
      };
      const atom = '201 application/atom+xml;type=entry;charset=utf-8';
      expect(await asked(JSON_TYPE, undefined)).to.equal('201 application/json');
      expect(await asked(JSON_TYPE, '*/*')).to.equal('201 application/json');
      expect(await asked(JSON_TYPE, 'application/atom+xml;type=entry')).to.equal(atom);
      expect(await asked(JSON_TYPE, `${JSON_TYPE};q=0.1, ${CLOUD_FEEDS}`)).to.equal(`201 ${CLOUD_FEEDS}`);
      expect(await asked('application/atom+xml', '*/*')).to.equal(atom);
      expect(await asked('application/atom+xml', JSON_TYPE)).to.equal('201 application/json');
      expect(await asked('application/atom+xml', 'text/html,*/*;q=0.1')).to.equal(atom);
      const before = (await page(app, feed)).ids.length;
      expect(await asked(JSON_TYPE, 'image/png')).to.match(/^406/);
      expect(await asked('application/atom+xml', 'application/rss+xml')).to.match(/^406/);
      expect((await page(app, feed)).ids).to.have.length(before);
    });

    it('what cannot be published is told with what can: 415 and Accept-Post', async () => {
      const response = await post(app, path, 'a,b', { 'content-type': 'text/csv' });
      expect(response.status).to.equal(415);
      expect((response.headers.get('accept-post') ?? '').split(', ')).to.deep.equal([
        'application/atom+xml',
        'application/atom+xml;type=entry',
        'application/atom+xml;type=feed',
        CLOUD_FEEDS,
        JSON_TYPE,
        'application/cloudevents+json',
        'application/cloudevents-batch+json',
      ]);
      expect((await send(path, aJsonEntry(), { 'content-type': `${JSON_TYPE};charset=iso-8859-1` })).status).to.equal(
        415,
      );
      expect((await send(path, aJsonEntry(), { 'content-type': `${JSON_TYPE}; charset=UTF-8` })).status).to.equal(201);
    });

    it('the service document tells what each feed takes', async () => {
      const service = parseXml(await (await get('/feeds/shop', 'application/atomsvc+xml')).text());
      const workspace = childOf(service, 'workspace', 'http://www.w3.org/2007/app');
      for (const collection of childrenOf(workspace, 'collection', 'http://www.w3.org/2007/app')) {
        const accepted = childrenOf(collection, 'accept', 'http://www.w3.org/2007/app').map(({ text }) => text);
        for (const type of accepted) {
          const response = await post(app, path, 'nothing of the kind', { 'content-type': type });
          await response.arrayBuffer();
          expect(response.status, type).to.equal(400);
        }
        expect(accepted).to.include.members([JSON_TYPE, CLOUD_FEEDS, 'application/cloudevents+json']);
      }
    });
  });

  describe('a JSON payload', () => {
    const PAYLOAD =
      '{"big": 12345678901234567890, "fine": 1.10, "huge": 1e400, "zero": -0.0, "list": [1, "1", null, true, [], {}],' +
      ' "__proto__": {"a": 1}, "half": "\\ud800", "twice": 1, "twice": 2, "text": "\u{1f600} \ufffe </content> & \\u0000"}';

    it('comes back as it was, to the digit, in both settings of inlineJson', async () => {
      for (const inlineJson of [false, true]) {
        const path = await app.feed(`payload-${String(inlineJson)}`, { inlineJson });
        const id = anId();
        const body = `{"entry": {"@type": "${ATOM}", "id": "${id}", "content": {"type": "application/json", "@text": ${PAYLOAD}}}}`;
        const answer = await send(path, body);
        const text = await answer.text();
        expect(answer.status, text).to.equal(201);
        const expected = inlineJson ? PAYLOAD.replace('\ufffe', '\\ufffe') : PAYLOAD;
        expect(text).to.include(`"@text":${expected}`);
        expect(await (await get(path, CLOUD_FEEDS)).text()).to.include(`"@text":${expected}`);
        const atom = parseXml(await (await get(answer.headers.get('location') ?? '', 'application/atom+xml')).text());
        const content = childOf(atom, 'content');
        expect(content.attributes['type']).to.equal('application/json');
        const payload = inlineJson ? content.text : Buffer.from(content.text, 'base64').toString();
        expect(payload).to.equal(expected);
        // RFC 4287 §4.1.2: where the content is Base64, a summary has to be.
        expect(childrenOf(atom, 'summary')).to.have.length(inlineJson ? 0 : 1);
      }
    });

    it('is known again when the feed has come to keep payloads otherwise', async () => {
      const entry = aJsonEntry({ content: { type: 'application/json', '@text': { a: 1 } } });
      const event = { specversion: '1.0', id: '1', source: '/s', type: 't', data: { a: 1 } };
      for (const [body, type] of [
        [entry, JSON_TYPE],
        [{ feed: { '@type': ATOM, entry: [{ ...aJsonEntry(entry.entry).entry, '@type': undefined }] } }, JSON_TYPE],
        [event, 'application/cloudevents+json'],
      ] as const) {
        for (const inlineJson of [false, true, false]) {
          const path = await app.feed('kept-otherwise', { inlineJson });
          const response = await send(path, body, { 'content-type': type });
          expect(response.status, await response.text()).to.equal(201);
        }
      }
    });

    it('of a publisher of XML is a value to readers of JSON, plain or in Base64', async () => {
      const path = await app.feed('payload-xml');
      const json = '{"n": 1.0, "s": "a\\n&"}';
      await publishAll(app, path, [
        { content: `<content type="application/json">\n ${json.replace('&', '&amp;')} </content>` },
        {
          content: `<summary>s</summary><content type="application/vnd.x+json">${Buffer.from(json).toString('base64')}</content>`,
        },
      ]);
      const text = await (await get(path)).text();
      expect(text).to.include(`"content":{"type":"application/json","@text":${json}}`);
      expect(text).to.include(`"content":{"type":"application/vnd.x+json","@text":${json}}`);
    });
  });

  describe('what cannot be taken', () => {
    let path: string;
    before(async () => {
      path = await app.feed('refusing');
    });
    after(async () => {
      expect((await page(app, path)).ids).to.deep.equal([]);
    });

    it('is refused with every place, as JSON Pointer, line and column', async () => {
      const body = [
        `{"entry": {"@type": "${ATOM}",`,
        ' "title": 5, "rights": null,',
        ' "a": {"@type": "urn:a", "big": 12345678901234567890, "1x": "y", "x y": "z", "b": {"@text": ["c"]}, "b": {}},',
        ' "a/b~c": "", "half": "\\ud800", "nul": "a\\u0000b",',
        ' "content": {"type": "application/json", "@text": {}}}}',
      ].join('\n');
      const violations = await violationsOf(await send(path, body));
      const places = violations.map((one) => `${one.path} ${String(one.line)}`);
      expect(places).to.deep.equal([
        '/entry/title 2',
        '/entry/rights 2',
        '/entry/a/big 3',
        '/entry/a/1x 3',
        '/entry/a/x y 3',
        '/entry/a/b/@text 3',
        '/entry/a/b 3',
        '/entry/a~1b~0c 4',
        '/entry/half 4',
        '/entry/nul 4',
      ]);
      expect(violations[2]?.message).to.include('"12345678901234567890"');
      expect(violations[6]?.message).to.include('twice');
      expect(violations[8]?.message).to.include('U+D800');
    });

    it('is refused where it would not come back as it is', async () => {
      const cases: [Members, string, string][] = [
        [{ category: { term: 'a' } }, '/entry/category', 'array'],
        [{ author: [{ name: 'a' }] }, '/entry/author', 'one alone is no array'],
        [{ title: { '@text': 'a' } }, '/entry/title', '"a" was expected'],
        [{ author: { '@type': ATOM, name: 'a' } }, '/entry/author/@type', 'differs from'],
        [{ link: [] }, '/entry/link', 'no elements'],
        [{ content: { '@xml': `<content xmlns="${ATOM}">a</content>` } }, '/entry/content', '"a" was expected'],
        [{ content: { '@xml': '<content xmlns="http://www.w3.org/2005/Atom">a' } }, '/entry/content/@xml', 'XML'],
        [{ content: { e: { '@type': 'urn:e', '@text': 'a', f: {} } } }, '/entry/content/e/@text', 'beside'],
      ];
      for (const [parts, where, what] of cases) {
        const violations = await violationsOf(await send(path, aJsonEntry(parts)));
        expect(
          violations.map((one) => one.path),
          JSON.stringify(parts),
        ).to.deep.equal([where]);
        expect(violations[0]?.message).to.include(what);
      }
    });

    it('is told by the rules of Atom in places of JSON', async () => {
      const { entry } = aJsonEntry({
        id: 'x',
        updated: 'now',
        link: [{ href: 'a b', rel: 'via' }, { rel: 'via' }],
        category: [{ label: 'l' }],
      });
      delete entry['content'];
      const violations = await violationsOf(await send(path, JSON.stringify({ entry }, null, 1)));
      expect(violations.map((one) => one.path)).to.deep.equal([
        '/entry',
        '/entry/id',
        '/entry/updated',
        '/entry/link/0/href',
        '/entry/link/1',
        '/entry/category/0',
      ]);
      for (const { line } of violations) expect(line).to.be.greaterThan(1);
    });

    it('is no entry: another root, another namespace, no object', async () => {
      for (const [body, where] of [
        ['[]', ''],
        ['{}', ''],
        ['"entry"', ''],
        ['{"error": {}}', ''],
        [JSON.stringify({ ...aJsonEntry(), feed: {} }), ''],
        ['{"entry": []}', '/entry'],
        ['{"entry": {"title": "a", "content": "b"}}', '/entry/@type'],
        ['{"entry": {"@type": "urn:x", "content": "b"}}', '/entry/@type'],
        [`{"feed": {"@type": "${ATOM}", "entry": {}}}`, '/feed/entry'],
        [`{"feed": {"@type": "${ATOM}"}}`, '/feed'],
      ] as const) {
        const violations = await violationsOf(await send(path, body));
        expect(violations[0]?.path, body).to.equal(where);
      }
    });

    it('is no JSON: 400 with line and column', async () => {
      const bodies = [
        '',
        '{',
        '{"entry": }',
        "{'entry': 1}",
        '{"entry": {}} x',
        '\ufeff',
        '{"a": "\t"}',
        '[01]',
        '{"a": "\\x"}',
        '[NaN]',
      ];
      for (const body of [...bodies, new Uint8Array([0x22, 0xff, 0x22])]) {
        const response = await post(app, path, body, { 'content-type': JSON_TYPE });
        const problem = await read(response, 400);
        expect(problem['detail'], String(body)).to.match(/is not JSON|is not UTF-8/);
      }
      const { errors } = await read(await send(path, '{\n  "entry": nul\n}'), 400);
      expect((errors as Members[])[0]).to.include({ line: 2, column: 12 });
    });

    it('may be as deep, as wide or as large as it likes: it gets its 4xx soon, and holds nobody up', async () => {
      const mebibytes = 2 * 1024 * 1024 - 200;
      const wrap = (inner: string): string => `{"entry": {"@type": "${ATOM}", "x": ${inner}}}`;
      const bodies = [
        '['.repeat(mebibytes),
        '{"a":'.repeat(mebibytes / 5),
        `"${'\\n'.repeat(mebibytes / 2 - 10)}"`,
        wrap(`{"@type":"urn:x"${',"a":"b"'.repeat(mebibytes / 9)}}`),
        wrap(`[${'[],'.repeat(mebibytes / 3 - 10)}[]]`),
        wrap(`{"@type":"urn:x"${Array.from({ length: 100_000 }, (_, n) => `,"a${String(n)}":"b"`).join('')}}`),
        wrap('{"@type":"urn:x","a":'.repeat(150) + '{}' + '}'.repeat(150)),
        wrap(JSON.stringify({ '@xml': `<x>${'<a>'.repeat(90_000)}</x>` })),
        'x'.repeat(3 * 1024 * 1024),
      ];
      for (const body of bodies) {
        const response = send(path, body);
        const took = stopwatch();
        expect((await app.request('/healthz')).status).to.equal(200);
        expect(took(), body.slice(0, 60)).to.be.lessThan(1_000);
        const { status } = await response;
        await (await response).arrayBuffer();
        expect(status, body.slice(0, 60)).to.be.within(400, 499);
      }
    });
  });

  it('names of an object’s own machinery are data', async () => {
    const path = await app.feed('machinery');
    const machinery =
      '{"@type": "urn:m", "__proto__": "a", "constructor": {"@text": "b"}, "toString": "c", "hasOwnProperty": {}}';
    const body = `{"entry": {"@type": "${ATOM}", "content": {"__proto__": ${machinery}}}}`;
    const answer = await send(path, body);
    const text = await answer.text();
    expect(answer.status, text).to.equal(201);
    expect(text).to.include(
      `"content":{"__proto__":${machinery.replaceAll(': ', ':').replaceAll(', ', ',').replace('"constructor"', '"toString":"c","constructor"').replace(',"toString":"c","hasOwn', ',"hasOwn')}}`,
    );
  });

  it('an entry that members cannot carry is XML in application/json, and can be published so', async () => {
    const path = await app.feed('carried');
    const mixed =
      '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">one <b class="x">two</b> three</div></content>';
    await publish(app, path, { content: mixed, attributes: 'xmlns:x="urn:x"', more: '<x:y x:z="1"/>' });
    const [entry] = (await readPage(await get(path))).entry;
    const content = (entry?.['content'] as Members)['@xml'];
    expect(content).to.equal(
      mixed.replace('type="xhtml"', 'type="xhtml" xmlns="http://www.w3.org/2005/Atom" xmlns:x="urn:x"'),
    );
    expect(entry?.['y']).to.deep.equal({
      '@xml': '<x:y x:z="1" xmlns="http://www.w3.org/2005/Atom" xmlns:x="urn:x"/>',
    });
    const again = await app.feed('carried-again');
    const { title, author, content: sent, y } = entry ?? {};
    const answer = await send(again, { entry: { '@type': ATOM, title, author, content: sent, y } });
    expect(await readEntry(answer, 201)).to.deep.include({ content: sent, y });
  });

  it('white space that parts words is text, and white space that breaks lines is layout', async () => {
    const path = await app.feed('spaced');
    const xhtml = '<p xmlns="http://www.w3.org/1999/xhtml"><b>Hello</b> <i>world</i>\n<u>!</u></p>';
    const other = '<e xmlns="urn:e">\n  <b>Hello</b>\n\t<i>world</i>\n</e>';
    const tight = '<e xmlns="urn:e"><b>Hello</b> <i>world</i></e>';
    for (const xml of [xhtml, other, tight]) {
      await publish(app, path, { content: `<content type="application/xml">${xml}</content>` });
    }
    const { entry } = await readPage(await get(path));
    expect(entry.map(({ content }) => content)).to.deep.equal([
      { e: { '@xml': tight } },
      { e: { '@type': 'urn:e', b: { '@text': 'Hello' }, i: { '@text': 'world' } } },
      { p: { '@xml': xhtml } },
    ]);
  });

  it('what Cloud Feeds’ form gives of attributes that Atom does not know, it takes back', async () => {
    const path = await app.feed('unknown-attributes', { editable: true });
    const id = await publish(app, path, { more: '<summary xmlns:p="urn:p" p:a="2">x</summary>' });
    const url = `${path}/entries/${encodeURIComponent(id)}`;
    const read = await get(url, CLOUD_FEEDS);
    const document = (await read.json()) as { entry: Members };
    expect(document.entry['summary']).to.equal('x');
    const put = await app.request(url, {
      method: 'PUT',
      headers: { 'content-type': CLOUD_FEEDS, 'if-match': '*' },
      body: JSON.stringify(document),
    });
    expect(put.status, await put.text()).to.equal(200);
  });

  it('a member of an editable feed can be replaced by JSON, with the tag of any representation', async () => {
    const path = await app.feed('replaced', { editable: true });
    const id = await publish(app, path);
    const url = `${path}/entries/${encodeURIComponent(id)}`;
    const tag = (await get(url)).headers.get('etag') ?? '';
    const put = (body: unknown, headers: Record<string, string>): Promise<Response> =>
      app.request(url, {
        method: 'PUT',
        headers: { 'content-type': JSON_TYPE, 'if-match': tag, ...headers },
        body: JSON.stringify(body),
      });
    const feed = await put({ feed: { '@type': ATOM, entry: [{ content: 'a' }] } }, {});
    expect(feed.status).to.equal(415);
    const answer = await put(aJsonEntry({ id, title: 'Replaced' }), {});
    expect(answer.headers.get('content-type')).to.equal(JSON_TYPE);
    expect(await readEntry(answer)).to.include({ id, title: 'Replaced' });
    expect((await put(aJsonEntry({ id }), {})).status).to.equal(412);
    // What was read can be sent back whole: what is the server's in it stays the server's.
    for (const accept of [JSON_TYPE, CLOUD_FEEDS]) {
      const current = await get(url, accept);
      const edited = (await read(current)) as { entry: Members };
      edited.entry['title'] = `Edited as ${accept}`;
      const match = { 'if-match': current.headers.get('etag') ?? '', 'content-type': accept };
      const stored = await readEntry(await put(edited, match));
      expect(stored['title']).to.equal(edited.entry['title']);
      expect(stored['link']).to.deep.equal(edited.entry['link']);
    }
  });

  it('an archived page can be read in JSON, however large it is', async () => {
    const path = await app.feed('archived');
    await publishSome(app, path, 25);
    const small = await readPage(await get(`${path}/archive/1`));
    expect(small.entry).to.have.length(25);
    expect(small).to.have.deep.property('archive', { '@type': 'http://purl.org/syndication/history/1.0' });

    const large = await app.feed('archived-large', { limits: { bodyBytes: 20 * 1024 * 1024 } });
    const content = `<content>${'x'.repeat(500_000)}</content>`;
    for (let n = 0; n < 25; n++) await publish(app, large, { content });
    for (const accept of [JSON_TYPE, CLOUD_FEEDS]) {
      const feed = await readPage(await get(`${large}/archive/1`, accept));
      expect(feed.entry).to.have.length(25);
      expect(feed.entry.every((entry) => (entry['content'] as string).length === 500_000)).to.equal(true);
    }
  });
});
