import type { Client, Pool } from 'pg';
import type { Epochs } from '../core/epoch.js';
import { shortEpoch } from '../core/epoch.js';
import type { Instant, Position } from '../core/entry.js';
import type { Feed, FeedId } from '../core/feed.js';
import type { Logger } from '../telemetry/logger.js';
import { destroy, endSoon, reader } from './db.js';
import { newestTick, readEpochs } from './epochs.js';
import type { SeenTick } from './epochs.js';
import { findFeed } from './feeds.js';

/**
 * What this node remembers of the feeds and their heads, so that a poll that finds nothing new asks the database
 * nothing. It answers only while its LISTEN connection is alive and for one second; a place ahead of it makes it ask.
 */
export interface HeadMemory {
  /** The feed and the state of its log if they are known well enough, without asking. */
  peek(workspace: string, name: string): Known | undefined;
  /** The same by `workspace/name`. */
  peekPath(path: string): Known | undefined;
  /** Asks the database. Undefined: there is no such feed. */
  ask(workspace: string, name: string): Promise<Known | undefined>;
  /** What a read has seen in the statement of its rows; `askedAt` is `performance.now()` at the query's start. */
  seen(feed: Feed, head: Position, firstKept: Position, epoch: string, askedAt: number): void;
  /** A batch of this node was committed: remember it and tell the other nodes. */
  committed(
    partition: number,
    tick: { epoch: string; tick: bigint; recordedAt: Instant },
    stretches: readonly { feedId: FeedId; last: Position }[],
  ): void;
  /** Feeds were created, altered or deleted, or a floor moved: forget all and tell the other nodes. */
  changed(): void;
  /** The LISTEN connection is up. */
  readonly listening: boolean;
  /** Resolves when it is up, and answers: the log has then been checked for having gone back, and may be written. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

export interface Known {
  readonly feed: Feed;
  head: Position;
  readonly firstKept: Position;
  readonly epochs: Epochs;
  /** When the query that found this out was begun. */
  readonly askedAt: number;
}

export interface HeadMemoryDeps {
  readonly pool: Pool;
  readonly openListener: () => Client;
  readonly logger: Logger;
  readonly partitions: readonly number[];
  /** Called with each (re)connect before anything is remembered: has the log gone back? Resolves with the newest tick. */
  readonly checkEpoch: (partition: number, seen: SeenTick | undefined, known: Epochs) => Promise<SeenTick | undefined>;
}

const CHANNEL = 'millrace';
const MAX_AGE_MS = 1_000;
const RECONNECT_MS = { first: 100, most: 2_000 };
/** A connection can be gone without a word: it is asked for the newest tick this often. */
const BEAT_MS = 2_000;
/** Notifications are merged for this long, and for longer when one follows the other: each costs every listener a wake-up. */
const NOTIFY_MS = { first: 3, between: 10 };
/** Postgres refuses payloads of 8,000 bytes. */
const PAYLOAD_BYTES = 7_900;
const PLACE = /^(\d{1,10})=([0-9a-f]{8})@(\d{1,18})$/;
const MOST_FEEDS = 50_000;

