import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { readConfig } from '../config.js';
import { start } from '../server.js';
import { createLogger, flushLogger } from '../telemetry/logger.js';
import type { Call, Command } from './command.js';

/** Ctrl-C reaches us from the terminal and once more through npm: within this time it is one wish. */
const ONE_WISH_MILLISECONDS = 500;
/** Beyond draining: for Postgres to write its checkpoint and end. */
const STOP_POSTGRES_SECONDS = 25;

/** `millrace serve`: until SIGTERM or SIGINT, which drain; a second one ends it at once. */
export const serve: Command = {
  operands: '',
  takes: [0, 0],
  about: `Starts the server, and runs until SIGTERM or Ctrl-C, which let accepted requests finish; a second one ends it at once.
Settings are environment variables: \`millrace help\` lists them.`,
  options: {},
  examples: ['PORT=8081 millrace serve'],
  run,
};

/**
 * Where V8 finds that objects of one place in the code mostly outlive a collection, it makes those that follow old at once: what a query
 * gave, say, while many wait. Dead as they soon are, they keep all alive that they point to until the whole heap is looked through, and
 * each page of texts that was read was copied twice (docs/performance.md).
 */
const V8_FLAGS = '--no-allocation-site-pretenuring';

async function run(call: Call): Promise<void> {
  setFlagsFromString(V8_FLAGS);
  const config = readConfig(call.surroundings.environment);
  const logger = createLogger(config.logLevel);
  let ask: (signal: NodeJS.Signals) => void = () => undefined;
  const asked = new Promise<NodeJS.Signals>((resolve) => {
    ask = resolve;
  });
  let first = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    ask(signal);
    if (first === 0) first = Date.now();
    else if (Date.now() - first > ONE_WISH_MILLISECONDS) process.exit(1);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const starting = start(config, logger);
  const { feedsFile, tlsCert } = config;
  if (feedsFile === undefined && tlsCert === undefined) {
    // Without a file to read again, SIGHUP is what it is to any program: its terminal has gone.
    process.on('SIGHUP', onSignal);
  } else {
    // From the beginning: until it is listened to, the signal would end the process.
    process.on('SIGHUP', () => {
      logger.info({ feedsFile, tlsCert }, 'reading the files again');
      starting
        .then((running) => running.reload())
        .catch((error: unknown) => {
          logger.error({ err: error }, 'a file was not applied; what was before stays');
        });
    });
  }

  const running = await starting;
  if (running.adminToken !== undefined) {
    print(`Admin token, shown this once: ${running.adminToken}`);
  }
  print(`Millrace listens on ${running.url}`);

  logger.info({ signal: await asked }, 'draining');
  const late = new AbortController();
  const deadline = (config.shutdownSeconds + STOP_POSTGRES_SECONDS) * 1000;
  const stopped = await Promise.race([
    running.stop().then(() => true),
    sleep(deadline, false, { signal: late.signal, ref: false }).catch(() => false),
  ]);
  late.abort();
  if (stopped) logger.info('stopped');
  else logger.error('did not stop in time');
  await flushLogger(logger);
  process.exit(stopped ? 0 : 1);
}

/** Whoever read our output may have gone (`millrace serve | head`): no reason to stop serving. */
function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
