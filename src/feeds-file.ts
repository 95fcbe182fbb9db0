import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { applyFeedsFile } from './actions/apply-feeds-file.js';
import type { Applied } from './actions/apply-feeds-file.js';
import type { ChangeDeps } from './actions/change-feed.js';
import { FeedsError } from './core/errors.js';
import { StartError } from './core/start-error.js';
import { checkFeedsFile } from './formats/feed-settings.js';

/** Enough to say the same settings of many feeds, too few to blow a small file up. */
const MOST_ALIASES = 1_000;
const HINT = 'The form of the file is in docs/feeds-file.md and schemas/api/feeds-file.json.';

/**
 * Reads the file that FEEDS_FILE names and applies it, all or nothing. Rejects with a StartError that names every mistake;
 * nothing was changed then.
 */
export async function loadFeedsFile(deps: ChangeDeps, path: string): Promise<Applied> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError(`FEEDS_FILE names ${path}, which cannot be read: ${code ?? 'it is no file'}`, {
      cause: error,
    });
  });
  try {
    return await applyFeedsFile(deps, checkFeedsFile(parse(text, path)));
  } catch (error) {
    if (!(error instanceof FeedsError)) throw error;
    const mistakes = (error.details.violations ?? []).map(
      ({ path: at, message }) => `  ${at === '' ? '/' : at} ${message}`,
    );
    throw new StartError(`${path} cannot be applied:\n${mistakes.join('\n')}`, { hint: HINT, cause: error });
  }
}

/** YAML 1.2, of which JSON is a part. */
function parse(text: string, path: string): unknown {
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0) {
    const mistakes = document.errors.map(({ message }) => `  ${(message.split('\n')[0] ?? '').replace(/:$/, '')}`);
    throw new StartError(`${path} is not well-formed:\n${mistakes.join('\n')}`, { hint: HINT });
  }
  try {
    return document.toJS({ maxAliasCount: MOST_ALIASES }) as unknown;
  } catch (error) {
    throw new StartError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      hint: HINT,
      cause: error,
    });
  }
}
