import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const FLUSH_MILLISECONDS = 100;
const BUFFER_BYTES = 8 * 1024;
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
 * One JSON object a line, to stdout. Lines are collected and written at most 100 ms later, so that logging a request
 * costs no system call of its own; what is left is written when the process exits.
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

/** What is told of each request; `url` without the secrets that may stand in it (core/secrets.ts), the rest can be none. */
export interface RequestLine {
  readonly requestId: string;
  /** The address that it came from. */
  readonly client: string;
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly ms: number;
}

/** Characters of request lines that are handed on at once. */
const LINES = 32 * 1024;

/**
 * Writes the line of a request where `logger` writes its lines: one level, known members, no redaction, since this is
 * done for every answer. They are handed on together, for the stream measures what it holds again with each write.
 */
export function requestLog(logger: Logger): (line: RequestLine) => void {
  if (!logger.isLevelEnabled('info')) return () => undefined;
  const stream = (logger as unknown as Record<symbol, DestinationStream>)[pino.symbols.streamSym];
  if (stream === undefined) throw new Error('a pino logger without a stream');
  let lines = '';
  let timer: NodeJS.Timeout | undefined;
  const handOn = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const text = lines;
    lines = '';
    if (text !== '') stream.write(text);
  };
  heldBack.set(logger, handOn);
  // Before the stream writes what it has at the end of the process.
  process.prependListener('exit', handOn);
  return ({ requestId, client, method, url, status, ms }) => {
    lines += `{"level":"info"${timestamp()},"requestId":${JSON.stringify(requestId)},"client":${JSON.stringify(client)},"method":"${method}","url":${JSON.stringify(url)},"status":${String(status)},"ms":${String(Math.round(ms * 1000) / 1000)},"msg":"request"}\n`;
    if (lines.length > LINES) handOn();
    else timer ??= setTimeout(handOn, FLUSH_MILLISECONDS / 2).unref();
  };
}

/** Of each logger what hands on the request lines that it has not seen yet. */
const heldBack = new WeakMap<Logger, () => void>();

let at = 0;
let text = '';

/** As pino's isoTime; the text of a millisecond is made once. */
function timestamp(): string {
  const now = Date.now();
  if (now !== at) {
    at = now;
    text = `,"time":"${new Date(now).toISOString()}"`;
  }
  return text;
}

/** Hands what has been collected to the system, and waits for it; for the last moment of a process. */
export function flushLogger(logger: Logger): Promise<void> {
  heldBack.get(logger)?.();
  return new Promise((resolve) => {
    logger.flush(() => {
      resolve();
    });
  });
}

function bufferedStdout(): DestinationStream {
  const stdout = pino.destination({
    dest: 1,
    sync: false,
    minLength: BUFFER_BYTES,
    maxLength: BUFFER_BYTES_AT_MOST,
    periodicFlush: FLUSH_MILLISECONDS,
  });
  // Whoever read our output has gone (`millrace serve | head`): no reason to stop serving.
  stdout.on('error', () => undefined);
  process.on('exit', () => {
    try {
      stdout.flushSync();
    } catch {
      // Not opened yet, or closed already: there is nobody left to tell.
    }
  });
  return stdout;
}
