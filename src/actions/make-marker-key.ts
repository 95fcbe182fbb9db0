import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { addServerSetting, findServerSetting } from '../store/server-settings.js';
import { inTransaction } from '../store/transaction.js';

const SETTING = 'marker-key';
const KEY_BYTES = 32;

/** The key that markers are sealed under, made at the first start: all nodes have the same, and markers outlive them. */
export async function makeMarkerKey(pool: Pool): Promise<Buffer> {
  const key = randomBytes(KEY_BYTES).toString('base64url');
  return inTransaction(pool, async (tx) => {
    const kept = (await addServerSetting(tx, SETTING, key)) ? key : await findServerSetting(tx, SETTING);
    if (typeof kept !== 'string') throw new Error('the key of markers in the database is none');
    return Buffer.from(kept, 'base64url');
  });
}
