import type { EntryKind, Instant, Position } from '../core/entry.js';
import type { ExportedEntry } from '../core/export.js';
import type { FeedId } from '../core/feed.js';
import type { Db, Tx } from './db.js';

/** An entry that a target has refused, without its text. */
export interface DeadLetter extends Pick<ExportedEntry, 'feed' | 'position' | 'atomId' | 'kind' | 'recordedAt'> {
  readonly id: bigint;
  readonly workspace: string;
  readonly feedName: string;
  readonly reason: string;
  /** The key of the batch in which it was refused. */
  readonly batch: string;
  readonly refusedAt: Instant;
  /** It waits to be stored again. */
  readonly replaying: boolean;
}

export interface RefusedEntry {
  readonly entry: ExportedEntry;
  readonly reason: string;
}

const INSERT = `
  insert into export_dead_letters as l (export_id, feed_id, position, kind, atom_id, schema_version, recorded_at, xml, reason, batch)
  select $1, d.*, $2
    from unnest($3::int[], $4::bigint[], $5::text[], $6::text[], $7::int[], $8::timestamptz[], $9::text[], $10::text[]) as d
  on conflict (export_id, feed_id, position) do update
     set reason = excluded.reason, batch = excluded.batch, refused_at = now(), replay = null`;

/** One that is there already is refused anew. */
export async function insertDeadLetters(
  tx: Tx,
  id: string,
  batch: string,
  refused: readonly RefusedEntry[],
): Promise<void> {
  if (refused.length === 0) return;
  const of = <T>(read: (entry: ExportedEntry) => T): T[] => refused.map(({ entry }) => read(entry));
  const values = [
    id,
    batch,
    of(({ feed }) => feed),
    of(({ position }) => String(position)),
    of(({ kind }) => kind),
    of(({ atomId }) => atomId),
    of(({ schemaVersion }) => schemaVersion ?? null),
    of(({ recordedAt }) => recordedAt),
    of(({ xml }) => xml),
    refused.map(({ reason }) => reason),
  ];
  await tx.query({ name: 'insert-dead-letters', text: INSERT, values });
}

const COUNT = 'select count(*) from export_dead_letters where export_id = $1';

export async function countDeadLetters(db: Db, id: string): Promise<number> {
  const { rows } = await db.query<[bigint]>({ name: 'count-dead-letters', text: COUNT, values: [id] });
  return Number(rows[0]?.[0] ?? 0n);
}

const LIST = `
  select l.letter_id, l.feed_id, f.workspace, f.name, l.position, l.kind, l.atom_id, l.recorded_at, l.reason, l.batch,
         l.refused_at, l.replay is not null
    from export_dead_letters l
    join feeds f on f.feed_id = l.feed_id
   where l.export_id = $1
     and l.letter_id > $2
   order by l.letter_id
   limit $3`;

type ListRow = [
  ...[id: bigint, feed: FeedId, workspace: string, name: string, position: Position, kind: string, atomId: string],
  ...[recordedAt: Instant, reason: string, batch: string, refusedAt: Instant, replaying: boolean],
];

/** The oldest first, those behind this one. */
export async function listDeadLetters(db: Db, id: string, after: bigint, most: number): Promise<DeadLetter[]> {
  const { rows } = await db.query<ListRow>({ name: 'list-dead-letters', text: LIST, values: [id, after, most] });
  return rows.map(([letter, feed, workspace, feedName, position, kind, atomId, recordedAt, ...more]) => {
    const [reason, batch, refusedAt, replaying] = more;
    const refusal = { reason, batch, refusedAt, replaying };
    return { id: letter, feed, workspace, feedName, position, kind: kind as EntryKind, atomId, recordedAt, ...refusal };
  });
}

const MARK = `
  update export_dead_letters
     set replay = $2
   where export_id = $1
     and letter_id in (
           select letter_id
             from (select letter_id, row_number() over letters as n, sum(length(xml)) over letters as characters
                     from export_dead_letters
                    where export_id = $1
                      and replay is null
                      and ($3::bigint[] is null or letter_id = any($3))
                   window letters as (order by letter_id)) l
            where n = 1
               or (n <= $4 and characters <= $5))
  returning letter_id`;

