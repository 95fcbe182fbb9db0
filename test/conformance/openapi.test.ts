import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { Validator } from '@seriousme/openapi-schema-validator';
import { buildApp } from '../../src/app.js';
import { urlsFrom } from '../../src/core/urls.js';
import { FORMAT_NAMES, PUBLISHED_TYPES } from '../../src/formats/media-types.js';
import { openApi } from '../../src/formats/openapi.js';
import { PROBLEMS } from '../../src/http/problems.js';
import type { Services } from '../../src/http/services.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry } from '../support/build.js';
import { jsonEntry } from '../support/contracts.js';
import { publish } from '../support/publish.js';

interface Media {
  readonly schema?: object;
}
interface Answer {
  readonly description: string;
  readonly headers?: Record<string, unknown>;
  readonly content?: Record<string, Media>;
}
interface Operation {
  readonly responses: Record<string, Answer | { $ref: string }>;
  readonly requestBody?: { content: Record<string, Media> };
  readonly parameters?: readonly { $ref?: string }[];
}
interface Description {
  readonly info: { version: string };
  readonly servers: readonly { url: string }[];
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    responses: Record<string, Answer>;
    schemas: Record<string, object>;
    parameters: Record<string, { schema: { enum: string[] } }>;
  };
}

/** Of Express' router what there is to see of its routes. */
interface Layer {
  readonly handle: { stack?: readonly Layer[] };
  readonly route?: { path: string; methods: Record<string, boolean> };
}

const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

/** What an answer tells in its head, of which the description has to speak too. */
const TELLING = [
  ...['accept', 'accept-encoding', 'accept-patch', 'accept-post', 'allow', 'content-location', 'etag', 'link'],
  ...['idempotent-replayed', 'location', 'millrace-gap', 'retry-after', 'www-authenticate', 'x-request-id'],
];

