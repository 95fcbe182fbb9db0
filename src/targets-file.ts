import { readVariable } from './config.js';
import type { Config } from './config.js';
import type { TargetsSettings } from './core/target-settings.js';
import { checkTargetsFile } from './formats/target-settings.js';
import { readCheckedFile } from './yaml-file.js';

const HINT = 'The form of the file is in docs/push.md and schemas/api/targets-file.json.';

/** Of the file that TARGETS_FILE names what there is; nothing without one. Rejects with a StartError that names every mistake. */
export async function loadTargetsFile({ targetsFile: path }: Pick<Config, 'targetsFile'>): Promise<TargetsSettings> {
  if (path === undefined) return new Map();
  return readCheckedFile({ variable: 'TARGETS_FILE', path, hint: HINT }, (value) =>
    checkTargetsFile(value, readVariable),
  );
}
