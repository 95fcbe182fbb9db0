import { readConfig } from '../config.js';
import { copyDatabase } from '../store/copy.js';
import { createLogger } from '../telemetry/logger.js';
import { UsageError } from './command.js';
import type { Command } from './command.js';
import { withDatabase } from './database.js';

/** `millrace copy --to URL`: moves house. */
export const copy: Command = {
  operands: '--to URL',
  takes: [0, 0],
  about: `Copies everything to another, empty Postgres, and compares the counts. The server must not run meanwhile.
Readers go on from where they were.`,
  options: { to: { value: 'URL', about: 'postgresql://user:password@host:5432/database' } },
  examples: ['millrace copy --to postgresql://millrace:secret@db.example.org:5432/millrace'],
  async run(call) {
    const to = call.text('to');
    if (to === undefined) throw new UsageError('copy where? --to postgresql://user:password@host:5432/database');
    if (!/^postgres(ql)?:\/\//.test(to)) throw new UsageError('--to takes a URL that begins with postgresql://');
    const config = readConfig(call.surroundings.environment);
    const began = Date.now();
    const tables = await withDatabase(
      config,
      createLogger('warn', process.stderr),
      (connectionString) =>
        copyDatabase({ connectionString }, { connectionString: to }, ({ table, rows }) => {
          process.stdout.write(`${table.padEnd(24)} ${String(rows).padStart(12)} rows\n`);
        }),
      { mustExist: true },
    );
    const rows = tables.reduce((sum, table) => sum + table.rows, 0);
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    await call.print(`Copied ${String(rows)} rows of ${String(tables.length)} tables in ${seconds} s.
Start Millrace with DATABASE_URL set to the new database. What the old one takes from now on is not in it.
`);
  },
};
