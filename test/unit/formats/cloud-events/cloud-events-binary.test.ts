import { expect } from 'chai';
import type { FeedsError } from '../../../../src/core/errors.js';
import { readBinaryCloudEvent } from '../../../../src/formats/cloud-events/cloud-events-binary.js';
import { INLINE, OPTIONS, asEvent, byPath, failure, stored } from '../../../support/cloud-events.js';

type Headers = Record<string, string>;

const CORE = { 'ce-specversion': '1.0', 'ce-id': 'a', 'ce-source': '/s', 'ce-type': 't' };
const EVENT = { specversion: '1.0', id: 'a', source: '/s', type: 't' };

function read(headers: Headers, body: string | Buffer = '', options = OPTIONS) {
  const raw = Object.entries({ host: 'x', ...CORE, ...headers }).flat();
  return readBinaryCloudEvent(raw, Buffer.from(body as string), options);
}

async function back(headers: Headers, body?: string | Buffer, options = OPTIONS): Promise<unknown> {
  return JSON.parse(await asEvent(stored(await read(headers, body, options))));
}

async function refused(headers: Headers, body?: string | Buffer): Promise<Record<string, string>> {
  const error: FeedsError = await failure(read(headers, body));
  expect(error.code).to.equal('invalid-entry');
  return byPath(error.details.violations ?? []);
}

