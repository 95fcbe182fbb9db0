import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { Actor } from '../core/access.js';
import { legible } from '../core/audit.js';
import type { Act } from '../core/audit.js';
import { insertRecords } from '../store/audit-outbox.js';
import type { Tx } from '../store/db.js';
import { inTransaction } from '../store/transaction.js';

export interface AdministerDeps {
  readonly pool: Pool;
  /** Told after a commit that there is something to publish to the audit feed. */
  readonly audit: { wake(): void };
}

/** Tells the audit feed of an act; what changed nothing is none. */
export type Tell = (act: Act) => void;

/**
 * What somebody does to workspaces, feeds and whoever may do what: one transaction, and in it what the audit feed is told of it, so that
 * neither is there without the other. Every action that changes such things goes this way (`npm run deps` holds it so).
 */
export async function administer<T>(
  { pool, audit }: AdministerDeps,
  by: Actor,
  work: (tx: Tx, tell: Tell) => Promise<T>,
): Promise<T> {
  const acts: Act[] = [];
  const result = await inTransaction(pool, async (tx) => {
    const done = await work(tx, (act) => acts.push(act));
    // At the end, while what was changed is still locked: acts on one thing are told in their order.
    if (acts.length > 0) await insertRecords(tx, acts.map(recordOf));
    return done;
  });
  if (acts.length > 0) audit.wake();
  return result;

  function recordOf({ act, target, changes }: Act): Parameters<typeof insertRecords>[1][number] {
    const { name, address } = by;
    const told = changes === undefined || Object.keys(changes).length === 0 ? {} : { changes };
    const record = { act, outcome: 'allowed' as const, by: name, address, target, ...told };
    return { id: randomUUID(), record: legible(record) };
  }
}
