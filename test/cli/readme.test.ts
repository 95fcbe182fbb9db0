import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MILLRACE_SCRIPT, serve } from '../support/command.js';
import type { Serving } from '../support/command.js';
import { until } from '../support/waiting.js';

/** The commands that a document shows. */
async function commandsIn(document: string): Promise<string[]> {
  const text = await readFile(new URL(`../../${document}`, import.meta.url), 'utf8');
  return [...text.matchAll(/```sh\n(.*?)\n```/gs)].map(([, command = '']) => command);
}

describe('README', function () {
  this.timeout(60_000);

  let folder: string;
  let server: Serving;
  let commands: string[];

  before(async () => {
    commands = await commandsIn('README.md');
    folder = await mkdtemp(join(tmpdir(), 'millrace-readme-'));
    for (const name of ['examples', 'schemas', 'test']) {
      await symlink(fileURLToPath(new URL(`../../${name}`, import.meta.url)), join(folder, name));
    }
    await writeFile(join(folder, 'millrace'), MILLRACE_SCRIPT, { mode: 0o755 });
    server = await serve({ DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'info' });
  });

  after(async () => {
    server.child.kill('SIGTERM');
    await server.ended;
    await rm(folder, { recursive: true, force: true });
  });

  /** A line of README as it stands, but for the port; `seconds` ends one that hangs, `hear` is told what it says and may end it. */
  function run(
    command: string,
    seconds: number,
    hear: (output: string, end: () => void) => void = () => undefined,
  ): Promise<string> {
    const text = command.replaceAll('http://127.0.0.1:8080', server.url);
    const env = { ...process.env, MILLRACE_URL: server.url, PATH: `${folder}:${process.env['PATH'] ?? ''}` };
    return new Promise((resolve) => {
      const shell = spawn('timeout', [String(seconds), 'sh', '-c', text], { cwd: folder, env });
      let output = '';
      shell.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        hear(output, () => shell.kill());
      });
      shell.on('close', () => {
        resolve(output);
      });
    });
  }

  it('starts and tests with the two commands that package.json has', () => {
    expect(commands[0]).to.equal('npm ci && npm start');
    expect(commands[commands.length - 1]).to.equal('npm ci && npm test');
  });

  it('shows the admin token once and keeps it for its owner only', async () => {
    expect(server.stdout()).to.match(/^Admin token, shown this once: mra_\S+$/m);
    const { mode } = await stat(join(folder, 'data', 'admin-token'));
    expect(mode & 0o777).to.equal(0o600);
  });

  it('publishes, reads and follows with its three curl lines as they stand', async () => {
    const [, publish = '', read = '', follow = ''] = commands;
    expect(await run(publish, 10))
      .to.include('<title>Order placed</title>')
      .and.to.include('rel="self"');
    expect(await run(read, 10)).to.match(/^<\?xml.*<feed .*Order placed.*<\/feed>\n$/s);
    let seen = '';
    const following = run(follow, 40, (output, end) => {
      // It looks once more, and finds nothing of it again.
      if (!seen.includes('Order sent') && output.includes('Order sent')) setTimeout(end, 1_500);
      seen = output;
    });
    await until('it follows', () => seen.includes('Order placed'));
    await run(publish.replace('Order placed', 'Order sent'), 10);
    const followed = await following;
    expect(followed.match(/<title>Order placed/g), 'seen once').to.have.length(1);
    expect(followed.match(/<title>Order sent/g), 'seen once').to.have.length(1);
    expect(followed.indexOf('Order placed')).to.be.below(followed.indexOf('Order sent'));
  });

  for (const document of ['docs/json.md', 'docs/cloudevents.md']) {
    it(`and the commands of ${document} work as they stand`, async () => {
      const shown = await commandsIn(document);
      expect(shown).not.to.deep.equal([]);
      for (const command of shown) {
        for (const line of command.split(/\n(?=curl)/)) {
          const output = await run(line, 10);
          expect(output, line).to.match(/"(?:entry|feed|specversion)":/);
          expect(output, line).not.to.include('urn:millrace:problem');
        }
      }
    });
  }

  it('and those of the example that registers contracts', async () => {
    const shown = await commandsIn('examples/register-contracts/README.md');
    const lines = shown.flatMap((command) => command.split('\n')).filter((line) => line !== '');
    const answers = [
      /"title": "Usage"/,
      /"version": 1/,
      /"title": "Orders"/,
      /"version": 1/,
      /:?entry .*rel="describedby"/s,
      /:?entry .*rel="describedby"/s,
      /contract-violated.*tenantId.*endTime/s,
    ];
    expect(lines).to.have.length(answers.length);
    for (const [index, line] of lines.entries()) expect(await run(line, 20), line).to.match(answers[index] ?? /never/);
  });

  it('and those of docs/access.md and docs/identity.md', async () => {
    const answers = [
      /"token": "mrt_/,
      /"tokens": \[/,
      /"name": "alice"/,
      /"principal": "user:alice"/,
      /"principals": \[/,
      /"role": "admin"/,
      /"principal": "jwt:alice"/,
    ];
    const shown = [...(await commandsIn('docs/access.md')), ...(await commandsIn('docs/identity.md'))];
    expect(shown).to.have.length(answers.length);
    for (const [index, line] of shown.entries()) expect(await run(line, 10), line).to.match(answers[index] ?? /never/);
    // Not even where somebody puts one into a URL.
    const made = await run(shown[0] ?? '', 10);
    const token = /mrt_[^"]{60}/.exec(made)?.[0] ?? 'none';
    await run(`curl -H 'Authorization: Bearer ${token}' http://127.0.0.1:8080/admin/tokens/${token}`, 10);
    await until('the request is logged', () => server.stdout().includes(token.slice(0, 20)), 5);
    expect(server.stdout()).not.to.match(/mrt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}/);
    expect(server.stdout()).not.to.contain('correct horse');
  });

  it('and those of docs/export.md that make, pull and acknowledge a named export', async () => {
    const [make = '', pull = '', acknowledge = ''] = (await commandsIn('docs/export.md')).slice(-3);
    for (const rows of [
      /^\{"workspace":"demo".*"kind":"end".*"receipt":"r1/s,
      /^\{"kind":"end","batch":null,"receipt":null/,
    ]) {
      expect(await run(make, 10)).to.match(/"name": "warehouse"/);
      await run(pull, 10);
      expect(await readFile(join(folder, 'batch.ndjson'), 'utf8')).to.match(rows);
      expect(await run(acknowledge, 10)).to.match(/"acknowledged": "\S+-1"/);
    }
  });

  it('and those of docs/contracts.md, each with the answer that the text tells of', async () => {
    const shown = (await commandsIn('docs/contracts.md')).flatMap((command) => command.split(/\n(?=curl)/));
    const answers = [
      /"compatibility": "backward"/,
      /"version": 1,\s+"kind": "json-schema",\s+"state": "active"/,
      /"entry":.*"rel":"describedby"/,
      /urn:millrace:problem:contract-violated.*"\/entry\/content\/@text\/order".*"\/entry\/content\/@text\/lines\/0\/qty"/,
      /"entry":.*4713/,
      /"version": 2,/,
      /"compatible": false/,
      /"compatibility": "full"/,
      /"href":"[^"]*\/schemas\/1","rel":"describedby"|"rel":"describedby","href":"[^"]*\/schemas\/1"/,
      /"specversion":"1.0"/,
      /"state": "retired"/,
      /"title": "Readings"/,
      /"kind": "xsd"/,
      /"entry":/,
      /"versions":/,
      /"\$ref": "line.json"/,
      /^\{"kind":"json-schema"/,
      /"sku"/,
      /"entry":.*"customer": ?"c-17"/s,
    ];
    expect(shown).to.have.length(answers.length);
    for (const [index, line] of shown.entries()) {
      expect(await run(line, 20), line).to.match(answers[index] ?? /never/);
    }
  });

  it('and those of docs/command-line.md', async () => {
    const shown = (await commandsIn('docs/command-line.md')).flatMap((command) => command.split('\n'));
    const answers = [
      /^feed +shop\/orders$/m,
      /^published urn:uuid:/,
      /Z {2}Order placed {2}\[orders\.create\] {2}urn:uuid:/,
      /^author\.name +The shop$/m,
      /^$/,
      /^It can be registered/,
      /^Version 1 \(json-schema\) is registered/,
      /^$/,
      /^$/,
      /^(published urn:uuid:\S+\n){2}$/,
      /"@text":\{"order": 4711, "total": 49\.50\}.*\n.*orders\.paid.*\n.*orders\.paid/,
      /^$/,
    ];
    expect(shown).to.have.length(answers.length);
    for (const [index, line] of shown.entries()) expect(await run(line, 30), line).to.match(answers[index] ?? /never/);
    expect((await readFile(join(folder, 'orders.ndjson'), 'utf8')).match(/^\{"entry":/gm)).to.have.length(3);
    expect(await readFile(join(folder, 'shop.token'), 'utf8')).to.match(/^mrt_\S+\n$/);
  }).timeout(120_000);
});
