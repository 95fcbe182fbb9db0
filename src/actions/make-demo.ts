import { SERVER } from '../core/access.js';
import { addServerSetting } from '../store/server-settings.js';
import { administer } from './administer.js';
import { applyFeedsFileIn } from './apply-feeds-file.js';
import type { ChangeDeps } from './change-feed.js';

/** The first start of a Millrace: a feed to try it with, that anyone may read. Who deletes it does not get it back. */
export async function makeDemo(deps: ChangeDeps): Promise<void> {
  const feeds = [{ name: 'events', settings: { title: 'Demo events', public: true } }];
  await administer(deps, SERVER, async (tx, tell) => {
    if (!(await addServerSetting(tx, 'demo-made', true))) return;
    await applyFeedsFileIn(tx, tell, { workspaces: [{ name: 'demo', feeds }] });
  });
  deps.memory.changed();
}
