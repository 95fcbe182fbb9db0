import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { COMMANDS } from '../../src/cli/commands.js';
import { readClientConfig, readConfig } from '../../src/config.js';
import { startEmbedded } from '../../src/store/embedded.js';
import { type Ended, millrace } from '../support/command.js';
import { createDatabase, type TestDatabase } from '../support/database.js';

/** One screen, for a person. */
function expectFailure(ended: Ended, code: number, ...parts: string[]): void {
  expect(ended.stderr).to.match(/^millrace: /);
  for (const part of parts) expect(ended.stderr).to.contain(part);
  expect(ended.stderr, 'no stack').not.to.match(/\n {4}at /);
  expect(ended.stderr.split('\n').length).to.be.below(25);
  expect(ended.stdout).to.equal('');
  expect(ended.code).to.equal(code);
}

describe('the command millrace', function () {
  this.timeout(60_000);

  it('helps, and names every setting there is', async () => {
    const { code, stdout } = await millrace(['help']);
    expect(code).to.equal(0);
    for (const command of Object.keys(COMMANDS)) {
      const [name = '', ...rest] = command.split(' ');
      expect(stdout).to.match(new RegExp(`^  millrace ${name} .*${rest.join('')}`, 'm'));
    }
    for (const setting of Object.keys({ ...readConfig({}), ...readClientConfig({}) })) {
      expect(stdout).to.contain(` ${setting.replace(/[A-Z]/g, '_$&').toUpperCase()} `);
    }
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).to.be.at.most(110);
  });

  it('tells its version', async () => {
    expect(await millrace(['--version'])).to.include({ code: 0, stdout: '0.1.0\n' });
  });

  it('ends with 2 when it is called wrongly', async () => {
    const wrong: [string[], string][] = [
      [[], 'say what to do'],
      [['surf'], 'there is no command "surf"'],
      [['serve', 'now'], '"now" is one word too many'],
      [['serve', '--fast'], "Unknown option '--fast'"],
      [['serve', '--to', 'postgresql://x/y'], "Unknown option '--to'"],
      [['copy'], 'copy where?'],
      [['copy', '--to', 'mysql://x/y'], '--to takes a URL that begins with postgresql://'],
    ];
    const ended = await Promise.all(wrong.map(([args]) => millrace(args)));
    ended.forEach((result, index) => {
      expectFailure(result, 2, wrong[index]![1]);
    });
  });

  it('ends with 1 and every wrong setting', async () => {
    expectFailure(await millrace(['migrate'], { PORT: 'x', LOG_LEVEL: 'y' }), 1, 'PORT is "x"', 'LOG_LEVEL is "y"');
  });

  it('ends with 1 when the database cannot be reached, without its password', async () => {
    const ended = await millrace(['migrate'], { DATABASE_URL: 'postgresql://me:geheim@127.0.0.1:1/there' });
    expectFailure(ended, 1, '"there" at 127.0.0.1:1 cannot be reached', 'Check DATABASE_URL');
    expect(ended.stderr).not.to.contain('geheim');
  });

  describe('with databases', () => {
    let folder: string;
    let dataDir: string;
    let target: TestDatabase;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'millrace-command-'));
      dataDir = join(folder, 'data');
      target = await createDatabase('empty');
    });

    afterEach(async () => {
      await target.drop();
      await rm(folder, { recursive: true, force: true });
    });

    it('migrates what DATABASE_URL names', async () => {
      const settings = { DATABASE_URL: target.url };
      const first = await millrace(['migrate'], settings);
      expect(first.stdout).to.match(/^applied 0001_\w+\.sql\n(applied .*\n)*The database is up to date\.\n$/);
      expect(await millrace(['migrate'], settings)).to.include({ code: 0, stdout: 'The database was up to date.\n' });
    });

    it('moves house from the embedded Postgres to another, when no server runs on it', async () => {
      expect((await millrace(['migrate'], { DATA_DIR: dataDir })).code).to.equal(0);
      const postgres = await startEmbedded({ dataDir, settings: { fsync: 'off' } });
      let refused: Ended;
      try {
        await ask(postgres.connectionString, "insert into workspaces (name, title) values ('w', 'W')");
        refused = await millrace(['copy', '--to', target.url], { DATA_DIR: dataDir });
      } finally {
        await postgres.stop();
      }
      expectFailure(refused, 1, `in use by another Millrace, process ${String(process.pid)}`);

      const { code, stdout, stderr } = await millrace(['copy', '--to', target.url], { DATA_DIR: dataDir });
      expect(stderr).to.equal('');
      expect(stdout)
        .to.match(/^workspaces +1 rows$/m)
        .and.to.match(/^Copied \d+ rows of \d+ tables in [\d.]+ s\.$/m);
      expect(code).to.equal(0);
      expect(await ask(target.url, 'select name, title from workspaces')).to.deep.equal([{ name: 'w', title: 'W' }]);
    });

    it('copies nothing from a directory where no Millrace is, and makes nothing there', async () => {
      expectFailure(
        await millrace(['copy', '--to', target.url], { DATA_DIR: dataDir }),
        1,
        `there is no Millrace in ${dataDir}`,
      );
      expectFailure(await millrace(['copy', '--to', target.url], { DATA_DIR: dataDir }), 1, 'DATABASE_URL');
    });
  });

  async function ask(url: string, sql: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }
});
