import { expect } from 'chai';
import fc from 'fast-check';
import { FeedsError } from '../../../../src/core/errors.js';
import { readCloudEvent, readCloudEventBatch } from '../../../../src/formats/cloud-events/cloud-events-read.js';
import { writeCloudEventBatch } from '../../../../src/formats/cloud-events/cloud-events-write.js';
import { viewEntry } from '../../../../src/formats/atom/entry-view.js';
import { readTree } from '../../../../src/formats/xml/xml-tree.js';
import { childOf, childrenOf, parseXml } from '../../../support/atom.js';
import {
  INLINE,
  OPTIONS,
  anEvent,
  anyEventJson,
  asEvent,
  back,
  meaningOf,
  published,
  stored,
} from '../../../support/cloud-events.js';
import { URLS, aDocument, joined } from '../../../support/page-document.js';

describe('a CloudEvent', () => {
  it('is read back as it was published, whatever is in it', async () => {
    await fc.assert(
      fc.asyncProperty(anyEventJson, fc.boolean(), async (json, inlineJson) => {
        const text = await asEvent(await published(json, inlineJson ? INLINE : OPTIONS));
        expect(meaningOf(text), json).to.deep.equal(meaningOf(json));
      }),
      { numRuns: 600 },
    );
  });

  it('is the same entry, whatever the order of its members', async () => {
    const event = anEvent({ xb: 1, xa: 'a', data: { a: 1 } });
    const turned = Object.fromEntries(Object.entries(event).toReversed());
    expect((await published(turned)).xml).to.equal((await published(event)).xml);
  });

  it('with one character changed is refused with its place, or read back', async () => {
    const change = fc.record({
      at: fc.nat(),
      take: fc.integer({ min: 0, max: 3 }),
      put: fc.constantFrom(
        '',
        '"',
        '0',
        'null',
        ',',
        ':',
        '{',
        '\\u0000',
        '\\',
        'Z',
        '1.5',
        '%',
        '\u0085',
        '"data":1,',
      ),
    });
    let [refused, taken] = [0, 0];
    await fc.assert(
      fc.asyncProperty(anyEventJson, change, async (json, { at, take, put }) => {
        const from = at % json.length;
        const mutant = json.slice(0, from) + put + json.slice(from + take);
        try {
          const text = await asEvent(stored(await readCloudEvent(Buffer.from(mutant), OPTIONS)));
          expect(meaningOf(text), mutant).to.deep.equal(meaningOf(Buffer.from(mutant).toString()));
          taken++;
        } catch (error) {
          if (!(error instanceof FeedsError)) throw error;
          expect(error.code).to.be.oneOf(['not-well-formed', 'invalid-entry']);
          const violations = error.details.violations ?? [];
          expect(violations).not.to.deep.equal([]);
          for (const { line, column } of violations)
            expect([line, column]).to.satisfy(([a, b]: number[]) => a! > 0 && b! > 0);
          refused++;
        }
      }),
      { numRuns: 1_500 },
    );
    expect(Math.min(refused, taken)).to.be.greaterThan(100);
  });

  it('is an entry that says what feed readers want to know', async () => {
    const event = anEvent({
      id: 'A234-1234-1234',
      source: 'https://github.com/cloudevents/spec/pull',
      type: 'com.github.pull_request.opened',
      subject: '123 & <more>',
      time: '2018-04-05t17:31:00z',
      data: 1,
    });
    const entry = parseXml((await published(event)).xml);
    // Stored entries are known by this id: it may never change.
    expect(childOf(entry, 'id').text).to.equal('urn:uuid:b53b3c3d-de62-5655-9683-6985404ba89c');
    expect(childOf(entry, 'title').text).to.equal('com.github.pull_request.opened: 123 & <more>');
    expect(childOf(entry, 'updated').text).to.equal('2018-04-05T17:31:00Z');
    expect(childOf(entry, 'published').text).to.equal('2018-04-05T17:31:00Z');
    expect(childrenOf(entry, 'category').map(({ attributes }) => attributes['term'])).to.deep.equal([event['type']]);
  });

  it('leaves its times to the server when it has none', async () => {
    const draft = await readCloudEvent(Buffer.from(JSON.stringify(anEvent())), OPTIONS);
    expect(draft.has).to.deep.equal({ title: true, updated: false, published: false, author: false });
    expect(await back(anEvent())).not.to.have.property('time');
  });

  it('has the id of its source and id together', async () => {
    const idOf = async (source: string, id: string): Promise<string> =>
      (await published(anEvent({ source, id }))).atomId;
    expect(await idOf('/a', 'b')).to.equal(await idOf('/a', 'b'));
    expect(
      new Set([await idOf('/a', 'b'), await idOf('/a', 'c'), await idOf('/ab', ''.concat('b')), await idOf('/', 'ab')]),
    ).to.have.length(4);
    expect(await idOf('/a', 'b')).to.match(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it('has a title of one line that is not too long', async () => {
    const entry = await published(anEvent({ subject: '😀'.repeat(1_000) }));
    const title = childOf(parseXml(entry.xml), 'title').text;
    expect(title.length).to.be.within(200, 260);
    expect(title).to.match(/^com\.example\.alert: (😀)+.?…$/u);
    expect((await back(anEvent({ subject: '😀'.repeat(1_000) })))['subject']).to.equal('😀'.repeat(1_000));
  });

  describe('whose data is', () => {
    const contentOf = async (parts: Record<string, unknown>, options = OPTIONS) => {
      const event = anEvent(parts);
      const entry = await published(event, options);
      expect(JSON.parse(await asEvent(entry))).to.deep.equal(event);
      const content = childOf(parseXml(entry.xml), 'content');
      return { content, type: content.attributes['type'], view: (await viewEntry(entry)).content, entry };
    };
    const summaryOf = (xml: string) => childrenOf(parseXml(xml), 'summary').map(({ text }) => text);

    it('JSON, is Base64 with a summary, or plain where the feed is set so', async () => {
      const data = { a: [1.5, null, 'é'] };
      const encoded = await contentOf({ data });
      expect(encoded.type).to.equal('application/json');
      expect(Buffer.from(encoded.content.text, 'base64').toString()).to.equal(JSON.stringify(data));
      expect(summaryOf(encoded.entry.xml)).to.deep.equal(['com.example.alert']);
      const plain = await contentOf({ data }, INLINE);
      expect(plain.content.text).to.equal(JSON.stringify(data));
      expect(summaryOf(plain.entry.xml)).to.deep.equal([]);
    });

    it('JSON of another name, keeps the name where Atom lets it', async () => {
      expect((await contentOf({ datacontenttype: 'application/vnd.x+json; v=1', data: 1 })).type).to.equal(
        'application/vnd.x+json; v=1',
      );
      expect((await contentOf({ datacontenttype: 'text/json', data: 1 })).type).to.equal('application/json');
      expect((await contentOf({ datacontenttype: 'message/x+json', data: 1 })).type).to.equal('application/json');
      expect((await contentOf({ datacontenttype: `a/${'b'.repeat(300)}+json`, data: 1 })).type).to.equal(
        'application/json',
      );
      expect((await contentOf({ datacontenttype: `a/json;x=${'b'.repeat(300)}`, data: 1 })).type).to.equal('a/json');
    });

    it('null, is data all the same', async () => {
      expect(await back(anEvent({ data: null }))).to.have.property('data', null);
      expect(await back(anEvent())).not.to.have.property('data');
    });

    it('text, is text', async () => {
      const { type, content } = await contentOf({ datacontenttype: 'text/html; charset=utf-8', data: '<b>\r\n&amp;' });
      expect([type, content.text]).to.deep.equal(['text/html; charset=utf-8', '<b>\r\n&amp;']);
      expect((await contentOf({ datacontenttype: 'text/plain', data: '' })).content.text).to.equal('');
    });

    it('long text, is the same text', async () => {
      const data = `x${'😀&'.repeat(40_000)}\r`;
      expect(await back(anEvent({ datacontenttype: 'text/plain', data }))).to.have.property('data', data);
    });

    it('text that XML cannot carry, is bytes', async () => {
      const { type, content } = await contentOf({ datacontenttype: 'text/plain', data: 'a\0b' });
      expect(type).to.equal('application/octet-stream');
      expect(Buffer.from(content.text, 'base64').toString()).to.equal('a\0b');
    });

    it('XML, is XML with its own namespaces only', async () => {
      const data = '<a  x="1"><p:b xmlns:p="urn:p"/></a>';
      const { type, content, entry } = await contentOf({ datacontenttype: 'application/xml', data });
      expect(type).to.equal('application/xml');
      expect(entry.xml).to.include(data);
      expect(content.children.map(({ local, uri }) => [local, uri])).to.deep.equal([['a', '']]);
    });

    for (const [what, data] of [
      ['with a declaration', '<?xml version="1.0" encoding="UTF-8"?><a/>'],
      ['with a document type', '<!DOCTYPE a><a/>'],
      ['not well-formed', '<a>'],
      ['that ends in a line feed', '<a/>\n'],
      ['with a prefix that is not declared', '<p:a/>'],
    ] as const) {
      it(`XML ${what}, is bytes`, async () => {
        const { type, content } = await contentOf({ datacontenttype: 'application/xml', data });
        expect(type).to.equal('application/octet-stream');
        expect(Buffer.from(content.text, 'base64').toString()).to.equal(data);
      });
    }

    it('text of a type that is none, is Base64 of that type', async () => {
      const { type, content } = await contentOf({ datacontenttype: 'application/yaml', data: 'a: \u{feff}b' });
      expect(type).to.equal('application/yaml');
      expect(Buffer.from(content.text, 'base64').toString()).to.equal('a: \u{feff}b');
    });

    it('bytes, is Base64 of their type where Atom lets it', async () => {
      const bytes = Buffer.from([0, 255, 10]).toString('base64');
      const typeOf = async (datacontenttype: string, data_base64 = bytes) =>
        (await contentOf({ datacontenttype, data_base64 })).type;
      expect(await typeOf('image/png')).to.equal('image/png');
      expect(await typeOf('text/plain')).to.equal('application/octet-stream');
      expect(await typeOf('application/xml')).to.equal('application/octet-stream');
      expect(await typeOf('multipart/mixed;boundary=x')).to.equal('application/octet-stream');
      expect(await typeOf('application/json')).to.equal('application/octet-stream');
      expect(await typeOf('application/json', 'e30=')).to.equal('application/json');
      expect((await contentOf({ data_base64: '' })).content.text).to.equal('');
    });

    it('nothing, is empty content', async () => {
      const { type, content, view } = await contentOf({});
      expect([type, content.text, view?.kind]).to.deep.equal([undefined, '', 'text']);
    });
  });

  it('as large as a body may be holds nobody up', async function () {
    this.timeout(60_000);
    const data = Array.from({ length: 100_000 }, (_, index) => ({ index, é: 'x' }));
    const event = anEvent({ data });
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    expect(await back(event)).to.deep.equal(event);
    clearInterval(timer);
    expect(longest).to.be.lessThan(500);
  });

  it('that is one of many comes in the order of the batch', async () => {
    const events = Array.from({ length: 300 }, (_, index) => anEvent({ data: index }));
    const drafts = await readCloudEventBatch(Buffer.from(JSON.stringify(events)), OPTIONS);
    const batch = await joined(writeCloudEventBatch(aDocument(), drafts.map(stored), URLS));
    expect(JSON.parse(batch)).to.deep.equal(events);
    expect(await joined(writeCloudEventBatch(aDocument(), [], URLS))).to.equal('[]\n');
  });

  it('carries the rest in one element whose attributes have no namespace', async () => {
    const { xml } = await published(anEvent({ xa: true, xb: -5, xc: 'c', dataschema: 'urn:x', data: 1 }));
    const [element] = readTree(xml).children.filter((child) => typeof child !== 'string' && child.local === 'event');
    expect(element).to.have.property('uri', 'urn:millrace:cloudevents');
    expect(xml.slice(xml.indexOf('<event'), xml.indexOf('</entry>')).replace(/ id="[^"]*"/, '')).to.equal(
      '<event xmlns="urn:millrace:cloudevents" specversion="1.0" source="/sensors/tn-1234567" type="com.example.alert" dataschema="urn:x" data="json">' +
        '<extension name="xa" type="boolean" value="true"/><extension name="xb" type="integer" value="-5"/><extension name="xc" type="string" value="c"/></event>',
    );
  });
});
