import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry } from '../support/build.js';
import {
  EVENT,
  EVENT_JSON_SCHEMA,
  EVENT_XSD,
  eventContent,
  feedOf,
  jsonContent,
  jsonEntry,
  send,
  textOf,
  violationsIn,
} from '../support/contracts.js';
import type { Told } from '../support/contracts.js';

const ATOM = 'http://www.w3.org/2005/Atom';
const EVENTS = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';

describe('the place of a violation', () => {
  let app: TestApp;
  let xml: string;
  let relaxNg: string;
  let json: string;

  before(async () => {
    app = await startApp();
    const assertions = [{ test: 'not(atom:content/e:event/@tenantId="bad")', message: 'no bad tenants' }];
    xml = await feedOf(app, [{ kind: 'xsd', schema: EVENT_XSD, namespaces: { e: EVENT }, assertions }]);
    relaxNg = await feedOf(app, [
      {
        kind: 'relax-ng',
        schema: `<element name="event" ns="${EVENT}" xmlns="http://relaxng.org/ns/structure/1.0" datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes"><attribute name="count"><data type="int"/></attribute><zeroOrMore><element name="item"><attribute name="qty"><data type="positiveInteger"/></attribute></element></zeroOrMore></element>`,
      },
    ]);
    json = await feedOf(app, [{ kind: 'json-schema', schema: EVENT_JSON_SCHEMA }]);
  });
  after(() => app.stop());

  /** What stands in the body at the line and column that were told. */
  const standsAt = (body: string, { line = 0, column = 0 }: Told): string =>
    [...(body.split('\n')[line - 1] ?? '')].slice(column - 1).join('');
  const told = async (feed: string, body: string, type: string): Promise<readonly Told[]> =>
    violationsIn(await send(app, feed, body, type));

  describe('in XML, of an XML contract,', () => {
    it('is a path of names, with line and column of the element', async () => {
      const body = anEntry({ content: eventContent('count="1"', '\n  <item qty="1"/>\n  <item qty="x"/>') });
      const [error] = await told(xml, body, 'application/atom+xml');
      expect(error).to.include({ path: 'entry/content/event/item[2]/@qty', line: 4, column: 3 });
    });

    it('is right with prefixes, comments, character data and characters beyond 16 bits before it', async () => {
      const content = `<a:content type="application/xml"><!-- <item/> 𝄞 --><e:event xmlns:e="${EVENT}" count="1"><!-- 𝄞 --><e:item qty="1"/><?p <e:item?> <e:item qty="x"/><e:item qty="2"/><e:item qty="y"/></e:event></a:content>`;
      const body = `<a:entry xmlns:a="${ATOM}"><a:id>urn:places:1</a:id>${content}</a:entry>`;
      for (const feed of [xml, relaxNg]) {
        const errors = (await told(feed, body, 'application/atom+xml')).filter(({ path }) => path.includes('item'));
        const places = errors.map(
          (error) => `${error.path.replace('/@qty', '')} ${standsAt(body, error).slice(0, 16)}`,
        );
        expect(places, feed).to.include.members([
          'entry/content/event/item[2] <e:item qty="x"/',
          'entry/content/event/item[4] <e:item qty="y"/',
        ]);
      }
    });

    it('is right where elements of other names and namespaces stand between', async () => {
      const inner = `<item xmlns="urn:other"/><o:item xmlns:o="urn:other"/><item qty="1"/><x/><item qty="x"/>`;
      const errors = await told(xml, anEntry({ content: eventContent('count="1"', inner) }), 'application/atom+xml');
      expect(errors.map(({ path }) => path)).to.include('entry/content/event/item[1]');
    });

    it('is the whole entry for an assertion', async () => {
      const body = anEntry({ content: eventContent('count="1" tenantId="bad"') });
      const [error] = await told(xml, body, 'application/atom+xml');
      expect(error).to.deep.include({ path: 'entry', message: 'no bad tenants', line: 2, column: 1 });
    });

    it('is right in UTF-16 and ISO-8859-1', async () => {
      const text = `<?xml version="1.0" encoding="ISO-8859-1"?>\n<entry xmlns="${ATOM}"><id>urn:é</id>\n${eventContent('count="ü"')}</entry>`;
      const response = await app.request(xml, {
        method: 'POST',
        headers: { 'content-type': 'application/atom+xml' },
        body: Buffer.from(text, 'latin1'),
      });
      const [error] = await violationsIn(response);
      expect(error).to.include({ path: 'entry/content/event/@count', line: 3, found: 'ü' });
    });
  });

  describe('in JSON, of an XML contract,', () => {
    const entry = (event: unknown): unknown => ({
      entry: { '@type': ATOM, content: { event: { '@type': EVENT, ...(event as object) } } },
    });

    it('is a JSON Pointer with its line', async () => {
      const body = JSON.stringify(entry({ count: 'x', item: [{ qty: '1' }, { qty: '0' }], extra: {} }), undefined, 1);
      const errors = await told(xml, body, 'application/json');
      const places = errors.map(({ path }) => path);
      expect(places).to.include.members([
        '/entry/content/event/count',
        '/entry/content/event/item/1/qty',
        '/entry/content/event/extra',
      ]);
      for (const error of errors) {
        const name = error.path.split('/').at(-1) ?? '';
        const line = body.split('\n')[(error.line ?? 0) - 1] ?? '';
        expect(line, `${error.path} in line ${String(error.line)}`).to.match(new RegExp(`"${name}"`));
      }
    });

    it('is right for what is missing, for one item and in a batch', async () => {
      const missing = await told(xml, JSON.stringify(entry({ item: { qty: '0' } })), 'application/json');
      expect(missing.map(({ path }) => path)).to.have.members([
        '/entry/content/event/count',
        '/entry/content/event/item/qty',
      ]);
      const one = (event: object): object => (entry(event) as { entry: object }).entry;
      const feed = {
        feed: {
          '@type': ATOM,
          entry: [one({ count: '1' }), one({ count: 'x' })].map((entryOfOne) => ({
            ...entryOfOne,
            '@type': undefined,
          })),
        },
      };
      const batch = await told(xml, JSON.stringify(feed), 'application/json');
      expect(batch.map(({ path }) => path)).to.deep.equal(['/feed/entry/1/content/event/count']);
    });

    it('is right in the form of Cloud Feeds and in markup within JSON', async () => {
      const cloud = await told(xml, JSON.stringify(entry({ count: 'x' })), 'application/vnd.rackspace.atom+json');
      expect(cloud.map(({ path }) => path)).to.deep.equal(['/entry/content/event/count']);
      const markup = {
        entry: {
          '@type': ATOM,
          content: { event: { '@xml': `<event xmlns="${EVENT}" count="1">mixed\n<item qty="0"/></event>` } },
        },
      };
      const errors = await told(xml, JSON.stringify(markup), 'application/json');
      expect(errors[0]?.path).to.match(/^\/entry\/content\/event/);
    });

    it('is the entry for what is no XML', async () => {
      const [error] = await told(xml, jsonEntry({ a: 1 }), 'application/json');
      expect(error?.path).to.equal('/entry');
    });
  });

  describe('in JSON, of a JSON contract,', () => {
    it('is a JSON Pointer into what was sent, with line and column', async () => {
      const body = `{"entry": {"@type": "${ATOM}",\n "content": {"type": "application/json", "@text": {\n  "event": {"count": 1.5,\n "item": [{"qty": 1},\n\t{"qty": "𝄞"}]}}}}}`;
      const errors = await told(json, body, 'application/json');
      const byPath = new Map(errors.map((error) => [error.path, error]));
      expect(byPath.get('/entry/content/@text/event/count')).to.include({ line: 3 });
      expect(standsAt(body, byPath.get('/entry/content/@text/event/count') as Told)).to.match(/^1\.5/);
      const qty = byPath.get('/entry/content/@text/event/item/1/qty') as Told;
      expect(qty.line).to.equal(5);
      expect(standsAt(body, qty)).to.match(/^"𝄞"/);
    });

    it('escapes the names in pointers (RFC 6901)', async () => {
      const body = jsonEntry({ event: { count: 1, 'a/b~c': 1, '': 2 } });
      expect((await told(json, body, 'application/json')).map(({ path }) => path)).to.have.members([
        '/entry/content/@text/event/a~1b~0c',
        '/entry/content/@text/event/',
      ]);
    });

    it('is right in a batch', async () => {
      const one = (event: unknown): unknown => ({ title: 't', content: { type: 'application/json', '@text': event } });
      const body = JSON.stringify(
        { feed: { '@type': ATOM, entry: [one({ event: { count: 1 } }), one({}), one({ event: 5 })] } },
        undefined,
        1,
      );
      const errors = await told(json, body, 'application/json');
      expect(errors.map(({ path }) => path)).to.deep.equal([
        '/feed/entry/1/content/@text/event',
        '/feed/entry/2/content/@text/event',
      ]);
      expect(body.split('\n')[(errors[1]?.line ?? 0) - 1]).to.contain('"event": 5');
    });
  });

  describe('in XML, of a JSON contract,', () => {
    it('that is fitted is taken: texts are numbers and booleans where the schema wants them', async () => {
      await textOf(
        await send(app, json, anEntry({ content: eventContent('count="5"', '<item qty="1"/><item qty="2"/>') })),
        201,
      );
      await textOf(await send(app, json, anEntry({ content: eventContent('count="5"', '<item qty="1"/>') })), 201);
    });

    it('is a path of names with its line, like that of an XML contract', async () => {
      const body = anEntry({ content: eventContent('count="many"', '\n<item qty="1"/>\n<item qty="0"/><other/>') });
      const errors = await told(json, body, 'application/atom+xml');
      const places = errors.map(({ path, line }) => `${path} ${String(line)}`);
      expect(places).to.include.members([
        'entry/content/event/@count 2',
        'entry/content/event/item[2]/@qty 4',
        'entry/content/event/other 4',
      ]);
      expect(errors.find(({ path }) => path.endsWith('@count'))).to.include({
        found: '"many"',
        expected: 'an integer',
      });
    });

    it('is right for what is missing', async () => {
      const errors = await told(json, anEntry({ content: eventContent('') }), 'application/atom+xml');
      expect(errors).to.have.length(1);
      expect(errors[0]?.path).to.match(/^entry\/content\/event(\/@?count)?$/);
      const root = await told(
        json,
        anEntry({ content: '<content type="application/xml"><other xmlns="urn:o"/></content>' }),
        'application/atom+xml',
      );
      // The content's element is the value's one member: another one was expected in its place.
      expect(root.map(({ path, found }) => `${path} ${String(found)}`)).to.have.members([
        'entry/content/event nothing',
        'entry/content/other undefined',
      ]);
    });

    it('of JSON text is a pointer behind the path of the content, with the line in the document', async () => {
      const text = '\n{"event":\n {"count": "x &amp; y",\n  "item": {"qty": 0}}}';
      const body = anEntry({ content: `<summary>s</summary><content type="application/json">${text}</content>` });
      const errors = await told(json, body, 'application/atom+xml');
      const [count] = errors;
      expect(count).to.include({ path: 'entry/content#/event/count', found: '"x & y"' });
      const plain = body.replace(' &amp; y', '');
      const [first] = await told(json, plain, 'application/atom+xml');
      expect(first).to.include({ path: 'entry/content#/event/count', line: 4 });
      expect(standsAt(plain, first as Told)).to.match(/^"x"/);
      const base64 = `<summary>s</summary><content type="application/json">${Buffer.from('{"event":{"count":"x"}}').toString('base64')}</content>`;
      const [encoded] = await told(json, anEntry({ content: base64 }), 'application/atom+xml');
      expect(encoded).to.include({ path: 'entry/content#/event/count', line: 2 });
    });

    it('of text that is no JSON is the content', async () => {
      for (const text of ['{"event":', 'nonsense', '{"event":{"count":1}} more']) {
        const answer = await send(app, json, anEntry({ content: `<summary>s</summary>${jsonContent(text)}` }));
        expect(answer.status).to.equal(422);
        const { errors } = (await answer.json()) as { errors: Told[] };
        expect(errors[0]?.path, text).to.match(/^entry\/content/);
      }
    });
  });

  describe('in a CloudEvent', () => {
    const event = (data: unknown, more = {}): Record<string, unknown> => ({
      specversion: '1.0',
      id: Math.random().toString(36),
      source: '/s',
      type: 't',
      data,
      ...more,
    });

    it('of JSON data is a JSON Pointer with its line', async () => {
      const body = JSON.stringify(event({ event: { count: 'x', item: [{ qty: 0 }] } }), undefined, 1);
      const errors = await told(json, body, EVENTS);
      expect(errors.map(({ path }) => path)).to.include.members(['/data/event/count', '/data/event/item/0/qty']);
      expect(body.split('\n')[(errors.find(({ path }) => path.endsWith('count'))?.line ?? 0) - 1]).to.contain(
        '"count": "x"',
      );
    });

    it('of XML data is a path of names behind the pointer', async () => {
      const data = `<event xmlns="${EVENT}" count="x"><item qty="1"/><item qty="0"/></event>`;
      const sent = event(data, { datacontenttype: 'application/xml' });
      for (const feed of [xml, json]) {
        const errors = await told(feed, JSON.stringify(sent), EVENTS);
        expect(
          errors.map(({ path }) => path),
          feed,
        ).to.include.members(['/data#event/@count', '/data#event/item[2]/@qty']);
      }
    });

    it('of a batch is the pointer of its event', async () => {
      const errors = await told(
        json,
        JSON.stringify([event({ event: { count: 1 } }), event({ event: { count: 'x' } }), event(undefined)]),
        BATCH,
      );
      expect(errors.map(({ path }) => path)).to.deep.equal(['/1/data/event/count', '/2']);
    });

    it('in binary mode is a place in the body', async () => {
      const headers = { 'ce-specversion': '1.0', 'ce-id': 'b1', 'ce-source': '/s', 'ce-type': 't' };
      const binary = (feed: string, type: string, body: string): Promise<Response> =>
        app.request(feed, { method: 'POST', headers: { ...headers, 'content-type': type }, body });
      const [inJson] = await violationsIn(await binary(json, 'application/json', '{"event":\n{"count": "x"}}'));
      expect(inJson).to.include({ path: '/event/count', line: 2 });
      const [inXml] = await violationsIn(
        await binary(xml, 'application/xml', `<event xmlns="${EVENT}"\n count="1"><item\nqty="0"/></event>`),
      );
      expect(inXml).to.include({ path: 'event/item/@qty', line: 2 });
      const [utf16] = await violationsIn(
        await app.request(xml, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/xml;charset=utf-16' },
          body: Buffer.from(`\ufeff<event xmlns="${EVENT}" count="x"/>`, 'utf16le'),
        }),
      );
      // XML in another encoding is kept as the bytes that it is.
      expect(utf16?.message).to.contain('application/octet-stream');
    });

    it('without data, or with text, is the event', async () => {
      expect((await told(xml, JSON.stringify(event(undefined)), EVENTS))[0]?.message).to.contain('about XML');
      const text = await told(json, JSON.stringify(event('hello', { datacontenttype: 'text/plain' })), EVENTS);
      expect(text[0]?.message).to.contain('text');
    });
  });

  it('never is a text of libxml2’s own with namespaces in braces', async () => {
    const body = anEntry({ content: eventContent('count="x" more="1"', '<item qty="0" b="1"/><other/>text') });
    for (const feed of [xml, relaxNg]) {
      for (const { path, message } of await told(feed, body, 'application/atom+xml')) {
        expect(path + message).not.to.contain('{');
        expect(path).to.match(/^entry/);
      }
    }
  });
});
