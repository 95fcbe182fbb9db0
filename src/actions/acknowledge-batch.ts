import type { Pool } from 'pg';
import { FeedsError } from '../core/errors.js';
import type { ExportReceipt } from '../core/export-receipt.js';
import { batchId } from '../core/named-export.js';
import type { BatchNumber, NamedExport } from '../core/named-export.js';
import { acknowledgePending, lockExport } from '../store/named-exports.js';
import { inTransaction } from '../store/transaction.js';

/**
 * Moves the export on behind the batch of the receipt. The same again, by who did not hear of it, changes nothing. `known` says
 * whether the caller may. Rejects with `conflict`: the receipt is of another batch, or of another export.
 */
export function acknowledgeBatch(
  { pool }: { readonly pool: Pool },
  name: string,
  receipt: ExportReceipt,
  known: (found: NamedExport | undefined) => NamedExport,
): Promise<void> {
  return inTransaction(pool, async (tx) => {
    const found = known(await lockExport(tx, name));
    const { id, pending, acknowledged } = found;
    if (receipt.export === id && isSame(receipt, acknowledged)) return;
    if (pending === undefined || receipt.export !== id || !isSame(receipt, pending)) throw otherBatch(found, receipt);
    await acknowledgePending(tx, name, pending);
  });
}

function isSame(one: BatchNumber, other: BatchNumber | undefined): boolean {
  return other !== undefined && one.epoch === other.epoch && one.number === other.number;
}

function otherBatch(found: NamedExport, receipt: ExportReceipt): FeedsError {
  const { name, pending, acknowledged } = found;
  const shown = (batch: BatchNumber | undefined): string | null => (batch === undefined ? null : batchId(found, batch));
  const expected = pending === undefined ? 'there is none to be acknowledged' : `expected was ${shown(pending) ?? ''}`;
  const message = `the receipt is of the batch ${batchId({ id: receipt.export }, receipt)}; of "${name}" ${expected}`;
  return new FeedsError('conflict', message, {
    extensions: { pending: shown(pending), acknowledged: shown(acknowledged) },
  });
}
