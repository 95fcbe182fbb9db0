import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry } from '../support/build.js';
import {
  EVENT,
  EVENT_JSON_SCHEMA,
  EVENT_XSD,
  addContract,
  eventContent,
  feedOf,
  mistakesIn,
  postContract,
  refusalIn,
  retire,
  send,
  textOf,
  violationsIn,
} from '../support/contracts.js';
import type { AddedVersion } from '../support/contracts.js';

const XSD = { kind: 'xsd', schema: EVENT_XSD };
const OPEN = { kind: 'json-schema', schema: true };
const RELAX_NG_NAMESPACE = 'http://relaxng.org/ns/structure/1.0';

describe('registering a contract', () => {
  let app: TestApp;
  /** Of contracts that are never taken. */
  let feed: string;

  before(async () => {
    app = await startApp();
    feed = await app.feed('refused');
  });
  after(() => app.stop());

  const bare = (path: string, body: string | Uint8Array, type: string, query = ''): Promise<Response> =>
    app.request(`/admin${path}/schemas${query}`, { method: 'POST', headers: { 'content-type': type }, body });
  const mistakes = async (contract: unknown): ReturnType<typeof mistakesIn> =>
    mistakesIn(await postContract(app, feed, contract));

  it('gives versions 1, 2, 3 …, with Location, state and URL, of which the newest is active', async () => {
    const path = await app.feed('numbers', { compatibility: 'none' });
    for (const version of [1, 2, 3]) {
      const response = await postContract(app, path, { kind: 'json-schema', schema: { minimum: version } });
      const added = JSON.parse(await textOf(response, 201)) as AddedVersion & { kind: string; createdAt: string };
      expect(added).to.include({
        version,
        kind: 'json-schema',
        state: 'active',
        url: `${app.url}${path}/schemas/${String(version)}`,
      });
      expect(added.createdAt).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      expect(response.headers.get('location')).to.equal(`${app.url}/admin${path}/schemas/${String(version)}`);
      await textOf(await app.request(response.headers.get('location') ?? ''), 200);
    }
    const { versions } = JSON.parse(await textOf(await app.request(`/admin${path}/schemas`), 200)) as {
      versions: { version: number; state: string }[];
    };
    expect(versions.map(({ version, state }) => `${String(version)} ${state}`)).to.deep.equal([
      '1 accepted',
      '2 accepted',
      '3 active',
    ]);
  });

  it('again answers 200 with the version that it is', async () => {
    const path = await feedOf(app, [XSD]);
    const again = JSON.parse(await textOf(await bare(path, EVENT_XSD, 'application/xml'), 200)) as AddedVersion;
    expect(again.version).to.equal(1);
    const other = JSON.parse(
      await textOf(await postContract(app, path, { ...XSD, private: ['@tenantId'] }), 201),
    ) as AddedVersion;
    expect(other.version).to.equal(2);
  });

  it('by several at the same time gives each a number of its own', async () => {
    const path = await app.feed('many', { compatibility: 'none' });
    const answers = await Promise.all(
      [1, 2, 3, 4].map((minimum) => postContract(app, path, { kind: 'json-schema', schema: { minimum } })),
    );
    const added = await Promise.all(answers.map(async (one) => JSON.parse(await textOf(one, 201)) as AddedVersion));
    expect(added.map(({ version }) => version).sort()).to.deep.equal([1, 2, 3, 4]);
  });

  it('takes a schema alone: JSON Schema, XML Schema, RELAX NG, whatever its encoding', async () => {
    const json = await app.feed('bare-json');
    await textOf(await bare(json, '\ufeff{"type":"integer"}', 'application/schema+json'), 201);
    expect(await textOf(await app.request(`${json}/schemas/1`), 200)).to.equal('{"type":"integer"}');

    const latin = `<?xml version="1.0" encoding="ISO-8859-1"?><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="café" type="xs:int"/></xs:schema>`;
    const utf16 = latin.replace('ISO-8859-1', 'UTF-16');
    for (const [name, bytes] of [
      ['latin', Buffer.from(latin, 'latin1')],
      ['utf-16', Buffer.from(`\ufeff${utf16}`, 'utf16le')],
    ] as const) {
      const path = await app.feed(`bare-${name}`);
      await textOf(await bare(path, bytes, 'application/xml'), 201);
      await textOf(
        await send(
          app,
          path,
          anEntry({ content: '<content type="application/xml"><café xmlns="">5</café></content>' }),
        ),
        201,
      );
      const wrong = anEntry({ content: '<content type="application/xml"><café xmlns="">x</café></content>' });
      expect((await violationsIn(await send(app, path, wrong)))[0]?.path).to.equal('entry/content/café');
      // Whoever reads it has to find out what its bytes mean (RFC 7303 §3).
      const answer = await app.request(`${path}/schemas/1`);
      const body = Buffer.from(await answer.arrayBuffer());
      const isToldInHeader = /charset=utf-8/i.test(answer.headers.get('content-type') ?? '');
      const isToldInBody = /^<\?xml version="1.0"( encoding="utf-8")?\?>/i.test(body.toString('utf8'));
      expect(body.toString('utf8')).to.contain('café');
      expect(isToldInHeader || isToldInBody, 'it is told to be UTF-8, as it is').to.equal(true);
    }
  });

  it('tells RELAX NG from XML Schema by the root, not by what stands somewhere in the text', async () => {
    const path = await app.feed('told-apart');
    const xsd = EVENT_XSD.replace('<xs:element', `<!-- not ${RELAX_NG_NAMESPACE} --><xs:element`);
    const added = JSON.parse(await textOf(await bare(path, xsd, 'text/xml'), 201)) as { kind: string };
    expect(added.kind).to.equal('xsd');
    const relax = await app.feed('relax');
    const rng = `<!-- not http://www.w3.org/2001/XMLSchema --><rng:element name="a" xmlns:rng='${RELAX_NG_NAMESPACE}'><rng:empty/></rng:element>`;
    expect(JSON.parse(await textOf(await bare(relax, rng, 'text/xml'), 201))).to.include({ kind: 'relax-ng' });
  });

  it('is for the administrator only', async () => {
    const path = await feedOf(app, [XSD], { public: true });
    for (const [method, url] of [
      ['GET', `/admin${path}/schemas`],
      ['POST', `/admin${path}/schemas`],
      ['GET', `/admin${path}/schemas/1`],
      ['PATCH', `/admin${path}/schemas/1`],
    ] as const) {
      await refusalIn(await app.request(url, { method, anonymous: true }), 401, 'unauthorized');
    }
  });

  it('of a feed or a version that is not there is 404, another method 405', async () => {
    await refusalIn(await postContract(app, '/feeds/shop/nothing', OPEN), 404, 'not-found');
    await refusalIn(await app.request('/admin/feeds/shop/nothing/schemas'), 404, 'not-found');
    const path = await feedOf(app, [OPEN]);
    for (const version of ['2', '0', '01', '1.0', '-1', 'x', '1e0', '9'.repeat(300), '__proto__']) {
      await refusalIn(await app.request(`/admin${path}/schemas/${version}`), 404, 'not-found');
      const patched = await app.request(`/admin${path}/schemas/${version}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: '{"retired":true}',
      });
      await refusalIn(patched, 404, 'not-found');
    }
    for (const [method, url] of [
      ['DELETE', `/admin${path}/schemas`],
      ['PUT', `/admin${path}/schemas/1`],
      ['DELETE', `/admin${path}/schemas/1`],
    ] as const) {
      const response = await app.request(url, { method });
      expect(response.headers.get('allow')).to.contain('GET');
      await refusalIn(response, 405, 'method-not-allowed');
    }
  });

  it('as another media type is 415, and says what is taken', async () => {
    for (const type of ['text/plain', 'application/atom+xml', 'application/json5', '']) {
      const response = await bare(feed, '{}', type === '' ? 'x' : type);
      expect(response.headers.get('accept-post')).to.contain('application/schema+json');
      await refusalIn(response, 415, 'unsupported-media-type');
    }
  });

  it('refuses what is not JSON with its place, and what is too large', async () => {
    for (const body of ['', '{', '{"kind": "json-schema",}', "{'kind':1}", '[1,', 'null x', '\u0000']) {
      await refusalIn(await postContract(app, feed, body), 400, 'not-well-formed');
      await refusalIn(await bare(feed, body, 'application/schema+json'), 400, 'not-well-formed');
    }
    await refusalIn(await bare(feed, Buffer.from([0x7b, 0xff, 0x7d]), 'application/json'), 400, 'not-well-formed');
    const large = { kind: 'json-schema', schema: { description: 'x'.repeat(1024 * 1024) } };
    await refusalIn(await postContract(app, feed, large), 413, 'too-large');
    const most = { kind: 'json-schema', schema: { description: 'x'.repeat(1024 * 1024 - 100) } };
    await textOf(await postContract(app, await app.feed('largest'), most), 201);
  });

  it('refuses a contract of wrong members, each told with its line', async () => {
    const body = `{
  "kind": "dtd",
  "schema": 5,
  "imports": {"": {}},
  "namespaces": {"a b": "x"},
  "assertions": [{"test": "x"}],
  "categories": [{"prefix": "a:b", "path": 1}],
  "private": "x",
  "more": 1
}`;
    const errors = await mistakes(body);
    expect(errors.map(({ path, line }) => `${path} ${String(line)}`)).to.include.members([
      '/kind 2',
      '/schema 3',
      '/assertions/0/message 6',
      '/categories/0/prefix 7',
      '/categories/0/path 7',
      '/private 8',
      '/more 9',
    ]);
    for (const value of ['null', '5', '"x"', '[]', 'true']) await mistakes(value);
    await mistakes({ kind: 'xsd' });
    await mistakes({ schema: {} });
  });

  it('refuses a schema in the form of another kind', async () => {
    expect((await mistakes({ kind: 'xsd', schema: { type: 'object' } }))[0]?.path).to.equal('/schema');
    expect((await mistakes({ kind: 'json-schema', schema: '{"type":"object"}' }))[0]?.path).to.equal('/schema');
    await mistakes({ kind: 'json-schema', schema: true, imports: { a: '<x/>' } });
    await mistakes({ kind: 'xsd', schema: EVENT_XSD, imports: { a: {} } });
    await mistakes({ kind: 'xsd', schema: EVENT_XSD, assertions: [{ test: {}, message: 'm' }] });
    await mistakes({ kind: 'xsd', schema: EVENT_XSD, example: {} });
    await mistakes({ kind: 'relax-ng', schema: EVENT_XSD });
    await mistakes({ kind: 'xsd', schema: `<element name="a" xmlns="${RELAX_NG_NAMESPACE}"><empty/></element>` });
    await mistakes({ kind: 'json-schema', schema: { $schema: 'http://json-schema.org/draft-04/schema#' } });
  });

  it('tells every mistake in a JSON Schema by its pointer and line', async () => {
    const body = `{"kind": "json-schema", "schema": {
  "type": "objekt",
  "properties": {
    "a": {"minimum": "5"},
    "b": {"pattern": "("},
    "c": {"$ref": "#/$defs/nothing"}
  }
}}`;
    const errors = await mistakes(body);
    expect(errors.map(({ path, line }) => `${path} ${String(line)}`)).to.include.members([
      '/schema/type 2',
      '/schema/properties/a/minimum 4',
    ]);
    const refs = await mistakes(body.replace('objekt', 'object').replace('"5"', '5').replace('"("', '"a"'));
    expect(refs.map(({ path, line }) => `${path} ${String(line)}`)).to.deep.equal(['/schema/properties/c/$ref 6']);
  });

  it('tells lines of a schema alone as they were sent, with what stands before it', async () => {
    const body = '\n\n{"type": "object",\n "properties": {"a": {"minimum": "5"}}}';
    const errors = await mistakesIn(await bare(feed, body, 'application/schema+json'));
    expect(errors[0]).to.include({ path: '/properties/a/minimum', line: 4 });
    const xsd = EVENT_XSD.replace('xs:positiveInteger', 'xs:positive');
    const [first] = await mistakesIn(await bare(feed, xsd, 'application/xml'));
    expect(first?.line).to.equal(7);
    expect(first?.message).to.contain('positive');
  });

  it('tells each mistake in an XML Schema with its line, in imports too', async () => {
    const schema = EVENT_XSD.replace('xs:int"', 'xs:integ"').replace('xs:positiveInteger', 'xs:positive');
    const errors = await mistakes({ kind: 'xsd', schema });
    expect(errors.map(({ path, line }) => `${path} ${String(line)}`)).to.include.members(['/schema 7', '/schema 12']);
    const importing = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="part.xsd"/></xs:schema>`;
    const part = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">\n<xs:element name="a" type="xs:nothing"/></xs:schema>`;
    const [inPart] = await mistakes({ kind: 'xsd', schema: importing, imports: { 'part.xsd': part } });
    expect(inPart).to.include({ path: '/imports/part.xsd', line: 2 });
    const [notWellFormed] = await mistakes({ kind: 'xsd', schema: importing.slice(0, -3) });
    expect(notWellFormed?.path).to.equal('/schema');
  });

  it('refuses XPath, pointers and examples that are none', async () => {
    const wrong = {
      ...XSD,
      namespaces: { e: EVENT },
      assertions: [
        { test: '1 +', message: 'm' },
        { test: 'x:y', message: 'm' },
        { test: 'nothing()', message: 'm' },
        { test: '$variable', message: 'm' },
        { test: 'true()) or (false()', message: 'm' },
      ],
      categories: [{ prefix: 'a', path: '@@' }],
      private: ['1 + 1', '//['],
    };
    const errors = await mistakes(wrong);
    expect(errors.map(({ path }) => path)).to.include.members([
      '/assertions/0/test',
      '/assertions/1/test',
      '/assertions/2/test',
      '/assertions/3/test',
      '/assertions/4/test',
      '/categories/0/path',
      '/private/0',
      '/private/1',
    ]);
    const pointers = await mistakes({ ...OPEN, categories: [{ prefix: 'a', path: 'b' }], private: ['/~2'] });
    expect(pointers.map(({ path }) => path)).to.deep.equal(['/categories/0/path', '/private/0']);
    const [example] = await mistakes({
      kind: 'json-schema',
      schema: { type: 'object', required: ['a'] },
      example: { b: 1 },
    });
    expect(example?.path).to.match(/^\/example/);
    for (const text of ['<event', '', 'text', '<a/><b/>', `<other xmlns="${EVENT}"/>`, '<!DOCTYPE a><a/>']) {
      const [told] = await mistakes({ ...XSD, example: text });
      expect(told?.path, text).to.match(/^\/example/);
    }
    const invalid = `<entry xmlns="http://www.w3.org/2005/Atom">\n<category/>\n<content type="application/xml"><event xmlns="${EVENT}" count="1"/></content></entry>`;
    const [told] = await mistakes({ ...XSD, example: invalid });
    expect(told).to.include({ path: '/example', line: 2 });
    expect(told?.message).to.contain('term');
  });

  it('that breaks with the version before is 409 with each break, unless the feed does not mind', async () => {
    const older = { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false };
    const newer = { ...older, properties: { a: { type: 'integer' }, b: {} }, required: ['b'] };
    const path = await feedOf(app, [{ kind: 'json-schema', schema: older }]);
    const { errors } = await refusalIn(
      await postContract(app, path, { kind: 'json-schema', schema: newer }),
      409,
      'incompatible-contract',
    );
    expect(errors.length).to.be.at.least(2);
    for (const error of errors)
      expect(error).to.include({ version: 1, direction: 'backward' }).and.to.have.property('rule');
    const said = errors.map(({ path: place, message }) => `${place} ${message}`).join('\n');
    expect(said).to.contain('"b"').and.to.contain('/properties/a/type');
    const kind = await refusalIn(await postContract(app, path, XSD), 409, 'incompatible-contract');
    expect(kind.errors[0]?.rule).to.equal('kind-changed');
    await retire(app, path, 1);
    expect((await addContract(app, path, XSD)).version).to.equal(2);
    const free = await feedOf(app, [{ kind: 'json-schema', schema: older }], { compatibility: 'none' });
    expect((await addContract(app, free, { kind: 'json-schema', schema: newer })).version).to.equal(2);
  });

  it('in a dry run tells the breaks by any mode, and adds nothing', async () => {
    const path = await feedOf(app, [XSD]);
    const newer = EVENT_XSD.replace(
      '<xs:attribute name="count" type="xs:int"',
      '<xs:attribute name="count" type="xs:byte"',
    );
    const dry = async (query: string): Promise<Record<string, unknown>> =>
      JSON.parse(await textOf(await bare(path, newer, 'application/xml', query), 200)) as Record<string, unknown>;
    expect(await dry('?dry-run=true')).to.deep.include({ compatible: false, mode: 'backward', against: [1] });
    expect(await dry('?dry-run=true&compatibility=none')).to.deep.include({
      compatible: true,
      mode: 'none',
      against: [],
    });
    expect(await dry('?dry-run=true&compatibility=full-transitive')).to.include({ compatible: false });
    await refusalIn(
      await bare(path, newer, 'application/xml', '?dry-run=true&compatibility=all'),
      400,
      'bad-parameter',
    );
    await refusalIn(await bare(path, newer, 'application/xml', '?compatibility=none'), 400, 'bad-parameter');
    await refusalIn(await bare(path, newer, 'application/xml', '?dry-run=perhaps'), 400, 'bad-parameter');
    await mistakesIn(await bare(path, '<a/>', 'application/xml', '?dry-run=true'));
    const { versions } = JSON.parse(await textOf(await app.request(`/admin${path}/schemas`), 200)) as {
      versions: unknown[];
    };
    expect(versions).to.have.length(1);
  });

  it('takes 50 imports and 100 assertions, and not one more', async () => {
    const imports = (count: number): Record<string, unknown> =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`i${String(index)}.json`, true]));
    const assertions = (count: number): unknown[] =>
      Array.from({ length: count }, () => ({ test: true, message: 'm' }));
    await textOf(
      await postContract(app, await app.feed('most'), { ...OPEN, imports: imports(50), assertions: assertions(100) }),
      201,
    );
    expect((await mistakes({ ...OPEN, imports: imports(51) }))[0]?.path).to.equal('/imports');
    expect((await mistakes({ ...OPEN, assertions: assertions(101) }))[0]?.path).to.equal('/assertions');
  });

  it('resolves imports by their names, of both drafts and in XML', async () => {
    const draft7 = {
      kind: 'json-schema',
      schema: {
        $schema: 'http://json-schema.org/draft-07/schema#',
        $id: 'http://example.org/schemas/root.json',
        definitions: { a: { type: 'integer' } },
        properties: {
          a: { $ref: '#/definitions/a' },
          b: { $ref: 'part.json#/definitions/b' },
          when: { format: 'date-time' },
        },
      },
      imports: { 'part.json': { definitions: { b: { type: 'boolean' } } } },
    };
    const path = await feedOf(app, [draft7]);
    const body = JSON.stringify({
      specversion: '1.0',
      id: '1',
      source: '/s',
      type: 't',
      data: { a: 'x', b: 1, when: 'noon' },
    });
    const errors = await violationsIn(await send(app, path, body, 'application/cloudevents+json'));
    expect(errors.map(({ path: place }) => place)).to.deep.equal(['/data/a', '/data/b', '/data/when']);

    const types = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t"><xs:simpleType name="small"><xs:restriction base="xs:int"><xs:maxInclusive value="9"/></xs:restriction></xs:simpleType></xs:schema>`;
    const schema = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t"><xs:import namespace="urn:t" schemaLocation="types/t.xsd"/><xs:element name="n" type="t:small"/></xs:schema>`;
    const xml = await feedOf(app, [{ kind: 'xsd', schema, imports: { 'types/t.xsd': types } }]);
    await textOf(
      await send(app, xml, anEntry({ content: '<content type="application/xml"><n xmlns="">9</n></content>' })),
      201,
    );
    const [tooMuch] = await violationsIn(
      await send(app, xml, anEntry({ content: '<content type="application/xml"><n xmlns="">10</n></content>' })),
    );
    expect(tooMuch).to.include({ path: 'entry/content/n', expected: 'at most 9', found: '10' });
  });

  it('leaves the feed as it was when the contract is refused', async () => {
    await textOf(await send(app, feed, anEntry({ content: eventContent('count="x"') })), 201);
    expect(JSON.parse(await textOf(await app.request(`/admin${feed}/schemas`), 200))).to.deep.equal({ versions: [] });
  });

  it('shows the whole contract to the administrator as it could be sent again', async () => {
    const contract = {
      kind: 'json-schema',
      schema: EVENT_JSON_SCHEMA,
      imports: { __proto__x: { type: 'string' }, 'a/b~c': true },
      assertions: [{ test: { type: 'object' }, message: 'odd \u0000 \ud800 \uffff <b>&amp;</b> "quoted" \u202e' }],
      categories: [{ prefix: 'tid', path: '/event/tenantId' }],
      private: ['/event/tenantId'],
      example: { event: { count: 1.5, note: undefined } },
    };
    const example = { event: { count: 1 } };
    const path = await feedOf(app, [{ ...contract, example }]);
    const shown = JSON.parse(await textOf(await app.request(`/admin${path}/schemas/1`), 200)) as Record<
      string,
      unknown
    >;
    expect(shown).to.deep.include({ ...contract, example, version: 1, state: 'active' });
    const { kind, schema, imports, namespaces, assertions, categories, private: hidden } = shown;
    const again = { kind, schema, imports, namespaces, assertions, categories, private: hidden, example };
    expect(JSON.parse(await textOf(await postContract(app, path, again), 200))).to.include({ version: 1 });
  });
});
