import { DEFAULT_COMPATIBILITY } from '../core/contract.js';
import { DEFAULT_LIMITS } from '../core/feed.js';
import type { ContractKind, ContractVersion, SchemaVersion } from '../core/contract.js';
import type { ChosenSettings, Feed, FeedId, FeedSettings, Workspace } from '../core/feed.js';
import type { Instant, Position } from '../core/entry.js';
import type { Quotas } from '../core/quota.js';
import type { Db, Tx } from './db.js';

/** A feed together with the state of its log, read in one statement. */
export interface FeedWithHead {
  readonly feed: Feed;
  readonly head: Position;
  readonly firstKept: Position;
  /** The uuid of the log's epoch. */
  readonly epoch: string;
}

export type FeedRow = [
  FeedId,
  number,
  string,
  string,
  string,
  ChosenSettings,
  number,
  number,
  Instant,
  readonly ContractRow[] | null,
  Quotas | null,
];
type ContractRow = [number, SchemaVersion, ContractKind, boolean, Instant, boolean];

export const FEED_COLUMN_COUNT = 11;
export const FEED_COLUMNS = `f.feed_id, f.partition_id, f.workspace, f.name, f.atom_id, f.settings, f.settings_version,
         h.page_size, f.created_at,
         (select json_agg(json_build_array(contract_id, version, kind, retired_at is not null, created_at, has_private) order by version)
            from contracts
           where feed_id = f.feed_id
             and feed_atom_id = f.atom_id),
         (select nullif(quotas, '{}') from workspaces where name = f.workspace)`;

export function toFeed([
  id,
  partition,
  workspace,
  name,
  atomId,
  settings,
  settingsVersion,
  pageSize,
  createdAt,
  contracts,
  quotas,
]: FeedRow): Feed {
  return {
    id,
    partition,
    workspace,
    name,
    atomId,
    settings: toSettings(settings),
    settingsVersion,
    pageSize,
    createdAt,
    contracts: (contracts ?? []).map(toVersion),
    quotas: quotas ?? undefined,
  };
}

/** Postgres writes times in JSON with the offset of the session, which is UTC. */
function toVersion([contractId, version, kind, retired, createdAt, hasPrivate]: ContractRow): ContractVersion {
  return { id: contractId, version, kind, retired, createdAt: createdAt.replace('+00:00', 'Z'), hasPrivate };
}

/** Stored are only the settings that somebody chose: a default may change with the server's version. */
function toSettings(chosen: ChosenSettings): FeedSettings {
  return {
    public: false,
    editable: false,
    inlineJson: false,
    compatibility: DEFAULT_COMPATIBILITY,
    ...chosen,
    limits: { ...DEFAULT_LIMITS, ...chosen.limits },
  };
}

const FIND_FEED = `
  select ${FEED_COLUMNS}, h.first_kept, c.epoch, coalesce(t.last_position, 0)
    from feeds f
    join heads h on h.partition_id = f.partition_id and h.feed_id = f.feed_id
    join clocks c on c.partition_id = f.partition_id
    left join lateral (
      select last_position
        from ticks
       where partition_id = f.partition_id
         and feed_id = f.feed_id
       order by last_position desc
       limit 1) t on true
   where f.workspace = $1
     and f.name = $2
     and f.deleted_at is null`;

export async function findFeed(db: Db, workspace: string, name: string): Promise<FeedWithHead | undefined> {
  const { rows } = await db.query<[...FeedRow, Position, string, Position]>({
    name: 'find-feed',
    text: FIND_FEED,
    values: [workspace, name],
  });
  const [row] = rows;
  if (row === undefined) return undefined;
  const [firstKept, epoch, head] = row.slice(FEED_COLUMN_COUNT) as [Position, string, Position];
  return {
    feed: toFeed(row.slice(0, FEED_COLUMN_COUNT) as FeedRow),
    head,
    firstKept,
    epoch,
  };
}

const LIST_FEEDS = `
  select ${FEED_COLUMNS}
    from feeds f
    join heads h on h.partition_id = f.partition_id and h.feed_id = f.feed_id
   where f.deleted_at is null
     and ($1::text is null or f.workspace = $1)
   order by f.workspace, f.name`;

/** All feeds, or those of one workspace, by name. */
export async function listFeeds(db: Db, workspace?: string): Promise<Feed[]> {
  const { rows } = await db.query<FeedRow>({ name: 'list-feeds', text: LIST_FEEDS, values: [workspace ?? null] });
  return rows.map(toFeed);
}

const LIST_WORKSPACES = `
  select name, title, nullif(quotas, '{}')
    from workspaces
   where $1::text is null or name = $1
   order by name`;

/** All workspaces, or the one of this name. */
export async function listWorkspaces(db: Db, name?: string): Promise<Workspace[]> {
  const { rows } = await db.query<[string, string | null, Quotas | null]>({
    name: 'list-workspaces',
    text: LIST_WORKSPACES,
    values: [name ?? null],
  });
  return rows.map(([workspace, title, quotas]) => ({
    name: workspace,
    ...(title === null ? {} : { title }),
    ...(quotas === null ? {} : { quotas }),
  }));
}

const PUT_WORKSPACE = `
  insert into workspaces (name, title, quotas)
  values ($1, $2, coalesce($3::jsonb, '{}'))
  on conflict (name) do update set title = excluded.title, quotas = coalesce($3, workspaces.quotas)
  returning xmax = 0`;

