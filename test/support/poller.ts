import { setTimeout as sleep } from 'node:timers/promises';
import { ADMIN_TOKEN } from './app.js';

export interface Poller {
  /** The ids of entries in the order in which they were seen: oldest first. */
  readonly seen: readonly string[];
  /** Answers other than 200 and 304, which a poller survives, by status. */
  readonly failures: ReadonlyMap<number, number>;
  /** Where it would ask next. */
  readonly next: string;
  stop(): Promise<void>;
}

const HEADERS = { authorization: `Bearer ${ADMIN_TOKEN}` };

/**
 * Follows a feed as a consumer does: reads the page at `url`, then whatever `previous` names, again and again, with the
 * ETag of the page before when the link has not changed. `base` may change while it runs: then another node is asked.
 */
export function startPoller(base: string | (() => string), path: string, pauseMs = 5): Poller {
  const seen: string[] = [];
  const failures = new Map<number, number>();
  let next = path;
  let etag: string | undefined;
  const stopped = new AbortController();

  async function poll(): Promise<void> {
    const url = `${typeof base === 'string' ? base : base()}${next}`;
    const response = await fetch(url, {
      headers: etag === undefined ? HEADERS : { ...HEADERS, 'if-none-match': etag },
    });
    const body = await response.text();
    if (response.status === 304) return;
    if (response.status !== 200) {
      failures.set(response.status, (failures.get(response.status) ?? 0) + 1);
      return;
    }
    seen.push(...idsOf(body).reverse());
    const place = linkOf(response, 'previous');
    etag = place === next ? (response.headers.get('etag') ?? undefined) : undefined;
    next = place;
  }

  const running = (async () => {
    while (!stopped.signal.aborted) {
      // No answer at all: the node was killed.
      await poll().catch(() => failures.set(0, (failures.get(0) ?? 0) + 1));
      await sleep(pauseMs);
    }
  })();
  return {
    seen,
    failures,
    get next() {
      return next;
    },
    async stop() {
      stopped.abort();
      await running;
    },
  };
}

/** The ids of a page's entries and tombstones, newest first as they stand there. */
export function idsOf(page: string): string[] {
  const parts = page.split(/<(?=(?:\w+:)?(?:entry|deleted-entry)[\s>])/).slice(1);
  return parts.map((part) => /<(?:\w+:)?id>([^<]*)<|\sref="([^"]*)"/.exec(part)?.slice(1).find(Boolean) ?? '');
}

/** The path and query of a link in the Link header. */
export function linkOf(response: Response, rel: string): string {
  const found = new RegExp(`<([^>]*)>; rel="${rel}"`).exec(response.headers.get('link') ?? '')?.[1];
  if (found === undefined) throw new Error(`no link rel="${rel}": ${response.headers.get('link') ?? 'no header'}`);
  const { pathname, search } = new URL(found);
  return pathname + search;
}
