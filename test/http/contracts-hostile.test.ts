import { expect } from 'chai';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { parseXml } from '../support/atom.js';
import { aFeedOf, anEntry } from '../support/build.js';
import {
  EVENT,
  EVENT_JSON_SCHEMA,
  EVENT_XSD,
  eventContent,
  feedOf,
  jsonContent,
  jsonEntry,
  mistakesIn,
  postContract,
  send,
  textOf,
  violationsIn,
} from '../support/contracts.js';

const XS = 'http://www.w3.org/2001/XMLSchema';
const FEED = 'application/atom+xml;type=feed';
const xsd = (inner: string): string => `<xs:schema xmlns:xs="${XS}">${inner}</xs:schema>`;
const xml = (inner: string): string => `<content type="application/xml">${inner}</content>`;

/** As JSON: what the pattern below takes for ever to refuse. */
const EVIL = JSON.stringify(`${'a'.repeat(50)}!`);
const SLOW = { kind: 'json-schema', schema: { type: 'string', pattern: '^(a+)+$' } };

/** An answer, and how long it took. */
async function timed(work: Promise<Response>): Promise<{ response: Response; ms: number }> {
  const from = performance.now();
  const response = await work;
  return { response, ms: performance.now() - from };
}

describe('a hostile contract or entry', function () {
  this.timeout(60_000);

  let app: TestApp;
  /** Another feed, whose contract is a good one. */
  let good: string;
  let refused: string;
  let listener: Server;
  let heard: string[];
  let outside: string;

  before(async () => {
    app = await startApp();
    good = await feedOf(app, [{ kind: 'xsd', schema: EVENT_XSD }]);
    refused = await app.feed('refused', { compatibility: 'none' });
    heard = [];
    listener = createServer((req, res) => {
      heard.push(req.url ?? '');
      res.end(xsd('<xs:element name="a"/>'));
    });
    listener.on('connection', () => heard.push('a connection'));
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    outside = `http://127.0.0.1:${String((listener.address() as AddressInfo).port)}`;
  });
  after(async () => {
    listener.close();
    await app.stop();
  });

  const publishGood = (): Promise<Response> => send(app, good, anEntry({ content: eventContent('count="1"') }));
  /** The feed with the good contract is as quick as ever, and the server is healthy. */
  const allIsWell = async (): Promise<void> => {
    await textOf(await publishGood(), 201);
    const { response, ms } = await timed(publishGood());
    await textOf(response, 201);
    expect(ms).to.be.below(1_000);
  };

  describe('reaches nothing outside', () => {
    it('by what a schema refers to: http, file, a catalog, an external subset', async () => {
      const places = [
        `${outside}/a.xsd`,
        'file:///etc/passwd',
        '/etc/passwd',
        '../../package.json',
        'ftp://127.0.0.1/a',
        `//${outside.slice(7)}/a.xsd`,
      ];
      for (const place of places) {
        const contracts = [
          { kind: 'xsd', schema: xsd(`<xs:include schemaLocation="${place}"/><xs:element name="a"/>`) },
          {
            kind: 'xsd',
            schema: xsd(`<xs:import namespace="urn:x" schemaLocation="${place}"/><xs:element name="a"/>`),
          },
          { kind: 'xsd', schema: xsd(`<xs:redefine schemaLocation="${place}"/><xs:element name="a"/>`) },
          { kind: 'relax-ng', schema: `<externalRef xmlns="http://relaxng.org/ns/structure/1.0" href="${place}"/>` },
          {
            kind: 'relax-ng',
            schema: `<grammar xmlns="http://relaxng.org/ns/structure/1.0"><include href="${place}"/><start><empty/></start></grammar>`,
          },
          { kind: 'json-schema', schema: { $ref: place } },
          {
            kind: 'json-schema',
            schema: { $id: `${outside}/root`, $ref: place.startsWith('/') ? place : `${place}#/x` },
          },
        ];
        for (const contract of contracts) {
          const [first] = await mistakesIn(await postContract(app, refused, contract));
          expect(first?.message, JSON.stringify(contract)).to.match(/not given|not there/);
        }
      }
      expect(heard).to.deep.equal([]);
    });

    it('by a DOCTYPE, an entity, XInclude, a style sheet or XPath', async () => {
      const doctype = `<!DOCTYPE x [<!ENTITY e SYSTEM "${outside}/e"> <!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>`;
      for (const schema of [
        `${doctype}${xsd('<xs:element name="a">&e;</xs:element>')}`,
        `<?xml version="1.0"?>\n<!-- c --><!DOCTYPE x SYSTEM "${outside}/x.dtd">${xsd('<xs:element name="a"/>')}`,
        `<!DOCTYPE lol [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>${xsd('<xs:element name="a"/>')}`,
      ]) {
        const [first] = await mistakesIn(await postContract(app, refused, { kind: 'xsd', schema }));
        expect(first?.message).to.contain('DOCTYPE');
        expect(first?.line).to.be.a('number');
        await mistakesIn(
          await postContract(app, refused, {
            kind: 'xsd',
            schema: xsd('<xs:include schemaLocation="i"/>'),
            imports: { i: schema },
          }),
        );
        await mistakesIn(
          await postContract(app, refused, {
            kind: 'xsd',
            schema: xsd('<xs:element name="a"/>'),
            example: `${doctype}<a/>`,
          }),
        );
      }
      const include = `<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="${outside}/i" parse="text"/>`;
      const response = await postContract(app, refused, {
        kind: 'xsd',
        schema: `<?xml-stylesheet href="${outside}/s.xsl"?>${xsd(`<xs:annotation><xs:documentation>${include}</xs:documentation></xs:annotation><xs:element name="a"/>`)}`,
      });
      expect(response.status).to.be.oneOf([201, 422]);
      for (const test of [`document('${outside}/d')`, `unparsed-text('${outside}')`, `document('')`]) {
        await mistakesIn(
          await postContract(app, refused, { kind: 'xsd', schema: EVENT_XSD, assertions: [{ test, message: 'm' }] }),
        );
      }
      expect(heard).to.deep.equal([]);
    });

    it('by an entry that names its own schema or includes something', async () => {
      const feed = await feedOf(app, [
        {
          kind: 'xsd',
          schema: xsd(
            '<xs:element name="a"><xs:complexType><xs:sequence><xs:any minOccurs="0" maxOccurs="9" processContents="lax"/></xs:sequence></xs:complexType></xs:element>',
          ),
        },
      ]);
      const xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
      const content = `<a xmlns="" ${xsi} xsi:noNamespaceSchemaLocation="${outside}/n.xsd"><b xmlns="urn:b" xsi:schemaLocation="urn:b ${outside}/b.xsd urn:c file:///etc/passwd"/><xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="${outside}/i"/></a>`;
      for (let time = 0; time < 2; time++) {
        await textOf(await send(app, feed, anEntry({ content: xml(content) })), 201);
      }
      expect(heard).to.deep.equal([]);
      await allIsWell();
    });
  });

  describe('gets a clear refusal', () => {
    const contracts: [string, () => unknown][] = [
      [
        'JSON nested 100,000 deep',
        () => `{"kind":"json-schema","schema":${'{"not":'.repeat(100_000)}true${'}'.repeat(100_000)}}`,
      ],
      [
        'JSON Schema nested 90 deep, which is fine',
        () => `{"kind":"json-schema","schema":${'{"not":'.repeat(90)}true${'}'.repeat(90)}}`,
      ],
      ['arrays without end', () => `{"kind":"json-schema","schema":{"enum":${'['.repeat(50_000)}`],
      [
        'XML Schema nested 5,000 deep',
        () => ({
          kind: 'xsd',
          schema: xsd(
            `${'<xs:element name="a"><xs:complexType><xs:sequence>'.repeat(5_000)}${'</xs:sequence></xs:complexType></xs:element>'.repeat(5_000)}`,
          ),
        }),
      ],
      [
        'RELAX NG nested 20,000 deep',
        () => ({
          kind: 'relax-ng',
          schema: `<element name="a" xmlns="http://relaxng.org/ns/structure/1.0">${'<group>'.repeat(20_000)}<empty/>${'</group>'.repeat(20_000)}</element>`,
        }),
      ],
      ['a $ref to itself', () => ({ kind: 'json-schema', schema: { $ref: '#' } })],
      [
        '$refs in a circle',
        () => ({
          kind: 'json-schema',
          schema: { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { allOf: [{ $ref: '#/$defs/a' }] } } },
        }),
      ],
      [
        '$refs in a circle that only some values enter',
        () => ({
          kind: 'json-schema',
          schema: { properties: { a: { $ref: '#/$defs/a' } }, $defs: { a: { anyOf: [{ $ref: '#/$defs/a' }] } } },
        }),
      ],
      [
        'imports that import each other',
        () => ({
          kind: 'xsd',
          schema: xsd('<xs:include schemaLocation="a"/><xs:element name="x"/>'),
          imports: { a: xsd('<xs:include schemaLocation="b"/>'), b: xsd('<xs:include schemaLocation="a"/>') },
        }),
      ],
      [
        'RELAX NG that includes itself',
        () => ({
          kind: 'relax-ng',
          schema: '<grammar xmlns="http://relaxng.org/ns/structure/1.0"><include href="a"/></grammar>',
          imports: { a: '<grammar xmlns="http://relaxng.org/ns/structure/1.0"><include href="a"/></grammar>' },
        }),
      ],
      [
        'a type that is its own base',
        () => ({
          kind: 'xsd',
          schema: xsd(
            '<xs:complexType name="t"><xs:complexContent><xs:extension base="t"/></xs:complexContent></xs:complexType><xs:element name="a" type="t"/>',
          ),
        }),
      ],
      [
        'a group that holds itself',
        () => ({
          kind: 'xsd',
          schema: xsd(
            '<xs:group name="g"><xs:sequence><xs:group ref="g"/></xs:sequence></xs:group><xs:element name="a"><xs:complexType><xs:group ref="g"/></xs:complexType></xs:element>',
          ),
        }),
      ],
      [
        'RELAX NG whose definition is itself',
        () => ({
          kind: 'relax-ng',
          schema:
            '<grammar xmlns="http://relaxng.org/ns/structure/1.0"><start><ref name="a"/></start><define name="a"><ref name="a"/></define></grammar>',
        }),
      ],
      [
        'thousands of occurrences within thousands',
        () => ({
          kind: 'xsd',
          schema: xsd(
            '<xs:element name="a"><xs:complexType><xs:sequence minOccurs="3000" maxOccurs="5000"><xs:sequence minOccurs="3000" maxOccurs="5000"><xs:element name="b" minOccurs="3000" maxOccurs="5000"/></xs:sequence></xs:sequence></xs:complexType></xs:element>',
          ),
        }),
      ],
      [
        'a pattern that repeats repetitions',
        () => ({
          kind: 'xsd',
          schema: xsd(
            '<xs:element name="a"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="((a{1,900}){1,900}){1,900}"/></xs:restriction></xs:simpleType></xs:element>',
          ),
        }),
      ],
      ['a JSON pattern that is none', () => ({ kind: 'json-schema', schema: { pattern: '(?<a' } })],
      [
        'a JSON pattern that repeats repetitions',
        () => ({ kind: 'json-schema', schema: { pattern: '((a{1,900}){1,900}){1,900}' } }),
      ],
      [
        'XPath nested 10,000 deep',
        () => ({
          kind: 'xsd',
          schema: EVENT_XSD,
          categories: [{ prefix: 'a', path: '('.repeat(499) + '1' + ')'.repeat(499) }],
          assertions: [{ test: `${'('.repeat(10_000)}1${')'.repeat(10_000)}`, message: 'm' }],
        }),
      ],
      [
        'an assertion of a megabyte',
        () => ({
          kind: 'xsd',
          schema: EVENT_XSD,
          assertions: [{ test: Array.from({ length: 40_000 }, () => 'atom:id').join(' and '), message: 'm' }],
        }),
      ],
      [
        'members named __proto__',
        () =>
          `{"kind":"json-schema","schema":{"properties":{"__proto__":{"type":"integer"}},"required":["__proto__"]},"imports":{"__proto__":true,"constructor":true},"namespaces":{"__proto__":"urn:x"}}`,
      ],
      [
        'member names that are there twice',
        () => `{"kind":"json-schema","kind":"xsd","schema":{"type":"object","type":"string"}}`,
      ],
      [
        'numbers beyond doubles',
        () => `{"kind":"json-schema","schema":{"maximum":1e999,"minLength":123456789012345678901234567890}}`,
      ],
      [
        'a thousand branches of a thousand',
        () => ({
          kind: 'json-schema',
          schema: { anyOf: Array.from({ length: 5_000 }, (_, index) => ({ const: index })) },
        }),
      ],
      [
        'an example that is large and wrong',
        () => ({
          kind: 'json-schema',
          schema: { items: { type: 'string' } },
          example: Array.from({ length: 20_000 }, () => 1),
        }),
      ],
      [
        'an XML example that is large and wrong',
        () => ({
          kind: 'xsd',
          schema: EVENT_XSD,
          example: `<event xmlns="${EVENT}" count="1">${'<item/>'.repeat(20_000)}</event>`,
        }),
      ],
      [
        'an example nested deep',
        () => ({ kind: 'xsd', schema: EVENT_XSD, example: `${'<a>'.repeat(50_000)}${'</a>'.repeat(50_000)}` }),
      ],
      [
        'names of namespaces that are XML’s',
        () => ({
          kind: 'xsd',
          schema: EVENT_XSD,
          namespaces: { xml: 'urn:x', xmlns: 'urn:y' },
          assertions: [{ test: 'xml:a or xmlns:b', message: 'm' }],
        }),
      ],
    ];
    for (const [name, contract] of contracts) {
      it(`within 15 s, or is taken: ${name}`, async () => {
        const { response, ms } = await timed(postContract(app, refused, contract()));
        const text = await response.text();
        expect(response.status, text.slice(0, 2_000)).to.be.oneOf([201, 400, 413, 422]);
        expect(ms).to.be.below(15_000);
        expect(text.length, 'the answer is bounded').to.be.below(200_000);
        await allIsWell();
      });
    }
  });

  it('with a catastrophic pattern is refused in bounded time, and the publishers of other feeds hardly notice', async () => {
    const json = await feedOf(app, [SLOW]);
    const plain = await app.feed('plain');
    await textOf(await publishGood(), 201);
    const state = { done: false };
    const waits: number[] = [];
    const others = (async () => {
      while (!state.done) {
        const [free, bound] = await Promise.all([timed(send(app, plain, anEntry())), timed(publishGood())]);
        await textOf(free.response, 201);
        await textOf(bound.response, 201);
        waits.push(free.ms);
        waits.push(bound.ms);
      }
    })();
    const { response, ms } = await timed(send(app, json, jsonEntry(EVIL), 'application/json'));
    const [error] = await violationsIn(response);
    expect(error?.message).to.contain('longer than');
    expect(ms).to.be.below(8_000);
    state.done = true;
    await others;
    waits.sort((a, b) => a - b);
    expect(waits[Math.floor(waits.length / 2)] ?? Infinity, 'the median').to.be.below(250);
    // A thread was cut off and another one started once.
    expect(waits.at(-1) ?? Infinity, 'the longest').to.be.below(5_000);
    // What is good is taken still.
    await textOf(await send(app, json, jsonEntry('"aaaa"'), 'application/json'), 201);
  });

  it('does not hold up large entries and new contracts of other feeds for long', async () => {
    const json = await feedOf(app, [SLOW]);
    await violationsIn(await send(app, json, jsonEntry(EVIL), 'application/json'));
    // One after the other they take longer than the five seconds below.
    const flood = Array.from({ length: 3 }, () => send(app, json, jsonEntry(EVIL), 'application/json'));
    const large = eventContent('count="1"', '<item qty="1"/>'.repeat(20_000));
    const [entry, contract] = await Promise.all([
      timed(send(app, good, anEntry({ content: large }))),
      timed(postContract(app, await app.feed('late'), { kind: 'json-schema', schema: true })),
    ]);
    await textOf(entry.response, 201);
    await textOf(contract.response, 201);
    for (const response of await Promise.all(flood)) expect(response.status).to.be.oneOf([422, 503]);
    expect(Math.max(entry.ms, contract.ms)).to.be.below(5_000);
  });

  it('with a pattern of XML Schema that backtracks is answered in bounded time', async () => {
    const schema = xsd(
      '<xs:element name="a"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="((a|b|ab)*(a|ba|b)*)*c"/></xs:restriction></xs:simpleType></xs:element>',
    );
    const feed = await feedOf(app, [{ kind: 'xsd', schema }]);
    const { response, ms } = await timed(
      send(app, feed, anEntry({ content: xml(`<a xmlns="">${'ab'.repeat(5_000)}</a>`) })),
    );
    await violationsIn(response);
    expect(ms).to.be.below(8_000);
    await allIsWell();
  });

  it('with XPath that is quadratic in a large entry is answered in bounded time', async () => {
    const feed = await feedOf(app, [
      {
        kind: 'xsd',
        schema: xsd(
          '<xs:element name="a"><xs:complexType><xs:sequence><xs:element name="b" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>',
        ),
        assertions: [{ test: 'not(.//b[. = preceding::b])', message: 'all differ' }],
      },
    ]);
    const content = xml(
      `<a xmlns="">${Array.from({ length: 45_000 }, (_, n) => `<b>${n.toString(36).padStart(30, '0')}</b>`).join('')}</a>`,
    );
    const { response, ms } = await timed(send(app, feed, anEntry({ content })));
    const [error] = await violationsIn(response);
    expect(error?.message).to.contain('longer than');
    expect(ms).to.be.below(10_000);
    await allIsWell();
  });

  describe('with many violations', () => {
    const bounded = async (feed: string, body: string, type: string): Promise<void> => {
      let longest = 0;
      const state = { done: false };
      const beat = (async () => {
        while (!state.done) longest = Math.max(longest, (await timed(app.request('/healthz'))).ms);
      })();
      const { response, ms } = await timed(send(app, feed, body, type));
      state.done = true;
      await beat;
      const text = await textOf(response, 422);
      const { errors, detail } = JSON.parse(text) as { errors: unknown[]; detail: string };
      expect(errors.length).to.be.within(1, 100);
      expect(detail.length).to.be.below(2_000);
      expect(text.length).to.be.below(200_000);
      expect(ms, 'the answer').to.be.below(10_000);
      expect(longest, 'anybody else').to.be.below(1_500);
    };

    it('of XML tells a hundred, and is quick about it', async () => {
      for (const items of [3_000, 30_000]) {
        await bounded(
          good,
          anEntry({ content: eventContent('count="1"', '<item/>'.repeat(items)) }),
          'application/atom+xml',
        );
        await bounded(
          good,
          anEntry({ content: eventContent('count="1"', '<other/>'.repeat(items)) }),
          'application/atom+xml',
        );
      }
    });

    it('of JSON tells a hundred, and is quick about it', async () => {
      const feed = await feedOf(app, [{ kind: 'json-schema', schema: EVENT_JSON_SCHEMA }]);
      const array = await feedOf(app, [{ kind: 'json-schema', schema: { items: { type: 'string' } } }]);
      for (const items of [10_000, 100_000]) {
        const value = { event: { count: 1, item: Array.from({ length: items }, () => ({ qty: 0 })) } };
        await bounded(feed, jsonEntry(value), 'application/json');
        await bounded(feed, anEntry({ content: `<summary>s</summary>${jsonContent(value)}` }), 'application/atom+xml');
        await bounded(array, jsonEntry(Array.from({ length: items }, () => 0)), 'application/json');
      }
      const xmlInto = eventContent('count="1"', '<item/>'.repeat(20_000));
      await bounded(feed, anEntry({ content: xmlInto }), 'application/atom+xml');
    });

    it('of JSON in an XML contract tells a hundred, and is quick about it', async () => {
      const item = Array.from({ length: 8_000 }, () => ({ qty: '0' }));
      const entry = {
        '@type': 'http://www.w3.org/2005/Atom',
        content: { event: { '@type': EVENT, count: '1', item } },
      };
      await bounded(good, JSON.stringify({ entry }), 'application/json');
    });

    it('of RELAX NG tells a hundred, and is quick about it', async () => {
      const feed = await feedOf(app, [
        {
          kind: 'relax-ng',
          schema: `<element name="event" ns="${EVENT}" xmlns="http://relaxng.org/ns/structure/1.0"><attribute name="count"/><zeroOrMore><element name="item"><attribute name="qty"/></element></zeroOrMore></element>`,
        },
      ]);
      await bounded(
        feed,
        anEntry({ content: eventContent('count="1"', '<item/>'.repeat(5_000)) }),
        'application/atom+xml',
      );
    });

    it('in each of many entries tells a hundred, and is quick about it', async () => {
      const content = eventContent('count="x"', '<item/>'.repeat(20));
      await bounded(good, aFeedOf(Array.from({ length: 1_000 }, () => ({ content }))), FEED);
    });

    it('with values and names of great length shows little of them', async () => {
      const long = 'x'.repeat(200_000);
      await bounded(good, anEntry({ content: eventContent(`count="${long}"`) }), 'application/atom+xml');
      await bounded(good, anEntry({ content: eventContent(`count="1" ${long}="1"`) }), 'application/atom+xml');
      await bounded(good, anEntry({ content: eventContent('count="1"', `<${long}/>`) }), 'application/atom+xml');
      const feed = await feedOf(app, [{ kind: 'json-schema', schema: EVENT_JSON_SCHEMA }]);
      await bounded(feed, jsonEntry({ event: { count: long, [long]: 1 } }), 'application/json');
    });
  });

  describe('of odd JSON', () => {
    let feed: string;
    before(async () => {
      feed = await feedOf(app, [
        {
          kind: 'json-schema',
          schema: {
            type: 'object',
            properties: {
              n: { type: 'number', maximum: 1e300 },
              i: { type: 'integer', maximum: 9007199254740991 },
              constructor: { type: 'string' },
            },
            additionalProperties: false,
          },
        },
      ]);
    });

    it('finds __proto__ to be a member like any other', async () => {
      const [error] = await violationsIn(await send(app, feed, jsonEntry('{"__proto__":{"n":1}}'), 'application/json'));
      expect(error?.path).to.equal('/entry/content/@text/__proto__');
      const [constructor] = await violationsIn(
        await send(app, feed, jsonEntry('{"constructor":1}'), 'application/json'),
      );
      expect(constructor?.path).to.equal('/entry/content/@text/constructor');
      await textOf(await send(app, feed, jsonEntry('{}'), 'application/json'), 201);
      const inner = await violationsIn(
        await send(app, feed, anEntry({ content: xml('<__proto__ xmlns=""><n>1</n></__proto__>') })),
      );
      expect(inner[0]?.path).to.equal('entry/content/__proto__');
    });

    it('refuses members that are there twice, wherever', async () => {
      const [error] = await violationsIn(await send(app, feed, jsonEntry('{"n":1,"n":"x"}'), 'application/json'));
      expect(error).to.include({ path: '/entry/content/@text/n' });
      expect(error?.message).to.contain('second');
      const escaped = await violationsIn(await send(app, feed, jsonEntry('{"n":1,"\\u006e":2}'), 'application/json'));
      expect(escaped[0]?.path).to.equal('/entry/content/@text/n');
    });

    it('does not take a number beyond doubles for another one', async () => {
      const [infinite] = await violationsIn(await send(app, feed, jsonEntry('{"n":1e400}'), 'application/json'));
      expect(infinite?.path).to.equal('/entry/content/@text/n');
      expect(infinite?.found).not.to.equal('null');
      const [beyond] = await violationsIn(
        await send(app, feed, jsonEntry('{"i":9007199254740992}'), 'application/json'),
      );
      expect(beyond?.path).to.equal('/entry/content/@text/i');
    });
  });

  it('with a message of odd characters is told in JSON, XML and HTML alike', async () => {
    const message = 'odd \u0000\u0001\u001b[31m \ud800 \uffff <script>alert(1)</script> ]]> "&amp;" \u202e\r\nX: y';
    const feed = await feedOf(app, [{ kind: 'xsd', schema: EVENT_XSD, assertions: [{ test: 'false()', message }] }]);
    const body = anEntry({ content: eventContent('count="1"') });
    const ask = (accept: string): Promise<Response> =>
      app.request(feed, { method: 'POST', headers: { 'content-type': 'application/atom+xml', accept }, body });
    const errors = await violationsIn(await ask('application/atom+xml;q=0.1, application/json'));
    expect(errors[0]?.message.toWellFormed()).to.equal(message.toWellFormed());
    const told = parseXml(await textOf(await ask('application/atom+xml'), 422));
    expect(told.text).to.contain('<script>');
    const html = await textOf(await ask('text/html, */*;q=0.1'), 422);
    expect(html).not.to.contain('<script>alert');
  });

  it('in a batch is refused for good, not put off with a 503 for ever', async () => {
    const json = await feedOf(app, [SLOW]);
    const evil = jsonContent(EVIL);
    await violationsIn(await send(app, json, anEntry({ content: `<summary>s</summary>${evil}` })));
    const entries = Array.from({ length: 12 }, () => ({ content: `<summary>s</summary>${evil}` }));
    const { response, ms } = await timed(send(app, json, aFeedOf(entries), FEED));
    await violationsIn(response);
    expect(ms).to.be.below(10_000);
    // And a batch of good ones is taken while the contract is known as a slow one.
    const fine = Array.from({ length: 20 }, () => ({ content: `<summary>s</summary>${jsonContent('"aaa"')}` }));
    await textOf(await send(app, json, aFeedOf(fine), FEED), 201);
  });

  it('has left the server well', async () => {
    await allIsWell();
    expect(heard).to.deep.equal([]);
    await textOf(await app.request('/readyz'), 200);
  });
});
