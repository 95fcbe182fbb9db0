import { killLeftOver } from './command.js';
import { stopTestServer } from './database.js';

// Servers that tests start are compiled as ES modules, what mocha loads is not: the same file has other offsets in them, by
// which their coverage would be merged with that of the tests, and spoil it.
delete process.env['NODE_V8_COVERAGE'];

export const mochaHooks = {
  async afterAll(): Promise<void> {
    killLeftOver();
    await stopTestServer();
  },
};
