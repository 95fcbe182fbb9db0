import type { Client } from 'pg';
import { decide } from '../core/batch.js';
import type { BatchWrites, Decision, FeedState, OperationResult, Refusal, WriteRequest } from '../core/batch.js';
import { FeedsError } from '../core/errors.js';
import type { FeedId } from '../core/feed.js';
import { placeNew } from '../core/place.js';
import type { Placed } from '../core/place.js';
import { indexTerms } from '../core/search.js';
import { CLOCKS_DIFFER, destroy, endSoon, isUnavailable, sqlState } from '../store/db.js';
import { MISTAKEN, preparePublishBatch, publishBatch } from '../store/publish-batch.js';
import { lockAndLook, prepareToWrite, rollback, writeAndCommit } from '../store/write-batch.js';
import type { Key, Tick } from '../store/write-batch.js';
import type { Logger } from '../telemetry/logger.js';

/** One batch is bounded in bytes first: its memory and the time that its feeds are locked depend on them. */
const BATCH_BYTES = 8 * 1024 * 1024;
/** Of small entries so many are enough; one feed document may hold more (http/routes/entries.ts). */
const BATCH_ENTRIES = 2_000;
/** From its arrival a request is answered within this time, whatever happens to the database. */
const ANSWER_MS = 10_000;
/** Longer than Postgres' own limits for a statement: then the connection is dead or the database hangs. */
const ATTEMPT_MS = 7_000;
const CONNECT_MS = 3_000;
const SWEEP_MS = 250;
const RETRY_MS = { first: 50, most: 1_000 };
/** SQLSTATE of a lock that was not had in time. */
const LOCK_NOT_AVAILABLE = '55P03';
/** SQLSTATE of a statement that Postgres ended because of its time. */
const TOO_SLOW = '57014';
/** After so many batches in a row that were decided by a wrong memory the wait for the next try grows no more. */
const MOST_MISSES = 7;
const MOST_REMEMBERED = 10_000;
/** How often a feed that another node holds is tried again. */
const ASIDE_MS = 50;

export interface Committed {
  readonly results: readonly OperationResult[];
  /** Undefined when the request wrote nothing: all of it was there already. */
  readonly tick: Tick | undefined;
}

export interface GroupCommitDeps {
  readonly partition: number;
  /** A new writer's connection, not yet connected. */
  readonly open: () => Client;
  /** Resolves when the database is there and has been checked for having gone back. */
  readonly ready: () => Promise<void>;
  readonly logger: Logger;
  /** Told after each commit, before the publishers are: the new heads, and the new entries that were placed by memory. */
  readonly committed: (
    tick: Tick,
    stretches: readonly { feedId: FeedId; last: bigint }[],
    placed: readonly Placed[],
  ) => void;
  readonly observe: (batch: { requests: number; entries: number; octets: number; seconds: number }) => void;
  /** Bytes of requests that may wait. */
  readonly queueBytes: number;
}

/** What became of a batch, and whose requests it was made of: some may have been put aside. */
interface Attempted {
  readonly decisions: readonly Decision[];
  readonly stretches: BatchWrites['stretches'];
  readonly placed: readonly Placed[];
  /** The bytes of each entry that was written. */
  readonly octets: readonly number[];
  readonly tick: Tick | undefined;
  readonly mine: readonly Waiting[];
}

