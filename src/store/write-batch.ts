import type { Client } from 'pg';
import type { BatchWrites, EntryRow, FeedState, Looked, MemberRow, MemberState, TermRow } from '../core/batch.js';
import { memberKey } from '../core/batch.js';
import type { Digest, EntryKind, Instant, Position } from '../core/entry.js';
import type { FeedId } from '../core/feed.js';
import { int2Array, int4Array, int8Array, textArray, uuidArray, uuidBytes } from './binary-arrays.js';

/**
 * The statements of a batch, in the order that keeps the log right (docs/adr/0002): lock the feeds in id order; look,
 * with a new snapshot; write; and with the last message lock the clock, tick and commit.
 */

const KIND_CODES: Readonly<Record<EntryKind, number>> = { entry: 0, revision: 1, tombstone: 2 };
export const KINDS: readonly EntryKind[] = ['entry', 'revision', 'tombstone'];

/** Not legal in XML, so in no term. */
export const TERM_SEPARATOR = '\u0001';

const LOCK = `
  select feed_id
    from heads
   where partition_id = $1
     and feed_id = any($2::int[])
   order by feed_id
     for no key update`;

const LOOK_AT_FEEDS = `
  select h.feed_id, f.atom_id, f.deleted_at is not null, coalesce((f.settings ->> 'editable')::boolean, false),
         h.first_kept, coalesce(t.last_position, 0)
    from heads h
    join feeds f on f.feed_id = h.feed_id
    left join lateral (
      select last_position
        from ticks
       where partition_id = h.partition_id
         and feed_id = h.feed_id
       order by last_position desc
       limit 1) t on true
   where h.partition_id = $1
     and h.feed_id = any($2::int[])`;

// `limit 1` keeps the planner from joining in another order: it plans once, maybe while the tables are empty, and would
// then read all of a partition for each batch. So does `ctid = any(array(…))` further down.
const LOOK_AT_MEMBERS = `
  select k.feed_id, k.atom_key, m.position, m.first_position, m.first_digest, m.deleted
    from unnest($2::int[], $3::uuid[]) as k (feed_id, atom_key)
   cross join lateral (
      select *
        from members
       where partition_id = $1
         and feed_id = k.feed_id
         and atom_key = k.atom_key
       limit 1) m`;

const LOOK_AT_REVISIONS = `
  select k.feed_id, k.atom_key, e.terms, e.xml
    from unnest($2::int[], $3::uuid[]) as k (feed_id, atom_key)
   cross join lateral (
      select position
        from members
       where partition_id = $1
         and feed_id = k.feed_id
         and atom_key = k.atom_key
       limit 1) m
   cross join lateral (
      select terms, xml
        from entries
       where partition_id = $1
         and feed_id = k.feed_id
         and position = m.position
       limit 1) e`;

export interface Key {
  readonly feedId: FeedId;
  readonly atomKey: Digest;
}

/**
 * Begins the transaction, locks the feeds and looks at them. With `skipLocked` a feed that somebody else holds is named
 * in `taken` instead of being waited for. A feed that is in neither is not there any more.
 */
export async function lockAndLook(
  client: Client,
  partition: number,
  feedIds: readonly FeedId[],
  keys: readonly Key[],
  revised: readonly Key[],
  options: { skipLocked: boolean },
): Promise<Looked & { taken: ReadonlySet<FeedId> }> {
  const ids = int4Array(feedIds);
  const keyArrays = [partition, int4Array(keys.map((key) => key.feedId)), uuidArray(keys.map((key) => key.atomKey))];
  const [, locked, feedRows, memberRows, revisionRows] = await inOneWrite(client, () =>
    Promise.all([
      begin(client),
      client.query<[FeedId]>({
        ...(options.skipLocked ? { name: 'lock-free', text: `${LOCK} skip locked` } : { name: 'lock', text: LOCK }),
        values: [partition, ids],
        rowMode: 'array',
      }),
      client.query<[FeedId, string, boolean, boolean, Position, Position]>({
        name: 'look-feeds',
        text: LOOK_AT_FEEDS,
        values: [partition, ids],
        rowMode: 'array',
      }),
      client.query<[FeedId, string, Position, Position, string, boolean]>({
        name: 'look-members',
        text: LOOK_AT_MEMBERS,
        values: keyArrays,
        rowMode: 'array',
      }),
      revised.length === 0
        ? undefined
        : client.query<[FeedId, string, string[], string]>({
            name: 'look-revisions',
            text: LOOK_AT_REVISIONS,
            values: [
              partition,
              int4Array(revised.map((key) => key.feedId)),
              uuidArray(revised.map((key) => key.atomKey)),
            ],
            rowMode: 'array',
          }),
    ]),
  );

  const held = new Set(locked.rows.map(([feedId]) => feedId));
  const feeds = new Map<FeedId, FeedState>();
  const taken = new Set<FeedId>();
  for (const [feedId, atomId, deleted, editable, firstKept, head] of feedRows.rows) {
    if (held.has(feedId)) feeds.set(feedId, { atomId, deleted, editable, firstKept, head });
    else taken.add(feedId);
  }
  const current = new Map<string, MemberState['current']>();
  for (const [feedId, atomKey, terms, xml] of revisionRows?.rows ?? []) {
    current.set(memberKey(feedId, uuidBytes(atomKey)), { terms, xml });
  }
  const members = new Map<string, MemberState>();
  for (const [feedId, atomKey, position, firstPosition, firstDigest, deleted] of memberRows.rows) {
    const key = memberKey(feedId, uuidBytes(atomKey));
    members.set(key, {
      position,
      firstPosition,
      firstDigest: uuidBytes(firstDigest),
      deleted,
      current: current.get(key),
    });
  }
  return { feeds, taken, members };
}

