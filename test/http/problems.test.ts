import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Request, Response as Answer } from 'express';
import { FeedsError } from '../../src/core/errors.js';
import { gatherRefusals } from '../../src/core/refusals.js';
import { secretsHider } from '../../src/core/secrets.js';
import { urlsFrom } from '../../src/core/urls.js';
import { PROBLEMS, problems } from '../../src/http/problems.js';
import { securityHeaders } from '../../src/http/security-headers.js';
import type { Services } from '../../src/http/services.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { childOf, childrenOf, parseXml } from '../support/atom.js';
import { anEntry } from '../support/build.js';
import { post, publish } from '../support/publish.js';
import { until } from '../support/waiting.js';

const PROBLEM = 'urn:ietf:rfc:7807';

describe('problems', () => {
  let app: TestApp;
  let open: string;
  let closed: string;

  before(async () => {
    app = await startApp({ env: { CORS_ORIGINS: 'https://app.example' } });
    open = await app.feed('open', { public: true });
    closed = await app.feed('closed');
  });
  after(() => app.stop());

  it('are JSON with type, title, status, detail and instance (RFC 9457 §3)', async () => {
    const response = await app.request(`${open}?limit=x`);
    expect(response.headers.get('content-type')).to.equal('application/problem+json');
    expect(response.headers.get('cache-control')).to.equal('no-store');
    expect(response.headers.get('vary')).to.include('Accept');
    const problem = (await response.json()) as Record<string, unknown>;
    expect(problem['type']).to.equal('urn:millrace:problem:bad-parameter');
    expect(problem['status']).to.equal(400);
    expect(problem['title']).to.be.a('string');
    expect(problem['detail']).to.equal('limit "x" is no number from 1 to 1000');
    expect(problem['instance']).to.equal(`urn:millrace:request:${response.headers.get('x-request-id') ?? ''}`);
  });

  for (const accept of [
    'application/atom+xml',
    'application/xml',
    'text/xml, */*;q=0.1',
    'application/problem+xml, application/*;q=0.1',
  ]) {
    it(`are XML for ${accept} (RFC 9457 appendix B)`, async () => {
      const response = await app.request(`${open}?marker=5`, { headers: { accept } });
      expect(response.status).to.equal(409);
      expect(response.headers.get('content-type')).to.equal('application/problem+xml');
      const problem = parseXml(await response.text());
      expect([problem.local, problem.uri]).to.deep.equal(['problem', PROBLEM]);
      expect(childOf(problem, 'status', PROBLEM).text).to.equal('409');
      expect(childOf(problem, 'lastCommon', PROBLEM).text).to.equal('0');
    });
  }

  for (const accept of [
    '*/*',
    'application/*',
    'application/json',
    'application/feed+json, text/html;q=0.9',
    'application/cloudevents-batch+json',
    'application/vnd.rackspace.atom+json;q=0.5, application/problem+json',
    'application/json, text/plain, */*',
    'image/png',
    'nonsense',
  ]) {
    it(`are JSON for ${accept}`, async () => {
      const response = await app.request(`${open}?limit=x`, { headers: { accept } });
      expect(response.headers.get('content-type')).to.equal('application/problem+json');
      expect(response.status).to.be.oneOf([400, 406]);
      await response.json();
    });
  }

  for (const accept of ['application/vnd.rackspace.atom+json', 'application/vnd.rackspace.atomsvc+json, */*;q=0.1']) {
    it(`are the error of Cloud Feeds for ${accept}`, async () => {
      const response = await app.request(`${open}?marker=5`, { headers: { accept } });
      expect(response.status).to.equal(409);
      expect(response.headers.get('content-type')).to.equal('application/vnd.rackspace.atom+json');
      const { error } = (await response.json()) as { error: Record<string, unknown> };
      expect(error).to.include({ '@type': 'http://abdera.apache.org', code: '409', lastCommon: 0 });
      expect(error['message']).to.equal(error['detail']);
      expect(error['type']).to.equal('urn:millrace:problem:marker-beyond-log');
    });
  }

  for (const accept of [
    'text/html',
    'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    'text/html, application/json;q=0.9',
    'text/html, */*',
    'text/*',
  ]) {
    it(`are a page for ${accept}`, async () => {
      const response = await app.request(`${open}?limit=%3Cb%3E`, { headers: { accept } });
      expect(response.status).to.equal(400);
      expect(response.headers.get('content-type')).to.equal('text/html;charset=utf-8');
      expect(response.headers.get('content-security-policy')).to.match(/^default-src 'none'; style-src 'sha256-/);
      expect(response.headers.get('x-content-type-options')).to.equal('nosniff');
      expect(response.headers.get('referrer-policy')).to.equal('no-referrer');
      const text = await response.text();
      expect(text)
        .to.include('limit &quot;&lt;b&gt;&quot; is no number')
        .and.to.include('<h1>A parameter is wrong</h1>');
    });
  }

  it('are told in the form that the URL names, also where the form itself is what is wrong', async () => {
    for (const [format, type] of [
      ['html', 'text/html;charset=utf-8'],
      ['atom', 'application/problem+xml'],
      ['rss', 'application/problem+xml'],
      ['json', 'application/problem+json'],
      ['jsonfeed', 'application/problem+json'],
      ['cloudevents', 'application/problem+json'],
      ['cloudfeeds', 'application/vnd.rackspace.atom+json'],
    ] as const) {
      const response = await app.request(`${open}?limit=x&format=${format}`, { headers: { accept: 'image/png' } });
      await response.arrayBuffer();
      expect([response.status, response.headers.get('content-type')], format).to.deep.equal([400, type]);
    }
    const unknown = await app.request(`${open}?format=yaml`, { headers: { accept: 'text/html' } });
    expect([unknown.status, unknown.headers.get('content-type')]).to.deep.equal([400, 'text/html;charset=utf-8']);
    await unknown.arrayBuffer();
    const id = await publish(app, open);
    const member = await app.request(`${open}/entries/${id}?format=rss`);
    expect([member.status, member.headers.get('content-type')]).to.deep.equal([400, 'application/problem+xml']);
    await member.arrayBuffer();
  });

  it('are XML for each media type of the family, with its parameters', async () => {
    for (const accept of [
      'application/atom+xml;type=feed',
      'application/atom+xml; type=entry, */*;q=0.1',
      'application/atomsvc+xml',
      'application/atomcat+xml;charset=utf-8',
      'application/rss+xml',
    ]) {
      const response = await app.request(`${open}?limit=x`, { headers: { accept } });
      expect(response.headers.get('content-type'), accept).to.equal('application/problem+xml');
      await response.arrayBuffer();
    }
  });

  it('name what can be posted where JSON is sent in another charset', async () => {
    for (const type of ['application/json', 'application/vnd.rackspace.atom+json', 'application/cloudevents+json']) {
      const response = await post(app, open, '{}', { 'content-type': `${type};charset=latin1` });
      expect(response.status, type).to.equal(415);
      expect(response.headers.get('accept-post'), type).to.match(/\bapplication\/json\b/);
      expect(response.headers.get('accept-encoding'), type).to.equal(null);
      expect(((await response.json()) as { type: string }).type).to.match(/unsupported-media-type$/);
    }
  });

  it('are all in the documentation, with their status, and nothing else is', async () => {
    const text = await readFile('docs/errors.md', 'utf8');
    const rows = [...text.matchAll(/^\| `([a-z-]+)` +\| (\d{3}) +\| +\S.*\| +\S.*\|$/gm)];
    const documented = rows.map(([, code, status]) => [code, Number(status)] as const);
    expect(new Map(documented).size).to.equal(documented.length);
    const known = Object.entries(PROBLEMS).map(([code, { status }]) => [code, status] as const);
    expect(Object.fromEntries(documented)).to.deep.equal(Object.fromEntries(known));
  });

  it('quote what was sent so that XML stays well-formed', async () => {
    for (const query of [
      'limit=%3C%26%22%3E%00%01%EF%BF%BF%F0%9F%98%80',
      'search=%3Cx%0B%3E',
      'marker=urn:x:%3C%26%3E',
    ]) {
      const response = await app.request(`${open}?${query}`, { headers: { accept: 'application/xml' } });
      expect(response.status, query).to.be.oneOf([400, 404]);
      parseXml(await response.text());
    }
  });

  it('tell every violation with its place, in every form', async () => {
    const body = anEntry({ id: 'a<b', more: '\n<category/>' });
    const json = await post(app, closed, body);
    const { errors } = (await json.json()) as { errors: { path: string; line: number }[] };
    expect(errors.map(({ path, line }) => [path, line])).to.deep.equal([
      ['entry/id', 2],
      ['entry/category[1]/@term', 3],
    ]);
    const xml = await post(app, closed, body, { accept: 'application/atom+xml' });
    const items = childrenOf(childOf(parseXml(await xml.text()), 'errors', PROBLEM), 'i', PROBLEM);
    expect(items.map((item) => childOf(item, 'path', PROBLEM).text)).to.deep.equal([
      'entry/id',
      'entry/category[1]/@term',
    ]);
    const cloudFeeds = await post(app, closed, body, { accept: 'application/vnd.rackspace.atom+json' });
    expect(((await cloudFeeds.json()) as { error: { errors: unknown } }).error.errors).to.deep.equal(errors);
    const html = (
      await (await post(app, closed, body, { accept: 'text/html, application/atom+xml;q=0.1' })).text()
    ).replaceAll(/<[^>]*>|\s+/g, ' ');
    expect(html).to.match(/entry\/id\b.*line 2, column \d+.*entry\/category\[1\]\/@term\b.*line 3, column \d+/);
  });

  describe('without a token', () => {
    for (const [method, path] of [
      ['GET', '/feeds/shop/closed'],
      ['GET', '/feeds/shop/nowhere'],
      ['GET', '/feeds/nowhere/nothing'],
      ['HEAD', '/feeds/shop/closed'],
      ['OPTIONS', '/feeds/shop/closed'],
      ['POST', '/feeds/shop/closed'],
      ['POST', '/feeds/shop/open'],
      ['POST', '/feeds/shop/nowhere'],
      ['PATCH', '/feeds/shop/closed'],
      ['PATCH', '/feeds/shop/nowhere'],
      ['GET', '/feeds/shop/closed/entries/urn:x:1'],
      ['GET', '/feeds/shop/nowhere/entries/urn:x:1'],
      ['PUT', '/feeds/shop/open/entries/urn:x:1'],
      ['DELETE', '/feeds/shop/open/entries/urn:x:1'],
      ['GET', '/feeds/shop/closed/archive/1'],
      ['GET', '/feeds/shop/nowhere/archive/1'],
      ['GET', '/feeds/shop/closed/categories'],
      ['GET', '/feeds/shop/nowhere/categories'],
      ['GET', '/feeds/shop/closed/what/ever/this/is'],
      ['GET', '/feeds/shop/nowhere/what/ever/this/is'],
      ['GET', '/feeds/shop/closed/schemas'],
      ['GET', '/admin/feeds'],
      ['GET', '/admin/nowhere'],
      ['PUT', '/admin/feeds/shop/new'],
    ] as const) {
      it(`${method} ${path} is 401 and tells how to get in`, async () => {
        for (const accept of ['*/*', 'application/xml']) {
          const response = await app.request(path, { method, anonymous: true, headers: { accept } });
          const text = await response.text();
          expect(response.status, text).to.equal(401);
          expect(response.headers.get('www-authenticate')).to.equal('Bearer realm="millrace"');
          // Nothing in the answer tells what is there.
          if (method !== 'HEAD') expect(text).not.to.match(/shop|closed|nowhere/);
        }
      });
    }

    it('what is public is there', async () => {
      const id = await publish(app, open);
      for (const path of [open, `${open}/entries/${id}`, `${open}?marker=0`]) {
        const response = await app.request(path, { anonymous: true });
        await response.arrayBuffer();
        expect(response.status, path).to.equal(200);
      }
    });

    it('the marker, the query and the Accept of a closed feed are not looked at', async () => {
      for (const query of ['?limit=0', '?marker=99', '?search=x', '?marker=urn:x:1']) {
        const response = await app.request(`${closed}${query}`, { anonymous: true, headers: { accept: 'image/png' } });
        expect(response.status, query).to.equal(401);
      }
    });
  });

  it('a wrong token is 401 where none is needed too', async () => {
    for (const authorization of ['Bearer wrong', 'Bearer', 'Basic eDp5', '', 'Bearer a b']) {
      const response = await app.request(open, { headers: { authorization } });
      expect(response.status, authorization).to.equal(401);
      expect(response.headers.get('www-authenticate')).to.match(/^Bearer /);
    }
  });

  for (const path of [
    '/feeds/shop/nowhere',
    '/feeds/nowhere/x',
    '/feeds/shop/open/what/is/this',
    '/nothing',
    '/feeds/shop/open/entries/urn:x:1',
  ]) {
    it(`${path} is 404 for the administrator`, async () => {
      const response = await app.request(path);
      expect(response.status).to.equal(404);
      expect(response.headers.get('content-type')).to.equal('application/problem+json');
    });
  }

  it('garbage in a path is a 4xx', async () => {
    for (const path of [
      '/feeds/%zz/x',
      '/feeds/shop/%',
      '/feeds/shop/%ff',
      '/feeds/sh%00op/x',
      '/feeds/shop/o%00pen',
      '/feeds/a%2Fb/c',
      '/feeds/shop%2Fopen/x',
      '/feeds/shop/open/archive/%00',
      '/feeds/%F0%9F%98%80/%20',
      '/admin/feeds/sh%00op/x',
      '/admin/workspaces/%00',
      '/feeds/sh%00op',
      '/feeds/shop/o%00pen/categories',
      '/%00',
      '/%zz',
      `/feeds/shop/${'x'.repeat(8_000)}`,
    ]) {
      const response = await app.request(path);
      const text = await response.text();
      expect(response.status, `${path} ${text}`).to.be.within(400, 499);
      expect(response.headers.get('x-request-id')).to.be.a('string');
    }
  });

  it('every answer has a request id, the one that was sent when it is a sensible one', async () => {
    for (let poll = 0; poll < 2; poll += 1) {
      const ids = new Set<string | null>();
      for (const headers of [{}, { 'if-none-match': '*' }]) {
        const response = await app.request(open, { anonymous: true, headers });
        await response.arrayBuffer();
        ids.add(response.headers.get('x-request-id'));
      }
      expect([...ids].join(' ')).to.match(/^[\w-]+ [\w-]+$/);
    }
    for (const path of [open, '/nothing', `${open}?limit=0`, '/feeds/%zz/x', '/healthz']) {
      const own = await app.request(path);
      await own.arrayBuffer();
      expect(own.headers.get('x-request-id'), path).to.match(/^[\w-]+$/);
      const given = await app.request(path, { headers: { 'x-request-id': 'trace-1:2' } });
      await given.arrayBuffer();
      expect(given.headers.get('x-request-id'), path).to.equal('trace-1:2');
    }
    const bad = await app.request(open, { headers: { 'x-request-id': '<script>' } });
    expect(bad.headers.get('x-request-id')).to.match(/^[\w-]+$/);
  });

  it('a request id does not tell how many requests of others there were since the last', async () => {
    const ids: bigint[] = [];
    for (let n = 0; n < 10; n += 1) {
      const response = await app.request(open);
      await response.arrayBuffer();
      const id = response.headers.get('x-request-id') ?? '';
      expect(id).to.match(/^[0-9a-f]{16}$/);
      ids.push(BigInt(`0x${id}`));
    }
    for (const [n, id] of ids.slice(1).entries()) {
      const apart = id - (ids[n] ?? 0n);
      expect(apart < 0n ? -apart : apart, ids.join(' ')).to.satisfy((far: bigint) => far > 1_000_000n);
    }
  });

  /** All that is answered to these bytes until the server closes. */
  const answerTo = (sent: string): Promise<string> => {
    const { hostname, port } = new URL(app.url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.write(sent));
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString()));
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });
  };

  it('what is no HTTP is 400, and the connection is closed', async () => {
    for (const sent of ['NONSENSE\r\n\r\n', 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n']) {
      expect(await answerTo(sent)).to.match(/^HTTP\/1\.1 400 /);
    }
  });

  it('a request without Host is one as others are (RFC 9112 §3.2), but for HTTP/1.0', async () => {
    const counted = async (): Promise<number> => {
      const text = await (await app.request('/metrics')).text();
      const lines = text.matchAll(/^millrace_http_request[a-z_]*_count\{[^}]*status="400"[^}]*\} (\d+)$/gm);
      return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
    };
    const before = await counted();
    const answer = await answerTo(`GET ${open} HTTP/1.1\r\nConnection: close\r\n\r\n`);
    expect(answer).to.match(/^HTTP\/1\.1 400 /);
    expect(answer)
      .to.match(/^x-content-type-options: nosniff\r$/im)
      .and.to.match(/^x-request-id: /im);
    expect(answer).to.contain('urn:millrace:problem:bad-parameter').and.to.contain('Host');
    await until('it is counted', async () => (await counted()) > before);
    expect(await answerTo(`GET ${open} HTTP/1.0\r\n\r\n`)).to.match(/^HTTP\/1\.1 200 /);
  });

  it('an expectation that nobody knows is not looked at (RFC 9110 §10.1.1)', async () => {
    const answer = await answerTo(`GET ${open} HTTP/1.1\r\nHost: x\r\nExpect: foo\r\nConnection: close\r\n\r\n`);
    expect(answer).to.match(/^HTTP\/1\.1 200 /);
    expect(answer)
      .to.match(/^x-content-type-options: nosniff\r$/im)
      .and.to.match(/^x-request-id: /im);
  });

  describe('scripts of another origin', () => {
    const origin = 'https://app.example';

    it('may read answers and problems, and caches know of it', async () => {
      for (const path of [open, `${open}?limit=0`, '/feeds/shop/closed']) {
        const response = await app.request(path, { anonymous: true, headers: { origin } });
        await response.arrayBuffer();
        expect(response.headers.get('access-control-allow-origin'), path).to.equal(origin);
        expect(response.headers.get('access-control-expose-headers')).to.include('ETag');
        expect(response.headers.get('vary')).to.include('Origin').and.to.include('Authorization');
      }
    });

    it('ask first without a token', async () => {
      const headers = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'slug' };
      const response = await app.request(closed, { method: 'OPTIONS', anonymous: true, headers });
      expect(response.status).to.equal(204);
      expect(response.headers.get('access-control-allow-methods')).to.include('POST');
      expect(response.headers.get('access-control-allow-headers')).to.equal('slug');
    });

    it('are told nothing when their origin is not in the settings', async () => {
      const response = await app.request(open, { headers: { origin: 'https://evil.example' } });
      expect(response.headers.get('access-control-allow-origin')).to.equal(null);
    });
  });

  it('that cannot be told are a bare 500 with the headers of every answer, and end nothing else', async () => {
    const url = 'http://127.0.0.1';
    const services = {
      logger: createLogger('silent'),
      urls: urlsFrom(url),
      // No header may have such a text.
      authenticator: { challenge: () => 'Keystone uri="https://例え.jp"' },
      refusals: gatherRefusals(),
      withoutSecrets: secretsHider([]),
    };
    const handler = problems(services as unknown as Services);
    const server = createServer((req, res) => {
      const asked: unknown = Object.assign(req, {
        requestId: 'request-1',
        clientAddress: '192.0.2.1',
        answerRules: { headers: securityHeaders(url), stallMs: 1_000 },
      });
      // As of middleware/cors.ts: then node takes the headers one by one.
      res.setHeader('vary', 'Origin');
      const error = new FeedsError('unauthorized', 'a token is needed');
      handler(error, asked as Request, res as unknown as Answer, () => undefined);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      for (let n = 0; n < 2; n++) {
        const response = await fetch(`${url}:${String((server.address() as AddressInfo).port)}/`);
        expect([response.status, await response.text()]).to.deep.equal([500, '']);
        expect(response.headers.get('x-content-type-options')).to.equal('nosniff');
        expect(response.headers.get('cache-control')).to.equal('no-store');
        expect(response.headers.get('x-request-id')).to.equal('request-1');
      }
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});
