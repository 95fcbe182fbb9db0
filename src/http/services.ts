import type { Pool } from 'pg';
import type { GroupCommit } from '../actions/group-commit.js';
import type { UsageMeter } from '../actions/usage-meter.js';
import type { Principal } from '../core/access.js';
import type { FeedsError } from '../core/errors.js';
import type { Checkers } from '../registry/checkers.js';
import type { ExportReceipts } from '../core/export-receipt.js';
import type { ExportTokens } from '../core/export-token.js';
import type { Seals } from '../core/seal.js';
import type { WithoutSecrets } from '../core/secrets.js';
import type { Urls } from '../core/urls.js';
import type { View } from '../core/view.js';
import type { Db } from '../store/db.js';
import type { HeadMemory, Known } from '../store/head-memory.js';
import type { RecentEntries } from '../store/recent-entries.js';
import type { Logger } from '../telemetry/logger.js';
import type { Teller } from '../telemetry/answered.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Authenticator } from './auth/authenticator.js';
import type { Passwords } from './auth/passwords.js';
import type { Refusals } from '../core/refusals.js';
import type { BodyBudget } from './body.js';
import type { RowWriter } from '../export/row-writer.js';
import type { ClientAddress } from './client-address.js';
import type { PageCache } from './page-cache.js';
import type { RateLimits } from './rates/rate-limits.js';
import type { Spending } from './rates/spending.js';
import type { AnswerRules } from './respond.js';
import type { Turns } from './turns.js';
import type { Unanswered } from './unanswered.js';

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
  /** For what is logged or told of what a client sent. */
  readonly withoutSecrets: WithoutSecrets;
  readonly metrics: Metrics;
  /** Told of each request when it is answered. */
  readonly answered: Pick<Teller, 'tell'>;
  readonly answerRules: AnswerRules;
  readonly clientAddress: ClientAddress;
  readonly unanswered: Unanswered;
  readonly authenticator: Authenticator;
  readonly passwords: Passwords;
  /** For the markers of those who see a part of a log only. */
  readonly seals: Seals;
  readonly rowWriter: RowWriter;
  readonly exportTokens: ExportTokens;
  readonly exportReceipts: ExportReceipts;
  /** The names of those that exports may be pushed to. */
  readonly targets: readonly string[];
  /** Told of what was done; `wake` has it published to the audit feed at once. */
  readonly audit: { wake(): void };
  readonly refusals: Pick<Refusals, 'note'>;
  readonly rates: RateLimits;
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
    answerRules: AnswerRules;
    /**
     * The address of the client, as one that is trusted tells it (client-address.ts); empty when its connection has gone already.
     */
    clientAddress: string;
    /** The caller, found out by middleware/may.ts. */
    principal: Principal;
    /** Rejects when the caller may not do this any more, else `known` and `view` are as they are now: for who has let it wait. */
    recheck: () => Promise<void>;
    /** The tenant that the URL names. */
    tenant: string | undefined;
    /** What of that feed the caller sees, once it may read it. */
    view: View;
    /** The feed of the URL and what is known of its log, once `may` has let the caller pass. */
    known: Known;
    /** What it takes of the limits on use; absent where none counts it. */
    spending?: Spending;
    /** Its login has failed, or was not looked at because too many had failed. */
    loginRefusal?: FeedsError;
  }
}