/** Where the members with the keys in $2 and $3 lie. */
const MEMBER_PLACES = `
   array(
      select m.ctid
        from unnest($2::int[], $3::uuid[]) as k (feed_id, atom_key)
       cross join lateral (
          select ctid
            from members
           where partition_id = $1
             and feed_id = k.feed_id
             and atom_key = k.atom_key
           limit 1) m)`;

const DROP_STALE_MEMBERS = `
  delete from members
   where ctid = any(${MEMBER_PLACES})`;

const INSERT_ENTRIES = `
  insert into entries (partition_id, feed_id, position, kind, octets, atom_key, atom_id, terms, xml, schema_version)
  select $1, feed_id, position, kind, octets, atom_key, atom_id, string_to_array(terms, E'\\x01'), xml,
         nullif(schema_version, 0)
    from unnest($2::int[], $3::bigint[], $4::smallint[], $5::int[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::int[])
      as e (feed_id, position, kind, octets, atom_key, atom_id, terms, xml, schema_version)`;

const MEMBER_ARRAYS = `
  unnest($2::int[], $3::uuid[], $4::bigint[], $5::bigint[], $6::uuid[], $7::smallint[], $8::smallint[])
    as m (feed_id, atom_key, position, first_position, first_digest, editable, deleted)`;

const INSERT_MEMBERS = `
  insert into members (partition_id, feed_id, atom_key, position, first_position, first_digest, editable, deleted)
  select $1, feed_id, atom_key, position, first_position, first_digest, editable = 1, deleted = 1
    from ${MEMBER_ARRAYS}`;

const CHANGE_MEMBERS = `
  update members
     set position = m.position, deleted = m.deleted = 1
    from ${MEMBER_ARRAYS}
   where members.ctid = any(${MEMBER_PLACES})
     and members.feed_id = m.feed_id
     and members.atom_key = m.atom_key`;

const INSERT_TERMS = `
  insert into entry_terms (partition_id, feed_id, term, last_position)
  select $1, feed_id, term, position
    from unnest($2::int[], $3::text[], $4::bigint[]) as t (feed_id, term, position)`;

// Of editable feeds only, whose rows hold one position each (core/term-lists.ts).
const DROP_TERMS = `
  delete from entry_terms
   where ctid = any(
   array(
      select t.ctid
        from unnest($2::int[], $3::text[], $4::bigint[]) as d (feed_id, term, position)
       cross join lateral (
          select ctid
            from entry_terms
           where partition_id = $1
             and feed_id = d.feed_id
             and term = d.term
             and last_position = d.position
           limit 1) t))`;

interface Statement {
  readonly name: string;
  readonly text: string;
  readonly rows: readonly unknown[];
  readonly columns: () => Buffer[];
}

/** In the order in which they have to be run. */
function statementsOf(writes: BatchWrites): Statement[] {
  const { staleMembers, droppedTerms, entries, newMembers, changedMembers, newTerms } = writes;
  return [
    { name: 'drop-stale', text: DROP_STALE_MEMBERS, rows: staleMembers, columns: () => keyColumns(staleMembers) },
    { name: 'drop-terms', text: DROP_TERMS, rows: droppedTerms, columns: () => termColumns(droppedTerms) },
    { name: 'insert-entries', text: INSERT_ENTRIES, rows: entries, columns: () => entryColumns(entries) },
    { name: 'insert-members', text: INSERT_MEMBERS, rows: newMembers, columns: () => memberColumns(newMembers) },
    {
      name: 'change-members',
      text: CHANGE_MEMBERS,
      rows: changedMembers,
      columns: () => memberColumns(changedMembers),
    },
    { name: 'insert-terms', text: INSERT_TERMS, rows: newTerms, columns: () => termColumns(newTerms) },
  ];
}

function run(client: Client, partition: number, { name, text, columns }: Statement): Promise<unknown> {
  return client.query({ name, text, values: [partition, ...columns()] });
}

/**
 * Writes what the batch accepted, ticks and commits. Each statement goes with a Sync of its own, so that Postgres' idle
 * timer runs in between: whoever froze on the way would else hold up every writer of the partition. Rejects when the
 * transaction had failed before or fails here; then nothing was committed, unless the connection is gone: then the outcome
 * is unknown.
 */
export function writeAndCommit(client: Client, partition: number, writes: BatchWrites, now: Date): Promise<Tick> {
  return committed(inOneWrite(client, () => writing(client, partition, writes, now)));
}

