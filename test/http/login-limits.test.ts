import { expect } from 'chai';
import type { Request } from 'express';
import { setTimeout as sleep } from 'node:timers/promises';
import { FeedsError } from '../../src/core/errors.js';
import { makeAuthenticator } from '../../src/http/auth/authenticator.js';
import { makeGrantMemory } from '../../src/http/auth/grant-memory.js';
import { makePasswords } from '../../src/http/auth/passwords.js';
import { makeUserMemory } from '../../src/http/auth/user-memory.js';
import { withLoginLimits } from '../../src/http/rates/login-limits.js';
import { openPool, reader } from '../../src/store/db.js';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { ask as query } from '../support/log.js';
import { requestFrom } from '../support/from-address.js';
import type { Answered } from '../support/from-address.js';
import { bearing, issue } from '../support/tokens.js';
import { until } from '../support/waiting.js';

const PASSWORD = 'correct horse battery';

function basic(name: string, password = PASSWORD): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` };
}

describe('limits on failed logins', function () {
  this.timeout(60_000);
  let app: TestApp;
  let feed: string;
  let nextAddress = 2;
  const READER = [{ role: 'reader', workspace: 'shop', feed: 'orders' }];

  before(async () => {
    app = await startApp({
      env: { AUTH: 'token,basic', RATE_FAILED_LOGINS: '4', RATE_FAILED_LOGINS_ADDRESS: '8' },
    });
    feed = await app.feed('orders');
    for (const name of ['alice', 'bob', 'carol', 'dora']) {
      const response = await app.request(`/admin/users/${name}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ password: PASSWORD, grants: READER }),
      });
      expect(response.status).to.equal(201);
    }
  });
  after(() => app.stop());

  const newAddress = (): string => `127.0.1.${String(nextAddress++)}`;
  const ask = (address: string, headers: Record<string, string>, path = feed): Promise<Answered> =>
    requestFrom(address, app.url + path, { headers });
  const statusOf = async (address: string, headers: Record<string, string>): Promise<number> =>
    (await ask(address, headers)).status;
  /** Some of them malformed, some of ids that are not there, some as they should be. */
  const wrongToken = (n: number): Record<string, string> => {
    const hex = n.toString(16).padStart(16, '0');
    return bearing({ token: n % 2 === 0 ? `mrt_${hex}_${'A'.repeat(43)}` : `guess-${hex}` });
  };
  /** Until the address is refused; tells how many were answered 401. */
  async function failFrom(address: string): Promise<number> {
    for (let n = 0; n < 50; n++) {
      if ((await statusOf(address, wrongToken(n))) === 429) return n;
    }
    throw new Error('never refused');
  }

  it('answer 429 after so many wrong tokens from an address, with the fields that tell of it', async () => {
    const address = newAddress();
    for (let n = 0; n < 8; n++) expect(await statusOf(address, wrongToken(n)), String(n)).to.equal(401);
    const refused = await ask(address, wrongToken(9));
    expect(refused.status).to.equal(429);
    expect(refused.headers['retry-after']).to.match(/^[1-8]$/);
    expect(refused.headers['ratelimit-policy']).to.equal('"failed-logins-address";q=8;w=60');
    expect(refused.headers.ratelimit).to.equal(
      `"failed-logins-address";r=0;t=${String(refused.headers['retry-after'])}`,
    );
    expect(refused.headers['www-authenticate']).to.equal(undefined);
    const text = await (await app.request('/metrics')).text();
    expect(text).to.match(/^millrace_rate_limited_total\{limit="failed-logins-address"\} 1$/m);
  });

  it('count one failure once, however the request is made', async () => {
    for (const init of [
      { method: 'GET', headers: wrongToken(2) },
      { method: 'POST', headers: { ...wrongToken(2), 'content-type': 'application/atom+xml' } },
      { method: 'GET', headers: { ...wrongToken(1), origin: 'https://a.example' } },
      { method: 'OPTIONS', headers: wrongToken(1) },
    ]) {
      const address = newAddress();
      for (let n = 0; n < 8; n++) {
        expect((await requestFrom(address, app.url + feed, init)).status).to.equal(401);
      }
      expect((await requestFrom(address, app.url + feed, init)).status).to.equal(429);
    }
  });

  it('let one through again after Retry-After', async () => {
    const brisk = await startApp({ database: app.database, env: { RATE_FAILED_LOGINS_ADDRESS: '40' } });
    try {
      const address = newAddress();
      const good = bearing(await issue(app, READER));
      let answer = await requestFrom(address, brisk.url + feed, { headers: wrongToken(1) });
      while (answer.status === 401) answer = await requestFrom(address, brisk.url + feed, { headers: wrongToken(1) });
      expect([answer.status, answer.headers['retry-after']]).to.satisfy(
        ([status, seconds]: [number, string]) => status === 429 && /^[12]$/.test(seconds),
      );
      await sleep(Number(answer.headers['retry-after']) * 1000);
      expect((await requestFrom(address, brisk.url + feed, { headers: good })).status).to.equal(200);
    } finally {
      await brisk.stop();
    }
  });

  it('hold up nobody at another address, and nobody without credentials', async () => {
    const address = newAddress();
    await failFrom(address);
    expect(await statusOf(newAddress(), bearing(await issue(app, READER)))).to.equal(200);
    expect((await ask(address, {}, '/')).status).to.equal(200);
    expect(await statusOf(address, {})).to.equal(401);
  });

  it('do not hold up who has got in on this node by the same credentials, from whatever address', async () => {
    const address = newAddress();
    const token = bearing(await issue(app, READER));
    expect(await statusOf(newAddress(), token)).to.equal(200);
    expect(await statusOf(newAddress(), basic('alice'))).to.equal(200);
    await failFrom(address);
    expect(await statusOf(address, token)).to.equal(200);
    expect(await statusOf(address, basic('alice'))).to.equal(200);
    // Beyond the second in which the node need not ask the database.
    await sleep(1_100);
    expect(await statusOf(address, token)).to.equal(200);
    expect(await statusOf(address, basic('alice'))).to.equal(200);
    const admin = { authorization: 'Bearer test-token-0123456789abcdef' };
    expect(await statusOf(address, admin)).to.equal(200);
    expect(await statusOf(address, bearing(await issue(app, READER))), 'one that is new here').to.equal(429);
  });

  it('refuse a token that was good and is revoked as any other that is wrong', async () => {
    const address = newAddress();
    const { id, token } = await issue(app, READER);
    expect(await statusOf(address, bearing({ token }))).to.equal(200);
    expect((await app.request(`/admin/tokens/${id}`, { method: 'DELETE' })).status).to.equal(204);
    await sleep(1_100);
    for (let n = 0; n < 8; n++) expect(await statusOf(address, bearing({ token }))).to.equal(401);
    expect(await statusOf(address, bearing({ token }))).to.equal(429);
  });

  it('keep a name from an address apart: the user gets in from everywhere else, as others do from there', async () => {
    const address = newAddress();
    for (let n = 0; n < 4; n++) expect(await statusOf(address, basic('bob', `guess ${String(n)}`))).to.equal(401);
    const refused = await ask(address, basic('bob'));
    expect([refused.status, refused.headers['ratelimit-policy']]).to.deep.equal([429, '"failed-logins";q=4;w=60']);
    expect(await statusOf(newAddress(), basic('bob'))).to.equal(200);
    expect(await statusOf(address, basic('bob')), 'right, and yet a guess').to.equal(429);
    expect(await statusOf(address, basic('carol'))).to.equal(200);
  });

  it('do not tell a name that is there from one that is not', async () => {
    const told = async (name: string): Promise<unknown[]> => {
      const address = newAddress();
      const answers: unknown[] = [];
      for (let n = 0; n < 6; n++) {
        const { status, headers } = await ask(address, basic(name, `guess ${String(n)}`));
        answers.push([status, headers['ratelimit-policy'], headers['retry-after'] === undefined]);
      }
      return answers;
    };
    expect(await told('dora')).to.deep.equal(await told('nobody'));
  });

  it('do not let a password be guessed in memory while the address is refused', async () => {
    const address = newAddress();
    expect(await statusOf(newAddress(), basic('dora'))).to.equal(200);
    await failFrom(address);
    for (let n = 0; n < 5; n++) expect(await statusOf(address, basic('dora', `guess ${String(n)}`))).to.equal(429);
    expect(await statusOf(address, basic('dora')), 'the guesses are used up').to.equal(429);
    expect(await statusOf(newAddress(), basic('dora'))).to.equal(200);
  });

  it('do not tell a held-up address who is in', async () => {
    const address = newAddress();
    expect(await statusOf(newAddress(), basic('carol'))).to.equal(200);
    await failFrom(address);
    const told = async (name: string): Promise<unknown[]> => {
      const answers: unknown[] = [];
      for (let n = 0; n < 6; n++) {
        const { status, headers } = await ask(address, basic(name, `guess ${String(n)}`));
        answers.push([status, headers['ratelimit-policy']]);
      }
      return answers;
    };
    expect(await told('carol')).to.deep.equal(await told('nobody'));
  });

  it('are not forgotten because of names that are made up: who guesses makes no room for more guesses', async () => {
    // Ten thousand requests would take long over HTTP.
    const pool = openPool({ connectionString: app.database.url }, { size: 1 });
    const db = reader(pool);
    try {
      const users = makeUserMemory({ db, passwords: makePasswords() });
      const [isAdminToken, others] = [() => false, { tokens: undefined, jwts: undefined, keystone: undefined }];
      const inner = makeAuthenticator({ isAdminToken, users, ...others, granted: makeGrantMemory({ db }) });
      const limits = withLoginLimits(inner, {
        quotas: { failedLogins: 4, failedLoginsAddress: 8 },
        tell: () => undefined,
        metrics: { rateLimited: () => undefined },
      });
      const isRefused = (headers: Record<string, string>): boolean => {
        const req: unknown = { headers, clientAddress: '192.0.2.1' };
        try {
          limits.peek(req as Request);
          return false;
        } catch (error) {
          return error instanceof FeedsError && error.code === 'rate-limited';
        }
      };
      expect(await users.ask('alice', PASSWORD)).not.to.equal(null);
      for (let n = 0; n < 8; n++) expect(isRefused({ authorization: 'Bearer guess' })).to.equal(false);
      expect(isRefused(basic('alice')), 'who is in stays in').to.equal(false);
      for (let n = 0; n < 4; n++) expect(isRefused(basic('alice', `guess ${String(n)}`))).to.equal(true);
      expect(isRefused(basic('alice')), 'the guesses are used up').to.equal(true);
      for (let n = 0; n < 10_100; n++) expect(isRefused(basic(`name-${String(n)}`))).to.equal(true);
      expect(isRefused(basic('alice')), 'they still are').to.equal(true);
    } finally {
      await pool.end();
    }
  });

  it('refuse before anything is worked out or looked up', async () => {
    const address = newAddress();
    await failFrom(address);
    const startedAt = performance.now();
    const statuses = await Promise.all(
      Array.from({ length: 200 }, (_, n) => statusOf(address, basic(`nobody${String(n)}`, 'a guess'))),
    );
    expect(new Set(statuses)).to.deep.equal(new Set([429]));
    expect(performance.now() - startedAt, 'worked out, they would take half a minute').to.be.below(8_000);
  });

  it('write nothing down for an address that is refused already, whatever names it tries', async () => {
    const address = newAddress();
    await failFrom(address);
    const rows = async (): Promise<number> => {
      let counted = -1;
      await until('all is written down', async () => {
        const before = counted;
        await sleep(500);
        const [row] = await query<{ n: number }>(app.database.url, 'select count(*)::int as n from rates');
        counted = row?.n ?? 0;
        return counted === before;
      });
      return counted;
    };
    const before = await rows();
    for (let n = 0; n < 20; n++) expect(await statusOf(address, basic(`name-${String(n)}`))).to.equal(429);
    expect(await rows()).to.be.at.most(before);
  });

  it('refuse the rest of those that come at once when enough of them have failed', async () => {
    const address = newAddress();
    const statuses = await Promise.all(Array.from({ length: 100 }, (_, n) => statusOf(address, wrongToken(n))));
    expect(new Set(statuses)).to.deep.equal(new Set([401, 429]));
    expect(await statusOf(address, wrongToken(1))).to.equal(429);
  });
});
