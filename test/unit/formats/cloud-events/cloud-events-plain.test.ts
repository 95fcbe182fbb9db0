import { CloudEvent } from 'cloudevents';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Entry } from '../../../../src/core/entry.js';
import { DEFAULT_LIMITS } from '../../../../src/core/feed.js';
import { readEntry } from '../../../../src/formats/atom/atom-read.js';
import { readCloudEvent } from '../../../../src/formats/cloud-events/cloud-events-read.js';
import type { EntryParts } from '../../../support/build.js';
import { OPTIONS, anEvent, anyEventJson, asEvent, published, stored } from '../../../support/cloud-events.js';
import type { Members } from '../../../support/cloud-events.js';
import { aStoredEntry, aTombstone } from '../../../support/page-document.js';
import { fixtures } from '../fixtures.js';
import { anyEntry, printMade } from '../json/json-trees.js';

const FEED = 'https://feeds.example.org/feeds/shop/orders';
const NAMESPACE = 'urn:millrace:cloudevents';

/** An entry as an event, which the official SDK takes. */
async function checked(entry: Entry): Promise<Members> {
  const members = await readAgain(entry);
  new CloudEvent(members).validate();
  return members;
}

/** The same, but by our own reader alone: the SDK refuses some leap seconds. */
async function readAgain(entry: Entry): Promise<Members> {
  const text = await asEvent(entry);
  await readCloudEvent(Buffer.from(text), { ...OPTIONS, limits: { ...DEFAULT_LIMITS, categoryLength: 70_000 } });
  return JSON.parse(text) as Members;
}

