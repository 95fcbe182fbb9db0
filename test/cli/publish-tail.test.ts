import { expect } from 'chai';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { runMillrace } from '../../src/cli/millrace.js';
import { ADMIN_TOKEN, startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { anEntry } from '../support/build.js';
import { cpuTime } from '../support/cpu-time.js';
import { deleteFeed } from '../support/deletion.js';
import { command, failingOutput, startCommand } from '../support/in-process.js';
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
  const inFront = async (
    fail: (req: IncomingMessage, res: ServerResponse) => boolean,
    before?: () => Promise<void>,
  ): Promise<string> => {
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
          await before?.();
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

    it('publishes lines up to a quota of the workspace, however many were sent at once', async () => {
      const newWorkspace = async (name: string, quotas: Record<string, number>): Promise<void> => {
        for (const [path, body] of [
          [`workspaces/${name}`, { quotas }],
          [`feeds/${name}/f`, {}],
        ] as const) {
          const headers = { 'content-type': 'application/json' };
          await app.request(`/admin/${path}`, { method: 'PUT', headers, body: JSON.stringify(body) });
        }
      };
      const stdin = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => jsonEntry(String(n))).join('\n');
      await newWorkspace('daily', { entriesPerDay: 5 });
      for (const [more, code] of [
        [[], 3],
        [['--keep-going'], 3],
      ] as const) {
        const ended = await run(['publish', 'daily/f', '--ndjson', '--retry', '0', ...more], { stdin });
        expect(ended.code).to.equal(code);
        expect(ended.stdout.match(/^published /gm) ?? []).to.have.length(more.length === 0 ? 5 : 0);
        expect(ended.stderr).to.contain(`line ${more.length === 0 ? '6' : '1'} is refused; what stands before it is`);
        expect(ended.stderr.match(/daily-quota-exceeded/g)).to.have.length(1);
      }
      expect(await titles('daily/f')).to.deep.equal(['1', '2', '3', '4', '5']);

      await newWorkspace('small', { bytes: 1_000 });
      const { code, stdout } = await run(['publish', 'small/f', '--ndjson', '--keep-going'], { stdin });
      expect(code).to.equal(4);
      expect(await titles('small/f'))
        .to.have.length(stdout.match(/^published /gm)!.length)
        .and.to.include('1')
        .and.not.to.include('8');
    });

    it('tells scripts the first refusal, however many lines it passed over', async () => {
      const stdin = `{nonsense\n${jsonEntry('x')}\n[]`;
      const { code, stderr } = await run(['publish', await newFeed(), '--ndjson', '--keep-going', '--json'], { stdin });
      expect(code).to.equal(7);
      const documents = stderr.split('\n').filter((line) => line.startsWith('{'));
      expect(documents).to.have.length(3);
      expect(stderr.trimEnd().split('\n').at(-1)).to.equal(documents[0]);
      expect(JSON.parse(documents[0]!)).to.include({ type: 'urn:millrace:problem:not-well-formed' });
    });

    it('takes a line in as many pieces as it comes in', async () => {
      const feed = await newFeed();
      const [one, two] = [jsonEntry('eins'), jsonEntry('zwei ö')];
      const bytes = Buffer.from(`\n${one}\r\n\n${two}`);
      const stdin = Readable.from([...bytes].map((byte) => Buffer.of(byte)));
      expect((await run(['publish', feed, '--ndjson'], { stdin })).code).to.equal(0);
      expect(await titles(feed)).to.deep.equal(['eins', 'zwei ö']);
      const before = cpuTime();
      const pieces = Array<Buffer>(16_384).fill(Buffer.alloc(1024, ' '));
      const long = Readable.from([Buffer.from('x'), ...pieces, Buffer.from('y')]);
      expect((await run(['publish', feed, '--ndjson', '--dry-run'], { stdin: long })).code).to.equal(7);
      expect(cpuTime() - before).to.be.below(5_000);
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

    it('publishes all of it, also when nobody reads what it prints and tells any more', async () => {
      const numbers = [1, 2, 3, 4, 5, 6];
      const files = await Promise.all(numbers.map((n) => file(`head-${String(n)}.json`, jsonEntry(String(n)))));
      const all = numbers.map(String);
      const head = await newFeed();
      expect((await run(['publish', head, ...files], { stdout: failingOutput(1, 'EPIPE') })).code).to.equal(0);
      expect(await titles(head)).to.deep.equal(all);

      const lines = await newFeed();
      const stdin = [...all.map(jsonEntry), '{nonsense', jsonEntry('7')].join('\n');
      const nobody = { stdout: failingOutput(0, 'EPIPE'), stderr: failingOutput(0, 'EPIPE') };
      expect((await run(['publish', lines, '--ndjson', '--keep-going'], { stdin, ...nobody })).code).to.equal(7);
      expect(await titles(lines)).to.deep.equal([...all, '7']);

      for (const code of ['EPIPE', 'ENOSPC'] as const) {
        const busy = await newFeed();
        let asked = 0;
        const url = await inFront((req, res) => {
          asked += 1;
          if (asked === 1) res.writeHead(503, { 'retry-after': '0' }).end();
          return asked === 1;
        });
        const stderr = failingOutput(0, code);
        expect((await run(['publish', busy, '--title', 'once'], { url, stderr })).code).to.equal(0);
        expect(await titles(busy)).to.deep.equal(['once']);
      }
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

    it('shows what could command a terminal as what it is, wherever it is told', async () => {
      const feed = await newFeed();
      const name = 'a\u001b[31m.json';
      await file(name, '{');
      const busy = await inFront((_, res) => {
        const problem = { type: 'urn:millrace:problem:overloaded', title: 't', detail: '\u001b[31mred', status: 503 };
        res.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '0' });
        res.end(JSON.stringify(problem));
        return true;
      });
      for (const { stderr, code } of [
        await run(['publish', feed, join(folder, name), join(folder, name)]),
        await run(['publish', feed, '--ndjson', join(folder, name)]),
        await run(['publish', feed, join(folder, `no${name}`)]),
        await run(['publish', feed, '--title', 'x', '--retry', '1'], { url: busy }),
      ]) {
        expect(code).to.be.above(0);
        expect(stderr).to.contain('\\u{1b}[31m').and.not.to.contain('\u001b');
      }
    });

    it('says of output that cannot be written what it is', async () => {
      const feed = await newFeed();
      const full = (): RunOptions => ({ stdout: failingOutput(0, 'ENOSPC'), stdin: jsonEntry('kept') });
      for (const args of [
        ['publish', feed, '--ndjson'],
        ['publish', feed, '-', '-'],
        ['tail', feed],
        ['feeds', 'list'],
      ]) {
        const { code, stderr } = await run(args, full());
        expect({ code, stderr }).to.deep.equal({
          code: 1,
          stderr: 'millrace: the output cannot be written: ENOSPC: it failed, write\n',
        });
      }
      expect(await titles(feed)).to.deep.equal(['kept', 'kept']);
    });

    it('is called wrongly in ways that are told', async () => {
      const event = await file('wrong.json', jsonEntry('x'));
      for (const [args, message] of [
        [['a/b', 'file', '--title', 'x'], 'but not both'],
        [['a/b', '--content', 'x'], '--content is of an entry that has a --title'],
        [['a/b', 'a.ndjson', '--idempotency-key', 'k'], 'of one document'],
        [['a/b', '-', '--retry', 'x'], '--retry is "x"'],
        [['a/b', '-'], 'stdin is empty'],
        [['a/b', '--title', 'x', '--idempotency-key', 'ключ'], '"ключ" cannot be sent as idempotency-key'],
        [['a/b', event, '--type', 'a/b\nc'], '"a/b\\u{a}c" cannot be sent as content-type'],
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

    it('finds what lies further apart than the server looks at for one page', async () => {
      const feed = await newFeed();
      const found = { categories: ['a'] };
      await publishAll(app, `/feeds/${feed}`, [
        { title: 't1', ...found },
        { title: 't2', ...found },
        ...entries(3, 10_100).map((entry) => ({ ...entry, categories: ['a', 'b'] })),
        { title: 't10101', ...found },
      ]);
      // No index answers it.
      const search = ['--search', '(&(cat=a)(!(cat=b)))'];
      expect(shown(await run(['tail', feed, '--from', 'start', ...search]))).to.deep.equal(['t1', 't2', 't10101']);
      expect(shown(await run(['tail', feed, ...search]))).to.deep.equal(['t1', 't2', 't10101']);
      expect(shown(await run(['tail', feed, '-n', '2', ...search]))).to.deep.equal(['t2', 't10101']);
      const events = await run(['tail', feed, '-n', '2', '--format', 'cloudevents', ...search]);
      expect(events.stdout.trimEnd().split('\n')).to.have.length(2);
    });

    it('goes on behind a page that has nothing which its reader may see', async () => {
      const feed = await newFeed({ public: true });
      const secret = { categories: ['cloudfeeds:private'] };
      const hidden = entries(2, 600).map((entry) => ({ ...entry, ...secret }));
      await publishAll(app, `/feeds/${feed}`, [...entries(1, 1), ...hidden, ...entries(601, 601)]);
      const anyone = { token: null, settings: { DATA_DIR: folder } };
      expect(shown(await run(['tail', feed, '--from', 'start'], anyone))).to.deep.equal(['t1', 't601']);
      expect(shown(await run(['tail', feed, '-n', '5'], anyone))).to.deep.equal(['t1', 't601']);
    });

    it('gives a reader of some tenants their entries, who is not told positions', async () => {
      const feed = await newFeed();
      const { token } = await issue(app, [{ role: 'reader', workspace: 'shop', tenants: ['own'] }]);
      const categories = (n: number): string[] => (n % 2 === 0 ? ['tid:own', 'even'] : ['tid:other']);
      await publishAll(
        app,
        `/feeds/${feed}`,
        entries(1, 601).map((entry, index) => ({ ...entry, categories: categories(index + 1) })),
      );
      const own = entries(1, 601).flatMap(({ title }, index) => (index % 2 === 1 ? [title] : []));
      expect(shown(await run(['tail', feed, '--from', 'start'], { token }))).to.deep.equal(own);
      expect(shown(await run(['tail', feed, '-n', '3'], { token }))).to.deep.equal(own.slice(-3));
      const search = ['--search', '(!(cat=odd))'];
      expect(shown(await run(['tail', feed, '--from', 'start', ...search], { token }))).to.deep.equal(own);
      expect(shown(await run(['tail', feed, '--from', 'now'], { token }))).to.deep.equal([]);
    });

    it('ends at the head that it began with, unless it follows', async () => {
      const feed = await newFeed();
      await publishAll(app, `/feeds/${feed}`, entries(1, 300));
      let published = 300;
      const url = await inFront(
        () => false,
        async () => {
          published += 1;
          await publishAll(app, `/feeds/${feed}`, entries(published, published));
        },
      );
      const titlesSeen = shown(await run(['tail', feed, '--from', 'start'], { url }));
      expect(titlesSeen.slice(0, 300)).to.deep.equal(entries(1, 300).map(({ title }) => title));
      expect(published).to.be.below(310);
      const search = ['--search', '(!(cat=a))'];
      expect(shown(await run(['tail', feed, '--from', 'start', ...search], { url })).length).to.be.at.least(300);
      expect(published).to.be.below(320);
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

    it('knows another feed of the same name in events too, which say nothing of their feed', async () => {
      const feed = await newFeed();
      const args = ['tail', feed, '--format', 'cloudevents', '--state', join(folder, 'events.place')];
      await publishAll(app, `/feeds/${feed}`, entries(1, 1));
      expect(await run(args)).to.include({ code: 0, stderr: '' });
      expect((await run(args)).stdout).to.equal('');
      expect((await deleteFeed(app, `/feeds/${feed}`, { purge: true })).status).to.equal(204);
      await app.feed(feed.slice('shop/'.length));
      await publishAll(app, `/feeds/${feed}`, entries(2, 2));
      const another = await run(args);
      expect(another).to.include({ code: 6, stdout: '' });
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
