import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.js';
import { StartError } from '../core/start-error.js';
import { startEmbedded } from '../store/embedded.js';
import type { Logger } from '../telemetry/logger.js';

/** Runs `work` with this Millrace's database: DATABASE_URL's, or its own Postgres, started for as long as it takes. */
export async function withDatabase<T>(
  config: Config,
  logger: Logger,
  work: (connectionString: string) => Promise<T>,
  options: { readonly mustExist: boolean },
): Promise<T> {
  if (config.databaseUrl !== undefined) return work(config.databaseUrl);
  if (options.mustExist && !existsSync(join(config.dataDir, 'postgres'))) {
    throw new StartError(`there is no Millrace in ${config.dataDir}`, {
      hint: 'Set DATA_DIR to its data directory, or DATABASE_URL to its database.',
    });
  }
  const postgres = await startEmbedded({ dataDir: config.dataDir, logger });
  try {
    return await work(postgres.connectionString);
  } finally {
    await postgres.stop();
  }
}