/** Fewer than a target may refuse of one batch: what is refused again as a whole becomes dead letters again. */
const REPLAYED_AT_ONCE = 500;
const REPLAYED_CHARACTERS = 8 * 1024 * 1024;

/** The oldest of those that are to be stored again, some by their ids or all, get the key of this batch; how many that are. */
export async function markReplay(
  tx: Tx,
  id: string,
  batch: string,
  ids: readonly bigint[] | undefined,
): Promise<number> {
  const values = [id, batch, ids?.map(String) ?? null, REPLAYED_AT_ONCE, REPLAYED_CHARACTERS];
  const { rows } = await tx.query({ name: 'mark-replay', text: MARK, values });
  return rows.length;
}

const DELETE = `
  delete from export_dead_letters
   where export_id = $1
     and (replay is null or $3)
     and ($2::bigint is null or letter_id = $2)
  returning 1`;

/** One, or all (undefined); how many that were. `marked`: those too that are to be stored again. */
export async function deleteDeadLetters(
  tx: Tx,
  id: string,
  letter: bigint | undefined,
  { marked }: { readonly marked: boolean },
): Promise<number> {
  const values = [id, letter === undefined ? null : String(letter), marked];
  const { rows } = await tx.query({ name: 'delete-dead-letters', text: DELETE, values });
  return rows.length;
}

const DELETE_FROM = `
  delete from export_dead_letters
   where export_id = $1
     and ($2::date is null or recorded_at >= $2::date::timestamp at time zone 'UTC')`;

/** Those of the day (UTC) and later ones, or all (undefined): their entries are exported again. */
export async function forgetDeadLetters(tx: Tx, id: string, day: string | undefined): Promise<void> {
  await tx.query({ name: 'forget-dead-letters', text: DELETE_FROM, values: [id, day ?? null] });
}

const REPLAYS = `
  select replay
    from export_dead_letters
   where export_id = $1
     and replay is not null
   order by letter_id
   limit 1`;

/** The key of a batch that is to be stored again; undefined: there is none. */
export async function nextReplay(db: Db, id: string): Promise<string | undefined> {
  const { rows } = await db.query<[string]>({ name: 'next-replay', text: REPLAYS, values: [id] });
  return rows[0]?.[0];
}

const OF_REPLAY = `
  select letter_id, feed_id
    from export_dead_letters
   where export_id = $1
     and replay = $2
   order by recorded_at, feed_id, position`;

/** What the batch is made of, in the order of the log. */
export async function lettersOf(
  db: Db,
  id: string,
  replay: string,
): Promise<readonly { readonly id: bigint; readonly feed: FeedId }[]> {
  const { rows } = await db.query<[bigint, FeedId]>({
    name: 'letters-of-replay',
    text: OF_REPLAY,
    values: [id, replay],
  });
  return rows.map(([letter, feed]) => ({ id: letter, feed }));
}

const TEXTS = `
  select feed_id, position, kind, atom_id, schema_version, recorded_at, xml
    from unnest($2::bigint[]) as w (letter_id)
   cross join lateral (
      select feed_id, position, kind, atom_id, schema_version, recorded_at, xml
        from export_dead_letters
       where export_id = $1
         and letter_id = w.letter_id
       limit 1) l
   order by recorded_at, feed_id, position`;

type TextRow = [
  ...[feed: FeedId, position: Position, kind: string, atomId: string, version: number | null],
  ...[recordedAt: Instant, xml: string],
];

/** These, as entries again. */
export async function readLetters(db: Db, id: string, letters: readonly bigint[]): Promise<ExportedEntry[]> {
  const values = [id, letters.map(String)];
  const { rows } = await db.query<TextRow>({ name: 'read-letters', text: TEXTS, values });
  return rows.map(([feed, position, kind, atomId, version, recordedAt, xml]) => ({
    feed,
    position,
    kind: kind as EntryKind,
    atomId,
    xml,
    recordedAt,
    schemaVersion: version ?? undefined,
  }));
}

const END_REPLAY = 'delete from export_dead_letters where export_id = $1 and replay = $2';

/** They were stored; those that were refused again are to be inserted anew before. */
export async function endReplay(tx: Tx, id: string, replay: string): Promise<void> {
  await tx.query({ name: 'end-replay', text: END_REPLAY, values: [id, replay] });
}
