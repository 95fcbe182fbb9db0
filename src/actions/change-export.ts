import { isDeepStrictEqual } from 'node:util';
import type { Actor } from '../core/access.js';
import { changesBetween } from '../core/audit.js';
import { contentColumns, isContentColumn } from '../core/content-columns.js';
import type { ColumnTypes } from '../core/contract.js';
import type { Instant } from '../core/entry.js';
import { FeedsError } from '../core/errors.js';
import { EXPORTED_PARTITION, LOG_START, behind, feedMatcher, readFeedPatterns, workspacesOf } from '../core/export.js';
import type { FeedPattern } from '../core/export.js';
import { checkName } from '../core/feed.js';
import { dateOf, isEarlier } from '../core/instants.js';
import { lastCommonTick } from '../core/named-export.js';
import type { EpochPlace, ExportDefinition, NamedExport } from '../core/named-export.js';
import { findColumnTypes } from '../store/contracts.js';
import type { Db, Tx } from '../store/db.js';
import { newestTick, readEpochs } from '../store/epochs.js';
import { forgetDeadLetters } from '../store/dead-letters.js';
import { forgetParts, forgetUntoldParts } from '../store/export-parts.js';
import { databaseNow, lastTickBefore, listExported, tickFrom } from '../store/export.js';
import {
  countExports,
  deleteExport as deleteRow,
  findExport,
  insertExport,
  lockExport,
  redefineExport,
  resetExport as resetRow,
} from '../store/named-exports.js';
import { tryNow } from '../store/pushes.js';
import { administer } from './administer.js';
import type { AdministerDeps, Tell } from './administer.js';
import { checkExistence } from './existence.js';
import type { Existence } from './existence.js';

/** What an admin says of an export: the types of columns are the contracts'. */
export type ExportChoice = Omit<ExportDefinition, 'columnTypes'>;

/** A node tells of the lag of each when its metrics are asked for. */
const MOST_EXPORTS = 100;

/**
 * Makes the export, or changes it: its place stays, and so does a batch that is pending. Rejects with `bad-parameter` (a name, a pattern,
 * a column or a time that cannot be one), `conflict` (too many, or another beginning than it was made with) or `precondition-failed`.
 */
export async function putExport(
  deps: AdministerDeps,
  by: Actor,
  name: string,
  choice: ExportChoice,
  asked?: Existence,
): Promise<'created' | 'changed'> {
  checkName('export', name);
  const patterns = readFeedPatterns(choice.feeds.join(','));
  return administer(deps, by, async (tx, tell) => {
    for (;;) {
      const before = await lockExport(tx, name);
      checkExistence(asked, before !== undefined, `export ${name}`);
      const definition = { ...choice, columnTypes: await columnTypes(tx, patterns, choice, before) };
      if (before !== undefined) return change(tx, tell, before, definition);
      if ((await countExports(tx)) >= MOST_EXPORTS) {
        throw new FeedsError('conflict', `there are ${String(MOST_EXPORTS)} exports, and no more can be`);
      }
      const made = await insertExport(tx, name, definition, await placeAt(tx, definition.from));
      // Somebody else was quicker.
      if (made === undefined) continue;
      tell({ act: 'export.created', target: { export: name }, changes: changesBetween({}, chosen(made)) });
      return 'created';
    }
  });
}

async function change(tx: Tx, tell: Tell, before: NamedExport, asked: ExportDefinition): Promise<'changed'> {
  const { name, from } = before;
  if (asked.from !== undefined && (from === undefined || isEarlier(from, asked.from) || isEarlier(asked.from, from))) {
    const was = from === undefined ? 'the beginning of the log' : from;
    const message = `"${name}" was made to begin at ${was}, which stays; to put it elsewhere use POST /admin/exports/${name}/reset`;
    throw new FeedsError('conflict', message);
  }
  const changes = changesBetween(chosen(before), chosen({ ...asked, from }));
  if (Object.keys(changes).length > 0) {
    await redefineExport(tx, name, asked);
    // What the one target has of days that are not over is not in the other.
    if (asked.target !== before.target) await forgetUntoldParts(tx, before.id);
    await tryNow(tx, before.id);
    tell({ act: 'export.changed', target: { export: name }, changes });
  }
  return 'changed';
}

function chosen({ feeds, format, columns, batchRows, from, target, everySeconds }: ExportChoice): object {
  return { feeds, format, columns, batchRows, from, target, everySeconds };
}

