import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { MILLRACE } from './built.js';

/** What a shell runs as `millrace`: a script of this text. */
export const MILLRACE_SCRIPT = `#!/bin/sh\nexec '${process.execPath}' '${MILLRACE}' "$@"\n`;

const alive = new Set<ChildProcess>();
const COMMAND_MILLISECONDS = 60_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Serving {
  /** Where it listens, from its own announcement. */
  readonly url: string;
  readonly child: ChildProcess;
  /** All it has printed so far, log lines included. */
  stdout(): string;
  /** Resolves with the exit code when it has ended by itself or by a signal that the test sent. */
  readonly ended: Promise<number | null>;
}

/** Runs `millrace` as a process of its own, with no setting but those given, until it ends. */
export async function millrace(args: readonly string[], settings: Settings = {}): Promise<Ended> {
  const { child, output } = spawnMillrace(args, settings);
  const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_MILLISECONDS);
  const code = await ended(child);
  clearTimeout(timer);
  return { code, ...output };
}

/**
 * Runs `millrace serve` until it says that it listens. Whoever starts it ends it, with a signal to `child`, which
 * `spawned` is given when it has only just begun.
 */
export async function serve(settings: Settings, spawned?: (child: ChildProcess) => void): Promise<Serving> {
  const { child, output } = spawnMillrace(['serve'], { PORT: '0', LOG_LEVEL: 'warn', ...settings });
  spawned?.(child);
  const end = ended(child);
  const url = await Promise.race([
    new Promise<string>((resolve) => {
      child.stdout.on('data', () => {
        const [, found] = /^Millrace listens on (\S+)$/m.exec(output.stdout) ?? [];
        if (found !== undefined) resolve(found);
      });
    }),
    end.then((code) => {
      throw new Error(`the server ended with ${String(code)}: ${output.stderr}${output.stdout}`);
    }),
  ]);
  return { url, child, stdout: () => output.stdout, ended: end };
}

/** For the root hook: a server that a failing test left behind would keep mocha from ending. */
export function killLeftOver(): void {
  for (const child of alive) child.kill('SIGKILL');
}

type Settings = Readonly<Record<string, string>>;

/** The process that `millrace` above runs, with what it has said so far. */
export function spawnMillrace(args: readonly string[], settings: Settings) {
  const child = spawn(process.execPath, [MILLRACE, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...settings },
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  alive.add(child);
  child.on('close', () => alive.delete(child));
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  return { child, output };
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.on('close', resolve));
}
