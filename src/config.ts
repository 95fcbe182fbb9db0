import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { compile } from 'proxy-addr';
import { StartError } from './core/start-error.js';
import { WAYS_IN } from './core/access.js';
import type { WayIn } from './core/access.js';
import { PROXY_HEADERS } from './core/proxy-header.js';
import type { ProxyHeader } from './core/proxy-header.js';
import { LOG_LEVELS, type LogLevel } from './telemetry/logger.js';

/** All settings of a server, checked; read once from the environment. */
export interface Config {
  /** `PORT`; 0 takes any free one. */
  readonly port: number;
  readonly host: string;
  /** The base of every URL that we hand out, without a trailing slash; when not given, made of host and port. */
  readonly publicUrl: string | undefined;
  /** `TLS_CERT` and `TLS_KEY`: absolute paths of PEM files; both or none. */
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  /** Addresses and ranges of proxies that are believed when they say whom they speak for. */
  readonly trustedProxies: readonly string[];
  /** The header in which they do. */
  readonly proxyHeader: ProxyHeader;
  /** When not given, the server brings its own Postgres, in `dataDir`. */
  readonly databaseUrl: string | undefined;
  /** Absolute. */
  readonly dataDir: string;
  /** When not given, made at the first start. */
  readonly adminToken: string | undefined;
  /** `AUTH`: how callers may show who they are, beside the admin token. */
  readonly auth: readonly WayIn[];
  /** What the ways in `jwt` and `keystone` need to know. Absolute; YAML or JSON. */
  readonly authFile: string | undefined;
  /** In place of the one in `authFile`. */
  readonly keystonePassword: string | undefined;
  readonly logLevel: LogLevel;
  /** Where exports may be pushed to. Absolute; YAML or JSON. */
  readonly targetsFile: string | undefined;
  /** A target that takes nothing for so long has failed. */
  readonly pushTimeoutSeconds: number;
  /** Absolute; YAML or JSON. */
  readonly feedsFile: string | undefined;
  /** Origins whose scripts may read answers; `*` for all. */
  readonly corsOrigins: readonly string[];
  /** What may wait to be written, of all publishers together. */
  readonly queueBytes: number;
  /** Bodies that are being received and parsed, all together. */
  readonly bodyBytesInFlight: number;
  readonly pageCacheBytes: number;
  /** Open at once; one more is closed. */
  readonly maxConnections: number;
  /** A body that has not arrived by then is given up. */
  readonly bodyTimeoutSeconds: number;
  /** A request that is not answered by then, its body's time not counted, is answered 503. */
  readonly requestTimeoutSeconds: number;
  /** A large answer of which its reader takes nothing for so long is cut off. */
  readonly answerTimeoutSeconds: number;
  /** What has been accepted must be done by then when the server is told to stop. */
  readonly shutdownSeconds: number;
  /** From one run of retention to the next. */
  readonly retentionSeconds: number;
  /** Limits on use, in units a minute; 0: none (docs/limits.md). */
  readonly rateRead: number;
  readonly rateReadAnonymous: number;
  readonly rateReadAddress: number;
  readonly ratePublish: number;
  readonly ratePublishAddress: number;
  readonly rateFailedLogins: number;
  readonly rateFailedLoginsAddress: number;
}

