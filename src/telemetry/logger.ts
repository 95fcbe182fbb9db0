import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const FLUSH_MILLISECONDS = 100;
const BUFFER_BYTES = 8 * 1024;
/** What is collected is handed to the system in pieces of so much, as much as a pipe takes at once. */
const WRITE_BYTES = 64 * 1024;
/** When stdout does not keep up (a blocked pipe), lines beyond this are dropped: a log must not fill the memory. */
const BUFFER_BYTES_AT_MOST = 16 * 1024 * 1024;

const SECRETS = ['authorization', 'cookie', 'x-auth-token', 'x-subject-token', 'set-cookie'];
const REDACTED = [
  ...SECRETS.flatMap((name) => [
    `["${name}"]`,
    `headers["${name}"]`,
    `req.headers["${name}"]`,
    `res.headers["${name}"]`,
  ]),
  'adminToken',
  'config.adminToken',
  'config.databaseUrl',
  'config.keystonePassword',
];

/**
 * One JSON object a line, to stdout. Lines are collected and written at most 100 ms later, so that a line costs no system call of its own;
 * what is left is written when the process exits.
 */
export function createLogger(level: LogLevel, to: DestinationStream = bufferedStdout()): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describe },
      redact: { paths: REDACTED, censor: '[secret]' },
    },
    to,
  );
}

/** What is told of an error, and of what caused it. */
interface Described {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: Described;
}

const CAUSES = 3;

/**
 * Nothing else than this: Postgres puts the row that it refused into `detail`, node the bytes that it could not read and the URL that it
 * could not parse into members of their own.
 */
function describe(error: unknown, depth = 0): Described {
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an error' };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' ? { code } : {}),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(error.cause === undefined || depth >= CAUSES ? {} : { cause: describe(error.cause, depth + 1) }),
  };
}

let at = 0;
let text = '';

/** As pino's isoTime; the text of a millisecond is made once. */
export function timestamp(now = Date.now()): string {
  if (now !== at) {
    at = now;
    text = `,"time":"${new Date(now).toISOString()}"`;
  }
  return text;
}

/** What writes the last lines when the process exits, however it does. */
const lastWords = new Set<() => void>();
/** What hands to the system, after that, what was collected. */
const lastFlushes = new Set<() => void>();
let isExiting = false;
process.on('exit', () => {
  isExiting = true;
  for (const work of [...lastWords, ...lastFlushes]) {
    try {
      work();
    } catch {
      // The stream is not open yet, or closed already: there is nobody left to tell.
    }
  }
});

/** Has this called when the process exits, as long as lines can be written; the function that comes back takes it off. */
export function atExit(write: () => void): () => void {
  lastWords.add(write);
  return () => void lastWords.delete(write);
}

function bufferedStdout(): DestinationStream & { flush(done: () => void): void } {
  const stdout = pino.destination({
    dest: 1,
    sync: false,
    minLength: BUFFER_BYTES,
    maxLength: BUFFER_BYTES_AT_MOST,
    maxWrite: WRITE_BYTES,
    periodicFlush: FLUSH_MILLISECONDS,
    // Of texts it would measure the octets again and again, and make them twice.
    contentMode: 'buffer',
  }) as unknown as OctetStream;
  // Whoever read our output has gone (`millrace serve | head`): no reason to stop serving.
  stdout.on('error', () => undefined);
  lastFlushes.add(() => {
    stdout.flushSync();
  });
  return {
    write(lines) {
      // A write that is begun now would be cut off: all is for flushSync.
      if (isExiting) stdout.minLength = Number.POSITIVE_INFINITY;
      stdout.write(Buffer.from(lines));
    },
    flush(done) {
      stdout.flush(done);
    },
  };
}

/** What sonic-boom is with `contentMode: 'buffer'`; its types know the other mode only. */
interface OctetStream {
  /** Octets from which on it begins to write by itself. */
  minLength: number;
  write(octets: Buffer): void;
  flush(done: () => void): void;
  flushSync(): void;
  on(event: 'error', listener: () => void): void;
}

/** Hands what has been collected to the system, and waits for it; for the last moment of a process. */
export function flushLogger(logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    logger.flush(() => {
      resolve();
    });
  });
}
