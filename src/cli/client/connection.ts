import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BASE_URL, isBaseUrl, isBearer, readClientConfig, withoutSlash } from '../../config.js';
import { StartError } from '../../core/start-error.js';
import { UsageError } from '../command.js';
import type { Call, Options } from '../command.js';
import type { Server } from './server.js';

/** What every command takes that asks a server. */
export const CLIENT_OPTIONS: Options = {
  url: { value: 'URL', about: 'the server; else MILLRACE_URL, else http://127.0.0.1:8080' },
  'token-file': { value: 'FILE', about: 'the token is in this file; else in MILLRACE_TOKEN' },
  json: { about: 'for scripts: JSON on stdout, and on stderr what was refused' },
};

/**
 * The server that is meant, and the token for it: that of `--token-file`, else MILLRACE_TOKEN. Where there is neither, a server on this
 * machine gets the admin token that it has left in its data directory. A token is never an argument, which others on the machine would see.
 */
export async function connection(call: Call): Promise<Server> {
  const config = readClientConfig(call.surroundings.environment);
  const given = call.text('url');
  if (given !== undefined && !isBaseUrl(given)) throw new UsageError(`--url is "${given}", expected ${BASE_URL}`);
  const url = withoutSlash(given ?? config.millraceUrl);
  const file = call.text('token-file');
  if (file !== undefined) return { url, token: await tokenIn(file) };
  if (config.millraceToken !== undefined) return { url, token: config.millraceToken };
  return { url, token: isLoopback(url) ? await adminToken(config.dataDir) : undefined };
}

async function tokenIn(file: string): Promise<string> {
  let text: string;
  try {
    text = (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new StartError(`the token cannot be read: ${(error as Error).message}`);
  }
  if (!isBearer(text)) throw new StartError(`what is in ${file} is no token`);
  return text;
}

async function adminToken(dataDir: string): Promise<string | undefined> {
  try {
    const text = (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim();
    return isBearer(text) ? text : undefined;
  } catch {
    // Not there, or not ours to read: the server says whether one is needed.
    return undefined;
  }
}

function isLoopback(url: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);
}