describe('OpenAPI 3.1', () => {
  let yaml: string;
  let api: Description;

  before(async () => {
    yaml = await readFile(new URL('../../schemas/openapi.yaml', import.meta.url), 'utf8');
    api = openApi(yaml, { url: 'https://events.example.com', version: '1.2.3' }) as Description;
  });

  const operations = (): { path: string; method: string; operation: Operation }[] =>
    Object.entries(api.paths).flatMap(([path, item]) =>
      METHODS.flatMap((method) => (item[method] === undefined ? [] : [{ path, method, operation: item[method] }])),
    );
  const answerOf = (answer: Answer | { $ref: string }): Answer =>
    '$ref' in answer ? api.components.responses[answer.$ref.replace('#/components/responses/', '')]! : answer;

  it('is what the document is valid by', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(JSON.parse(JSON.stringify(api)));
    expect(errors ?? []).to.deep.equal([]);
    expect([valid, validator.version]).to.deep.equal([true, '3.1']);
    expect(api.info.version).to.equal('1.2.3');
    expect(api.servers).to.deep.equal([{ url: 'https://events.example.com' }]);
  });

  it('finds everything that the document refers to in itself', () => {
    const references: string[] = [];
    JSON.stringify(api, (name, value: unknown) => {
      if (name === '$ref') references.push(String(value));
      return value;
    });
    expect(references).to.have.length.above(100);
    for (const reference of references) {
      expect(reference).to.match(/^#\//);
      const parts = reference.slice(2).split('/');
      const target = parts.reduce<unknown>(
        (value, part) => (value as Record<string, unknown> | undefined)?.[part],
        api,
      );
      expect(target, reference).not.to.equal(undefined);
    }
  });

  it('names each operation once', () => {
    const ids = operations().map(({ operation }) => (operation as { operationId?: string }).operationId);
    expect(ids).not.to.include(undefined);
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it('uses every component that it has', () => {
    const text = JSON.stringify(api);
    for (const [kind, components] of Object.entries(api.components)) {
      if (kind === 'securitySchemes') continue;
      for (const name of Object.keys(components)) expect(text).to.include(`"#/components/${kind}/${name}`);
    }
  });

  it('has an operation for each route of the app, and the app a route for each operation', () => {
    const parts = { urls: urlsFrom('http://127.0.0.1:8080'), corsOrigins: [], logger: createLogger('silent') };
    const { router } = buildApp(parts as unknown as Services).express;
    const routes = routesOf(router as unknown as { stack: readonly Layer[] });
    const served = routes.filter(({ method }) => method !== '_all').map(({ path, method }) => `${method} ${path}`);
    const described = operations().map(({ path, method }) => `${method} ${path}`);
    const missing = served.filter((route) => !described.includes(route));
    expect(missing, 'routes that schemas/openapi.yaml does not describe').to.deep.equal([]);
    const gone = described.filter((operation) => !served.includes(operation));
    expect(gone, 'operations in schemas/openapi.yaml that are no routes').to.deep.equal([]);

    const answered = new Set(routes.filter(({ method }) => method === '_all').map(({ path }) => path));
    const mute = Object.keys(api.paths).filter((path) => !answered.has(path));
    expect(mute, 'paths without addOtherMethods: they would answer 404 to OPTIONS').to.deep.equal([]);
  });

  it('tells of each kind of problem with its status', () => {
    for (const [code, { status }] of Object.entries(PROBLEMS)) {
      // There are no roles yet that could lack a right.
      if (code === 'forbidden') continue;
      const told = Object.values(api.components.responses).filter(({ description }) =>
        description.includes(`\`${code}\``),
      );
      expect(told, `responses that tell of ${code}`).to.have.length.above(0);
      const used = operations().some(({ operation }) => {
        const answer = operation.responses[String(status)];
        return answer !== undefined && told.includes(answerOf(answer));
      });
      expect(used, `an operation that is answered ${String(status)} ${code}`).to.equal(true);
    }
  });

  it('says of each operation that is counted that it may be too much', () => {
    for (const { path, method, operation } of operations()) {
      const isCounted = !['/healthz', '/readyz', '/metrics'].includes(path);
      expect('429' in operation.responses, `${method} ${path} tells of 429`).to.equal(isCounted);
    }
  });

  it('offers the representations that there are', () => {
    expect(api.components.parameters['PageFormat']!.schema.enum).to.deep.equal(FORMAT_NAMES);
    const body = api.paths['/feeds/{workspace}/{feed}']!['post']!.requestBody!;
    expect(Object.keys(body.content)).to.have.members([...PUBLISHED_TYPES, '*/*']);
  });

  describe('and what the server does', () => {
    let app: TestApp;
    let feed: string;
    const ajv = new Ajv2020({ strict: false, validateFormats: false });

    before(async () => {
      ajv.addSchema(api, 'api');
      app = await startApp();
      feed = await app.feed('orders', { public: true });
      await app.feed('drafts', { editable: true });
    });
    after(() => app.stop());

    /** Asks, and finds the answer in the document: its status, its media type, and for JSON its schema. */
    async function described(method: string, url: string, init: RequestInit = {}): Promise<Response> {
      const response = await app.request(url, { method: method.toUpperCase(), ...init });
      const [pathname = ''] = url.split('?');
      const path = Object.keys(api.paths).find((one) =>
        new RegExp(`^${one.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(pathname),
      )!;
      const what = `${method} ${url}: ${String(response.status)}`;
      const place = ['paths', path, method, 'responses', String(response.status)];
      const found = api.paths[path]?.[method]?.responses[String(response.status)];
      expect(found, `${what}, which ${path} does not list`).not.to.equal(undefined);
      const { content = {}, headers = {} } = answerOf(found!);
      const told = TELLING.filter((name) => response.headers.has(name));
      expect(
        Object.keys(headers).map((name) => name.toLowerCase()),
        what,
      ).to.include.members(told);
      const type = response.headers.get('content-type');
      if (type === null) {
        expect(content, what).to.deep.equal({});
        return response;
      }
      const listed = Object.keys(content).find((one) => type === one || type.startsWith(`${one};`));
      expect(listed, `${what} ${type}, of which ${path} lists ${Object.keys(content).join(', ')}`).not.to.equal(
        undefined,
      );
      if (!/[/+]json$/.test(type)) return response;
      const from = '$ref' in found! ? found.$ref.slice(2).split('/') : place;
      const pointer = [...from, 'content', listed!, 'schema'].map((part) =>
        encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')),
      );
      const validate = ajv.compile({ $ref: `api#/${pointer.join('/')}` });
      expect(validate(await response.clone().json()), `${what} ${ajv.errorsText(validate.errors)}`).to.equal(true);
      return response;
    }

    const sent = (type: string, body: string): RequestInit => ({ headers: { 'content-type': type }, body });
    const accepting = (accept: string): RequestInit => ({ headers: { accept } });

    it('agree on reading, in every representation', async () => {
      const id = encodeURIComponent(await publish(app, feed));
      for (const url of ['/', '/feeds', '/feeds/shop', feed, `${feed}/entries/${id}`, `${feed}/categories`]) {
        await described('get', url);
        for (const format of ['atom', 'json', 'cloudfeeds', 'html', 'nonsense']) {
          await described('get', `${url}?format=${format}`);
        }
        await described('get', url, accepting('image/png'));
        await described('get', url, { headers: { authorization: 'Bearer wrong' } });
        const { headers } = await described('get', url);
        await described('get', url, { headers: { 'if-none-match': headers.get('etag')! } });
        await described('get', url, { headers: { 'if-match': '"other"' } });
      }
      for (const format of FORMAT_NAMES) await described('get', `${feed}?format=${format}`);
      for (const query of ['limit=0', 'marker=urn:x', 'marker=999', 'search=x', 'direction=up']) {
        await described('get', `${feed}?${query}`);
      }
      for (const url of ['/feeds/nowhere', '/feeds/shop/nothing', `${feed}/entries/nothing`]) {
        expect((await described('get', url)).status).to.equal(404);
      }
      for (const n of ['1', '2', '0']) await described('get', `${feed}/archive/${n}`);
    });

    it('agree on publishing', async () => {
      const atom = 'application/atom+xml';
      expect((await described('post', feed, sent(atom, anEntry()))).status).to.equal(201);
      const event = JSON.stringify({ specversion: '1.0', id: '1', source: '/x', type: 't' });
      expect((await described('post', feed, sent('application/cloudevents+json', event))).status).to.equal(201);
      const batch = sent('application/cloudevents-batch+json', `[${event}]`);
      expect((await described('post', feed, batch)).status).to.equal(201);
      expect((await described('post', feed, sent(atom, '<entry'))).status).to.equal(400);
      expect((await described('post', feed, sent(atom, '<a/>'))).status).to.equal(422);
      expect((await described('post', feed, sent('image/png', 'x'))).status).to.equal(415);
      expect((await described('post', feed, sent(atom, ' '.repeat(3_000_000)))).status).to.equal(413);
      await publish(app, feed, { id: 'urn:x:taken' });
      const other = anEntry({ id: 'urn:x:taken', title: 'other' });
      expect((await described('post', feed, sent(atom, other))).status).to.equal(409);
    });

    it('agree on changing and deleting', async () => {
      const editable = '/feeds/shop/drafts';
      const url = `${editable}/entries/${encodeURIComponent(await publish(app, editable, { id: 'urn:x:draft' }))}`;
      const next = sent('application/atom+xml', anEntry({ id: 'urn:x:draft', title: 'next' }));
      expect((await described('put', url, next)).status).to.equal(428);
      const put = (match: string, query = ''): Promise<Response> =>
        described('put', url + query, { ...next, headers: { ...next.headers, 'if-match': match } });
      expect((await put('"other"')).status).to.equal(412);
      const dryRun = await put('*', '?dry-run=true');
      expect([dryRun.status, dryRun.headers.get('etag')]).to.deep.equal([200, null]);
      expect((await put('*')).status).to.equal(200);
      const picture = { headers: { 'content-type': 'image/png', 'if-match': '*' }, body: 'x' };
      expect((await described('put', url, picture)).status).to.equal(415);
      expect((await described('delete', `${url}?dry-run=true`)).status).to.equal(400);
      expect((await described('delete', url)).status).to.equal(204);
      expect((await described('get', url)).status).to.equal(410);
      const fact = `${feed}/entries/${encodeURIComponent(await publish(app, feed))}`;
      for (const method of ['put', 'delete']) expect((await described(method, fact, next)).status).to.equal(405);
    });

    it('agree on administration', async () => {
      const json = 'application/json';
      expect((await described('put', '/admin/workspaces/ops', sent(json, '{"title":"Ops"}'))).status).to.equal(201);
      expect((await described('put', '/admin/workspaces/ops', sent(json, '{}'))).status).to.equal(200);
      expect((await described('put', '/admin/feeds/ops/log', sent(json, '{"keepDays":3}'))).status).to.equal(201);
      expect((await described('put', '/admin/feeds/ops/log', sent(json, '{"keepDays":0}'))).status).to.equal(422);
      expect((await described('put', '/admin/feeds/ops/log', sent(json, '{'))).status).to.equal(400);
      expect((await described('put', '/admin/feeds/none/log', sent(json, '{}'))).status).to.equal(404);
      expect((await described('put', '/admin/feeds/ops/log', sent('text/plain', '{}'))).status).to.equal(415);
      const asking = (match: Record<string, string>): RequestInit => ({
        headers: { 'content-type': json, ...match },
        body: '{}',
      });
      for (const url of ['/admin/workspaces/ops', '/admin/feeds/ops/log']) {
        expect((await described('put', url, asking({ 'if-none-match': '*' }))).status).to.equal(412);
        expect((await described('put', `${url}2`, asking({ 'if-match': '*' }))).status).to.equal(412);
        for (const method of ['put', 'delete']) {
          expect((await described(method, url, asking({ 'if-match': '"1"' }))).status).to.equal(412);
        }
      }
      for (const url of ['/admin/workspaces', '/admin/workspaces/ops', '/admin/feeds', '/admin/feeds/ops/log']) {
        expect((await described('get', url)).status).to.equal(200);
        expect((await described('get', url, { headers: { authorization: 'none' } })).status).to.equal(401);
      }
      expect((await described('delete', '/admin/workspaces/ops')).status).to.equal(409);
      expect((await described('delete', '/admin/feeds/ops/log')).status).to.equal(400);
      const deletion = '/admin/feeds/ops/log?confirm=ops/log';
      expect((await described('delete', deletion)).status).to.equal(204);
      expect((await described('put', '/admin/feeds/ops/log', sent(json, '{}'))).status).to.equal(409);
      expect((await described('get', '/admin/feeds?deleted=true')).status).to.equal(200);
      expect((await described('post', '/admin/feeds/ops/log/restore')).status).to.equal(200);
      expect((await described('post', '/admin/feeds/ops/other/restore')).status).to.equal(404);
      expect((await described('delete', `${deletion}&purge=true`)).status).to.equal(204);
      expect((await described('delete', '/admin/workspaces/ops')).status).to.equal(204);
      expect((await described('get', '/admin/workspaces/ops')).status).to.equal(404);
    });

    it('agree on named exports', async () => {
      const json = 'application/json';
      const url = '/admin/exports/nightly';
      expect((await described('put', url, sent(json, '{"feeds":["shop/*"]}'))).status).to.equal(201);
      expect((await described('put', url, sent(json, '{"feeds":["shop/orders"]}'))).status).to.equal(200);
      expect((await described('put', url, sent(json, '{"feeds":[]}'))).status).to.equal(422);
      await publish(app, feed);
      const batch = await described('get', '/export/nightly');
      expect(batch.headers.get('millrace-export-batch')).not.to.equal(null);
      const end = (await batch.text()).trimEnd().split('\n').at(-1)!;
      for (const path of ['/admin/exports', url]) expect((await described('get', path)).status).to.equal(200);
      expect((await described('post', '/export/nightly/ack', sent(json, end))).status).to.equal(200);
      expect((await described('post', '/export/nightly/ack', sent(json, '{"receipt":"r1"}'))).status).to.equal(400);
      expect((await described('get', url)).status).to.equal(200);
      expect((await described('get', '/export/nightly?limit=1')).status).to.equal(400);
      expect((await described('get', '/export/none')).status).to.equal(404);
      expect((await described('post', `${url}/reset`, sent(json, '{"to":"start"}'))).status).to.equal(200);
      expect((await described('post', '/export/nightly/ack', sent(json, end))).status).to.equal(200);
      expect((await described('delete', url, { headers: { 'if-match': '"1"' } })).status).to.equal(412);
      expect((await described('delete', url)).status).to.equal(204);
      expect((await described('get', url)).status).to.equal(404);
    });

    describe('agree on contracts', () => {
      const TYPES = {
        whole: 'application/json',
        named: 'application/vnd.millrace.contract+json',
        schema: 'application/schema+json',
        xml: 'application/xml',
        xmlText: 'text/xml',
      };
      const first = {
        kind: 'json-schema',
        schema: {
          type: 'object',
          properties: { order: { $ref: 'order.json' } },
          required: ['order'],
          additionalProperties: false,
        },
        imports: { 'order.json': { type: 'integer' } },
        assertions: [{ test: { properties: { order: { maximum: 9 } } }, message: 'at most 9' }],
        categories: [{ prefix: 'order', path: '/order' }],
        private: ['/order'],
        example: { order: 1 },
      };
      const { required: _required, ...second } = first.schema;
      const wider = JSON.stringify({ ...first, schema: second });
      const other = '{"type":"object","properties":{"order":{"type":"string"}},"additionalProperties":false}';
      const xsd =
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:import namespace="urn:a" schemaLocation="a.xsd"/>' +
        '<xs:element name="order"/></xs:schema>';
      const imported = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:a"/>';
      let json: string;
      let xml: string;

      before(async () => {
        json = await app.feed('json-contract', { public: true });
        xml = await app.feed('xml-contract', { public: true });
        const contract = JSON.stringify({ kind: 'xsd', schema: xsd, imports: { 'a.xsd': imported } });
        const url = `/admin${xml}/schemas`;
        expect((await described('post', url, sent(TYPES.whole, contract))).status).to.equal(201);
      });

      const statusOf = async (method: string, url: string, init?: RequestInit): Promise<number> =>
        (await described(method, url, init)).status;

      it('that are added', async () => {
        const url = `/admin${json}/schemas`;
        const contract = JSON.stringify(first);
        const added = await described('post', url, sent(TYPES.whole, contract));
        expect([added.status, added.headers.get('location')]).to.deep.equal([201, `${app.url}/admin${json}/schemas/1`]);
        expect(await statusOf('post', url, sent(TYPES.named, contract))).to.equal(200);
        expect(await statusOf('post', url, sent(TYPES.whole, wider))).to.equal(201);

        const dryRun = await described('post', `${url}?dry-run=true`, sent(TYPES.schema, other));
        expect(dryRun.status).to.equal(200);
        expect(await dryRun.json()).to.deep.include({ compatible: false, mode: 'backward', against: [2] });
        const full = `${url}?dry-run=true&compatibility=full-transitive`;
        expect(await statusOf('post', full, sent(TYPES.whole, contract))).to.equal(200);

        const broken = await described('post', url, sent(TYPES.schema, other));
        expect(broken.status).to.equal(409);
        expect(await broken.json()).to.include({ compatibility: 'backward' });
        for (const type of [TYPES.xml, TYPES.xmlText]) {
          expect(await statusOf('post', url, sent(type, xsd.replace(/<xs:import[^>]*>/, '')))).to.equal(409);
          expect(await statusOf('post', url, sent(type, '<schema/>'))).to.equal(422);
        }
        expect(await statusOf('post', url, sent(TYPES.schema, '{"type":"wrong"}'))).to.equal(422);
        expect(await statusOf('post', url, sent(TYPES.whole, '{"kind":"wrong"}'))).to.equal(422);
        expect(await statusOf('post', url, sent(TYPES.schema, '{'))).to.equal(400);
        expect(await statusOf('post', `${url}?dry-run=perhaps`, sent(TYPES.schema, '{}'))).to.equal(400);
        expect(await statusOf('post', `${url}?compatibility=full`, sent(TYPES.schema, '{}'))).to.equal(400);
        expect(await statusOf('post', url, sent(TYPES.schema, ' '.repeat(1_100_000)))).to.equal(413);
        const unsupported = await described('post', url, sent('text/plain', '{}'));
        expect(unsupported.status).to.equal(415);
        expect(unsupported.headers.get('accept-post')?.split(', ')).to.have.members(
          Object.keys(api.paths['/admin/feeds/{workspace}/{feed}/schemas']!['post']!.requestBody!.content),
        );
        const coded = sent(TYPES.schema, '{}');
        expect(
          await statusOf('post', url, { ...coded, headers: { ...coded.headers, 'content-encoding': 'gzip' } }),
        ).to.equal(415);
        expect(await statusOf('post', '/admin/feeds/shop/none/schemas', sent(TYPES.schema, '{}'))).to.equal(404);
      });

      it('that are shown to who administers, and retired', async () => {
        for (const feed of [json, xml]) {
          expect(await statusOf('get', `/admin${feed}/schemas`)).to.equal(200);
          const shown = await described('get', `/admin${feed}/schemas/1`);
          expect(await shown.json()).to.include({ version: 1, url: `${app.url}${feed}/schemas/1` });
          expect(await statusOf('get', `/admin${feed}/schemas/9`)).to.equal(404);
        }
        const url = `/admin${json}/schemas/1`;
        for (const type of ['application/json', 'application/merge-patch+json']) {
          for (const retired of [true, false]) {
            const patched = await described('patch', url, sent(type, JSON.stringify({ retired })));
            const body = (await patched.json()) as object;
            expect(patched.status).to.equal(200);
            expect(body).to.include({ state: retired ? 'retired' : 'accepted' });
          }
        }
        expect(await statusOf('patch', url, sent('application/json', '{}'))).to.equal(422);
        expect(await statusOf('patch', url, sent('application/json', '{'))).to.equal(400);
        expect(await statusOf('patch', `/admin${json}/schemas/9`, sent('application/json', '{}'))).to.equal(404);
        expect(await statusOf('patch', url, sent('application/json', ' '.repeat(70_000)))).to.equal(413);
        const match = { headers: { 'content-type': 'application/json', 'if-match': '"1"' }, body: '{"retired":true}' };
        expect(await statusOf('patch', url, match)).to.equal(412);
        const unsupported = await described('patch', url, sent('text/plain', '{}'));
        expect([unsupported.status, unsupported.headers.get('accept-patch')]).to.deep.equal([
          415,
          'application/json, application/merge-patch+json',
        ]);
      });

      it('that are read', async () => {
        for (const feed of [json, xml]) {
          const urls = [`${feed}/schemas`, `${feed}/schemas/1`, `${feed}/schemas/1/example`];
          urls.push(`${feed}/schemas/1/imports/${feed === json ? 'order.json' : 'a.xsd'}`);
          for (const url of urls) {
            const { status, headers } = await described('get', url);
            expect(status, url).to.equal(200);
            expect(await statusOf('get', url, { headers: { 'if-none-match': headers.get('etag')! } })).to.equal(304);
            expect(await statusOf('get', url, { headers: { 'if-match': '"other"' } })).to.equal(412);
            expect(await statusOf('get', url, { headers: { authorization: 'Bearer wrong' } })).to.equal(401);
            const picture = await statusOf('get', url, accepting('image/png'));
            const hasForms = /\/(?:1|example)$/.test(url);
            expect(picture, url).to.equal(hasForms ? 406 : 200);
          }
          for (const format of ['schema', 'contract', 'nonsense']) {
            const status = await statusOf('get', `${feed}/schemas/1?format=${format}`);
            expect(status).to.equal(format === 'nonsense' ? 400 : 200);
          }
          for (const accept of ['application/json', 'application/xml', TYPES.named, TYPES.schema]) {
            await described('get', `${feed}/schemas/1`, accepting(accept));
          }
          for (const format of ['atom', 'cloudfeeds', 'json', 'cloudevents']) {
            expect(await statusOf('get', `${feed}/schemas/1/example?format=${format}`), format).to.equal(200);
          }
          expect(await statusOf('get', `${feed}/schemas/1/example?format=html`)).to.equal(400);
          for (const url of [`${feed}/schemas/9`, `${feed}/schemas/9/example`, `${feed}/schemas/1/imports/none`]) {
            expect(await statusOf('get', url)).to.equal(404);
          }
        }
        const whole = await described('get', `${xml}/schemas/1`, accepting('application/json'));
        expect(whole.headers.get('content-type')).to.equal('application/vnd.millrace.contract+json');
        const bare = await described('get', `${json}/schemas/1`, accepting('application/json'));
        expect(bare.headers.get('content-type')).to.equal('application/schema+json');
      });

      it('that entries are checked against', async () => {
        const type = 'application/json';
        const good = sent(type, jsonEntry({ order: 2 }));
        expect(await statusOf('post', `${json}?dry-run=true`, good)).to.equal(200);
        expect(await statusOf('post', json, good)).to.equal(201);
        expect(await statusOf('post', json, sent(type, jsonEntry({ order: 'two' })))).to.equal(422);
        const atom = anEntry({ content: '<content type="application/json">{"order": "two"}</content>' });
        const refused = await described('post', json, sent('application/atom+xml', atom));
        const { errors } = (await refused.json()) as { errors: { path: string }[] };
        expect(errors.map(({ path }) => path)).to.deep.equal(['entry/content#/order']);
      });
    });

    it('agree on the rest', async () => {
      for (const url of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/asyncapi.json']) {
        expect((await described('get', url)).status).to.equal(200);
      }
    });

    it('agree on the methods of each path', async () => {
      for (const [path, item] of Object.entries(api.paths)) {
        // A contract has to be there for its version to have methods.
        const url = path
          .replace('{workspace}', 'shop')
          .replace('{feed}', 'drafts')
          .replaceAll(/\{\w+\}/g, '1');
        const response = await app.request(url, { method: 'OPTIONS' });
        const allowed = response.headers.get('allow')?.split(', ') ?? [];
        const methods = METHODS.filter((method) => item[method] !== undefined).map((method) => method.toUpperCase());
        const head = methods.includes('GET') ? ['HEAD'] : [];
        expect(allowed, path).to.have.members([...methods, ...head, 'OPTIONS']);
      }
    });
  });
});

/** Express' routes as OpenAPI writes their paths. */
function routesOf({ stack }: { stack: readonly Layer[] }): { path: string; method: string }[] {
  return stack.flatMap(({ handle, route }) => {
    if (route === undefined) return handle.stack === undefined ? [] : routesOf({ stack: handle.stack });
    const path = route.path.replaceAll(/[:*](\w+)/g, '{$1}');
    return Object.keys(route.methods).map((method) => ({ path, method }));
  });
}
