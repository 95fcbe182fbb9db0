import { SERVER } from '../core/access.js';
import { AUDIT_FEED } from '../core/audit.js';
import { addServerSetting } from '../store/server-settings.js';
import { administer } from './administer.js';
import { applyFeedsFileIn } from './apply-feeds-file.js';
import type { ChangeDeps } from './change-feed.js';

/** So long what was done is told of unless somebody sets it otherwise. */
const KEEP_DAYS = 365;

/** The first start: the feed that tells who did what. Nobody can delete it, and only the server publishes to it. */
export async function makeAuditFeed(deps: ChangeDeps): Promise<void> {
  const feed = { name: AUDIT_FEED.name, settings: { title: 'Audit: what was done and refused', keepDays: KEEP_DAYS } };
  const workspace = { name: AUDIT_FEED.workspace, title: 'The server itself', feeds: [feed] };
  await administer(deps, SERVER, async (tx, tell) => {
    if (await addServerSetting(tx, 'audit-feed-made', true))
      await applyFeedsFileIn(tx, tell, { workspaces: [workspace] });
  });
  deps.memory.changed();
}
