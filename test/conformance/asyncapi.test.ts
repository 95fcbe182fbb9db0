import { Parser } from '@asyncapi/parser';
import type { AsyncAPIDocumentInterface, MessageInterface } from '@asyncapi/parser';
import { expect } from 'chai';
import type { ContractKind } from '../../src/core/contract.js';
import { urlsFrom } from '../../src/core/urls.js';
import { asyncApi, channelKey, describedVersion } from '../../src/formats/asyncapi.js';
import type { DescribedFeed, DescribedVersion } from '../../src/formats/asyncapi.js';

const DRAFT_07 = 'http://json-schema.org/draft-07/schema#';
const DRAFT_2020 = 'https://json-schema.org/draft/2020-12/schema';

type Tree = Record<string, Record<string, Record<string, object>>>;
interface Payload {
  readonly schemaFormat: string;
  readonly externalDocs: { readonly url: string };
  readonly schema: { readonly properties: Record<string, { minLength?: number; properties: Tree; allOf: object[] }> };
}

/** Of the parser's severities that of a mistake. */
const ERROR = 0;

describe('AsyncAPI 3.0', () => {
  const urls = urlsFrom('https://events.example.com/base/');

  const aFeed = (name: string, versions: readonly DescribedVersion[] = [], workspace = 'shop'): DescribedFeed => ({
    workspace,
    name,
    title: `The ${name}`,
    public: true,
    versions,
  });
  const json = (
    version: number,
    schema: unknown,
    imports: Record<string, unknown> = {},
    room = 1_000_000,
  ): DescribedVersion =>
    describedVersion(
      { version, kind: 'json-schema', retired: false },
      {
        schema: JSON.stringify(schema),
        imports: Object.fromEntries(Object.entries(imports).map(([name, one]) => [name, JSON.stringify(one)])),
      },
      room,
    );
  const xml = (version: number, kind: 'xsd' | 'relax-ng'): DescribedVersion =>
    describedVersion(
      { version, kind, retired: false },
      { schema: '<schema/>', imports: { 'a.xsd': '<schema/>' } },
      1_000_000,
    );
  const retired = (version: DescribedVersion): DescribedVersion =>
    describedVersion({ ...version, retired: true }, undefined, 0);

  /** What the official parser makes of the document as it is sent; it must find nothing wrong with it. */
  async function parsed(feeds: readonly DescribedFeed[]): Promise<AsyncAPIDocumentInterface> {
    const text = await asyncApi(oneByOne(feeds), urls, '1.2.3');
    const { document, diagnostics } = await new Parser().parse(text);
    const errors = diagnostics
      .filter(({ severity }: { severity: number }) => severity === ERROR)
      .map(({ message, path }) => `${path.join('/')}: ${message}`);
    expect(errors).to.deep.equal([]);
    if (document === undefined) throw new Error('the parser gave no document');
    return document;
  }
  const operationsIn = (document: AsyncAPIDocumentInterface): { id: string; messages: MessageInterface[] }[] =>
    document
      .operations()
      .all()
      .map((one) => ({ id: one.id()!, messages: one.messages().all() }));
  const payloadOf = async (version: DescribedVersion): Promise<Payload> =>
    (await parsed([aFeed('orders', [version])])).allMessages().all()[0]!.payload()!.json<Payload>();

  it('is what a server without feeds serves', async () => {
    const document = await parsed([]);
    expect(document.version()).to.equal('3.0.0');
    expect(document.info().version()).to.equal('1.2.3');
    const [server] = document.servers().all();
    expect([server!.host(), server!.pathname(), server!.protocol()]).to.deep.equal([
      'events.example.com',
      '/base',
      'https',
    ]);
  });

  it('describes each feed as a channel that is published to and read from', async () => {
    const document = await parsed([aFeed('orders'), { ...aFeed('plans'), public: false }]);
    const channels = document.channels().all();
    expect(channels.map((channel) => [channel.id(), channel.address()])).to.deep.equal([
      ['shop.orders', '/feeds/shop/orders'],
      ['shop.plans', '/feeds/shop/plans'],
    ]);
    const operations = document.operations().all();
    expect(
      operations.map((one) => [one.id(), one.action(), one.channels().all()[0]!.id(), one.security().length]),
    ).to.deep.equal([
      ['publish.shop.orders', 'send', 'shop.orders', 1],
      ['read.shop.orders', 'receive', 'shop.orders', 0],
      ['publish.shop.plans', 'send', 'shop.plans', 1],
      ['read.shop.plans', 'receive', 'shop.plans', 1],
    ]);
    expect(operations.map((one) => one.bindings().get('http')!.value().method)).to.deep.equal([
      'POST',
      'GET',
      'POST',
      'GET',
    ]);
  });

  it('describes a feed without a contract by Atom entries', async () => {
    const document = await parsed([aFeed('orders')]);
    const [message] = document.allMessages().all();
    expect([message!.id(), message!.contentType()]).to.deep.equal(['entry', 'application/atom+xml;type=entry']);
  });

  it('has messages for each version, which link to its schema', async () => {
    const document = await parsed([
      aFeed('orders', [json(2, { type: 'object' }), json(3, true)]),
      aFeed('usage', [xml(1, 'xsd'), xml(2, 'relax-ng')]),
    ]);
    const messages = document
      .operations()
      .all()
      .map((operation) => operation.messages().all());
    const orders = 'https://events.example.com/base/feeds/shop/orders/schemas';
    const usage = 'https://events.example.com/base/feeds/shop/usage/schemas';
    expect(
      messages.map((all) => all.map((one) => [one.id(), one.contentType(), one.externalDocs()!.url()])),
    ).to.deep.equal([
      [
        ['publish.v2', 'application/json', `${orders}/2`],
        ['publish.v3', 'application/json', `${orders}/3`],
      ],
      [
        ['read.v2', 'application/json', `${orders}/2`],
        ['read.v3', 'application/json', `${orders}/3`],
      ],
      [
        ['publish.v1', 'application/xml', `${usage}/1`],
        ['publish.v2', 'application/xml', `${usage}/2`],
      ],
      [
        ['read.v1', 'application/xml', `${usage}/1`],
        ['read.v2', 'application/xml', `${usage}/2`],
      ],
    ]);
  });

  it('asks for the attributes of an event where a bare payload is published, and not where one is read', async () => {
    const document = await parsed([aFeed('orders', [json(1, { type: 'object' })])]);
    const headers = operationsIn(document).map(({ messages: [message] }) =>
      message!.headers()?.json<{ required: string[]; properties: object }>(),
    );
    expect(headers[0]!.required).to.deep.equal(['ce-specversion', 'ce-id', 'ce-source', 'ce-type']);
    expect(headers[0]!.properties).to.include.keys(...headers[0]!.required, 'ce-dataschema');
    expect(headers[1]).to.equal(undefined);
  });

  it('has what is retired among what is read only, and links to it', async () => {
    const document = await parsed([aFeed('orders', [retired(json(1, { type: 'object' })), json(2, true)])]);
    expect(operationsIn(document).map(({ id, messages }) => [id, messages.map((one) => one.id())])).to.deep.equal([
      ['publish.shop.orders', ['publish.v2']],
      ['read.shop.orders', ['read.v1', 'read.v2']],
    ]);
    const [old] = operationsIn(document)[1]!.messages;
    expect(old!.title()).to.equal('The orders, version 1 (retired)');
  });

  it('tells of a feed whose versions are all retired that none is in force', async () => {
    const document = await parsed([aFeed('orders', [retired(json(1, {})), retired(xml(2, 'xsd'))])]);
    expect(operationsIn(document).map(({ id, messages }) => [id, messages.map((one) => one.id())])).to.deep.equal([
      ['publish.shop.orders', ['entry']],
      ['read.shop.orders', ['entry', 'read.v1', 'read.v2']],
    ]);
    const { description } = operationsIn(document)[0]!.messages[0]!.payload()!.json<{ description: string }>();
    expect(description).to.include('No contract is in force');
  });

  it('holds a JSON Schema under the name of its draft', async () => {
    const old = await payloadOf(json(1, { $schema: DRAFT_07, type: 'object', required: ['sku'] }));
    expect(old.schemaFormat).to.equal('application/schema+json;version=draft-07');
    expect(old.schema).to.include({ $schema: DRAFT_07, type: 'object' });
    for (const schema of [{ $schema: DRAFT_2020, type: 'object' }, { type: 'object' }, true]) {
      const { schemaFormat } = await payloadOf(json(1, schema));
      expect(schemaFormat).to.equal('application/schema+json;version=2020-12');
    }
  });

  it('keeps what a schema refers to, in itself and in its imports', async () => {
    for (const $schema of [DRAFT_07, DRAFT_2020]) {
      const line = { $schema, definitions: { sku: { type: 'string', maxLength: 9 } }, $ref: '#/definitions/sku' };
      const schema = {
        $schema,
        $id: 'https://example.com/schemas/order.json',
        definitions: {
          node: { type: 'object', properties: { next: { $ref: '#/definitions/node' } } },
          'a/b c': { type: 'number' },
        },
        properties: {
          tree: { $ref: '#/definitions/node' },
          whole: { $ref: '#' },
          escaped: { $ref: '#/definitions/a~1b%20c' },
          again: { $ref: 'order.json#/definitions/node' },
          root: { $ref: 'line.json' },
          line: { $ref: 'line.json#/definitions/sku' },
          same: { $ref: 'https://example.com/schemas/line.json#/definitions/sku' },
        },
      };
      const imports = { 'line.json': { $id: 'https://example.com/schemas/line.json', ...line } };
      const { properties } = (await payloadOf(json(1, schema, imports))).schema;
      expect(properties['tree']!.properties.next).to.include({ type: 'object' });
      expect(properties['whole']!.properties).to.have.all.keys(Object.keys(schema.properties));
      expect(properties['escaped']).to.include({ type: 'number' });
      expect(properties['again']!.properties).to.have.property('next');
      for (const one of [properties['line'], properties['same'], properties['root']!.allOf[0]]) {
        expect(one, $schema).to.include({ type: 'string', maxLength: 9 });
      }
    }
  });

  it('keeps what stands beside a reference where the draft gives it a meaning', async () => {
    const schema = { $defs: { text: { type: 'string' } }, properties: { a: { $ref: '#/$defs/text', minLength: 3 } } };
    const { properties } = (await payloadOf(json(1, schema))).schema;
    expect(properties['a']!.minLength).to.equal(3);
    expect(properties['a']!.allOf[0]).to.include({ type: 'string' });
  });

  it('links to a schema that cannot stand in the document, or has no room in it', async () => {
    const linked: Record<string, DescribedVersion> = {
      'refers to an anchor': json(1, { $defs: { a: { $anchor: 'a' } }, $ref: '#a' }),
      'refers to what stands beside a reference': json(1, {
        $schema: DRAFT_07,
        $ref: '#/definitions/a',
        definitions: {
          a: { $ref: '#/definitions/b', properties: { c: {} } },
          b: { not: { $ref: '#/definitions/a/properties/c' } },
        },
      }),
      'refers by a dynamic anchor': json(1, {
        $dynamicAnchor: 'node',
        properties: { next: { $dynamicRef: '#node' } },
      }),
      'refers dynamically to a place': json(1, { $defs: { a: {} }, $dynamicRef: '#/$defs/a' }),
      'refers recursively': json(1, { properties: { next: { $recursiveRef: '#' } } }),
      'refers to nothing that is there': json(1, { $ref: '#/$defs/a' }),
      'has a resource inside': json(1, { $defs: { a: { $id: 'a.json', type: 'string' } } }),
      'has a property of the name $ref': json(1, { properties: { $ref: { type: 'string' } } }),
      'has a $ref in an example': json(1, { examples: [{ $ref: 'not-a-place' }] }),
      'is nested too deep': json(1, JSON.parse(`${'{"not":'.repeat(200)}{}${'}'.repeat(200)}`)),
      'is too large': json(1, { title: 'x'.repeat(100) }, {}, 100),
      'has imports that are too large': json(1, {}, { a: { title: 'x'.repeat(100) } }, 100),
    };
    const document = await parsed(Object.values(linked).map((version, index) => aFeed(String(index), [version])));
    const messages = operationsIn(document).flatMap((one) => (one.id.startsWith('publish.') ? one.messages : []));
    expect(messages).to.have.length(Object.keys(linked).length);
    for (const [index, why] of Object.keys(linked).entries()) {
      const payload = messages[index]!.payload()!.json<Payload>();
      const url = `https://events.example.com/base/feeds/shop/${String(index)}/schemas/1`;
      expect(payload.externalDocs.url, why).to.equal(url);
      expect(payload, why).not.to.have.property('schema');
    }
  });

  it('counts against the room only what it holds', () => {
    const characters = (kind: ContractKind, schema: string, room: number): number =>
      describedVersion({ version: 1, kind, retired: false }, { schema, imports: { a: 'true' } }, room).characters;
    expect(characters('json-schema', '{}', 6)).to.equal(6);
    expect(characters('json-schema', '{}', 5)).to.equal(0);
    expect(characters('xsd', '<a/>', 100)).to.equal(0);
    expect(describedVersion({ version: 1, kind: 'json-schema', retired: false }, undefined, 100).characters).to.equal(
      0,
    );
  });

  it('has a key of its own for every legal name', async () => {
    const names = ['c', 'b.c', 'b~c', 'b_c', 'b-c', 'x-c', '0'];
    const feeds = names.flatMap((workspace) => names.map((name) => aFeed(name, [json(1, {})], workspace)));
    feeds.push(aFeed('c', [], 'a.b'), aFeed('b.c', [], 'a'), aFeed('B.c', [], 'a'));
    const keys = feeds.map(channelKey);
    expect(new Set(keys).size).to.equal(feeds.length);
    for (const key of keys) expect(key).to.match(/^[A-Za-z0-9._-]+$/);
    const document = await parsed(feeds);
    expect(
      document
        .channels()
        .all()
        .map((channel) => channel.address()),
    ).to.deep.equal(feeds.map(({ workspace, name }) => `/feeds/${workspace}/${name}`));
  });

  it('takes less than two kilobytes for a feed', async () => {
    const feeds = Array.from({ length: 1_000 }, (_, index) => aFeed(`orders-${String(index)}`, [json(1, {})]));
    expect((await asyncApi(oneByOne(feeds), urls, '1')).length).to.be.below(2_000 * feeds.length);
  });
});

async function* oneByOne(feeds: readonly DescribedFeed[]): AsyncGenerator<DescribedFeed> {
  yield* feeds;
}
