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
 * the table (change when a dump is restored).
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
  return { epoch, identity, present };
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

const NEWEST_TICK = 'select coalesce(max(tick), 0) from ticks where partition_id = $1';

export async function newestTick(db: Db, partition: number): Promise<bigint> {
  const { rows } = await db.query<[bigint]>({ name: 'newest-tick', text: NEWEST_TICK, values: [partition] });
  return rows[0]?.[0] ?? 0n;
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
