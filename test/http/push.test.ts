import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { aFeedOf } from '../support/build.js';
import { addContract } from '../support/contracts.js';
import { createDatabase } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';
import { makeLake } from '../support/lake.js';
import type { Lake } from '../support/lake.js';
import { ask } from '../support/log.js';
import { sideBySide } from '../support/side-by-side.js';
import { until } from '../support/waiting.js';

interface Shown {
  readonly target?: string;
  readonly pending?: object;
  readonly until?: string;
  readonly lag: { readonly entries: number };
  readonly push?: {
    readonly failures: number;
    readonly lastError?: string;
    readonly nextTryAt?: string;
    readonly pushedAt?: string;
    readonly lost: number;
    readonly deadLetters: number;
  };
}

describe('an export with a target', function () {
  this.timeout(90_000);
  let lake: Lake;
  let warehouse: TestDatabase;
  let app: TestApp;
  before(async () => {
    warehouse = await createDatabase('empty');
    lake = await makeLake({ warehouse: { kind: 'postgres', url: warehouse.url } });
    app = await startApp({ env: { TARGETS_FILE: lake.targetsFile } });
  });
  after(async () => {
    await app.stop();
    await lake.remove();
    await warehouse.drop();
  });

  const test = sideBySide();
  const fresh = (): string => `w${randomUUID().slice(0, 8)}`;

  function send(method: string, path: string, body?: unknown): Promise<Response> {
    const init =
      body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    return app.request(path, { method, ...init });
  }

  async function made(path: string, body: object): Promise<void> {
    const response = await send('PUT', path, body);
    expect(response.ok, await response.text()).to.equal(true);
  }

  async function feed(path: string): Promise<void> {
    await made(`/admin/workspaces/${path.split('/')[0] ?? ''}`, {});
    await made(`/admin/feeds/${path}`, {});
  }

  async function publish(path: string, count: number): Promise<void> {
    const headers = { 'content-type': 'application/atom+xml;type=feed' };
    const body = aFeedOf(Array.from({ length: count }, (_, n) => ({ title: String(n), author: 'a' })));
    const response = await app.request(`/feeds/${path}`, { method: 'POST', headers, body });
    expect(response.status, await response.text()).to.equal(201);
  }

  async function shown(name: string): Promise<Shown> {
    return (await (await send('GET', `/admin/exports/${name}`)).json()) as Shown;
  }

  const pushTo = (name: string, more: object = {}): Promise<void> =>
    made(`/admin/exports/${name}`, { feeds: [`${name}/*`], target: 'lake', everySeconds: 1, ...more });

  const hasAll = (name: string): Promise<void> =>
    until(`${name} is pushed`, async () => {
      const { lag, pending } = await shown(name);
      return lag.entries === 0 && pending === undefined;
    });

  const places = (path: string, from: number, to: number): string[] =>
    Array.from({ length: to - from + 1 }, (_, n) => `${path}/${String(from + n)}`).sort();

  test(0, 'is written to it by itself, each entry once', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await feed(`${w}/b`);
    await publish(`${w}/a`, 7);
    await pushTo(w, { batchRows: 3 });
    await publish(`${w}/b`, 2);
    await hasAll(w);
    expect((await lake.rows(`${w}/%`)).sort()).to.deep.equal([...places(`${w}/a`, 1, 7), ...places(`${w}/b`, 1, 2)]);
    const { push, target } = await shown(w);
    expect(target).to.equal('lake');
    expect(push).to.include({ failures: 0, lost: 0, deadLetters: 0 });
  });

  test(1, 'has values of the content, in their types, in files and in a table', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    const types = ['string', 'integer', 'number', 'boolean', 'timestamp'];
    const columns = Object.fromEntries(types.map((type) => [type, { path: `/${type}`, type }]));
    await addContract(app, `/feeds/${w}/a`, { kind: 'json-schema', schema: true, columns });
    const values = { string: 'a\tb', integer: 7, number: 1.5, boolean: false, timestamp: '2026-01-02T03:04:05Z' };
    const content = (value: object): string => `<content type="application/json">${JSON.stringify(value)}</content>`;
    const body = aFeedOf([{ content: content(values) }, { content: content({}) }]);
    const headers = { 'content-type': 'application/atom+xml;type=feed' };
    const response = await app.request(`/feeds/${w}/a`, { method: 'POST', headers, body });
    expect(response.status, await response.text()).to.equal(201);
    const chosen = ['position', ...types.map((type) => `x_${type}`)];
    await pushTo(w, { columns: chosen });
    await made(`/admin/exports/${w}-table`, {
      feeds: [`${w}/a`],
      target: 'warehouse',
      everySeconds: 1,
      columns: chosen,
    });
    await hasAll(w);
    await hasAll(`${w}-table`);
    const selected = `x_string, x_integer = 7 as i, x_number, x_boolean, x_timestamp = timestamptz '2026-01-02 03:04:05Z' as t`;
    const expected = [
      ['a\tb', true, 1.5, false, true],
      [null, null, null, null, null],
    ];
    expect(
      await lake.duckdb.ask(
        `select ${selected} from read_parquet('${lake.path}/feed=${w}%2Fa/**/*.parquet') order by position`,
      ),
    ).to.deep.equal(expected);
    const stored = await ask(
      warehouse.url,
      `select ${selected} from millrace_events where workspace = '${w}' order by position`,
    );
    expect(stored.map((row) => Object.values(row))).to.deep.equal(expected);
  });

  describe('that has refused an entry', () => {
    /** What no row can be made of: the middle one of three. */
    async function withPoison(name: string): Promise<void> {
      await feed(`${name}/a`);
      await publish(`${name}/a`, 3);
      await spoil(name, 'no XML');
      await pushTo(name);
      await hasAll(name);
    }

    async function spoil(name: string, xml: string): Promise<void> {
      await ask(
        app.database.url,
        `update entries set xml = $2
          where position = 2 and feed_id = (select feed_id from feeds where workspace = $1)`,
        [name, xml],
      );
    }

    interface Letters {
      readonly deadLetters: readonly Record<string, unknown>[];
      readonly next?: string;
    }
    const letters = async (name: string): Promise<Letters> =>
      (await (await send('GET', `/admin/exports/${name}/dead-letters`)).json()) as Letters;

    const repair = (name: string): Promise<unknown> =>
      ask(
        app.database.url,
        `update export_dead_letters
            set xml = (select xml from entries e where e.position = 3 and e.feed_id = export_dead_letters.feed_id)
          where export_id = (select export_id from exports where name = $1)`,
        [name],
      );

    test(2, 'has all the others, and puts that one aside with what was wrong with it', async () => {
      const w = fresh();
      await withPoison(w);
      expect(await lake.rows(`${w}/%`)).to.deep.equal([`${w}/a/1`, `${w}/a/3`]);
      const { deadLetters } = await letters(w);
      expect(deadLetters).to.have.length(1);
      expect(deadLetters[0]).to.include({ workspace: w, feed: 'a', position: 2, kind: 'entry', replaying: false });
      expect(deadLetters[0]?.['reason']).to.match(/^no row can be made of it/);
      expect((await shown(w)).push?.deadLetters).to.equal(1);
    });

    test(3, 'has it too when it can be stored after all, once', async () => {
      const w = fresh();
      await withPoison(w);
      const replayPath = `/admin/exports/${w}/dead-letters/replay`;
      expect(await (await send('POST', replayPath)).json()).to.deep.equal({ replaying: 1 });
      // Refused again: it comes back.
      await until('it was refused again', async () => (await letters(w)).deadLetters[0]?.['replaying'] === false);
      await repair(w);
      const [letter] = (await letters(w)).deadLetters;
      expect((await send('POST', replayPath, { ids: [letter?.['id']] })).status).to.equal(202);
      await until('it was stored', async () => (await letters(w)).deadLetters.length === 0);
      expect(await lake.rows(`${w}/%`)).to.deep.equal([`${w}/a/1`, `${w}/a/2`, `${w}/a/3`]);
      expect(await (await send('POST', replayPath)).json()).to.deep.equal({ replaying: 0 });
    });

    test(0, 'has it once when the export is put back, and not by its letter as well', async () => {
      const w = fresh();
      await withPoison(w);
      const id = `(select feed_id from feeds where workspace = '${w}')`;
      await ask(
        app.database.url,
        `update entries set xml = (select xml from entries where position = 3 and feed_id = ${id}) where position = 2 and feed_id = ${id}`,
      );
      expect((await send('POST', `/admin/exports/${w}/reset`, { to: 'start' })).status).to.equal(200);
      await hasAll(w);
      expect((await letters(w)).deadLetters).to.deep.equal([]);
      expect(await lake.rows(`${w}/%`)).to.deep.equal([1, 1, 2, 3, 3].map((n) => `${w}/a/${String(n)}`));
    });

    test(1, 'lets it be given up', async () => {
      const w = fresh();
      await withPoison(w);
      const [letter] = (await letters(w)).deadLetters;
      const path = `/admin/exports/${w}/dead-letters`;
      expect((await send('DELETE', `${path}/999999999`)).status).to.equal(404);
      expect((await send('DELETE', `${path}/${String(letter?.['id'])}`)).status).to.equal(204);
      expect((await letters(w)).deadLetters).to.deep.equal([]);
      expect((await send('DELETE', path)).status).to.equal(204);
    });

    test(2, 'stops when there are 1,000 of them, loses nothing, and goes on when they are fewer', async () => {
      const w = fresh();
      await withPoison(w);
      await ask(
        app.database.url,
        `insert into export_dead_letters (export_id, feed_id, position, kind, atom_id, recorded_at, xml, reason, batch)
         select export_id, feed_id, 1000 + n, kind, atom_id, recorded_at, xml, reason, batch
           from export_dead_letters, generate_series(1, 999) n
          where export_id = (select export_id from exports where name = $1)`,
        [w],
      );
      await publish(`${w}/a`, 1);
      await until('it has stopped', async () => /1000 dead letters/.test((await shown(w)).push?.lastError ?? ''));
      expect((await shown(w)).lag.entries).to.equal(1);
      const first = await letters(w);
      expect(first.deadLetters).to.have.length(100);
      const second = (await (await app.request(first.next ?? '')).json()) as Letters;
      expect(second.deadLetters[0]?.['id']).to.be.greaterThan(Number(first.deadLetters[99]?.['id']));
      // More than a target may refuse of one batch, and refused again.
      const replay = await send('POST', `/admin/exports/${w}/dead-letters/replay`, {});
      expect(await replay.json()).to.deep.equal({ replaying: 1000 });
      await until('all were refused again', async () => {
        const [left] = await ask<{ count: number }>(
          app.database.url,
          `select count(*)::int from export_dead_letters join exports using (export_id) where name = $1 and replay is not null`,
          [w],
        );
        return left?.count === 0;
      });
      expect((await letters(w)).deadLetters).to.have.length(100);
      expect((await send('DELETE', `/admin/exports/${w}/dead-letters`)).status).to.equal(204);
      await hasAll(w);
      expect(await lake.rows(`${w}/%`)).to.deep.equal([`${w}/a/1`, `${w}/a/3`, `${w}/a/4`]);
    });
  });

  test(3, 'is not pulled or acknowledged by anybody else, until it has none any more', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await pushTo(w);
    const pulled = await send('GET', `/export/${w}`);
    expect(pulled.status).to.equal(409);
    expect(await pulled.text()).to.contain('is pushed to its target');
    expect((await send('POST', `/export/${w}/ack`, { receipt: null })).status).to.equal(409);
    await made(`/admin/exports/${w}`, { feeds: [`${w}/*`] });
    expect((await send('GET', `/export/${w}`)).status).to.equal(200);
    expect(await shown(w)).not.to.have.any.keys('target', 'push');
  });

  test(0, 'does not count what another target had of a day that is not over', async () => {
    const w = fresh();
    await feed(`${w}/a`);
    await publish(`${w}/a`, 2);
    await pushTo(w);
    await hasAll(w);
    const parts = (): Promise<unknown[]> =>
      ask(
        app.database.url,
        `select rows from export_parts join exports using (export_id) where name = '${w}' order by batch`,
      );
    expect(await parts()).to.deep.equal([{ rows: 2 }]);
    const columns = ['position'];
    await made(`/admin/exports/${w}`, { feeds: [`${w}/*`], target: 'warehouse', everySeconds: 1, columns });
    await publish(`${w}/a`, 1);
    await hasAll(w);
    expect(await parts()).to.deep.equal([{ rows: 1 }]);
  });

  test(1, 'cannot have one that the operator has not declared, and is told which there are', async () => {
    const response = await send('PUT', `/admin/exports/${fresh()}`, { feeds: ['*'], target: 'attic' });
    expect(response.status).to.equal(422);
    expect(await response.text()).to.contain('there are lake');
  });

  describe('of a day that is over', () => {
    /** As if it had been published a day earlier. */
    async function publishYesterday(path: string, count: number): Promise<void> {
      await publish(path, count);
      await ask(
        app.database.url,
        `update ticks set recorded_at = recorded_at - interval '1 day'
          where feed_id = (select feed_id from feeds where workspace || '/' || name = $1)`,
        [path],
      );
    }
    const yesterday = (): string => new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);

    test(
      2,
      'tells with _SUCCESS how many rows there are in which files, though nothing was published since',
      async () => {
        const w = fresh();
        await feed(`${w}/a`);
        await publishYesterday(`${w}/a`, 5);
        const date = yesterday();
        await pushTo(w, { batchRows: 2 });
        await until('the day is told', async () => (await lake.success(`${w}/a`, date)) !== undefined);
        const told = await lake.success(`${w}/a`, date);
        expect(told?.rows).to.equal(5);
        expect(told?.parts).to.have.length(3);
        const directory = `feed=${w}%2Fa/date=${date}`;
        expect(await lake.files(directory)).to.deep.equal(
          [`${directory}/_SUCCESS`, ...(told?.parts ?? []).map((part) => `${directory}/${part}`)].sort(),
        );
        expect(await lake.rows(`${w}/%`)).to.deep.equal(places(`${w}/a`, 1, 5));
      },
    );

    test(3, 'has the files of the new round in _SUCCESS after it was put back', async () => {
      const w = fresh();
      await feed(`${w}/a`);
      await publishYesterday(`${w}/a`, 2);
      const date = yesterday();
      await pushTo(w);
      await until('the day is told', async () => (await lake.success(`${w}/a`, date)) !== undefined);
      const before = await lake.success(`${w}/a`, date);
      expect((await send('POST', `/admin/exports/${w}/reset`, { to: `${date}T00:00:00Z` })).status).to.equal(200);
      const isNew = async (): Promise<boolean> => {
        const told = await lake.success(`${w}/a`, date);
        return told?.parts[0] !== before?.parts[0];
      };
      await until('the day is told again', isNew);
      const told = await lake.success(`${w}/a`, date);
      expect(told?.rows).to.equal(2);
      expect(told?.parts).to.have.length(1);
      const counted = `read_parquet('${lake.path}/feed=${w}%2Fa/date=${date}/${String(told?.parts[0])}')`;
      expect(await lake.duckdb.ask(`select count(*) from ${counted}`)).to.deep.equal([['2']]);
    });
  });

  // Behind all others, of which it is the target too.
  describe('that is away', () => {
    it('lags, tells why, and has each entry once when it is back', async () => {
      const w = fresh();
      await feed(`${w}/a`);
      await publish(`${w}/a`, 1);
      await pushTo(w);
      await hasAll(w);
      await rename(lake.path, `${lake.path}-away`);
      try {
        await publish(`${w}/a`, 2);
        await until('it has failed', async () => ((await shown(w)).push?.failures ?? 0) > 0);
        const { push, lag } = await shown(w);
        expect(lag.entries).to.equal(2);
        expect(push?.lastError).to.contain('ENOENT');
        expect(Date.parse(push?.nextTryAt ?? '')).to.be.greaterThan(Date.now() - 10_000);
      } finally {
        await rename(`${lake.path}-away`, lake.path);
      }
      await hasAll(w);
      expect(await lake.rows(`${w}/%`)).to.deep.equal(places(`${w}/a`, 1, 3));
      expect((await shown(w)).push)
        .to.include({ failures: 0 })
        .and.not.have.property('lastError');
    });
  });
});
