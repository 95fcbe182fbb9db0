import type { TestApp } from './app.js';

/** Deletes a feed, of the path `/feeds/shop/orders`; with `purge` for good, so that its name is free. */
export function deleteFeed(app: TestApp, path: string, { purge = false } = {}): Promise<Response> {
  return app.request(deletionOf(path, { purge }), { method: 'DELETE' });
}

/** What the request goes to. */
export function deletionOf(path: string, { purge = false } = {}): string {
  return `/admin${path}?confirm=${path.replace('/feeds/', '')}${purge ? '&purge=true' : ''}`;
}
