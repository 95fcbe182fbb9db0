import { expect } from 'chai';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { aFeedOf, anEntry } from '../support/build.js';
import { requestFrom } from '../support/from-address.js';
import { ENTRY_TYPE, FEED_TYPE } from '../support/publish.js';
import { bearing, issue } from '../support/tokens.js';

const REFUSED = 'This was never published';

interface Limit {
  readonly left: number;
  readonly seconds: number;
}

/** `"read";r=599;t=3`, by name. */
function limitsIn(header: string | null | undefined): Record<string, Limit> {
  const items = [...(header ?? '').matchAll(/"([a-z-]+)";r=(\d+);t=(\d+)(?:, |$)/g)];
  return Object.fromEntries(
    items.map(([, name = '', left, seconds]) => [name, { left: Number(left), seconds: Number(seconds) }]),
  );
}

describe('limits on use', function () {
  this.timeout(60_000);
  let app: TestApp;
  let feed: string;
  let open: string;
  let nextAddress = 2;
  const EVERYTHING = [{ role: 'reader' }, { role: 'publisher' }];

  before(async () => {
    app = await startApp({
      env: {
        RATE_READ: '10',
        RATE_READ_ANONYMOUS: '10',
        RATE_READ_ADDRESS: '1000',
        RATE_PUBLISH: '10',
        RATE_PUBLISH_ADDRESS: '1000',
        CORS_ORIGINS: 'https://a.example',
      },
    });
    feed = await app.feed('orders');
    open = await app.feed('news', { public: true });
  });
  after(() => app.stop());

  /** A caller of whom nothing was counted yet. */
  const newCaller = async (grants: readonly Record<string, string>[] = EVERYTHING): Promise<Record<string, string>> =>
    bearing(await issue(app, grants));
  const newAddress = (): string => `127.0.0.${String(nextAddress++)}`;
  const read = async (headers: Record<string, string>, path = feed, init: RequestInit = {}): Promise<Response> => {
    const response = await app.request(path, { ...init, headers: { ...headers, ...(init.headers as object) } });
    await response.clone().arrayBuffer();
    return response;
  };
  const leftOf = (response: Response, name = 'read'): number | undefined =>
    limitsIn(response.headers.get('ratelimit'))[name]?.left;
  const publish = (headers: Record<string, string>, count: number, title = 'test'): Promise<Response> => {
    const entries = Array.from({ length: count }, () => ({ title }));
    return read(headers, feed, { method: 'POST', headers: { 'content-type': FEED_TYPE }, body: aFeedOf(entries) });
  };

  it('are told with every answer, in the fields of draft-ietf-httpapi-ratelimit-headers-11', async () => {
    const response = await read(await newCaller());
    expect(response.status).to.equal(200);
    expect(response.headers.get('ratelimit-policy')).to.equal('"read";q=10;w=60, "read-address";q=1000;w=60');
    expect(response.headers.get('ratelimit')).to.match(/^"read";r=9;t=6, "read-address";r=\d+;t=\d+$/);
  });

  it('refuse with 429 who has used up all', async () => {
    const headers = await newCaller();
    for (let n = 0; n < 10; n++) expect((await read(headers)).status).to.equal(200);
    const refused = await read(headers);
    expect(refused.status).to.equal(429);
    expect(refused.headers.get('cache-control')).to.equal('no-store');
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).to.be.within(4, 6);
    expect(refused.headers.get('ratelimit')).to.contain(`"read";r=0;t=${String(seconds)}, "read-address"`);
    expect(await refused.json()).to.deep.include({
      type: 'urn:millrace:problem:rate-limited',
      title: 'Too many requests',
      status: 429,
      'violated-policies': ['read'],
    });
    expect((await read(headers)).status).to.equal(429);
    const text = await (await app.request('/metrics')).text();
    expect(Number(/^millrace_rate_limited_total\{limit="read"\} (\d+)$/m.exec(text)?.[1])).to.be.at.least(2);
  });

  it('let a caller go on after Retry-After', async () => {
    const brisk = await startApp({ database: app.database, env: { RATE_READ: '40', RATE_PUBLISH: '40' } });
    try {
      const headers = await newCaller();
      const once = (): Promise<Response> => brisk.request(feed, { headers });
      let response = await once();
      while (response.status === 200) response = await once();
      expect(response.status).to.equal(429);
      await sleep(Number(response.headers.get('retry-after')) * 1000);
      expect((await once()).status).to.equal(200);
    } finally {
      await brisk.stop();
    }
  });

  it('count each caller by itself, and publishing apart from reading', async () => {
    const [one, other] = [await newCaller(), await newCaller()];
    for (let n = 0; n < 11; n++) await read(one);
    expect((await read(one)).status).to.equal(429);
    expect((await read(other)).status).to.equal(200);
    expect((await publish(one, 1)).status).to.equal(201);
  });

  it('take a twentieth for a poll that finds nothing new, and a quarter for a public feed', async () => {
    const headers = await newCaller();
    const etag = (await read(headers)).headers.get('etag') ?? '';
    let last: Response | undefined;
    for (let n = 0; n < 40; n++) {
      last = await read(headers, feed, { headers: { 'if-none-match': etag } });
      expect(last.status).to.equal(304);
    }
    expect(leftOf(last!)).to.be.at.least(7);
    for (let n = 0; n < 8; n++) last = await read(headers, `${open}?limit=${String(n + 1)}`);
    expect(leftOf(last!)).to.be.at.least(5);
    expect(leftOf(await read(headers, '/feeds/shop/nothing'))).to.be.at.least(4);
  });

  it('take as much for a 304 as for a 200 where the answer had to be made to tell', async () => {
    const headers = await newCaller();
    const any = { headers: { 'if-none-match': '*' } };
    for (let n = 1; n <= 4; n++) {
      const answer = await read(headers, `${feed}?limit=${String(n)}`, any);
      expect([answer.status, leftOf(answer)]).to.deep.equal([304, 10 - n]);
    }
    expect(leftOf(await read(headers, `${feed}?limit=1`, any)), 'whether it is in memory or not').to.equal(5);
    for (const path of ['/feeds', '/asyncapi.json']) {
      const caller = await newCaller();
      const etag = (await read(caller, path)).headers.get('etag') ?? '';
      const answer = await read(caller, path, { headers: { 'if-none-match': etag } });
      expect([path, answer.status, leftOf(answer)]).to.deep.equal([path, 304, 8]);
    }
    const public304 = await read(await newCaller(), open, any);
    expect([public304.status, leftOf(public304)]).to.deep.equal([304, 9]);
  });

  it('take a twentieth for a poll of tenants that finds nothing new, whatever others publish', async () => {
    const headers = await newCaller([{ role: 'reader', tenants: ['t1'] } as unknown as Record<string, string>]);
    const etag = (await read(headers)).headers.get('etag') ?? '';
    let last: Response | undefined;
    for (let n = 0; n < 12; n++) {
      if (n % 2 === 0) expect((await publish(await newCaller(), 1)).status).to.equal(201);
      last = await read(headers, feed, { headers: { 'if-none-match': etag } });
      expect(last.status).to.equal(304);
    }
    expect(leftOf(last!)).to.be.at.least(8);
  });

  it('cost an idle poll the same whether it is answered in front of the router or behind it', async () => {
    const headers = await newCaller();
    const etag = (await read(headers)).headers.get('etag') ?? '';
    for (let n = 0; n < 20; n++) {
      const more: Record<string, string> = n % 2 === 0 ? {} : { origin: 'https://a.example' };
      const polled = await read(headers, feed, { headers: { 'if-none-match': etag, ...more } });
      expect([polled.status, leftOf(polled)]).to.deep.equal([304, n < 10 ? 8 : leftOf(polled)]);
      expect(leftOf(polled)).to.be.at.least(7);
    }
  });

  it('count the entries of a batch, and take all of them or none', async () => {
    const headers = await newCaller();
    const first = await publish(headers, 7);
    expect([first.status, leftOf(first, 'publish')]).to.deep.equal([201, 3]);
    const refused = await publish(headers, 6, REFUSED);
    expect(refused.status, 'too many for what is left').to.equal(429);
    expect(Number(refused.headers.get('retry-after'))).to.be.within(18, 24);
    expect(await refused.json()).to.deep.include({ 'violated-policies': ['publish'] });
    expect(leftOf(await publish(headers, 2), 'publish'), 'one was taken for looking').to.equal(0);
    expect(await (await read({})).text()).not.to.contain(REFUSED);
  });

  it('let a batch of more than the quota through when nothing was used, and make it wait for all of it then', async () => {
    const headers = await newCaller();
    const large = await publish(headers, 25);
    expect([large.status, leftOf(large, 'publish')]).to.deep.equal([201, 0]);
    const refused = await publish(headers, 1);
    expect(refused.status).to.equal(429);
    expect(Number(refused.headers.get('retry-after'))).to.be.within(90, 96);
  });

  it('count whatever else is changed as one', async () => {
    const headers = await newCaller([{ role: 'admin', workspace: 'shop' }]);
    const settings = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{}' };
    for (let n = 0; n < 10; n++) {
      expect((await read(headers, '/admin/feeds/shop/drafts', settings)).status).to.be.oneOf([200, 201]);
    }
    expect((await read(headers, '/admin/feeds/shop/drafts', settings)).status).to.equal(429);
    expect((await read(headers, '/admin/feeds')).status).to.equal(200);
  });

  it('do not hold up the server’s own admin token', async () => {
    for (let n = 0; n < 30; n++) {
      const response = await read({});
      expect(response.status).to.equal(200);
      expect(response.headers.has('ratelimit') || response.headers.has('ratelimit-policy')).to.equal(false);
    }
  });

  it('count who shows no credentials by its address', async () => {
    const [one, other] = [newAddress(), newAddress()];
    let answers = 0;
    for (; answers < 60; answers++) {
      const { status } = await requestFrom(one, app.url + open);
      if (status === 429) break;
      expect(status).to.equal(200);
    }
    expect(answers, 'four of a public feed for one').to.be.within(37, 50);
    const refused = await requestFrom(one, app.url + open);
    expect(JSON.parse(refused.body)).to.deep.include({ 'violated-policies': ['read-anonymous'] });
    expect((await requestFrom(other, app.url + open)).status).to.equal(200);
    expect((await requestFrom(one, app.url + open, { headers: await newCaller() })).status).to.equal(200);
  });

  it('count HEAD and OPTIONS as reading, and a preflight not at all', async () => {
    const headers = await newCaller();
    expect(leftOf(await read(headers, feed, { method: 'HEAD' }))).to.equal(9);
    expect(leftOf(await read(headers, feed, { method: 'OPTIONS' }))).to.equal(8);
    const preflight = { origin: 'https://a.example', 'access-control-request-method': 'POST' };
    for (let n = 0; n < 30; n++) {
      const response = await read(headers, feed, { method: 'OPTIONS', headers: preflight });
      expect([response.status, response.headers.has('ratelimit')]).to.deep.equal([204, false]);
    }
    expect(leftOf(await read(headers))).to.equal(7);
    const exposed = (await read(headers, feed, { headers: { origin: 'https://a.example' } })).headers;
    expect(exposed.get('access-control-expose-headers')).to.contain('RateLimit, RateLimit-Policy');
  });

  it('never hold up those who watch the server', async () => {
    const address = newAddress();
    for (const path of ['/healthz', '/readyz', '/metrics']) {
      for (let n = 0; n < 15; n++) {
        const { status, headers } = await requestFrom(address, app.url + path);
        expect([status, headers.ratelimit]).to.deep.equal([200, undefined]);
      }
    }
  });

  it('do not tell whether a feed is there', async () => {
    const stranger = await newCaller([{ role: 'reader', workspace: 'elsewhere' }]);
    const hidden = await read(stranger, feed);
    const missing = await read(stranger, '/feeds/shop/missing');
    const again = await read(stranger, feed);
    expect([hidden.status, missing.status, again.status]).to.deep.equal([404, 404, 404]);
    expect([hidden, missing, again].map((one) => leftOf(one))).to.deep.equal([9, 8, 7]);
    const address = newAddress();
    const lefts: (number | undefined)[] = [];
    for (const path of [feed, '/feeds/shop/missing', feed]) {
      const { status, headers } = await requestFrom(address, app.url + path);
      expect(status).to.equal(401);
      lefts.push(limitsIn(headers.ratelimit as string)['read-anonymous']?.left);
    }
    expect(lefts).to.deep.equal([9, 8, 7]);
  });

  it('let exactly so many through of those that come at once', async () => {
    const headers = await newCaller();
    const statuses = await Promise.all(Array.from({ length: 60 }, async () => (await read(headers)).status));
    expect(statuses.filter((status) => status === 200).length).to.be.within(10, 11);
    expect(new Set(statuses)).to.deep.equal(new Set([200, 429]));
    const batches = await Promise.all(Array.from({ length: 3 }, async () => (await publish(headers, 4)).status));
    expect(batches.toSorted()).to.deep.equal([201, 201, 429]);
  });

  it('answer each of many requests that are sent without waiting for an answer', async () => {
    const { authorization = '' } = await newCaller();
    const { port } = new URL(app.url);
    const one = `GET ${feed} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n`;
    const socket = connect(Number(port), '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    socket.write(`${`${one}\r\n`.repeat(14)}${one}Connection: close\r\n\r\n`);
    await new Promise((resolve) => socket.on('close', resolve));
    const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => status);
    expect(statuses).to.have.length(15);
    expect(statuses.slice(0, 10)).to.deep.equal(new Array(10).fill('200'));
    expect(statuses).to.include('429');
  });

  it('are told in each form that an error has', async () => {
    const headers = await newCaller();
    for (let n = 0; n < 10; n++) await read(headers);
    for (const [accept, type, what] of [
      ['application/json', 'application/problem+json', /"violated-policies":\["read"\]/],
      ['application/atom+xml', 'application/problem+xml', /<violated-policies><i>read<\/i><\/violated-policies>/],
      ['application/vnd.rackspace.atom+json', 'application/vnd.rackspace.atom+json', /"code":"429"/],
      ['text/html', 'text/html;charset=utf-8', /<h1>Too many requests<\/h1>/],
    ] as const) {
      const refused = await read(headers, feed, { headers: { accept } });
      expect([refused.status, refused.headers.get('content-type')]).to.deep.equal([429, type]);
      expect(refused.headers.get('retry-after')).to.match(/^[1-6]$/);
      expect(await refused.text()).to.match(what);
    }
  });

  it('refuse a body without reading it', async () => {
    const headers = await newCaller();
    await publish(headers, 10);
    const body = anEntry({ content: `<content>${'x'.repeat(1_000_000)}</content>` });
    const refused = await read(headers, feed, { method: 'POST', headers: { 'content-type': ENTRY_TYPE }, body });
    expect(refused.status).to.equal(429);
  });

  it('of an address count all who come from it', async () => {
    const shared = await startApp({
      database: app.database,
      env: { RATE_READ_ADDRESS: '10', RATE_PUBLISH_ADDRESS: '10' },
    });
    try {
      const address = newAddress();
      const callers = [await newCaller(), await newCaller(), {}];
      const statuses: number[] = [];
      for (let n = 0; n < 15; n++) {
        const headers = callers[n % 3] ?? {};
        statuses.push((await requestFrom(address, shared.url + feed, { headers })).status);
      }
      expect(statuses.slice(0, 10)).to.deep.equal([200, 200, 401, 200, 200, 401, 200, 200, 401, 200]);
      expect(statuses.slice(12)).to.deep.equal([429, 429, 429]);
      const admin = { authorization: 'Bearer test-token-0123456789abcdef' };
      expect((await requestFrom(address, shared.url + feed, { headers: admin })).status).to.equal(200);
      expect((await requestFrom(newAddress(), shared.url + feed, { headers: callers[0]! })).status).to.equal(200);
    } finally {
      await shared.stop();
    }
  });

  it('that are off tell nothing', async () => {
    const plain = await startApp({ database: app.database });
    try {
      const response = await plain.request(feed, { headers: await newCaller() });
      expect(response.headers.has('ratelimit') || response.headers.has('ratelimit-policy')).to.equal(false);
      await response.arrayBuffer();
    } finally {
      await plain.stop();
    }
  });
});
