import type { Contract, ContractVersion, SchemaVersion } from '../core/contract.js';
import type { Instant } from '../core/entry.js';
import type { Feed } from '../core/feed.js';
import type { Db, Tx } from './db.js';

// The feed's row is locked by whoever adds a version, so that no two get the same number.
const INSERT_CONTRACT = `
  insert into contracts (feed_id, version, feed_atom_id, kind, contract, has_private)
  select $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5
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
    values: [feed.id, feed.atomId, contract.kind, JSON.stringify(contract), hasPrivate],
  });
  const [row] = rows;
  if (row === undefined) throw new Error('a contract was inserted and did not come back');
  const [id, version, retired, createdAt] = row;
  return { id, version, kind: contract.kind, retired, createdAt, hasPrivate };
}

const RETIRE = `
  update contracts
     set retired_at = case when $2::boolean then coalesce(retired_at, now()) end
   where contract_id = $1`;

/** Entries can no longer name a version that is retired. */
export async function setRetired(tx: Tx, contractId: number, retired: boolean): Promise<void> {
  await tx.query({ name: 'retire-contract', text: RETIRE, values: [contractId, retired] });
}

const READ_CONTRACT = 'select contract from contracts where contract_id = $1';

/** A version never changes and is never deleted. */
export async function readContract(db: Db, contractId: number): Promise<Contract> {
  const { rows } = await db.query<[string]>({ name: 'read-contract', text: READ_CONTRACT, values: [contractId] });
  const [row] = rows;
  if (row === undefined) throw new Error(`contract ${String(contractId)} is not there`);
  return JSON.parse(row[0]) as Contract;
}
