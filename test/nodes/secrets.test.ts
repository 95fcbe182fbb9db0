import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { anEntry } from '../support/build.js';
import { millrace } from '../support/command.js';
import { createDatabase } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';
import { ask } from '../support/log.js';
import { startNode } from '../support/node-process.js';
import type { NodeProcess } from '../support/node-process.js';
import { ENTRY_TYPE } from '../support/publish.js';
import { until } from '../support/waiting.js';

/** Nobody else says this. */
const word = (what: string): string => `${what}-${randomBytes(12).toString('hex')}`;

/** With a password, if only one that Postgres does not ask for. */
function withPassword(url: string, password: string): { url: string; password: string } {
  const given = /^\w+:\/\/[^/@]*:([^/@]+)@/.exec(url)?.[1];
  if (given !== undefined) return { url, password: given };
  return { url: url.replace(/^(\w+:\/\/[^/@]+)@/, `$1:${password}@`), password };
}

/** The text, and what it looks like in Base64, wherever in a longer text it stands, and in a URL. */
function disguises(secret: string): string[] {
  const shifted = [0, 1, 2].map((before) => {
    const bytes = Buffer.from('x'.repeat(before) + secret);
    // The characters that depend on what stands beside it are left out.
    return bytes.toString('base64').slice(before === 0 ? 0 : before + 1, -4);
  });
  return [secret, ...shifted, ...shifted.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))].concat(
    encodeURIComponent(secret),
    Buffer.from(secret).toString('hex'),
  );
}

