import { expect } from 'chai';
import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeJwks } from '../../src/http/auth/jwks.js';
import { makeJwtMemory } from '../../src/http/auth/jwt-memory.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { writeAuthFile } from '../support/auth-file.js';
import { anEntry } from '../support/build.js';
import { bytesOutsideTheHeap } from '../support/memory.js';
import { makeKey, startIssuer } from '../support/issuer.js';
import type { Issuer } from '../support/issuer.js';
import { until } from '../support/waiting.js';

const ROLES = {
  'feeds-admin': [{ role: 'admin' }],
  'shop-reader': [{ role: 'reader', workspace: 'shop', tenants: 'all' }],
  'shop-publisher': [{ role: 'publisher', workspace: 'shop', feed: 'orders' }],
};
const now = (): number => Math.floor(Date.now() / 1000);
const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('JWTs', function () {
  this.timeout(60_000);
  let issuer: Issuer;
  let app: TestApp;
  let feed: string;
  const ended: (() => Promise<unknown>)[] = [];

  /** A server that trusts the issuer, with these settings beside. */
  async function trusting(more: Record<string, unknown> = {}, env: Record<string, string> = {}): Promise<TestApp> {
    const file = await writeAuthFile({
      jwt: {
        issuer: issuer.url,
        audience: ['millrace', 'https://feeds.example.org'],
        jwks: { url: issuer.jwksUrl, retrySeconds: 0.2 },
        algorithms: ['ES256', 'RS256'],
        roles: { claim: 'realm_access.roles', grants: ROLES },
        tenants: { claim: 'tenant_id' },
        ...more,
      },
    });
    const database = app as TestApp | undefined;
    const started = await startApp({
      ...(database === undefined ? {} : { database: database.database }),
      env: { AUTH: 'token,jwt', AUTH_FILE: file.path, ...env },
    });
    ended.unshift(() => started.stop(), file.remove);
    return started;
  }

  before(async () => {
    issuer = await startIssuer();
    app = await trusting();
    feed = await app.feed('orders');
  });
  after(async () => {
    // The app whose database the others share ends last.
    for (const end of ended) await end();
    await issuer.stop();
  });
  afterEach(() => {
    issuer.behave('up');
  });

  const withRoles = (...roles: string[]): Record<string, unknown> => ({ realm_access: { roles } });
  async function ask(token: string, to: TestApp = app, path = feed, init: RequestInit = {}): Promise<Response> {
    return to.request(path, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });
  }
  async function statusOf(token: string, to?: TestApp, path?: string, init?: RequestInit): Promise<number> {
    const response = await ask(token, to, path, init);
    await response.arrayBuffer();
    return response.status;
  }

  /** It may be told a little later: not while the issuer may have a new key that is not known yet. */
  async function isRefused(token: string, to?: TestApp): Promise<void> {
    let status = await statusOf(token, to);
    await until('it is told', async () => status !== 503 || (status = await statusOf(token, to)) !== 503);
    expect(status, token.slice(0, 60)).to.equal(401);
  }

  it('let their bearer do what the roles in a claim give', async () => {
    const reader = await issuer.sign(withRoles('shop-reader', 'unknown', 'toString'));
    expect(await statusOf(reader)).to.equal(200);
    expect(await statusOf(reader)).to.equal(200);
    expect(await statusOf(reader, app, feed, { method: 'POST', body: '' })).to.equal(403);
    const publisher = await issuer.sign(withRoles('shop-publisher'));
    const post = {
      method: 'POST',
      headers: { 'content-type': 'application/atom+xml' },
      body: anEntry({ id: 'urn:x:1' }),
    };
    expect(await statusOf(publisher, app, feed, post)).to.equal(201);
    expect(await statusOf(publisher)).to.equal(403);
    const admin = await issuer.sign(withRoles('feeds-admin'));
    expect(await statusOf(admin, app, '/admin/tokens')).to.equal(200);
    expect(await statusOf(await issuer.sign())).to.equal(404);
  });

  it('take all good signatures of the algorithms that are set, and no other', async () => {
    const rsa = await makeKey('RS256');
    const pss = await makeKey('PS256');
    const [known] = [issuer.key()];
    await issuer.rotate(known, rsa, pss);
    const fresh = await trusting();
    expect(await statusOf(await issuer.sign(withRoles('shop-reader'), { key: rsa }), fresh)).to.equal(200);
    expect(await statusOf(await issuer.sign(withRoles('shop-reader'), { key: known }), fresh)).to.equal(200);
    const before = issuer.requests();
    expect(await statusOf(await issuer.sign(withRoles('shop-reader'), { key: pss }), fresh)).to.equal(401);

    // The public key taken for a shared secret (RFC 8725 §2.1), as JSON and as PEM would be.
    for (const secret of [JSON.stringify(rsa.jwk), rsa.jwk.n ?? '']) {
      const signed = `${base64({ alg: 'HS256', kid: rsa.kid, typ: 'JWT' })}.${base64({ ...(await claimsOf()), ...withRoles('feeds-admin') })}`;
      const forged = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
      expect(await statusOf(forged, fresh)).to.equal(401);
    }
    for (const alg of ['none', 'None', 'HS256', 'ES512', '', 5, null]) {
      const forged = `${base64({ alg, kid: known.kid })}.${base64(await claimsOf())}`;
      expect(await statusOf(`${forged}.`, fresh), String(alg)).to.equal(401);
      expect(await statusOf(`${forged}.AAAA`, fresh), String(alg)).to.equal(401);
    }
    // A key may be used with the algorithm that it is for only.
    expect(issuer.requests(), 'nothing was looked for because of them').to.equal(before);
    await isRefused(await issuer.sign({}, { key: { ...rsa, kid: known.kid } }), fresh);
  });

  const claimsOf = async (): Promise<Record<string, unknown>> => {
    const [, payload = ''] = (await issuer.sign(withRoles('shop-reader'))).split('.');
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  };

  for (const [what, claims, header] of [
    ['of another issuer', { iss: 'https://elsewhere.example.org' }],
    ['of an issuer that nearly is it', () => ({ iss: `${issuer.url}/` })],
    ['of no issuer', { iss: undefined }],
    ['for others', { aud: 'another' }],
    ['for several others', { aud: ['another', 'millrace2'] }],
    ['for nobody', { aud: undefined }],
    ['that have expired', () => ({ exp: now() - 40 })],
    ['that never expire', { exp: undefined }],
    ['whose end is no number', { exp: 'never' }],
    ['that are not good yet', () => ({ nbf: now() + 60 })],
    ['of nobody', { sub: undefined }],
    ['of an empty name', { sub: '' }],
    ['of a name with line ends', { sub: 'a\nb' }],
    ['of a name that is no text', { sub: 7 }],
    ['of a name that is long', { sub: 'x'.repeat(257) }],
    ['of another kind', {}, { typ: 'logout+jwt' }],
    ['of a kind that is no text', {}, { typ: 7 as unknown as string }],
  ] as const) {
    it(`${what} are refused`, async () => {
      const given: Record<string, unknown> = typeof claims === 'function' ? claims() : claims;
      const response = await ask(
        await issuer.sign({ ...withRoles('shop-reader'), ...given }, { header: header ?? {} }),
      );
      expect(response.status, await response.text()).to.equal(401);
      expect(response.headers.get('www-authenticate')).to.equal('Bearer realm="millrace", error="invalid_token"');
    });
  }

  it('are taken within the difference of clocks that is set, for several audiences, and of the type at+jwt', async () => {
    for (const claims of [
      { exp: now() - 20 },
      { nbf: now() + 20 },
      { aud: ['another', 'https://feeds.example.org'] },
      { sub: 'auth0|62a', nbf: now() - 5 },
    ]) {
      expect(await statusOf(await issuer.sign({ ...withRoles('shop-reader'), ...claims }))).to.equal(200);
    }
    for (const typ of ['at+jwt', 'application/at+JWT', undefined]) {
      const header = { typ } as { typ: string };
      expect(await statusOf(await issuer.sign(withRoles('shop-reader'), { header })), String(typ)).to.equal(200);
    }
    const strict = await trusting({ type: 'at+jwt', clockSkewSeconds: 0 });
    const typed = (typ: string, claims = {}): Promise<string> =>
      issuer.sign({ ...withRoles('shop-reader'), ...claims }, { header: { typ } });
    expect(await statusOf(await typed('at+jwt'), strict)).to.equal(200);
    expect(await statusOf(await typed('JWT'), strict)).to.equal(401);
    expect(await statusOf(await typed('at+jwt', { exp: now() - 2 }), strict)).to.equal(401);
  });

  it('that are remembered are refused when they end', async () => {
    const strict = await trusting({ clockSkewSeconds: 0 });
    const token = await issuer.sign({ ...withRoles('shop-reader'), exp: now() + 4 });
    expect(await statusOf(token, strict)).to.equal(200);
    expect(await statusOf(token, strict)).to.equal(200);
    await until('it ends', async () => (await statusOf(token, strict)) === 401, 15);
  });

  it('that are none are refused, whatever they look like', async () => {
    const good = await issuer.sign(withRoles('shop-reader'));
    const [header = '', payload = '', signature = ''] = good.split('.');
    expect(await statusOf(good), 'from now on it is remembered').to.equal(200);
    const flipped = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
    for (const token of [
      'a.b.c',
      '..',
      '....',
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `${header}.${payload}.${flipped}`,
      `${header}.${payload}.${signature}A`,
      `${base64({ alg: 'ES256', kid: issuer.key().kid, typ: 'at+jwt' })}.${payload}.${signature}`,
      `${base64({ alg: 'none' })}.${payload}.${signature}`,
      `${header}.${base64({ ...(await claimsOf()), sub: 'mallory' })}.${signature}`,
      `${header}.${payload}.${signature}.${signature}.${signature}`,
      `${base64('text')}.${payload}.${signature}`,
      `${base64([])}.${payload}.${signature}`,
      `${base64({ alg: 'ES256', kid: { toString: 1 } })}.${payload}.${signature}`,
      `${header}.${'A'.repeat(8_200)}.${signature}`,
      `${'A'.repeat(3_000)}.${'A'.repeat(3_000)}.${'A'.repeat(2_000)}`,
      `${base64({ alg: 'ES256', kid: issuer.key().kid, jwk: (await makeKey()).jwk })}.${payload}.${signature}`,
      `${base64({ alg: 'ES256', kid: issuer.key().kid, crit: ['x'], x: 1 })}.${payload}.${signature}`,
      `${base64({ alg: 'ES256', kid: 'x', jku: `${issuer.url}/mine` })}.${payload}.${signature}`,
    ]) {
      await isRefused(token);
    }
    expect(await statusOf(good)).to.equal(200);
  });

  it('signed with a new key are taken when the keys have changed, those of the old one no more', async () => {
    const old = await issuer.sign(withRoles('shop-reader'));
    const fresh = await trusting();
    expect(await statusOf(old, fresh)).to.equal(200);
    await issuer.rotate();
    await sleep(250);
    expect(await statusOf(await issuer.sign(withRoles('shop-reader')), fresh)).to.equal(200);
    await isRefused(old, fresh);
  });

  it('the keys are looked for anew from time to time, while nobody waits', async () => {
    const fresh = await trusting({ jwks: { url: issuer.jwksUrl, retrySeconds: 0.2, refreshSeconds: 0.2 } });
    const token = await issuer.sign(withRoles('shop-reader'));
    expect(await statusOf(token, fresh)).to.equal(200);
    await issuer.rotate();
    await until('its key is withdrawn', async () => (await statusOf(token, fresh)) === 401, 15);
  });

  it('signed with a key that was published since the last look are not refused, but told when to come again', async () => {
    const fresh = await trusting(
      { jwks: { url: issuer.jwksUrl, retrySeconds: 3 } },
      { RATE_FAILED_LOGINS_ADDRESS: '2' },
    );
    const [old, stranger] = [issuer.key(), await makeKey()];
    expect(await statusOf(await issuer.sign(withRoles('shop-reader')), fresh)).to.equal(200);
    const junk = await issuer.sign({}, { key: stranger });
    // Who makes the server look for a key that nobody has, and then the issuer publishes another.
    await isRefused(junk, fresh);
    const added = await makeKey();
    await issuer.rotate(added, old);
    const good = await issuer.sign(withRoles('shop-reader'));
    const told = await ask(good, fresh);
    const retryAfter = told.headers.get('retry-after');
    if (told.status !== 200) {
      expect([told.status, await told.text()]).to.satisfy(([status]: [number]) => status === 503);
      expect(retryAfter).to.match(/^[1-3]$/);
      expect(await statusOf(good, fresh), 'and it counts as no failed login').to.equal(503);
    }
    await until('it is let in', async () => (await statusOf(good, fresh)) === 200);
  });

  it('that name keys that nobody has make for no storm at the issuer, nor keep others out', async () => {
    const fresh = await trusting({ jwks: { url: issuer.jwksUrl, retrySeconds: 2 } });
    const good = await issuer.sign(withRoles('shop-reader'));
    expect(await statusOf(good, fresh)).to.equal(200);
    const before = issuer.requests();
    const startedAt = performance.now();
    const key = await makeKey();
    for (let round = 0; round < 4; round++) {
      const junk = await Promise.all(
        Array.from({ length: 25 }, (_, n) =>
          issuer.sign({}, { key: { ...key, kid: `junk-${String(round)}-${String(n)}` } }),
        ),
      );
      const told = await Promise.all(junk.map((token) => statusOf(token, fresh)));
      expect(told.filter((status) => status !== 401 && status !== 503)).to.deep.equal([]);
      expect(await statusOf(good, fresh)).to.equal(200);
    }
    const most = 1 + Math.ceil((performance.now() - startedAt) / 2_000);
    expect(issuer.requests() - before).to.be.at.most(most);
  });

  for (const behaviour of ['failing', 'hanging', 'away'] as const) {
    it(`of known keys go on while the issuer is ${behaviour}; of others nobody can tell: 503`, async () => {
      const jwks = { url: issuer.jwksUrl, retrySeconds: 0.2, refreshSeconds: 0.2 };
      const fresh = await trusting({ jwks, ...(behaviour === 'hanging' ? { timeoutSeconds: 2 } : {}) });
      const known = await issuer.sign(withRoles('shop-reader'));
      expect(await statusOf(known, fresh)).to.equal(200);
      const unseen = await issuer.sign({ ...withRoles('shop-reader'), sub: 'bob' });
      const withOther = await issuer.sign(withRoles('shop-reader'), { key: await makeKey() });
      issuer.behave(behaviour);
      await sleep(250);
      expect(await statusOf(known, fresh)).to.equal(200);
      expect(await statusOf(unseen, fresh)).to.equal(200);
      const response = await ask(withOther, fresh);
      expect(response.status, await response.text()).to.equal(503);
      expect(response.headers.get('retry-after')).to.match(/^\d+$/);
      expect(response.headers.get('www-authenticate')).to.equal(null);
      issuer.behave('up');
      await until('it is told', async () => (await statusOf(withOther, fresh)) === 401, 15);
    });
  }

  it('are not taken for ever when the keys cannot be looked for, nor by a server that has never seen them', async () => {
    const token = await issuer.sign(withRoles('shop-reader'));
    const fresh = await trusting({ jwks: { url: issuer.jwksUrl, retrySeconds: 0.2, keepSeconds: 0.5 } });
    expect(await statusOf(token, fresh)).to.equal(200);
    issuer.behave('away');
    const later = await trusting();
    expect(await statusOf(token, later)).to.equal(503);
    expect((await later.request(feed)).status, 'the admin token').to.equal(200);
    await until('the keys are given up', async () => (await statusOf(token, fresh)) === 503, 15);
    issuer.behave('up');
    await until('they are there again', async () => (await statusOf(token, fresh)) === 200, 15);
  });

  it('are not a bug where the issuer has keys that are none', async () => {
    const [good, weak] = [issuer.key(), await makeKey('RS256')];
    const broken = { ...weak.jwk, kid: 'broken', n: '!' };
    const off = { ...good.jwk, kid: 'off', x: good.jwk.y };
    const short = { ...weak.jwk, kid: 'short', n: (weak.jwk.n ?? '').slice(0, 100) };
    issuer.serve({ keys: [good.jwk, broken, short, off, { kty: 'OKP', kid: 'what' }] });
    const fresh = await trusting();
    expect(await statusOf(await issuer.sign(withRoles('shop-reader'), { key: good }), fresh)).to.equal(200);
    for (const kid of ['broken', 'short', 'what']) {
      await isRefused(await issuer.sign({}, { key: { ...weak, kid } }), fresh);
    }
    await isRefused(await issuer.sign({}, { key: { ...good, kid: 'off' } }), fresh);
    for (const jwks of [{}, [], 'text', { keys: 5 }]) {
      issuer.serve(jwks);
      expect(await statusOf(await issuer.sign(), await trusting()), JSON.stringify(jwks)).to.equal(503);
    }
    await issuer.rotate(good);
  });

  it('do not keep out the admin where an address is held up, whose token looks like one', async () => {
    const admin = 'prod.millrace.0123456789abcdef';
    const limited = await trusting({}, { ADMIN_TOKEN: admin, RATE_FAILED_LOGINS_ADDRESS: '3' });
    await until('the address is held up', async () => (await statusOf('guess', limited)) === 429);
    expect(await statusOf(admin, limited)).to.equal(200);
  });

  it('take no more memory than they are long, give or take a little, to be remembered', async () => {
    const url = issuer.jwksUrl;
    const settings = {
      issuer: issuer.url,
      audiences: ['millrace'],
      jwks: { url, refreshSeconds: 300, retrySeconds: 10, keepSeconds: 300 },
      algorithms: ['ES256'],
      type: undefined,
      clockSkewSeconds: 30,
      timeoutSeconds: 5,
      claims: { roles: undefined, tenants: undefined },
      rules: { everyone: [], roles: new Map<string, never>() },
    };
    const memory = makeJwtMemory(settings, { jwks: makeJwks(settings, { logger: createLogger('silent') }) });
    const tokens: string[] = [];
    for (let n = 0; n < 500; n++) tokens.push(await issuer.sign({ sub: `user-${String(n)}` }));
    const before = await bytesOutsideTheHeap();
    for (const token of tokens) {
      expect(await memory.ask(token)).not.to.equal(null);
      // As between two new ones comes much that is known.
      for (let n = 0; n < 20; n++) expect(memory.recognises(token)).to.equal(true);
    }
    const each = ((await bytesOutsideTheHeap()) - before) / tokens.length;
    expect(tokens.every((token) => memory.recognises(token))).to.equal(true);
    expect(each).to.be.below(3 * (tokens[0]?.length ?? 0));
  });

  it('are shown nothing but by the header', async () => {
    const token = await issuer.sign(withRoles('shop-reader'));
    expect((await app.request(`${feed}?access_token=${token}`, { anonymous: true })).status).to.equal(401);
  });

  it('are bearer tokens beside ours, which they are where the server is told so only', async () => {
    const without = await trusting({}, { AUTH: 'token' });
    expect(await statusOf(await issuer.sign(withRoles('shop-reader')), without)).to.equal(401);
    const alone = await trusting({}, { AUTH: 'jwt' });
    expect(await statusOf(await issuer.sign(withRoles('shop-reader')), alone)).to.equal(200);
    expect((await alone.request(feed)).status, 'the admin token').to.equal(200);
  });

  it('let those who have grants by no role do what everyone may', async () => {
    const fresh = await trusting({ everyone: [{ role: 'reader', workspace: 'shop', feed: 'orders' }] });
    expect(await statusOf(await issuer.sign(), fresh)).to.equal(200);
    expect(await statusOf(await issuer.sign(), fresh, feed, { method: 'POST', body: '' })).to.equal(403);
  });
});