interface Waiting {
  readonly request: WriteRequest;
  readonly octets: number;
  readonly answerBy: number;
  answered: boolean;
  readonly resolve: (committed: Committed) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommit {
  /**
   * Resolves after the commit. Rejects with what was wrong with the request, with `overloaded` when too much waits
   * already, with `unavailable` when it could not be written in ten seconds, and with `outcome-unknown` when it was
   * sent and Postgres did not tell what became of it; sending the same again is then safe.
   */
  submit(request: WriteRequest, octets: number): Promise<Committed>;
  /** The clocks of this node and the database are too far apart to write. */
  readonly skewed: boolean;
  readonly waiting: { requests: number; octets: number };
  /** Finishes what is waiting, then closes. */
  stop(): Promise<void>;
}

/**
 * The group commit of one partition: what arrives while a batch is being written is the next batch. One batch is under
 * way at a time, on one connection.
 */
export function startGroupCommit(deps: GroupCommitDeps): GroupCommit {
  let queue: Waiting[] = [];
  let queuedOctets = 0;
  let inFlight: readonly Waiting[] = [];
  let running: Promise<void> | undefined;
  let client: Client | undefined;
  let stopping = false;
  let skewed = false;
  /** Feeds that could not be locked in time, and who waits for them. */
  const stuck = new Set<FeedId>();
  let aside: Waiting[] = [];
  let asideTimer: NodeJS.Timeout | undefined;
  /** The feeds as they were after this node's last commit to them. */
  const remembered = new Map<FeedId, FeedState>();
  /** How often in a row that was wrong, and for how many batches it is not tried again. */
  let misses = 0;
  let distrust = 0;

  const sweep = setInterval(() => {
    const now = Date.now();
    const expired = (one: Waiting): boolean => !one.answered && now >= one.answerBy;
    for (const one of inFlight) if (expired(one)) settle(one, outcomeUnknown(one.request));
    for (const one of [...queue, ...aside]) {
      if (expired(one)) settle(one, one.request.attempted ? outcomeUnknown(one.request) : notWritten());
    }
    queue = queue.filter(stillWaits);
    aside = aside.filter(stillWaits);
  }, SWEEP_MS);
  sweep.unref();

  function stillWaits(one: Waiting): boolean {
    return !one.answered;
  }

  function settle(one: Waiting, outcome: Committed | Error): void {
    if (one.answered) return;
    one.answered = true;
    queuedOctets -= one.octets;
    if (outcome instanceof Error) one.reject(outcome);
    else one.resolve(outcome);
  }

  function submit(request: WriteRequest, octets: number): Promise<Committed> {
    return new Promise((resolve, reject) => {
      if (stopping) {
        reject(
          new FeedsError('unavailable', 'this node is shutting down; nothing was written', { retryAfterSeconds: 1 }),
        );
        return;
      }
      if (queuedOctets + octets > deps.queueBytes && queuedOctets > 0) {
        reject(
          new FeedsError('overloaded', 'too many entries wait to be written; nothing was written', {
            retryAfterSeconds: 1,
          }),
        );
        return;
      }
      queuedOctets += octets;
      queue.push({ request, octets, answerBy: Date.now() + ANSWER_MS, answered: false, resolve, reject });
      start();
    });
  }

  function start(): void {
    running ??= run().finally(() => {
      running = undefined;
      if (queue.length > 0) start();
    });
  }

  async function run(): Promise<void> {
    // Whoever is first in an idle moment lets the requests of the same turn of the event loop join its batch.
    await new Promise((resolve) => setImmediate(resolve));
    for (let batch = take(); batch.length > 0; batch = take()) {
      inFlight = batch;
      await commitBatch(batch);
      inFlight = [];
    }
  }

  function take(): Waiting[] {
    let octets = 0;
    let count = 0;
    let entries = 0;
    for (const one of queue) {
      octets += one.octets;
      entries += one.request.operations.length;
      if (count > 0 && (octets > BATCH_BYTES || entries > BATCH_ENTRIES)) break;
      count += 1;
    }
    return queue.splice(0, count).filter(stillWaits);
  }

  /** Returns when everyone in the batch is answered or put aside. */
  async function commitBatch(batch: readonly Waiting[]): Promise<void> {
    let pause = RETRY_MS.first;
    for (let pending = batch.filter(stillWaits); pending.length > 0; pending = pending.filter(stillWaits)) {
      try {
        await attempt(pending);
        return;
      } catch (error) {
        const state = sqlState(error);
        if (state === TOO_SLOW && pending.length > 1) {
          deps.logger.warn({ err: error, requests: pending.length }, 'the batch took too long; halving it');
          await commitHalves(pending);
          return;
        }
        if (isUnavailable(error)) {
          // The connection is gone or the database is: whether a commit that was sent came through is found out by
          // running the same batch again; the feeds' locks make it wait for what is left of the old transaction.
          deps.logger.warn({ err: error, requests: pending.length }, 'the batch did not come through; trying again');
          close();
        } else if (state === CLOCKS_DIFFER) {
          skewed = true;
          deps.logger.error(
            { err: error },
            'the clocks of this node and of the database differ too much: nothing is written',
          );
          const refusal = new FeedsError(
            'unavailable',
            'the clocks of this node and of its database differ too much; nothing was written',
            { retryAfterSeconds: 30, cause: error },
          );
          for (const one of pending) settle(one, refusal);
          return;
        } else if (state?.startsWith('40') === true || state === LOCK_NOT_AVAILABLE) {
          deps.logger.warn({ err: error }, 'the batch is tried again');
        } else if (/^(22|23|54)/.test(state ?? '') && pending.length > 1) {
          // Something in it cannot be stored: halve it until the bad one is alone.
          deps.logger.error({ err: error, requests: pending.length }, 'the batch was refused; halving it');
          await commitHalves(pending);
          return;
        } else {
          for (const one of pending) settle(one, error instanceof Error ? error : new Error(String(error)));
          return;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(pause * 2, RETRY_MS.most);
    }
  }

  async function commitHalves(batch: readonly Waiting[]): Promise<void> {
    const middle = Math.ceil(batch.length / 2);
    await commitBatch(batch.slice(0, middle));
    await commitBatch(batch.slice(middle));
  }

  /** One transaction. Rejects when nothing was committed, or when that is unknown (then the requests say `attempted`). */
  async function attempt(batch: readonly Waiting[]): Promise<void> {
    const started = performance.now();
    const session = await connected();
    const deadline = setTimeout(() => {
      destroy(session);
    }, ATTEMPT_MS);
    try {
      const done = (await attemptByMemory(session, batch)) ?? (await attemptByLooking(session, batch));
      const { decisions, stretches, placed, octets, tick, mine } = done;
      if (tick !== undefined) {
        skewed = false;
        deps.committed(tick, stretches, placed);
      }
      decisions.forEach((decision, index) => {
        const one = mine[index];
        if (one !== undefined) settle(one, outcomeOf(decision, tick));
      });
      deps.observe({
        requests: mine.length,
        entries: octets.length,
        octets: octets.reduce((sum, one) => sum + one, 0),
        seconds: (performance.now() - started) / 1000,
      });
    } catch (error) {
      remembered.clear();
      await rollback(session).catch(close);
      throw error;
    } finally {
      clearTimeout(deadline);
    }
  }

  /**
   * Decides by what is remembered and sends everything in one statement; Postgres confirms, under the feeds' locks, that it
   * is so still. Undefined: it cannot be done so, or was not so, and nothing was written.
   */
  async function attemptByMemory(session: Client, batch: readonly Waiting[]): Promise<Attempted | undefined> {
    if (distrust > 0) {
      distrust -= 1;
      return undefined;
    }
    const placing = placeNew(
      batch.map((one) => one.request),
      remembered,
    );
    if (placing === undefined) return undefined;
    const { decisions, entries, feeds } = placing;
    markAttempted(decisions);
    try {
      const tick = await publishBatch(session, deps.partition, placing, new Date());
      for (const { feedId, state, last } of feeds) remembered.set(feedId, { ...state, head: last });
      misses = 0;
      const octets = entries.map(({ entry }) => entry.octets);
      return { decisions, stretches: feeds, placed: entries, octets, tick, mine: batch };
    } catch (error) {
      const state = sqlState(error);
      if (state !== MISTAKEN && state !== LOCK_NOT_AVAILABLE) throw error;
      for (const { request } of batch) request.attempted = false;
      for (const { feedId } of feeds) remembered.delete(feedId);
      if (state === LOCK_NOT_AVAILABLE) {
        // One of them is held, and was waited for: find out which without waiting again.
        for (const { feedId } of feeds) stuck.add(feedId);
        return undefined;
      }
      // Other nodes write to these feeds, or publishers repeat themselves: it would be in vain for a while.
      misses = Math.min(misses + 1, MOST_MISSES);
      distrust = 2 ** misses - 2;
      return undefined;
    }
  }

  /** Locks the feeds, looks at them, decides, and writes what is accepted. */
  async function attemptByLooking(session: Client, batch: readonly Waiting[]): Promise<Attempted> {
    const requests = batch.map((one) => one.request);
    const feedIds = [...new Set(requests.map((request) => request.feedId))].sort((a, b) => a - b);
    const { keys, revised } = keysOf(requests);
    let looked;
    try {
      looked = await lockAndLook(session, deps.partition, feedIds, keys, revised, {
        skipLocked: feedIds.some((id) => stuck.has(id)),
      });
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) throw error;
      // Some feed is held by somebody who does not let go: find out which by not waiting for any.
      await rollback(session);
      looked = await lockAndLook(session, deps.partition, feedIds, keys, revised, { skipLocked: true });
    }

    const { taken } = looked;
    for (const feedId of feedIds) {
      if (taken.has(feedId)) stuck.add(feedId);
      else stuck.delete(feedId);
    }
    const mine = batch.filter((one) => !taken.has(one.request.feedId));
    putAside(batch.filter((one) => taken.has(one.request.feedId)));

    const { decisions, writes } = decide(
      mine.map((one) => one.request),
      looked,
      indexTerms,
    );
    if (writes.entries.length === 0) {
      await rollback(session);
      return { decisions, stretches: [], placed: [], octets: [], tick: undefined, mine };
    }
    markAttempted(decisions);
    const tick = await writeAndCommit(session, deps.partition, writes, new Date());
    remember(looked.feeds, writes);
    const octets = writes.entries.map((row) => row.octets);
    return { decisions, stretches: writes.stretches, placed: [], octets, tick, mine };
  }

  /** The feeds as they are after the commit. */
  function remember(feeds: ReadonlyMap<FeedId, FeedState>, writes: BatchWrites): void {
    if (remembered.size >= MOST_REMEMBERED) remembered.clear();
    for (const [feedId, state] of feeds) remembered.set(feedId, state);
    for (const { feedId, last } of writes.stretches) {
      const state = feeds.get(feedId);
      if (state !== undefined) remembered.set(feedId, { ...state, head: last });
    }
  }

  function putAside(waiting: readonly Waiting[]): void {
    if (waiting.length === 0) return;
    aside.push(...waiting);
    asideTimer ??= setTimeout(() => {
      asideTimer = undefined;
      queue = [...aside, ...queue];
      aside = [];
      if (queue.length > 0) start();
    }, ASIDE_MS);
  }

  async function connected(): Promise<Client> {
    if (client !== undefined) return client;
    const fresh = deps.open();
    fresh.on('error', (error) => {
      deps.logger.warn({ err: error }, "the log writer's connection broke");
      if (client === fresh) client = undefined;
    });
    fresh.on('end', () => {
      if (client === fresh) client = undefined;
    });
    await fresh.connect();
    try {
      // Asked with the connection open: what has been checked then is what it leads to.
      await inTime(deps.ready(), CONNECT_MS, 'no connection to the database yet');
      const prepared = Promise.all([prepareToWrite(fresh, deps.partition), preparePublishBatch(fresh, deps.partition)]);
      await inTime(prepared, CONNECT_MS, 'the connection to the database does not answer');
    } catch (error) {
      destroy(fresh);
      throw error;
    }
    client = fresh;
    return fresh;
  }

  function close(): void {
    if (client !== undefined) destroy(client);
    client = undefined;
  }

  async function stop(): Promise<void> {
    stopping = true;
    while (running !== undefined || aside.length > 0) {
      await running;
      if (aside.length > 0) await new Promise((resolve) => setTimeout(resolve, ASIDE_MS));
    }
    clearInterval(sweep);
    const last = client;
    client = undefined;
    if (last !== undefined) await endSoon(last);
  }

  return {
    submit,
    stop,
    get skewed() {
      return skewed;
    },
    get waiting() {
      return { requests: queue.length + inFlight.length + aside.length, octets: queuedOctets };
    },
  };
}

/** From the moment that a commit is sent until it is answered its outcome is unknown. */
function markAttempted(decisions: readonly Decision[]): void {
  for (const decision of decisions) {
    if ('results' in decision && decision.results.some((result) => result.kind !== 'replayed'))
      decision.request.attempted = true;
  }
}

/** What the look has to find: every id of the batch, and the current revisions of those to be changed. */
function keysOf(requests: readonly WriteRequest[]): { keys: Key[]; revised: Key[] } {
  const keys: Key[] = [];
  const revised: Key[] = [];
  for (const { feedId, operations } of requests) {
    for (const operation of operations) {
      const key = { feedId, atomKey: operation.kind === 'delete' ? operation.atomKey : operation.entry.atomKey };
      keys.push(key);
      if (operation.kind !== 'publish') revised.push(key);
    }
  }
  return { keys, revised };
}

function outcomeOf(decision: Decision, tick: Tick | undefined): Committed | FeedsError {
  if ('results' in decision) return { results: decision.results, tick };
  return refusalOf(decision.request, decision.refusals);
}

/** One request has one answer: that of its only entry, or one that names every offending entry of a batch. */
export function refusalOf(request: Pick<WriteRequest, 'operations'>, refusals: readonly Refusal[]): FeedsError {
  const [first] = refusals;
  if (first === undefined) throw new Error('a refused request without a refusal');
  if (request.operations.length === 1 || first.error.code === 'not-found') return first.error;
  return new FeedsError(
    first.error.code,
    `${String(refusals.length)} of ${String(request.operations.length)} entries are refused; nothing was written`,
    { refused: refusals.map(({ index, error }) => ({ index, message: error.message })) },
  );
}

function notWritten(): FeedsError {
  return new FeedsError('unavailable', 'the database did not take the entry in time; nothing was written', {
    retryAfterSeconds: 2,
  });
}

function outcomeUnknown(request: WriteRequest): FeedsError {
  const ids = request.operations.map((operation) =>
    operation.kind === 'delete' ? operation.atomId : operation.entry.atomId,
  );
  return new FeedsError(
    'outcome-unknown',
    'the database did not say whether it was written; send the same again, with the ids given here, and it will not be doubled',
    { retryAfterSeconds: 2, extensions: { ids } },
  );
}

async function inTime(work: Promise<unknown>, ms: number, message: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(message));
    }, ms);
  });
  await Promise.race([work, late]).finally(() => {
    clearTimeout(timer);
  });
}
