import type { Config } from '../config.js';
import { migrate } from '../store/migrate.js';
import { createLogger } from '../telemetry/logger.js';
import { withDatabase } from './database.js';

/** `millrace migrate`: brings the database to the state that this code needs; `serve` does the same at its start. */
export async function runMigrate(config: Config, print: (line: string) => void): Promise<void> {
  const logger = createLogger('warn', process.stderr);
  const applied = await withDatabase(config, logger, (connectionString) => migrate({ connectionString }), {
    mustExist: false,
  });
  for (const file of applied) print(`applied ${file}`);
  print(applied.length === 0 ? 'The database was up to date.' : 'The database is up to date.');
}
