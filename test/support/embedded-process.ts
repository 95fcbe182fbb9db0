// A process that tests may kill: starts the embedded Postgres on the directory it is given, says so in one line of JSON, and waits.
import { startEmbedded } from '../../src/store/embedded.js';

const [dataDir = '', then = 'wait', settings = '{}'] = process.argv.slice(2);
const postgres = await startEmbedded({ dataDir, settings: JSON.parse(settings) as Record<string, string> }).catch(
  (error: unknown) => {
    process.stdout.write(`${JSON.stringify({ error: String(error) })}\n`);
    process.exit(1);
  },
);
process.stdout.write(`${JSON.stringify({ pid: postgres.pid, url: postgres.connectionString })}\n`, () => {
  if (then === 'exit') process.exit(3);
});
setInterval(() => undefined, 60_000);
