import type { Grant } from '../core/access.js';
import type { Instant } from '../core/entry.js';
import type { User } from '../core/user.js';
import type { Db, Tx } from './db.js';

export interface KeptUser extends User {
  /** A PHC string (core/password.ts). */
  readonly password: string;
}

type Row = [string, string, Grant[], Instant, string];

const COLUMNS = 'name, password, grants, created_at, created_by';

const FIND = `select ${COLUMNS} from users where name = $1`;

export async function findUser(db: Db, name: string): Promise<KeptUser | undefined> {
  const { rows } = await db.query<Row>({ name: 'find-user', text: FIND, values: [name] });
  return rows[0] === undefined ? undefined : toUser(rows[0]);
}

const LOCK = `${FIND} for update`;

export async function lockUser(tx: Tx, name: string): Promise<KeptUser | undefined> {
  const { rows } = await tx.query<Row>({ name: 'lock-user', text: LOCK, values: [name] });
  return rows[0] === undefined ? undefined : toUser(rows[0]);
}

const KEEP = 'select 1 from users where name = $1 for key share';

/** Keeps the user from being deleted until the transaction ends; false when there is none of this name. */
export async function keepUser(tx: Tx, name: string): Promise<boolean> {
  const { rows } = await tx.query({ name: 'keep-user', text: KEEP, values: [name] });
  return rows.length > 0;
}

const LIST = `select ${COLUMNS} from users order by name`;

export async function listUsers(db: Db): Promise<KeptUser[]> {
  const { rows } = await db.query<Row>({ name: 'list-users', text: LIST });
  return rows.map(toUser);
}

const INSERT = `
  insert into users (name, password, grants, created_by)
  values ($1, $2, $3, $4)
  on conflict (name) do nothing
  returning ${COLUMNS}`;

/** Undefined: somebody else has made it meanwhile. */
export async function insertUser(
  tx: Tx,
  { name, password, grants, createdBy }: Pick<KeptUser, 'name' | 'password' | 'grants' | 'createdBy'>,
): Promise<KeptUser | undefined> {
  const values = [name, password, JSON.stringify(grants), createdBy];
  const { rows } = await tx.query<Row>({ name: 'insert-user', text: INSERT, values });
  return rows[0] === undefined ? undefined : toUser(rows[0]);
}

const CHANGE = 'update users set password = $2, grants = $3 where name = $1';

export async function changeUser(
  tx: Tx,
  { name, password, grants }: Pick<KeptUser, 'name' | 'password' | 'grants'>,
): Promise<void> {
  await tx.query({ name: 'change-user', text: CHANGE, values: [name, password, JSON.stringify(grants)] });
}

export async function deleteUser(tx: Tx, name: string): Promise<void> {
  await tx.query({ name: 'delete-user', text: 'delete from users where name = $1', values: [name] });
}

function toUser([name, password, grants, createdAt, createdBy]: Row): KeptUser {
  return { name, password, grants, createdAt, createdBy };
}
