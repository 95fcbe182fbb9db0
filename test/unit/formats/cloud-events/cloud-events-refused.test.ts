import { expect } from 'chai';
import { DEFAULT_LIMITS } from '../../../../src/core/feed.js';
import { readCloudEvent, readCloudEventBatch } from '../../../../src/formats/cloud-events/cloud-events-read.js';
import { OPTIONS, anEvent, back, failure, mistakes } from '../../../support/cloud-events.js';

describe('a CloudEvent is refused', () => {
  const wrong: [what: string, parts: Record<string, unknown>, path: string, message: RegExp][] = [
    ['another specversion', { specversion: '0.3' }, '/specversion', /"0\.3" was sent; only "1\.0"/],
    ['no specversion', { specversion: null }, '/specversion', /is missing: "1\.0" was expected/],
    ['no id', { id: undefined }, '/id', /is missing/],
    ['an empty id', { id: '' }, '/id', /is empty/],
    ['an id that is a number', { id: 5 }, '/id', /a string was expected, not "5"/],
    ['an id that is true', { id: true }, '/id', /a string was expected, not true/],
    ['an id with a line feed', { id: 'a\nb' }, '/id', /U\+000A in it/],
    ['an id with a lone surrogate', { id: 'a\ud800b' }, '/id', /U\+D800 in it/],
    ['an id with a noncharacter', { id: 'a\u{1fffe}b' }, '/id', /U\+1FFFE in it/],
    ['no source', { source: null }, '/source', /is missing/],
    ['an empty source', { source: '' }, '/source', /is empty/],
    ['a source with a space', { source: '/a b' }, '/source', /no URI reference/],
    ['a source that is an IRI', { source: '/ä' }, '/source', /percent-encoded/],
    ['no type', { type: undefined }, '/type', /is missing/],
    ['an empty subject', { subject: '' }, '/subject', /is empty/],
    ['a subject that is an object', { subject: {} }, '/subject', /a string, an integer or a boolean, not an object/],
    ['a date without a zone', { time: '2018-04-05T17:31:00' }, '/time', /no date and time of RFC 3339/],
    ['a date with a space', { time: '2018-04-05 17:31:00Z' }, '/time', /no date and time/],
    ['the thirtieth of February', { time: '2018-02-30T17:31:00Z' }, '/time', /no date and time/],
    ['a relative dataschema', { dataschema: '/a' }, '/dataschema', /no absolute URI/],
    ['a datacontenttype that is none', { datacontenttype: 'json' }, '/datacontenttype', /no media type/],
    ['a datacontenttype with half a parameter', { datacontenttype: 'a/b; c' }, '/datacontenttype', /no media type/],
    ['a name in upper case', { myExtension: 1 }, '/myExtension', /is no name of an attribute/],
    ['a name with an underscore', { data_base32: 'x' }, '/data_base32', /is no name of an attribute/],
    ['a name with what a pointer escapes', { 'a/b~c': null }, '/a~1b~0c', /is no name of an attribute/],
    ['an empty name', { '': 1 }, '/', /is no name of an attribute/],
    ['__proto__ as a name', JSON.parse('{"__proto__": 1}') as Record<string, unknown>, '/__proto__', /is no name/],
    ['an extension that is an array', { xa: [] }, '/xa', /not an array/],
    ['an extension with a fraction', { xa: 1.5 }, '/xa', /"1\.5" is no integer of 32 bits/],
    ['an extension beyond 32 bits', { xa: 2 ** 31 }, '/xa', /"2147483648" is no integer/],
    ['an extension with a control character', { xa: '\u0085' }, '/xa', /U\+0085 in it/],
    ['data twice', { data: 1, data_base64: 'MTIz' }, '/data_base64', /not both/],
    ['Base64 of URLs', { data_base64: '-_8=' }, '/data_base64', /no Base64 of RFC 4648 §4/],
    ['Base64 without its padding', { data_base64: 'MQ' }, '/data_base64', /no Base64/],
    ['Base64 in lines', { data_base64: 'MTIz\nMTIz' }, '/data_base64', /no Base64/],
    ['Base64 that is an object', { data_base64: {} }, '/data_base64', /a string in Base64 was expected, not an object/],
    ['Base64 that is null', { data_base64: null }, '/data_base64', /a string in Base64 was expected, not null/],
    ['a type that is too long for a category', { type: 'x'.repeat(257) }, '/type', /as an entry .* 257 characters/],
    ['attributes beyond measure', { subject: 'x'.repeat(70_000) }, '', /70\d\d\d characters, .* at most 65536/],
  ];
  for (const [what, parts, path, message] of wrong) {
    it(`for ${what}`, async () => {
      const event = { ...anEvent(), ...parts };
      // A member that no spread copies.
      if (Object.hasOwn(parts, '__proto__')) Object.defineProperty(event, '__proto__', { value: 1, enumerable: true });
      const found = await mistakes(event);
      expect(found).to.have.all.keys(path);
      expect(found[path]).to.match(message);
    });
  }

  it('for two members of one name, with the place of the second', async () => {
    const json = '{"specversion":"1.0","id":"a",\n "source":"/","type":"t",\n  "id":"b"}';
    const error = await failure(readCloudEvent(Buffer.from(json), OPTIONS));
    expect(error.details.violations).to.deep.equal([
      { path: '/id', message: 'a second member of this name', line: 3, column: 3 },
    ]);
  });

  it('for each mistake, with line and column in the order of the document', async () => {
    const json =
      '{"specversion": "1.0",\n "id": "é",\n "source": " ", "time": 5,\n "Xa": 1,\n "data": 1, "data_base64": "_"}';
    const error = await failure(readCloudEvent(Buffer.from(json), OPTIONS));
    const violations = error.details.violations ?? [];
    expect(violations.map(({ path, line, column }) => [path, line, column])).to.deep.equal([
      ['/type', 1, 1],
      ['/source', 3, 12],
      ['/time', 3, 25],
      ['/Xa', 4, 2],
      ['/data_base64', 5, 13],
      ['/data_base64', 5, 28],
    ]);
    expect(error.message).to.match(/^6 mistakes, the first in \/type: is missing/);
  });

  it('when it is no JSON, with the place', async () => {
    for (const json of ['', '{"a":1', '{"a":01}', '{"a":"\n"}', '{}{}', '['.repeat(200)]) {
      const error = await failure(readCloudEvent(Buffer.from(json), OPTIONS));
      expect(error.code, json).to.equal('not-well-formed');
      expect(error.details.violations?.[0]?.line, json).to.be.greaterThan(0);
    }
    expect((await failure(readCloudEvent(Buffer.from([0xff]), OPTIONS))).code).to.equal('not-well-formed');
  });

  it('when its data is nested more than a hundred deep, and not before', async () => {
    const nested = (depth: number): string =>
      JSON.stringify(anEvent({ data: 0 })).replace(':0}', `:${'['.repeat(depth)}${']'.repeat(depth)}}`);
    expect(JSON.stringify((await back(nested(100)))['data'])).to.have.length(200);
    expect((await failure(readCloudEvent(Buffer.from(nested(101)), OPTIONS))).code).to.equal('not-well-formed');
    const drafts = await readCloudEventBatch(Buffer.from(`[${nested(100)}]`), OPTIONS);
    expect(drafts).to.have.length(1);
  });

  it('when it is none, and told what was expected', async () => {
    expect(await mistakes('"x"')).to.deep.equal({ '': 'an event is an object, not a string' });
    expect(await mistakes('null')).to.deep.equal({ '': 'an event is an object, not null' });
    expect((await mistakes('[{}]'))['']).to.match(/a batch .* application\/cloudevents-batch\+json/);
    const batch = (text: string) => failure(readCloudEventBatch(Buffer.from(text), OPTIONS));
    expect((await batch('{}')).message).to.match(/single event is sent as application\/cloudevents\+json/);
    expect((await batch('5')).message).to.match(/an array of events was expected, not a number/);
    expect((await batch('[]')).message).to.match(/holds no event to publish/);
  });

  it('by the limits of the feed', async () => {
    const options = { ...OPTIONS, limits: { ...DEFAULT_LIMITS, categories: 0 } };
    expect((await mistakes(anEvent(), options))['']).to.match(/1 categories; this feed takes at most 0/);
  });

  it('with all others of its batch, each mistake under the number of its event', async () => {
    const found = await mistakes([anEvent(), anEvent({ source: '' }), 5, anEvent({ type: 'x'.repeat(300) })]);
    expect(found).to.have.all.keys('/1/source', '/2', '/3/type');
  });

  it('with the first hundred mistakes and the number of all', async () => {
    const events = Array.from({ length: 5_000 }, () => ({}));
    const error = await failure(readCloudEventBatch(Buffer.from(JSON.stringify(events)), OPTIONS));
    expect(error.details.violations).to.have.length(100);
    expect(error.message).to.match(/^20000 mistakes \(the first 100 are told\), the first in \/0\/specversion/);
  });

  it('with too many others', async () => {
    const events = Array.from({ length: 5_001 }, () => ({}));
    const error = await failure(readCloudEventBatch(Buffer.from(JSON.stringify(events)), OPTIONS));
    expect(error).to.include({ code: 'too-large' });
  });
});