describe('a CloudEvent in binary mode', () => {
  it('has its attributes in the header and its data in the body', async () => {
    const headers = {
      'Content-Type': 'application/json',
      'CE-Time': '2018-04-05t17:31:00z',
      'ce-subject': 's',
      'ce-dataschema': 'urn:x',
      'Ce-MyExtension': '5',
    };
    expect(await back(headers, ' {"a": 1.0} ')).to.deep.equal({
      ...EVENT,
      time: '2018-04-05t17:31:00z',
      subject: 's',
      dataschema: 'urn:x',
      myextension: '5',
      datacontenttype: 'application/json',
      data: { a: 1 },
    });
    const inline = stored(await read(headers, ' {"a": 1.0} ', INLINE));
    expect(inline.xml).to.include('>{"a": 1.0}<');
  });

  for (const [value, text] of [
    ['Euro%20%E2%82%AC%20%F0%9F%98%80', 'Euro € 😀'],
    ['Euro%20%e2%82%ac', 'Euro €'],
    ['%41%62', 'Ab'],
    ['100%25%32%35', '100%25'],
    ['100%', '100%'],
    ['5 %z', '5 %z'],
    ['"a b"', 'a b'],
    ['"a \\"b\\" \\\\ %20"', 'a "b" \\  '],
    ['a "b c" d', 'a b c d'],
    ['a\\b', 'a\\b'],
    ['a\\b "c"', 'a\\b c'],
    ['%22a%22', '"a"'],
    ['a, b', 'a, b'],
    ['(a)', '(a)'],
  ] as const) {
    it(`with ${value} in its header says ${text}`, async () => {
      expect(await back({ 'ce-subject': value })).to.deep.equal({ ...EVENT, subject: text });
    });
  }

  for (const [value, message] of [
    ['%C0%A0', /"%C0%A0" is no UTF-8/],
    ['a%E2%82', /"%E2%82" is no UTF-8/],
    ['%ED%A0%80', /is no UTF-8/],
    ['é', /only printable US-ASCII/],
    ['"a', /does not end/],
    ['%0A', /U\+000A in it/],
    ['%00', /U\+0000 in it/],
    ['', /it is empty/],
  ] as const) {
    it(`with ${JSON.stringify(value)} in its header is refused`, async () => {
      const found = await refused({ 'ce-subject': value });
      expect(found).to.have.all.keys('ce-subject');
      expect(found['ce-subject']).to.match(message);
    });
  }

  it('has JSON of any number of values for data, as in structured mode', async () => {
    const data = `[${'1,'.repeat(300_000)}1]`;
    const draft = await read({ 'Content-Type': 'application/json' }, data, INLINE);
    expect(draft.inner).to.include(`>${data}</content>`);
    const [error] =
      (await failure(read({ 'Content-Type': 'application/json' }, '['.repeat(101)))).details.violations ?? [];
    expect(error?.message).to.include('more than 100 deep');
  });

  it('is refused with the name of each header field that is wrong', async () => {
    const raw = ['ce-specversion', '0.3', 'ce-id', 'a', 'CE-ID', 'b', 'ce-time', 'now', 'ce-a-b', 'c', 'ce-data', 'd'];
    const more = ['ce-datacontenttype', 'text/plain', 'content-type', 'text', 'ce-', 'e', 'ce-a_b', 'f'];
    const error = await failure(readBinaryCloudEvent([...raw, ...more], Buffer.from('x'), OPTIONS));
    const found = byPath(error.details.violations ?? []);
    expect(found).to.have.all.keys(
      ...['ce-specversion', 'ce-id', 'ce-time', 'ce-a-b', 'ce-data', 'ce-datacontenttype', 'content-type', 'ce-'],
      ...['ce-a_b', 'ce-source', 'ce-type'],
    );
    expect(found['ce-id']).to.match(/sent twice/);
    expect(found['ce-type']).to.match(/is missing/);
    expect(found['ce-datacontenttype']).to.match(/told by Content-Type alone/);
  });

  it('is refused by the limits of the feed', async () => {
    expect(await refused({ 'ce-type': 't'.repeat(300) })).to.have.all.keys('ce-type');
  });

  it('whose body is not the JSON that it says is not well-formed', async () => {
    for (const [type, body] of [
      ['application/json', 'hello'],
      ['application/vnd.x+json; charset=utf-8', '{"a":'],
      ['application/json', Buffer.from([0x22, 0xff, 0x22])],
    ] as const) {
      expect((await failure(read({ 'content-type': type }, body))).code).to.equal('not-well-formed');
    }
  });

  describe('with a body', () => {
    const bytes = Buffer.from([0xe9, 0x00]);
    for (const [what, type, body, data] of [
      ['nothing and no type', undefined, '', {}],
      ['nothing and JSON', 'application/json', '', {}],
      ['nothing and XML', 'application/xml', '', {}],
      ['nothing and text', 'text/plain', '', { data: '' }],
      ['nothing and an image', 'image/png', '', { data_base64: '' }],
      ['a JSON string', 'application/json', '"x"', { data: 'x' }],
      ['text/json', 'text/json', '[1]', { data: [1] }],
      ['text', 'text/plain', '\ufeffé\0\r\n', { data: '\ufeffé\0\r\n' }],
      ['text in UTF-8', 'text/plain;charset="UTF-8"', 'é', { data: 'é' }],
      ['text in US-ASCII', 'text/plain;charset=us-ascii', 'e', { data: 'e' }],
      ['text in Latin 1', 'text/plain; charset=iso-8859-1', bytes, { data_base64: '6QA=' }],
      ['text that is not in UTF-8', 'text/plain', bytes, { data_base64: '6QA=' }],
      ['XML', 'application/x+xml', '<?xml version="1.0"?><a>é</a>', { data: '<?xml version="1.0"?><a>é</a>' }],
      ['XML that is not well-formed', 'text/xml', '<a', { data: '<a' }],
      ['XML in Latin 1', 'application/xml', bytes, { data_base64: '6QA=' }],
      ['an image', 'image/png', 'é', { data_base64: 'w6k=' }],
      ['Atom', 'application/atom+xml;type=entry', '<entry/>', { data: '<entry/>' }],
    ] as const) {
      it(`of ${what} has its data as it was sent`, async () => {
        const expected = { ...EVENT, ...(type === undefined ? {} : { datacontenttype: type }), ...data };
        expect(await back(type === undefined ? {} : { 'content-type': type }, body)).to.deep.equal(expected);
      });
    }

    it('of which nothing is told has bytes', async () => {
      expect(await back({}, 'x')).to.deep.equal({
        ...EVENT,
        datacontenttype: 'application/octet-stream',
        data_base64: 'eA==',
      });
    });
  });
});
