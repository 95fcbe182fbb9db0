import type { Pool } from 'pg';
import { acknowledgePush, acknowledgeReplay } from '../actions/acknowledge-push.js';
import type { Pushed } from '../actions/acknowledge-push.js';
import { closeWindow } from '../actions/close-window.js';
import { noteDayTold } from '../actions/lease-push.js';
import { planBatch } from '../actions/plan-batch.js';
import { FeedsError } from '../core/errors.js';
import { EXPORTED_PARTITION } from '../core/export.js';
import type { ExportReceipts } from '../core/export-receipt.js';
import { dateOf } from '../core/instants.js';
import { MOST_DEAD_LETTERS } from '../core/named-export.js';
import type { NamedExport } from '../core/named-export.js';
import type { ContentDeps } from '../export/content-values.js';
import { pushedBatch, replayedBatch } from '../export/pushed-batch.js';
import type { KeepOn, PushedBatch } from '../export/pushed-batch.js';
import type { Target } from '../export/targets/target.js';
import type { CopyDb, Db } from '../store/db.js';
import { countDeadLetters, nextReplay } from '../store/dead-letters.js';
import { newestTick } from '../store/epochs.js';
import { listExported } from '../store/export.js';
import { readLag } from '../store/export-lag.js';
import { hasDayOver, untoldDays } from '../store/export-parts.js';
import { findExport } from '../store/named-exports.js';
import type { DuePush } from '../store/pushes.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Patience } from './patience.js';

export interface PushNextDeps extends ContentDeps {
  readonly db: CopyDb;
  readonly pool: Pool;
  readonly exportReceipts: ExportReceipts;
  readonly metrics: Pick<Metrics, 'pushed'>;
}

type Wanted = Pick<DuePush, 'name' | 'id' | 'target'> & { readonly everySeconds: number };

/**
 * Does the next thing that an export needs: stores dead letters again that are to be, tells of a day that is over, or stores the next batch. False:
 * there is none.
 */
export async function pushNext(
  deps: PushNextDeps,
  wanted: Wanted,
  target: Target,
  patience: Patience,
): Promise<boolean> {
  const { db } = deps;
  const found = await findExport(db, wanted.name);
  if (found?.id !== wanted.id || found.target !== wanted.target) return false;
  const replay = await nextReplay(db, found.id);
  if (replay !== undefined) {
    const pushed = await stored(target, patience, (keepOn) => replayedBatch(deps, found, replay, keepOn));
    if (await acknowledgeReplay(deps, found, replay, pushed)) count(deps, found, pushed);
    return true;
  }
  if (await tellDays(deps, found, target, patience)) return true;
  const letters = await countDeadLetters(db, found.id);
  if (letters >= MOST_DEAD_LETTERS) {
    const what = `there are ${String(letters)} dead letters: it goes on when there are less than ${String(MOST_DEAD_LETTERS)}`;
    throw new Error(`${what}; see GET /admin/exports/${found.name}/dead-letters`);
  }
  const isOver = await hasDayOver(db, found.id);
  if (found.pending === undefined && !isOver && !(await isDue(db, found, wanted.everySeconds))) return false;
  if (isOver) await letDayEnd(deps);
  // Of a day that is over the place is to pass the end, though there may be nothing new.
  const known = (planned: NamedExport | undefined): NamedExport => sameAs(planned, wanted);
  const { export: planned } = await planBatch(deps, found.name, known, isOver ? { ticksWorthAMove: 1n } : {});
  const { pending } = planned;
  if (pending === undefined) return planned.place.place.tick > found.place.place.tick;
  const open = (keepOn: KeepOn): Promise<PushedBatch> => pushedBatch(deps, planned, pending, keepOn);
  const pushed = await stored(target, patience, open);
  if (await acknowledgePush(deps, planned, pending, pushed)) count(deps, planned, pushed);
  return true;
}

async function stored(
  target: Target,
  patience: Patience,
  open: (keepOn: KeepOn) => Promise<PushedBatch>,
): Promise<Pushed> {
  return patience.wait(async (keepOn) => {
    const opened = await open(keepOn);
    const { poisoned } = await target.store(opened.batch);
    const made = await opened.parts(poisoned);
    const lost = opened.batch.end().lost.reduce((all, { entries = 0n }) => all + entries, 0n);
    return { parts: made, refused: poisoned, lost };
  });
}

function count({ metrics }: PushNextDeps, { name }: NamedExport, { parts }: Pushed): void {
  metrics.pushed(
    name,
    parts.reduce((all, { rows }) => all + rows, 0),
  );
}

/** Enough has come together, or it has waited long enough. */
async function isDue(db: Db, found: NamedExport, everySeconds: number): Promise<boolean> {
  const { entries, lost, seconds } = await readLag(db, found);
  if (entries === 0n) return lost > 0n;
  return entries >= BigInt(found.batchRows) || seconds >= everySeconds;
}

const DAYS_AT_ONCE = 100;

/** Of days whose end the place has passed: nothing is added to them any more. False: there are none. */
async function tellDays(
  deps: PushNextDeps,
  { id, place }: NamedExport,
  target: Target,
  patience: Patience,
): Promise<boolean> {
  if (place.recordedAt === undefined) return false;
  const days = await untoldDays(deps.db, id, dateOf(place.recordedAt), DAYS_AT_ONCE);
  if (days.length === 0) return false;
  const feeds = new Map((await listExported(deps.db, undefined)).map(({ feed }) => [feed.id, feed]));
  for (const day of days) {
    const feed = feeds.get(day.feed);
    if (feed === undefined) throw new Error(`there is no feed ${String(day.feed)}`);
    await patience.wait((moves) => {
      moves();
      return target.closeDay({ ...day, feed });
    });
    await noteDayTold(deps, id, day);
  }
  return true;
}

/** Where nothing was published since midnight the log itself has not come to the end of the day. */
async function letDayEnd({ db, pool }: PushNextDeps): Promise<void> {
  const newest = await newestTick(db, EXPORTED_PARTITION);
  const today = new Date().toISOString();
  if (newest === undefined || dateOf(newest.recordedAt) < dateOf(today)) await closeWindow(pool, EXPORTED_PARTITION);
}

function sameAs(found: NamedExport | undefined, { name, id, target }: Wanted): NamedExport {
  if (found?.id === id && found.target === target) return found;
  throw new FeedsError('conflict', `"${name}" was changed just now`);
}
