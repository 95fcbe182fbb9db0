import type { Contract, ContractKind, ContractVersion, SchemaVersion } from '../core/contract.js';
import type { Instant } from '../core/entry.js';
import type { Feed } from '../core/feed.js';
import type { Db, Tx } from './db.js';

type VersionRow = [number, SchemaVersion, ContractKind, boolean, Instant];

const VERSION_COLUMNS = 'contract_id, version, kind, retired_at is not null, created_at';

function toVersion([id, version, kind, retired, createdAt]: VersionRow): ContractVersion {
  return { id, version, kind, retired, createdAt };
}

// The feed's row is locked by whoever adds a version, so that no two get the same number.
const INSERT_CONTRACT = `
  insert into contracts (feed_id, version, feed_atom_id, kind, contract)
  select $1, coalesce(max(version), 0) + 1, $2, $3, $4
    from contracts
   where feed_id = $1
  returning ${VERSION_COLUMNS}`;

/** Adds the next version of a feed's contract. The feed must be locked. */
export async function insertContract(
  tx: Tx,
  feed: Pick<Feed, 'id' | 'atomId'>,
  contract: Contract,
): Promise<ContractVersion> {
  const { rows } = await tx.query<VersionRow>({
    name: 'insert-contract',
    text: INSERT_CONTRACT,
    values: [feed.id, feed.atomId, contract.kind, JSON.stringify(contract)],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('a contract was inserted and did not come back');
  return toVersion(row);
}

const RETIRE = `
  update contracts
     set retired_at = case when $2::boolean then coalesce(retired_at, now()) end
   where contract_id = $1
  returning ${VERSION_COLUMNS}`;

export async function setRetired(tx: Tx, contractId: number, retired: boolean): Promise<ContractVersion> {
  const { rows } = await tx.query<VersionRow>({ name: 'retire-contract', text: RETIRE, values: [contractId, retired] });
  const [row] = rows;
  if (row === undefined) throw new Error(`contract ${String(contractId)} is not there`);
  return toVersion(row);
}

const READ_CONTRACT = 'select contract from contracts where contract_id = $1';

/** A version never changes and is never deleted. */
export async function readContract(db: Db, contractId: number): Promise<Contract> {
  const { rows } = await db.query<[string]>({ name: 'read-contract', text: READ_CONTRACT, values: [contractId] });
  const [row] = rows;
  if (row === undefined) throw new Error(`contract ${String(contractId)} is not there`);
  return JSON.parse(row[0]) as Contract;
}

const LIST_CONTRACTS = `
  select ${VERSION_COLUMNS}, contract
    from contracts
   where feed_id = $1
     and feed_atom_id = $2
   order by version`;

/** All versions of a feed's contract, ascending. */
export async function listContracts(
  db: Db,
  feed: Pick<Feed, 'id' | 'atomId'>,
): Promise<{ version: ContractVersion; contract: Contract }[]> {
  const { rows } = await db.query<[...VersionRow, string]>({
    name: 'list-contracts',
    text: LIST_CONTRACTS,
    values: [feed.id, feed.atomId],
  });
  return rows.map(([id, version, kind, retired, createdAt, contract]) => ({
    version: toVersion([id, version, kind, retired, createdAt]),
    contract: JSON.parse(contract) as Contract,
  }));
}
