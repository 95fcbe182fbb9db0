#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readConfig } from '../config.js';
import { StartError } from '../core/start-error.js';

const HELP = `Millrace: an event channel over plain HTTP.

  millrace serve             start the server (npm start does the same)
  millrace migrate           bring the database to the state that this version needs; serve does it too
  millrace copy --to URL     copy everything to another, empty Postgres
  millrace help              this text
  millrace --version         the version

Settings are environment variables:

  PORT                       8080              where it listens; 0: any free port
  HOST                       127.0.0.1         0.0.0.0 to be reached from other machines
  PUBLIC_URL                 http://HOST:PORT  the base of all links handed out
  TLS_CERT                                     a PEM file: HTTPS, not HTTP; read again when it changes
  TLS_KEY                                      the file of its key
  TRUSTED_PROXIES                              addresses, ranges: proxies whose word for the client counts
  PROXY_HEADER               x-forwarded-for   where they give it; or: forwarded
  DATABASE_URL                                 a Postgres, 15 or newer; else it brings its own
  DATA_DIR                   ./data            where its own Postgres keeps the data
  ADMIN_TOKEN                                  else made at the first start and shown once
  AUTH                       token             how callers show who they are: token, basic, jwt, keystone
  AUTH_FILE                                    whose JWTs, which Keystone, and what they give; YAML or JSON
  KEYSTONE_PASSWORD                            in place of the one in AUTH_FILE
  FEEDS_FILE                                   workspaces and feeds, YAML or JSON; read again on SIGHUP
  CORS_ORIGINS                                 whose scripts may read: *, or origins with commas in between
  LOG_LEVEL                  info              fatal, error, warn, info, debug, trace, silent
  QUEUE_BYTES                67108864          entries waiting to be written
  BODY_BYTES_IN_FLIGHT       67108864          bodies being received
  PAGE_CACHE_BYTES           134217728         rendered pages kept
  MAX_CONNECTIONS            10000             open at once
  BODY_TIMEOUT_SECONDS       10                for a body to arrive
  REQUEST_TIMEOUT_SECONDS    60                to answer a request whose body is there
  ANSWER_TIMEOUT_SECONDS     30                for a reader to take 256 KiB of a large answer
  SHUTDOWN_SECONDS           20                for accepted requests to be done when told to stop
  RETENTION_SECONDS          60                from one run of retention to the next

Limits on use, in units a minute; 0: none (docs/limits.md):

  RATE_READ                  0                 requests that read, of one caller
  RATE_READ_ANONYMOUS        0                 from one address, without credentials
  RATE_READ_ADDRESS          0                 from one address, of all callers
  RATE_PUBLISH               0                 entries published, of one caller
  RATE_PUBLISH_ADDRESS       0                 entries published, from one address
  RATE_FAILED_LOGINS         10                failed logins, of one name from one address
  RATE_FAILED_LOGINS_ADDRESS 30                failed logins, from one address`;

const EXIT = { ok: 0, failure: 1, usage: 2 } as const;

class UsageError extends Error {}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function run(argv: readonly string[]): Promise<void> {
  const { values, positionals } = parse(argv);
  const [command = values.version === true ? 'version' : values.help === true ? 'help' : undefined, ...rest] =
    positionals;
  if (command === undefined) throw new UsageError('say what to do');
  if (rest.length > 0) throw new UsageError(`"${rest.join(' ')}" is one word too many`);
  if (values.to !== undefined && command !== 'copy') throw new UsageError('only copy takes --to');
  if (values.help === true) {
    print(HELP);
    return;
  }
  // Each command loads only what it needs.
  switch (command) {
    case 'help':
      print(HELP);
      return;
    case 'version':
      print(version());
      return;
    case 'serve': {
      const config = readConfig();
      const { runServe } = await import('./serve.js');
      return runServe(config, print);
    }
    case 'migrate': {
      const config = readConfig();
      const { runMigrate } = await import('./migrate.js');
      return runMigrate(config, print);
    }
    case 'copy': {
      if (values.to === undefined)
        throw new UsageError('copy where? --to postgresql://user:password@host:5432/database');
      if (!/^postgres(ql)?:\/\//.test(values.to))
        throw new UsageError('--to takes a URL that begins with postgresql://');
      const config = readConfig();
      const { runCopy } = await import('./copy.js');
      return runCopy(config, values.to, print);
    }
    default:
      throw new UsageError(`there is no command "${command}"`);
  }
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        to: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function version(): string {
  const { version: number } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return number;
}

/** One screen for a person: no stack where there is something to mend. */
function tell(error: unknown): number {
  if (error instanceof UsageError) {
    process.stderr.write(`millrace: ${error.message}\n\`millrace help\` tells what there is.\n`);
    return EXIT.usage;
  }
  if (error instanceof StartError) {
    process.stderr.write(`millrace: ${error.message}\n${error.hint === undefined ? '' : `\n${error.hint}\n`}`);
    return EXIT.failure;
  }
  process.stderr.write(
    `millrace: this is a bug of Millrace's, please report it\n${String((error as Error).stack ?? error)}\n`,
  );
  return EXIT.failure;
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  process.exitCode = tell(error);
  // What a failed start leaves open (a socket, a timer) must not keep the process.
  setTimeout(() => process.exit(), 100).unref();
}
