import { FeedsError } from './core/errors.js';
import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { StartError } from './core/start-error.js';

/** Enough to say the same settings of many feeds, too few to blow a small file up. */
const MOST_ALIASES = 1_000;

/**
 * Reads the file that a setting names, in YAML 1.2, of which JSON is a part. Rejects with a StartError that has the hint when there is
 * none, or it is not well-formed.
 */
export async function readYamlFile(setting: string, path: string, hint: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError(`${setting} names ${path}, which cannot be read: ${code ?? 'it is no file'}`, {
      cause: error,
    });
  });
  const document = parseDocument(text, { prettyErrors: true });
  if (document.errors.length > 0) {
    const mistakes = document.errors.map(({ message }) => `  ${(message.split('\n')[0] ?? '').replace(/:$/, '')}`);
    throw new StartError(`${path} is not well-formed:\n${mistakes.join('\n')}`, { hint });
  }
  try {
    return document.toJS({ maxAliasCount: MOST_ALIASES }) as unknown;
  } catch (error) {
    throw new StartError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, {
      hint,
      cause: error,
    });
  }
}

/** What the check makes of the file. Rejects with a StartError that names every mistake; the check throws a FeedsError with them. */
export async function readCheckedFile<T>(
  { variable, path, hint }: { readonly variable: string; readonly path: string; readonly hint: string },
  check: (value: unknown) => T,
): Promise<T> {
  const value = await readYamlFile(variable, path, hint);
  try {
    return check(value);
  } catch (error) {
    if (!(error instanceof FeedsError)) throw error;
    const mistakes = (error.details.violations ?? []).map(
      ({ path: at, message }) => `  ${at === '' ? '/' : at} ${message}`,
    );
    throw new StartError(`${path} is wrong:\n${mistakes.join('\n')}`, { hint, cause: error });
  }
}
