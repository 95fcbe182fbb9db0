import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { Bench } from './bench.js';
import type { GetRequest } from './jobs.js';
import { interleave, median, perSecond, rangeOf } from './measure.js';
import type { Line } from './measure.js';
import { CONNECTIONS, filledTarget, readJob } from './measure-reads.js';
import { TOKEN } from './processes.js';
import type { ServerUnderTest } from './processes.js';

/** What it costs a poll that finds nothing new to be somebody's, and to be counted. */

type Credentials = Readonly<Record<string, string>>;

/** By the bearer of a token of ours. */
export async function measureTokenPoll(bench: Bench): Promise<Line> {
  const { server, hot } = await filledTarget(bench);
  const credentials = await tokenFor(server, [{ role: 'reader' }]);
  return againstAnonymous(bench, 'to the bearer of a token', { server, hot, credentials });
}

/** By the bearer of a token that is bound to a tenant, on a feed that does not change. */
export async function measureTenantPoll(bench: Bench): Promise<Line> {
  const { server, hot } = await filledTarget(bench);
  const credentials = await tokenFor(server, [{ role: 'reader', tenants: ['1', '2', '3'] }]);
  return againstAnonymous(bench, 'to a reader of three tenants', { server, hot, credentials });
}

/** By a JWT of an issuer, with a kilobyte of claims. */
export async function measureJwtPoll(bench: Bench): Promise<Line> {
  const { databaseUrl, hot } = await filledTarget(bench);
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const kid = 'bench';
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }] });
  const issuer = createServer((_req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' }).end(jwks);
  }).listen(0, '127.0.0.1');
  await once(issuer, 'listening');
  const url = `http://127.0.0.1:${String((issuer.address() as AddressInfo).port)}`;
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-auth-'));
  try {
    const file = join(directory, 'auth.json');
    const jwt = {
      issuer: url,
      audience: 'bench',
      jwks: { url },
      algorithms: ['ES256'],
      everyone: [{ role: 'reader' }],
    };
    await writeFile(file, JSON.stringify({ jwt }));
    const server = await bench.server('jwt', { databaseUrl, env: { AUTH: 'token,jwt', AUTH_FILE: file } });
    const token = await new SignJWT({ sub: 'bench', more: 'x'.repeat(700) })
      .setProtectedHeader({ alg: 'ES256', kid })
      .setIssuer(url)
      .setAudience('bench')
      .setExpirationTime('1h')
      .sign(privateKey);
    const credentials = { Authorization: `Bearer ${token}` };
    return await againstAnonymous(bench, 'to the bearer of a JWT', { server, hot, credentials });
  } finally {
    issuer.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Without credentials, where reading is limited, against the same server without limits. */
export async function measureLimitedPoll(bench: Bench): Promise<Line> {
  const { databaseUrl, server, hot } = await filledTarget(bench);
  const most = '100000000';
  const limits = { RATE_READ_ANONYMOUS: most, RATE_READ_ADDRESS: most };
  const limited = await bench.server('limited', { databaseUrl, env: limits });
  // A tag is of one public URL.
  const tags = { limited: await tagOf(limited.url + hot, {}), free: await tagOf(server.url + hot, {}) };
  return compared(
    bench,
    { what: '304 where reading is limited', reference: 'without limits' },
    () => poll(bench, limited.url, hot, tags.limited, {}),
    () => poll(bench, server.url, hot, tags.free, {}),
  );
}

async function tokenFor({ url }: ServerUnderTest, grants: readonly object[]): Promise<Credentials> {
  const issued = await fetch(`${url}/admin/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'bench', grants }),
  });
  const { token } = (await issued.json()) as { token: string };
  return { Authorization: `Bearer ${token}` };
}

/** The same poll with credentials and without. */
async function againstAnonymous(
  bench: Bench,
  whose: string,
  { server, hot, credentials }: { server: ServerUnderTest; hot: string; credentials: Credentials },
): Promise<Line> {
  const theirs = await tagOf(server.url + hot, credentials);
  const anybodys = await tagOf(server.url + hot, {});
  return compared(
    bench,
    { what: `304 ${whose}`, reference: 'without a token' },
    () => poll(bench, server.url, hot, theirs, credentials),
    () => poll(bench, server.url, hot, anybodys, {}),
  );
}

async function tagOf(url: string, credentials: Credentials): Promise<string> {
  const page = await fetch(url, { headers: { 'accept-encoding': 'identity', ...credentials } });
  await page.arrayBuffer();
  return page.headers.get('etag') ?? '';
}

async function poll(bench: Bench, url: string, path: string, tag: string, credentials: Credentials): Promise<number> {
  const request: GetRequest = { method: 'GET', path, headers: { 'If-None-Match': tag, ...credentials } };
  return (await bench.load.run(readJob(bench, url, request, 304))).perSecond;
}

async function compared(
  bench: Bench,
  { what, reference }: { readonly what: string; readonly reference: string },
  ours: () => Promise<number>,
  others: () => Promise<number>,
): Promise<Line> {
  await ours();
  await others();
  const { ratios, ...rates } = await interleave(bench.rounds, ours, others);
  return {
    what,
    ours: perSecond(median(rates.ours)),
    reference: `${perSecond(median(rates.reference))} ${reference}`,
    value: median(ratios),
    range: rangeOf(ratios),
    reach: 0.8,
    aim: 0.9,
    better: 'higher',
    unit: '',
    note: `${String(CONNECTIONS)} connections`,
  };
}
