import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { leasePush, notePushFailure, notePushRecovery, releasePush } from '../actions/lease-push.js';
import type { TargetSettings } from '../core/target-settings.js';
import type { WithoutSecrets } from '../core/secrets.js';
import type { Target } from '../export/targets/target.js';
import { listDuePushes } from '../store/pushes.js';
import type { DuePush } from '../store/pushes.js';
import type { Logger } from '../telemetry/logger.js';
import { startLoop } from './loop.js';
import type { Loop } from './loop.js';
import { keepMoving } from './patience.js';
import type { Patience } from './patience.js';
import { pushNext } from './push-next.js';
import type { PushNextDeps } from './push-next.js';

export interface PushDeps extends PushNextDeps {
  /** By their names. */
  readonly targets: ReadonlyMap<string, { readonly kind: TargetSettings['kind']; readonly target: Target }>;
  /** Of what a target says. */
  readonly withoutSecrets: WithoutSecrets;
  readonly logger: Logger;
}

const LOOK_SECONDS = 1;
/** Then another node takes over from one that has come to a sudden end. */
const LEASE_SECONDS = 15;
const RENEW_MS = 5_000;
/** Between two tries, however often it failed. */
const MOST_PAUSE_SECONDS = 300;
/** So long a node that is told to stop waits for what it is at. */
const FINISH_MS = 3_000;
const LONGEST_ERROR = 1_000;

/** So long what is pushed waits for more to come along, where the export does not say: of a lake each batch is a file. */
const EVERY_SECONDS: Readonly<Record<TargetSettings['kind'], number>> = { directory: 60, s3: 60, postgres: 5 };

/** Pushes what is new of named exports that have a target, each independently of the others. */
export function startPush(deps: PushDeps, { timeoutSeconds }: { readonly timeoutSeconds: number }): Pick<Loop, 'stop'> {
  const { db, logger, targets } = deps;
  const node = randomUUID();
  const stopping = new AbortController();
  const pushers = new Map<string, Pusher>();

  const loop = startLoop({ name: 'push', everySeconds: LOOK_SECONDS, logger }, async () => {
    if (targets.size === 0) return;
    const due = await listDuePushes(db, node);
    for (const one of due) {
      const pusher = pushers.get(one.id) ?? {
        patience: keepMoving(timeoutSeconds * 1000, stopping.signal),
        lookAt: 0,
        mayHaveFailed: true,
      };
      pushers.set(one.id, pusher);
      const isEarly = !one.waits && performance.now() < pusher.lookAt;
      if (pusher.running !== undefined || isEarly) continue;
      pusher.running = push(one, pusher).finally(() => {
        delete pusher.running;
      });
    }
    const known = new Set(due.map(({ id }) => id));
    for (const [id, { running, patience }] of pushers) {
      if (running === undefined && !patience.isHanging() && !known.has(id)) pushers.delete(id);
    }
  });

  /** Never rejects. */
  async function push(one: DuePush, pusher: Pusher): Promise<void> {
    const found = targets.get(one.target);
    // Another node may know it; whoever asks is told that this one does not.
    if (found === undefined) return;
    const everySeconds = one.everySeconds ?? EVERY_SECONDS[found.kind];
    let renewing: NodeJS.Timeout | undefined;
    try {
      if (!(await leasePush(deps, one.id, node, LEASE_SECONDS))) return;
      renewing = setInterval(() => {
        leasePush(deps, one.id, node, LEASE_SECONDS).catch(() => undefined);
      }, RENEW_MS);
      const wanted = { ...one, everySeconds };
      while (!stopping.signal.aborted && (await pushNext(deps, wanted, found.target, pusher.patience)));
      if (pusher.mayHaveFailed) await notePushRecovery(deps, one.id);
      pusher.mayHaveFailed = false;
      pusher.lookAt = performance.now() + lookMs(everySeconds);
    } catch (error) {
      pusher.mayHaveFailed = true;
      if (!stopping.signal.aborted) await failed(one, error);
    } finally {
      clearInterval(renewing);
      if (renewing !== undefined) await releasePush(deps, one.id, node).catch(() => undefined);
    }
  }

  async function failed({ name, id, target }: DuePush, error: unknown): Promise<void> {
    const told = deps.withoutSecrets(messageOf(error)).slice(0, LONGEST_ERROR);
    const failures = await notePushFailure(deps, id, told, MOST_PAUSE_SECONDS).catch(() => undefined);
    logger.warn({ export: name, target, failures, error: told }, 'an export could not be pushed, and will be again');
  }

  return {
    async stop() {
      stopping.abort(new Error('the server stops'));
      await loop.stop();
      const running = [...pushers.values()].flatMap((pusher) => pusher.running ?? []);
      await inTime(Promise.all(running));
      await inTime(Promise.all([...targets.values()].map(({ target }) => target.stop().catch(() => undefined))));
    },
  };
}

function inTime(ending: Promise<unknown>): Promise<unknown> {
  return Promise.race([ending, sleep(FINISH_MS, undefined, { ref: false })]);
}

interface Pusher {
  readonly patience: Patience;
  running?: Promise<void>;
  /** By the clock of `performance`: before there is no need to look whether enough has come together. */
  lookAt: number;
  /** On this node or, before this one has pushed it, on another. */
  mayHaveFailed: boolean;
}

/** Ten times while it waits, and not more often than needed. */
function lookMs(everySeconds: number): number {
  return Math.min(Math.max(everySeconds * 100, LOOK_SECONDS * 1000), 10_000);
}

/** Of an attempt at several addresses, that of the last. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return messageOf(error.errors.at(-1));
  return error instanceof Error ? error.message : String(error);
}