/** Without `quotas` it keeps those that it has. Resolves with whether it is new. */
export async function putWorkspace(tx: Tx, workspace: Workspace): Promise<boolean> {
  const { rows } = await tx.query<[boolean]>({
    name: 'put-workspace',
    text: PUT_WORKSPACE,
    values: [
      workspace.name,
      workspace.title ?? null,
      workspace.quotas === undefined ? null : JSON.stringify(workspace.quotas),
    ],
  });
  return rows[0]?.[0] === true;
}

export async function deleteWorkspace(tx: Tx, name: string): Promise<boolean> {
  const { rows } = await tx.query({
    name: 'delete-workspace',
    text: 'delete from workspaces where name = $1 returning 1',
    values: [name],
  });
  return rows.length > 0;
}

/** A feed by its name, deleted ones too. It stays so while its workspace is locked. */
export interface FeedRecord {
  readonly feed: Feed;
  readonly chosen: ChosenSettings;
  readonly deleted: boolean;
  /** Of a deleted feed that can still be brought back. */
  readonly restorableUntil: Instant | undefined;
}

const LOCK_WORKSPACE = 'select quotas from workspaces where name = $1 for no key update';

/** Holds off others who create or delete feeds in this workspace. Resolves with its quotas; undefined: there is no such. */
export async function lockWorkspace(tx: Tx, name: string): Promise<Quotas | undefined> {
  const { rows } = await tx.query<[Quotas]>({ name: 'lock-workspace', text: LOCK_WORKSPACE, values: [name] });
  return rows[0]?.[0];
}

const COUNT_FEEDS = `
  select count(*)::int
    from feeds
   where workspace = $1
     and (deleted_at is null or restorable_until > clock_timestamp())`;

/** The feeds of a workspace, with those that can be restored. */
export async function countFeeds(db: Db, workspace: string): Promise<number> {
  const { rows } = await db.query<[number]>({ name: 'count-feeds', text: COUNT_FEEDS, values: [workspace] });
  return rows[0]?.[0] ?? 0;
}

const FIND_RECORD = `
  select ${FEED_COLUMNS}, f.deleted_at is not null,
         case when f.restorable_until > clock_timestamp() then f.restorable_until end
    from feeds f
    join heads h on h.partition_id = f.partition_id and h.feed_id = f.feed_id
   where f.workspace = $1
     and f.name = $2`;

export async function findFeedRecord(db: Db, workspace: string, name: string): Promise<FeedRecord | undefined> {
  const { rows } = await db.query<[...FeedRow, boolean, Instant | null]>({
    name: 'find-feed-record',
    text: FIND_RECORD,
    values: [workspace, name],
  });
  const [row] = rows;
  if (row === undefined) return undefined;
  const [, , , , , chosen] = row;
  const [deleted, restorableUntil] = row.slice(FEED_COLUMN_COUNT) as [boolean, Instant | null];
  return {
    feed: toFeed(row.slice(0, FEED_COLUMN_COUNT) as FeedRow),
    chosen,
    deleted,
    restorableUntil: restorableUntil ?? undefined,
  };
}

const INSERT_FEED = `
  with feed as (
    insert into feeds (partition_id, workspace, name, atom_id, settings)
    values ($1, $2, $3, $4, $5)
    returning partition_id, feed_id)
  insert into heads (partition_id, feed_id, page_size)
  select partition_id, feed_id, $6
    from feed`;

export async function insertFeed(
  tx: Tx,
  feed: {
    partition: number;
    workspace: string;
    name: string;
    atomId: string;
    chosen: ChosenSettings;
    pageSize: number;
  },
): Promise<void> {
  await tx.query({
    name: 'insert-feed',
    text: INSERT_FEED,
    values: [feed.partition, feed.workspace, feed.name, feed.atomId, JSON.stringify(feed.chosen), feed.pageSize],
  });
}

const CHANGE_SETTINGS = `
  update feeds
     set settings = $2, settings_version = settings_version + 1
   where feed_id = $1`;

export async function changeSettings(tx: Tx, feedId: FeedId, chosen: ChosenSettings): Promise<void> {
  await tx.query({ name: 'change-settings', text: CHANGE_SETTINGS, values: [feedId, JSON.stringify(chosen)] });
}

const SETTINGS_CHANGED = 'update feeds set settings_version = settings_version + 1 where feed_id = $1';

/** Something that the feed's documents tell has changed: what they were rendered to is no longer true. */
export async function settingsChanged(tx: Tx, feedId: FeedId): Promise<void> {
  await tx.query({ name: 'settings-changed', text: SETTINGS_CHANGED, values: [feedId] });
}

const MOVE_FLOOR = `
  update heads
     set first_kept = greatest(first_kept, $3)
   where partition_id = $1
     and feed_id = $2`;

/** Entries below `firstKept` are no longer shown from the commit on. Takes the feed's lock. */
export async function moveFloor(tx: Tx, feed: Pick<Feed, 'id' | 'partition'>, firstKept: Position): Promise<void> {
  await tx.query({ name: 'move-floor', text: MOVE_FLOOR, values: [feed.partition, feed.id, firstKept] });
}

const LOCK_HEAD = `
  select 1
    from heads
   where partition_id = $1
     and feed_id = $2
     for no key update`;

const HEAD = `
  select coalesce(max(last_position), 0)
    from ticks
   where partition_id = $1
     and feed_id = $2`;

/** The feed's last position, with its lock held, so that it stays so until the transaction ends. */
export async function lockHead(tx: Tx, feed: Pick<Feed, 'id' | 'partition'>): Promise<Position> {
  await tx.query({ name: 'lock-head', text: LOCK_HEAD, values: [feed.partition, feed.id] });
  const { rows } = await tx.query<[Position]>({ name: 'head', text: HEAD, values: [feed.partition, feed.id] });
  return rows[0]?.[0] ?? 0n;
}
