import pg from 'pg';
import type { Instant } from '../core/entry.js';
import { BEGIN } from './warehouse.js';
import type { WarehouseConnection } from './warehouse.js';

/** The table that is filled, and the one beside it that tells which batches it has. Both are quoted. */
export interface WarehouseTable {
  readonly events: string;
  readonly batches: string;
}

/** A column as it is made where there is no table. */
export interface WarehouseColumn {
  readonly name: string;
  readonly type: 'text' | 'text[]' | 'bigint' | 'integer' | 'double precision' | 'boolean' | 'timestamptz' | 'json';
  readonly isNullable: boolean;
}

/** A column as the table has it. */
export interface FoundColumn {
  readonly name: string;
  readonly isArray: boolean;
}

/** A batch that was stored. */
export interface WarehouseBatch {
  readonly key: string;
  /** That were stored: those that were refused are not counted. */
  readonly rows: number;
  readonly refused: readonly RefusedRow[];
  readonly until: Instant | undefined;
  readonly lost: readonly object[];
}

export interface RefusedRow {
  readonly workspace: string;
  readonly feed: string;
  readonly position: string;
  readonly recorded_at: Instant;
  readonly reason: string;
}

/**
 * Tells a row from all others. Not without the time: where the log was put back to an older state, or a feed was made anew under its old name,
 * positions are given a second time.
 */
export const KEY_COLUMNS = ['workspace', 'feed', 'position', 'recorded_at'] as const;

/** As PostgreSQL is built (NAMEDATALEN - 1): it cuts off what is longer. */
const NAME_OCTETS = 63;
const SUFFIX = '_batches';

/** @param name `events` or `schema.events`, as Postgres has them: case counts */
export function warehouseTable(name: string): WarehouseTable {
  const parts = name.split('.');
  const longest = NAME_OCTETS - SUFFIX.length;
  if (parts.length > 2 || parts.includes('') || parts.some((part) => Buffer.byteLength(part) > longest)) {
    throw new Error(
      `the table "${name}" is not to be had: expected table or schema.table, each of at most ${longest} octets`,
    );
  }
  const quoted = (suffix: string): string =>
    parts.map((part, n) => pg.escapeIdentifier(n === parts.length - 1 ? part + suffix : part)).join('.');
  return { events: quoted(''), batches: quoted(SUFFIX) };
}

/** Makes the tables where they are not there. Rejects where the table lacks a column, saying which. */
export async function prepareTable(
  connection: WarehouseConnection,
  table: WarehouseTable,
  columns: readonly WarehouseColumn[],
): Promise<FoundColumn[]> {
  await connection.query(BEGIN);
  const found = await findColumns(connection, table.events);
  const made = found.length > 0 ? found : await makeTable(connection, table.events, columns);
  if ((await findColumns(connection, table.batches)).length === 0) await makeBatches(connection, table.batches);
  await connection.query('commit');
  const lacking = columns.filter(({ name }) => !made.some((one) => one.name === name));
  if (lacking.length > 0) {
    const additions = lacking.map(({ name, type }) => `add column ${pg.escapeIdentifier(name)} ${type}`);
    throw new Error(
      `the table ${table.events} has no column ${lacking.map(({ name }) => `"${name}"`).join(', ')}, which the export gives: ` +
        `alter table ${table.events} ${additions.join(', ')}, or leave it out of the export's columns`,
    );
  }
  return columns.flatMap(({ name }) => made.filter((one) => one.name === name));
}

/** Those that can be written to; none: there is no such table. */
const FIND_COLUMNS = `
  select a.attname::text as "name",
         t.typcategory = 'A' as "isArray"
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_type t on t.oid = a.atttypid
   where a.attrelid = pg_catalog.to_regclass($1)
     and a.attnum > 0
     and not a.attisdropped
     and a.attgenerated = ''`;
async function findColumns(connection: WarehouseConnection, table: string): Promise<FoundColumn[]> {
  const { rows } = await connection.query<FoundColumn>(FIND_COLUMNS, [table]);
  return rows;
}

async function makeTable(
  connection: WarehouseConnection,
  table: string,
  columns: readonly WarehouseColumn[],
): Promise<FoundColumn[]> {
  const made = columns.map(({ name, type, isNullable }) => {
    return `${pg.escapeIdentifier(name)} ${type}${isNullable ? '' : ' not null'}`;
  });
  await connection.query(
    `create table if not exists ${table} (${made.join(', ')}, primary key (${KEY_COLUMNS.join(', ')}))`,
  );
  return findColumns(connection, table);
}

async function makeBatches(connection: WarehouseConnection, table: string): Promise<void> {
  await connection.query(`
    create table if not exists ${table} (
      key text primary key,
      rows bigint not null,
      -- [{"workspace", "feed", "position", "recorded_at", "reason"}, …]
      refused json not null,
      -- what was gone before it could be exported: [{"workspace", "feed", "entries", "atMost"}, …]
      lost json not null,
      -- everything recorded until then, of the feeds of the export, is there
      until timestamptz,
      stored_at timestamptz not null default now()
    )`);
}

/** What became of the batch; undefined: it was not stored yet, or not wholly. */
export async function findBatch(
  connection: WarehouseConnection,
  table: WarehouseTable,
  key: string,
): Promise<Pick<WarehouseBatch, 'rows' | 'refused'> | undefined> {
  const { rows } = await connection.query<{ rows: string; refused: RefusedRow[] }>(
    `select rows, refused from ${table.batches} where key = $1`,
    [key],
  );
  const [found] = rows;
  return found === undefined ? undefined : { rows: Number(found.rows), refused: found.refused };
}

/** In the transaction that is open. Another may have stored the same meanwhile: then it is there already. */
export async function recordBatch(
  connection: WarehouseConnection,
  table: WarehouseTable,
  { key, rows, refused, lost, until }: WarehouseBatch,
): Promise<void> {
  await connection.query(
    `insert into ${table.batches} (key, rows, refused, lost, until)
     values ($1, $2, $3, $4, $5)
         on conflict (key) do nothing`,
    [key, rows, JSON.stringify(refused), JSON.stringify(lost), until],
  );
}
