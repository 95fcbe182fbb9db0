import type { Client, Pool } from 'pg';
import type { Epochs } from '../core/epoch.js';
import { shortEpoch } from '../core/epoch.js';
import type { Instant, Position } from '../core/entry.js';
import type { Feed, FeedId } from '../core/feed.js';
import type { Logger } from '../telemetry/logger.js';
import { reader } from './db.js';
import { readEpochs } from './epochs.js';
import { findFeed } from './feeds.js';

/**
 * What this node remembers of the feeds and their heads, so that a poll that finds nothing new asks the database
 * nothing. It answers only while its LISTEN connection is alive and for one second; a place ahead of it makes it ask.
 */
export interface HeadMemory {
  /** The feed and the state of its log if they are known well enough, without asking. */
  peek(workspace: string, name: string): Known | undefined;
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
  epochs(partition: number): Epochs;
  /** The LISTEN connection is up. */
  readonly listening: boolean;
  /** Resolves when it is up: the log has then been checked for having gone back, and may be written. */
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
  /** Called with each (re)connect before anything is remembered: has the log gone back? */
  readonly checkEpoch: (partition: number, seen: { tick: bigint; recordedAt: Instant } | undefined) => Promise<unknown>;
  /** Heads moved, by this node or another. */
  readonly moved?: (feedIds: readonly FeedId[]) => void;
}

const CHANNEL = 'millrace';
const MAX_AGE_MS = 1_000;
const RECONNECT_MS = { first: 100, most: 2_000 };
/** Notifications are merged for this long: each costs every listener a wake-up. */
const NOTIFY_MS = 3;
/** Postgres refuses payloads of 8,000 bytes. */
const PAYLOAD_BYTES = 7_900;
const MOST_FEEDS = 50_000;

export async function startHeadMemory(deps: HeadMemoryDeps): Promise<HeadMemory> {
  const db = reader(deps.pool);
  const byName = new Map<string, Known>();
  const byId = new Map<FeedId, Known>();
  const asking = new Map<string, Promise<Known | undefined>>();
  const epochs = new Map<number, Epochs>();
  /** The highest heads heard of, whether the feed is remembered or not: an answer may be older than the news. */
  const latest = new Map<FeedId, { epoch: string; head: Position }>();
  const newest = new Map<number, { tick: bigint; recordedAt: Instant }>();
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

  let toTell = new Map<FeedId, string>();
  let tellAll = false;
  let telling: Promise<void> | undefined;

  function tell(): void {
    telling ??= (async () => {
      await new Promise((resolve) => setTimeout(resolve, NOTIFY_MS));
      const heads = [...toTell].map(([feedId, place]) => `${String(feedId)}=${place}`).join(' ');
      const payload = tellAll || heads.length > PAYLOAD_BYTES ? 'all' : heads;
      toTell = new Map();
      tellAll = false;
      // Who does not hear of it asks within a second anyway.
      await listener?.query('select pg_notify($1, $2)', [CHANNEL, payload]).catch(() => undefined);
    })().finally(() => {
      telling = undefined;
      if (toTell.size > 0 || tellAll) tell();
    });
  }

  function heard(payload: string | undefined): void {
    if (payload === undefined || payload === 'all' || payload === '') {
      forget();
      deps.moved?.([]);
      return;
    }
    const moved: FeedId[] = [];
    for (const part of payload.split(' ')) {
      const [feedId = '', epoch = '', head = ''] = part.split(/[=@]/);
      raise(Number(feedId), epoch, BigInt(head));
      moved.push(Number(feedId));
    }
    deps.moved?.(moved);
  }

  async function connect(): Promise<void> {
    const client = deps.openListener();
    client.on('notification', (message) => {
      heard(message.payload);
    });
    const lost = (error?: Error): void => {
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
    await client.connect();
    try {
      for (const partition of deps.partitions) await deps.checkEpoch(partition, newest.get(partition));
      await client.query(`listen ${CHANNEL}`);
      for (const partition of deps.partitions) epochs.set(partition, await readEpochs(db, partition));
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    latest.clear();
    forget();
    listener = client;
    listening = true;
    for (const resolve of whenListening) resolve();
    whenListening = [];
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

  await connect();

  return {
    peek(workspace, name) {
      if (!listening) return undefined;
      const known = byName.get(keyOf(workspace, name));
      return known !== undefined && performance.now() - known.askedAt < MAX_AGE_MS ? known : undefined;
    },
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
      newest.set(partition, { tick: tick.tick, recordedAt: tick.recordedAt });
      tell();
      deps.moved?.(stretches.map((stretch) => stretch.feedId));
    },
    changed() {
      forget();
      tellAll = true;
      tell();
    },
    epochs(partition) {
      return epochs.get(partition) ?? { current: '', past: [] };
    },
    get listening() {
      return listening;
    },
    ready() {
      return listening ? Promise.resolve() : new Promise((resolve) => whenListening.push(resolve));
    },
    async stop() {
      stopped = true;
      await telling;
      const client = listener;
      listener = undefined;
      listening = false;
      await client?.end().catch(() => undefined);
    },
  };
}

function keyOf(workspace: string, name: string): string {
  return `${workspace}/${name}`;
}
