import { applyFeedsFile } from './apply-feeds-file.js';
import type { FeedsFileDeps } from './apply-feeds-file.js';
import { addServerSetting } from '../store/server-settings.js';
import { inTransaction } from '../store/transaction.js';

/** The first start of a Millrace: a feed to try it with, that anyone may read. Who deletes it does not get it back. */
export async function makeDemo(deps: FeedsFileDeps): Promise<void> {
  const first = await inTransaction(deps.pool, (tx) => addServerSetting(tx, 'demo-made', true));
  if (!first) return;
  const feeds = [{ name: 'events', settings: { title: 'Demo events', public: true } }];
  await applyFeedsFile(deps, { workspaces: [{ name: 'demo', feeds }] });
}
