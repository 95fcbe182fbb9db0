import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { publishAudit } from '../actions/publish-audit.js';
import type { PublishAuditDeps } from '../actions/publish-audit.js';
import { recordRefusals } from '../actions/record-refusals.js';
import { legible } from '../core/audit.js';
import type { WaitingRecord } from '../core/audit.js';
import type { Refusals, RefusalSum } from '../core/refusals.js';
import { auditEntry } from '../formats/audit-entry.js';
import type { Logger } from '../telemetry/logger.js';
import { startLoop } from './loop.js';
import type { Loop } from './loop.js';

export interface AuditDeps extends Omit<PublishAuditDeps, 'toEntry'> {
  readonly refusals: Pick<Refusals, 'take'>;
  readonly logger: Logger;
}

/** How often it looks for what other nodes, or the one before, have left. */
const LOOK_SECONDS = 5;
const REFUSALS_MS = 60_000;
/** So long a node that is told to stop waits for the database to take the rest. */
const FINISH_MS = 3_000;

export interface AuditWorker extends Pick<Loop, 'wake'> {
  /** Publishes what is left, if the database is there. */
  stop(): Promise<void>;
}

/** Publishes to the audit feed what was done, at once, and what was refused, once a minute. */
export function startAudit(deps: AuditDeps, options: { refusalsMs?: number } = {}): AuditWorker {
  const { refusalsMs = REFUSALS_MS } = options;
  /** What was taken and may not have been written yet: no more is taken until it is. */
  let taken: readonly WaitingRecord[] = [];
  let nextRefusals = performance.now() + refusalsMs;

  async function writeRefusals(): Promise<void> {
    if (taken.length === 0) taken = deps.refusals.take().map(recordOf);
    if (taken.length > 0) await recordRefusals(deps.pool, taken);
    taken = [];
  }

  async function publishAll(isStopped: () => boolean): Promise<void> {
    while (!isStopped() && (await publishAudit({ ...deps, toEntry: auditEntry })));
  }

  const loop = startLoop({ name: 'audit', everySeconds: LOOK_SECONDS, logger: deps.logger }, async (signal) => {
    if (performance.now() >= nextRefusals) {
      await writeRefusals();
      nextRefusals = performance.now() + refusalsMs;
    }
    await publishAll(() => signal.aborted);
  });

  /** A look comes first: it is what a database that does not answer holds up for the shortest time. */
  async function finish(): Promise<void> {
    await loop.stop();
    await publishAll(() => false);
    // What could not be written before is, and then what came after it.
    await writeRefusals();
    await writeRefusals();
    await publishAll(() => false);
  }

  return {
    wake() {
      loop.wake();
    },
    async stop() {
      const late = sleep(FINISH_MS, 'late' as const, { ref: false });
      const ended = await Promise.race([finish().catch((error: unknown) => ({ error })), late]);
      if (ended === undefined) return;
      const lost = taken.length + deps.refusals.take().length;
      const err = ended === 'late' ? undefined : ended.error;
      deps.logger.warn(
        { err, lost },
        'the last refusals are not told; acts will be, by another node or at the next start',
      );
    },
  };
}

function recordOf(refusal: RefusalSum): WaitingRecord {
  return { id: randomUUID(), record: legible({ act: 'access.refused', outcome: 'refused', ...refusal }) };
}
