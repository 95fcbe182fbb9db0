import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { ADMIN_TOKEN, startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { aFeedOf, anEntry } from '../support/build.js';

interface Line {
  readonly kind: string;
  readonly workspace: string;
  readonly feed: string;
  readonly position: number;
  readonly atom_id: string;
  readonly [column: string]: unknown;
}

interface End {
  readonly after: string;
  readonly complete: boolean;
  readonly until: string;
  readonly rows: number;
  readonly lost: readonly unknown[];
}

describe('the export', function () {
  this.timeout(30_000);
  let app: TestApp;
  before(async () => {
    app = await startApp();
  });
  after(() => app.stop());

  const workspace = (): string => `w${randomUUID().slice(0, 8)}`;

  async function feed(path: string, settings: object = {}): Promise<void> {
    const [name = ''] = path.split('/');
    for (const [url, body] of [
      [`/admin/workspaces/${name}`, {}],
      [`/admin/feeds/${path}`, settings],
    ] as const) {
      const headers = { 'content-type': 'application/json' };
      const response = await app.request(url, { method: 'PUT', headers, body: JSON.stringify(body) });
      expect(response.ok, await response.text()).to.equal(true);
    }
  }

  async function publish(path: string, ...titles: string[]): Promise<void> {
    const headers = { 'content-type': 'application/atom+xml;type=feed' };
    const body = aFeedOf(titles.map((title) => ({ title, author: 'a' })));
    const response = await app.request(`/feeds/${path}`, { method: 'POST', headers, body });
    expect(response.status, await response.text()).to.equal(201);
  }

  async function pull(query: string, init: RequestInit = {}): Promise<{ lines: Line[]; end: End }> {
    const response = await app.request(`/export?${query}`, init);
    const text = await response.text();
    expect(response.status, text).to.equal(200);
    expect(response.headers.get('content-type')).to.equal('application/x-ndjson');
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
    const end = lines.pop();
    expect(end?.kind).to.equal('end');
    return { lines, end: end as unknown as End };
  }

  const places = (lines: readonly Line[]): string[] => lines.map((line) => `${line.feed}/${String(line.position)}`);

  it('gives the entries of many feeds in the order in which they were published, and then what is new', async () => {
    const w = workspace();
    await feed(`${w}/a`);
    await feed(`${w}/b`);
    await publish(`${w}/a`, 'one', 'two');
    await publish(`${w}/b`, 'three');
    await publish(`${w}/a`, 'four');
    const first = await pull(`feeds=${w}/*`);
    expect(places(first.lines)).to.deep.equal(['a/1', 'a/2', 'b/1', 'a/3']);
    expect(first.end).to.include({ rows: 4, complete: false });
    expect((await pull(`feeds=${w}/*&after=${first.end.after}`)).lines).to.deep.equal([]);
    await feed(`${w}/c`);
    await publish(`${w}/c`, 'five');
    await publish(`${w}/b`, 'six');
    const next = await pull(`feeds=${w}/*&after=${first.end.after}`);
    expect(places(next.lines)).to.deep.equal(['c/1', 'b/2']);
    const again = await pull(`feeds=${w}/*&after=${first.end.after}`);
    expect(again.lines).to.deep.equal(next.lines);
    for (const { end } of [next, again])
      expect((await pull(`feeds=${w}/*&after=${end.after}`)).lines).to.deep.equal([]);
  });

  it('goes on from any number of rows, in the middle of a batch too', async () => {
    const w = workspace();
    await feed(`${w}/a`);
    await feed(`${w}/b`);
    await publish(`${w}/a`, ...Array.from({ length: 7 }, (_, n) => `a ${String(n)}`));
    await publish(`${w}/b`, ...Array.from({ length: 6 }, (_, n) => `b ${String(n)}`));
    const all = places((await pull(`feeds=${w}/*`)).lines);
    for (const limit of [1, 2, 5, 13]) {
      const seen: string[] = [];
      for (let after = ''; ;) {
        const { lines, end } = await pull(`feeds=${w}/*&limit=${String(limit)}&after=${after}`);
        expect(lines.length).to.be.at.most(limit);
        if (lines.length === 0) break;
        seen.push(...places(lines));
        after = end.after;
      }
      expect(seen, String(limit)).to.deep.equal(all);
    }
  });

  it('has each entry as a row of typed columns', async () => {
    const w = workspace();
    await feed(`${w}/a`);
    const content = '<content type="application/xml"><e xmlns="urn:x" n="1"><of>two</of></e></content>';
    const entry = anEntry({
      id: 'urn:export:1',
      title: 't',
      author: 'a',
      published: '2026-01-02T03:04:05+01:00',
      updated: '2026-01-02T03:04:05.5Z',
      categories: ['tid:7', 'type:x.y', 'other'],
      content,
    });
    const headers = { 'content-type': 'application/atom+xml' };
    await app.request(`/feeds/${w}/a`, { method: 'POST', headers, body: entry });
    const [row] = (await pull(`feeds=${w}/a`)).lines;
    const { recorded_at: recordedAt, ...others } = row!;
    expect(recordedAt).to.match(/^\d{4}-.*Z$/);
    expect(others).to.deep.equal({
      workspace: w,
      feed: 'a',
      position: 1,
      atom_id: 'urn:export:1',
      event_type: 'x.y',
      tenant: '7',
      categories: ['tid:7', 'type:x.y', 'other'],
      published: '2026-01-02T02:04:05.000Z',
      updated: '2026-01-02T03:04:05.500Z',
      kind: 'entry',
      schema_version: null,
      content_type: 'application/xml',
      content_xml: '<e xmlns="urn:x" n="1"><of>two</of></e>',
      content_json: { e: { '@type': 'urn:x', n: '1', of: { '@text': 'two' } } },
    });
    const csv = await (
      await app.request(`/export?feeds=${w}/a&format=csv&columns=feed,position,categories,schema_version`)
    ).text();
    expect(csv).to.equal('feed,position,categories,schema_version\r\na,1,"[""tid:7"",""type:x.y"",""other""]",\r\n');
  });

  it('has whatever content there is', async () => {
    const w = workspace();
    await feed(`${w}/a`);
    const long = 'x'.repeat(70_000);
    const contents: readonly (readonly [content: string, type: string | null, xml: string | null, json: unknown])[] = [
      ['<link rel="alternate" href="http://example.org/"/>', null, null, null],
      ['<content>a "text" &amp; \u2028</content>', 'text/plain', null, 'a "text" & \u2028'],
      ['<content type="html">&lt;b>b&lt;/b></content>', 'text/html', null, '<b>b</b>'],
      ['<content type="image/png">AAEC</content><summary>s</summary>', 'image/png', null, 'AAEC'],
      ['<content type="application/json">{"a":\n [1]}</content>', 'application/json', null, { a: [1] }],
      [
        '<content type="text/csv" src="http://example.org/x"/><summary>s</summary>',
        'text/csv',
        null,
        { src: 'http://example.org/x' },
      ],
      [
        `<content type="text/xml"><e xmlns=""><f>${long}</f></e></content>`,
        'text/xml',
        `<e><f>${long}</f></e>`,
        { e: { '@type': '', f: { '@text': long } } },
      ],
      [
        '<content type="application/atom+xml"><entry><title>within</title></entry></content>',
        'application/atom+xml',
        '<entry xmlns="http://www.w3.org/2005/Atom"><title>within</title></entry>',
        { entry: { title: 'within' } },
      ],
    ];
    for (const [content] of contents) {
      const headers = { 'content-type': 'application/atom+xml' };
      const body = anEntry({ author: 'a', content });
      const response = await app.request(`/feeds/${w}/a`, { method: 'POST', headers, body });
      expect(response.status, await response.text()).to.equal(201);
    }
    const { lines } = await pull(`feeds=${w}/a&columns=content_type,content_xml,content_json`);
    for (const [n, [, type, xml, json]] of contents.entries()) {
      const { content_type, content_xml, content_json } = lines[n]!;
      expect({ content_type, content_xml, content_json }).to.deep.equal({
        content_type: type,
        content_xml: xml,
        content_json: json,
      });
    }
  });

  it('has revisions and tombstones, each where it was recorded', async () => {
    const w = workspace();
    await feed(`${w}/a`, { editable: true });
    const headers = { 'content-type': 'application/atom+xml' };
    const posted = await app.request(`/feeds/${w}/a`, {
      method: 'POST',
      headers,
      body: anEntry({ id: 'urn:e:1', author: 'a' }),
    });
    const location = posted.headers.get('location') ?? '';
    const etag = posted.headers.get('etag') ?? '';
    const put = await app.request(location, {
      method: 'PUT',
      headers: { ...headers, 'if-match': etag },
      body: anEntry({ id: 'urn:e:1', author: 'a', title: 'revised' }),
    });
    expect(put.status).to.equal(200);
    expect((await app.request(location, { method: 'DELETE' })).status).to.be.below(300);
    const { lines } = await pull(`feeds=${w}/a`);
    expect(lines.map(({ kind, position }) => [kind, position])).to.deep.equal([
      ['entry', 1],
      ['revision', 2],
      ['tombstone', 3],
    ]);
    expect(lines[2]).to.include({ atom_id: 'urn:e:1', content_type: null });
  });

  describe('of a window', () => {
    it('is complete once its end has passed, on an idle log too, and the same each time', async () => {
      const w = workspace();
      await feed(`${w}/a`);
      await publish(`${w}/a`, 'before');
      // An instant in JavaScript has milliseconds: it must not be of the same one.
      await new Promise((resolve) => setTimeout(resolve, 5));
      const from = new Date().toISOString();
      await publish(`${w}/a`, 'within');
      await new Promise((resolve) => setTimeout(resolve, 5));
      const to = new Date().toISOString();
      const open = await pull(`feeds=${w}/a&from=${from}&to=${new Date(Date.now() + 60_000).toISOString()}`);
      expect(open.end.complete).to.equal(false);
      const { lines, end } = await pull(`feeds=${w}/a&from=${from}&to=${to}`);
      expect(places(lines)).to.deep.equal(['a/2']);
      expect(end.complete).to.equal(true);
      expect(Date.parse(end.until)).to.equal(Date.parse(to));
      await publish(`${w}/a`, 'after');
      const again = await pull(`feeds=${w}/a&from=${from}&to=${to}`);
      expect(again.lines).to.deep.equal(lines);
      expect({ ...again.end, after: '' }).to.deep.equal({ ...end, after: '' });
      for (const { after } of [end, again.end]) {
        const rest = await pull(`feeds=${w}/a&from=${from}&to=${to}&after=${after}`);
        expect([rest.lines, rest.end.complete]).to.deep.equal([[], true]);
      }
    });

    it('may begin or end at any time there is, whatever Postgres takes for one', async () => {
      const w = workspace();
      await feed(`${w}/a`);
      await publish(`${w}/a`, 'one');
      for (const from of [
        '0000-01-01T00:00:00Z',
        '1969-12-31T23:59:59.999999Z',
        '2020-01-01T00:00:00.1234567%2B23:00',
      ]) {
        const { lines, end } = await pull(`feeds=${w}/a&from=${from}`);
        expect(places(lines), from).to.deep.equal(['a/1']);
        const before = await pull(`feeds=${w}/a&to=${from}`);
        expect([before.lines, before.end.complete], from).to.deep.equal([[], true]);
        expect((await pull(`feeds=${w}/a&to=${from}&after=${before.end.after}`)).lines, from).to.deep.equal([]);
        expect((await pull(`feeds=${w}/a&from=${from}&after=${end.after}`)).lines, from).to.deep.equal([]);
      }
    });

    it('is refused where it is none', async () => {
      const later = new Date(Date.now() + 60_000).toISOString();
      for (const query of [
        `from=${later}`,
        'from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
        'from=2026-01-01T00:00:00Z&from=2026-01-02T00:00:00Z',
        'from=yesterday',
        'to=2026',
      ]) {
        expect((await app.request(`/export?${query}`)).status, query).to.equal(400);
      }
    });
  });

  it('refuses what it does not know, and tokens that are not for this', async () => {
    const w = workspace();
    await feed(`${w}/a`);
    await publish(`${w}/a`, 'one');
    const { end } = await pull(`feeds=${w}/a`);
    const flipped = `${end.after.slice(0, 20)}${end.after[20] === 'A' ? 'B' : 'A'}${end.after.slice(21)}`;
    for (const query of [
      'fedes=x/y',
      'feeds=x',
      'feeds=*/a',
      'limit=0',
      'limit=many',
      `feeds=${w}/a&feeds=${w}/b`,
      'columns=title',
      'after=x1.abc',
      `feeds=${w}/a&after=${flipped}`,
      `feeds=${w}/*&after=${end.after}`,
      `feeds=${w}/a&from=2026-01-01T00:00:00Z&after=${end.after}`,
      'format=xlsx',
    ]) {
      const response = await app.request(`/export?${query}`);
      expect([response.status, response.headers.get('content-type')], query).to.deep.equal([
        400,
        'application/problem+json',
      ]);
    }
    expect((await app.request(`/export?feeds=${w}/none`)).status).to.equal(404);
    expect((await app.request('/export', { method: 'POST' })).status).to.equal(405);
  });

  it('is for those only who may export, of what they may', async () => {
    const w = workspace();
    await feed(`${w}/a`);
    await feed(`${w}/b`);
    await publish(`${w}/a`, 'one');
    await publish(`${w}/b`, 'one');
    const as = async (grants: readonly object[], query: string): Promise<Response> => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ name: 't', grants });
      const made = await app.request('/admin/tokens', { method: 'POST', headers, body });
      const { token } = (await made.json()) as { token: string };
      return app.request(`/export?${query}`, { headers: { authorization: `Bearer ${token}` } });
    };
    expect((await app.request('/export', { anonymous: true })).status).to.equal(401);
    expect((await as([{ role: 'reader' }], '')).status).to.equal(403);
    const own = [{ role: 'exporter', workspace: w, feed: 'a' }];
    expect((await as(own, `feeds=${w}/b`)).status).to.equal(404);
    const text = await (await as(own, `feeds=*`)).text();
    expect(text.split('\n').filter((line) => line.includes('"workspace":')).length).to.equal(1);
  });

  it('gives whoever is bound to tenants theirs alone, without positions', async () => {
    const w = workspace();
    const tenant = String.raw`a'b\c{d},e$1`;
    const mine = `tid:${tenant}`;
    await feed(`${w}/a`);
    const headers = { 'content-type': 'application/atom+xml;type=feed' };
    const body = aFeedOf(
      [[mine], ['tid:2'], [mine, 'cloudfeeds:private'], ['tid:2', mine], ['x']].map((categories) => ({
        categories,
        author: 'a',
      })),
    );
    await app.request(`/feeds/${w}/a`, { method: 'POST', headers, body });
    const issued = await app.request('/admin/tokens', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 't', grants: [{ role: 'exporter', workspace: w, tenants: [tenant] }] }),
    });
    const { token } = (await issued.json()) as { token: string };
    const own = (query: string): ReturnType<typeof pull> =>
      pull(`feeds=${w}/*&${query}`, { headers: { authorization: `Bearer ${token}` } });
    const { lines, end } = await own('');
    expect(lines.map(({ position, categories }) => [position, categories])).to.deep.equal([
      [null, [mine]],
      [null, ['tid:2', mine]],
    ]);
    expect(end.rows).to.equal(2);
    expect(end, 'when others published last').not.to.have.property('until');
    const again = await own(`after=${end.after}`);
    const once = await own(`after=${end.after}`);
    expect(again.end.after, 'whether others have published').not.to.equal(once.end.after);
    const { end: first } = await own('limit=1');
    await publish(`${w}/a`, 'of nobody');
    await app.request(`/admin/feeds/${w}/a?confirm=${w}/a`, { method: 'DELETE' });
    expect((await own(`after=${end.after}`)).end.lost, 'of what others had').to.deep.equal([]);
    expect((await own(`after=${first.after}`)).end.lost).to.deep.equal([
      { workspace: w, feed: 'a', entries: null, atMost: false },
    ]);
  });

  it('tells what retention has taken behind the token, and what a deleted feed had', async () => {
    const w = workspace();
    await feed(`${w}/a`);
    await feed(`${w}/b`);
    await publish(`${w}/a`, 'one', 'two');
    await publish(`${w}/b`, 'one');
    const { end } = await pull(`feeds=${w}/*&limit=1`);
    const client = new pg.Client({ connectionString: app.database.url });
    await client.connect();
    await client.query(
      'update heads set first_kept = 3 where feed_id = (select feed_id from feeds where workspace = $1 and name = $2)',
      [w, 'a'],
    );
    await client.end();
    const first = await pull(`feeds=${w}/*&after=${end.after}`);
    expect(places(first.lines)).to.deep.equal(['b/1']);
    expect(first.end.lost).to.deep.equal([{ workspace: w, feed: 'a', entries: 1, atMost: false }]);
    expect((await pull(`feeds=${w}/*&after=${first.end.after}`)).end.lost, 'told once').to.deep.equal([]);
    await publish(`${w}/b`, 'two');
    await app.request(`/admin/feeds/${w}/b?confirm=${w}/b`, { method: 'DELETE' });
    const second = await pull(`feeds=${w}/*&after=${first.end.after}`);
    expect(second.lines).to.deep.equal([]);
    expect(second.end.lost).to.deep.equal([{ workspace: w, feed: 'b', entries: 1, atMost: false }]);
  });

  it('tells of what was taken when it comes to where that was, and then no more', async () => {
    const w = workspace();
    await feed(`${w}/a`);
    await feed(`${w}/b`);
    await publish(`${w}/a`, 'one');
    const { end } = await pull(`feeds=${w}/*`);
    for (const path of ['b', 'b', 'a', 'a', 'b']) await publish(`${w}/${path}`, 'next');
    const client = new pg.Client({ connectionString: app.database.url });
    await client.connect();
    await client.query(
      'update heads set first_kept = 4 where feed_id = (select feed_id from feeds where workspace = $1 and name = $2)',
      [w, 'a'],
    );
    await client.end();
    const told: unknown[] = [];
    for (let { after } = end, at = 0; at < 4; at++) {
      const { lines, end: next } = await pull(`feeds=${w}/*&limit=1&after=${after}`);
      told.push([places(lines), next.lost]);
      after = next.after;
    }
    const lost = [{ workspace: w, feed: 'a', entries: 2, atMost: false }];
    expect(told).to.deep.equal([
      [['b/1'], []],
      [['b/2'], []],
      [['b/3'], lost],
      [[], []],
    ]);
  });

  it('has no times that four digits of a year do not tell', async () => {
    const w = workspace();
    await feed(`${w}/a`);
    for (const updated of ['9999-12-31T23:59:59-01:00', '0000-01-01T00:00:00+01:00', '9999-12-31T23:59:59+01:00']) {
      const headers = { 'content-type': 'application/atom+xml' };
      const body = anEntry({ author: 'a', updated });
      expect((await app.request(`/feeds/${w}/a`, { method: 'POST', headers, body })).status).to.equal(201);
    }
    const { lines } = await pull(`feeds=${w}/a`);
    expect(lines.map(({ updated }) => updated)).to.deep.equal([null, null, '9999-12-31T22:59:59.000Z']);
  });

  it('reads the same of many feeds as of few', async () => {
    const w = workspace();
    for (let n = 0; n < 60; n++) await feed(`${w}/f${String(n)}`);
    for (let n = 0; n < 60; n += 1) await publish(`${w}/f${String((n * 7) % 60)}`, 'one', 'two');
    const all = await pull(`feeds=${w}/*`);
    expect(all.lines).to.have.length(120);
    const seen: string[] = [];
    for (let after = ''; ;) {
      const { lines, end } = await pull(`feeds=${w}/*&limit=7&after=${after}`);
      if (lines.length === 0) break;
      seen.push(...places(lines));
      after = end.after;
    }
    expect(seen).to.deep.equal(places(all.lines));
    const few = await pull(`feeds=${Array.from({ length: 20 }, (_, n) => `${w}/f${String(n)}`).join(',')}`);
    const names = new Set(few.lines.map((line) => line.feed));
    expect(places(few.lines)).to.deep.equal(places(all.lines.filter((line) => names.has(line.feed))));
  });

  it('misses nothing and doubles nothing while many publish', async () => {
    const w = workspace();
    const names = ['a', 'b', 'c'];
    for (const name of names) await feed(`${w}/${name}`);
    const seen: string[] = [];
    let published = 0;
    const publishers = Promise.all(
      Array.from({ length: 6 }, async (_, n) => {
        for (let round = 0; round < 15; round++) {
          const titles = Array.from(
            { length: 1 + ((n + round) % 4) },
            (__, at) => `${String(n)} ${String(round)} ${String(at)}`,
          );
          await publish(`${w}/${names[(n + round) % 3] ?? ''}`, ...titles);
        }
        published += 1;
      }),
    );
    let after = '';
    for (let last = false; ; last = published === 6) {
      const { lines, end } = await pull(`feeds=${w}/*&limit=5&after=${after}`);
      seen.push(...places(lines));
      after = end.after;
      if (lines.length === 0 && last) break;
    }
    await publishers;
    expect(new Set(seen).size, 'none is there twice').to.equal(seen.length);
    expect(seen).to.deep.equal(places((await pull(`feeds=${w}/*`)).lines));
    for (const name of names) {
      const positions = seen.filter((place) => place.startsWith(`${name}/`)).map((place) => Number(place.slice(2)));
      expect(positions).to.deep.equal(positions.map((_, index) => index + 1));
    }
  });

  it('is told by its missing end to have been cut off, and goes on from where it began', async () => {
    const w = workspace();
    await feed(`${w}/a`);
    for (let batch = 0; batch < 3; batch++) {
      await publish(`${w}/a`, ...Array.from({ length: 1_000 }, (_, n) => `${String(batch)} ${String(n)}`));
    }
    const abort = new AbortController();
    const response = await app.request(`/export?feeds=${w}/a`, { signal: abort.signal });
    const { value } = (await response.body!.getReader().read()) as { value: Uint8Array };
    abort.abort();
    const begun = Buffer.from(value).toString();
    expect(begun).not.to.contain('"kind":"end"');
    const { lines, end } = await pull(`feeds=${w}/a`);
    expect(end.rows).to.equal(3_000);
    expect(lines.map((line) => line.position)).to.deep.equal(Array.from({ length: 3_000 }, (_, n) => n + 1));
    const whole = await (await app.request(`/export?feeds=${w}/a`)).text();
    expect(whole.startsWith(begun)).to.equal(true);
  });

  it('tells its end in trailers too, and only its head to HEAD', async () => {
    const w = workspace();
    await feed(`${w}/a`);
    await publish(`${w}/a`, 'one');
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'accept-encoding': 'gzip', accept: 'text/csv' };
      get(`${app.url}/export?feeds=${w}/a`, { headers }, resolve).on('error', reject);
    });
    const pieces: Buffer[] = [];
    for await (const piece of answer) pieces.push(piece as Buffer);
    expect(answer.headers).to.include({
      'content-encoding': 'gzip',
      'content-type': 'text/csv; charset=utf-8; header=present',
    });
    expect(gunzipSync(Buffer.concat(pieces)).toString()).to.match(/^workspace,feed,position,.*\r\nw[^\r]*\r\n$/s);
    const { 'millrace-export-after': after, ...told } = answer.trailers;
    expect(told).to.include({ 'millrace-export-rows': '1', 'millrace-export-complete': 'false' });
    expect((await pull(`feeds=${w}/a&after=${String(after)}`)).lines).to.deep.equal([]);
    const head = await app.request(`/export?feeds=${w}/a`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type'), await head.text()]).to.deep.equal([
      200,
      'application/x-ndjson',
      '',
    ]);
  });

  it('refuses a token from beyond a log that was put back, with the last common place', async () => {
    const w = workspace();
    await feed(`${w}/a`);
    await publish(`${w}/a`, 'one');
    const { end } = await pull(`feeds=${w}/a`);
    await publish(`${w}/a`, 'two');
    const { end: beyond } = await pull(`feeds=${w}/a`);
    const client = new pg.Client({ connectionString: app.database.url });
    await client.connect();
    // As a restore would leave it: the log without its end.
    await client.query('begin');
    const { rows } = await client.query<{ feed: number }>('select feed_id as feed from feeds where workspace = $1', [
      w,
    ]);
    await client.query('delete from entries where feed_id = $1 and position = 2', [rows[0]?.feed]);
    await client.query('delete from ticks where feed_id = $1 and last_position = 2', [rows[0]?.feed]);
    await client.query('commit');
    await client.end();
    const refused = await app.request(`/export?feeds=${w}/a&after=${beyond.after}`);
    expect(refused.status).to.equal(409);
    const { lastCommon } = (await refused.json()) as { lastCommon: string };
    expect((await pull(`feeds=${w}/a&after=${lastCommon}`)).lines).to.deep.equal([]);
    expect((await pull(`feeds=${w}/a&after=${end.after}`)).lines).to.deep.equal([]);
  });
});
