import type { Grant } from '../core/access.js';
import type { Instant } from '../core/entry.js';
import type { Token } from '../core/token.js';
import type { Db, Tx } from './db.js';

export interface KeptToken extends Token {
  readonly digest: Buffer;
}

type Row = [string, string, Grant[], Instant, string, Instant | null, Instant | null, Instant | null, Buffer];

const COLUMNS = 'token_id, name, grants, created_at, created_by, expires_at, revoked_at, last_used_at, digest';

const FIND = `select ${COLUMNS} from tokens where token_id = $1`;

export async function findToken(db: Db, id: string): Promise<KeptToken | undefined> {
  const { rows } = await db.query<Row>({ name: 'find-token', text: FIND, values: [id] });
  return rows[0] === undefined ? undefined : toToken(rows[0]);
}

const LIST = `select ${COLUMNS} from tokens order by created_at, token_id`;

/** Those that were revoked too, the oldest first. */
export async function listTokens(db: Db): Promise<KeptToken[]> {
  const { rows } = await db.query<Row>({ name: 'list-tokens', text: LIST });
  return rows.map(toToken);
}

const INSERT = `
  insert into tokens (token_id, name, digest, grants, created_by, expires_at)
  values ($1, $2, $3, $4, $5, $6)
  returning ${COLUMNS}`;

export async function insertToken(
  tx: Tx,
  token: Pick<KeptToken, 'id' | 'name' | 'digest' | 'grants' | 'createdBy' | 'expiresAt'>,
): Promise<Token> {
  const { id, name, digest, grants, createdBy, expiresAt } = token;
  const values = [id, name, digest, JSON.stringify(grants), createdBy, expiresAt ?? null];
  const { rows } = await tx.query<Row>({ name: 'insert-token', text: INSERT, values });
  const [row] = rows;
  if (row === undefined) throw new Error('a token was inserted and did not come back');
  return toToken(row);
}

const COUNT = 'select count(*), count(*) filter (where created_by = $1) from tokens';

/** With those that are revoked or expired. */
export async function countTokens(tx: Tx, maker: string): Promise<{ inAll: number; ofOneMaker: number }> {
  const { rows } = await tx.query<[bigint, bigint]>({ name: 'count-tokens', text: COUNT, values: [maker] });
  const [inAll = 0n, ofOneMaker = 0n] = rows[0] ?? [];
  return { inAll: Number(inAll), ofOneMaker: Number(ofOneMaker) };
}

const DELETE_OLD = 'delete from tokens where coalesce(revoked_at, expires_at) < now() - make_interval(days => $1)';

export async function deleteOldTokens(tx: Tx, days: number): Promise<void> {
  await tx.query({ name: 'delete-old-tokens', text: DELETE_OLD, values: [days] });
}

const REVOKE = 'update tokens set revoked_at = now() where token_id = $1 and revoked_at is null returning 1';

/** False: it was revoked before, or there is none. */
export async function setRevoked(tx: Tx, id: string): Promise<boolean> {
  const { rows } = await tx.query({ name: 'revoke-token', text: REVOKE, values: [id] });
  return rows.length > 0;
}

const USED = `
  update tokens
     set last_used_at = now()
   where token_id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')`;

/** Written once a minute at most, whichever node it is used on. */
export async function noteUse(tx: Tx, id: string): Promise<void> {
  await tx.query({ name: 'note-token-use', text: USED, values: [id] });
}

function toToken([id, name, grants, createdAt, createdBy, expiresAt, revokedAt, lastUsedAt, digest]: Row): KeptToken {
  return {
    id,
    name,
    grants,
    createdAt,
    createdBy,
    expiresAt: expiresAt ?? undefined,
    revokedAt: revokedAt ?? undefined,
    lastUsedAt: lastUsedAt ?? undefined,
    digest,
  };
}