/** The settings of the commands that are clients of a server. */
export interface ClientConfig {
  /** `MILLRACE_URL`: the server's base URL, without a trailing slash. */
  readonly millraceUrl: string;
  /** `MILLRACE_TOKEN`: what is sent as a bearer token. */
  readonly millraceToken: string | undefined;
  /** Where a server on this machine may have left its admin token; absolute. */
  readonly dataDir: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const MEBIBYTE = 1024 * 1024;
/** Whole units a minute. */
const RATE = { from: 0, to: 100_000_000 };
const ADMIN_TOKEN_LENGTH = 16;
/** RFC 6750 §2.1: what can stand behind `Bearer`. */
const BEARER = /^[A-Za-z0-9._~+/-]+=*$/;
/** What `isBaseUrl` takes, in words. */
export const BASE_URL = 'an absolute http or https URL without user, query and fragment';

/** @throws StartError that names every mistake. */
export function readConfig(environment: Environment = process.env): Config {
  const read = reader(environment);
  const config: Config = {
    port: read.number('PORT', { by: 8080, from: 0, to: 65_535 }),
    host: read.text('HOST', isHost, 'a host name or an IP address') ?? '127.0.0.1',
    publicUrl: read.text('PUBLIC_URL', isBaseUrl, BASE_URL)?.replace(/\/+$/, ''),
    ...tlsFiles(read),
    trustedProxies: read.list(
      'TRUSTED_PROXIES',
      isProxyRange,
      'IP addresses, ranges like 10.0.0.0/8, loopback, linklocal or uniquelocal, with commas in between',
    ),
    proxyHeader: read.oneOf('PROXY_HEADER', PROXY_HEADERS) ?? 'x-forwarded-for',
    databaseUrl: read.secret('DATABASE_URL', isPostgresUrl, 'a URL like postgresql://user:password@host:5432/database'),
    dataDir: resolve(read.text('DATA_DIR') ?? 'data'),
    adminToken: read.secret(
      'ADMIN_TOKEN',
      (text) => text.length >= ADMIN_TOKEN_LENGTH && isBearer(text),
      `at least ${String(ADMIN_TOKEN_LENGTH)} of A-Z a-z 0-9 . _ ~ + / -`,
    ),
    auth: read.several('AUTH', WAYS_IN) ?? ['token'],
    authFile: resolved(read.text('AUTH_FILE')),
    keystonePassword: read.secret('KEYSTONE_PASSWORD', () => true, 'a password'),
    logLevel: read.oneOf('LOG_LEVEL', LOG_LEVELS) ?? 'info',
    targetsFile: resolved(read.text('TARGETS_FILE')),
    pushTimeoutSeconds: read.number('PUSH_TIMEOUT_SECONDS', { by: 60, from: 1, to: 3600 }),
    feedsFile: resolved(read.text('FEEDS_FILE')),
    corsOrigins: read.list('CORS_ORIGINS', isOrigin, '* or origins like https://example.org, with commas in between'),
    queueBytes: read.number('QUEUE_BYTES', { by: 64 * MEBIBYTE, from: MEBIBYTE }),
    bodyBytesInFlight: read.number('BODY_BYTES_IN_FLIGHT', { by: 64 * MEBIBYTE, from: MEBIBYTE }),
    pageCacheBytes: read.number('PAGE_CACHE_BYTES', { by: 128 * MEBIBYTE, from: 0 }),
    maxConnections: read.number('MAX_CONNECTIONS', { by: 10_000, from: 1, to: 1_000_000 }),
    bodyTimeoutSeconds: read.number('BODY_TIMEOUT_SECONDS', { by: 10, from: 1, to: 3600 }),
    requestTimeoutSeconds: read.number('REQUEST_TIMEOUT_SECONDS', { by: 60, from: 1, to: 3600 }),
    answerTimeoutSeconds: read.number('ANSWER_TIMEOUT_SECONDS', { by: 30, from: 1, to: 3600 }),
    shutdownSeconds: read.number('SHUTDOWN_SECONDS', { by: 20, from: 0, to: 3600 }),
    retentionSeconds: read.number('RETENTION_SECONDS', { by: 60, from: 1, to: 86_400 }),
    rateRead: read.number('RATE_READ', { by: 0, ...RATE }),
    rateReadAnonymous: read.number('RATE_READ_ANONYMOUS', { by: 0, ...RATE }),
    rateReadAddress: read.number('RATE_READ_ADDRESS', { by: 0, ...RATE }),
    ratePublish: read.number('RATE_PUBLISH', { by: 0, ...RATE }),
    ratePublishAddress: read.number('RATE_PUBLISH_ADDRESS', { by: 0, ...RATE }),
    rateFailedLogins: read.number('RATE_FAILED_LOGINS', { by: 10, ...RATE }),
    rateFailedLoginsAddress: read.number('RATE_FAILED_LOGINS_ADDRESS', { by: 30, ...RATE }),
  };
  read.finish();
  return Object.freeze(config);
}

/** Of an environment variable that a file of settings names. */
export function readVariable(name: string): string | undefined {
  return process.env[name];
}

/** @throws StartError that names every mistake. What is wrong with a server's settings is none of a client's business. */
export function readClientConfig(environment: Environment = process.env): ClientConfig {
  const read = reader(environment);
  const config: ClientConfig = {
    millraceUrl: withoutSlash(read.text('MILLRACE_URL', isBaseUrl, BASE_URL) ?? 'http://127.0.0.1:8080'),
    millraceToken: read.secret('MILLRACE_TOKEN', isBearer, 'a token: A-Z a-z 0-9 . _ ~ + / -'),
    dataDir: resolve(read.text('DATA_DIR') ?? 'data'),
  };
  read.finish();
  return Object.freeze(config);
}

interface Reader {
  text(name: string, isLegal?: (text: string) => boolean, expected?: string): string | undefined;
  /** A text that no message repeats. */
  secret(name: string, isLegal: (text: string) => boolean, expected: string): string | undefined;
  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined;
  several<T extends string>(name: string, values: readonly T[]): readonly T[] | undefined;
  list(name: string, isLegal: (item: string) => boolean, expected: string): readonly string[];
  number(name: string, range: { readonly by: number; readonly from: number; readonly to?: number }): number;
  /** For what is wrong with one setting because of another. */
  wrong(name: string, is: string, expected: string): void;
  finish(): void;
}

/** Collects mistakes instead of stopping at the first. An empty variable is an absent one. */
function reader(environment: Environment): Reader {
  const mistakes: string[] = [];
  const given = (name: string): string | undefined => {
    const text = environment[name]?.trim();
    return text === '' ? undefined : text;
  };
  const wrong = (name: string, is: string, expected: string): void => {
    mistakes.push(`  ${name} is ${is}, expected ${expected}`);
  };
  const quoted = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  return {
    text(name, isLegal = () => true, expected = '') {
      const text = given(name);
      if (text === undefined || isLegal(text)) return text;
      wrong(name, quoted(text), expected);
      return undefined;
    },
    secret(name, isLegal, expected) {
      const text = given(name);
      if (text === undefined || isLegal(text)) return text;
      wrong(name, 'something else (not shown)', expected);
      return undefined;
    },
    oneOf<T extends string>(name: string, values: readonly T[]) {
      const text = given(name)?.toLowerCase();
      const value = values.find((known) => known === text);
      if (text !== undefined && value === undefined) wrong(name, quoted(text), `one of ${values.join(', ')}`);
      return value;
    },
    several<T extends string>(name: string, values: readonly T[]) {
      const items = (given(name) ?? '').toLowerCase().split(/[\s,]+/);
      const bad = items.find((item) => item !== '' && !values.some((known) => known === item));
      if (bad !== undefined) wrong(name, quoted(bad), `${values.join(', ')}, with commas in between`);
      const chosen = values.filter((known) => items.includes(known));
      return chosen.length === 0 ? undefined : Object.freeze(chosen);
    },
    list(name, isLegal, expected) {
      const items = (given(name) ?? '').split(/[\s,]+/).filter((item) => item !== '');
      const bad = items.find((item) => !isLegal(item));
      if (bad !== undefined) wrong(name, quoted(bad), expected);
      return Object.freeze(items);
    },
    number(name, { by, from, to = Number.MAX_SAFE_INTEGER }) {
      const text = given(name);
      if (text === undefined) return by;
      const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= from && value <= to) return value;
      const range = to === Number.MAX_SAFE_INTEGER ? `from ${String(from)}` : `from ${String(from)} to ${String(to)}`;
      wrong(name, quoted(text), `a whole number ${range}`);
      return by;
    },
    wrong,
    finish() {
      if (mistakes.length === 0) return;
      throw new StartError(
        `${mistakes.length === 1 ? 'a setting is' : 'settings are'} wrong:\n${mistakes.join('\n')}`,
        {
          hint: 'Settings are environment variables; `millrace help` lists them.',
        },
      );
    },
  };
}

