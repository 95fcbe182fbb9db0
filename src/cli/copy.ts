import type { Config } from '../config.js';
import { copyDatabase } from '../store/copy.js';
import { createLogger } from '../telemetry/logger.js';
import { withDatabase } from './database.js';

/** `millrace copy --to URL`: moves house. */
export async function runCopy(config: Config, to: string, print: (line: string) => void): Promise<void> {
  const began = Date.now();
  const tables = await withDatabase(
    config,
    createLogger('warn', process.stderr),
    (connectionString) =>
      copyDatabase({ connectionString }, { connectionString: to }, ({ table, rows }) => {
        print(`${table.padEnd(24)} ${String(rows).padStart(12)} rows`);
      }),
    { mustExist: true },
  );
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  print(
    `Copied ${String(rows)} rows of ${String(tables.length)} tables in ${((Date.now() - began) / 1000).toFixed(1)} s.`,
  );
  print('Start Millrace with DATABASE_URL set to the new database. What the old one takes from now on is not in it.');
}
