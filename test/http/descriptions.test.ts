import { Parser } from '@asyncapi/parser';
import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';

interface AsyncApi {
  readonly info: { version: string };
  readonly servers: Record<string, { host: string; pathname?: string; protocol: string }>;
  readonly channels: Record<
    string,
    { address: string; title: string; messages: Record<string, { payload: { externalDocs: { url: string } } }> }
  >;
  readonly operations: Record<string, { messages: { $ref: string }[] }>;
  readonly components: { schemas: Record<string, { schema: unknown }> };
}

/** Of the parser's severities that of a mistake. */
const ERROR = 0;

describe('the descriptions of the API and of the feeds', () => {
  let app: TestApp;

  before(async () => {
    app = await startApp({ env: { PUBLIC_URL: 'https://events.example.com/base' } });
    await app.feed('orders', { public: true, title: 'Orders & more' });
    await app.feed('secret');
  });
  after(() => app.stop());

  const asyncApi = async (anonymous: boolean): Promise<AsyncApi> => {
    const response = await app.request('/asyncapi.json', { anonymous });
    expect([response.status, response.headers.get('content-type')]).to.deep.equal([200, 'application/json']);
    return (await response.json()) as AsyncApi;
  };
  const messagesOf = ({ operations }: AsyncApi, operation: string): string[] =>
    operations[operation]!.messages.map(({ $ref }) => $ref.slice($ref.lastIndexOf('/') + 1));
  const errorsIn = async (document: AsyncApi): Promise<string[]> => {
    const { diagnostics } = await new Parser().parse(JSON.stringify(document));
    return diagnostics
      .filter(({ severity }: { severity: number }) => severity === ERROR)
      .map(({ message, path }) => `${path.join('/')}: ${message}`);
  };
  const addContract = async (path: string, type: string, body: string): Promise<void> => {
    const response = await app.request(`/admin${path}/schemas`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    });
    if (response.status !== 201) throw new Error(`${String(response.status)} ${await response.text()}`);
  };

  it('are for anyone, name the public URL and the version, and say that they may change', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    const response = await app.request('/openapi.json', { anonymous: true });
    expect([response.status, response.headers.get('content-type')]).to.deep.equal([200, 'application/json']);
    const openApi = (await response.json()) as { openapi: string; info: { version: string }; servers: unknown };
    expect(openApi.openapi).to.match(/^3\.1\./);
    expect(openApi.info.version).to.equal(version);
    expect(openApi.servers).to.deep.equal([{ url: 'https://events.example.com/base' }]);
    const described = await asyncApi(true);
    expect(described.info.version).to.equal(version);
    expect(described.servers).to.deep.equal({
      millrace: { host: 'events.example.com', pathname: '/base', protocol: 'https' },
    });
    for (const path of ['/openapi.json', '/asyncapi.json']) {
      const anyone = await app.request(path, { anonymous: true });
      expect(anyone.headers.get('cache-control')).to.equal('public, no-cache');
      expect((await app.request(path)).headers.get('cache-control')).to.equal('private, no-cache');
    }
  });

  it('are not sent again to who has them', async () => {
    for (const path of ['/openapi.json', '/asyncapi.json']) {
      const etag = (await app.request(path)).headers.get('etag')!;
      const again = await app.request(path, { headers: { 'if-none-match': etag } });
      expect([again.status, await again.text(), again.headers.get('etag')]).to.deep.equal([304, '', etag]);
      const other = await app.request(path, { headers: { 'if-none-match': '"other"' } });
      expect(other.status).to.equal(200);
    }
  });

  it('have HEAD and OPTIONS, and refuse a wrong token and other methods', async () => {
    for (const path of ['/openapi.json', '/asyncapi.json']) {
      const head = await app.request(path, { method: 'HEAD' });
      expect([head.status, await head.text()]).to.deep.equal([200, '']);
      expect((await app.request(path, { method: 'OPTIONS' })).headers.get('allow')).to.equal('GET, HEAD, OPTIONS');
      expect((await app.request(path, { method: 'POST' })).status).to.equal(405);
      expect((await app.request(path, { headers: { authorization: 'Bearer wrong' } })).status).to.equal(401);
    }
  });

  it('name every feed to who may see all, and what is public only to who shows no token', async () => {
    const addresses = async (anonymous: boolean): Promise<string[]> =>
      Object.values((await asyncApi(anonymous)).channels).map(({ address }) => address);
    expect(await addresses(false)).to.deep.equal([
      '/feeds/demo/events',
      '/feeds/shop/orders',
      '/feeds/shop/secret',
      '/feeds/system/audit',
    ]);
    expect(await addresses(true)).to.deep.equal(['/feeds/demo/events', '/feeds/shop/orders']);
    expect((await asyncApi(true)).channels['shop.orders']!.title).to.equal('Orders & more');
  });

  it('have another ETag once there is another feed', async () => {
    const etag = (await app.request('/asyncapi.json')).headers.get('etag')!;
    await app.feed('another');
    const response = await app.request('/asyncapi.json', { headers: { 'if-none-match': etag } });
    expect(response.status).to.equal(200);
    expect(await response.text()).to.include('/feeds/shop/another');
  });

  it('hold the contracts of the feeds, and pass the parser with them', async () => {
    const json = await app.feed('json', { public: true, compatibility: 'none' });
    const xml = await app.feed('xml', { public: true, compatibility: 'none' });
    await addContract(
      json,
      'application/schema+json',
      JSON.stringify({
        $schema: 'http://json-schema.org/draft-07/schema#',
        type: 'object',
        definitions: { sku: { type: 'string' } },
        properties: { sku: { $ref: '#/definitions/sku' } },
      }),
    );
    await addContract(
      json,
      'application/schema+json',
      '{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","required":["sku"]}',
    );
    await addContract(
      xml,
      'application/xml',
      '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="event"/></xs:schema>',
    );
    await addContract(
      xml,
      'application/xml',
      '<element xmlns="http://relaxng.org/ns/structure/1.0" name="event"><empty/></element>',
    );
    const document = await asyncApi(true);
    expect(await errorsIn(document)).to.deep.equal([]);
    expect(messagesOf(document, 'publish.shop.json')).to.deep.equal(['publish.v1', 'publish.v2']);
    expect(messagesOf(document, 'read.shop.json')).to.deep.equal(['read.v1', 'read.v2']);
    expect(document.components.schemas['shop.json.v2']!.schema).to.include({ type: 'object' });
    const { messages } = document.channels['shop.xml']!;
    const urls = [1, 2].map((n) => `https://events.example.com/base/feeds/shop/xml/schemas/${String(n)}`);
    for (const operation of ['publish.shop.xml', 'read.shop.xml']) {
      const names = messagesOf(document, operation);
      expect(names.map((name) => messages[name]!.payload.externalDocs.url)).to.deep.equal(urls);
    }
  });

  it('have what is retired among what is read only', async () => {
    const path = await app.feed('retired', { public: true, compatibility: 'none' });
    for (const title of ['one', 'two']) {
      await addContract(path, 'application/schema+json', JSON.stringify({ title }));
    }
    const retire = async (version: number): Promise<void> => {
      const response = await app.request(`/admin${path}/schemas/${String(version)}`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: '{"retired":true}',
      });
      expect(response.status).to.equal(200);
    };
    await retire(1);
    const document = await asyncApi(true);
    expect(await errorsIn(document)).to.deep.equal([]);
    expect(messagesOf(document, 'publish.shop.retired')).to.deep.equal(['publish.v2']);
    expect(messagesOf(document, 'read.shop.retired')).to.deep.equal(['read.v1', 'read.v2']);
    expect(document.components.schemas).not.to.have.property('shop.retired.v1');
    await retire(2);
    const free = await asyncApi(true);
    expect(messagesOf(free, 'publish.shop.retired')).to.deep.equal(['entry']);
    expect(messagesOf(free, 'read.shop.retired')).to.deep.equal(['entry', 'read.v1', 'read.v2']);
  });

  it('hold as much of the schemas as there is room for, and link to the others', async () => {
    const large = (letter: string): string => JSON.stringify({ description: letter.repeat(900_000) });
    for (const letter of ['a', 'b', 'c', 'd', 'e', 'f']) {
      await addContract(
        await app.feed(`large-${letter}`, { public: true, compatibility: 'none' }),
        'application/schema+json',
        large(letter),
      );
    }
    const { channels, components } = await asyncApi(true);
    const held = Object.keys(components.schemas).filter((name) => name.includes('.large-'));
    expect(held).to.have.length(4);
    expect(channels['shop.large-f']!.messages['publish.v1']!.payload.externalDocs.url).to.match(
      /\/large-f\/schemas\/1$/,
    );
  });
});
