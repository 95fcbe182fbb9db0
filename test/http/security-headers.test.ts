import { expect } from 'chai';
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { ADMIN_TOKEN, startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { publishAll } from '../support/publish.js';

const BASE = 'https://events.example.org/base';

describe('security headers', function () {
  let plain: TestApp;
  let behindTls: TestApp;
  let feed: string;
  let paths: string[];

  before(async () => {
    plain = await startApp({ env: { CORS_ORIGINS: 'https://app.example' } });
    feed = await plain.feed('orders', { public: true });
    const [id = ''] = await publishAll(
      plain,
      feed,
      Array.from({ length: 25 }, () => ({})),
    );
    paths = [
      feed,
      `${feed}?format=json`,
      `${feed}?format=html`,
      `${feed}?limit=0`,
      `${feed}/entries/${encodeURIComponent(id)}`,
      `${feed}/categories`,
      `${feed}/archive/1`,
      `${feed}/schemas`,
      ...['/', '/feeds', '/none', '/feeds/shop/none', '/openapi.json', '/admin/feeds', '/admin/tokens', '/healthz'],
      ...['/readyz', '/metrics', '/%', '/feeds/%00/x'],
    ];
    behindTls = await startApp({ database: plain.database, env: { PUBLIC_URL: BASE } });
  });
  after(async () => {
    await behindTls.stop();
    await plain.stop();
  });

  const EVERYWHERE: Readonly<Record<string, string>> = {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
  };

  function expectSecure({ headers }: Response, what: string): void {
    for (const [name, value] of Object.entries(EVERYWHERE))
      expect(headers.get(name), `${what} ${name}`).to.equal(value);
    expect(headers.get('content-security-policy'), what)
      .to.match(/^default-src 'none'; /)
      .and.to.contain("frame-ancestors 'none'");
    for (const name of ['server', 'x-powered-by', 'via']) expect(headers.get(name), `${what} ${name}`).to.equal(null);
  }

  it('are in every answer: documents, pages, errors, files', async () => {
    for (const path of paths) {
      for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE']) {
        const response = await plain.request(path, { method, anonymous: method === 'DELETE' });
        await response.arrayBuffer();
        expectSecure(response, `${method} ${path}`);
      }
    }
  });

  it('are in the answers to who publishes and administers, and to a preflight', async () => {
    const published = await plain.request(feed, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: 'x',
    });
    expectSecure(published, 'refused');
    const made = await plain.request('/admin/workspaces/team', { method: 'PUT', body: '{}' });
    expectSecure(made, 'administered');
    const preflight = await plain.request(feed, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'GET' },
      anonymous: true,
    });
    expectSecure(preflight, 'preflight');
  });

  it('do not keep scripts of CORS_ORIGINS out', async () => {
    const response = await plain.request(feed, { headers: { origin: 'https://app.example' } });
    expect(response.headers.get('access-control-allow-origin')).to.equal('https://app.example');
    expectSecure(response, 'a script');
  });

  it('are not said again in a 304 (RFC 9110 §15.4.5)', async () => {
    const etag = (await plain.request(feed)).headers.get('etag') ?? '';
    const same = await plain.request(feed, { headers: { 'if-none-match': etag } });
    expect(same.status).to.equal(304);
    expect(same.headers.get('content-security-policy')).to.equal(null);
  });

  it('ask for HTTPS for a year where the public URL is one of HTTPS, and there only', async () => {
    for (const path of [feed, '/none', `${feed}?format=html`]) {
      const strict = await behindTls.request(path);
      expect(strict.headers.get('strict-transport-security'), path).to.equal('max-age=31536000');
      expectSecure(strict, path);
      const loose = await plain.request(path);
      expect(loose.headers.get('strict-transport-security'), path).to.equal(null);
    }
  });

  /** As fetch would not send it. */
  async function asked(
    path: string,
    method: string,
    headers: Record<string, string>,
  ): Promise<[IncomingMessage, string]> {
    const sent = request(`${behindTls.url}${path}`, { method, headers }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return [response, await text(response)];
  }

  it('links are of PUBLIC_URL, whatever Host, X-Forwarded-Host and Forwarded say', async () => {
    const evil = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'gopher',
      'x-forwarded-for': '203.0.113.7',
      forwarded: 'for=203.0.113.7;host=evil.example;proto=gopher',
      'x-original-url': '/evil.example',
      authorization: `Bearer ${ADMIN_TOKEN}`,
    };
    for (const path of [...paths, '/asyncapi.json', `${feed}?format=rss`, `${feed}?format=jsonfeed`]) {
      for (const accept of ['*/*', 'text/html', 'application/xml']) {
        const [response, body] = await asked(path, 'GET', { ...evil, accept });
        expect(`${JSON.stringify(response.rawHeaders)} ${body}`, path).not.to.match(/evil\.example|gopher|203\.0\.113/);
      }
    }
    const [, body] = await asked(feed, 'GET', evil);
    expect(body).to.contain(`${BASE}/feeds/shop/orders`);
  });

  it('TRACE shows nobody what was sent', async () => {
    for (const path of ['/', feed, '/admin/feeds', '/healthz']) {
      const [response, body] = await asked(path, 'TRACE', {
        authorization: `Bearer ${ADMIN_TOKEN}`,
        'x-secret': 'hush',
      });
      expect(response.statusCode, path).to.be.oneOf([404, 405]);
      expect(body, path).not.to.contain('hush').and.not.to.contain(ADMIN_TOKEN);
      expect(response.headers['x-content-type-options']).to.equal('nosniff');
    }
  });
});
