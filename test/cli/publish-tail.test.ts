import { expect } from 'chai';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { runMillrace } from '../../src/cli/millrace.js';
import { ADMIN_TOKEN, startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry } from '../support/build.js';
import { deleteFeed } from '../support/deletion.js';
import { command, startCommand } from '../support/in-process.js';
import type { RunEnded, RunOptions } from '../support/in-process.js';
import { publishAll } from '../support/publish.js';
import { issue } from '../support/tokens.js';
import { until } from '../support/waiting.js';

const ATOM = 'http://www.w3.org/2005/Atom';

describe('millrace publish and millrace tail', () => {
  let app: TestApp;
  let folder: string;
  let feeds = 0;
  const servers: Server[] = [];

  before(async () => {
    app = await startApp({ env: { RETENTION_SECONDS: '1' } });
    folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'));
  });

  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  after(async () => {
    await app.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const run = (args: readonly string[], options: RunOptions = {}): Promise<RunEnded> =>
    command(args, { url: app.url, ...options });
  const newFeed = async (settings: Record<string, unknown> = {}): Promise<string> => {
    feeds += 1;
    await app.feed(`f${String(feeds)}`, settings);
    return `shop/f${String(feeds)}`;
  };
  const file = async (name: string, content: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
  };
  const titles = async (feed: string): Promise<string[]> => {
    const { stdout } = await run(['tail', feed, '--from', 'start', '--json']);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line).entry.title);
  };
  const jsonEntry = (title: string): string => `{"entry":{"@type":"${ATOM}","title":"${title}","content":"c"}}`;
  /** In front of the app; `fail` may answer instead of it, or end the connection. */
  const inFront = async (fail: (req: IncomingMessage, res: ServerResponse) => boolean): Promise<string> => {
    const server = createServer((req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        void (async () => {
          const {
            host: _,
            'content-length': _length,
            connection: _c,
            'transfer-encoding': _t,
            ...headers
          } = req.headers;
          const body = req.method === 'POST' ? Buffer.concat(chunks) : null;
          const answer = await app.request(req.url ?? '', {
            method: req.method ?? '',
            headers: headers as Record<string, string>,
            body,
          });
          const text = await answer.text();
          // After the app has done it: the answer is what gets lost.
          if (fail(req, res)) return;
          const { 'content-encoding': _e, 'content-length': _l, ...told } = Object.fromEntries(answer.headers);
          res.writeHead(answer.status, told).end(text);
        })();
      });
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  };

  describe('publish', () => {
    it('tells each kind of document from its content', async () => {
      const feed = await newFeed();
      const event = '{"specversion":"1.0","id":"1","source":"/s","type":"t.a"}';
      const files = [
        await file('a.xml', anEntry({ title: 'atom' })),
        await file('a.json', jsonEntry('json')),
        await file('event', event),
        await file('batch', ` [${event.replace('"1"', '"2"')},${event.replace('"1"', '"3"')}]`),
      ];
      const { code, stdout, stderr } = await run(['publish', feed, ...files]);
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      expect(stdout).to.match(/^(published \S+\n){5}$/);
      expect(await titles(feed)).to.deep.equal(['atom', 'json', 't.a', 't.a', 't.a']);
      expect((await run(['publish', feed], { stdin: event })).stdout).to.match(/^known urn:uuid:/);
      expect((await run(['publish', feed, '--dry-run'], { stdin: jsonEntry('x') })).stdout).to.match(/^valid /);
      const [line] = (await run(['publish', feed, '--json', '-'], { stdin: event })).stdout.split('\n');
      expect(JSON.parse(line!))
        .to.include({ outcome: 'known' })
        .and.to.have.property('url')
        .that.contains(`${app.url}/feeds/${feed}/entries/`);
      expect(await titles(feed)).to.have.length(5);
    });

    it('makes an entry of a few words, with a JSON payload to the digit', async () => {
      const feed = await newFeed();
      const content = '{"n": 12345678901234567890, "m": 1.10}';
      expect(
        (
          await run([
            'publish',
            feed,
            '--title',
            'Order "1"',
            '--category',
            'a',
            '--category',
            'b',
            '--content',
            content,
          ])
        ).code,
      ).to.equal(0);
      const { stdout } = await run(['tail', feed, '--json']);
      expect(stdout).to.contain(`"@text":${content}`).and.to.contain('"title":"Order \\"1\\""');
      expect(stdout).to.contain('"category":[{"term":"a"},{"term":"b"}]');
      expect((await run(['tail', feed])).stdout).to.match(/^\S+Z {2}Order "1" {2}\[a, b\] {2}urn:uuid:\S+\n$/);
    });

    it('publishes lines in their order, many at once, up to the one that is refused', async () => {
      const feed = await newFeed();
      const event = (id: number): string =>
        `{"specversion":"1.0","id":"${String(id)}","source":"/s","type":"e${String(id)}"}`;
      const lines = [...Array(300).keys()].map((n) => (n % 100 === 50 ? event(n) : jsonEntry(`e${String(n)}`)));
      lines.splice(250, 0, '', jsonEntry('bad').replace('"c"', '5'));
      const { code, stdout, stderr } = await run([
        'publish',
        feed,
        await file('a.ndjson', `\ufeff${lines.join('\r\n')}`),
      ]);
      expect(code).to.equal(7);
      expect(stderr).to.contain('a.ndjson, line 252 is refused').and.to.contain('/entry/content, line 1, column');
      expect(stdout.match(/^published /gm)).to.have.length(250);
      expect(await titles(feed)).to.deep.equal([...Array(250).keys()].map((n) => `e${String(n)}`));
    });

    it('goes on behind what is refused where that is wanted, and takes what tail gives', async () => {
      const [from, to] = [await newFeed(), await newFeed()];
      await run(['publish', from, '--ndjson', '-'], { stdin: [1, 2, 3].map((n) => jsonEntry(String(n))).join('\n') });
      const { stdout: copied } = await run(['tail', from, '--from', 'start', '--json']);
      const stdin = copied.replace('\n', '\n{nonsense\n[]\n');
      const { code, stderr } = await run(['publish', to, '--ndjson', '--keep-going'], { stdin });
      expect(code).to.equal(7);
      expect(stderr)
        .to.contain('stdin, line 2 is refused')
        .and.to.contain('line 3 is refused')
        .and.to.match(/2 lines were refused\n$/);
      expect(await titles(to)).to.deep.equal(['1', '2', '3']);
      expect((await run(['tail', to, '--format', 'id'])).stdout).to.equal(
        (await run(['tail', from, '--format', 'id'])).stdout,
      );
    });

    it('publishes lines as they come, before the source ends', async () => {
      const feed = await newFeed();
      const stdin = new PassThrough();
      const publishing = startCommand(['publish', feed, '--ndjson'], { url: app.url, stdin });
      const [half, rest] = [jsonEntry('two').slice(0, 30), jsonEntry('two').slice(30)];
      stdin.write(`${jsonEntry('one')}\n${half}`);
      await until('the first is published', () => publishing.stdout().startsWith('published '));
      stdin.end(rest);
      expect(await publishing.ended).to.equal(0);
      expect(await titles(feed)).to.deep.equal(['one', 'two']);
    });

    it('sends again what got lost or was too much, and it is stored once', async () => {
      const feed = await newFeed();
      let failures = 0;
      const keys = new Set<unknown>();
      const url = await inFront((req, res) => {
        keys.add(req.headers['idempotency-key']);
        failures += 1;
        if (failures === 1) req.socket.destroy();
        else if (failures === 2) res.writeHead(503, { 'retry-after': '0' }).end();
        else if (failures === 3) res.writeHead(429, { 'retry-after': new Date().toUTCString() }).end();
        return failures <= 3;
      });
      const { code, stdout, stderr } = await run(['publish', feed, '--title', 'once'], { url });
      expect(code, stderr).to.equal(0);
      expect(stdout).to.match(/^known urn:uuid:\S+\n$/);
      expect(stderr).to.match(/the connection was lost; trying again for 60 s at most\n.*it answers again\n$/);
      expect(keys.size).to.equal(1);
      expect(await titles(feed)).to.deep.equal(['once']);
    });

    it('gives up in time, and does not try again what will not pass', async () => {
      const feed = await newFeed();
      let asked = 0;
      const busy = await inFront((_, res) => {
        asked += 1;
        res.writeHead(503, { 'retry-after': '3600' }).end();
        return true;
      });
      expect((await run(['publish', feed, '--title', 'x', '--retry', '2'], { url: busy })).code).to.equal(3);
      expect((await run(['tail', feed, '--retry', '0'], { url: busy })).code).to.equal(3);
      expect(asked).to.equal(2);
      const { token } = await issue(app, [{ role: 'reader', workspace: 'shop' }]);
      expect((await run(['publish', feed, '--title', 'x'], { token })).code).to.equal(4);
      expect((await run(['publish', 'shop/nowhere', '--title', 'x'])).code).to.equal(5);
      expect((await run(['publish', feed, '--type', 'text/plain'], { stdin: 'x' })).code).to.equal(7);
    });

    it('tells every way in which a contract is broken, and a clash of ids', async () => {
      const feed = await newFeed();
      const schema = '{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}}}';
      expect((await run(['schemas', 'register', feed, '-'], { stdin: schema })).code).to.equal(0);
      const { code, stderr } = await run(['publish', feed, '--title', 'x', '--content', '{"a": "1", "b": 2}']);
      expect(code).to.equal(7);
      expect(stderr)
        .to.contain('contract-violated')
        .and.to.match(/@text\/a, line 1, column \d+: .*"1"/)
        .and.to.contain('@text/b');
      const other = await newFeed();
      expect((await run(['publish', other], { stdin: anEntry({ id: 'urn:x:1', title: 'a' }) })).code).to.equal(0);
      expect((await run(['publish', other], { stdin: anEntry({ id: 'urn:x:1', title: 'b' }) })).code).to.equal(6);
    });

    it('is called wrongly in ways that are told', async () => {
      for (const [args, message] of [
        [['a/b', 'file', '--title', 'x'], 'but not both'],
        [['a/b', '--content', 'x'], '--content is of an entry that has a --title'],
        [['a/b', 'a.ndjson', '--idempotency-key', 'k'], 'of one document'],
        [['a/b', '-', '--retry', 'x'], '--retry is "x"'],
        [['a/b', '-'], 'stdin is empty'],
      ] as const) {
        const { code, stderr } = await run(['publish', ...args]);
        expect(code, stderr).to.equal(2);
        expect(stderr).to.contain(message);
      }
      expect((await run(['publish', 'a/b'], { stdin: 'hello' })).stderr).to.contain('neither XML nor JSON');
      expect((await run(['publish', 'a/b', folder])).stderr).to.contain('cannot be read: EISDIR');
    });
  });

  describe('tail', () => {
    const entries = (from: number, to: number): { title: string }[] =>
      [...Array(to - from + 1).keys()].map((n) => ({ title: `t${String(n + from)}` }));
    const shown = ({ stdout }: RunEnded): string[] =>
      [...stdout.matchAll(/ {2}(t\d+) {2}/g)].map(([, title]) => title!);

    it('gives each entry once and in order, from wherever one begins', async () => {
      const feed = await newFeed();
      const ids = await publishAll(app, `/feeds/${feed}`, entries(1, 600));
      const all = entries(1, 600).map(({ title }) => title);
      expect(shown(await run(['tail', feed, '--from', 'start']))).to.deep.equal(all);
      expect(shown(await run(['tail', feed]))).to.deep.equal(all.slice(-10));
      expect(shown(await run(['tail', feed, '-n', '1']))).to.deep.equal(['t600']);
      expect(shown(await run(['tail', feed, '-n', '0']))).to.deep.equal([]);
      expect(shown(await run(['tail', feed, '--from', 'now']))).to.deep.equal([]);
      expect(shown(await run(['tail', feed, '--from', '598']))).to.deep.equal(['t599', 't600']);
      expect(shown(await run(['tail', feed, '--from', ids[597]!]))).to.deep.equal(['t599', 't600']);
      expect(shown(await run(['tail', feed, '--from', '2020-01-01T00:00:00Z']))).to.deep.equal(all);
      expect(shown(await run(['tail', feed, '--from', '2999-01-01T00:00:00Z']))).to.deep.equal([]);
      expect((await run(['tail', feed, '--from', 'last'])).code).to.equal(2);
    });

    it('has deletions in their place, in each format', async () => {
      const feed = await newFeed({ editable: true });
      const [, second] = await publishAll(app, `/feeds/${feed}`, entries(1, 2));
      await app.request(`/feeds/${feed}/entries/${encodeURIComponent(second!)}`, { method: 'DELETE' });
      await publishAll(app, `/feeds/${feed}`, entries(3, 3));
      const lines = async (format: string): Promise<string[]> =>
        (await run(['tail', feed, '--format', format])).stdout.split('\n').filter((line) => line !== '');
      expect((await lines('text')).map((line) => line.split('  ')[1])).to.deep.equal(['t1', 'deleted', 't3']);
      expect((await lines('json')).map((line) => Object.keys(JSON.parse(line))[0])).to.deep.equal([
        'entry',
        'deleted-entry',
        'entry',
      ]);
      expect((await lines('cloudevents')).map((line) => JSON.parse(line).type)).to.deep.equal([
        'millrace.entry',
        'millrace.entry.deleted',
        'millrace.entry',
      ]);
      expect((await lines('id'))[1]).to.equal(second);
      expect((await lines('atom'))[1]).to.match(/^<at:deleted-entry .*\/>$/);
    });

    it('gives what the server gives in JSON, and one line each', async () => {
      const feed = await newFeed();
      const deep = `${'<a xmlns="urn:a">'.repeat(95)}${'</a>'.repeat(95)}`;
      await run(['publish', feed], {
        stdin: anEntry({ title: 'deep', content: `<content type="application/xml">${deep}</content>` }),
      });
      await run(['publish', feed, '--title', 'lines', '--content', '{"a":\n1.10,\n"b":"\u2028"}']);
      const lines = (await run(['tail', feed, '--json'])).stdout.trimEnd().split('\n');
      expect(lines).to.have.length(2);
      for (const line of lines) {
        const { entry } = JSON.parse(line);
        const answer = await app.request(`/feeds/${feed}/entries/${encodeURIComponent(entry.id)}?format=json`);
        expect(entry).to.deep.equal(((await answer.json()) as { entry: unknown }).entry);
      }
      expect(lines[1]).to.contain('{"a": 1.10, "b":"\\u2028"}');
    });

    it('finds by category, also what is rare', async () => {
      const feed = await newFeed();
      await run(['publish', feed, '--title', 't1', '--category', 'rare']);
      await publishAll(app, `/feeds/${feed}`, entries(2, 300));
      await run(['publish', feed, '--title', 't301', '--category', 'rare', '--category', 'other']);
      expect(shown(await run(['tail', feed, '--from', 'start', '--search', '+rare']))).to.deep.equal(['t1', 't301']);
      expect(shown(await run(['tail', feed, '--from', 'start', '--search', '(!(cat=rare))']))).to.have.length(299);
      expect((await run(['tail', feed, '--search', '(('])).code).to.equal(7);
    });

    it('keeps its place from run to run, and only that of its own feed', async () => {
      const feed = await newFeed();
      const place = join(folder, 'place');
      expect(shown(await run(['tail', feed, '--state', place]))).to.deep.equal([]);
      await publishAll(app, `/feeds/${feed}`, entries(1, 3));
      expect(shown(await run(['tail', feed, '--state', place]))).to.deep.equal(['t1', 't2', 't3']);
      expect(shown(await run(['tail', feed, '--state', place, '--from', 'start']))).to.deep.equal([]);
      await publishAll(app, `/feeds/${feed}`, entries(4, 4));
      expect(shown(await run(['tail', feed, '--state', place]))).to.deep.equal(['t4']);
      expect((await run(['tail', await newFeed(), '--state', place])).code).to.equal(2);
      expect((await run(['tail', feed, '--search', '+a', '--state', place])).code).to.equal(2);
      expect((await run(['tail', feed, '--state', await file('no-place', 'x')])).stderr).to.contain('keeps no place');

      expect((await deleteFeed(app, `/feeds/${feed}`, { purge: true })).status).to.equal(204);
      await app.feed(feed.slice('shop/'.length));
      await publishAll(app, `/feeds/${feed}`, entries(5, 5));
      const another = await run(['tail', feed, '--state', place]);
      expect(another.code).to.equal(6);
      expect(another.stderr).to.contain('another feed than before');
    });

    it('keeps no place of what was not taken', async () => {
      const feed = await newFeed();
      await publishAll(app, `/feeds/${feed}`, entries(1, 3));
      const place = join(folder, 'untaken');
      const gone = new PassThrough();
      gone.destroy();
      const code = await runMillrace(
        ['tail', feed, '--state', place],
        {
          stdin: new PassThrough(),
          stdout: gone,
          stderr: new PassThrough().resume(),
          isInteractive: false,
          isTerminal: false,
          environment: { MILLRACE_URL: app.url, MILLRACE_TOKEN: ADMIN_TOKEN },
          interruption: () => new AbortController().signal,
        },
        '',
      );
      expect(code).to.equal(0);
      expect(await readFile(place, 'utf8').catch(() => 'none')).to.equal('none');
    });

    it('tells of a gap, and of a place that the log does not have', async () => {
      const feed = await newFeed({ keepEntries: 10 });
      const place = join(folder, 'gap');
      const { token } = await issue(app, [{ role: 'reader', workspace: 'shop', tenants: ['A'] }]);
      const asTenant = ['tail', feed, '--state', join(folder, 'gap-of-a-tenant')];
      await publishAll(app, `/feeds/${feed}`, [{ categories: ['tid:A'] }]);
      await run(['tail', feed, '--state', place]);
      await run(asTenant, { token });
      await publishAll(app, `/feeds/${feed}`, [{ categories: ['tid:A'] }]);
      await publishAll(app, `/feeds/${feed}`, entries(3, 250));
      const firstKept = async (): Promise<number> =>
        JSON.parse((await run(['feeds', 'show', feed, '--json'])).stdout).firstKept;
      await until('retention has come', async () => (await firstKept()) > 100);
      const from = await firstKept();
      const gap = await run(['tail', feed, '--state', place]);
      expect(gap.code).to.equal(0);
      expect(gap.stderr).to.match(new RegExp(`a gap: .*positions 2-${String(from - 1)} `));
      expect(shown(gap)[0]).to.equal(`t${String(from)}`);
      expect((await run(['tail', feed, '--from', 'start'])).stderr).to.equal('');
      // Who is bound to tenants is told no positions.
      const theirs = await run(asTenant, { token });
      expect(theirs.stderr).to.include('a gap: retention took entries before they were read');

      const beyond = await run(['tail', feed, '--from', '999']);
      expect(beyond.code).to.equal(6);
      expect(beyond.stderr).to.contain('--from 250 goes on there');
      const unknown = await run(['tail', feed, '--from', 'urn:x:none', '--json']);
      expect(unknown.code).to.equal(5);
      expect(JSON.parse(unknown.stderr)).to.include({ type: 'urn:millrace:problem:unknown-marker' });
    });

    it('follows new entries through a server that is away, asks little when idle, and ends when told', async () => {
      const feed = await newFeed();
      let away = false;
      const statuses: string[] = [];
      const url = await inFront((req) => {
        statuses.push(req.headers['if-none-match'] === undefined ? 'all' : 'new');
        if (away) req.socket.destroy();
        return away;
      });
      const following = startCommand(['tail', feed, '--follow', '--from', 'now'], { url });
      await until('it asks for what is new', () => statuses.includes('new'));
      away = true;
      await publishAll(app, `/feeds/${feed}`, entries(1, 2));
      await until('it has noticed', () => following.stderr().includes('the connection was lost; trying again\n'));
      away = false;
      await until('both have come', () => following.stdout().includes('t2'));
      expect(following.stderr()).to.match(/it answers again\n$/);
      await publishAll(app, `/feeds/${feed}`, entries(3, 3));
      await until('the third has come', () => following.stdout().includes('t3'));
      following.interrupt();
      expect(await following.ended).to.equal(0);
      expect([...following.stdout().matchAll(/t\d/g)].map(String)).to.deep.equal(['t1', 't2', 't3']);
    });

    it('ends when its token is revoked, and when the feed is deleted', async () => {
      const feed = await newFeed();
      const { token, id } = await issue(app, [{ role: 'reader', workspace: 'shop' }]);
      const following = startCommand(['tail', feed, '-f'], { url: app.url, token });
      const other = startCommand(['tail', feed, '-f'], { url: app.url });
      await app.request(`/admin/tokens/${id}`, { method: 'DELETE' });
      expect(await following.ended).to.equal(4);
      expect((await deleteFeed(app, `/feeds/${feed}`)).status).to.equal(204);
      expect(await other.ended).to.equal(5);
    });
  });
});
