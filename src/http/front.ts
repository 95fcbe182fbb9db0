import type { Request, Response } from 'express';
import { passesByMemory } from './middleware/may.js';
import { FEED_ROUTE } from './routes/feeds.js';
import type { FromMemory } from './routes/feeds.js';
import type { Services } from './services.js';

/** Names of workspaces and feeds stand in a URL as they are. */
const FEED_URL = /^\/feeds\/([A-Za-z0-9._~-]+)\/([A-Za-z0-9._~-]+)(?:\?|$)/;

/** What the routes do with the two requests that there are most of. */
export interface QuickWays {
  readonly fromMemory: FromMemory;
  readonly publish: (req: Request, res: Response) => Promise<void>;
}

/**
 * Most requests are polls that this node can answer from memory, and publishes. Those to feeds that it knows are answered
 * here, by the same code as behind Express' router, which would take as long to find it as a poll takes to answer
 * (docs/performance.md). Returns false for everything else, and for whatever is wrong with who asks for what: then nothing
 * has been answered, and Express goes on.
 */
export function front(services: Services, { fromMemory, publish }: QuickWays) {
  return (req: Request, res: Response, failed: (error: unknown) => void): boolean => {
    const { method, url } = req;
    if ((method !== 'GET' && method !== 'POST') || req.headers.origin !== undefined) return false;
    const [, workspace, feed] = FEED_URL.exec(url) ?? [];
    if (workspace === undefined || feed === undefined) return false;
    const verb = method === 'GET' ? 'read' : 'publish';
    if (!passesByMemory(verb, services, req, workspace, feed)) return false;
    const answered = verb === 'publish' ? publish(req, res) : attempt(req, res);
    if (answered === false) return false;
    (req as { route?: unknown }).route = { path: FEED_ROUTE };
    if (answered instanceof Promise) answered.catch(failed);
    return true;
  };

  function attempt(req: Request, res: Response): ReturnType<FromMemory> {
    try {
      return fromMemory(req, res);
    } catch {
      return false;
    }
  }
}
