// A process of its own: makes load when it is sent a job, and answers with what came of it.
import { runCopy, runExport } from './drain-load.js';
import { runHttpJob } from './http-load.js';
import type { Job, Outcome } from './jobs.js';
import { runProbe } from './probe.js';
import { runSqlJob } from './sql-load.js';

function run(job: Job): Promise<Outcome> {
  switch (job.kind) {
    case 'http':
      return runHttpJob(job);
    case 'probe':
      return runProbe(job);
    case 'sql':
      return runSqlJob(job);
    case 'export':
      return runExport(job);
    case 'copy':
      return runCopy(job);
  }
}

process.on('message', (job: Job) => {
  const before = process.cpuUsage();
  const started = performance.now();
  run(job).then(
    (outcome) => {
      const { user, system } = process.cpuUsage(before);
      process.send?.({ outcome: { ...outcome, cores: (user + system) / 1000 / (performance.now() - started) } });
    },
    (error: unknown) => {
      process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    },
  );
});
process.on('disconnect', () => process.exit());
