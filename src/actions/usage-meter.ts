import { LRUCache } from 'lru-cache';
import type { Pool } from 'pg';
import { FeedsError } from '../core/errors.js';
import type { Feed } from '../core/feed.js';
import { checkEntryQuotas, isSameDay } from '../core/quota.js';
import type { Amount, Used } from '../core/quota.js';
import type { Db } from '../store/db.js';
import { inTransaction } from '../store/transaction.js';
import { countOctets, readUsage } from '../store/usage.js';
import type { UsageReading } from '../store/usage.js';
import type { Logger } from '../telemetry/logger.js';

/** What a workspace has used is known by the log; what was read of it is gone by for so long. */
const FRESH_MS = 1_000;
/** From then on it is read again, while what is known is gone by still: nobody waits for it. */
const EARLY_MS = 500;
/** With so many entries that were not counted yet their octets are counted, and written down. */
const COUNTED_AT = 1_000;
const PAUSE_MS = 20;
const MOST_WORKSPACES = 10_000;
/** Publishers of a workspace that wait for others to see whether there is room for them. */
const MOST_WAITING = 100;

/** Room for what is about to be written; it has to be given up, or taken. */
export interface Room {
  /** So much was committed at this tick. */
  taken(partition: number, tick: bigint, amount: Amount): void;
  /** Nothing was committed, or nobody knows: the next reading tells. */
  givenUp(): void;
}

export interface UsageMeter {
  /**
   * Makes room for what is to be written to a feed whose workspace has quotas. Rejects with `quota-exceeded` or
   * `daily-quota-exceeded`.
   */
  makeRoom(feed: Feed, amount: Amount): Promise<Room>;
  /** What the workspace has used as of now; `isComplete` is false while older entries are still being counted. */
  usage(workspace: string): Promise<Amount & { readonly isComplete: boolean }>;
  stop(): Promise<void>;
}

/** A commit of this node. */
interface Own extends Amount {
  readonly partition: number;
  readonly tick: bigint;
  readonly at: number;
}

/** A workspace as this node knows it: what was read, and what it has done itself since. */
interface Workspace {
  readonly reading: UsageReading;
  readonly askedAt: number;
  readonly own: readonly Own[];
}

/** Room that was made and neither taken nor given up, and who waits for that. */
interface Promised {
  entries: number;
  octets: number;
  waiting: (() => void)[];
}

const NOTHING: UsageReading = {
  dayBegan: 0,
  entries: 0,
  octets: 0,
  uncounted: 0,
  isComplete: true,
  ticks: new Map(),
};

/**
 * Knows how much the workspaces with quotas have used. Nothing is written for that when entries are: the log itself tells
 * how many entries the day has, and how many octets (store/usage.ts). A node reads it at most twice a second for all
 * workspaces that it publishes to, and adds what it has committed itself since; the writes of other nodes it knows a second
 * later. So on one node quotas are exact, and all nodes together go beyond them by what the others publish in a second.
 */