/** Of columns of the content: what the export has already stays as it is, whatever became of its contract. */
async function columnTypes(
  db: Db,
  patterns: readonly FeedPattern[],
  { columns = [] }: ExportChoice,
  before: NamedExport | undefined,
): Promise<ColumnTypes> {
  const had = before?.columns?.filter(isContentColumn) ?? [];
  const kept = columns.filter((column) => had.includes(column));
  const added = columns.filter((column) => isContentColumn(column) && !had.includes(column));
  const types = contentColumns(kept, before?.columnTypes ?? {}).map(({ name, type }) => [name, type] as const);
  if (added.length === 0) return Object.fromEntries(types);
  const isOneOf = feedMatcher(patterns);
  const feeds = (await listExported(db, workspacesOf(patterns)))
    .filter(({ feed, deleted }) => !deleted && isOneOf(feed))
    .map(({ feed }) => feed);
  return { ...Object.fromEntries(types), ...(await findColumnTypes(db, added, feeds)) };
}

/** Rejects with `not-found`. */
export async function deleteExport(deps: AdministerDeps, by: Actor, name: string): Promise<void> {
  await administer(deps, by, async (tx, tell) => {
    if ((await lockExport(tx, name)) === undefined) throw noExport(name);
    await deleteRow(tx, name);
    tell({ act: 'export.deleted', target: { export: name } });
  });
}

/**
 * Puts the export back to the last place that its log and the present one have in common, to the beginning, or before what was
 * recorded at a time, and drops the batch that is pending. Rejects with `not-found`, or with `bad-parameter` for a time to come.
 */
export async function resetExport(
  deps: AdministerDeps,
  by: Actor,
  name: string,
  to: 'common' | 'start' | { readonly time: Instant },
): Promise<void> {
  await administer(deps, by, async (tx, tell) => {
    const found = await lockExport(tx, name);
    if (found === undefined) throw noExport(name);
    const asked =
      to === 'common' ? await commonPlace(tx, found.place) : await placeAt(tx, to === 'start' ? undefined : to.time);
    const place = found.target === undefined ? asked : await dayAgain(tx, found.id, asked, to);
    await resetRow(tx, name, place);
    await tryNow(tx, found.id);
    if (found.pending === undefined && isDeepStrictEqual(found.place.place, place.place)) return;
    const changes = { place: { from: told(found.place), to: told(place) } };
    tell({ act: 'export.reset', target: { export: name }, changes });
  });
}

/**
 * What is pushed is put back to the beginning of the day: of the whole day other parts than before are what counts, and none of those before.
 */
async function dayAgain(
  tx: Tx,
  id: string,
  asked: EpochPlace,
  to: Parameters<typeof resetExport>[3],
): Promise<EpochPlace> {
  const time = typeof to === 'object' ? to.time : asked.recordedAt;
  const day = time === undefined ? undefined : dateOf(time);
  await forgetParts(tx, id, day);
  await forgetDeadLetters(tx, id, day);
  return day === undefined ? asked : placeAt(tx, `${day}T00:00:00Z`);
}

function told({ recordedAt: at }: EpochPlace): string {
  return at ?? 'start';
}

async function commonPlace(db: Db, kept: EpochPlace): Promise<EpochPlace> {
  const [newest, epochs] = [await newestTick(db, EXPORTED_PARTITION), await readEpochs(db, EXPORTED_PARTITION)];
  const tick = lastCommonTick(epochs, kept.epoch, newest?.tick ?? 0n);
  if (kept.place.tick <= tick) return { ...kept, epoch: epochs.current };
  // Where retention has taken the tick: any time up to the next one tells what was before it.
  const next = await tickFrom(db, EXPORTED_PARTITION, tick);
  return { ...behind({ tick, recordedAt: next?.recordedAt }), epoch: epochs.current };
}

/** Before what was recorded at this time; undefined: at the beginning. */
async function placeAt(db: Db, time: Instant | undefined): Promise<EpochPlace> {
  const { current: epoch } = await readEpochs(db, EXPORTED_PARTITION);
  const newest = await newestTick(db, EXPORTED_PARTITION);
  const now = await databaseNow(db);
  if (time !== undefined && isEarlier(now, time)) {
    throw new FeedsError('bad-parameter', `the time is ${time}, which is still to come: it is ${now}`);
  }
  if (time === undefined || newest === undefined) return { epoch, place: LOG_START, recordedAt: undefined };
  return { epoch, ...behind(await lastTickBefore(db, EXPORTED_PARTITION, time, newest)) };
}

/** Rejects with `not-found`. */
export async function knownExport(db: Db, name: string): Promise<NamedExport> {
  const found = await findExport(db, name);
  if (found === undefined) throw noExport(name);
  return found;
}

export function noExport(name: string): FeedsError {
  return new FeedsError('not-found', `there is no export "${name.slice(0, 140)}"`);
}
