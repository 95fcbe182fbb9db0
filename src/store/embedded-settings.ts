import { totalmem } from 'node:os';

const MEBI = 2 ** 20;

/** What the process may use: the machine's memory, or less where it is in a container. */
export function memoryOctets(): number {
  const allowed = process.constrainedMemory();
  return allowed > 0 ? Math.min(totalmem(), allowed) : totalmem();
}

/** The embedded Postgres' settings where there is so much memory. */
export function settingsFor(memory: number): Readonly<Record<string, string>> {
  return {
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    // An eighth: it shares the machine with the server, and what it does not hold the system's cache does.
    shared_buffers: `${String(Math.round(Math.min(4_096, Math.max(128, memory / MEBI / 8))))}MB`,
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
    max_connections: '100',
    jit: 'off',
    // Short queries gain nothing, and parallel workers need more of /dev/shm than containers give.
    max_parallel_workers_per_gather: '0',
    max_parallel_maintenance_workers: '0',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    password_encryption: 'scram-sha-256',
  };
}
