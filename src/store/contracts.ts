import { columnTypesOf, isContentColumn } from '../core/content-columns.js';
import type { ColumnTypesOfVersions } from '../core/content-columns.js';
import type { ColumnTypes, Contract, ContractVersion, SchemaVersion } from '../core/contract.js';
import type { Instant } from '../core/entry.js';
import { FeedsError } from '../core/errors.js';
import type { Feed } from '../core/feed.js';
import type { Db, Tx } from './db.js';

// The feed's row is locked by whoever adds a version, so that no two get the same number.
const INSERT_CONTRACT = `
  insert into contracts (feed_id, version, feed_atom_id, kind, contract, has_private, columns)
  select $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5, $6
    from contracts
   where feed_id = $1
  returning contract_id, version, retired_at is not null, created_at`;

/** Adds the next version of a feed's contract. The feed must be locked. */
export async function insertContract(
  tx: Tx,
  feed: Pick<Feed, 'id' | 'atomId'>,
  contract: Contract,
): Promise<ContractVersion> {
  const hasPrivate = contract.private.length > 0;
  const { rows } = await tx.query<[number, SchemaVersion, boolean, Instant]>({
    name: 'insert-contract',
    text: INSERT_CONTRACT,
    values: [feed.id, feed.atomId, contract.kind, textOf(contract), hasPrivate, typesOf(contract)],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('a contract was inserted and did not come back');
  const [id, version, retired, createdAt] = row;
  return { id, version, kind: contract.kind, retired, createdAt, hasPrivate };
}

function typesOf({ columns = {} }: Contract): ColumnTypes | null {
  const types = Object.entries(columns).map(([name, { type }]) => [name, type] as const);
  return types.length === 0 ? null : Object.fromEntries(types);
}

const READ_COLUMN_TYPES =
  'select contract_id, columns from contracts where contract_id = any($1) and columns is not null';

/** The types of their columns, of those that have some, by the id of the version. */
export async function readColumnTypes(
  db: Db,
  versions: readonly Pick<ContractVersion, 'id'>[],
): Promise<ColumnTypesOfVersions> {
  if (versions.length === 0) return new Map();
  const { rows } = await db.query<[number, ColumnTypes]>({
    name: 'read-column-types',
    text: READ_COLUMN_TYPES,
    values: [versions.map(({ id }) => id)],
  });
  return new Map(rows);
}

/** The types of those of an export's columns that are of the content. Rejects with `bad-parameter` as `columnTypesOf` throws. */
export async function findColumnTypes(
  db: Db,
  columns: readonly string[],
  feeds: readonly Feed[],
): Promise<ColumnTypes> {
  if (!columns.some(isContentColumn)) return {};
  const typesOf = await readColumnTypes(
    db,
    feeds.flatMap(({ contracts }) => contracts),
  );
  return columnTypesOf(columns, feeds, typesOf);
}

/** What it takes in the store. */
export function octetsOf(contract: Contract): number {
  return Buffer.byteLength(textOf(contract));
}

function textOf(contract: Contract): string {
  return JSON.stringify(contract);
}

const RETIRE = `
  update contracts
     set retired_at = case when $2::boolean then coalesce(retired_at, now()) end
   where contract_id = $1`;

/** Entries can no longer name a version that is retired. */
export async function setRetired(tx: Tx, contractId: number, retired: boolean): Promise<void> {
  await tx.query({ name: 'retire-contract', text: RETIRE, values: [contractId, retired] });
}

// What is gone for good never comes back, so that nothing needs to be locked.
const OF_THE_GONE = `
   where f.feed_id = c.feed_id
     and (c.feed_atom_id <> f.atom_id or (f.deleted_at is not null and f.restorable_until is null))`;

// The next version is counted from the last, so that one stays of each feed: of any life, whatever was added meanwhile.
const DELETE_OF_THE_GONE = `
  delete from contracts c
   using feeds f${OF_THE_GONE}
     and exists (select from contracts n where n.feed_id = c.feed_id and n.version > c.version)`;

const EMPTY_OF_THE_GONE = `
  update contracts c
     set contract = ''
    from feeds f${OF_THE_GONE}
     and octet_length(c.contract) > 0`;

/** Deletes those of feeds that cannot be brought back. Their versions are not given to others. */
export async function deleteContractsOfTheGone(tx: Tx): Promise<void> {
  await tx.query({ name: 'delete-contracts', text: DELETE_OF_THE_GONE });
  await tx.query({ name: 'empty-contracts', text: EMPTY_OF_THE_GONE });
}

const READ_CONTRACT = 'select contract from contracts where contract_id = $1';

/** A version never changes, and is deleted only some time after its feed; undefined: it was. */
export async function findContract(db: Db, contractId: number): Promise<Contract | undefined> {
  const { rows } = await db.query<[string]>({ name: 'read-contract', text: READ_CONTRACT, values: [contractId] });
  const [row] = rows;
  return row === undefined || row[0] === '' ? undefined : (JSON.parse(row[0]) as Contract);
}

/** The same; rejects with `not-found` where it was deleted, as far as whoever asks knew just now with a feed that is there. */
export async function readContract(db: Db, contractId: number): Promise<Contract> {
  const found = await findContract(db, contractId);
  if (found === undefined) throw new FeedsError('not-found', 'the feed was deleted for good, and its contract with it');
  return found;
}
