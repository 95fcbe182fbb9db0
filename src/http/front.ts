import type { Request, Response } from 'express';
import { FEED_ROUTE } from './routes/feeds.js';
import type { FromMemory } from './routes/feeds.js';
import type { Services } from './services.js';

/** Names of workspaces and feeds stand in a URL as they are. */
const FEED_URL = /^\/feeds\/([A-Za-z0-9._~-]+)\/([A-Za-z0-9._~-]+)(?:\?|$)/;

/**
 * Most requests are polls of public feeds which this node can answer from memory. They are answered here, by the same
 * code as behind Express' router, which would take as long to find it as it takes to run (docs/performance.md). Returns
 * false for everything else, and for whatever is wrong: then nothing has been answered, and Express goes on.
 */
export function front(services: Services, fromMemory: FromMemory) {
  return (req: Request, res: Response, failed: (error: unknown) => void): boolean => {
    const { authorization, origin } = req.headers;
    if (req.method !== 'GET' || authorization !== undefined || origin !== undefined) return false;
    const [, workspace, feed] = FEED_URL.exec(req.url) ?? [];
    if (workspace === undefined || feed === undefined) return false;
    const known = services.memory.peek(workspace, feed);
    if (known?.feed.settings.public !== true) return false;
    req.principal = 'anonymous';
    req.known = known;
    try {
      const answered = fromMemory(req, res);
      if (answered === false) return false;
      (req as { route?: unknown }).route = { path: FEED_ROUTE };
      if (answered instanceof Promise) answered.catch(failed);
      return true;
    } catch {
      return false;
    }
  };
}
