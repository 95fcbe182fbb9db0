#!/usr/bin/env node
import { runMillrace } from './millrace.js';

const HELP = `Millrace: an event channel over plain HTTP.

  millrace serve             start the server (npm start does the same)
  millrace migrate           bring the database to the state that this version needs; serve does it too
  millrace copy --to URL     copy everything to another, empty Postgres

and, as clients of a server that runs (docs/command-line.md):

  millrace feeds             list, show, create, set, delete, restore: feeds and their settings
  millrace schemas           list, show, check, register, retire, reinstate: their contracts
  millrace tokens            list, create, revoke: who may do what
  millrace publish           publish entries from files or from stdin
  millrace tail              read a feed, oldest entries first, and follow it

  millrace help COMMAND      all about a command, for example \`millrace help feeds create\`
  millrace --version         the version

Settings are environment variables. Of clients:

  MILLRACE_URL               http://127.0.0.1:8080  the server
  MILLRACE_TOKEN                               the token; else the one that a local server left in DATA_DIR

Of the server:

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
  TARGETS_FILE                                 where exports may be pushed to; YAML or JSON
  PUSH_TIMEOUT_SECONDS       60                for a target to take something
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
  RATE_FAILED_LOGINS_ADDRESS 30                failed logins, from one address
`;

let interrupted: NodeJS.Signals | undefined;

/** A signal then ends the command in its own time; once more, and it ends at once. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = signal;
      controller.abort();
    });
  }
  return controller.signal;
}

const { stdin, stdout, stderr } = process;
// What cannot be written is found out by whoever writes it.
for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
process.exitCode = await runMillrace(
  process.argv.slice(2),
  {
    stdin,
    stdout,
    stderr,
    isInteractive: stdin.isTTY && stderr.isTTY,
    isTerminal: stdout.isTTY,
    interruption,
  },
  HELP,
);
// Its parent is to see that it ended by the signal: a shell then stops the script.
if (interrupted !== undefined) process.kill(process.pid, interrupted);
// What a failed start leaves open (a socket, a timer) must not keep the process.
else setTimeout(() => process.exit(), 100).unref();