describe('an entry that came as something else', () => {
  const eventOf = (parts: EntryParts): Promise<Members> => checked(aStoredEntry(parts));

  it('is an event of its feed', async () => {
    const event = await eventOf({ id: 'urn:x:1', title: 'An order', updated: '2016-12-31T23:59:60Z' });
    expect(event).to.deep.equal({
      specversion: '1.0',
      id: 'urn:x:1',
      source: FEED,
      type: 'millrace.entry',
      subject: 'An order',
      time: '2016-12-31T23:59:60Z',
      datacontenttype: 'text/plain',
      data: 'something happened',
    });
  });

  it('has no subject when its title is none for an event', async () => {
    for (const title of ['', ' ', 'a\nb', 'a\u0085b', 'a\u{1fffe}b']) {
      expect(await eventOf({ title }), JSON.stringify(title)).not.to.have.property('subject');
    }
    const html = aStoredEntry({ title: 'T' });
    const marked = { ...html, xml: html.xml.replace('<title>', '<title type="html">') };
    expect(await checked(marked)).not.to.have.property('subject');
  });

  it('has an id that is legal in an event', async () => {
    expect(await eventOf({ id: 'urn:x:\u{1fffe}ä' })).to.have.property('id', 'urn:x:%F0%9F%BF%BEä');
  });

  for (const [content, expected] of [
    ['<content>a &lt; b</content>', { datacontenttype: 'text/plain', data: 'a < b' }],
    ['<content/>', { datacontenttype: 'text/plain', data: '' }],
    ['<content type="html">&lt;b&gt;</content>', { datacontenttype: 'text/html', data: '<b>' }],
    [
      '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">x</div></content>',
      { datacontenttype: 'text/html', data: '<div>x</div>' },
    ],
    ['<content type="text/csv">a;b</content>', { datacontenttype: 'text/csv', data: 'a;b' }],
    ['<content type="text/csv;&#10;">a</content>', { datacontenttype: 'text/csv', data: 'a' }],
    ['<content type="text/json">{"a": 1}</content>', { datacontenttype: 'text/json', data: { a: 1 } }],
    ['<content type="text/json">{a</content>', { datacontenttype: 'text/json', data_base64: 'e2E=' }],
    ['<content type="application/json">[1]</content>', { datacontenttype: 'application/json', data: [1] }],
    ['<content type="application/json">WzFd</content><summary/>', { datacontenttype: 'application/json', data: [1] }],
    [
      '<content type="application/json">/w==</content><summary/>',
      { datacontenttype: 'application/json', data_base64: '/w==' },
    ],
    [
      '<content type="application/x+xml"><a xmlns="urn:a"/></content>',
      { datacontenttype: 'application/x+xml', data: '<a xmlns="urn:a"/>' },
    ],
    ['<content type="image/png">AA==</content><summary/>', { datacontenttype: 'image/png', data_base64: 'AA==' }],
    [
      '<content type="image/png" src="http://h/ä b"/><summary/>'.replace(' b', '?[]'),
      { datacontenttype: 'image/png', dataref: 'http://h/%C3%A4?%5B%5D' },
    ],
    ['<content src="../a"/><summary/>', { dataref: '../a' }],
    ['<link href="http://h/"/>', {}],
  ] as const) {
    it(`has of ${content} the data`, async () => {
      const event = await eventOf({ content });
      const of = (names: readonly string[]): Members =>
        Object.fromEntries(names.filter((name) => name in event).map((name) => [name, event[name]]));
      expect(of(['datacontenttype', 'dataref', 'data', 'data_base64'])).to.deep.equal(expected);
    });
  }

  it('is another event when it was revised or deleted', async () => {
    const entry = aStoredEntry({ id: 'urn:x:1' });
    const revision: Entry = { ...entry, kind: 'revision', position: 9n };
    expect(await checked(revision)).to.include({
      id: 'urn:x:1;revision=9',
      type: 'millrace.entry.revised',
      source: FEED,
    });
    expect(await checked(aTombstone('urn:x:1', '2026-02-03T04:05:06.000007Z'))).to.deep.equal({
      specversion: '1.0',
      id: 'urn:x:1;deleted=2026-02-03T04:05:06.000007Z',
      source: FEED,
      type: 'millrace.entry.deleted',
      subject: 'urn:x:1',
      time: '2026-02-03T04:05:06.000007Z',
    });
  });

  for (const { name, body } of fixtures()) {
    it(`such as ${name} is a valid event`, async () => {
      const event = await checked(stored(await readEntry(body, undefined, { limits: DEFAULT_LIMITS })));
      expect(event).to.include({ source: FEED, type: 'millrace.entry' });
    });
  }

  it('is a valid event, whatever is in it', async () => {
    await fc.assert(
      fc.asyncProperty(anyEntry, async (made) => {
        const limits = { ...DEFAULT_LIMITS, categoryLength: 1_000 };
        await checked(stored(await readEntry(Buffer.from(printMade(made)), 'utf-8', { limits })));
      }),
      { numRuns: 300 },
    );
  });
});

