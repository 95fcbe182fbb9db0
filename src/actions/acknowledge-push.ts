import type { Pool } from 'pg';
import { batchId } from '../core/named-export.js';
import type { NamedExport, PendingBatch } from '../core/named-export.js';
import { endReplay, insertDeadLetters, nextReplay } from '../store/dead-letters.js';
import type { RefusedEntry } from '../store/dead-letters.js';
import { insertParts } from '../store/export-parts.js';
import type { ExportPart } from '../store/export-parts.js';
import { acknowledgePending, lockExport } from '../store/named-exports.js';
import { noteSuccess } from '../store/pushes.js';
import { inTransaction } from '../store/transaction.js';

/** What came of a batch that a target has stored. */
export interface Pushed {
  readonly parts: readonly ExportPart[];
  readonly refused: readonly RefusedEntry[];
  /** Entries that were no longer there. */
  readonly lost: bigint;
}

interface Deps {
  readonly pool: Pool;
}

/**
 * The export moves on behind the batch, and with it is written down what was stored of which day and what was refused. False: somebody
 * was quicker, or has changed the export, and nothing is written.
 */
export function acknowledgePush(
  { pool }: Deps,
  { name, id }: Pick<NamedExport, 'name' | 'id'>,
  batch: PendingBatch,
  pushed: Pushed,
): Promise<boolean> {
  return inTransaction(pool, async (tx) => {
    const found = await lockExport(tx, name);
    const { pending } = found ?? {};
    if (found?.id !== id || pending?.epoch !== batch.epoch || pending.number !== batch.number) return false;
    await acknowledgePending(tx, name, pending);
    const key = batchId(found, batch);
    await insertParts(tx, id, key, pushed.parts);
    await insertDeadLetters(tx, id, key, pushed.refused);
    await noteSuccess(tx, id, pushed.lost);
    return true;
  });
}

/** The same of dead letters that were stored again as the batch of this key: those that were not refused again are none any more. */
export function acknowledgeReplay(
  { pool }: Deps,
  { name, id }: Pick<NamedExport, 'name' | 'id'>,
  key: string,
  pushed: Pushed,
): Promise<boolean> {
  return inTransaction(pool, async (tx) => {
    if ((await lockExport(tx, name))?.id !== id || (await nextReplay(tx, id)) !== key) return false;
    await insertDeadLetters(tx, id, key, pushed.refused);
    await endReplay(tx, id, key);
    await insertParts(tx, id, key, pushed.parts);
    await noteSuccess(tx, id, pushed.lost);
    return true;
  });
}
