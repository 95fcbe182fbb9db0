import { expect } from 'chai';
import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startGroupCommit } from '../../src/actions/group-commit.js';
import { recordRefusals } from '../../src/actions/record-refusals.js';
import { gatherRefusals } from '../../src/core/refusals.js';
import { openPool, openWriter, reader } from '../../src/store/db.js';
import { migrate } from '../../src/store/migrate.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { startAudit } from '../../src/workers/audit.js';
import { ADMIN_TOKEN, startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { auditPublished, readAudit } from '../support/audit.js';
import { createDatabase } from '../support/database.js';
import type { TestDatabase } from '../support/database.js';
import { ask, mistakesInLog } from '../support/log.js';
import { startNode } from '../support/node-process.js';
import { startProxy } from '../support/proxy.js';
import type { Proxy } from '../support/proxy.js';
import { until } from '../support/waiting.js';

const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url));

describe('the audit feed of several nodes that may fail', function () {
  this.timeout(90_000);

  let database: TestDatabase;
  let proxy: Proxy;

  beforeEach(async () => {
    database = await createDatabase();
    proxy = await startProxy(database.url);
  });

  afterEach(async () => {
    await proxy.stop();
    await database.drop();
  });

  const put = (url: string, path: string, body: unknown = {}): Promise<Response> =>
    fetch(`${url}/admin/${path}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  for (const [when, statement, isPublished] of [
    ['before it is published', 'read-audit-records', 0],
    ['between its publication and the end of the outbox’s row', 'delete-audit-records', 1],
  ] as const) {
    it(`has an act once whose node was killed ${when}`, async () => {
      const node = await startNode({ DATABASE_URL: proxy.url });
      let other: TestApp | undefined;
      try {
        await auditPublished(database.url);
        const held = proxy.hold(statement);
        expect((await put(node.url, 'workspaces/killed')).status).to.equal(201);
        await held;
        await node.kill();
        expect(await ask(database.url, 'select from audit_outbox')).to.have.length(1);
        const published = `select from entries where xml like '%made the workspace killed%'`;
        expect(await ask(database.url, published)).to.have.length(isPublished);

        other = await startApp({ database });
        const told = (await readAudit(other)).filter(({ target }) => target?.['workspace'] === 'killed');
        expect(told.map(({ act }) => act)).to.deep.equal(['workspace.created']);
        expect(await mistakesInLog(database.url)).to.deep.equal([]);
      } finally {
        await node.kill();
        await other?.stop();
      }
    });
  }

  it('has each act of each node once, those on one thing in their order', async () => {
    const nodes = await Promise.all([startApp({ database }), startApp({ database })]);
    try {
      const [first] = nodes;
      await Promise.all(
        nodes.map(async ({ url }, index) => {
          const feed = `feeds/${index === 0 ? 'a' : 'b'}/feed`;
          expect((await put(url, `workspaces/${index === 0 ? 'a' : 'b'}`)).status).to.equal(201);
          for (let keepDays = 1; keepDays <= 40; keepDays++) {
            const answer = await put(url, feed, { keepDays });
            expect(answer.status, await answer.text()).to.be.oneOf([200, 201]);
          }
        }),
      );
      const told = await readAudit(first);
      for (const workspace of ['a', 'b']) {
        const days = told
          .filter(({ act, target }) => act.startsWith('feed.') && target?.['workspace'] === workspace)
          .map(({ changes }) => changes!['keepDays']!.to);
        expect(days).to.deep.equal(Array.from({ length: 40 }, (_, n) => n + 1));
      }
      expect(told.filter(({ target }) => target?.['feed'] === 'audit')).to.have.length(1);
      expect(await mistakesInLog(database.url)).to.deep.equal([]);
    } finally {
      await Promise.all(nodes.map((node) => node.stop()));
    }
  });

  it('has all refusals that there were while the database was away, once', async () => {
    const app = await startApp({ database });
    const pool = openPool({ connectionString: proxy.url }, { size: 2 });
    let log = '';
    const logger = createLogger('warn', { write: (line: string) => void (log += line) });
    const groupCommit = startGroupCommit({
      partition: 0,
      open: () => openWriter({ connectionString: proxy.url }),
      ready: () => Promise.resolve(),
      logger,
      committed: () => undefined,
      observe: () => undefined,
      queueBytes: 1024 * 1024,
    });
    const refusals = gatherRefusals();
    const deps = { pool, db: reader(pool), groupCommit: () => groupCommit, refusals, logger };
    const audit = startAudit(deps, { refusalsMs: 0 });
    const refuse = (times: number): void => {
      const refusal = { by: 'user:eve', address: '192.0.2.7', reason: 'forbidden', method: 'GET' } as const;
      for (let n = 0; n < times; n++) refusals.note({ ...refusal, path: `/feeds/shop/${randomUUID()}` });
    };
    const counted = async (): Promise<number> =>
      (await readAudit(app)).reduce((sum, { by, count = 0 }) => (by === 'user:eve' ? sum + count : sum), 0);
    try {
      const fails = (times: number) => (): boolean => {
        audit.wake();
        return log.split('a job failed').length > times;
      };
      proxy.refuse(true);
      await until('the database is away', fails(1));
      refuse(1_000);
      await until('it has tried to write them', fails(log.split('a job failed').length + 1));
      refuse(100_000);
      audit.wake();
      proxy.refuse(false);
      await until('all are told of', async () => {
        audit.wake();
        return (await counted()) >= 101_000;
      });
      await audit.stop();
      const told = (await readAudit(app)).filter(({ by }) => by === 'user:eve');
      expect(told.map(({ count, more }) => [count, more])).to.deep.equal([
        [1_000, 990],
        [100_000, 99_990],
      ]);
    } finally {
      await audit.stop();
      await groupCommit.stop();
      await pool.end();
      await app.stop();
    }
  });

  it('has a record once that is written again, for the answer of the first time was lost', async () => {
    const app = await startApp({ database });
    const pool = openPool({ connectionString: database.url }, { size: 1 });
    try {
      const act = { act: 'user.deleted', outcome: 'allowed', by: 'admin', target: { user: 'twice' } } as const;
      const records = [{ id: randomUUID(), record: act }];
      for (let time = 1; time <= 3; time++) {
        await recordRefusals(pool, records);
        if (time === 2) await auditPublished(database.url);
      }
      const told = (await readAudit(app)).filter(({ target }) => target?.['user'] === 'twice');
      expect(told).to.have.length(1);
    } finally {
      await pool.end();
      await app.stop();
    }
  });

  it('is not begun in a workspace that is somebody else’s: the server does not start', async () => {
    // What a database of a version before may have: the migration says so, and changes nothing.
    const before = await createDatabase('empty');
    const directory = await mkdtemp(join(tmpdir(), 'millrace-migrations-'));
    try {
      const files = (await readdir(MIGRATIONS)).filter((file) => file < '0008_audit.sql');
      for (const file of files) await cp(join(MIGRATIONS, file), join(directory, file));
      await migrate({ connectionString: before.url }, directory);
      await ask(before.url, `insert into workspaces (name) values ('system')`);
      let message = '';
      await startApp({ database: before }).then(
        (app) => app.stop(),
        (error: unknown) => (message = String(error)),
      );
      expect(message).to.match(/the workspace "system" is the server's own from this version on/);
      await ask(before.url, `delete from workspaces`);
      const app = await startApp({ database: before });
      await app.stop();
    } finally {
      await rm(directory, { recursive: true });
      await before.drop();
    }
  });
});