function takeTick(
  client: Client,
  partition: number,
  stretches: BatchWrites['stretches'],
  now: Date,
): Promise<{ rows: TickRow[] }> {
  return client.query<TickRow>({
    name: 'tick',
    text: 'select epoch, tick, recorded_at from take_tick($1::smallint, $2, $3, $4, $5)',
    values: [
      partition,
      int4Array(stretches.map((stretch) => stretch.feedId)),
      int8Array(stretches.map((stretch) => stretch.first)),
      int8Array(stretches.map((stretch) => stretch.last)),
      now.toISOString(),
    ],
    rowMode: 'array',
  });
}

function commit(client: Client): Promise<{ command: string }> {
  return client.query({ name: 'commit', text: 'commit' });
}

function begin(client: Client): Promise<unknown> {
  return client.query({ name: 'begin', text: 'begin isolation level read committed read write' });
}

type TickRow = [string, bigint, Instant];

/** The statements from the first insert to the commit; the last two results are those of the tick and the commit. */
function writing(client: Client, partition: number, writes: BatchWrites, now: Date): Promise<unknown>[] {
  return [
    ...statementsOf(writes)
      .filter(({ rows }) => rows.length > 0)
      .map((statement) => run(client, partition, statement)),
    takeTick(client, partition, writes.stretches, now),
    commit(client),
  ];
}

async function committed(statements: readonly Promise<unknown>[]): Promise<Tick> {
  const results = await settleAll(statements);
  const [tick, commit] = results.slice(-2) as [{ rows: TickRow[] }, { command: string }];
  const [row] = tick.rows;
  // Postgres answers the commit of a failed transaction with a rollback, not with an error.
  if (commit.command !== 'COMMIT' || row === undefined) throw new Error('the batch was rolled back');
  const [epoch, number, recordedAt] = row;
  return { epoch, tick: number, recordedAt };
}

/**
 * Prepares every statement of a batch, by running all of them on nothing. Postgres' idle timer does not run between the
 * Parse of a statement and its Bind: a node that froze there, in the middle of a large first batch, would hold up all others.
 */
export async function prepareToWrite(client: Client, partition: number): Promise<void> {
  await lockAndLook(client, partition, [], [], [{ feedId: 0, atomKey: Buffer.alloc(16) }], { skipLocked: false });
  await settleAll([
    ...statementsOf(NOTHING).map((statement) => run(client, partition, statement)),
    takeTick(client, partition, [], new Date()),
  ]);
  await rollback(client);
  await settleAll([begin(client), commit(client)]);
}

const NOTHING: BatchWrites = {
  entries: [],
  newMembers: [],
  changedMembers: [],
  staleMembers: [],
  newTerms: [],
  droppedTerms: [],
  stretches: [],
};

export interface Tick {
  readonly epoch: string;
  readonly tick: bigint;
  readonly recordedAt: Instant;
}

export async function rollback(client: Client): Promise<void> {
  await client.query('rollback');
}

/** Sends what `queries` asks in one write to the socket. */
function inOneWrite<T>(client: Client, queries: () => T): T {
  // Not in the published types: the socket of a pg client.
  const { stream } = (client as unknown as { connection: { stream: { cork(): void; uncork(): void } } }).connection;
  stream.cork();
  try {
    return queries();
  } finally {
    stream.uncork();
  }
}

/** Waits for all, then rejects with the first failure: the later ones only say that the transaction had failed. */
async function settleAll(statements: readonly Promise<unknown>[]): Promise<unknown[]> {
  const results = await Promise.allSettled(statements);
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

function keyColumns(keys: readonly Key[]): Buffer[] {
  return [int4Array(keys.map((key) => key.feedId)), uuidArray(keys.map((key) => key.atomKey))];
}

function entryColumns(rows: readonly EntryRow[]): Buffer[] {
  return [
    int4Array(rows.map((row) => row.feedId)),
    int8Array(rows.map((row) => row.position)),
    int2Array(rows.map((row) => KIND_CODES[row.kind])),
    int4Array(rows.map((row) => row.octets)),
    uuidArray(rows.map((row) => row.atomKey)),
    textArray(rows.map((row) => row.atomId)),
    textArray(rows.map((row) => row.terms.join(TERM_SEPARATOR))),
    textArray(rows.map((row) => row.xml)),
    int4Array(rows.map((row) => row.schemaVersion ?? 0)),
  ];
}

function memberColumns(rows: readonly MemberRow[]): Buffer[] {
  return [
    int4Array(rows.map((row) => row.feedId)),
    uuidArray(rows.map((row) => row.atomKey)),
    int8Array(rows.map((row) => row.position)),
    int8Array(rows.map((row) => row.firstPosition)),
    uuidArray(rows.map((row) => row.firstDigest)),
    int2Array(rows.map((row) => (row.editable ? 1 : 0))),
    int2Array(rows.map((row) => (row.deleted ? 1 : 0))),
  ];
}

function termColumns(rows: readonly TermRow[]): Buffer[] {
  return [
    int4Array(rows.map((row) => row.feedId)),
    textArray(rows.map((row) => row.term)),
    int8Array(rows.map((row) => row.position)),
  ];
}
