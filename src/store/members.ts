import { memberKey } from '../core/batch.js';
import type { MemberState } from '../core/batch.js';
import type { Digest, Entry, Instant, Position } from '../core/entry.js';
import type { Feed } from '../core/feed.js';
import { tenantTerms } from '../core/search.js';
import type { View } from '../core/view.js';
import { uuidArray, uuidBytes } from './binary-arrays.js';
import type { Db } from './db.js';
import { privateSql } from './search-sql.js';
import { KINDS } from './write-batch.js';

const FIND_MEMBER = `
  select m.position, e.kind, e.atom_id, e.xml, r.recorded_at, e.schema_version
    from heads h
    join members m on m.partition_id = h.partition_id and m.feed_id = h.feed_id and m.atom_key = $3
    join entries e on e.partition_id = m.partition_id and e.feed_id = m.feed_id and e.position = m.position
    left join lateral (
      select recorded_at
        from ticks
       where partition_id = m.partition_id
         and feed_id = m.feed_id
         and last_position >= m.position
       order by last_position
       limit 1) r on true
   where h.partition_id = $1
     and h.feed_id = $2
     and m.position >= h.first_kept`;

/** Decided by the database: what is hidden costs as much as what is not there. */
const SEEN: Readonly<Record<View['kind'], string>> = {
  whole: '',
  open: ` and not ${privateSql('e.terms')}`,
  tenants: ` and not ${privateSql('e.terms')} and e.terms && $4::text[]`,
};

/** The current revision of an entry, or its tombstone, when it is in the view. */
export async function findMember(db: Db, feed: Feed, atomKey: Buffer, view: View): Promise<Entry | undefined> {
  const { rows } = await db.query<[Position, number, string, string, Instant, number | null]>({
    name: `find-member-${view.kind}`,
    text: FIND_MEMBER + SEEN[view.kind],
    values: [feed.partition, feed.id, atomKey, ...(view.kind === 'tenants' ? [tenantTerms(view.tenants)] : [])],
  });
  const [row] = rows;
  if (row === undefined) return undefined;
  const [position, kind, atomId, xml, recordedAt, version] = row;
  return { position, kind: KINDS[kind] ?? 'entry', atomId, xml, recordedAt, schemaVersion: version ?? undefined };
}

const FIND_MEMBERS = `
  select m.atom_key, m.position, m.first_position, m.first_digest, m.deleted
    from heads h
   cross join unnest($3::uuid[]) as k (atom_key)
   cross join lateral (
      select *
        from members
       where partition_id = $1
         and feed_id = $2
         and atom_key = k.atom_key
       limit 1) m
   where h.partition_id = $1
     and h.feed_id = $2
     and m.position >= h.first_kept`;

/** What is known of the ids, by their `memberKey`; ids that the feed does not hold are not there. */
export async function findMembers(
  db: Db,
  feed: Feed,
  atomKeys: readonly Digest[],
): Promise<ReadonlyMap<string, MemberState>> {
  const { rows } = await db.query<[string, Position, Position, string, boolean]>({
    name: 'find-members',
    text: FIND_MEMBERS,
    values: [feed.partition, feed.id, uuidArray(atomKeys)],
  });
  return new Map(
    rows.map(([atomKey, position, firstPosition, firstDigest, deleted]) => [
      memberKey(feed.id, uuidBytes(atomKey)),
      { position, firstPosition, firstDigest: uuidBytes(firstDigest), deleted },
    ]),
  );
}
