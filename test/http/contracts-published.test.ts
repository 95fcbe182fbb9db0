import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { parseXml } from '../support/atom.js';
import { EVENT, EVENT_JSON_SCHEMA, EVENT_XSD, feedOf, refusalIn, retire, send, textOf } from '../support/contracts.js';

const RELAX_NG = `<?xml version="1.0"?>\n<!-- a comment -->\n<element name="event" ns="${EVENT}" xmlns="http://relaxng.org/ns/structure/1.0"><externalRef href="count.rng"/></element>\n`;
const COUNT = '<attribute name="count" ns="" xmlns="http://relaxng.org/ns/structure/1.0"/>';
const JSON_TEXT = `{"kind":"json-schema", "schema": {"type" :"object",\n "properties": {"n": {"maximum": 1.0e2, "enum": [12345678901234567890, 1]}, "a": {"$ref": "a/b.json"}}},
  "imports": {"a/b.json": {"type" : "string"}}, "example": {"n" : 1.00}}`;

describe('a published contract', () => {
  let app: TestApp;
  let xsd: string;
  let json: string;
  let hidden: string;

  before(async () => {
    app = await startApp();
    xsd = await feedOf(app, [{ kind: 'xsd', schema: EVENT_XSD, example: `<event xmlns="${EVENT}" count="7"/>` }], {
      public: true,
    });
    json = await feedOf(app, [JSON_TEXT], { public: true });
    hidden = await feedOf(app, [
      {
        kind: 'relax-ng',
        schema: RELAX_NG,
        imports: { 'count.rng': COUNT },
        example: `<event xmlns="${EVENT}" count="7"/>`,
      },
    ]);
  });
  after(() => app.stop());

  const ask = (path: string, accept?: string): Promise<Response> =>
    app.request(path, { anonymous: true, ...(accept === undefined ? {} : { headers: { accept } }) });

  it('is the schema as it was registered, byte by byte, in its own media type', async () => {
    const schema = await ask(`${xsd}/schemas/1`);
    expect(schema.headers.get('content-type')).to.match(/^application\/xml(;charset=utf-8)?$/);
    expect(await textOf(schema, 200)).to.equal(EVENT_XSD);
    const inJson = await ask(`${json}/schemas/1`);
    expect(inJson.headers.get('content-type')).to.equal('application/schema+json');
    expect(await textOf(inJson, 200)).to.equal(
      '{"type" :"object",\n "properties": {"n": {"maximum": 1.0e2, "enum": [12345678901234567890, 1]}, "a": {"$ref": "a/b.json"}}}',
    );
    expect(await textOf(await app.request(`${hidden}/schemas/1`), 200)).to.equal(RELAX_NG);
  });

  it('may be cached for ever: by all when the feed is public, else by the reader only', async () => {
    for (const path of [
      `${xsd}/schemas/1`,
      `${xsd}/schemas/1?format=contract`,
      `${json}/schemas/1/imports/a%2Fb.json`,
    ]) {
      const response = await ask(path);
      await textOf(response, 200);
      expect(response.headers.get('cache-control'), path).to.match(/^public, max-age=31536000, immutable$/);
      expect(response.headers.get('etag')).to.match(/^(W\/)?"/);
    }
    const own = await app.request(`${hidden}/schemas/1`);
    await textOf(own, 200);
    expect(own.headers.get('cache-control')).to.match(/^private, max-age=31536000, immutable$/);
    for (const path of [`${xsd}/schemas`, `${xsd}/schemas/1/example`]) {
      expect((await ask(path)).headers.get('cache-control'), path).not.to.contain('immutable');
    }
  });

  it('is 304 for who has it, and nothing but headers for HEAD', async () => {
    for (const path of [
      `${xsd}/schemas`,
      `${xsd}/schemas/1`,
      `${json}/schemas/1?format=contract`,
      `${json}/schemas/1/imports/a%2Fb.json`,
      `${json}/schemas/1/example`,
    ]) {
      const response = await ask(path);
      const length = Buffer.byteLength(await textOf(response, 200));
      const etag = response.headers.get('etag') ?? '';
      const same = await app.request(path, { anonymous: true, headers: { 'if-none-match': etag } });
      expect(await textOf(same, 304)).to.equal('');
      expect(same.headers.get('etag')).to.equal(etag);
      expect(same.headers.get('cache-control')).to.equal(response.headers.get('cache-control'));
      const other = await app.request(path, { anonymous: true, headers: { 'if-none-match': '"x"' } });
      await textOf(other, 200);
      const head = await app.request(path, {
        anonymous: true,
        method: 'HEAD',
        headers: { 'accept-encoding': 'identity' },
      });
      expect(await textOf(head, 200)).to.equal('');
      expect(head.headers.get('content-length'), path).to.equal(String(length));
      expect(head.headers.get('content-type')).to.equal(response.headers.get('content-type'));
    }
  });

  it('is listed with kind, state, time and URL', async () => {
    const { versions } = JSON.parse(await textOf(await ask(`${json}/schemas`), 200)) as {
      versions: Record<string, unknown>[];
    };
    expect(versions).to.have.length(1);
    expect(versions[0]).to.include({
      version: 1,
      kind: 'json-schema',
      state: 'active',
      url: `${app.url}${json}/schemas/1`,
    });
    expect(JSON.parse(await textOf(await app.request(`/admin${json}/schemas`), 200))).to.deep.equal({ versions });
    const empty = await app.feed('empty', { public: true });
    expect(JSON.parse(await textOf(await ask(`${empty}/schemas`), 200))).to.deep.equal({ versions: [] });
  });

  it('can be had whole, and sent again as it is', async () => {
    for (const path of [`${json}/schemas/1?format=contract`, `${xsd}/schemas/1?format=contract`]) {
      const response = await ask(path);
      expect(response.headers.get('content-type')).to.equal('application/vnd.millrace.contract+json');
      const text = await textOf(response, 200);
      const feed = path.split('/schemas')[0] ?? '';
      const again = await app.request(`/admin${feed}/schemas`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: text,
      });
      await textOf(again, 200);
    }
    const byAccept = await ask(`${json}/schemas/1`, 'application/vnd.millrace.contract+json');
    expect(await textOf(byAccept, 200))
      .to.contain('12345678901234567890')
      .and.to.contain('1.0e2')
      .and.to.contain('1.00');
  });

  it('is negotiated: what it is not is 406, a format that is not to be had 400', async () => {
    await textOf(await ask(`${xsd}/schemas/1`, 'text/xml'), 200);
    await textOf(await ask(`${xsd}/schemas/1`, 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'), 200);
    await textOf(await ask(`${json}/schemas/1`, 'application/json'), 200);
    await refusalIn(await ask(`${xsd}/schemas/1`, 'image/png'), 406, 'not-acceptable');
    await refusalIn(await ask(`${json}/schemas/1`, 'application/json;q=0, application/pdf'), 406, 'not-acceptable');
    await textOf(await ask(`${json}/schemas/1?format=atom`), 400);
    await textOf(await ask(`${json}/schemas/1/example?format=rss`), 400);
    await refusalIn(await ask(`${json}/schemas/1/example`, 'image/png'), 406, 'not-acceptable');
  });

  it('comes with what it imports, by name', async () => {
    const part = await ask(`${json}/schemas/1/imports/a%2Fb.json`);
    expect(part.headers.get('content-type')).to.equal('application/schema+json');
    expect(await textOf(part, 200)).to.equal('{"type" : "string"}');
    expect(await textOf(await app.request(`${hidden}/schemas/1/imports/count.rng`), 200)).to.equal(COUNT);
    for (const name of ['x', 'constructor', '__proto__', 'toString', 'a', '%2e%2e%2f', 'x'.repeat(3_000)]) {
      await refusalIn(await ask(`${json}/schemas/1/imports/${name}`), 404, 'not-found');
    }
  });

  it('of a private feed is for those who may read it', async () => {
    for (const path of ['', '/1', '/1?format=contract', '/1/imports/count.rng', '/1/example', '/9', '/x']) {
      await refusalIn(await ask(`${hidden}/schemas${path}`), 401, 'unauthorized');
    }
    expect((await ask('/feeds/shop/nothing/schemas')).status).to.be.oneOf([401, 404]);
  });

  it('has no other versions, and no other methods', async () => {
    for (const version of ['2', '0', '01', '1.0', 'x', '-1', '%31%20', '__proto__', '9'.repeat(1_000)]) {
      for (const rest of ['', '/example', '/imports/a', '?format=contract']) {
        await refusalIn(await ask(`${xsd}/schemas/${version}${rest}`), 404, 'not-found');
      }
    }
    for (const path of ['', '/1', '/1/example', '/1/imports/x']) {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
        const response = await app.request(`${xsd}/schemas${path}`, { method });
        expect(response.headers.get('allow')?.split(', ')).to.have.members(['GET', 'HEAD', 'OPTIONS']);
        await refusalIn(response, 405, 'method-not-allowed');
      }
      const options = await app.request(`${xsd}/schemas${path}`, { method: 'OPTIONS' });
      expect(options.status).to.equal(204);
      expect(options.headers.get('allow')).to.contain('GET');
    }
    await refusalIn(await app.request(`${xsd}/schemas/1/more`), 404, 'not-found');
  });

  it('stays when it is retired', async () => {
    const feed = await feedOf(app, [{ kind: 'json-schema', schema: { type: 'object' } }], { public: true });
    const before = await textOf(await ask(`${feed}/schemas/1`), 200);
    await retire(app, feed, 1);
    expect(await textOf(await ask(`${feed}/schemas/1`), 200)).to.equal(before);
    expect(await textOf(await ask(`${feed}/schemas`), 200)).to.contain('"retired"');
  });

  describe('has an example', () => {
    it('as Atom, JSON and a CloudEvent, each of which is taken when it is sent', async () => {
      const types = {
        atom: 'application/atom+xml',
        json: 'application/json',
        cloudevents: 'application/cloudevents+json',
        cloudfeeds: 'application/vnd.rackspace.atom+json',
      };
      for (const feed of [xsd, json, hidden]) {
        for (const [format, type] of Object.entries(types)) {
          const response = await app.request(`${feed}/schemas/1/example?format=${format}`);
          expect(response.headers.get('content-type'), format).to.contain(type);
          const text = await textOf(response, 200);
          await textOf(await send(app, `${feed}?dry-run=true`, text, type), 200);
        }
      }
    });

    it('that names its version and looks like news to nobody', async () => {
      const entry = parseXml(await textOf(await ask(`${xsd}/schemas/1/example`), 200));
      expect(entry.local).to.equal('entry');
      expect(
        entry.children.find(({ local, attributes }) => local === 'link' && attributes['rel'] === 'describedby')
          ?.attributes['href'],
      ).to.equal(`${app.url}${xsd}/schemas/1`);
      expect(entry.children.find(({ local }) => local === 'updated')?.text).to.match(/^2000-/);
      expect(await textOf(await ask(`${json}/schemas/1/example?format=json`), 200)).to.contain('1.00');
    });

    it('which may be a whole entry, in XML', async () => {
      const whole = `<entry xmlns="http://www.w3.org/2005/Atom"><id>urn:example:1</id><title>Mine</title><updated>2020-01-01T00:00:00Z</updated><category term="a"/><content type="application/xml"><event xmlns="${EVENT}" count="1"/></content></entry>`;
      const assertions = [{ test: "atom:category/@term = 'a'", message: 'a category' }];
      const feed = await feedOf(app, [{ kind: 'xsd', schema: EVENT_XSD, assertions, example: whole }], {
        public: true,
      });
      expect(await textOf(await ask(`${feed}/schemas/1/example`), 200)).to.contain('<title>Mine</title>');
    });

    it('made of the schema where none was given, or 404', async () => {
      for (const contract of [
        { kind: 'xsd', schema: EVENT_XSD },
        { kind: 'json-schema', schema: EVENT_JSON_SCHEMA },
        { kind: 'relax-ng', schema: RELAX_NG, imports: { 'count.rng': COUNT } },
      ]) {
        const feed = await feedOf(app, [contract]);
        const text = await textOf(await app.request(`${feed}/schemas/1/example`), 200);
        await textOf(await send(app, `${feed}?dry-run=true`, text), 200);
      }
      const feed = await feedOf(app, [{ kind: 'json-schema', schema: false }]);
      await refusalIn(await app.request(`${feed}/schemas/1/example`), 404, 'not-found');
    });
  });
});
