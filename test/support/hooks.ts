import { killLeftOver } from './command.js';
import { startTestServer } from './database.js';
import { buildIfStale } from './built.js';

// Servers that tests start are compiled as ES modules, what mocha loads is not: the same file has other offsets in them, by
// which their coverage would be merged with that of the tests, and spoil it.
delete process.env['NODE_V8_COVERAGE'];

let stopTestServer: (() => Promise<void>) | undefined;

/** Once, before mocha's processes are started. */
export async function mochaGlobalSetup(): Promise<void> {
  buildIfStale();
  stopTestServer = await startTestServer();
}

export async function mochaGlobalTeardown(): Promise<void> {
  await stopTestServer?.();
}

export const mochaHooks = {
  afterAll(): void {
    killLeftOver();
  },
};
