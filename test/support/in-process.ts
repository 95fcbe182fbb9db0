import { PassThrough, Readable, Writable } from 'node:stream';
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
  /** Instead of what is read. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly isInteractive?: boolean;
  readonly isTerminal?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
}

/** An output that takes so many writes, and fails then: by EPIPE, as its reader has gone, or because the disk is full. */
export function failingOutput(writes: number, code: 'EPIPE' | 'ENOSPC'): Writable {
  let left = writes;
  const output = new Writable({
    write(_chunk, _encoding, done) {
      left -= 1;
      done(left >= 0 ? null : Object.assign(new Error(`${code}: it failed, write`), { code, syscall: 'write' }));
    },
  });
  return output.on('error', () => undefined);
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
      stdout: options.stdout ?? streamTo('stdout'),
      stderr: options.stderr ?? streamTo('stderr'),
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
