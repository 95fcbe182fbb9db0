import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file for AUTH_FILE. */
export async function writeAuthFile(
  value: unknown,
): Promise<{ readonly path: string; readonly remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-auth-'));
  const path = join(directory, 'auth.json');
  await writeFile(path, JSON.stringify(value));
  return { path, remove: () => rm(directory, { recursive: true }) };
}