describe('an entry that says that it was an event', () => {
  const forged = async (change: (xml: string) => string): Promise<Members> => {
    const entry = await published(anEvent({ id: 'e', xa: 5, data: { a: 1 } }));
    const xml = change(entry.xml);
    expect(xml, 'the test changes nothing').not.to.equal(entry.xml);
    return checked({ ...entry, xml });
  };

  for (const [what, change] of [
    ['has no id', (xml) => xml.replace(' id="e"', '')],
    ['has the id of another event', (xml) => xml.replace(' id="e"', ' id="f"')],
    ['has an empty type', (xml) => xml.replace(' type="com.example.alert"', ' type=""')],
    ['has another specversion', (xml) => xml.replace('specversion="1.0"', 'specversion="2.0"')],
    ['has an unknown attribute', (xml) => xml.replace('specversion', 'x="" specversion')],
    ['has an attribute with a namespace', (xml) => xml.replace('specversion', 'xml:lang="en" specversion')],
    ['has a second event element', (xml) => xml.replace('</event>', `</event><event xmlns="${NAMESPACE}"/>`)],
    ['has no event element', (xml) => xml.replace('<event ', '<evemt ').replace('</event>', '</evemt>')],
    ['has an extension without a value', (xml) => xml.replace(' value="5"', '')],
    ['has an extension that is no integer', (xml) => xml.replace(' value="5"', ' value="5,&quot;data&quot;:6"')],
    ['has an extension that is no boolean', (xml) => xml.replace('"integer" value="5"', '"boolean" value="yes"')],
    ['has an extension of no type', (xml) => xml.replace('type="integer"', 'type="object"')],
    ['has an extension of a wrong name', (xml) => xml.replace('name="xa"', 'name="x_a"')],
    ['has an extension named data', (xml) => xml.replace('name="xa"', 'name="data"')],
    ['has an extension named type', (xml) => xml.replace('name="xa"', 'name="subject"')],
    [
      'has an extension twice',
      (xml) => xml.replace('</event>', '<extension name="xa" type="string" value=""/></event>'),
    ],
    ['has something else in it', (xml) => xml.replace('</event>', '<b/></event>')],
    ['has data in no known form', (xml) => xml.replace('data="json"', 'data="yaml"')],
    ['has data in no form', (xml) => xml.replace(' data="json"', '')],
    ['has JSON that is none', (xml) => xml.replace('eyJhIjoxfQ==', 'eyJhIjox')],
    ['has JSON that is no UTF-8', (xml) => xml.replace('eyJhIjoxfQ==', '/w==').replace('"json"', '"text"')],
    ['has XML that is none', (xml) => xml.replace('data="json"', 'data="xml"')],
    ['has bytes that are no Base64', (xml) => xml.replace('eyJhIjoxfQ==', '!').replace('"json"', '"binary"')],
    ['has its content elsewhere', (xml) => xml.replace(/<content.*<\/content>/, '<content src="/a" type="a/b"/>')],
    ['has no content', (xml) => xml.replace(/<content.*<\/content>/, '<link href="/a"/>')],
  ] as [string, (xml: string) => string][]) {
    it(`but ${what} is an event as any other entry is`, async () => {
      expect(await forged(change)).to.include({ source: FEED, type: 'millrace.entry' });
    });
  }

  it('with other content of a fitting form is an event with that', async () => {
    const event = await forged((xml) => xml.replace('eyJhIjoxfQ==', '[1, 2.0]'));
    expect(event).to.deep.include({ id: 'e', type: 'com.example.alert', data: [1, 2] });
  });

  it('with XML that needs what is around it has it self-contained', async () => {
    const dataIn = async (open: string, inner: string): Promise<unknown> =>
      (
        await forged((xml) =>
          xml
            .replace('<entry', `<entry ${open}`)
            .replace('"json"', '"xml"')
            .replace(/<content.*<\/content>/, `<content type="application/xml">${inner}</content>`),
        )
      )['data'];
    expect(await dataIn('xmlns:p="urn:p"', '<p:a/>')).to.match(/^<p:a( xmlns(:p)?="[^"]*")+\/>$/);
    expect(await dataIn('xmlns:p="urn:p"', '<a/>')).to.match(/^<a .*xmlns="http:\/\/www\.w3\.org\/2005\/Atom".*\/>$/);
  });

  it('with XML that has no default namespace around it has its prefixes all the same', async () => {
    const entry = await published(anEvent({ datacontenttype: 'application/xml', data: '<a/>' }));
    const xml = entry.xml.replace('<atom:entry', '<atom:entry xmlns:p="urn:p"').replace('<a/>', '<p:a/>');
    expect((await checked({ ...entry, xml }))['data']).to.match(/^<p:a .*xmlns:p="urn:p".*\/>$/);
  });

  it('and was changed in one place is a valid event all the same', async () => {
    const change = fc.record({ at: fc.nat(), take: fc.integer({ min: 0, max: 3 }), put: fc.string({ maxLength: 3 }) });
    let valid = 0;
    await fc.assert(
      fc.asyncProperty(anyEventJson, change, async (json, { at, take, put }) => {
        const { xml } = await published(json);
        const from = at % xml.length;
        const mutant = Buffer.from(xml.slice(0, from) + put + xml.slice(from + take));
        let draft;
        try {
          draft = await readEntry(mutant, 'utf-8', { limits: DEFAULT_LIMITS });
        } catch {
          return;
        }
        await readAgain(stored(draft));
        valid++;
      }),
      { numRuns: 800 },
    );
    expect(valid).to.be.greaterThan(100);
  });
});
