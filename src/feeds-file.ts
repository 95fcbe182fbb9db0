import { applyFeedsFile } from './actions/apply-feeds-file.js';
import type { Applied } from './actions/apply-feeds-file.js';
import type { ChangeDeps } from './actions/change-feed.js';
import { FeedsError } from './core/errors.js';
import { StartError } from './core/start-error.js';
import { checkFeedsFile } from './formats/feed-settings.js';
import { readYamlFile } from './yaml-file.js';

const HINT = 'The form of the file is in docs/feeds-file.md and schemas/api/feeds-file.json.';

/**
 * Reads the file that FEEDS_FILE names and applies it, all or nothing. Rejects with a StartError that names every mistake;
 * nothing was changed then.
 */
export async function loadFeedsFile(deps: ChangeDeps, path: string): Promise<Applied> {
  const value = await readYamlFile('FEEDS_FILE', path, HINT);
  try {
    return await applyFeedsFile(deps, checkFeedsFile(value));
  } catch (error) {
    if (!(error instanceof FeedsError)) throw error;
    const mistakes = (error.details.violations ?? []).map(
      ({ path: at, message }) => `  ${at === '' ? '/' : at} ${message}`,
    );
    throw new StartError(`${path} cannot be applied:\n${mistakes.join('\n')}`, { hint: HINT, cause: error });
  }
}
