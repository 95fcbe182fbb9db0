import type { AuditRecord, WaitingRecord } from '../core/audit.js';
import type { Instant } from '../core/entry.js';
import type { Db, Tx } from './db.js';

const INSERT = `
  insert into audit_outbox (entry_id, record)
  select entry_id, record
    from unnest($1::uuid[], $2::json[]) with ordinality as given (entry_id, record, n)
   order by n
  on conflict (entry_id) do nothing`;

/** In the order given. One that is there already stays as it is. */
export async function insertRecords(tx: Tx, records: readonly WaitingRecord[]): Promise<void> {
  const values = [records.map(({ id }) => id), records.map(({ record }) => JSON.stringify(record))];
  await tx.query({ name: 'insert-audit-records', text: INSERT, values });
}

/** A record and when it was written. */
export interface OutboxRecord extends WaitingRecord {
  readonly recordedAt: Instant;
}

const READ = `
  select entry_id, recorded_at, record
    from audit_outbox
   order by place
   limit $1`;

/** The oldest records that wait to be published. */
export async function readRecords(db: Db, limit: number): Promise<OutboxRecord[]> {
  const { rows } = await db.query<[string, Instant, AuditRecord]>({
    name: 'read-audit-records',
    text: READ,
    values: [limit],
  });
  return rows.map(([id, recordedAt, record]) => ({ id, recordedAt, record }));
}

const DELETE = 'delete from audit_outbox where entry_id = any($1::uuid[])';

export async function deleteRecords(tx: Tx, records: readonly WaitingRecord[]): Promise<void> {
  await tx.query({ name: 'delete-audit-records', text: DELETE, values: [records.map(({ id }) => id)] });
}
