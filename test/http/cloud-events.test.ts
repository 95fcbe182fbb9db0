import { CloudEvent, HTTP } from 'cloudevents';
import type { CloudEventV1, Message } from 'cloudevents';
import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { ATOM, childOf, childrenOf, linkHeaderOf, parseXml } from '../support/atom.js';
import { anEvent } from '../support/cloud-events.js';
import type { Members } from '../support/cloud-events.js';
import { page, post, publish } from '../support/publish.js';

const EVENT = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';

interface Problem {
  readonly detail: string;
  readonly errors: readonly { path: string; message: string; line?: number; column?: number }[];
}

describe('CloudEvents', () => {
  let app: TestApp;
  let feed: string;
  let feeds = 0;
  before(async () => {
    app = await startApp();
  });
  beforeEach(async () => {
    feeds += 1;
    feed = await app.feed(`events-${String(feeds)}`);
  });
  after(() => app.stop());

  const send = (body: unknown, type = EVENT, headers: Record<string, string> = {}): Promise<Response> =>
    post(app, feed, typeof body === 'string' ? body : JSON.stringify(body), { 'content-type': type, ...headers });
  const read = async (response: Response, status = 200): Promise<unknown> => {
    const text = await response.text();
    expect(response.status, text).to.equal(status);
    return JSON.parse(text);
  };
  const problem = async (response: Response, status = 422): Promise<Problem> =>
    (await read(response, status)) as Problem;
  const get = (path: string, accept = EVENT): Promise<Response> => app.request(path, { headers: { accept } });
  const onPage = async (): Promise<Members[]> => (await read(await get(feed, BATCH))) as Members[];

  describe('of the official SDK', () => {
    const sdkEvent = (parts: Partial<CloudEventV1<unknown>> = {}): CloudEvent<unknown> =>
      new CloudEvent(anEvent({ time: '2026-02-03T04:05:06.789Z', ...parts }));
    /** As the SDK sends a message; as it would by its own transport. */
    const sendMessage = ({ headers, body }: Message): Promise<Response> => {
      const sent = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]);
      const bytes = ArrayBuffer.isView(body) ? new Uint8Array(body.buffer) : (body as string | undefined);
      return app.request(feed, {
        method: 'POST',
        headers: sent,
        ...(bytes === undefined ? {} : { body: bytes }),
      });
    };
    const parsed = async (response: Response, status = 200): Promise<CloudEvent<unknown>> => {
      const body = await response.text();
      expect(response.status, body).to.equal(status);
      const headers = Object.fromEntries(response.headers);
      return HTTP.toEvent({ headers, body }) as CloudEvent<unknown>;
    };
    const plain = (event: CloudEvent<unknown>): unknown => JSON.parse(JSON.stringify(event));
    /** Its binary mode makes strings of all attributes. */
    const inStrings = (event: CloudEvent<unknown>): unknown => {
      const { data, ...attributes } = plain(event) as Members;
      const texts = Object.entries(attributes).map(([name, value]) => [name, String(value)]);
      const rest: Members = data === undefined ? {} : { data };
      return { ...(Object.fromEntries(texts) as Members), ...rest };
    };

    const examples: [what: string, event: () => CloudEvent<unknown>][] = [
      ['JSON', () => sdkEvent({ datacontenttype: 'application/json', data: { a: [1.5, null, 'é'], b: {} } })],
      [
        'every attribute',
        () => sdkEvent({ subject: 's', dataschema: 'https://example.com/a', data: 'x', datacontenttype: 'text/plain' }),
      ],
      ['extensions', () => sdkEvent({ xa: 'a', xb: 5, xc: true, datacontenttype: 'application/json', data: {} })],
      ['XML', () => sdkEvent({ datacontenttype: 'application/xml', data: '<a x="1">é</a>' })],
    ];
    for (const [what, make] of examples) {
      it(`come back as they were published in structured mode, with ${what}`, async () => {
        const event = make();
        const answer = await sendMessage(HTTP.structured(event));
        expect(answer.headers.get('content-type')).to.equal(EVENT);
        expect(plain(await parsed(answer, 201))).to.deep.equal(plain(event));
        const member = answer.headers.get('location') ?? '';
        expect(plain(await parsed(await get(member)))).to.deep.equal(plain(event));
        expect(plain(await parsed(await get(`${member}?format=cloudevents`, '*/*')))).to.deep.equal(plain(event));
      });

      it(`come back as they were published in binary mode, with ${what}`, async () => {
        const event = make();
        const answer = await sendMessage(HTTP.binary(event));
        expect(plain(await parsed(answer, 201))).to.deep.equal(inStrings(event));
        const member = answer.headers.get('location') ?? '';
        expect(plain(await parsed(await get(member)))).to.deep.equal(inStrings(event));
      });
    }

    it('with bytes come back with the same bytes, in both modes', async () => {
      const bytes = new Uint8Array([0, 1, 254, 255]);
      for (const mode of [HTTP.structured, HTTP.binary] as const) {
        const event = sdkEvent({ datacontenttype: 'image/png', data: bytes });
        const message: Message = mode(event);
        const answer = await sendMessage(message);
        const { data_base64, datacontenttype } = await parsed(answer, 201);
        expect([data_base64, datacontenttype]).to.deep.equal(['AAH+/w==', 'image/png']);
      }
    });

    it('without data have none', async () => {
      const event = sdkEvent();
      expect(plain(await parsed(await sendMessage(HTTP.structured(event)), 201))).to.deep.equal(plain(event));
      const binary = await parsed(await sendMessage(HTTP.binary(sdkEvent())), 201);
      expect(binary.data).to.equal(undefined);
    });

    it('come back as a page, the newest first', async () => {
      const events = [sdkEvent({ data: { a: 1 } }), sdkEvent({ data: 'x' }), sdkEvent({ xa: 1 })];
      const answer = await send(events, BATCH);
      expect(answer.status).to.equal(201);
      expect(answer.headers.get('content-type')).to.equal(BATCH);
      const response = await get(feed, BATCH);
      const found = HTTP.toEvent({ headers: Object.fromEntries(response.headers), body: await response.text() });
      expect((found as CloudEvent<unknown>[]).map(plain)).to.deep.equal(events.map(plain).toReversed());
    });

    it('can be made of entries that came as Atom', async () => {
      const id = await publish(app, feed, { title: 'An order' });
      const event = await parsed(await get(`${feed}/entries/${encodeURIComponent(id)}`));
      expect(event).to.include({ id, type: 'millrace.entry', source: `${app.url}${feed}`, subject: 'An order' });
      expect(event.validate()).to.equal(true);
    });
  });

  describe('published', () => {
    it('are valid entries in Atom, which a search by their type finds', async () => {
      const [wanted, other] = [anEvent({ type: 'com.example.a', data: { a: 1 } }), anEvent({ type: 'com.example.b' })];
      for (const event of [wanted, other]) expect((await send(event)).status).to.equal(201);
      const found = await page(app, `${feed}?search=${encodeURIComponent('(cat=com.example.a)')}`);
      expect(found.entries).to.have.length(1);
      const [entry] = found.entries;
      expect(childOf(entry!, 'title').text).to.equal('com.example.a');
      const events = (await read(await get(`${feed}?search=%2Bcom.example.a`, BATCH))) as Members[];
      expect(events).to.deep.equal([wanted]);
      // What is read as Atom can be published again as it stands: by the rules of Atom, as the same entry.
      const again = await app.feed(`${feed.split('/').at(-1) ?? ''}-again`);
      const member = await app.request(`${feed}/entries/${encodeURIComponent(childOf(entry!, 'id').text)}`);
      expect((await post(app, again, await member.text())).status).to.equal(201);
      expect(await read(await get(again, BATCH))).to.deep.equal([wanted]);
    });

    it('again are replayed, in whatever order their members come', async () => {
      const event = anEvent({ subject: 's', data: { a: 1 } });
      const first = await send(event);
      const second = await send(Object.fromEntries(Object.entries(event).toReversed()));
      expect([first.status, second.status]).to.deep.equal([201, 201]);
      expect(first.headers.get('idempotent-replayed')).to.equal(null);
      expect(second.headers.get('idempotent-replayed')).to.equal('true');
      expect(second.headers.get('location')).to.equal(first.headers.get('location'));
      expect(await first.json()).to.deep.equal(await second.json());
      expect(await onPage()).to.deep.equal([event]);
    });

    it('with the source and id of another are refused', async () => {
      const event = anEvent({ data: 1 });
      expect((await send(event)).status).to.equal(201);
      expect((await problem(await send({ ...event, data: 2 }), 409)).detail).to.match(/urn:uuid:/);
      expect((await send({ ...event, source: '/elsewhere', data: 2 })).status).to.equal(201);
    });

    it('in binary mode are the same as in structured mode', async () => {
      const event = anEvent({ datacontenttype: 'application/json', xa: '5', data: { a: 1 } });
      expect((await send(event)).status).to.equal(201);
      const { specversion, id, source, type } = event as Record<string, string>;
      const again = await post(app, feed, '{"a":1}', {
        ...{ 'content-type': 'application/json', 'ce-specversion': specversion!, 'ce-id': id! },
        ...{ 'ce-source': source!, 'ce-type': type!, 'ce-xa': '5' },
      });
      expect([again.status, again.headers.get('idempotent-replayed')]).to.deep.equal([201, 'true']);
    });

    it('as a large batch come in one piece', async function () {
      this.timeout(60_000);
      const events = Array.from({ length: 4_000 }, (_, index) => anEvent({ data: { index } }));
      const answer = await send(events, BATCH);
      expect(await read(answer, 201)).to.deep.equal(events);
      const found = (await read(await get(`${feed}?limit=1000`, BATCH))) as Members[];
      expect(found).to.deep.equal(events.slice(-1_000).toReversed());
    });

    it('as a batch are all taken or none', async () => {
      const answer = await problem(await send([anEvent(), { ...anEvent(), type: '' }], BATCH));
      expect(answer.errors).to.deep.equal([
        { path: '/1/type', message: 'it is empty', line: 1, column: answer.errors[0]?.column },
      ]);
      expect(await onPage()).to.deep.equal([]);
    });

    it('of a batch with the source and id of another are told by their place in it', async () => {
      const event = anEvent({ data: 1 });
      expect((await send(event)).status).to.equal(201);
      const { detail, errors } = await problem(await send([anEvent(), { ...event, data: 2 }], BATCH), 409);
      expect(errors.map(({ path }) => path)).to.deep.equal(['/1']);
      expect(detail).not.to.include('feed/entry');
      expect(await onPage()).to.deep.equal([event]);
    });

    it('with mistakes are told all of them with their places', async () => {
      const { errors } = await problem(await send('{"specversion":"1.0",\n"id":"",\n"source":"a b","Time":1}'));
      expect(errors.map(({ path, line, column }) => [path, line, column])).to.deep.equal([
        ['/type', 1, 1],
        ['/id', 2, 6],
        ['/source', 3, 10],
        ['/Time', 3, 16],
      ]);
      const binary = await problem(
        await post(app, feed, 'x', { 'content-type': 'text/plain', 'ce-specversion': '1.0', 'ce-id': '%FF' }),
      );
      expect(binary.errors.map(({ path }) => path)).to.deep.equal(['ce-id', 'ce-source', 'ce-type']);
    });

    it('in binary mode without a specversion are told what is missing', async () => {
      const headers = { 'content-type': 'application/json', 'ce-id': 'a', 'ce-source': '/', 'ce-type': 't' };
      const refused = await post(app, feed, '{}', headers);
      const { errors } = (await refused.json()) as { errors: { path: string }[] };
      expect(refused.status).to.equal(422);
      expect(errors.map(({ path }) => path)).to.deep.equal(['ce-specversion']);
    });

    it('as what is no JSON are not well-formed', async () => {
      expect((await send('{"specversion":')).status).to.equal(400);
      expect((await send('[', BATCH)).status).to.equal(400);
      const headers = { 'ce-specversion': '1.0', 'ce-id': 'a', 'ce-source': '/', 'ce-type': 't' };
      expect((await post(app, feed, 'x', { 'content-type': 'application/json', ...headers })).status).to.equal(400);
    });

    it('as an empty batch, or by the media type of the other, are refused', async () => {
      expect((await problem(await send([], BATCH))).detail).to.match(/holds no event to publish/);
      expect((await problem(await send([anEvent()]))).detail).to.match(/is a batch of events/);
      expect((await problem(await send(anEvent(), BATCH))).detail).to.match(/an array of events was expected/);
    });

    it('in UTF-8 are taken, in another charset or format not', async () => {
      for (const type of [`${EVENT}; charset=utf-8`, `${EVENT};charset="UTF-8"`, 'Application/CloudEvents+JSON']) {
        expect((await send(anEvent(), type)).status, type).to.equal(201);
      }
      const latin = await send(anEvent(), `${EVENT};charset=iso-8859-1`);
      expect(latin.status).to.equal(415);
      const xml = await send('<event/>', 'application/cloudevents+xml', { 'ce-specversion': '1.0' });
      expect(xml.status).to.equal(415);
      expect(xml.headers.get('accept-post')).to.include(EVENT).and.to.include(BATCH);
    });

    it('are held to the limits of the feed', async () => {
      const small = await app.feed(`small-${String(feeds)}`, { limits: { bodyBytes: 1_000, categoryLength: 10 } });
      const type = await post(app, small, JSON.stringify(anEvent()), { 'content-type': EVENT });
      expect((await problem(type)).errors[0]).to.include({ path: '/type', line: 1 });
      const large = anEvent({ type: 't', data: 'x'.repeat(1_000) });
      expect((await post(app, small, JSON.stringify(large), { 'content-type': EVENT })).status).to.equal(413);
    });

    it('keep JSON as text where the feed is set so', async () => {
      const inline = await app.feed(`inline-${String(feeds)}`, { inlineJson: true });
      const answer = await post(app, inline, JSON.stringify(anEvent({ data: { a: '<' } })), {
        ...{ 'content-type': EVENT, accept: 'application/atom+xml' },
      });
      const entry = parseXml(await answer.text());
      expect(answer.status).to.equal(201);
      expect(childOf(entry, 'content').text).to.equal('{"a":"<"}');
      expect(childrenOf(entry, 'summary', ATOM)).to.deep.equal([]);
    });
  });

  describe('read', () => {
    it('lead from page to page by the Link header', async () => {
      const events = Array.from({ length: 5 }, () => anEvent());
      await send(events, BATCH);
      const first = await get(`${feed}?limit=3`, BATCH);
      const newest = (await read(first)) as Members[];
      const next = linkHeaderOf(first.headers).get('next') ?? '';
      const oldest = (await read(await get(next, BATCH))) as Members[];
      expect([...newest, ...oldest]).to.deep.equal(events.toReversed());
    });

    it('are what the client prefers, and vary by that', async () => {
      await send(anEvent());
      for (const [accept, type] of [
        [`${BATCH}, */*;q=0.1`, BATCH],
        [`${BATCH};q=0.1, application/atom+xml`, 'application/atom+xml;type=feed;charset=utf-8'],
      ] as const) {
        const response = await get(feed, accept);
        expect(response.headers.get('content-type')).to.equal(type);
        expect(response.headers.get('vary')).to.include('Accept');
      }
      const byName = await app.request(`${feed}?format=cloudevents`);
      expect(byName.headers.get('content-type')).to.equal(BATCH);
      const tag = byName.headers.get('etag') ?? '';
      const again = await app.request(`${feed}?format=cloudevents`, { headers: { 'if-none-match': tag } });
      expect(again.status).to.equal(304);
    });

    it('tell of revisions and deletions', async () => {
      const editable = await app.feed(`editable-${String(feeds)}`, { editable: true });
      const id = await publish(app, editable, { title: 'first' });
      const member = `${editable}/entries/${encodeURIComponent(id)}`;
      const readPage = async (): Promise<Members[]> => (await read(await get(editable, BATCH))) as Members[];
      const [before] = await readPage();
      const body = (await (await app.request(member)).text()).replace('first', 'second');
      const put = await app.request(member, {
        ...{ method: 'PUT', body },
        headers: { 'content-type': 'application/atom+xml;type=entry', 'if-match': '*' },
      });
      expect(put.status).to.equal(200);
      const [revised] = await readPage();
      expect(revised).to.include({ type: 'millrace.entry.revised', subject: 'second', id: `${id};revision=2` });
      expect((await app.request(member, { method: 'DELETE' })).status).to.equal(204);
      const [deleted] = await readPage();
      expect(deleted).to.include({ type: 'millrace.entry.deleted', subject: id });
      expect(new Set([before, revised, deleted].map((event) => event?.['id']))).to.have.length(3);
    });

    it('can be replaced by an event of the same source and id on an editable feed', async () => {
      feed = await app.feed(`replaced-${String(feeds)}`, { editable: true });
      const event = anEvent({ data: 1 });
      const member = (await send(event)).headers.get('location') ?? '';
      const put = (body: Members): Promise<Response> =>
        app.request(member, {
          ...{ method: 'PUT', body: JSON.stringify(body) },
          headers: { 'content-type': EVENT, 'if-match': '*' },
        });
      expect(await read(await put({ ...event, data: 2 }))).to.deep.equal({ ...event, data: 2 });
      expect((await put({ ...event, id: 'another' })).status).to.equal(409);
      expect(await onPage()).to.deep.equal([{ ...event, data: 2 }]);
    });
  });
});
