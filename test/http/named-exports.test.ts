import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { get } from 'node:http';
import pg from 'pg';
import { ADMIN_TOKEN, startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { auditPublished } from '../support/audit.js';
import { aFeedOf } from '../support/build.js';
import { createDatabase } from '../support/database.js';
import { deleteFeed } from '../support/deletion.js';
import { bearing, issue } from '../support/tokens.js';
import { until } from '../support/waiting.js';

interface Line {
  readonly feed: string;
  readonly position: number;
  readonly [column: string]: unknown;
}

interface End {
  readonly kind: 'end';
  readonly batch: string | null;
  readonly receipt: string | null;
  readonly until?: string;
  readonly rows: number;
  readonly lost: readonly unknown[];
}

interface Lag {
  readonly entries: number;
  readonly lost: number;
  readonly seconds: number;
  readonly feeds: readonly { workspace: string; feed: string; entries: number; lost: number; seconds: number }[];
}

interface Shown {
  readonly name: string;
  readonly pending?: { batch: string; rows: number };
  readonly acknowledged?: { batch: string };
  readonly beyondLog?: boolean;
  readonly until?: string;
  readonly lag: Lag;
  readonly [member: string]: unknown;
}

const JSON_BODY = { 'content-type': 'application/json' };

describe('named exports', function () {
  this.timeout(60_000);
  let app: TestApp;
  before(async () => {
    app = await startApp();
  });
  after(() => app.stop());

  const fresh = (): string => `w${randomUUID().slice(0, 8)}`;

  function send(method: string, path: string, body?: unknown, to: TestApp = app): Promise<Response> {
    const init = body === undefined ? {} : { headers: JSON_BODY, body: JSON.stringify(body) };
    return to.request(path, { method, ...init });
  }

  async function feed(path: string, settings: object = {}): Promise<void> {
    const [workspace = ''] = path.split('/');
    for (const [url, body] of [
      [`/admin/workspaces/${workspace}`, {}],
      [`/admin/feeds/${path}`, settings],
    ] as const) {
      const response = await send('PUT', url, body);
      expect(response.ok, await response.text()).to.equal(true);
    }
  }

  async function publish(path: string, count = 1, to: TestApp = app): Promise<void> {
    const headers = { 'content-type': 'application/atom+xml;type=feed' };
    const body = aFeedOf(Array.from({ length: count }, (_, n) => ({ title: String(n), author: 'a' })));
    const response = await to.request(`/feeds/${path}`, { method: 'POST', headers, body });
    expect(response.status, await response.text()).to.equal(201);
  }

  async function put(name: string, feeds: readonly string[], more: object = {}): Promise<Shown> {
    const response = await send('PUT', `/admin/exports/${name}`, { feeds, ...more });
    const text = await response.text();
    expect(response.status, text).to.be.oneOf([200, 201]);
    return JSON.parse(text) as Shown;
  }

  async function pullText(name: string, to: TestApp = app): Promise<string> {
    const response = await to.request(`/export/${name}`);
    const text = await response.text();
    expect(response.status, text).to.equal(200);
    return text;
  }

  async function pull(name: string, to: TestApp = app): Promise<{ lines: Line[]; end: End }> {
    const lines = (await pullText(name, to))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    const end = lines.pop() as End;
    expect(end.kind).to.equal('end');
    expect(end.rows).to.equal(lines.length);
    return { lines: lines as Line[], end };
  }

  const ack = (name: string, receipt: string | null, to: TestApp = app): Promise<Response> =>
    send('POST', `/export/${name}/ack`, { receipt }, to);

  async function acked(name: string, { receipt }: End, to: TestApp = app): Promise<{ acknowledged: string; lag: Lag }> {
    const response = await ack(name, receipt, to);
    const text = await response.text();
    expect(response.status, text).to.equal(200);
    return JSON.parse(text) as { acknowledged: string; lag: Lag };
  }

  /** All that there is, batch by batch. */
  async function drain(name: string, to: TestApp = app): Promise<string[]> {
    const seen: string[] = [];
    for (;;) {
      const { lines, end } = await pull(name, to);
      if (end.receipt === null) return seen;
      seen.push(...places(lines));
      await acked(name, end, to);
    }
  }

  async function shown(name: string): Promise<Shown> {
    return (await (await send('GET', `/admin/exports/${name}`)).json()) as Shown;
  }

  async function query(text: string, values: unknown[] = []): Promise<void> {
    const client = new pg.Client({ connectionString: app.database.url });
    await client.connect();
    await client.query(text, values).finally(() => client.end());
  }

  const places = (lines: readonly Line[]): string[] => lines.map((line) => `${line.feed}/${String(line.position)}`);

  it('give a batch, the same until it is acknowledged whatever is published and changed meanwhile, then the next', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await feed(`${w}/b`);
    await publish(`${w}/a`, 2);
    await publish(`${w}/b`);
    await put(w, [`${w}/*`]);
    const text = await pullText(w);
    const { lines, end } = await pull(w);
    expect(places(lines)).to.deep.equal(['a/1', 'a/2', 'b/1']);
    await publish(`${w}/a`);
    await feed(`${w}/c`);
    await publish(`${w}/c`);
    await put(w, [`${w}/c`], { format: 'csv', columns: ['feed', 'position'], batchRows: 1 });
    expect(await pullText(w)).to.equal(text);
    expect((await shown(w)).pending).to.include({ batch: end.batch, rows: 3 });
    expect((await acked(w, end)).acknowledged).to.equal(end.batch);
    expect(await pullText(w)).to.equal('feed,position\r\nc,1\r\n');
  });

  it('end with a receipt in trailers too, and with none where there is nothing new', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await publish(`${w}/a`);
    await put(w, [`${w}/a`], { format: 'csv' });
    const response = await app.request(`/export/${w}`);
    expect(response.headers.get('content-type')).to.contain('text/csv');
    expect(response.headers.get('trailer')).to.contain('Millrace-Export-Receipt');
    const batch = response.headers.get('millrace-export-batch');
    await response.text();
    expect((await shown(w)).pending?.batch).to.equal(batch);
    await put(w, [`${w}/a`]);
    const { end } = await csvEnd(w);
    await acked(w, end);
    const idle = await pull(w);
    expect(idle.lines).to.deep.equal([]);
    expect(idle.end).to.include({ batch: null, receipt: null, rows: 0 });
    expect((await send('POST', `/export/${w}/ack`, idle.end)).status, 'as the end line stands').to.equal(200);
    const head = await app.request(`/export/${w}`, { method: 'HEAD' });
    expect([head.status, await head.text()]).to.deep.equal([200, '']);
  });

  /** The receipt of a batch of CSV, out of its trailers. */
  function csvEnd(name: string): Promise<{ end: End }> {
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
      get(`${app.url}/export/${name}`, { headers }, (answer) => {
        answer.resume().on('end', () => {
          const receipt = answer.trailers['millrace-export-receipt'] ?? null;
          resolve({ end: { receipt } as End });
        });
      }).on('error', reject);
    });
  }

  it('take a receipt twice, and no other', async () => {
    const [w, other] = [fresh(), fresh()];
    await feed(`${w}/a`);
    await publish(`${w}/a`, 3);
    for (const name of [w, other]) await put(name, [`${w}/a`], { batchRows: 1 });
    const first = await pull(w);
    const foreign = await pull(other);
    const refused = await ack(w, foreign.end.receipt);
    expect(refused.status).to.equal(409);
    expect(await refused.json()).to.include({ pending: first.end.batch, acknowledged: null });
    await acked(w, first.end);
    await acked(w, first.end);
    const second = await pull(w);
    expect(places(second.lines)).to.deep.equal(['a/2']);
    expect((await acked(w, first.end)).acknowledged, 'a retry that comes late').to.equal(first.end.batch);
    expect((await pull(w)).end).to.deep.equal(second.end);
    await acked(w, second.end);
    expect((await ack(w, first.end.receipt)).status, 'an older one').to.equal(409);
    const flipped = `${first.end.receipt!.slice(0, -4)}${first.end.receipt!.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;
    for (const made of [flipped, 'r1.abc', '']) expect((await ack(w, made)).status, made).to.equal(400);
    expect((await send('POST', `/export/${w}/ack`, {})).status).to.equal(422);
    await send('DELETE', `/admin/exports/${w}`);
    await put(w, [`${w}/a`], { batchRows: 1 });
    expect((await pull(w)).end.batch).not.to.equal(first.end.batch);
    expect((await ack(w, first.end.receipt)).status, 'of what had the name before').to.equal(409);
  });

  it('give those who pull at once the same batch, and take their receipts', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await publish(`${w}/a`, 5);
    await put(w, [`${w}/a`], { batchRows: 2 });
    const publishing = Promise.all(Array.from({ length: 10 }, () => publish(`${w}/a`)));
    const texts = await Promise.all(Array.from({ length: 8 }, () => pullText(w)));
    await publishing;
    expect(new Set(texts).size).to.equal(1);
    const { end } = await pull(w);
    await Promise.all(Array.from({ length: 5 }, () => acked(w, end)));
    expect(places((await pull(w)).lines)).to.deep.equal(['a/3', 'a/4']);
  });

  it('end a batch in the middle of what was published at once', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await feed(`${w}/b`);
    await publish(`${w}/a`, 7);
    await publish(`${w}/b`, 6);
    for (const batchRows of [1, 4, 7, 13, 100]) {
      const name = `${w}-${String(batchRows)}`;
      await put(name, [`${w}/*`], { batchRows });
      const seen: number[] = [];
      const all: string[] = [];
      for (;;) {
        const { lines, end } = await pull(name);
        if (end.receipt === null) break;
        seen.push(lines.length);
        all.push(...places(lines));
        await acked(name, end);
      }
      expect(seen.slice(0, -1).every((rows) => rows === batchRows)).to.equal(true);
      expect(all, String(batchRows)).to.deep.equal([
        ...Array.from({ length: 7 }, (_, n) => `a/${String(n + 1)}`),
        ...Array.from({ length: 6 }, (_, n) => `b/${String(n + 1)}`),
      ]);
    }
  });

  it('give each entry once while many publish on two nodes and both are pulled from, and after a restart', async () => {
    const w = fresh();
    const names = ['a', 'b', 'c'];
    for (const name of names) await feed(`${w}/${name}`);
    await put(w, [`${w}/*`], { batchRows: 7 });
    let other = await startApp({ database: app.database });
    try {
      const seen: string[] = [];
      let published = 0;
      const publishers = Promise.all(
        Array.from({ length: 4 }, async (_, n) => {
          for (let round = 0; round < 12; round++) {
            await publish(`${w}/${names[(n + round) % 3] ?? ''}`, 1 + ((n + round) % 4), n % 2 === 0 ? app : other);
          }
          published += 1;
        }),
      );
      for (let turn = 0, last = false; ; turn++, last = published === 4) {
        const { lines, end } = await pull(w, turn % 2 === 0 ? app : other);
        if (end.receipt === null && last) break;
        if (end.receipt === null) continue;
        seen.push(...places(lines));
        await acked(w, end, turn % 3 === 0 ? app : other);
      }
      await publishers;
      await publish(`${w}/a`, 2);
      const before = await pullText(w);
      await other.stop();
      other = await startApp({ database: app.database });
      expect(await pullText(w, other), 'after a restart').to.equal(before);
      seen.push(...(await drain(w, other)));
      expect(new Set(seen).size, 'none is there twice').to.equal(seen.length);
      for (const name of names) {
        const positions = seen.filter((place) => place.startsWith(`${name}/`)).map((place) => Number(place.slice(2)));
        expect(positions).to.deep.equal(positions.map((_, index) => index + 1));
      }
      expect(seen).to.have.length(4 * 12 * 2.5 + 2);
    } finally {
      await other.stop();
    }
  });

  it('begin where they were made to, and are put back by an admin', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await publish(`${w}/a`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const from = new Date().toISOString();
    await publish(`${w}/a`, 2);
    await put(w, [`${w}/a`], { from });
    expect((await send('PUT', `/admin/exports/${w}`, { feeds: [`${w}/a`], from })).status, 'the same again').to.equal(
      200,
    );
    const elsewhere = { feeds: [`${w}/a`], from: '2020-01-01T00:00:00Z' };
    expect((await send('PUT', `/admin/exports/${w}`, elsewhere)).status).to.equal(409);
    const { lines, end } = await pull(w);
    expect(places(lines)).to.deep.equal(['a/2', 'a/3']);
    const reset = (to: string): Promise<Response> => send('POST', `/admin/exports/${w}/reset`, { to });
    expect((await reset('start')).status).to.equal(200);
    expect((await ack(w, end.receipt)).status, 'of the batch that was dropped').to.equal(409);
    const whole = await pull(w);
    expect(places(whole.lines)).to.deep.equal(['a/1', 'a/2', 'a/3']);
    expect(whole.end.batch).not.to.equal(end.batch);
    await acked(w, whole.end);
    expect((await reset(from)).status).to.equal(200);
    expect(await drain(w)).to.deep.equal(['a/2', 'a/3']);
    expect((await reset('common')).status, 'stays where it is').to.equal(200);
    expect(await drain(w)).to.deep.equal([]);
    for (const to of ['yesterday', '2999-01-01T00:00:00Z']) expect((await reset(to)).status, to).to.equal(400);
  });

  it('are refused beyond a log that was put back, until they are put back too', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await publish(`${w}/a`);
    await put(w, [`${w}/a`]);
    await acked(w, (await pull(w)).end);
    // What is told of that comes into the log too, and it would not be put back by less.
    await auditPublished(app.database.url);
    await publish(`${w}/a`);
    const beyond = await pull(w);
    const goBack = async (position: number): Promise<void> => {
      // As a restore of the log alone would leave it.
      for (const table of ['entries where position', 'ticks where last_position']) {
        await query(`delete from ${table} = $2 and feed_id = (select feed_id from feeds where workspace = $1)`, [
          w,
          position,
        ]);
      }
    };
    await goBack(2);
    const refused = await app.request(`/export/${w}`);
    expect(refused.status).to.equal(409);
    expect(((await refused.json()) as { type: string }).type).to.equal('urn:millrace:problem:marker-beyond-log');
    expect((await shown(w)).beyondLog).to.equal(true);
    expect((await send('POST', `/admin/exports/${w}/reset`, { to: 'common' })).status).to.equal(200);
    expect((await shown(w)).beyondLog).to.equal(undefined);
    expect((await pull(w)).lines).to.deep.equal([]);
    await feed(`${w}/b`);
    await publish(`${w}/b`, 3);
    expect((await ack(w, beyond.end.receipt)).status).to.equal(409);
    expect(await drain(w), 'not one of its feeds').to.deep.equal([]);
    await put(w, [`${w}/*`]);
    await send('POST', `/admin/exports/${w}/reset`, { to: 'start' });
    expect(await drain(w)).to.deep.equal(['a/1', 'b/1', 'b/2', 'b/3']);
  });

  it('go on in a new epoch of the log, with other batches', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await publish(`${w}/a`, 3);
    await put(w, [`${w}/a`], { batchRows: 1 });
    await acked(w, (await pull(w)).end);
    const pending = await pull(w);
    await query(`insert into epochs (partition_id, epoch, common_tick)
                 select partition_id, epoch, (select max(tick) from ticks) from clocks`);
    await query('update clocks set epoch = gen_random_uuid()');
    expect((await pull(w)).end, 'was planned before').to.deep.equal(pending.end);
    await acked(w, pending.end);
    const next = await pull(w);
    expect(places(next.lines)).to.deep.equal(['a/3']);
    const epochOf = ({ batch }: End): string | undefined => batch?.split('-')[1];
    expect(epochOf(next.end)).not.to.equal(epochOf(pending.end));
    await acked(w, next.end);
    expect(await drain(w)).to.deep.equal([]);
  });

  it('let feeds come in from the place on when their patterns change', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await feed(`${w}/b`);
    await publish(`${w}/a`);
    await publish(`${w}/b`);
    await put(w, [`${w}/a`]);
    await acked(w, (await pull(w)).end);
    await publish(`${w}/b`, 2);
    expect(await drain(w)).to.deep.equal([]);
    await put(w, [`${w}/a`, `${w}/b`]);
    expect(await drain(w)).to.deep.equal(['b/2', 'b/3']);
  });

  it('tell what retention took and what a deleted feed had, in one batch, and go on', async () => {
    const w = fresh();
    for (const name of ['a', 'b']) await feed(`${w}/${name}`);
    await publish(`${w}/a`, 4);
    await publish(`${w}/b`, 2);
    await put(w, [`${w}/*`], { batchRows: 1 });
    await acked(w, (await pull(w)).end);
    const keepFrom = (position: number): Promise<void> =>
      query(
        `update heads set first_kept = $2
          where feed_id = (select feed_id from feeds where workspace = $1 and name = 'a')`,
        [w, position],
      );
    await keepFrom(3);
    expect((await shown(w)).lag.feeds[0]).to.include({ feed: 'a', entries: 2, lost: 1 });
    const first = await pull(w);
    expect(places(first.lines)).to.deep.equal(['a/3']);
    expect(first.end.lost).to.deep.equal([{ workspace: w, feed: 'a', entries: 1, atMost: false }]);
    await keepFrom(5);
    const again = await pull(w);
    expect(again.lines, 'taken while it was pending').to.deep.equal([]);
    expect(again.end).to.include({ batch: first.end.batch, receipt: first.end.receipt });
    expect(again.end.lost).to.deep.equal([{ workspace: w, feed: 'a', entries: 2, atMost: false }]);
    await acked(w, again.end);
    const second = await pull(w);
    expect(places(second.lines)).to.deep.equal(['b/1']);
    expect(second.end.lost).to.deep.equal([{ workspace: w, feed: 'a', entries: 1, atMost: false }]);
    await acked(w, second.end);
    await deleteFeed(app, `/feeds/${w}/b`);
    expect((await shown(w)).lag).to.deep.include({ entries: 0, lost: 1 });
    const third = await pull(w);
    expect(third.lines).to.deep.equal([]);
    expect(third.end.lost).to.deep.equal([{ workspace: w, feed: 'b', entries: 1, atMost: false }]);
    await acked(w, third.end);
    expect((await pull(w)).end).to.deep.include({ receipt: null, lost: [] });
    expect((await shown(w)).lag).to.deep.include({ entries: 0, lost: 0, feeds: [] });
  });

  it('tell of what was taken of a batch that is pending when the log no longer knows when that was recorded', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await put(w, [`${w}/a`]);
    await publish(`${w}/a`);
    await acked(w, (await pull(w)).end);
    for (let n = 0; n < 3; n++) await publish(`${w}/a`);
    const { end } = await pull(w);
    const ofFeed = 'feed_id = (select feed_id from feeds where workspace = $1)';
    await query(`update heads set first_kept = 4 where ${ofFeed}`, [w]);
    await query(`delete from ticks where last_position < 4 and ${ofFeed}`, [w]);
    const again = await pull(w);
    expect([places(again.lines), again.end.batch]).to.deep.equal([['a/4'], end.batch]);
    expect(again.end.lost).to.deep.equal([{ workspace: w, feed: 'a', entries: 2, atMost: false }]);
  });

  it('tell of what was taken before they were made too, once', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await publish(`${w}/a`, 3);
    await query('update heads set first_kept = 3 where feed_id = (select feed_id from feeds where workspace = $1)', [
      w,
    ]);
    const { lag } = await put(w, [`${w}/a`]);
    expect(lag).to.deep.include({ entries: 1, lost: 2 });
    const { lines, end } = await pull(w);
    expect([places(lines), end.lost]).to.deep.equal([
      ['a/3'],
      [{ workspace: w, feed: 'a', entries: 2, atMost: false }],
    ]);
    await acked(w, end);
    await publish(`${w}/a`, 1);
    expect((await pull(w)).end.lost).to.deep.equal([]);
  });

  it('give what is pending of as many patterns as there may be when they have others, and take its last line however long', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await publish(`${w}/a`, 2);
    await put(w, [`${w}/a`, ...Array.from({ length: 999 }, (_, n) => `${w}/b${String(n)}`)]);
    const { lines, end } = await pull(w);
    await put(w, [`${w}/*`]);
    expect((await pull(w)).lines).to.deep.equal(lines);
    const lost = Array.from({ length: 2_000 }, (_, n) => ({ workspace: w, feed: `f${String(n)}`, entries: 1 }));
    const response = await send('POST', `/export/${w}/ack`, { ...end, lost });
    expect(response.status, await response.text()).to.equal(200);
    await publish(`${w}/a`, 1);
    expect(places((await pull(w)).lines)).to.deep.equal(['a/3']);
  });

  it('leave behind what others have published, of many feeds too', async () => {
    const w = fresh();
    for (let n = 0; n < 55; n++) await feed(`${w}/f${String(n)}`);
    await publish(`${w}/f54`, 2);
    await put(w, [`${w}/*`]);
    await acked(w, (await pull(w)).end);
    // As if others had published that often.
    await query(`insert into ticks (partition_id, tick, feed_id, first_position, last_position, recorded_at)
                 select 0, tick + n, 2000000000, n, n, recorded_at
                   from (select tick, recorded_at from ticks order by tick desc limit 1) t, generate_series(1, 51000) n`);
    const before = (await shown(w)).until;
    expect((await pull(w)).end.receipt).to.equal(null);
    expect((await shown(w)).until).to.equal(before);
    await publish(`${w}/f3`);
    expect(await drain(w)).to.deep.equal(['f3/1']);
    await query('delete from ticks where partition_id = 0 and feed_id = 2000000000');
  });

  it('are shown with how far they are behind, and in the metrics', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await feed(`${w}/b`);
    await publish(`${w}/a`, 3);
    await publish(`${w}/b`, 1);
    const { lag } = await put(w, [`${w}/*`], { batchRows: 3 });
    expect(lag).to.include({ entries: 4, lost: 0 });
    expect(lag.feeds.map(({ feed: name, entries }) => [name, entries])).to.deep.equal([
      ['a', 3],
      ['b', 1],
    ]);
    expect(lag.seconds).to.be.above(0);
    expect(lag.seconds).to.be.below(60);
    const gauges = async (): Promise<string[]> => {
      const text = await (await app.request('/metrics', { anonymous: true })).text();
      return text.split('\n').filter((line) => line.startsWith('millrace_export_lag_') && line.includes(`"${w}"`));
    };
    await until('the metrics tell of it', async () => (await gauges()).length === 6);
    expect((await gauges()).filter((line) => line.includes('entries'))).to.deep.equal([
      `millrace_export_lag_entries{export="${w}"} 4`,
      `millrace_export_lag_entries{export="${w}",workspace="${w}",feed="a"} 3`,
      `millrace_export_lag_entries{export="${w}",workspace="${w}",feed="b"} 1`,
    ]);
    const after = await acked(w, (await pull(w)).end);
    expect(after.lag).to.include({ entries: 1, lost: 0 });
    await acked(w, (await pull(w)).end);
    await until('nothing lags', async () => (await gauges()).length === 2);
    expect(await gauges()).to.deep.equal([
      `millrace_export_lag_entries{export="${w}"} 0`,
      `millrace_export_lag_seconds{export="${w}"} 0`,
    ]);
    const listed = (await (await send('GET', '/admin/exports')).json()) as { exports: Shown[] };
    expect(listed.exports.find(({ name }) => name === w)).to.deep.include({ feeds: [`${w}/*`], batchRows: 3 });
  });

  it('are made, changed and deleted under conditions, and refused where they are none', async () => {
    const w = fresh();
    const path = `/admin/exports/${w}`;
    const withMatch = (method: string, match: Record<string, string>): Promise<Response> =>
      app.request(path, { method, headers: { ...JSON_BODY, ...match }, body: JSON.stringify({ feeds: ['*'] }) });
    expect((await send('GET', path)).status).to.equal(404);
    expect((await withMatch('PUT', { 'if-match': '*' })).status).to.equal(412);
    expect((await withMatch('PUT', { 'if-none-match': '*' })).status).to.equal(201);
    expect((await withMatch('PUT', { 'if-none-match': '*' })).status).to.equal(412);
    const read = await shown(w);
    expect((await send('PUT', path, read)).status, 'as it was read').to.equal(200);
    for (const [status, body] of [
      [422, {}],
      [422, { feeds: [] }],
      [422, { feeds: ['shop'] }],
      [422, { feeds: ['a/b,c/d'] }],
      [422, { feeds: ['*'], format: 'xlsx' }],
      [422, { feeds: ['*'], batchRows: 0 }],
      [422, { feeds: ['*'], batchRows: 100_001 }],
      [400, { feeds: ['-/x'] }],
      [400, { feeds: ['*'], columns: ['title'] }],
      [400, { feeds: ['*'], from: 'yesterday' }],
    ] as const) {
      expect((await send('PUT', path, body)).status, JSON.stringify(body)).to.equal(status);
    }
    expect((await send('PUT', '/admin/exports/-x', { feeds: ['*'] })).status).to.equal(400);
    for (const parameter of ['limit=1', 'after=x', 'feeds=*', 'from=x', 'to=x', 'format=csv', 'columns=feed']) {
      expect((await app.request(`/export/${w}?${parameter}`)).status, parameter).to.equal(400);
    }
    expect((await app.request(`/export/${w}`, { method: 'POST' })).status).to.equal(405);
    expect((await send('DELETE', path)).status).to.equal(204);
    expect((await send('DELETE', path)).status).to.equal(404);
    expect((await app.request(`/export/${w}`)).status).to.equal(404);
  });

  it('are for those only who may export all that they name, and see all of it', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await put(`${w}-feed`, [`${w}/a`]);
    await put(`${w}-workspace`, [`${w}/*`]);
    await put(`${w}-all`, ['*']);
    const as = async (grants: Record<string, unknown>[]): Promise<string> => {
      const headers = bearing(await issue(app, grants));
      const told: number[] = [];
      for (const name of ['feed', 'workspace', 'all', 'none']) {
        const { status } = await app.request(`/export/${w}-${name}`, { headers });
        const ackStatus = (
          await app.request(`/export/${w}-${name}/ack`, {
            method: 'POST',
            headers: { ...headers, ...JSON_BODY },
            body: '{"receipt":null}',
          })
        ).status;
        expect(ackStatus).to.equal(status);
        told.push(status % 100);
      }
      return told.join(' ');
    };
    expect(await as([{ role: 'exporter' }])).to.equal('0 0 0 4');
    expect(await as([{ role: 'admin' }])).to.equal('0 0 0 4');
    expect(await as([{ role: 'exporter', workspace: w }])).to.equal('0 0 4 4');
    expect(await as([{ role: 'exporter', workspace: w, feed: 'a' }])).to.equal('0 4 4 4');
    expect(await as([{ role: 'exporter', workspace: w, tenants: ['1'] }])).to.equal('3 3 4 4');
    expect(await as([{ role: 'exporter', workspace: 'other' }, { role: 'reader' }])).to.equal('3 3 3 4');
    expect(await as([{ role: 'reader' }])).to.equal('3 3 3 3');
    expect((await app.request(`/export/${w}-feed`, { anonymous: true })).status).to.equal(401);
    const owner = bearing(await issue(app, [{ role: 'admin', workspace: w }]));
    for (const path of ['/admin/exports', `/admin/exports/${w}-feed`]) {
      expect((await app.request(path, { headers: owner })).status).to.equal(403);
    }
    // Whoever may export what it now names need not be let see what is pending of other feeds.
    await publish(`${w}/a`);
    await feed(`${w}/b`);
    await pull(`${w}-workspace`);
    await put(`${w}-workspace`, [`${w}/b`]);
    const narrow = bearing(await issue(app, [{ role: 'exporter', workspace: w, feed: 'b' }]));
    expect((await app.request(`/export/${w}-workspace`, { headers: narrow })).status).to.equal(404);
  });

  it('there is a bound to their number', async () => {
    const database = await createDatabase();
    const one = await startApp({ database });
    try {
      const make = async (n: number): Promise<number> =>
        (await send('PUT', `/admin/exports/e${String(n)}`, { feeds: ['*'] }, one)).status;
      for (let n = 0; n < 100; n++) expect(await make(n)).to.equal(201);
      expect(await make(100)).to.equal(409);
      expect(await make(0)).to.equal(200);
    } finally {
      await one.stop();
      await database.drop();
    }
  });
});
