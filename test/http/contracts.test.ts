import { expect } from 'chai';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { childrenOf, parseXml } from '../support/atom.js';
import { aFeedOf, anEntry, anId } from '../support/build.js';
import {
  EVENT,
  EVENT_JSON_SCHEMA,
  EVENT_XSD,
  eventContent,
  feedOf,
  jsonContent,
  jsonEntry,
  refusalIn,
  send,
  textOf,
  violationsIn,
} from '../support/contracts.js';

const XML_CONTRACT = {
  kind: 'xsd',
  schema: EVENT_XSD,
  namespaces: { e: EVENT },
  assertions: [
    { test: 'count(atom:content/e:event/e:item) <= 3', message: 'an event has three items at most' },
    { test: 'atom:content/e:event/@tenantId', message: 'an event has a tenant' },
    { test: "starts-with(atom:id, 'urn:')", message: 'the id is a URN' },
  ],
};
const RELAX_NG = `<element name="event" ns="${EVENT}" xmlns="http://relaxng.org/ns/structure/1.0"
    datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <attribute name="count"><data type="int"/></attribute>
  <zeroOrMore><element name="item"><attribute name="qty"><data type="positiveInteger"/></attribute></element></zeroOrMore>
</element>`;

describe('an entry and the contract of its feed', () => {
  let app: TestApp;
  let xml: string;
  let json: string;
  let relaxNg: string;
  let integer: string;

  before(async () => {
    app = await startApp();
    xml = await feedOf(app, [XML_CONTRACT]);
    json = await feedOf(app, [
      {
        kind: 'json-schema',
        schema: EVENT_JSON_SCHEMA,
        assertions: [
          {
            test: { properties: { event: { required: ['tenantId'] } } },
            message: 'an event has a tenant',
          },
        ],
      },
    ]);
    relaxNg = await feedOf(app, [{ kind: 'relax-ng', schema: RELAX_NG }]);
    integer = await feedOf(app, [{ kind: 'json-schema', schema: { type: 'integer' } }], { inlineJson: true });
  });
  after(() => app.stop());

  const count = async (feed: string): Promise<number> =>
    childrenOf(parseXml(await (await app.request(feed)).text()), 'entry').length;

  it('is taken when it fits, and then names the version wherever it is read', async () => {
    const id = anId();
    const url = `${app.url}${xml}/schemas/1`;
    const answer = await textOf(
      await send(app, xml, anEntry({ id, content: eventContent('tenantId="T" count="2"') })),
      201,
    );
    expect(answer).to.contain(`<link rel="describedby" href="${url}"/>`);
    for (const path of [xml, `${xml}/entries/${encodeURIComponent(id)}`]) {
      expect(await textOf(await app.request(path), 200), path).to.contain(`<link rel="describedby" href="${url}"/>`);
      const asJson = await textOf(await app.request(`${path}?format=json`), 200);
      expect(asJson, path).to.contain('"describedby"').and.to.contain(`"${url}"`);
    }
    const event = JSON.parse(
      await textOf(await app.request(`${xml}/entries/${encodeURIComponent(id)}?format=cloudevents`), 200),
    ) as Record<string, unknown>;
    expect(event['dataschema']).to.equal(url);
  });

  it('is told every violation, of the schema and of each assertion', async () => {
    const content = eventContent('count="many"', '<item qty="1"/><item qty="0"/><item/><item qty="2"/><extra/>');
    const errors = await violationsIn(await send(app, xml, anEntry({ id: 'http://example.org/1', content })));
    expect(errors.map(({ path }) => path)).to.deep.equal([
      'entry/content/event/@count',
      'entry/content/event/item[2]/@qty',
      'entry/content/event/item[3]/@qty',
      'entry/content/event/extra',
      'entry',
      'entry',
      'entry',
    ]);
    expect(errors.slice(4).map(({ message }) => message)).to.deep.equal(
      XML_CONTRACT.assertions.map(({ message }) => message),
    );
    expect(errors[0]).to.include({ expected: 'a value of xs:int', found: 'many' });
    expect(errors[1]?.found).to.equal('0');
    expect(errors[2]).to.include({ expected: 'a value', found: 'nothing' });
  });

  it('of JSON is told every violation with what was expected and what was found', async () => {
    const body = jsonEntry('{"event":{"count":"5","item":[{"qty":1},{"qty":0}],"extra":true}}');
    const errors = await violationsIn(await send(app, json, body, 'application/json'));
    const byPath = new Map(errors.map((error) => [error.path.slice('/entry/content/@text'.length), error]));
    expect(byPath.get('/event/count')).to.include({ expected: 'an integer', found: '"5"' });
    expect(byPath.get('/event/item/1/qty')).to.include({ expected: '1 or more', found: '0' });
    expect([...byPath.keys()]).to.include('/event/extra');
    expect(errors.map(({ message }) => message)).to.include('an event has a tenant');
  });

  it('is held to RELAX NG too', async () => {
    await textOf(await send(app, relaxNg, anEntry({ content: eventContent('count="2"', '<item qty="1"/>') })), 201);
    const content = eventContent('count="2"', '<item qty="1"/><item qty="x"/>');
    const errors = await violationsIn(await send(app, relaxNg, anEntry({ content })));
    expect(errors.map(({ path }) => path).join()).to.contain('entry/content/event/item[2]');
    expect(errors[0]?.line).to.equal(2);
    const other = await violationsIn(
      await send(
        app,
        relaxNg,
        anEntry({ content: '<content type="application/xml"><other xmlns="urn:o"/></content>' }),
      ),
    );
    expect(other[0]?.path).to.equal('entry/content/other');
  });

  it('in a feed that has none is taken as ever', async () => {
    const feed = await app.feed('free');
    const answer = await textOf(await send(app, feed, anEntry()), 201);
    expect(answer).not.to.contain('describedby');
  });

  describe('with other content than the contract is about', () => {
    const contents: [string, string, string][] = [
      ['no content', '<summary>s</summary><link rel="alternate" href="urn:x"/>', 'has no content'],
      ['text', '<content>plain</content>', 'text'],
      ['HTML', '<content type="html">&lt;b&gt;</content>', 'html'],
      ['content elsewhere', '<summary>s</summary><content type="application/xml" src="http://example.org/"/>', 'src'],
      ['text/plain', '<content type="text/plain">a</content>', 'text/plain'],
      ['bytes', '<summary>s</summary><content type="image/png">AAAA</content>', 'image/png'],
    ];
    for (const [name, content, said] of contents) {
      it(`is refused, in one violation that says so: ${name}`, async () => {
        for (const feed of [xml, json, relaxNg]) {
          const errors = await violationsIn(await send(app, feed, anEntry({ content })));
          expect(errors).to.have.length(1);
          expect(errors[0]?.message, feed).to.contain(said);
          expect(errors[0]?.path).to.match(/^entry(\/content)?$/);
          expect(errors[0]?.line).to.equal(2);
        }
      });
    }

    it('is refused: JSON where XML is wanted, and XHTML that does not fit', async () => {
      const [first] = await violationsIn(
        await send(app, xml, anEntry({ content: `<summary>s</summary>${jsonContent({})}` })),
      );
      expect(first?.message).to.contain('application/json').and.to.contain('XML');
      const xhtml = '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">x</div></content>';
      for (const feed of [xml, json, relaxNg]) {
        const errors = await violationsIn(await send(app, feed, anEntry({ content: xhtml })));
        expect(errors[0]?.path).to.match(/^entry\/content\/(event|div)/);
      }
    });
  });

  it('of JSON may be of any JSON media type, in text or in Base64, and may be a bare value', async () => {
    for (const content of [
      '<content type="application/json">5</content>',
      '<content type="application/vnd.acme.number+json">5</content>',
      `<summary>s</summary><content type="application/json">${Buffer.from('5').toString('base64')}</content>`,
      `<summary>s</summary><content type="application/vnd.acme+json">${Buffer.from(' 5\n').toString('base64')}</content>`,
    ]) {
      await textOf(await send(app, integer, anEntry({ content })), 201);
      const wrong = content
        .replace('>5<', '>5.5<')
        .replace(/>(NQ==|IDUK)</, `>${Buffer.from('5.5').toString('base64')}<`);
      const errors = await violationsIn(await send(app, integer, anEntry({ content: wrong })));
      expect(errors[0]).to.include({ expected: 'an integer', found: '5.5' });
    }
    const event = { specversion: '1.0', id: anId(), source: '/s', type: 't', data: 5 };
    await textOf(await send(app, integer, JSON.stringify(event), 'application/cloudevents+json'), 201);
  });

  it('is refused without a word of it being stored, in a batch with all the others', async () => {
    const before = await count(xml);
    const good = eventContent('tenantId="T" count="1"');
    const entries = [good, eventContent('tenantId="T" count="x"'), good, eventContent('tenantId="T"')];
    const errors = await violationsIn(
      await send(app, xml, aFeedOf(entries.map((content) => ({ content }))), 'application/atom+xml;type=feed'),
    );
    expect(errors.map(({ path }) => path)).to.deep.equal([
      'feed/entry[2]/content/event/@count',
      'feed/entry[4]/content/event/@count',
    ]);
    expect(errors.map(({ line }) => line)).to.deep.equal([2, 4]);
    expect(await count(xml)).to.equal(before);
    await textOf(
      await send(app, xml, aFeedOf([{ content: good }, { content: good }]), 'application/atom+xml;type=feed'),
      201,
    );
    expect(await count(xml)).to.equal(before + 2);
  });

  it('is refused in XML and HTML too, for who asks for these', async () => {
    const body = anEntry({ content: eventContent('tenantId="&lt;&amp;T" count="&lt;script&gt;"') });
    for (const [accept, type] of [
      ['application/problem+xml, */*;q=0.1', 'application/problem+xml'],
      ['application/atom+xml', 'application/problem+xml'],
      ['text/html, */*;q=0.1', 'text/html;charset=utf-8'],
    ] as const) {
      const headers = { 'content-type': 'application/atom+xml', accept };
      const response = await app.request(xml, { method: 'POST', headers, body });
      const text = await textOf(response, 422);
      expect(response.headers.get('content-type')).to.equal(type);
      expect(text).not.to.contain('<script>');
      const told = type === 'application/problem+xml' ? parseXml(text).text : text;
      expect(told)
        .to.contain('entry/content/event/@count')
        .and.to.match(/<script>|&lt;script&gt;/);
    }
  });

  it('is counted by what came of it', async () => {
    const feed = await feedOf(app, [{ kind: 'json-schema', schema: EVENT_JSON_SCHEMA }]);
    const counts = async (): Promise<number[]> => {
      const text = await textOf(await app.request('/metrics'), 200);
      return ['fits', 'breaks'].map((result) =>
        Number(new RegExp(`^millrace_contract_checks_total\\{result="${result}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0),
      );
    };
    const [fits = 0, breaks = 0] = await counts();
    await textOf(await send(app, feed, jsonEntry({ event: { count: 1 } }), 'application/json'), 201);
    await violationsIn(await send(app, feed, jsonEntry({ event: {} }), 'application/json'));
    expect(await counts()).to.deep.equal([fits + 1, breaks + 1]);
  });

  describe('in a dry run', () => {
    it('is answered 200 as it would be stored, and nothing is written', async () => {
      const before = await textOf(await app.request(xml), 200);
      const id = anId();
      const body = anEntry({ id, content: eventContent('tenantId="T" count="2"') });
      const response = await send(app, `${xml}?dry-run=true`, body);
      const text = await textOf(response, 200);
      expect(text).to.contain(`<id>${id}</id>`).and.to.contain(`/schemas/1"/>`).and.to.contain('count="2"');
      expect(response.headers.get('location')).to.equal(null);
      expect(await textOf(await app.request(xml), 200)).to.equal(before);
      await textOf(await app.request(`${xml}/entries/${encodeURIComponent(id)}`), 404);
      await textOf(await send(app, `${xml}?dry-run=false`, body), 201);
    });

    it('is refused as without, with every violation', async () => {
      const body = anEntry({ content: eventContent('count="x"') });
      const dry = await violationsIn(await send(app, `${xml}?dry-run=true`, body));
      const wet = await violationsIn(await send(app, xml, body));
      expect(dry).to.deep.equal(wet).and.to.have.length(2);
    });

    it('of a batch tells the same as without', async () => {
      const before = await count(xml);
      const good = eventContent('tenantId="T" count="1"');
      const type = 'application/atom+xml;type=feed';
      const text = await textOf(
        await send(app, `${xml}?dry-run=true`, aFeedOf([{ content: good }, { content: good }]), type),
        200,
      );
      expect(childrenOf(parseXml(text), 'entry')).to.have.length(2);
      const refused = await send(app, `${xml}?dry-run=true`, aFeedOf([{ content: good }, {}]), type);
      expect((await violationsIn(refused))[0]?.path).to.equal('feed/entry[2]');
      expect(await count(xml)).to.equal(before);
    });

    it('sees an id that is taken by other content, and a retry', async () => {
      const id = anId();
      const content = eventContent('tenantId="T" count="1"');
      const first = anEntry({ id, content });
      await textOf(await send(app, xml, first), 201);
      const retried = await send(app, `${xml}?dry-run=true`, first);
      expect(retried.headers.get('idempotent-replayed')).to.equal('true');
      expect(await textOf(retried, 200)).to.contain('describedby');
      const other = anEntry({ id, content: eventContent('tenantId="T" count="2"') });
      await refusalIn(await send(app, `${xml}?dry-run=true`, other), 409, 'id-conflict');
    });

    it('works where there is no contract', async () => {
      const feed = await app.feed('dry');
      await textOf(await send(app, `${feed}?dry-run=true`, anEntry()), 200);
      await refusalIn(await send(app, `${feed}?dry-run=true`, '<entry/>'), 422, 'invalid-entry');
      expect(await count(feed)).to.equal(0);
    });

    it('is asked for with true or false', async () => {
      for (const value of ['1', 'TRUE', 'yes', 'on']) {
        const response = await send(
          app,
          `${xml}?dry-run=${value}`,
          anEntry({ content: eventContent('tenantId="T" count="1"') }),
        );
        await refusalIn(response, 400, 'bad-parameter');
      }
      await textOf(
        await send(app, `${xml}?dry-run=`, anEntry({ content: eventContent('tenantId="T" count="1"') })),
        201,
      );
    });

    it('is for those who may publish', async () => {
      const response = await app.request(`${xml}?dry-run=true`, {
        method: 'POST',
        anonymous: true,
        headers: { 'content-type': 'application/atom+xml' },
        body: anEntry(),
      });
      await refusalIn(response, 401, 'unauthorized');
    });
  });
});
