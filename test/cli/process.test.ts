import { expect } from 'chai';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ADMIN_TOKEN, startApp } from '../support/app.js';
import type { TestApp } from '../support/app.js';
import { spawnMillrace } from '../support/command.js';
import { publishAll } from '../support/publish.js';
import { until } from '../support/waiting.js';

describe('millrace tail as a process', function () {
  this.timeout(60_000);

  let app: TestApp;
  let path: string;
  let folder: string;

  before(async () => {
    app = await startApp();
    path = await app.feed('process');
    await publishAll(app, path, [{ title: 'first' }]);
    folder = await mkdtemp(join(tmpdir(), 'millrace-process-'));
  });

  after(async () => {
    await app.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const follow = (...args: string[]): ReturnType<typeof spawnMillrace> =>
    spawnMillrace(['tail', 'shop/process', '--follow', ...args], {
      MILLRACE_URL: app.url,
      MILLRACE_TOKEN: ADMIN_TOKEN,
    });

  it('ends quietly by Ctrl-C, with its place kept, and by that signal for its shell', async () => {
    const place = join(folder, 'place');
    const { child, output } = follow('--state', place);
    await until('it follows', () => output.stdout.includes('first'), 30);
    child.kill('SIGINT');
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    expect({ code, signal, stderr: output.stderr }).to.deep.equal({ code: null, signal: 'SIGINT', stderr: '' });
    expect(JSON.parse(await readFile(place, 'utf8'))).to.include({ feed: 'shop/process' });
  });

  it('ends quietly when its reader has gone', async () => {
    const { child, output } = follow();
    await until('it follows', () => output.stdout.includes('first'), 30);
    child.stdout.destroy();
    await publishAll(app, path, [{ title: 'second' }]);
    const [code] = (await once(child, 'exit')) as [number | null];
    expect({ code, stderr: output.stderr }).to.deep.equal({ code: 0, stderr: '' });
  });
});
