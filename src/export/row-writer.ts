import { on } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { FeedsError } from '../core/errors.js';
import type { ExportEnd } from '../core/export.js';
import type { BatchEnd } from '../core/named-export.js';
import type { Logger } from '../telemetry/logger.js';
import type { Failure, RowAnswer, RowMessage, SentJob } from './row-messages.js';
import { asSeen } from './batches.js';
import { makePace } from './pace.js';
import type { Pace } from './pace.js';
import type { RowThreadData } from './row-thread.js';
import type { GivenRows, RowJob } from './row-stream.js';

/** Writes exports, in a thread of its own that is started with the first. */
export interface RowWriter {
  /**
   * The octets, some at a time; the first come when the first rows are there. `endOf` is asked when all have been given.
   * Whoever leaves off early says so by the signal.
   */
  write(job: RowJob, endOf: EndOf, signal: AbortSignal): AsyncGenerator<Uint8Array>;
  stop(): Promise<void>;
}

type EndOf = (given: GivenRows) => Promise<ExportEnd | BatchEnd>;

export interface RowWriterDeps {
  readonly connectionString: string;
  readonly logger: Logger;
}

/** Its code stands beside this file; where this one is run as it was written, by tests, where that is built to. */
const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/export/row-thread.js' : './row-thread.js',
  import.meta.url,
);

export function makeRowWriter({ connectionString, logger }: RowWriterDeps): RowWriter {
  let running: Worker | undefined;
  const pace = makePace();

  return {
    write(job, endOf, signal) {
      running ??= start();
      const { port1, port2 } = new MessageChannel();
      const { redact, extract, ...wanted } = job.wanted;
      const sent: SentJob = { ...job, wanted, asks: redact !== undefined || extract !== undefined };
      running.postMessage({ job: sent, port: port2 }, [port2]);
      return read(port1, job, endOf, { signal, pace });
    },
    async stop() {
      await running?.terminate();
    },
  };

  function start(): Worker {
    const worker = new Worker(THREAD, {
      workerData: { connectionString } satisfies RowThreadData,
    });
    worker.unref();
    worker.on('error', (error) => {
      logger.error({ err: error }, 'the thread that writes exports has failed');
    });
    // The channels of its exports close with it, and the next export has another one.
    worker.on('exit', () => {
      if (running === worker) running = undefined;
    });
    return worker;
  }
}

async function* read(
  port: MessagePort,
  { wanted }: RowJob,
  endOf: EndOf,
  { signal, pace }: { readonly signal: AbortSignal; readonly pace: Pace },
): AsyncGenerator<Uint8Array> {
  const answer = (one: RowAnswer): void => {
    port.postMessage(one);
  };
  try {
    const messages = on(port, 'message', { close: ['close'], signal }) as AsyncIterable<[RowMessage]>;
    for await (const [message] of messages) {
      switch (message.kind) {
        case 'piece':
          yield message.octets;
          await pace(message.tookMs, signal);
          answer({ kind: 'taken' });
          break;
        case 'entries':
          answer({ kind: 'entries', entries: await asSeen(wanted, message.entries) });
          break;
        case 'given':
          answer({ kind: 'end', end: await endOf(message.given) });
          break;
        case 'failed':
          throw errorOf(message.failure);
        case 'done':
          return;
      }
    }
    throw new FeedsError('unavailable', 'what writes exports was ended', { retryAfterSeconds: 1 });
  } finally {
    port.close();
  }
}

function errorOf({ message, stack, code, details }: Failure): Error {
  if (code !== undefined) return new FeedsError(code, message, { ...details, cause: stack });
  return Object.assign(new Error(message), { stack });
}
