import type { Db, Tx } from './db.js';

const FIND = 'select value from server_settings where name = $1';

export async function findServerSetting(db: Db, name: string): Promise<unknown> {
  const { rows } = await db.query<[unknown]>({ name: 'find-server-setting', text: FIND, values: [name] });
  return rows[0]?.[0];
}

const ADD = `
  insert into server_settings (name, value)
  values ($1, $2)
  on conflict (name) do nothing
  returning 1`;

/** False: it was there already, and stays as it was. */
export async function addServerSetting(tx: Tx, name: string, value: unknown): Promise<boolean> {
  const { rows } = await tx.query({ name: 'add-server-setting', text: ADD, values: [name, JSON.stringify(value)] });
  return rows.length > 0;
}