describe('a CloudEvent is taken', () => {
  const right: [what: string, parts: Record<string, unknown>][] = [
    ['a source that is no URL', { source: '1-555-123-4567' }],
    ['a time in lower case', { time: '2018-04-05t17:31:00.5z' }],
    ['a leap second', { time: '1990-12-31T23:59:60Z' }],
    ['a name of more than twenty characters', { ['x'.repeat(64)]: 'a' }],
    ['an extension that is empty', { xa: '' }],
    ['an extension that looks like a number', { xa: '5', xb: 5 }],
    ['the largest and the smallest integer', { xa: 2 ** 31 - 1, xb: -(2 ** 31) }],
    ['a media type with parameters', { datacontenttype: 'text/plain; a="b;\\"c"; d=e;', data: 'x' }],
    ['names that objects have', { constructor: 'a', valueof: 1, tostring: true }],
    ['every character that a string may hold', { subject: '\u00a0é€\u{1f600}\ufffd<>&"\'' }],
    ['JSON where the type says otherwise', { datacontenttype: 'image/png', data: { a: 1 } }],
  ];
  for (const [what, parts] of right) {
    it(`with ${what}`, async () => {
      const event = anEvent(parts);
      expect(await back(event)).to.deep.equal(event);
    });
  }

  it('with null for an attribute that it has not', async () => {
    const event = anEvent();
    expect(await back({ ...event, subject: null, time: null, xa: null })).to.deep.equal(event);
  });

  it('behind a byte order mark', async () => {
    const event = anEvent();
    expect(await back(`\ufeff${JSON.stringify(event)}`)).to.deep.equal(event);
  });
});
