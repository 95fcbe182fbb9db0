import { readVariable } from './config.js';
import type { Config } from './config.js';
import { FeedsError } from './core/errors.js';
import { StartError } from './core/start-error.js';
import type { TargetsSettings } from './core/target-settings.js';
import { checkTargetsFile } from './formats/target-settings.js';
import { readYamlFile } from './yaml-file.js';

const HINT = 'The form of the file is in docs/push.md and schemas/api/targets-file.json.';

/** Of the file that TARGETS_FILE names what there is; nothing without one. Rejects with a StartError that names every mistake. */
export async function loadTargetsFile({ targetsFile: path }: Pick<Config, 'targetsFile'>): Promise<TargetsSettings> {
  if (path === undefined) return new Map();
  const value = await readYamlFile('TARGETS_FILE', path, HINT);
  try {
    return checkTargetsFile(value, readVariable);
  } catch (error) {
    if (!(error instanceof FeedsError)) throw error;
    const mistakes = (error.details.violations ?? []).map(
      ({ path: at, message }) => `  ${at === '' ? '/' : at} ${message}`,
    );
    throw new StartError(`${path} is wrong:\n${mistakes.join('\n')}`, { hint: HINT, cause: error });
  }
}
