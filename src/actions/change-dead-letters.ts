import type { Actor } from '../core/access.js';
import { FeedsError } from '../core/errors.js';
import { EXPORTED_PARTITION } from '../core/export.js';
import { batchId } from '../core/named-export.js';
import type { NamedExport } from '../core/named-export.js';
import type { Tx } from '../store/db.js';
import { countDeadLetters, deleteDeadLetters as deleteRows, markReplay } from '../store/dead-letters.js';
import { readEpochs } from '../store/epochs.js';
import { lockExport, takeBatchNumber } from '../store/named-exports.js';
import { tryNow } from '../store/pushes.js';
import { administer } from './administer.js';
import type { AdministerDeps } from './administer.js';
import { noExport } from './change-export.js';

/**
 * Has dead letters stored again, by their ids or all (undefined), as batches with keys of their own. Those that wait for that already stay with
 * theirs. Resolves with how many they are; 0 where there is none of them. Rejects with `not-found`, or with `conflict` where the export has no
 * target.
 */
export async function replayDeadLetters(
  deps: AdministerDeps,
  by: Actor,
  name: string,
  ids: readonly bigint[] | undefined,
): Promise<number> {
  return administer(deps, by, async (tx, tell) => {
    const found = await lockedExport(tx, name);
    if (found.target === undefined) {
      throw new FeedsError('conflict', `"${name}" has no target to which its dead letters could be pushed`);
    }
    const { current: epoch } = await readEpochs(tx, EXPORTED_PARTITION);
    let count = 0;
    for (let marked = Infinity; marked > 0; count += marked) {
      const key = batchId(found, { epoch, number: await takeBatchNumber(tx, name) });
      marked = await markReplay(tx, found.id, key, ids);
    }
    await tryNow(tx, found.id);
    if (count > 0) tell({ act: 'export.replayed', target: { export: name }, changes: { replayed: { to: count } } });
    return count;
  });
}

/**
 * Gives dead letters up, one or all (undefined); those that wait to be stored again stay. Resolves with how many they were. Rejects with
 * `not-found`.
 */
export async function deleteDeadLetters(
  deps: AdministerDeps,
  by: Actor,
  name: string,
  letter: bigint | undefined,
): Promise<number> {
  return administer(deps, by, async (tx, tell) => {
    const { id, target } = await lockedExport(tx, name);
    const before = await countDeadLetters(tx, id);
    // Without a target nothing is stored again.
    const count = await deleteRows(tx, id, letter, { marked: target === undefined });
    await tryNow(tx, id);
    if (count > 0) {
      const changes = { deadLetters: { from: before, to: before - count } };
      tell({ act: 'export.letters-deleted', target: { export: name }, changes });
    }
    return count;
  });
}

async function lockedExport(tx: Tx, name: string): Promise<NamedExport> {
  const found = await lockExport(tx, name);
  if (found === undefined) throw noExport(name);
  return found;
}
