import { SERVER } from '../core/access.js';
import { AUDIT_FEED } from '../core/audit.js';
import { addServerSetting } from '../store/server-settings.js';
import { administer } from './administer.js';
import { putFeedIn } from './change-feed.js';
import type { ChangeDeps } from './change-feed.js';
import { putWorkspaceIn } from './change-workspace.js';

/** So long what was done is told of unless somebody sets it otherwise. */
const KEEP_DAYS = 365;

/** The first start: the feed that tells who did what. Nobody can delete it, and only the server publishes to it. */
export async function makeAuditFeed(deps: ChangeDeps): Promise<void> {
  const settings = { title: 'Audit: what was done and refused', keepDays: KEEP_DAYS };
  await administer(deps, SERVER, async (tx, tell) => {
    if (!(await addServerSetting(tx, 'audit-feed-made', true))) return;
    await putWorkspaceIn(tx, tell, { name: AUDIT_FEED.workspace, title: 'The server itself' });
    await putFeedIn(tx, tell, AUDIT_FEED, settings);
  });
  deps.memory.changed();
}
