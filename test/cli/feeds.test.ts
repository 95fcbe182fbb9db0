import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { COMMANDS } from '../../src/cli/commands.js';
import { ADMIN_TOKEN, startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { deleteFeed } from '../support/deletion.js';
import { command, failingOutput, startCommand } from '../support/in-process.js';
import type { RunEnded, RunOptions } from '../support/in-process.js';
import { publishAll } from '../support/publish.js';
import { issue } from '../support/tokens.js';
import { until } from '../support/waiting.js';

describe('millrace feeds, tokens and schemas', () => {
  let app: TestApp;
  let folder: string;

  before(async () => {
    app = await startApp();
    folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
  });

  after(async () => {
    await app.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const run = (args: readonly string[], options: RunOptions = {}): Promise<RunEnded> =>
    command(args, { url: app.url, ...options });
  const json = async (args: readonly string[], options: RunOptions = {}): Promise<Json> => {
    const { stdout, stderr } = await run([...args, '--json'], options);
    expect(stderr).to.equal('');
    expect(stdout.endsWith('\n') && !stdout.trimEnd().includes('\n'), 'one line').to.equal(true);
    return JSON.parse(stdout);
  };

  describe('feeds', () => {
    it('are made with settings by options and by names, shown, changed and listed', async () => {
      const made = await run([
        'feeds',
        'create',
        'mill/race',
        '--title',
        'Race',
        '--public',
        'limits.links=30',
        '--keep-days',
        '9',
        '--with-workspace',
      ]);
      expect(made).to.include({ code: 0, stderr: '' });
      expect(made.stdout)
        .to.match(/^feed +mill\/race$/m)
        .and.to.match(/^limits\.links +30$/m);
      expect(await json(['feeds', 'show', 'mill/race'])).to.include({
        title: 'Race',
        public: true,
        keepDays: 9,
        editable: false,
        head: 0,
      });

      const changed = await json([
        'feeds',
        'set',
        'mill/race',
        '--no-public',
        '--keep-days',
        'none',
        'author.name=42',
        'limits.links=',
      ]);
      expect(changed).to.include({ title: 'Race', public: false });
      expect(changed).not.to.have.property('keepDays');
      expect(changed.author).to.deep.equal({ name: '42' });
      expect(changed.limits.links).to.equal(20);

      const { stdout } = await run(['feeds', 'list', 'mill']);
      expect(stdout).to.equal(
        'FEED       READ      EDITABLE  KEEPS  TITLE\nmill/race  by grant  no        all    Race\n',
      );
      expect((await json(['feeds', 'list', 'mill'])).map(({ name }: { name: string }) => name)).to.deep.equal(['race']);
    });

    it('are not made twice, nor without a workspace unless that is wanted', async () => {
      expect((await run(['feeds', 'create', 'mill/twice', '--with-workspace', '--editable'])).code).to.equal(0);
      const again = await run(['feeds', 'create', 'mill/twice', '--with-workspace']);
      expect(again).to.deep.include({ code: 6, stdout: '' });
      expect(again.stderr).to.contain('there is a feed mill/twice already');
      expect(await json(['feeds', 'show', 'mill/twice'])).to.include({ editable: true });
      const without = await run(['feeds', 'create', 'nowhere/feed']);
      expect(without.code).to.equal(5);
      expect(without.stderr).to.contain('--with-workspace');
    });

    it('are deleted by who says the name twice', async () => {
      await run(['feeds', 'create', 'mill/gone', '--with-workspace']);
      const unsure = await run(['feeds', 'delete', 'mill/gone']);
      expect(unsure).to.include({ code: 2 });
      expect(unsure.stderr).to.contain('--confirm mill/gone');
      expect((await run(['feeds', 'delete', 'mill/gone', '--confirm', 'mill/other'])).code).to.equal(2);
      const wrong = await run(['feeds', 'delete', 'mill/gone'], { isInteractive: true, stdin: 'yes\n' });
      expect(wrong.code).to.equal(2);
      expect(wrong.stderr).to.contain('Type its name').and.to.contain('nothing was deleted');
      const left = await run(['feeds', 'delete', 'mill/gone'], { isInteractive: true });
      expect(left.code).to.equal(2);
      expect((await run(['feeds', 'show', 'mill/gone'])).code).to.equal(0);
      expect(await run(['feeds', 'delete', 'mill/gone'], { isInteractive: true, stdin: 'mill/gone\n' })).to.include({
        code: 0,
      });
      const gone = await run(['feeds', 'delete', 'mill/gone', '--confirm', 'mill/gone']);
      expect(gone.code).to.equal(5);
    });

    it('are brought back whole, for as long as the server keeps them', async () => {
      await run(['feeds', 'create', 'mill/back', '--title', 'Back', '--with-workspace']);
      await publishAll(app, '/feeds/mill/back', [{ title: 'kept' }]);
      const before = await json(['feeds', 'show', 'mill/back']);
      expect(await run(['feeds', 'delete', 'mill/back', '--confirm', 'mill/back'])).to.include({
        code: 0,
        stdout: 'Deleted mill/back.\n',
      });
      expect((await run(['feeds', 'show', 'mill/back'])).code).to.equal(5);
      const taken = await run(['feeds', 'create', 'mill/back']);
      expect(taken.code).to.equal(6);
      expect(taken.stderr).to.contain('can be restored until');
      expect(await json(['feeds', 'restore', 'mill/back'])).to.deep.equal(before);
      expect((await run(['tail', 'mill/back'])).stdout).to.contain('kept');
      // What is there stays as it is.
      expect((await run(['feeds', 'restore', 'mill/back'])).stdout).to.match(/^title +Back$/m);

      expect((await deleteFeed(app, '/feeds/mill/back', { purge: true })).status).to.equal(204);
      for (const name of ['mill/back', 'mill/never']) {
        const none = await run(['feeds', 'restore', name]);
        expect(none.code).to.equal(5);
        expect(none.stderr).to.contain(`no deleted feed ${name} is kept`);
      }
    });

    it('are deleted for good where that is said, also when they were deleted before', async () => {
      const create = ['feeds', 'create', 'mill/purged', '--with-workspace'];
      const remove = ['feeds', 'delete', 'mill/purged'];
      await run(create);
      expect((await run([...remove, '--confirm', 'mill/purged'])).code).to.equal(0);
      expect((await run(create)).stderr).to.contain('--purge');
      expect((await run([...remove, '--purge'])).code).to.equal(2);
      expect(await run([...remove, '--purge', '--confirm', 'mill/purged'])).to.include({
        code: 0,
        stdout: 'Deleted mill/purged for good.\n',
      });
      expect((await run(['feeds', 'restore', 'mill/purged'])).code).to.equal(5);
      expect((await run(create)).code).to.equal(0);
      const person = { isInteractive: true, stdin: 'mill/purged\n' };
      const asked = await run([...remove, '--purge', '--json'], person);
      expect(asked.stderr).to.contain('for good');
      expect(JSON.parse(asked.stdout)).to.deep.equal({ deleted: 'mill/purged' });
      expect((await run(['feeds', 'restore', 'mill/purged'])).code).to.equal(5);
    });

    it('refuse settings with every mistake and its place, in words or as JSON', async () => {
      const words = await run(['feeds', 'create', 'mill/wrong', 'keepDays=0', 'colour=red', '--with-workspace']);
      expect(words.code).to.equal(7);
      expect(words.stderr).to.match(/^millrace: The body is not valid \(422 invalid-body\)$/m);
      expect(words.stderr)
        .to.match(/^ {2}\/keepDays: /m)
        .and.to.match(/^ {2}\/colour: /m);
      const { code, stdout, stderr } = await run(['feeds', 'create', 'mill/wrong', 'keepDays=0', '--json']);
      expect({ code, stdout }).to.deep.equal({ code: 7, stdout: '' });
      expect(JSON.parse(stderr)).to.include({ status: 422, type: 'urn:millrace:problem:invalid-body' });
    });

    it('show what could command a terminal as what it is', async () => {
      const title = 'a\u009b31m \u202e"b"';
      await app.request('/admin/workspaces/tty', { method: 'PUT', headers: { 'content-type': 'application/json' } });
      const put = await app.request('/admin/feeds/tty/feed', {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ title }),
      });
      expect(put.status).to.equal(201);
      for (const args of [
        ['feeds', 'list', 'tty'],
        ['feeds', 'show', 'tty/feed'],
      ]) {
        expect((await run(args)).stdout).to.contain('a\\u{9b}31m \\u{202e}"b"');
        const { stdout } = await run([...args, '--json']);
        expect(stdout).to.contain('a\\u009b31m \\u202e\\"b\\"');
        expect(JSON.stringify(JSON.parse(stdout))).to.contain(JSON.stringify(title));
      }
    });
  });

  describe('tokens', () => {
    it('are printed alone, once, and are good until they are revoked', async () => {
      await run(['feeds', 'create', 'mill/tokens', '--with-workspace']);
      const made = await run([
        'tokens',
        'create',
        '--name',
        'A',
        '--grant',
        'reader:mill/tokens',
        '--grant',
        'publisher:mill',
        '--expires-in-days',
        '7',
      ]);
      expect(made.code).to.equal(0);
      expect(made.stdout).to.match(/^mrt_[0-9a-f]{16}_[\w-]{43}\n$/);
      expect(made.stderr).to.match(
        /token [0-9a-f]{16} is good for reader:mill\/tokens, publisher:mill until \d{4}-\d\d-\d\d\n$/,
      );
      const token = made.stdout.trim();
      expect((await run(['tail', 'mill/tokens'], { token })).code).to.equal(0);
      expect((await run(['feeds', 'list'], { token })).code).to.equal(4);

      const [kept] = (await json(['tokens', 'list'])).filter(({ name }: { name: string }) => name === 'A');
      expect(JSON.stringify(kept)).not.to.contain(token);
      expect((await run(['tokens', 'list'])).stdout).to.match(
        new RegExp(`^${kept.id} +A +good +reader:mill/tokens publisher:mill `, 'm'),
      );
      expect(await run(['tokens', 'revoke', kept.id])).to.include({ code: 0, stdout: `Revoked ${kept.id}.\n` });
      await until('the token is refused', async () => (await run(['tail', 'mill/tokens'], { token })).code === 4);
      expect((await run(['tokens', 'list'])).stdout).not.to.contain(kept.id);
      expect((await run(['tokens', 'list', '--all'])).stdout).to.match(new RegExp(`^${kept.id} +A +revoked`, 'm'));
      expect((await run(['tokens', 'revoke', 'nope'])).code).to.equal(5);
    });

    it('are all revoked, also when nobody reads which', async () => {
      const ids = await Promise.all([1, 2, 3].map(async () => (await issue(app, [{ role: 'reader' }])).id));
      const { code } = await run(['tokens', 'revoke', ...ids], { stdout: failingOutput(1, 'EPIPE') });
      expect(code).to.equal(0);
      const states = (await json(['tokens', 'list', '--all'])).filter(({ id }: { id: string }) => ids.includes(id));
      expect(states.map(({ state }: { state: string }) => state)).to.deep.equal(['revoked', 'revoked', 'revoked']);
    });

    it('are not made of grants that cannot be read', async () => {
      for (const grant of ['reader:', 'reader:a/b/c', 'reader:/b', 'Reader']) {
        const { code, stdout } = await run(['tokens', 'create', '--name', 'x', '--grant', grant]);
        expect({ code, stdout }, grant).to.deep.equal({ code: 2, stdout: '' });
      }
      expect((await run(['tokens', 'create', '--name', 'x', '--grant', 'king'])).code).to.equal(7);
    });
  });

  describe('schemas', () => {
    const SCHEMA = {
      type: 'object',
      properties: { order: { type: 'integer' } },
      required: ['order'],
      additionalProperties: false,
    };
    const file = async (name: string, content: unknown): Promise<string> => {
      const path = join(folder, name);
      await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
      return path;
    };

    it('are checked, registered, listed, shown, retired and taken back', async () => {
      await run(['feeds', 'create', 'mill/orders', '--with-workspace']);
      const first = await file('first.json', SCHEMA);
      expect((await run(['schemas', 'check', 'mill/orders', first])).stdout).to.equal(
        'It can be registered: backward.\n',
      );
      expect((await run(['schemas', 'list', 'mill/orders'])).stderr).to.contain('mill/orders has no contract');
      expect((await run(['schemas', 'show', 'mill/orders'])).code).to.equal(5);
      expect((await run(['schemas', 'register', 'mill/orders', first])).stdout).to.equal(
        'Version 1 (json-schema) is registered, and active.\n',
      );
      expect((await run(['schemas', 'register', 'mill/orders', first])).stdout).to.contain('active already');

      const breaking = await file('breaking.json', { ...SCHEMA, properties: { order: { type: 'string' } } });
      const check = await run(['schemas', 'check', 'mill/orders', breaking]);
      expect(check.code).to.equal(6);
      expect(check.stderr).to.match(
        /not backward compatible with version 1:\n {2}\/properties\/order\/type, version 1 \(backward\): /,
      );
      expect(JSON.parse((await run(['schemas', 'check', 'mill/orders', breaking, '--json'])).stdout)).to.include({
        compatible: false,
      });
      expect((await run(['schemas', 'check', 'mill/orders', breaking, '--compatibility', 'none'])).code).to.equal(0);
      expect((await run(['schemas', 'register', 'mill/orders', breaking])).code).to.equal(6);

      const whole = {
        kind: 'json-schema',
        schema: { ...SCHEMA, properties: { ...SCHEMA.properties, note: { type: 'string' } } },
        example: { order: 1 },
      };
      const registered = await run(['schemas', 'register', 'mill/orders', '-'], { stdin: JSON.stringify(whole) });
      expect(registered.stdout).to.contain('Version 2');
      expect(JSON.parse((await run(['schemas', 'show', 'mill/orders'])).stdout)).to.deep.equal(whole.schema);
      expect(await json(['schemas', 'show', 'mill/orders', '2'])).to.deep.include(whole);
      expect((await run(['schemas', 'show', 'mill/orders', '--example'])).stdout).to.match(/^\{"entry":.*"order": ?1/);
      expect((await run(['schemas', 'list', 'mill/orders'])).stdout).to.match(
        /^1 +json-schema +accepted .*\n2 +json-schema +active /m,
      );
      expect((await run(['schemas', 'retire', 'mill/orders', '1'])).stdout).to.equal('Version 1 is retired.\n');
      expect((await run(['schemas', 'reinstate', 'mill/orders', '1'])).stdout).to.equal('Version 1 is accepted.\n');
      expect((await run(['schemas', 'retire', 'mill/orders', '9'])).code).to.equal(5);
    });

    it('are told from their content, and refused with every mistake', async () => {
      await run(['feeds', 'create', 'mill/kinds', '--with-workspace']);
      const xsd =
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a" type="xs:string"/></xs:schema>';
      expect((await run(['schemas', 'register', 'mill/kinds', await file('a.xsd', xsd)])).stdout).to.contain('(xsd)');
      const bad = await run([
        'schemas',
        'check',
        'mill/kinds',
        await file('bad.json', { type: 'objekt', required: 1 }),
      ]);
      expect(bad.code).to.equal(7);
      expect(bad.stderr).to.contain('/type').and.to.contain('/required');
      expect((await run(['schemas', 'check', 'mill/kinds', join(folder, 'none')])).stderr).to.contain(
        'cannot be read: ENOENT',
      );
    });
  });

  describe('the server and the token', () => {
    it('are told from the command line before the environment', async () => {
      const { token } = await issue(app, [{ role: 'reader' }]);
      const file = join(folder, 'token');
      await writeFile(file, `${token}\n`);
      const settings = { MILLRACE_URL: 'http://127.0.0.1:1' };
      expect((await run(['feeds', 'list', '--url', `${app.url}/`], { settings })).code).to.equal(0);
      expect((await run(['feeds', 'list', '--token-file', file])).code).to.equal(4);
      expect((await run(['feeds', 'list', '--token-file', join(folder, 'none')])).stderr).to.contain(
        'the token cannot be read',
      );
      expect((await run(['feeds', 'list', '--url', 'ftp://a'])).code).to.equal(2);
      const wrong = await run(['feeds', 'list'], { token: 'geheim\ngeheim' });
      expect(wrong.code).to.equal(1);
      expect(wrong.stderr).to.contain('MILLRACE_TOKEN').and.not.to.contain('geheim');
    });

    it('are those of the server on this machine, whose token is sent nowhere else', async () => {
      await writeFile(join(folder, 'admin-token'), `${ADMIN_TOKEN}\n`);
      const options = { token: null, settings: { DATA_DIR: folder } };
      expect((await run(['feeds', 'list'], options)).code).to.equal(0);
      const none = await run(['feeds', 'list'], { token: null, settings: { DATA_DIR: join(folder, 'none') } });
      expect(none.code).to.equal(4);
      expect(none.stderr).to.contain('MILLRACE_TOKEN');
      const sent: (string | undefined)[] = [];
      await withServer(
        (req) => sent.push(req.headers.authorization),
        async (url) => {
          await command(['feeds', 'show', 'a/b'], { ...options, url });
          // The same machine by a name that is not known to be it.
          await command(['feeds', 'show', 'a/b'], { ...options, url: url.replace('127.0.0.1', '0.0.0.0') });
        },
      );
      expect(sent).to.deep.equal([`Bearer ${ADMIN_TOKEN}`, undefined]);
    });

    it('never follow to where an answer points', async () => {
      let second = 0;
      await withServer(
        () => (second += 1),
        (target) =>
          withServer(
            (_, res) => res.writeHead(302, { location: `${target}/` }).end(),
            async (url) => {
              const { code, stderr } = await command(['feeds', 'list'], { url });
              expect(code).to.equal(1);
              expect(stderr).to.contain('answered 302').and.to.contain(target);
            },
          ),
      );
      expect(second).to.equal(0);
    });

    it('are told apart when something is wrong', async () => {
      let closed = '';
      await withServer(
        () => undefined,
        async (url) => void (closed = url),
      );
      const away = await command(['feeds', 'list'], { url: closed });
      expect(away.code).to.equal(3);
      expect(away.stderr).to.contain('nothing listens there').and.to.contain('--url');
      await withServer(
        (_, res) => res.end('<html>'),
        async (url) => {
          const { code, stderr } = await command(['feeds', 'list'], { url });
          expect(code).to.equal(3);
          expect(stderr).to.contain('is no Millrace');
        },
      );
      await withServer(
        (_, res) => res.writeHead(500, { 'content-type': 'text/plain' }).end('\u001b[31m'),
        async (url) => {
          const { code, stderr } = await command(['feeds', 'list'], { url });
          expect(code).to.equal(1);
          expect(stderr).to.contain('500').and.not.to.contain('\u001b');
        },
      );
    });
  });

  describe('help', () => {
    it('explains each command, on lines that a terminal has', async () => {
      for (const name of Object.keys(COMMANDS)) {
        const { code, stdout } = await command(['help', ...name.split(' ')]);
        expect(code, name).to.equal(0);
        expect(stdout, name)
          .to.match(new RegExp(`^Usage: millrace ${name}\\b`))
          .and.to.contain('--help');
        expect(Math.max(...stdout.split('\n').map((line) => line.length)), name).to.be.at.most(140);
        expect(await command([...name.split(' '), '--help']), name).to.include({ code: 0, stdout });
      }
    });

    it('lists the commands of a group, whose name alone is not one', async () => {
      for (const args of [
        ['help', 'feeds'],
        ['feeds', '--help'],
        ['feeds', 'help'],
      ]) {
        const { code, stdout } = await command(args);
        expect(code).to.equal(0);
        expect(stdout)
          .to.match(/^ {2}millrace feeds list \[WORKSPACE\]$/m)
          .and.to.contain('feeds restore');
      }
      const alone = await command(['tokens']);
      expect(alone.code).to.equal(2);
      expect(alone.stderr).to.contain('followed by list, create, revoke');
    });

    it('is pointed to by who calls wrongly', async () => {
      for (const [args, message] of [
        [['feeds', 'show'], 'it takes WORKSPACE/FEED'],
        [['feeds', 'show', 'nope'], 'names no feed'],
        [['feeds', 'show', 'a/b', 'c'], '"c" is one word too many'],
        [['feeds', 'set', 'a/b'], 'say what to set'],
        [['feeds', 'set', 'a/b', 'x'], 'expected KEY=VALUE'],
        [['feeds', 'set', 'a/b', '--public', '--no-public'], 'exclude each other'],
        [['feeds', 'set', 'a/b', '--keep-days', 'x'], 'expected a whole number'],
        [['feeds', 'set', 'a/b', '--title', ''], '--title is empty'],
        [['feeds', 'purge'], '"feeds purge" is no command'],
        [['tokens', 'create', '--grant', 'reader'], '--name'],
        [['tokens', 'create', '--name', 'x', '--grant', 'reader', '--expires-in-days', '0'], 'from 1 to 3650'],
        [['schemas', 'show', 'a/b', 'x'], 'is no version'],
        [['schemas', 'check', 'a/b', '-', '--compatibility', 'x'], 'expected none, backward'],
        [['--fast', 'feeds'], 'the command comes first'],
      ] as const) {
        const { code, stdout, stderr } = await command(args);
        expect({ code, stdout }, stderr).to.deep.equal({ code: 2, stdout: '' });
        expect(stderr).to.contain(message).and.to.contain('`millrace help');
      }
    });
  });

  it('asks a person until it is told, and takes the end of input for no', async () => {
    const stdin = new PassThrough();
    const asking = startCommand(['feeds', 'delete', 'mill/race'], { url: app.url, isInteractive: true, stdin });
    await until('it asks', () => asking.stderr().includes('Type its name'));
    stdin.end();
    expect(await asking.ended).to.equal(2);
  });
});

/** Whatever it is: a test knows. */
type Json = ReturnType<typeof JSON.parse>;

/** Another server than ours, for as long as `work` takes; it answers with a feed where `answer` does not. */
async function withServer(
  answer: (req: IncomingMessage, res: ServerResponse) => unknown,
  work: (url: string) => Promise<void>,
): Promise<void> {
  const server = createServer((req, res) => {
    answer(req, res);
    if (!res.writableEnded) res.end(JSON.stringify({ workspace: 'a', name: 'b', url: 'u' }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await work(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
