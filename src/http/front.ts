import type { Request, Response } from 'express';
import { passesByMemory, rechecks } from './middleware/may.js';
import { FEED_ROUTE } from './routes/feeds.js';
import type { FromMemory } from './routes/feeds.js';
import type { Services } from './services.js';

/** What the names of workspace and feed stand behind in a URL, as they are: what is escaped there is left to Express. */
const FEEDS = '/feeds/';

/** What the routes do with the two requests that there are most of. */
export interface QuickWays {
  readonly fromMemory: FromMemory;
  /** A page that is not in memory, for whom `fromMemory` has found nothing wrong. */
  readonly fromLog: (req: Request, res: Response) => Promise<void>;
  readonly publish: (req: Request, res: Response) => Promise<void>;
}

/**
 * Most requests are polls, which this node can mostly answer from memory, and publishes. Those to feeds that it knows are answered
 * here, by the same code as behind Express' router, which would take as long to find it as a poll takes to answer
 * (docs/performance.md). Returns false for everything else, and for whatever is wrong with who asks for what: then nothing
 * has been answered, and Express goes on.
 */
export function front(services: Services, { fromMemory, fromLog, publish }: QuickWays) {
  const recheckReader = rechecks('read', services);
  return (req: Request, res: Response, failed: (error: unknown) => void): boolean => {
    const { method, url } = req;
    if ((method !== 'GET' && method !== 'POST') || req.headers.origin !== undefined) return false;
    if (!url.startsWith(FEEDS)) return false;
    const query = url.indexOf('?');
    const path = query < 0 ? url.slice(FEEDS.length) : url.slice(FEEDS.length, query);
    const verb = method === 'GET' ? 'read' : 'publish';
    if (!passesByMemory(verb, services, req, path)) return false;
    const answered = verb === 'publish' ? publish(req, res) : read(req, res);
    if (answered === false) return false;
    (req as { route?: unknown }).route = { path: FEED_ROUTE };
    if (answered instanceof Promise) answered.catch(failed);
    return true;
  };

  function read(req: Request, res: Response): ReturnType<FromMemory> {
    try {
      const answered = fromMemory(req, res);
      if (answered !== false) return answered;
    } catch {
      return false;
    }
    const { workspace, name } = req.known.feed;
    req.params = { workspace, feed: name };
    recheckReader(req, res);
    return fromLog(req, res);
  }
}
