import { performance } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { FeedsError } from '../core/errors.js';
import type { ExportEnd, ExportedEntry } from '../core/export.js';
import type { BatchEnd } from '../core/named-export.js';
import { isUnavailable, openPool, reader } from '../store/db.js';
import { PIECES_AHEAD } from './row-messages.js';
import type { Failure, RowAnswer, RowMessage, SentJob } from './row-messages.js';
import { writeRows } from './row-stream.js';

/**
 * The thread that writes exports, from Postgres to the octets that are sent (docs/adr/0016): whoever publishes or polls
 * does not wait for them.
 */

export interface RowThreadData {
  readonly connectionString: string;
}

/** Each export has one at a time, and while its reader takes what was sent none. */
const CONNECTIONS = 4;

const { connectionString } = workerData as RowThreadData;
const db = reader(openPool({ connectionString }, { size: CONNECTIONS }));
parentPort?.on('message', ({ job, port }: { job: SentJob; port: MessagePort }) => void serve(job, port));

async function serve({ asks, ...job }: SentJob, port: MessagePort): Promise<void> {
  const channel = openChannel(port);
  const redact = asks ? channel.seen : undefined;
  const { endOf, isClosed: isStopped } = channel;
  try {
    const pieces = writeRows(
      { db, endOf, isStopped },
      { ...job, wanted: { ...job.wanted, redact, extract: undefined } },
    );
    for await (const piece of pieces) await channel.hand(piece);
    channel.tell({ kind: 'done' });
  } catch (error) {
    channel.tell({ kind: 'failed', failure: failureOf(error) });
  }
  port.close();
}

interface Channel {
  readonly tell: (message: RowMessage) => void;
  /** Waits while there are as many on their way as there may be. */
  readonly hand: (piece: Uint8Array) => Promise<void>;
  readonly seen: (entries: readonly ExportedEntry[]) => Promise<readonly ExportedEntry[]>;
  readonly endOf: (given: Extract<RowMessage, { kind: 'given' }>['given']) => Promise<ExportEnd | BatchEnd>;
  readonly isClosed: () => boolean;
}

/** Whatever is waited for rejects when the other side has gone. */
function openChannel(port: MessagePort): Channel {
  let ahead = 0;
  let worked = performance.eventLoopUtilization();
  let isClosed = false;
  /** Rows that are compressed are made while others are handed on: both may wait at once. */
  let waiting: ((answer: RowAnswer | undefined) => void)[] = [];
  const wake = (answer: RowAnswer | undefined): void => {
    const woken = waiting;
    waiting = [];
    for (const one of woken) one(answer);
  };
  port.on('message', (answer: RowAnswer) => {
    if (answer.kind === 'taken') ahead -= 1;
    wake(answer);
  });
  port.on('close', () => {
    isClosed = true;
    wake(undefined);
  });
  const next = async (): Promise<RowAnswer> => {
    const answer = await new Promise<RowAnswer | undefined>((resolve) => {
      if (isClosed) resolve(undefined);
      else waiting.push(resolve);
    });
    if (answer === undefined) throw new Error('nobody reads the rows any more');
    return answer;
  };
  const ask = async <Kind extends RowAnswer['kind']>(
    message: RowMessage,
    kind: Kind,
  ): Promise<Extract<RowAnswer, { kind: Kind }>> => {
    port.postMessage(message);
    for (;;) {
      const answer = await next();
      if (answer.kind === kind) return answer as Extract<RowAnswer, { kind: Kind }>;
    }
  };
  return {
    tell: (message) => {
      port.postMessage(message);
    },
    async hand(piece) {
      const { active: tookMs } = performance.eventLoopUtilization(worked);
      while (ahead >= PIECES_AHEAD) await next();
      ahead += 1;
      port.postMessage({ kind: 'piece', octets: piece, tookMs } satisfies RowMessage, [piece.buffer as ArrayBuffer]);
      worked = performance.eventLoopUtilization();
    },
    seen: async (entries) => (await ask({ kind: 'entries', entries }, 'entries')).entries,
    endOf: async (given) => (await ask({ kind: 'given', given }, 'end')).end,
    isClosed: () => isClosed,
  };
}

function failureOf(error: unknown): Failure {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (error instanceof FeedsError) return { message, stack, code: error.code, details: error.details };
  if (!isUnavailable(error)) return { message, stack, code: undefined, details: {} };
  return { message: 'the database is not available', stack, code: 'unavailable', details: { retryAfterSeconds: 2 } };
}
