import { createHash, randomBytes } from 'node:crypto';
import { SERVER } from '../core/access.js';
import { addServerSetting, findServerSetting } from '../store/server-settings.js';
import { administer } from './administer.js';
import type { AdministerDeps } from './administer.js';

const SETTING = 'admin-token-sha256';

/** The digest that the database keeps of the admin token, and the token itself when it was made just now. */
export interface AdminToken {
  readonly sha256: string;
  readonly made: string | undefined;
}

/** Makes the admin token at the first start. Only its digest is kept: it can be shown now and never again. */
export async function makeAdminToken(deps: AdministerDeps): Promise<AdminToken> {
  const token = `mra_${randomBytes(24).toString('base64url')}`;
  const sha256 = digestOf(token);
  return administer(deps, SERVER, async (tx, tell) => {
    if (await addServerSetting(tx, SETTING, sha256)) {
      tell({ act: 'admin-token.created', target: {} });
      return { sha256, made: token };
    }
    const kept = await findServerSetting(tx, SETTING);
    if (typeof kept !== 'string') throw new Error('the admin token in the database is none');
    return { sha256: kept, made: undefined };
  });
}

export function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
