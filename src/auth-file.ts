import type { Config } from './config.js';
import { FeedsError } from './core/errors.js';
import type { IdentitySettings } from './core/identity.js';
import { StartError } from './core/start-error.js';
import { checkAuthFile } from './formats/auth-settings.js';
import { readYamlFile } from './yaml-file.js';

const HINT = 'The form of the file is in docs/identity.md and schemas/api/auth-file.json.';

/**
 * Of the file that AUTH_FILE names what the ways in need that are on. Rejects with a StartError that names every mistake, and where a way
 * is on that it says nothing of.
 */
export async function loadAuthFile({
  auth,
  authFile,
  keystonePassword,
}: Pick<Config, 'auth' | 'authFile' | 'keystonePassword'>): Promise<IdentitySettings> {
  const told = auth.filter((way) => way === 'jwt' || way === 'keystone');
  if (authFile === undefined) {
    if (told.length === 0) return {};
    throw new StartError(`AUTH has ${told.join(' and ')}, and AUTH_FILE does not say which`, { hint: HINT });
  }
  const { jwt, keystone } = check(await readYamlFile('AUTH_FILE', authFile, HINT), authFile, keystonePassword);
  const sections = { jwt, keystone };
  const missing = told.filter((way) => sections[way] === undefined);
  if (missing.length > 0) {
    throw new StartError(`AUTH has ${missing.join(' and ')}, of which ${authFile} says nothing`, { hint: HINT });
  }
  return {
    ...(auth.includes('jwt') && jwt !== undefined ? { jwt } : {}),
    ...(auth.includes('keystone') && keystone !== undefined ? { keystone } : {}),
  };
}

function check(value: unknown, path: string, keystonePassword: string | undefined): IdentitySettings {
  try {
    return checkAuthFile(value, keystonePassword);
  } catch (error) {
    if (!(error instanceof FeedsError)) throw error;
    const mistakes = (error.details.violations ?? []).map(
      ({ path: at, message }) => `  ${at === '' ? '/' : at} ${message}`,
    );
    throw new StartError(`${path} is wrong:\n${mistakes.join('\n')}`, { hint: HINT, cause: error });
  }
}
