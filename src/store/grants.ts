import type { Grant } from '../core/access.js';
import type { Instant } from '../core/entry.js';
import type { PrincipalGrants } from '../core/principal-grants.js';
import type { Db, Tx } from './db.js';

/** Without their workspace, which stands beside them. */
type StoredGrant = Omit<Grant, 'workspace'>;
type Row = [string, string, readonly StoredGrant[], Instant, string];

const COLUMNS = 'workspace, principal, grants, granted_at, granted_by';

const OF_PRINCIPAL = 'select workspace, grants from grants where principal = $1 order by workspace';

/** In all workspaces. */
export async function grantsOfPrincipal(db: Db, principal: string): Promise<readonly Grant[]> {
  const { rows } = await db.query<[string, readonly StoredGrant[]]>({
    name: 'grants-of-principal',
    text: OF_PRINCIPAL,
    values: [principal],
  });
  return rows.flatMap(([workspace, grants]) => within(workspace, grants));
}

const WORKSPACES = 'select workspace from grants where principal = $1 order by workspace';

/** In which something is granted to the principal. */
export async function workspacesOfPrincipal(db: Db, principal: string): Promise<string[]> {
  const { rows } = await db.query<[string]>({
    name: 'workspaces-of-principal',
    text: WORKSPACES,
    values: [principal],
  });
  return rows.map(([workspace]) => workspace);
}

const LIST = `select ${COLUMNS} from grants where workspace = $1 order by principal`;

/** By the name of the principal. */
export async function listGrants(db: Db, workspace: string): Promise<PrincipalGrants[]> {
  const { rows } = await db.query<Row>({ name: 'list-grants', text: LIST, values: [workspace] });
  return rows.map(toGrants);
}

const FIND = `select ${COLUMNS} from grants where workspace = $1 and principal = $2`;

export async function findGrants(db: Db, workspace: string, principal: string): Promise<PrincipalGrants | undefined> {
  const { rows } = await db.query<Row>({ name: 'find-grants', text: FIND, values: [workspace, principal] });
  return rows[0] === undefined ? undefined : toGrants(rows[0]);
}

const COUNT = 'select count(*) from grants where workspace = $1';

/** How many principals are granted something in the workspace. */
export async function countGrants(tx: Tx, workspace: string): Promise<number> {
  const { rows } = await tx.query<[bigint]>({ name: 'count-grants', text: COUNT, values: [workspace] });
  return Number(rows[0]?.[0] ?? 0n);
}

const PUT = `
  insert into grants (workspace, principal, grants, granted_by)
  values ($1, $2, $3, $4)
  on conflict (workspace, principal)
  do update set grants = excluded.grants, granted_by = excluded.granted_by, granted_at = now()
  returning ${COLUMNS}`;

export async function putGrants(
  tx: Tx,
  { workspace, principal, grants, grantedBy }: Omit<PrincipalGrants, 'grantedAt'>,
): Promise<PrincipalGrants> {
  const stored = grants.map(({ workspace: _workspace, ...grant }): StoredGrant => grant);
  const values = [workspace, principal, JSON.stringify(stored), grantedBy];
  const { rows } = await tx.query<Row>({ name: 'put-grants', text: PUT, values });
  const [row] = rows;
  if (row === undefined) throw new Error('grants were put and did not come back');
  return toGrants(row);
}

const DELETE = 'delete from grants where workspace = $1 and principal = $2 returning 1';

/** False: there were none. */
export async function deleteGrants(tx: Tx, workspace: string, principal: string): Promise<boolean> {
  const { rows } = await tx.query({ name: 'delete-grants', text: DELETE, values: [workspace, principal] });
  return rows.length > 0;
}

const DELETE_OF_WORKSPACE = 'delete from grants where workspace = $1';

export async function deleteGrantsOfWorkspace(tx: Tx, workspace: string): Promise<void> {
  await tx.query({ name: 'delete-grants-of-workspace', text: DELETE_OF_WORKSPACE, values: [workspace] });
}

function toGrants([workspace, principal, grants, grantedAt, grantedBy]: Row): PrincipalGrants {
  return { workspace, principal, grants: within(workspace, grants), grantedAt, grantedBy };
}

function within(workspace: string, grants: readonly StoredGrant[]): Grant[] {
  return grants.map((grant) => ({ workspace, ...grant }));
}