describe('secrets', function () {
  this.timeout(60_000);

  let database: TestDatabase;
  let node: NodeProcess;
  /** What must not be seen, by what it is. */
  const secrets: Record<string, string> = {
    'the admin token': word('admin'),
    'a wrong token': word('wrong'),
    'a wrong password': word('guess'),
    "a user's password": word('password'),
    'a password that is refused': word('refused'),
    'an X-Auth-Token': word('keystone'),
    'a cookie': word('cookie'),
    'a key in the query': word('query'),
    'a JWT': `eyJhbGciOiJub25lIn0.${word('jwt')}.${word('signature')}`,
    'what stands in a header that is none': word('malformed'),
    'an entry that is published': word('content'),
    'an entry that is refused': word('invalid'),
  };
  /** All answers, but for that which shows a new token. */
  let answers = '';

  before(async () => {
    database = await createDatabase();
    const { url, password } = withPassword(database.url, word('database'));
    secrets["the database's password"] = password;
    node = await startNode({
      DATABASE_URL: url,
      ADMIN_TOKEN: secrets['the admin token'] ?? '',
      AUTH: 'token,basic',
      LOG_LEVEL: 'trace',
    });
  });
  after(async () => {
    await node.kill();
    await database.drop();
  });

  const of = (what: string): string => secrets[what] ?? expect.fail(what);

  async function send(
    path: string,
    headers: Record<string, string> = {},
    method = 'GET',
    body?: string,
  ): Promise<{ status: number; text: string }> {
    const response = await fetch(node.url + path, { method, headers, ...(body === undefined ? {} : { body }) });
    const text = await response.text();
    answers += `${JSON.stringify([...response.headers])}\n${text}\n`;
    return { status: response.status, text };
  }

  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
  const basic = (name: string, password: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
  });
  const json = { 'content-type': 'application/json' };

  async function raw(text: string): Promise<void> {
    const { port, hostname } = new URL(node.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => (answers += chunk.toString()));
    socket.end(text);
    await once(socket, 'close');
  }

  it('are in no line of the log, in no answer and in no metric, whatever is done with them', async () => {
    const admin = bearer(of('the admin token'));
    expect((await send('/admin/feeds/demo/secret', { ...admin, ...json }, 'PUT', '{}')).status).to.be.within(200, 201);

    const made = await fetch(`${node.url}/admin/tokens`, {
      method: 'POST',
      headers: { ...admin, ...json },
      body: JSON.stringify({ name: 'a shop', grants: [{ role: 'publisher', workspace: 'demo' }] }),
    });
    const { token, id } = (await made.json()) as { token: string; id: string };
    secrets['a token of ours'] = token.slice(-43);
    expect((await send('/admin/tokens', admin)).text).to.contain(id);

    // Tokens where they belong, and everywhere else.
    for (const one of [token, of('the admin token'), of('a wrong token'), of('a JWT')]) {
      await send('/feeds/demo/secret', bearer(one));
      await send('/feeds', { 'x-auth-token': one, cookie: `session=${of('a cookie')}` });
      await send('/feeds', { authorization: one });
      await send('/feeds', { authorization: `Digest username="${one}"` });
      // Of what it cannot know to be a secret an id is as good as another.
      if (one !== of('a wrong token')) await send('/feeds/demo/events', { 'x-request-id': one });
      for (const path of ['/feeds/demo/events?access_token=', '/feeds?token=', '/none?api_key=', '/admin/feeds?jwt='])
        await send(`${path}${one}`, admin);
    }
    for (const path of [
      '/feeds/demo/',
      '/',
      '/admin/tokens/',
      '/feeds/demo/events?marker=',
      '/feeds/demo/events?limit=',
    ])
      for (const one of [token, of('the admin token')]) await send(path + one, admin);
    await send(`/feeds/demo/events?x-api-key=${of('a key in the query')}`, admin);
    await send('/feeds', { 'x-auth-token': of('an X-Auth-Token') });

    // Passwords, good and wrong, in bodies that are taken and that are not.
    const password = of("a user's password");
    const user = JSON.stringify({ password, grants: [{ role: 'reader', workspace: 'demo' }] });
    expect((await send('/admin/users/alice', { ...admin, ...json }, 'PUT', user)).status).to.equal(201);
    expect((await send('/feeds/demo/secret', basic('alice', password))).status).to.equal(200);
    await send('/feeds/demo/secret', basic('alice', of('a wrong password')));
    await send('/feeds/demo/secret', basic('nobody', of('a wrong password')));
    const refused = of('a password that is refused');
    for (const body of [
      `{"password": "${refused}", "grants": [`,
      `{"password": ["${refused}"], "grants": []}`,
      `{"password": "${refused}", "grants": [{"role": "king"}]}`,
      `{"password": "${refused}", "password": "${refused}", "grants": []}`,
      `{"password": "${refused.repeat(40)}", "grants": []}`,
      JSON.stringify({ password: { [refused]: refused } }),
    ]) {
      expect((await send('/admin/users/bob', { ...admin, ...json }, 'PUT', body)).status, body).to.be.within(400, 422);
    }

    // Entries: what they say is for who may read them.
    const entry = (text: string): string => anEntry({ content: `<content>${text}</content>` });
    const type = { 'content-type': ENTRY_TYPE };
    const published = entry(of('an entry that is published'));
    const sent = await fetch(`${node.url}/feeds/demo/secret`, {
      method: 'POST',
      headers: { ...bearer(token), ...type },
      body: published,
    });
    expect(sent.status).to.equal(201);
    await send(
      '/feeds/demo/secret',
      { ...bearer(token), ...type },
      'POST',
      `${entry(of('an entry that is refused'))}</x>`,
    );

    // What is no HTTP.
    const malformed = of('what stands in a header that is none');
    await raw(`GET / HTTP/1.1\r\nAuthorization Bearer ${malformed}\r\n\r\n`);
    await raw(`GET / HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${malformed}${'x'.repeat(20_000)}\r\n\r\n`);
    await raw(`POST /feeds/demo/secret HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n${malformed}\r\n`);

    // What goes wrong within: a table is away, and one refuses what is written; then all connections are.
    await ask(database.url, 'alter table users add constraint test_none check (false) not valid');
    await send('/admin/users/carol', { ...admin, ...json }, 'PUT', user);
    await ask(database.url, 'alter table tokens rename to tokens_away');
    await send('/admin/tokens', admin);
    await send('/feeds/demo/secret', bearer(token));
    await sleep(1_100);
    await send('/feeds/demo/secret', bearer(token));
    await ask(database.url, 'alter table tokens_away rename to tokens');
    await ask(
      database.url,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
    );
    await send('/feeds/demo/secret?limit=3', bearer(token));
    expect((await send(`/admin/tokens/${id}`, admin, 'DELETE')).status).to.be.oneOf([200, 204, 503]);
    await send('/feeds/demo/secret', bearer(token));

    const { text: metrics } = await send('/metrics');
    // Lines are written some moments after what they tell of.
    await until('all is logged', () => node.output().includes('"url":"/metrics"'));
    const output = node.output();
    expect(output).to.contain('"code":"23514"').and.to.contain('"level":"debug"');
    for (const [what, secret] of Object.entries(secrets)) {
      for (const text of disguises(secret)) {
        expect(output.includes(text), `${what} is logged: ${around(output, text)}`).to.equal(false);
        expect(answers.includes(text), `${what} is answered: ${around(answers, text)}`).to.equal(false);
        expect(metrics.includes(text), `${what} is in the metrics`).to.equal(false);
      }
    }
  });

  it('are not told by a start that fails', async () => {
    const secret = word('hush');
    const places = ['127.0.0.1:1', '[bad'].map((place) => `postgresql://me:${secret}@${place}/none`);
    const ends = await Promise.all(places.map((url) => millrace(['serve'], { DATABASE_URL: url, PORT: '0' })));
    for (const { code, stdout, stderr } of ends) {
      expect(code).to.equal(1);
      expect(stdout + stderr).not.to.contain(secret);
    }
  });
});

function around(text: string, secret: string): string {
  const at = text.indexOf(secret);
  return text.slice(Math.max(0, at - 300), at + secret.length + 100);
}
