import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseDocument } from 'yaml';
import { applyFeedsFile } from './actions/apply-feeds-file.js';
import type { Applied, FeedsFileDeps } from './actions/apply-feeds-file.js';
import type { Contract } from './core/contract.js';
import { FeedsError } from './core/errors.js';
import type { Violation } from './core/errors.js';
import type { DeclaredContract, DeclaredFeed, DeclaredWorkspace, FeedsFile } from './core/feed.js';
import { StartError } from './core/start-error.js';
import { readDeclaredContract } from './declared-contract.js';
import { checkFeedsFile } from './formats/feed-settings.js';

/** Enough to say the same settings of many feeds, too few to blow a small file up. */
const MOST_ALIASES = 1_000;
const HINT = 'The form of the file is in docs/feeds-file.md and schemas/api/feeds-file.json.';

/**
 * Reads the file that FEEDS_FILE names and applies it, all or nothing. Rejects with a StartError that names every mistake;
 * nothing was changed then.
 */
export async function loadFeedsFile(deps: FeedsFileDeps, path: string): Promise<Applied> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError(`FEEDS_FILE names ${path}, which cannot be read: ${code ?? 'it is no file'}`, {
      cause: error,
    });
  });
  try {
    const file = await withContracts(checkFeedsFile(parse(text, path)), dirname(path));
    return await applyFeedsFile(deps, file);
  } catch (error) {
    if (!(error instanceof FeedsError)) throw error;
    const mistakes = (error.details.violations ?? []).map(
      ({ path: at, message }) => `  ${at === '' ? '/' : at} ${message}`,
    );
    throw new StartError(`${path} cannot be applied:\n${mistakes.join('\n')}`, { hint: HINT, cause: error });
  }
}

/** With the contracts that it declares. Rejects with `invalid-body`, whose violations name all that is wrong with them. */
async function withContracts(file: FeedsFile<DeclaredContract>, directory: string): Promise<FeedsFile> {
  const mistakes: Violation[] = [];
  const contractOf = async (declared: DeclaredContract, path: string): Promise<{ contract?: Contract }> => {
    const read = await readDeclaredContract(declared, directory);
    if ('contract' in read) return read;
    mistakes.push(...read.mistakes.map((mistake) => ({ ...mistake, path: `${path}${mistake.path}` })));
    return {};
  };
  const workspaces: DeclaredWorkspace[] = [];
  for (const [at, { feeds: declared, ...workspace }] of file.workspaces.entries()) {
    const feeds: DeclaredFeed[] = [];
    for (const [index, { contract, ...feed }] of declared.entries()) {
      const path = `/workspaces/${String(at)}/feeds/${String(index)}/contract`;
      feeds.push({ ...feed, ...(contract === undefined ? {} : await contractOf(contract, path)) });
    }
    workspaces.push({ ...workspace, feeds });
  }
  if (mistakes.length === 0) return { workspaces };
  throw new FeedsError('invalid-body', 'contracts of the file cannot be read', { violations: mistakes });
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
