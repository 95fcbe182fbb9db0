import { PassThrough, Readable } from 'node:stream';
import { runMillrace } from '../../src/cli/millrace.js';
import { ADMIN_TOKEN } from './app.js';

export interface Run {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** As the signal of a person would. */
  interrupt(): void;
  readonly ended: Promise<number>;
}

export interface RunOptions {
  readonly url?: string;
  /** The admin's where nothing is said; null: none. */
  readonly token?: string | null;
  readonly stdin?: Readable | string;
  readonly isInteractive?: boolean;
  readonly isTerminal?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
}

/** A command line in this process, which is much quicker than one of its own. */
export function startCommand(args: readonly string[], options: RunOptions = {}): Run {
  const { url, token = ADMIN_TOKEN, stdin = '', isInteractive = false, isTerminal = false, settings = {} } = options;
  const output = { stdout: '', stderr: '' };
  const streamTo = (name: 'stdout' | 'stderr'): PassThrough => {
    const stream = new PassThrough();
    stream.setEncoding('utf8');
    stream.on('data', (piece: string) => (output[name] += piece));
    return stream;
  };
  const interrupter = new AbortController();
  const environment = {
    ...(url === undefined ? {} : { MILLRACE_URL: url }),
    ...(token === null ? {} : { MILLRACE_TOKEN: token }),
    ...settings,
  };
  const ended = runMillrace(
    args,
    {
      stdin: typeof stdin === 'string' ? Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]) : stdin,
      stdout: streamTo('stdout'),
      stderr: streamTo('stderr'),
      isInteractive,
      isTerminal,
      environment,
      interruption: () => interrupter.signal,
    },
    'help\n',
  );
  return {
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    interrupt: () => {
      interrupter.abort();
    },
    ended,
  };
}

export interface RunEnded {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function command(args: readonly string[], options: RunOptions = {}): Promise<RunEnded> {
  const run = startCommand(args, options);
  const code = await run.ended;
  // What was written last is read by now.
  await new Promise(setImmediate);
  return { code, stdout: run.stdout(), stderr: run.stderr() };
}
