import type { Instant } from '../core/entry.js';
import type { Db, Tx } from './db.js';

/** How the push of an export goes. */
export interface PushState {
  /** Since something was stored. */
  readonly failures: number;
  readonly failingSince: Instant | undefined;
  readonly lastError: string | undefined;
  readonly nextTryAt: Instant | undefined;
  readonly pushedAt: Instant | undefined;
  /** Entries that were taken from the log before they were pushed. */
  readonly lost: bigint;
  readonly deadLetters: number;
}

/** What one that pushes looks at every second, in one statement. */
export interface DuePush {
  readonly name: string;
  readonly id: string;
  readonly target: string;
  readonly everySeconds: number | undefined;
  /** A batch, a replay or a day that was over waits already. */
  readonly waits: boolean;
}

type StateRow = [
  ...[failures: number | null, since: Instant | null, error: string | null, next: Instant | null],
  ...[pushed: Instant | null, lost: bigint | null, letters: bigint],
];

const STATE = `
  select p.failures, p.failing_since, p.last_error, p.next_try_at, p.pushed_at, p.lost,
         (select count(*) from export_dead_letters l where l.export_id = e.export_id)
    from exports e
    left join export_pushes p on p.export_id = e.export_id
   where e.export_id = $1`;

export async function readPushState(db: Db, id: string): Promise<PushState> {
  const { rows } = await db.query<StateRow>({ name: 'push-state', text: STATE, values: [id] });
  const [failures, since, error, next, pushed, lost, letters] = rows[0] ?? [null, null, null, null, null, null, 0n];
  return {
    failures: failures ?? 0,
    failingSince: since ?? undefined,
    lastError: error ?? undefined,
    nextTryAt: next ?? undefined,
    pushedAt: pushed ?? undefined,
    lost: lost ?? 0n,
    deadLetters: Number(letters),
  };
}

const LIST_DUE = `
  select e.name, e.export_id, e.target, e.every_seconds,
         e.pending is not null
         or exists (select from export_parts t
                     where t.export_id = e.export_id
                       and not t.told
                       and t.date < (clock_timestamp() at time zone 'UTC')::date)
         or exists (select from export_dead_letters l where l.export_id = e.export_id and l.replay is not null)
    from exports e
    left join export_pushes p on p.export_id = e.export_id
   where e.target is not null
     and (p.next_try_at is null or p.next_try_at <= clock_timestamp())
     and (p.leased_until is null or p.leased_until <= clock_timestamp() or p.node = $1)
   order by e.name`;

/** Exports that this node may push now. */
export async function listDuePushes(db: Db, node: string): Promise<DuePush[]> {
  const { rows } = await db.query<[string, string, string, number | null, boolean]>({
    name: 'due-pushes',
    text: LIST_DUE,
    values: [node],
  });
  return rows.map(([name, id, target, everySeconds, waits]) => ({
    name,
    id,
    target,
    everySeconds: everySeconds ?? undefined,
    waits,
  }));
}

const LEASE = `
  insert into export_pushes as p (export_id, node, leased_until)
  select export_id, $2, clock_timestamp() + make_interval(secs => $3) from exports where export_id = $1
  on conflict (export_id) do update
     set node = excluded.node, leased_until = excluded.leased_until
   where p.node = excluded.node
      or p.leased_until is null
      or p.leased_until <= clock_timestamp()
  returning 1`;

/** False: another node pushes it, or it is not there any more. */
export async function takeLease(tx: Tx, id: string, node: string, seconds: number): Promise<boolean> {
  const { rows } = await tx.query({ name: 'lease-push', text: LEASE, values: [id, node, seconds] });
  return rows.length > 0;
}

const RELEASE = 'update export_pushes set node = null, leased_until = null where export_id = $1 and node = $2';

export async function endLease(tx: Tx, id: string, node: string): Promise<void> {
  await tx.query({ name: 'release-push', text: RELEASE, values: [id, node] });
}

const FAILED = `
  update export_pushes
     set failures = failures + 1, failing_since = coalesce(failing_since, clock_timestamp()), last_error = $2,
         next_try_at = clock_timestamp()
           + make_interval(secs => least($4::float8, 2 ^ least(failures, 30)) * $3::float8)
   where export_id = $1
  returning failures`;

/** How many times it failed in a row by now. The pause doubles with each, up to `mostSeconds`; of that the part `jitter` (0 to 1). */
export async function noteFailure(
  tx: Tx,
  id: string,
  error: string,
  { mostSeconds, jitter }: { readonly mostSeconds: number; readonly jitter: number },
): Promise<number> {
  const values = [id, error, jitter, mostSeconds];
  const { rows } = await tx.query<[number]>({ name: 'push-failed', text: FAILED, values });
  return rows[0]?.[0] ?? 0;
}

const TRY_NOW = 'update export_pushes set next_try_at = null where export_id = $1';

/** Who has changed something about it does not want to wait until it is tried again by itself. */
export async function tryNow(tx: Tx, id: string): Promise<void> {
  await tx.query({ name: 'try-push-now', text: TRY_NOW, values: [id] });
}

const RECOVERED = `
  update export_pushes
     set failures = 0, failing_since = null, last_error = null, next_try_at = null
   where export_id = $1
     and failures > 0`;

/** All that there was to do was done. */
export async function noteRecovery(tx: Tx, id: string): Promise<void> {
  await tx.query({ name: 'push-recovered', text: RECOVERED, values: [id] });
}

const SUCCEEDED = `
  insert into export_pushes as p (export_id, pushed_at, lost)
  values ($1, clock_timestamp(), $2)
  on conflict (export_id) do update
     set failures = 0, failing_since = null, last_error = null, next_try_at = null, pushed_at = excluded.pushed_at,
         lost = p.lost + excluded.lost`;

/** @param lost entries that the batch told of as lost */
export async function noteSuccess(tx: Tx, id: string, lost: bigint): Promise<void> {
  await tx.query({ name: 'push-succeeded', text: SUCCEEDED, values: [id, lost] });
}
