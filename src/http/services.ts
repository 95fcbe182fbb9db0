import type { Pool } from 'pg';
import type { GroupCommit } from '../actions/group-commit.js';
import type { UsageMeter } from '../actions/usage-meter.js';
import type { Principal } from '../core/access.js';
import type { Checkers } from '../registry/checkers.js';
import type { Urls } from '../core/urls.js';
import type { Db } from '../store/db.js';
import type { HeadMemory, Known } from '../store/head-memory.js';
import type { RecentEntries } from '../store/recent-entries.js';
import type { Logger } from '../telemetry/logger.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Authenticator } from './auth/authenticator.js';
import type { Passwords } from './auth/passwords.js';
import type { BodyBudget } from './body.js';
import type { PageCache } from './page-cache.js';
import type { Turns } from './turns.js';

/** What the routes work with, wired together once in server.ts. */
export interface Services {
  readonly urls: Urls;
  /** For reading. */
  readonly db: Db;
  /** For actions, which open transactions on it. */
  readonly pool: Pool;
  readonly memory: HeadMemory;
  readonly recent: RecentEntries;
  readonly groupCommit: (partition: number) => GroupCommit;
  readonly meter: UsageMeter;
  readonly checkers: Checkers;
  readonly pages: PageCache;
  readonly bodies: BodyBudget;
  /** For reading large bodies into trees, and for rendering from trees. */
  readonly turns: { readonly bodies: Turns; readonly pages: Turns };
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly authenticator: Authenticator;
  readonly passwords: Passwords;
  /** Origins that may call from a browser; `*` is any. */
  readonly corsOrigins: readonly string[];
  /** True from the moment that the node is told to stop. */
  readonly draining: () => boolean;
  /** Every migration that this code knows has been applied. */
  readonly isMigrated: () => Promise<boolean>;
}

declare module 'express-serve-static-core' {
  interface Request {
    /** Told in the log line and in every answer. */
    requestId: string;
    /** The address that it came from; empty when its connection has gone already. */
    clientAddress: string;
    /** The caller, found out by middleware/may.ts. */
    principal: Principal;
    /** Rejects when the caller may not do this any more: for who has let it wait for a body. */
    recheck: () => Promise<void>;
    /** The feed of the URL and what is known of its log, once `may` has let the caller pass. */
    known: Known;
  }
}
