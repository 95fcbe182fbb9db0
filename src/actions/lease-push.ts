import type { Pool } from 'pg';
import { noteTold } from '../store/export-parts.js';
import type { StoredDay } from '../store/export-parts.js';
import { endLease, noteFailure, noteRecovery, takeLease } from '../store/pushes.js';
import { inTransaction } from '../store/transaction.js';

interface Deps {
  readonly pool: Pool;
}

/** For so many seconds only this node pushes the export, unless it ends that before. False: another one does. */
export function leasePush({ pool }: Deps, id: string, node: string, seconds: number): Promise<boolean> {
  return inTransaction(pool, (tx) => takeLease(tx, id, node, seconds));
}

export function releasePush({ pool }: Deps, id: string, node: string): Promise<void> {
  return inTransaction(pool, (tx) => endLease(tx, id, node));
}

/** Pushing again waits longer with each time that it fails, up to some minutes; nodes do not come back all at once. */
export function notePushFailure({ pool }: Deps, id: string, error: string, mostSeconds: number): Promise<number> {
  const jitter = 0.5 + Math.random() / 2;
  return inTransaction(pool, (tx) => noteFailure(tx, id, error, { mostSeconds, jitter }));
}

/** It does not fail any more, though there may have been nothing to store. */
export function notePushRecovery({ pool }: Deps, id: string): Promise<void> {
  return inTransaction(pool, (tx) => noteRecovery(tx, id));
}

/** Its end was told to the target. */
export function noteDayTold({ pool }: Deps, id: string, day: StoredDay): Promise<void> {
  return inTransaction(pool, (tx) => noteTold(tx, id, day));
}
