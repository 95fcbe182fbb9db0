import type { Pool } from 'pg';
import { forgetFullRates } from '../actions/settle-rates.js';
import { WINDOW_SECONDS } from '../core/rate.js';
import type { Logger } from '../telemetry/logger.js';
import { startLoop } from './loop.js';
import type { Loop } from './loop.js';

/** Deletes what the database holds of limits on use that are not in use any more, about every minute, on each node. */
export function startRateCleaning({ pool, logger }: { readonly pool: Pool; readonly logger: Logger }): Loop {
  return startLoop({ name: 'rate cleaning', everySeconds: WINDOW_SECONDS, logger }, () => forgetFullRates(pool));
}