function tlsFiles(read: Reader): Pick<Config, 'tlsCert' | 'tlsKey'> {
  const tlsCert = resolved(read.text('TLS_CERT'));
  const tlsKey = resolved(read.text('TLS_KEY'));
  if (tlsCert === undefined && tlsKey !== undefined)
    read.wrong('TLS_CERT', 'not set', 'the file of the certificate that belongs to TLS_KEY');
  if (tlsKey === undefined && tlsCert !== undefined)
    read.wrong('TLS_KEY', 'not set', 'the file of the key that belongs to TLS_CERT');
  return { tlsCert, tlsKey };
}

const PROXY_NAMES = ['loopback', 'linklocal', 'uniquelocal'];

/** Of addresses of all kinds of spelling proxy-addr takes more than is meant. The whole internet it takes for no range. */
function isProxyRange(text: string): boolean {
  if (PROXY_NAMES.includes(text)) return true;
  try {
    compile(text);
    return isIP(text.replace(/\/.*$/, '')) !== 0;
  } catch {
    return false;
  }
}

function resolved(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path);
}

export function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

/** May it stand behind `Bearer`? */
export function isBearer(text: string): boolean {
  return BEARER.test(text);
}

function isHost(text: string): boolean {
  return /^[A-Za-z0-9:._%-]+$/.test(text);
}

export function isBaseUrl(text: string): boolean {
  const url = parseUrl(text);
  return (
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.username === '' &&
    url.password === '' &&
    !/[?#\s]/.test(text)
  );
}

/** RFC 6454 §6.2, as browsers send it: scheme, host, and the port where it is not the scheme's own. */
function isOrigin(text: string): boolean {
  return text === '*' || (/^https?:/i.test(text) && parseUrl(text)?.origin === text);
}

function isPostgresUrl(text: string): boolean {
  return /^postgres(ql)?:\/\/\S+$/.test(text);
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
