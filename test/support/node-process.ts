import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { ADMIN_TOKEN } from './app.js';
import { MILLRACE } from './built.js';

const START_SECONDS = 30;

export interface NodeProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** What it has said so far: its log too. */
  readonly output: () => string;
  /** Ends it at once, without a chance to tidy up. */
  kill(): Promise<void>;
  /** SIGSTOP: it stands still until `goOn`. */
  freeze(): void;
  goOn(): void;
  /** SIGTERM; resolves with its exit status. */
  stop(): Promise<number | null>;
}

/** `millrace serve` as a process of its own, which can be killed and frozen; resolves when it listens. */
export async function startNode(env: Readonly<Record<string, string>>): Promise<NodeProcess> {
  const child = spawn(process.execPath, [MILLRACE, 'serve'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      PORT: '0',
      ADMIN_TOKEN,
      LOG_LEVEL: 'error',
      ...env,
    },
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`the server did not start in ${String(START_SECONDS)} s: ${output}`));
    }, START_SECONDS * 1000);
    const hear = (chunk: Buffer): void => {
      output += chunk.toString();
      const found = /listens on (\S+)/.exec(output)?.[1];
      if (found === undefined) return;
      clearTimeout(late);
      resolve(found);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    void ended.then(([code]) => {
      clearTimeout(late);
      reject(new Error(`the server ended with ${String(code)}: ${output}`));
    });
  });
  return {
    url,
    child,
    output: () => output,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    freeze: () => void child.kill('SIGSTOP'),
    goOn: () => void child.kill('SIGCONT'),
    async stop() {
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      const [code] = (await ended) as [number | null];
      return code;
    },
  };
}
