import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createLogger } from '../../src/telemetry/logger.js';

const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const LOGGER = fileURLToPath(new URL('../../src/telemetry/logger.ts', import.meta.url));

function logged(write: (logger: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLogger('info', { write: (line: string) => void lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the logger', () => {
  it('writes one JSON object a line, with the time in RFC 3339 and the level by name', () => {
    const [line] = logged((logger) => {
      logger.debug('left out');
      logger.info({ feed: 'demo/events' }, 'two\nlines');
    });
    expect(line).to.include({ level: 'info', feed: 'demo/events', msg: 'two\nlines' });
    expect(line!['time']).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(line).not.to.have.any.keys('pid', 'hostname');
  });

  it('writes no secrets', () => {
    const headers = {
      authorization: 'Bearer hush',
      'x-auth-token': 'hush',
      'x-subject-token': 'hush',
      cookie: 'hush',
      accept: 'text/html',
    };
    const lines = logged((logger) => {
      logger.info({ headers }, 'a');
      logger.info({ req: { headers } }, 'b');
      logger.info(
        {
          adminToken: 'hush',
          config: { adminToken: 'hush', databaseUrl: 'postgresql://me:hush@db/x', keystonePassword: 'hush' },
        },
        'c',
      );
      logger.info(headers, 'd');
    });
    expect(lines).to.have.length(4);
    expect(JSON.stringify(lines)).to.contain('text/html').and.not.to.contain('hush');
  });

  it('has written everything when the process exits', async () => {
    const script = `import { createLogger } from ${JSON.stringify(pathToFileURL(LOGGER).href)};
      const logger = createLogger('info');
      for (let n = 1; n <= 1000; n++) logger.info({ n }, 'a line, größer als ASCII');
      process.exit(0);`;
    const child = spawn(process.execPath, ['--import', TSX, '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    await once(child, 'close');
    const lines = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { n: number; msg: string });
    expect(lines.every(({ msg }) => msg === 'a line, größer als ASCII')).to.equal(true);
    expect(lines.map(({ n }) => n)).to.deep.equal(Array.from({ length: 1000 }, (_, index) => index + 1));
  });
});
