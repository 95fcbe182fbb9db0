import type { Config } from './config.js';
import type { IdentitySettings } from './core/identity.js';
import { StartError } from './core/start-error.js';
import { checkAuthFile } from './formats/auth-settings.js';
import { readCheckedFile } from './yaml-file.js';

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
  const file = { variable: 'AUTH_FILE', path: authFile, hint: HINT };
  const { jwt, keystone } = await readCheckedFile(file, (value) => checkAuthFile(value, keystonePassword));
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
