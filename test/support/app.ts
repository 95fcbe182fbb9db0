import { readConfig } from '../../src/config.js';
import { start } from '../../src/server.js';
import type { Running } from '../../src/server.js';
import { createLogger } from '../../src/telemetry/logger.js';
import type { Logger } from '../../src/telemetry/logger.js';
import { createDatabase } from './database.js';
import type { TestDatabase } from './database.js';

export const ADMIN_TOKEN = 'test-token-0123456789abcdef';

/** One for all servers of the process: each would listen for its end. */
let logger: Logger | undefined;

export interface TestApp {
  readonly url: string;
  readonly database: TestDatabase;
  readonly running: Running;
  /** A request to the app; with the admin token unless `anonymous`. */
  request(path: string, init?: RequestInit & { anonymous?: boolean }): Promise<Response>;
  /** Makes a feed `shop/<name>`, its workspace too, and gives its path. */
  feed(name: string, settings?: Record<string, unknown>): Promise<string>;
  stop(): Promise<void>;
}

/**
 * The whole server, on a free port of loopback and a database of its own, or on the one given (then a second node of it).
 */
export async function startApp(
  options: { database?: TestDatabase; env?: Record<string, string> } = {},
): Promise<TestApp> {
  const database = options.database ?? (await createDatabase());
  const config = readConfig({
    PORT: '0',
    DATABASE_URL: database.url,
    ADMIN_TOKEN,
    // All tests come from one address, and many of them to be refused.
    RATE_FAILED_LOGINS: '0',
    RATE_FAILED_LOGINS_ADDRESS: '0',
    LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
    ...options.env,
  });
  const running = await start(config, (logger ??= createLogger(config.logLevel)));
  const request: TestApp['request'] = (path, { anonymous, ...init } = {}) => {
    const headers = new Headers(init.headers);
    if (anonymous !== true && !headers.has('authorization')) headers.set('authorization', `Bearer ${ADMIN_TOKEN}`);
    return fetch(path.startsWith('http') ? path : `${running.url}${path}`, { redirect: 'manual', ...init, headers });
  };
  const put = async (path: string, body: unknown): Promise<void> => {
    const response = await request(path, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`PUT ${path}: ${String(response.status)} ${await response.text()}`);
  };
  return {
    url: running.url,
    database,
    running,
    request,
    async feed(name, settings = {}) {
      await put('/admin/workspaces/shop', {});
      await put(`/admin/feeds/shop/${name}`, settings);
      return `/feeds/shop/${name}`;
    },
    async stop() {
      await running.stop();
      if (options.database === undefined) await database.drop();
    },
  };
}
