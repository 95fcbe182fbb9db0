import { readConfig } from '../config.js';
import { migrate } from '../store/migrate.js';
import { createLogger } from '../telemetry/logger.js';
import type { Command } from './command.js';
import { withDatabase } from './database.js';

/** `millrace migrate`: brings the database to the state that this code needs; `serve` does the same at its start. */
export const migrateCommand: Command = {
  operands: '',
  takes: [0, 0],
  about: 'Brings the database to the state that this version needs. serve does the same at its start.',
  options: {},
  examples: [],
  async run(call) {
    const config = readConfig(call.surroundings.environment);
    const logger = createLogger('warn', process.stderr);
    const applied = await withDatabase(config, logger, (connectionString) => migrate({ connectionString }), {
      mustExist: false,
    });
    for (const file of applied) await call.print(`applied ${file}\n`);
    await call.print(applied.length === 0 ? 'The database was up to date.\n' : 'The database is up to date.\n');
  },
};