export async function startHeadMemory(deps: HeadMemoryDeps): Promise<HeadMemory> {
  const db = reader(deps.pool);
  const byName = new Map<string, Known>();
  const byId = new Map<FeedId, Known>();
  const asking = new Map<string, Promise<Known | undefined>>();
  const epochs = new Map<number, Epochs>();
  /** The highest heads heard of, whether the feed is remembered or not: an answer may be older than the news. */
  const latest = new Map<FeedId, { epoch: string; head: Position }>();
  const newest = new Map<number, SeenTick>();
  let listener: Client | undefined;
  let listening = false;
  let stopped = false;
  let whenListening: (() => void)[] = [];
  /** Grows when all is forgotten: an answer to a question asked before is not remembered. */
  let generation = 0;

  function forget(): void {
    generation += 1;
    byName.clear();
    byId.clear();
    asking.clear();
  }

  function remember(known: Known): Known {
    const key = keyOf(known.feed.workspace, known.feed.name);
    if (byName.size >= MOST_FEEDS && !byName.has(key)) forget();
    byName.set(key, known);
    byId.set(known.feed.id, known);
    return known;
  }

  function raise(feedId: FeedId, epoch: string, head: Position): void {
    const heard = latest.get(feedId);
    if (heard?.epoch !== epoch || head > heard.head) {
      if (latest.size >= MOST_FEEDS) latest.clear();
      latest.set(feedId, { epoch, head });
    }
    const known = byId.get(feedId);
    if (known === undefined) return;
    if (known.epochs.current !== epoch) forget();
    else if (head > known.head) known.head = head;
  }

  function peekPath(path: string): Known | undefined {
    if (!listening) return undefined;
    const known = byName.get(path);
    return known !== undefined && performance.now() - known.askedAt < MAX_AGE_MS ? known : undefined;
  }

  async function find(workspace: string, name: string): Promise<Known | undefined> {
    const asked = generation;
    const askedAt = performance.now();
    const found = await findFeed(db, workspace, name);
    if (found === undefined) {
      const known = byName.get(keyOf(workspace, name));
      if (known !== undefined && asked === generation) forget();
      return undefined;
    }
    const { partition } = found.feed;
    let known = epochs.get(partition);
    if (known?.current !== shortEpoch(found.epoch)) {
      known = await readEpochs(db, partition);
      epochs.set(partition, known);
      if (asked === generation) forget();
    }
    const heard = latest.get(found.feed.id);
    const head = heard?.epoch === known.current && heard.head > found.head ? heard.head : found.head;
    const fresh = { feed: found.feed, head, firstKept: found.firstKept, epochs: known, askedAt };
    return asked === generation ? remember(fresh) : fresh;
  }

  function ask(workspace: string, name: string): Promise<Known | undefined> {
    const key = keyOf(workspace, name);
    let answer = asking.get(key);
    if (answer === undefined) {
      answer = find(workspace, name).finally(() => {
        if (asking.get(key) === answer) asking.delete(key);
      });
      asking.set(key, answer);
    }
    return answer;
  }

  // --- other nodes ---

  /** A connection takes one query after the other. */
  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => T): Promise<Awaited<T>> {
    const done = turn.then(work) as Promise<Awaited<T>>;
    turn = done.catch(() => undefined);
    return done;
  }

  let toTell = new Map<FeedId, string>();
  let tellAll = false;
  let telling: Promise<void> | undefined;
  let told = Number.NEGATIVE_INFINITY;

  function tell(): void {
    telling ??= (async () => {
      const wait = Math.max(NOTIFY_MS.first, told + NOTIFY_MS.between - performance.now());
      await new Promise((resolve) => setTimeout(resolve, wait));
      told = performance.now();
      const heads = [...toTell].map(([feedId, place]) => `${String(feedId)}=${place}`).join(' ');
      const payload = tellAll || heads.length > PAYLOAD_BYTES ? 'all' : heads;
      toTell = new Map();
      tellAll = false;
      // Who does not hear of it asks within a second anyway.
      const notice = { name: 'notify', text: 'select pg_notify($1, $2)', values: [CHANNEL, payload] };
      await inTurn(() => listener?.query(notice)).catch(() => undefined);
    })().finally(() => {
      telling = undefined;
      if (toTell.size > 0 || tellAll) tell();
    });
  }

  function heard(payload: string | undefined): void {
    if (payload === undefined || payload === 'all' || payload === '') {
      forget();
      return;
    }
    for (const part of payload.split(' ')) {
      const [, feedId = '', epoch = '', head = ''] = PLACE.exec(part) ?? [];
      // Anybody may notify, a node of another version too.
      if (head === '') {
        heard('all');
        return;
      }
      raise(Number(feedId), epoch, BigInt(head));
    }
  }

  async function connect(): Promise<void> {
    const client = deps.openListener();
    client.on('notification', (message) => {
      heard(message.payload);
    });
    let gone: Error | undefined;
    const lost = (error: Error = new Error('the connection ended')): void => {
      gone ??= error;
      if (listener !== client) return;
      listener = undefined;
      listening = false;
      latest.clear();
      forget();
      if (stopped) return;
      deps.logger.warn({ err: error }, 'the LISTEN connection broke: the database is asked each time until it is back');
      void reconnect();
    };
    client.on('error', lost);
    client.on('end', lost);
    try {
      await client.connect();
      for (const partition of deps.partitions) {
        const seen = await deps.checkEpoch(partition, newest.get(partition), epochsOf(partition));
        if (seen !== undefined) newest.set(partition, seen);
      }
      await client.query(`listen ${CHANNEL}`);
      for (const partition of deps.partitions) epochs.set(partition, await readEpochs(db, partition));
      // It may have ended since, and says so only once; or nobody wants it any more.
      if (gone !== undefined) throw gone;
      if (stopped) throw new Error('the node stops');
    } catch (error) {
      await endSoon(client);
      throw error;
    }
    latest.clear();
    forget();
    listener = client;
    listening = true;
    for (const resolve of whenListening) resolve();
    whenListening = [];
  }

  /** Whether the connection answers; when not, or when the log has gone back behind our back, it is given up. */
  async function beat(client: Client): Promise<boolean> {
    try {
      for (const partition of deps.partitions) {
        const seen = newest.get(partition);
        const tick = await inTurn(() => newestTick(reader(client), partition));
        if (seen !== undefined && (tick === undefined || tick.tick < seen.tick))
          throw new Error('the log has gone back');
        const now = newest.get(partition);
        if (tick !== undefined && (now === undefined || tick.tick > now.tick)) newest.set(partition, tick);
      }
      return true;
    } catch (error) {
      deps.logger.warn({ err: error }, 'the LISTEN connection does not answer');
      destroy(client);
      return false;
    }
  }

  let beating: Promise<unknown> | undefined;
  const beats = setInterval(() => {
    if (listener === undefined) return;
    beating ??= beat(listener).finally(() => {
      beating = undefined;
    });
  }, BEAT_MS);
  beats.unref();

  function epochsOf(partition: number): Epochs {
    return epochs.get(partition) ?? { current: '', past: [] };
  }

  async function reconnect(): Promise<void> {
    for (let pause = RECONNECT_MS.first; !stopped; pause = Math.min(pause * 2, RECONNECT_MS.most)) {
      await new Promise((resolve) => setTimeout(resolve, pause).unref());
      try {
        await connect();
        deps.logger.info('the LISTEN connection is back');
        return;
      } catch (error) {
        deps.logger.debug({ err: error }, 'the LISTEN connection is not back yet');
      }
    }
  }

  try {
    await connect();
  } catch (error) {
    clearInterval(beats);
    throw error;
  }

  return {
    peek: (workspace, name) => peekPath(keyOf(workspace, name)),
    peekPath,
    ask,
    seen(feed, head, firstKept, epoch, askedAt) {
      const known = byId.get(feed.id);
      if (known === undefined) return;
      if (known.epochs.current !== shortEpoch(epoch) || known.firstKept !== firstKept) forget();
      else if (head > known.head && askedAt >= known.askedAt) known.head = head;
    },
    committed(partition, tick, stretches) {
      const epoch = shortEpoch(tick.epoch);
      for (const { feedId, last } of stretches) {
        raise(feedId, epoch, last);
        toTell.set(feedId, `${epoch}@${String(last)}`);
      }
      newest.set(partition, { epoch, tick: tick.tick, recordedAt: tick.recordedAt });
      tell();
    },
    changed() {
      forget();
      tellAll = true;
      tell();
    },
    get listening() {
      return listening;
    },
    async ready() {
      for (;;) {
        if (listener === undefined) await new Promise<void>((resolve) => whenListening.push(resolve));
        else if (await beat(listener)) return;
        else await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS.first));
      }
    },
    async stop() {
      stopped = true;
      clearInterval(beats);
      await telling;
      const client = listener;
      listener = undefined;
      listening = false;
      if (client !== undefined) await endSoon(client);
    },
  };
}

function keyOf(workspace: string, name: string): string {
  return `${workspace}/${name}`;
}
