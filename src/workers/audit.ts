import { randomUUID } from 'node:crypto';
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

  return {
    wake() {
      loop.wake();
    },
    async stop() {
      await loop.stop();
      try {
        await writeRefusals();
        // What was taken before is written now; what came after that is not yet.
        await writeRefusals();
        await publishAll(() => false);
      } catch (error) {
        const refusals = taken.length + deps.refusals.take().length;
        deps.logger.warn(
          { err: error, refusals },
          'the last refusals are not in the audit feed; acts will be published at the next start',
        );
      }
    },
  };
}

function recordOf(refusal: RefusalSum): WaitingRecord {
  return { id: randomUUID(), record: legible({ act: 'access.refused', outcome: 'refused', ...refusal }) };
}
