import { expect } from 'chai';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { ADMIN_TOKEN, startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { createDatabase } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';
import { ask, idsInLog } from '../support/log.js';
import { post, publish, publishAll, publishSome } from '../support/publish.js';
import { startPublishers } from '../support/publisher.js';
import { until } from '../support/waiting.js';

const EXAMPLE = fileURLToPath(new URL('../../examples/nightly-etl/', import.meta.url));

interface Run {
  readonly child: ChildProcess;
  /** `code` is null where it was killed. */
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

describe('the example of a nightly ETL job', function () {
  this.timeout(90_000);

  let app: TestApp;
  let warehouse: TestDatabase;
  const running = new Set<ChildProcess>();

  before(async () => {
    app = await startApp();
  });
  after(() => app.stop());

  beforeEach(async () => {
    warehouse = await createDatabase('empty');
    await ask(warehouse.url, await readFile(join(EXAMPLE, 'warehouse.sql'), 'utf8'));
  });
  afterEach(async () => {
    for (const child of running) child.kill('SIGKILL');
    await warehouse.drop();
  });

  function start(feeds: string, env: Record<string, string> = {}, ...args: string[]): Run {
    const child = spawn(process.execPath, [join(EXAMPLE, 'load.mjs'), ...args], {
      env: { MILLRACE_URL: app.url, MILLRACE_TOKEN: ADMIN_TOKEN, WAREHOUSE_URL: warehouse.url, FEEDS: feeds, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (said.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said.stderr += chunk.toString()));
    const ended = once(child, 'close').then(([code]) => {
      running.delete(child);
      return { code: code as number | null, ...said };
    });
    return { child, ended };
  }

  /** Runs it to its end, which has to be a good one. */
  async function load(feeds: string, env: Record<string, string> = {}): Promise<void> {
    const { code, stderr } = await start(feeds, env).ended;
    expect([code, stderr]).to.deep.equal([0, '']);
  }

  const loaded = async (): Promise<number> =>
    Number((await ask<{ count: string }>(warehouse.url, 'select count(*) from millrace.events'))[0]?.count);
  const loads = async (): Promise<number> =>
    Number((await ask<{ count: string }>(warehouse.url, 'select count(*) from millrace.loads'))[0]?.count);

  /** Each event of the log once, none besides, and no load ever brought one that was there. */
  async function expectAll(name: string): Promise<void> {
    const rows = await ask<{ atom_id: string }>(
      warehouse.url,
      'select atom_id from millrace.events where feed = $1 order by position',
      [name],
    );
    expect(rows.map((row) => row.atom_id)).to.deep.equal(await idsInLog(app.database.url, name));
    const [sums] = await ask(
      warehouse.url,
      `select (select sum(rows) from millrace.loads)::int = (select count(*) from millrace.events) as alike`,
    );
    expect(sums).to.deep.equal({ alike: true });
  }

  /** What the job's connection to the warehouse waits for; undefined: there is none. */
  async function waitsFor(): Promise<string | null | undefined> {
    const rows = await ask<{ wait: string | null }>(
      warehouse.url,
      `select wait_event_type as wait
         from pg_stat_activity
        where datname = current_database()
          and application_name = 'nightly-etl'`,
    );
    return rows[0]?.wait;
  }
  const untilNobodyIsThere = (): Promise<void> =>
    until('Postgres has noticed', async () => (await waitsFor()) === undefined);

  /** Between server and job: passes on so many octets of an export, then it stands still. */
  async function startRelay(octets: number): Promise<{ url: string; stood: Promise<void>; cut(): void }> {
    let stands: () => void = () => undefined;
    const stood = new Promise<void>((resolve) => (stands = resolve));
    const relay = createServer((req, res) => {
      void (async () => {
        const { authorization = '' } = req.headers;
        const answer = await fetch(app.url + req.url!, { headers: { authorization } });
        const bytes = Buffer.from(await answer.arrayBuffer());
        expect(bytes.length).to.be.above(octets);
        res.writeHead(200).write(bytes.subarray(0, octets), () => {
          stands();
        });
      })();
    }).listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const { port } = relay.address() as AddressInfo;
    const cut = (): void => {
      relay.close();
      relay.closeAllConnections();
    };
    return { url: `http://127.0.0.1:${String(port)}`, stood, cut };
  }

  it('loads each event as a row of typed columns, then what is new, and nothing where nothing is', async () => {
    await app.feed('typed');
    const path = '/feeds/shop/typed';
    const content = '<content type="application/xml"><e xmlns="urn:x" a="\\"><of>a\ttab</of></e></content>';
    await publish(app, path, { categories: ['tid:7', 'type:x.y', 'a"b\\'], content, updated: '2026-01-02T03:04:05Z' });
    await load('shop/typed');
    const [row] = await ask(
      warehouse.url,
      `select position::int, event_type, tenant, categories, updated = '2026-01-02T03:04:05Z' as updated, kind,
              content_xml, content_json -> 'e' -> 'of' ->> '@text' as text
         from millrace.events`,
    );
    expect(row).to.deep.equal({
      position: 1,
      event_type: 'x.y',
      tenant: '7',
      categories: ['tid:7', 'type:x.y', 'a"b\\'],
      updated: true,
      kind: 'entry',
      content_xml: '<e xmlns="urn:x" a="\\"><of>a\ttab</of></e>',
      text: 'a\ttab',
    });
    await publishSome(app, path, 3);
    await load('shop/typed');
    await load('shop/typed');
    await expectAll('typed');
    expect(await loads()).to.equal(3);
  });

  it('is stopped by nothing that a publisher may write', async () => {
    await app.feed('hostile');
    const path = '/feeds/shop/hostile';
    const texts = [
      String.raw`"\u0000"`,
      String.raw`{"\u0000": "\ud800"}`,
      '"\u2028 \u2029 \u0085"',
      '[\t1e999999,\r\n-0, 1.10 ]',
      '"\\\\. \\\\N"',
      '{"content_json":",\\"content_json\\":"}',
      '{"kind":"end","after":"x"}',
      'null',
      `${'['.repeat(100)}${']'.repeat(100)}`,
    ];
    for (const json of texts) {
      const body = `{"entry":{"@type":"http://www.w3.org/2005/Atom","content":{"type":"application/json","@text":${json}}}}`;
      const { status } = await post(app, path, body, { 'content-type': 'application/json' });
      expect(status, json).to.equal(201);
    }
    for (const updated of ['0000-01-01T00:00:00+01:00', '0000-06-01T00:00:00Z', '9999-12-31T23:59:59-01:00']) {
      await publish(app, path, { updated, title: '\u2028' });
    }
    await publish(app, path, { categories: ['\\N', '{', ',"content_json":', '\\.'] });
    await load('shop/hostile');
    await expectAll('hostile');
    const kept = await ask<{ json: string }>(
      warehouse.url,
      'select content_json::text as json from millrace.events order by position limit 4',
    );
    expect(kept.map(({ json }) => json)).to.deep.equal([...texts.slice(0, 3), '[\t1e999999, -0, 1.10 ]']);
  });

  describe('killed', () => {
    it('again and again at any moment, while others publish, it has loaded each event once in the end', async () => {
      await app.feed('killed');
      await publishSome(app, '/feeds/shop/killed', 3_000);
      const publishers = startPublishers(4, 'killed', () => `${app.url}/feeds/shop/killed`);
      const env = { ROWS_PER_LOAD: '100' };
      let killed = 0;
      for (let round = 0; round < 12; round++) {
        const run = start('shop/killed', env);
        const before = await loads();
        // Every second time not before it has loaded something.
        if (round % 2 === 0) await until('it loads', async () => (await loads()) > before);
        await sleep(Math.random() * 200);
        run.child.kill('SIGKILL');
        if ((await run.ended).code === null) killed += 1;
      }
      await publishers.stop();
      expect(publishers.failed.size).to.equal(0);
      await load('shop/killed', env);
      await expectAll('killed');
      expect(killed).to.be.above(3);
    });

    it('in the middle of an answer, nothing of it is kept', async () => {
      await app.feed('middle');
      await publishSome(app, '/feeds/shop/middle', 2_000);
      await load('shop/middle', { ROWS_PER_LOAD: '1500' });
      await publishSome(app, '/feeds/shop/middle', 2_000);
      const relay = await startRelay(300_000);
      const run = start('shop/middle', { MILLRACE_URL: relay.url });
      await relay.stood;
      await until('rows have come', async () => {
        const sql = 'select 1 from pg_stat_progress_copy where datname = current_database() and tuples_processed > 0';
        return (await ask(warehouse.url, sql)).length > 0;
      });
      run.child.kill('SIGKILL');
      await run.ended;
      relay.cut();
      await untilNobodyIsThere();
      expect(await loaded()).to.equal(2_000);
      await load('shop/middle');
      await expectAll('middle');
    });

    it('between the end of the answer and the commit, nothing of it is kept', async () => {
      await app.feed('merging');
      await publishSome(app, '/feeds/shop/merging', 50);
      const blocker = new pg.Client({ connectionString: warehouse.url });
      await blocker.connect();
      try {
        await blocker.query('begin');
        await blocker.query('lock table millrace.events in share mode');
        const run = start('shop/merging');
        await until('it merges', async () => (await waitsFor()) === 'Lock');
        run.child.kill('SIGKILL');
        await run.ended;
      } finally {
        await blocker.end();
      }
      await untilNobodyIsThere();
      expect([await loaded(), await loads()]).to.deep.equal([0, 0]);
      await load('shop/merging');
      await expectAll('merging');
    });

    it('in the commit, events and token are both there, and the next run goes on behind them', async () => {
      await app.feed('committing');
      await publishSome(app, '/feeds/shop/committing', 50);
      // Runs as the first thing that a commit does.
      await ask(
        warehouse.url,
        `create function stand_still() returns trigger language plpgsql
             as 'begin perform pg_advisory_xact_lock(1); return null; end';
         create constraint trigger at_commit after insert on millrace.loads
                deferrable initially deferred for each row execute function stand_still()`,
      );
      const blocker = new pg.Client({ connectionString: warehouse.url });
      await blocker.connect();
      try {
        await blocker.query('select pg_advisory_lock(1)');
        const run = start('shop/committing');
        await until('it commits', async () => (await waitsFor()) === 'Lock');
        run.child.kill('SIGKILL');
        await run.ended;
      } finally {
        await blocker.end();
      }
      await untilNobodyIsThere();
      expect([await loaded(), await loads()]).to.deep.equal([50, 1]);
      await publishSome(app, '/feeds/shop/committing', 5);
      await load('shop/committing');
      await expectAll('committing');
    });
  });

  it('keeps nothing of an answer that was cut off, and says so', async () => {
    await app.feed('cut');
    await publishSome(app, '/feeds/shop/cut', 2_000);
    const whole = await (await app.request('/export?feeds=shop/cut')).arrayBuffer();
    // In a row, and between the rows and the end.
    for (const octets of [300_000, whole.byteLength - 300]) {
      const relay = await startRelay(octets);
      const run = start('shop/cut', { MILLRACE_URL: relay.url });
      await relay.stood;
      relay.cut();
      const { code, stdout, stderr } = await run.ended;
      expect([code, stdout]).to.deep.equal([1, '']);
      expect(stderr).to.match(/^not loaded: .*\n$/);
      expect([await loaded(), await loads()]).to.deep.equal([0, 0]);
    }
    await load('shop/cut');
    await expectAll('cut');
  });

  it('run twice at once loads each event once', async () => {
    await app.feed('twice');
    await publishSome(app, '/feeds/shop/twice', 1_000);
    const env = { ROWS_PER_LOAD: '150' };
    await Promise.all([load('shop/twice', env), load('shop/twice', env), load('shop/twice', env)]);
    await expectAll('twice');
  });

  it('begins again with other feeds, and loads what it does not have', async () => {
    await app.feed('one');
    await app.feed('other');
    await publishSome(app, '/feeds/shop/one', 5);
    await publishSome(app, '/feeds/shop/other', 5);
    await load('shop/one');
    await load('shop/one,shop/other');
    expect(await loaded()).to.equal(10);
    await expectAll('one');
    await expectAll('other');
  });

  it('stops with 3 where the server was put back, and goes on when it is told to', async () => {
    await app.feed('restored');
    const path = '/feeds/shop/restored';
    await publishAll(app, path, [{ id: 'urn:x:1' }]);
    await publishAll(app, path, [{ id: 'urn:x:undone' }]);
    await load('shop/restored');
    // As a restore leaves it: the log without its end.
    const feed = `(select feed_id from feeds where name = 'restored')`;
    await ask(app.database.url, `delete from entries where position = 2 and feed_id = ${feed}`);
    await ask(app.database.url, `delete from members where position = 2 and feed_id = ${feed}`);
    await ask(app.database.url, `delete from ticks where last_position = 2 and feed_id = ${feed}`);
    const { code, stderr } = await start('shop/restored').ended;
    expect(code).to.equal(3);
    expect(stderr).to.match(/^not loaded: .*older state.*--after-restore\n$/);
    expect((await start('shop/restored', {}, '--after-restore').ended).code).to.equal(0);
    await publishAll(app, path, [{ id: 'urn:x:2' }]);
    await load('shop/restored');
    expect(await loaded()).to.equal(3);
    const undone = /```sql\n(.*?)```/s.exec(await readFile(join(EXAMPLE, 'README.md'), 'utf8'))?.[1] ?? '';
    const found = await ask<{ atom_id: string }>(warehouse.url, undone);
    expect(found.map((row) => row.atom_id)).to.deep.equal(['urn:x:undone']);
  });

  it('tells with 4 what was gone before it could be loaded, once', async () => {
    await app.feed('lost');
    await publishSome(app, '/feeds/shop/lost', 10);
    await load('shop/lost', { ROWS_PER_LOAD: '100' });
    await publishSome(app, '/feeds/shop/lost', 10);
    await ask(
      app.database.url,
      `update heads set first_kept = 15 where feed_id = (select feed_id from feeds where name = 'lost')`,
    );
    const { code, stderr } = await start('shop/lost').ended;
    expect([code, stderr]).to.deep.equal([4, 'lost: 4 events of shop/lost were gone before they could be loaded\n']);
    expect(await ask(warehouse.url, 'select lost from millrace.loads order by load desc limit 1')).to.deep.equal([
      { lost: [{ workspace: 'shop', feed: 'lost', entries: 4, atMost: false }] },
    ]);
    await load('shop/lost');
  });

  it('says in one line what is wrong', async () => {
    await app.feed('wrong');
    const relay = await startRelay(0);
    relay.cut();
    const cases: [number, RegExp, Record<string, string>, ...string[]][] = [
      [2, /WAREHOUSE_URL/, { WAREHOUSE_URL: '' }],
      [2, /ROWS_PER_LOAD/, { ROWS_PER_LOAD: 'many' }],
      [2, /usage/, {}, '--help'],
      [1, /401 /, { MILLRACE_TOKEN: 'none' }],
      [1, /404 .*shop\/nowhere/, { FEEDS: 'shop/nowhere' }],
      [1, /ECONNREFUSED/, { MILLRACE_URL: relay.url }],
      [1, /ECONNREFUSED/, { WAREHOUSE_URL: 'postgresql://127.0.0.1:9/w' }],
      [1, /schema "millrace"/, { WAREHOUSE_URL: app.database.url }],
    ];
    for (const [expected, line, env, ...args] of cases) {
      const { code, stderr } = await start('shop/wrong', env, ...args).ended;
      expect(code, stderr).to.equal(expected);
      expect(stderr)
        .to.match(/^not loaded: [^\n]*\n$/)
        .and.match(line);
    }
  });

  it('is set up by the commands of its README as they stand', async function () {
    const shown = await readFile(join(EXAMPLE, 'README.md'), 'utf8');
    const [makeToken = '', setUp = ''] = [...shown.matchAll(/```sh\n(.*?)\n```/gs)].map(([, command = '']) => command);
    const settings = /```\n(MILLRACE_URL=.*?)```/s.exec(shown)?.[1] ?? '';
    const folder = await mkdtemp(join(tmpdir(), 'millrace-etl-'));
    await ask(warehouse.url, 'drop schema millrace cascade');
    try {
      await symlink(fileURLToPath(new URL('../../examples', import.meta.url)), join(folder, 'examples'));
      await symlink(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(folder, 'node_modules'));
      await writeFile(join(folder, 'cat'), `#!/bin/sh\necho ${ADMIN_TOKEN}`, { mode: 0o755 });
      const shell = async (command: string): Promise<string> => {
        const child = spawn('sh', ['-c', command.replaceAll('http://127.0.0.1:8080', app.url)], {
          cwd: folder,
          env: { PATH: `${folder}:${process.env['PATH'] ?? ''}` },
        });
        let said = '';
        for (const stream of [child.stdout, child.stderr])
          stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
        await once(child, 'close');
        return said;
      };
      const token = /"token": ?"(mrt_[^"]*)"/.exec(await shell(makeToken))?.[1] ?? 'none';
      const env = settings
        .replace('http://127.0.0.1:8080', app.url)
        .replace('mrt_…', token)
        .replace(/WAREHOUSE_URL=.*/, `WAREHOUSE_URL='${warehouse.url}'`);
      await writeFile(join(folder, 'etl.env'), env);
      await app.feed('readme');
      await publishSome(app, '/feeds/shop/readme', 5);
      let said = '';
      for (const line of setUp.split('\n')) {
        // Postgres brings it; where it is not there, the file is run all the same.
        if (line.includes('psql ') && (await shell('command -v psql')) === '') {
          await ask(warehouse.url, await readFile(join(EXAMPLE, 'warehouse.sql'), 'utf8'));
        } else said += await shell(line);
      }
      expect(said).to.match(/loaded \d+ events; what was recorded until \S+Z is there\n$/);
      await expectAll('readme');
      const cron = /cd \/opt\/millrace && (.*) >> etl\.log/.exec(shown)?.[1] ?? '';
      await publishSome(app, '/feeds/shop/readme', 2);
      expect(await shell(cron)).to.match(/loaded 2 events/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
