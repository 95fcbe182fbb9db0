import { killLeftOver } from './command.js';
import { stopTestServer } from './database.js';

export const mochaHooks = {
  async afterAll(): Promise<void> {
    killLeftOver();
    await stopTestServer();
  },
};