export function startUsageMeter({ db, pool, logger }: { db: Db; pool: Pool; logger: Logger }): UsageMeter {
  const known = new LRUCache<string, Workspace>({ max: MOST_WORKSPACES });
  const promised = new Map<string, Promised>();
  let next: { readonly names: Set<string>; readonly done: Promise<void> } | undefined;
  let current: Promise<unknown> = Promise.resolve();
  let counting: Promise<void> | undefined;
  let stopped = false;

  /** Reads, together with all others who ask until the reading before has ended. */
  function refresh(name: string): Promise<void> {
    if (next === undefined) {
      const names = new Set<string>();
      const done = current.then(() => {
        next = undefined;
        return read([...names]);
      });
      current = done.catch(() => undefined);
      next = { names, done };
    }
    next.names.add(name);
    return next.done;
  }

  async function read(names: readonly string[]): Promise<void> {
    const askedAt = performance.now();
    const readings = await readUsage(db, names);
    for (const name of names) {
      const reading = readings.get(name) ?? { ...NOTHING, dayBegan: startOfDay() };
      const own = known.get(name)?.own.filter((one) => one.at >= askedAt && !isIn(reading, one)) ?? [];
      known.set(name, { reading, askedAt, own });
    }
    const late = names.filter((name) => (readings.get(name)?.uncounted ?? 0) >= COUNTED_AT);
    if (late.length > 0) count(late);
  }

  /** Counts in the background until there is little left. */
  function count(names: readonly string[]): void {
    counting ??= countAll(names)
      .catch((error: unknown) => {
        logger.warn({ err: error }, 'the bytes of a workspace were not counted; that is tried again');
      })
      .finally(() => {
        counting = undefined;
      });
  }

  async function countAll(names: readonly string[]): Promise<void> {
    for (let left = names; left.length > 0 && !stopped;) {
      const these = left;
      // Where nothing could be counted, the next reading that finds much left begins again.
      if (!(await inTransaction(pool, (tx) => countOctets(tx, these)))) return;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      const readings = await readUsage(db, these);
      left = these.filter((name) => (readings.get(name)?.uncounted ?? 0) >= COUNTED_AT);
    }
  }

  async function fresh(name: string): Promise<Workspace> {
    const found = known.get(name);
    const age = performance.now() - (found?.askedAt ?? Number.NEGATIVE_INFINITY);
    if (found !== undefined && age < FRESH_MS && isSameDay(found.reading.dayBegan, Date.now())) {
      // When it fails, whoever needs it in a moment hears of it.
      if (age >= EARLY_MS) refresh(name).catch(() => undefined);
      return found;
    }
    await refresh(name);
    return known.get(name) ?? { reading: NOTHING, askedAt: 0, own: [] };
  }

  async function makeRoom({ workspace, quotas = {} }: Feed, amount: Amount): Promise<Room> {
    for (;;) {
      const { reading, own } = await fresh(workspace);
      const others = promised.get(workspace) ?? { entries: 0, octets: 0, waiting: [] };
      const used = sum(reading, own);
      const now = Date.now();
      checkEntryQuotas(workspace, quotas, used, amount, now);
      try {
        checkEntryQuotas(workspace, quotas, sum(used, [others]), amount, now);
        return promise(workspace, others, amount);
      } catch (error) {
        if (!(error instanceof FeedsError)) throw error;
      }
      // There is room, if not all who are about to write do so: some may have been refused, or have published it before.
      if (others.waiting.length >= MOST_WAITING) {
        throw new FeedsError(
          'overloaded',
          `too many publish at once to the last room of the workspace "${workspace}"`,
          {
            retryAfterSeconds: 1,
          },
        );
      }
      await new Promise<void>((resolve) => others.waiting.push(resolve));
    }
  }

  function promise(workspace: string, to: Promised, { entries, octets }: Amount): Room {
    promised.set(workspace, to);
    to.entries += entries;
    to.octets += octets;
    let isOpen = true;
    const settle = (): void => {
      if (!isOpen) return;
      isOpen = false;
      to.entries -= entries;
      to.octets -= octets;
      const { waiting } = to;
      to.waiting = [];
      if (to.entries === 0 && to.octets === 0) promised.delete(workspace);
      for (const resume of waiting) resume();
    };
    return {
      taken(partition, tick, amount) {
        const found = known.get(workspace);
        const one = { partition, tick, at: performance.now(), ...amount };
        if (found !== undefined && !isIn(found.reading, one)) {
          known.set(workspace, { ...found, own: together(found.own, one) });
        }
        settle();
      },
      givenUp: settle,
    };
  }

  return {
    makeRoom,
    async usage(workspace) {
      await refresh(workspace);
      const { reading } = known.get(workspace) ?? { reading: NOTHING };
      const { entries, octets, isComplete } = reading;
      return { entries, octets, isComplete };
    },
    async stop() {
      stopped = true;
      await counting;
    },
  };
}

/** Did the snapshot of the reading have this commit? */
function isIn({ ticks }: UsageReading, { partition, tick }: Own): boolean {
  const newest = ticks.get(partition);
  return newest !== undefined && tick <= newest;
}

/** Requests of one batch are one commit. */
function together(own: readonly Own[], one: Own): readonly Own[] {
  const last = own.at(-1);
  if (last?.tick !== one.tick || last.partition !== one.partition) return [...own, one];
  return [...own.slice(0, -1), { ...one, ...sum(last, [one]) }];
}

function sum<T extends Amount>(base: T, more: readonly Amount[]): T {
  let { entries, octets } = base;
  for (const one of more) {
    entries += one.entries;
    octets += one.octets;
  }
  return { ...base, entries, octets };
}

function startOfDay(): Used['dayBegan'] {
  return new Date().setUTCHours(0, 0, 0, 0);
}
