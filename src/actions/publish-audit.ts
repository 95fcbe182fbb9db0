import type { Pool } from 'pg';
import { AUDIT_FEED } from '../core/audit.js';
import type { NewEntry } from '../core/batch.js';
import { deleteRecords, readRecords } from '../store/audit-outbox.js';
import type { OutboxRecord } from '../store/audit-outbox.js';
import type { Db } from '../store/db.js';
import { findFeed } from '../store/feeds.js';
import { inTransaction } from '../store/transaction.js';
import { writeEntries } from './publish.js';
import type { WriteDeps } from './publish.js';

export interface PublishAuditDeps extends WriteDeps {
  readonly db: Db;
  readonly pool: Pool;
  readonly toEntry: (record: OutboxRecord) => NewEntry;
}

/** Records of one batch. */
const MOST_AT_ONCE = 200;

/**
 * Publishes the oldest records that wait, in their order, and then lets go of them. What ends it in between is made good by the next
 * run, on whichever node: a record that is in the feed already is not published again. Resolves with whether there may be more.
 */
export async function publishAudit(deps: PublishAuditDeps): Promise<boolean> {
  const records = await readRecords(deps.db, MOST_AT_ONCE);
  if (records.length === 0) return false;
  const found = await findFeed(deps.db, AUDIT_FEED.workspace, AUDIT_FEED.name);
  // Another node that starts makes it just now.
  if (found === undefined) return false;
  await writeEntries(deps, found.feed, records.map(deps.toEntry));
  await inTransaction(deps.pool, (tx) => deleteRecords(tx, records));
  return records.length === MOST_AT_ONCE;
}
