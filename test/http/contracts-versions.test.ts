import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { childrenOf, parseXml } from '../support/atom.js';
import { aFeedOf, anEntry, anEntryWithoutId, anId } from '../support/build.js';
import {
  EVENT,
  EVENT_XSD,
  addContract,
  eventContent,
  feedOf,
  jsonEntry,
  postContract,
  refusalIn,
  retire,
  send,
  textOf,
  violationsIn,
} from '../support/contracts.js';
import type { AddedVersion } from '../support/contracts.js';
import { deleteFeed } from '../support/deletion.js';

const NONE = { compatibility: 'none' };
/** Of versions that each take one number of items. */
const counting = (items: number): unknown => ({
  kind: 'xsd',
  schema: EVENT_XSD,
  namespaces: { e: EVENT },
  assertions: [{ test: `count(atom:content/e:event/e:item) = ${String(items)}`, message: `${String(items)} items` }],
});
const withItems = (items: number): string => eventContent('count="1"', '<item qty="1"/>'.repeat(items));

describe('the versions of a contract', () => {
  let app: TestApp;

  before(async () => {
    app = await startApp();
  });
  after(() => app.stop());

  const url = (feed: string, version: number | string): string => `${app.url}${feed}/schemas/${String(version)}`;
  const naming = (feed: string, version: number | string, items: number, id = anId()): string =>
    anEntry({ id, content: withItems(items), more: `<link rel="describedby" href="${url(feed, version)}"/>` });
  const versionIn = (text: string): string | undefined =>
    /rel="describedby" href="[^"]*\/schemas\/(\d+)"/.exec(text)?.[1];
  const states = async (feed: string): Promise<string[]> => {
    const { versions } = JSON.parse(await textOf(await app.request(`/admin${feed}/schemas`), 200)) as {
      versions: { version: number; state: string }[];
    };
    return versions.map(({ version, state }) => `${String(version)} ${state}`);
  };

  it('are in force from the answer on: the newest for whoever names none', async () => {
    const feed = await feedOf(app, [counting(1)], NONE);
    for (const items of [2, 3, 4]) {
      await textOf(await send(app, feed, anEntry({ content: withItems(items - 1) })), 201);
      await addContract(app, feed, counting(items));
      const [error] = await violationsIn(await send(app, feed, anEntry({ content: withItems(items - 1) })));
      expect(error?.message).to.equal(`${String(items)} items`);
      expect(versionIn(await textOf(await send(app, feed, anEntry({ content: withItems(items) })), 201))).to.equal(
        String(items),
      );
    }
  });

  it('are named by a link describedby, which is told once and not kept twice', async () => {
    const feed = await feedOf(app, [counting(1), counting(2)], NONE);
    const id = anId();
    const text = await textOf(await send(app, feed, naming(feed, 1, 1, id)), 201);
    expect(text.match(/describedby/g)).to.have.length(1);
    expect(versionIn(text)).to.equal('1');
    expect(await textOf(await app.request(`${feed}/entries/${encodeURIComponent(id)}`), 200)).to.equal(text);
    const [error] = await violationsIn(await send(app, feed, naming(feed, 1, 2)));
    expect(error?.message).to.equal('1 items');
    expect(versionIn(await textOf(await send(app, feed, naming(feed, 2, 2)), 201))).to.equal('2');
    const twice = naming(feed, 1, 1).replace('</entry>', `<link rel="describedby" href="${url(feed, 1)}"/></entry>`);
    expect((await textOf(await send(app, feed, twice), 201)).match(/describedby/g)).to.have.length(1);
    const both = naming(feed, 1, 1).replace('</entry>', `<link rel="describedby" href="${url(feed, 2)}"/></entry>`);
    await refusalIn(await send(app, feed, both), 422, 'invalid-entry');
  });

  it('are named by a relation in its long form too (RFC 4287 §4.2.7.2)', async () => {
    const feed = await feedOf(app, [counting(1), counting(2)], NONE);
    const body = naming(feed, 1, 1).replace('rel="', 'rel="http://www.iana.org/assignments/relation/');
    expect(versionIn(await textOf(await send(app, feed, body), 201))).to.equal('1');
  });

  it('are named in JSON and by dataschema of a CloudEvent', async () => {
    const schema = (maximum: number): unknown => ({ kind: 'json-schema', schema: { maximum } });
    const feed = await feedOf(app, [schema(1), schema(9)], NONE);
    const link = [{ rel: 'describedby', href: url(feed, 1) }];
    const body = jsonEntry(1, { link });
    expect(await textOf(await send(app, feed, body, 'application/json'), 201)).to.contain(url(feed, 1));
    const [error] = await violationsIn(await send(app, feed, jsonEntry(2, { link }), 'application/json'));
    expect(error?.expected).to.equal('1 or less');
    const event = (data: number, dataschema: string): string =>
      JSON.stringify({ specversion: '1.0', id: anId(), source: '/s', type: 't', dataschema, data });
    const type = 'application/cloudevents+json';
    const taken = JSON.parse(await textOf(await send(app, feed, event(1, url(feed, 1)), type), 201)) as {
      dataschema: string;
    };
    expect(taken.dataschema).to.equal(url(feed, 1));
    await violationsIn(await send(app, feed, event(2, url(feed, 1)), type));
    await textOf(await send(app, feed, event(2, url(feed, 2)), type), 201);
    // Somebody else's schema is none of our business; the active version counts.
    await textOf(await send(app, feed, event(2, 'https://example.org/schemas/1'), type), 201);
    await violationsIn(await send(app, feed, event(10, 'https://example.org/schemas/1'), type));
    const headers = {
      'ce-specversion': '1.0',
      'ce-id': anId(),
      'ce-source': '/s',
      'ce-type': 't',
      'ce-dataschema': url(feed, 1),
    };
    const binary = (data: string): Promise<Response> =>
      app.request(feed, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: data });
    await violationsIn(await binary('2'));
    await textOf(await binary('1'), 201);
  });

  it('that do not exist cannot be named, in a feed without any either', async () => {
    const feed = await feedOf(app, [counting(1)], NONE);
    for (const version of ['2', '0', '01', 'x', '1/', '1/example', '', '9'.repeat(500), '1?format=json']) {
      const [error] = await violationsIn(await send(app, feed, naming(feed, version, 1)));
      expect(error?.message, version).to.contain('does not exist');
      expect(error?.expected).to.contain('1');
    }
    const none = await app.feed('none');
    const [error] = await violationsIn(await send(app, none, naming(none, 1, 1)));
    expect(error?.expected).to.contain('no contract');
    // That of another feed is a link like any other.
    await textOf(await send(app, none, naming(feed, 1, 1)), 201);
  });

  it('may be mixed in a batch', async () => {
    const feed = await feedOf(app, [counting(1), counting(2)], NONE);
    const link = (version: number): string => `<link rel="describedby" href="${url(feed, version)}"/>`;
    const type = 'application/atom+xml;type=feed';
    const body = aFeedOf([
      { content: withItems(1), more: link(1) },
      { content: withItems(2) },
      { content: withItems(2), more: link(2) },
    ]);
    const text = await textOf(await send(app, feed, body, type), 201);
    expect(
      childrenOf(parseXml(text), 'entry').map(
        (entry) =>
          childrenOf(entry, 'link').find(({ attributes }) => attributes['rel'] === 'describedby')?.attributes['href'],
      ),
    ).to.deep.equal([1, 2, 2].map((version) => url(feed, version)));
    const wrong = aFeedOf([
      { content: withItems(2), more: link(1) },
      { content: withItems(1) },
      { content: withItems(1), more: link(3) },
    ]);
    const errors = await violationsIn(await send(app, feed, wrong, type));
    expect(errors.map(({ path }) => path)).to.deep.equal(['feed/entry[1]', 'feed/entry[2]', 'feed/entry[3]']);
  });

  it('that are retired cannot be named, and the newest that is left is the active one', async () => {
    const feed = await feedOf(app, [counting(1), counting(2)], NONE);
    const text = await textOf(await send(app, feed, anEntry({ id: 'urn:retired:1', content: withItems(2) })), 201);
    await retire(app, feed, 2);
    expect(await states(feed)).to.deep.equal(['1 active', '2 retired']);
    const [error] = await violationsIn(await send(app, feed, naming(feed, 2, 2)));
    expect(error?.message).to.contain('retired');
    expect(versionIn(await textOf(await send(app, feed, anEntry({ content: withItems(1) })), 201))).to.equal('1');
    // Entries stay, with the version that they were checked against.
    expect(await textOf(await app.request(`${feed}/entries/urn:retired:1`), 200)).to.equal(text);
    await retire(app, feed, 1);
    expect(await states(feed)).to.deep.equal(['1 retired', '2 retired']);
    const free = await textOf(await send(app, feed, anEntry()), 201);
    expect(free).not.to.contain('describedby');
    await retire(app, feed, 2, false);
    expect(await states(feed)).to.deep.equal(['1 retired', '2 active']);
    await violationsIn(await send(app, feed, anEntry()));
    await retire(app, feed, 2, false);
    expect(await states(feed)).to.deep.equal(['1 retired', '2 active']);
    expect((await addContract(app, feed, counting(5))).version).to.equal(3);
  });

  it('are retired by a body that says so, and nothing else', async () => {
    const feed = await feedOf(app, [counting(1)]);
    const patch = (body: string): Promise<Response> =>
      app.request(`/admin${feed}/schemas/1`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body,
      });
    for (const body of [
      '{}',
      '{"retired":"true"}',
      '{"retired":1}',
      '{"retired":true,"kind":"xsd"}',
      '[]',
      'null',
      'true',
    ]) {
      await refusalIn(await patch(body), 422, 'invalid-body');
    }
    for (const body of ['', '{', '{"retired":tru}']) await refusalIn(await patch(body), 400, 'not-well-formed');
    await refusalIn(await patch(`{"retired":true${' '.repeat(2_000_000)}}`), 413, 'too-large');
    expect(await states(feed)).to.deep.equal(['1 active']);
  });

  it('come back from retirement only when they are still compatible with those in force', async () => {
    const schema = (type: string): unknown => ({ kind: 'json-schema', schema: { properties: { a: { type } } } });
    const patch = (feed: string, version: number, retired: boolean): Promise<Response> =>
      app.request(`/admin${feed}/schemas/${String(version)}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ retired }),
      });
    const feed = await feedOf(app, [schema('integer')], { compatibility: 'backward' });
    await textOf(await patch(feed, 1, true), 200);
    await addContract(app, feed, schema('string'));
    const { errors } = await refusalIn(await patch(feed, 1, false), 409, 'incompatible-contract');
    expect(errors[0]).to.include({ rule: 'type-changed', version: 1, direction: 'backward' });
    expect(await states(feed)).to.deep.equal(['1 retired', '2 active']);
    await textOf(await patch(feed, 2, true), 200);
    await textOf(await patch(feed, 1, false), 200);
    await refusalIn(await patch(feed, 2, false), 409, 'incompatible-contract');
    await addContract(app, feed, schema('number'));
    expect(await states(feed)).to.deep.equal(['1 accepted', '2 retired', '3 active']);
    await textOf(await patch(feed, 3, false), 200);
    await app.feed(feed.slice(feed.lastIndexOf('/') + 1), NONE);
    await textOf(await patch(feed, 2, false), 200);
    expect(await states(feed)).to.deep.equal(['1 accepted', '2 accepted', '3 active']);
  });

  it('are patched with what Accept-Patch names (RFC 5789 §2.2, §3.1), where a precondition holds', async () => {
    const feed = await feedOf(app, [counting(1)]);
    const path = `/admin${feed}/schemas/1`;
    const patch = (headers: Record<string, string>): Promise<Response> =>
      app.request(path, { method: 'PATCH', headers, body: '{"retired":true}' });
    const types = 'application/json, application/merge-patch+json';
    expect((await app.request(path, { method: 'OPTIONS' })).headers.get('accept-patch')).to.equal(types);
    const wrong = await patch({ 'content-type': 'application/json-patch+json' });
    expect(wrong.headers.get('accept-patch')).to.equal(types);
    await refusalIn(wrong, 415, 'unsupported-media-type');
    const json = { 'content-type': 'application/merge-patch+json' };
    await refusalIn(await patch({ ...json, 'if-match': '"1"' }), 412, 'precondition-failed');
    await refusalIn(await patch({ ...json, 'if-none-match': '*' }), 412, 'precondition-failed');
    expect(await states(feed)).to.deep.equal(['1 active']);
    await textOf(await patch({ ...json, 'if-match': '*' }), 200);
    expect(await states(feed)).to.deep.equal(['1 retired']);
  });

  it('can be sent as they were read', async () => {
    const feed = await feedOf(app, [counting(1)]);
    const read = await textOf(await app.request(`/admin${feed}/schemas/1`), 200);
    await textOf(await send(app, `/admin${feed}/schemas`, read, 'application/json'), 200);
    const published = await app.request(`${feed}/schemas/1?format=contract`);
    const type = published.headers.get('content-type') ?? '';
    expect(type).to.equal('application/vnd.millrace.contract+json');
    await textOf(await send(app, `/admin${feed}/schemas`, await textOf(published, 200), type), 200);
  });

  it('change nothing of what was published: a retry is answered as it was then', async () => {
    const feed = await feedOf(app, [counting(1)], NONE);
    const body = anEntry({ content: withItems(1) });
    const keyed = { 'content-type': 'application/atom+xml', 'idempotency-key': 'k1' };
    const nameless = anEntryWithoutId({ content: withItems(1) });
    const event = JSON.stringify({
      specversion: '1.0',
      id: anId(),
      source: '/s',
      type: 't',
      datacontenttype: 'application/xml',
      data: `<event xmlns="${EVENT}" count="1"><item qty="1"/></event>`,
    });
    const first = await textOf(await send(app, feed, body), 201);
    const second = await textOf(await app.request(feed, { method: 'POST', headers: keyed, body: nameless }), 201);
    const third = await textOf(await send(app, feed, event, 'application/cloudevents+json'), 201);
    await addContract(app, feed, counting(2));
    const again = await send(app, feed, body);
    expect(again.headers.get('idempotent-replayed')).to.equal('true');
    expect(await textOf(again, 201)).to.equal(first);
    expect(await textOf(await app.request(feed, { method: 'POST', headers: keyed, body: nameless }), 201)).to.equal(
      second,
    );
    expect(await textOf(await send(app, feed, event, 'application/cloudevents+json'), 201)).to.equal(third);
    // Under a contract that takes it too it keeps the version that it had.
    await addContract(app, feed, { kind: 'xsd', schema: EVENT_XSD });
    expect(await textOf(await send(app, feed, body), 201)).to.equal(first);
    await retire(app, feed, 1);
    await retire(app, feed, 3);
    expect(await textOf(await send(app, feed, body), 201)).to.equal(first);
    // A dry run of a retry says so too.
    const dry = await send(app, `${feed}?dry-run=true`, body);
    expect(dry.headers.get('idempotent-replayed')).to.equal('true');
    expect(versionIn(await textOf(dry, 200))).to.equal('1');
    // Another content under that id is no retry.
    await violationsIn(await send(app, feed, body.replace('qty="1"', 'qty="2"')));
  });

  it('hold for a batch that is sent again as a whole, and for one that has more in it', async () => {
    const feed = await feedOf(app, [counting(1)], NONE);
    const type = 'application/atom+xml;type=feed';
    const parts = [
      { id: anId(), content: withItems(1) },
      { id: anId(), content: withItems(1) },
    ];
    const first = await textOf(await send(app, feed, aFeedOf(parts), type), 201);
    await addContract(app, feed, counting(2));
    const again = await send(app, feed, aFeedOf(parts), type);
    expect(again.headers.get('idempotent-replayed')).to.equal('true');
    expect(childrenOf(parseXml(await textOf(again, 201)), 'entry')).to.have.length(2);
    expect(first).to.contain('/schemas/1');
    // What was published before is no violation; what is new has to fit.
    const more = await send(app, feed, aFeedOf([...parts, { content: withItems(2) }]), type);
    await textOf(more, 201);
    const wrong = await violationsIn(await send(app, feed, aFeedOf([...parts, { content: withItems(1) }]), type));
    expect(wrong.map(({ path }) => path)).to.deep.equal(['feed/entry[3]']);
  });

  it('hold for a revision by PUT, which is checked and told like a new entry', async () => {
    const feed = await feedOf(app, [counting(1)], { ...NONE, editable: true });
    const id = anId();
    const published = await send(app, feed, anEntry({ id, content: withItems(1) }));
    const member = published.headers.get('location') ?? '';
    const put = async (body: string, query = ''): Promise<Response> => {
      const current = await app.request(member);
      await current.arrayBuffer();
      const headers = { 'content-type': 'application/atom+xml', 'if-match': current.headers.get('etag') ?? '' };
      return app.request(`${member}${query}`, { method: 'PUT', headers, body });
    };
    await textOf(published, 201);
    await addContract(app, feed, counting(2));
    expect(versionIn(await textOf(await app.request(member), 200))).to.equal('1');
    const [error] = await violationsIn(await put(anEntry({ id, content: withItems(1) })));
    expect(error).to.include({ path: 'entry', message: '2 items' });
    expect(versionIn(await textOf(await put(anEntry({ id, content: withItems(2) })), 200))).to.equal('2');
    expect(versionIn(await textOf(await put(naming(feed, 1, 1, id)), 200))).to.equal('1');
    // What is read can be sent back as it is.
    const read = await textOf(await app.request(member), 200);
    expect(versionIn(await textOf(await put(read), 200))).to.equal('1');
    const versions = childrenOf(parseXml(await textOf(await app.request(feed), 200)), 'entry');
    expect(versions).to.have.length(1);
    // An archive page holds all revisions, each with its version.
    await retire(app, feed, 1);
    await violationsIn(await put(read));
    expect(await textOf(await app.request(member, { method: 'DELETE', headers: { 'if-match': '*' } }), 204)).to.equal(
      '',
    );
  });

  it('of a dry run of a PUT: it is not taken for one and written', async () => {
    const feed = await feedOf(app, [counting(1)], { ...NONE, editable: true });
    const id = anId();
    const published = await send(app, feed, anEntry({ id, content: withItems(1) }));
    const etag = published.headers.get('etag') ?? '';
    const member = published.headers.get('location') ?? '';
    const before = await textOf(await app.request(member), 200);
    const headers = { 'content-type': 'application/atom+xml', 'if-match': etag };
    const put = await app.request(`${member}?dry-run=true`, {
      method: 'PUT',
      headers,
      body: anEntry({ id, title: 'new', content: withItems(1) }),
    });
    expect(await textOf(put, 200)).to.contain('<title>new</title>');
    // They would be of the entry that is there, not of the one in the body.
    expect([put.headers.get('etag'), put.headers.get('content-location')]).to.deep.equal([null, null]);
    expect(await textOf(await app.request(member), 200)).to.equal(before);
  });

  it('go on when a feed is deleted and its name is used again; the old contract is not in force', async () => {
    const name = 'again';
    const feed = await app.feed(name, NONE);
    await addContract(app, feed, counting(1));
    await addContract(app, feed, counting(2));
    await textOf(await deleteFeed(app, feed, { purge: true }), 204);
    await refusalIn(await app.request(`${feed}/schemas/1`), 404, 'not-found');
    await app.feed(name, NONE);
    expect(await states(feed)).to.deep.equal([]);
    await textOf(await send(app, feed, anEntry()), 201);
    for (const version of [1, 2, 3]) {
      await refusalIn(await app.request(`${feed}/schemas/${String(version)}`), 404, 'not-found');
      const [error] = await violationsIn(await send(app, feed, naming(feed, version, 1)));
      expect(error?.message).to.contain('does not exist');
    }
    const added = JSON.parse(await textOf(await postContract(app, feed, counting(1)), 201)) as AddedVersion;
    expect(added.version).to.equal(3);
    expect(added.compatibility.against).to.deep.equal([]);
    expect(versionIn(await textOf(await send(app, feed, anEntry({ content: withItems(1) })), 201))).to.equal('3');
    await refusalIn(await app.request(`/admin${feed}/schemas/1`), 404, 'not-found');
  });

  it('are told in the feed document, whose ETag changes with them', async () => {
    const feed = await feedOf(app, [counting(1)], NONE);
    await textOf(await send(app, feed, anEntry({ content: withItems(1) })), 201);
    const page = async (): Promise<{ etag: string; version: string | undefined; link: string }> => {
      const response = await app.request(feed);
      const root = parseXml(await textOf(response, 200));
      const link = childrenOf(root, 'link').find(({ attributes }) => attributes['rel'] === 'describedby');
      return {
        etag: response.headers.get('etag') ?? '',
        version: link?.attributes['href'],
        link: response.headers.get('link') ?? '',
      };
    };
    const first = await page();
    expect(first.version).to.equal(url(feed, 1));
    await addContract(app, feed, counting(2));
    const second = await page();
    expect(second.version).to.equal(url(feed, 2));
    expect(second.etag).not.to.equal(first.etag);
    const stale = await app.request(feed, { headers: { 'if-none-match': first.etag } });
    expect(stale.status).to.equal(200);
    await stale.arrayBuffer();
    await retire(app, feed, 2);
    expect((await page()).version).to.equal(url(feed, 1));
    await retire(app, feed, 1);
    expect((await page()).version).to.equal(undefined);
    for (const format of ['json', 'jsonfeed', 'rss', 'cloudevents', 'html', 'cloudfeeds']) {
      await textOf(await app.request(`${feed}?format=${format}`), 200);
    }
  });
});
