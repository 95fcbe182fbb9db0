import type { Request } from 'express';
import { FeedsError } from '../core/errors.js';
import { findFeed } from '../store/feeds.js';
import type { FeedWithHead } from '../store/feeds.js';
import type { Services } from './services.js';

/** The feed of the URL as the database has it now. Rejects with `not-found`. */
export async function namedFeed({ db }: Pick<Services, 'db'>, req: Request): Promise<FeedWithHead> {
  const { workspace, feed } = req.params as { workspace: string; feed: string };
  const found = await findFeed(db, workspace, feed);
  if (found !== undefined) return found;
  throw new FeedsError('not-found', `there is no feed ${workspace.slice(0, 140)}/${feed.slice(0, 140)}`);
}
