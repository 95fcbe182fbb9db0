import { aFeedOf, anEntry, anId } from './build.js';
import type { EntryParts } from './build.js';
import { readFeed } from './atom.js';
import type { FeedPage } from './atom.js';
import type { TestApp } from './app.js';
import { ask } from './log.js';
import { setTimeout as sleep } from 'node:timers/promises';

export const ENTRY_TYPE = 'application/atom+xml;type=entry';
export const FEED_TYPE = 'application/atom+xml;type=feed';

/** POSTs a body to a feed as it is. */
export function post(
  app: TestApp,
  path: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Response> {
  return app.request(path, { method: 'POST', headers: { 'content-type': ENTRY_TYPE, ...headers }, body });
}

/** Publishes one entry and gives its id; anything but a 201 is an error. */
export async function publish(app: TestApp, path: string, parts: EntryParts = {}): Promise<string> {
  const id = parts.id ?? anId();
  const response = await post(app, path, anEntry({ ...parts, id }));
  if (response.status !== 201) throw new Error(`${String(response.status)} ${await response.text()}`);
  await response.arrayBuffer();
  return id;
}

/** Publishes entries as batches of up to 1,000, and gives their ids in the order of the log. */
export async function publishAll(app: TestApp, path: string, entries: readonly EntryParts[]): Promise<string[]> {
  const all = entries.map((parts) => ({ ...parts, id: parts.id ?? anId() }));
  for (let at = 0; at < all.length; at += 1_000) {
    const body = aFeedOf(all.slice(at, at + 1_000));
    const response = await post(app, path, body, { 'content-type': FEED_TYPE });
    if (response.status !== 201) throw new Error(`${String(response.status)} ${await response.text()}`);
    await response.arrayBuffer();
  }
  return all.map(({ id }) => id);
}

/** Publishes so many entries of no importance. */
export function publishSome(app: TestApp, path: string, count: number): Promise<string[]> {
  return publishAll(
    app,
    path,
    Array.from({ length: count }, () => ({})),
  );
}

/** Reads a page, of a path or of a link. */
export async function page(app: TestApp, url: string, headers: Record<string, string> = {}): Promise<FeedPage> {
  return readFeed(await app.request(url, { headers }));
}

/** What a reader finds who follows one link relation from a page to its end, page by page. */
export async function walk(app: TestApp, url: string, rel: 'next' | 'previous', most = 1_000): Promise<FeedPage[]> {
  const pages = [await page(app, url)];
  for (;;) {
    const last = pages.at(-1);
    const href = last?.links.get(rel);
    // There always is a `previous`; where it leads to itself the reader has come to the head.
    if (last === undefined || href === undefined) return pages;
    const further = await page(app, href);
    if (rel === 'previous' && further.ids.length === 0 && further.links.get('previous') === href) return pages;
    pages.push(further);
    if (pages.length > most) throw new Error(`more than ${String(most)} pages from ${url}`);
  }
}

/** All ids of pages that were walked through, from the oldest to the newest. */
export function inOrder(pages: readonly FeedPage[], rel: 'next' | 'previous'): string[] {
  const oldestFirst = rel === 'next' ? pages.toReversed() : pages;
  return oldestFirst.flatMap(({ ids }) => ids.toReversed());
}

/** What retention does first: from now on nothing below the position is shown. */
export async function raiseFloor(app: TestApp, path: string, firstKept: number): Promise<void> {
  const [, , workspace, name] = path.split('/');
  await ask(
    app.database.url,
    `update heads set first_kept = $1
      where feed_id = (select feed_id from feeds where workspace = $2 and name = $3)`,
    [firstKept, workspace, name],
  );
  await ask(app.database.url, `select pg_notify('millrace', 'all')`);
  const floor = `-${String(firstKept)}-`;
  while (!(await page(app, path)).etag.includes(floor)) await sleep(5);
}
