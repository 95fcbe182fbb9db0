import { commonTick, shortEpoch } from '../core/epoch.js';
import type { Epochs } from '../core/epoch.js';
import type { Instant, Position } from '../core/entry.js';
import type { Feed } from '../core/feed.js';
import type { Db, Tx } from './db.js';

const READ_EPOCHS = `
  select c.epoch, null::bigint
    from clocks c
   where c.partition_id = $1
   union all
  (select e.epoch, e.common_tick
     from epochs e
    where e.partition_id = $1
    order by e.ended_at, e.common_tick)`;

export async function readEpochs(db: Db, partition: number): Promise<Epochs> {
  const { rows } = await db.query<[string, bigint | null]>({
    name: 'read-epochs',
    text: READ_EPOCHS,
    values: [partition],
  });
  const past: { epoch: string; commonTick: bigint }[] = [];
  let current = '';
  for (const [epoch, tick] of rows) {
    if (tick === null) current = shortEpoch(epoch);
    else past.push({ epoch: shortEpoch(epoch), commonTick: tick });
  }
  return { current, past };
}

const POSITION_AT_TICK = `
  select coalesce(max(last_position), 0)
    from ticks
   where partition_id = $1
     and feed_id = $2
     and tick <= $3`;

/**
 * How far a place that was given out in `epoch` still means the same: the last common position of this feed, or
 * undefined when there is no bound.
 */
export async function commonPosition(
  db: Db,
  feed: Feed,
  epochs: Epochs,
  epoch: string | undefined,
): Promise<Position | undefined> {
  const tick = commonTick(epochs, epoch);
  if (tick === undefined) return undefined;
  const { rows } = await db.query<[Position]>({
    name: 'position-at-tick',
    text: POSITION_AT_TICK,
    values: [feed.partition, feed.id, tick],
  });
  return rows[0]?.[0] ?? 0n;
}

/**
 * Which database this is: the cluster, its timeline (changes by failover and point-in-time recovery), the database and
 * the table (change when a dump is restored); and, where we may ask, when the files came to be where they are (the inode
 * of a file that Postgres never touches again changes when a copy of the files is put back, and nobody can set its ctime).
 */
const LOCK_CLOCK = `
  select c.epoch, c.identity,
         (select system_identifier from pg_control_system())
         || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
         || '/' || (select oid from pg_database where datname = current_database())
         || '/' || 'clocks'::regclass::oid
    from clocks c
   where c.partition_id = $1
     for no key update`;

export async function lockClock(
  tx: Tx,
  partition: number,
): Promise<{ epoch: string; identity: string; present: string }> {
  const { rows } = await tx.query<[string, string, string]>({
    name: 'lock-clock',
    text: LOCK_CLOCK,
    values: [partition],
  });
  const [row] = rows;
  if (row === undefined) throw new Error(`partition ${String(partition)} has no clock`);
  const [epoch, identity, present] = row;
  const files = await filesSince(tx);
  return { epoch, identity, present: files === undefined ? present : `${present}/${files}` };
}

const MAY_LOOK_AT_FILES = `select has_function_privilege('pg_stat_file(text)', 'execute')`;

/** A statement of its own: Postgres checks the right to call a function even where it is not reached. */
const FILES_SINCE = `
  select (extract(epoch from change) * 1000000)::bigint::text
    from pg_stat_file('PG_VERSION')`;

async function filesSince(db: Db): Promise<string | undefined> {
  const { rows: may } = await db.query<[boolean]>({ name: 'may-look-at-files', text: MAY_LOOK_AT_FILES });
  if (may[0]?.[0] !== true) return undefined;
  const { rows } = await db.query<[string | null]>({ name: 'files-since', text: FILES_SINCE });
  return rows[0]?.[0] ?? undefined;
}

/** Undefined when only one of two connections may look at the files, and all else is the same. */
export function isSameDatabase(identity: string, present: string): boolean | undefined {
  if (identity === present) return true;
  const [before, now] = [identity.split('/'), present.split('/')];
  const known = Math.min(before.length, now.length);
  return before.slice(0, known).join('/') === now.slice(0, known).join('/') && before.length !== now.length
    ? undefined
    : false;
}

const TICK_AT = `
  select recorded_at
    from ticks
   where partition_id = $1
     and tick = $2
   limit 1`;

export async function recordedAt(db: Db, partition: number, tick: bigint): Promise<Instant | undefined> {
  const { rows } = await db.query<[Instant]>({ name: 'tick-at', text: TICK_AT, values: [partition, tick] });
  return rows[0]?.[0];
}

/** A tick of the log, and the epoch in which it was seen: its short form. */
export interface SeenTick {
  readonly epoch: string;
  readonly tick: bigint;
  readonly recordedAt: Instant;
}

const NEWEST_TICK = `
  select c.epoch, t.tick, t.recorded_at
    from clocks c
    join ticks t on t.partition_id = c.partition_id
   where c.partition_id = $1
   order by t.tick desc
   limit 1`;

/** Undefined: the clock has never ticked. */
export async function newestTick(db: Db, partition: number): Promise<SeenTick | undefined> {
  const { rows } = await db.query<[string, bigint, Instant]>({
    name: 'newest-tick',
    text: NEWEST_TICK,
    values: [partition],
  });
  const [row] = rows;
  if (row === undefined) return undefined;
  const [epoch, tick, time] = row;
  return { epoch: shortEpoch(epoch), tick, recordedAt: time };
}

const SET_IDENTITY = 'update clocks set identity = $2 where partition_id = $1';

export async function setIdentity(tx: Tx, partition: number, identity: string): Promise<void> {
  await tx.query({ name: 'set-identity', text: SET_IDENTITY, values: [partition, identity] });
}

const END_EPOCH = `
  insert into epochs (partition_id, epoch, common_tick)
  select partition_id, epoch, $2
    from clocks
   where partition_id = $1`;

const BEGIN_EPOCH = `
  update clocks
     set epoch = gen_random_uuid(), common_tick = $2, identity = $3
   where partition_id = $1`;

/** The clock must be locked. `common` is the last tick that the log has in common with what it was. */
export async function beginEpoch(tx: Tx, partition: number, common: bigint, identity: string): Promise<void> {
  await tx.query({ name: 'end-epoch', text: END_EPOCH, values: [partition, common] });
  await tx.query({ name: 'begin-epoch', text: BEGIN_EPOCH, values: [partition, common, identity] });
}
