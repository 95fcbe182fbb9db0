import { dirname } from 'node:path';
import { applyFeedsFile } from './actions/apply-feeds-file.js';
import type { Applied, FeedsFileDeps } from './actions/apply-feeds-file.js';
import type { Contract } from './core/contract.js';
import { FeedsError } from './core/errors.js';
import type { Violation } from './core/errors.js';
import type { DeclaredContract, DeclaredFeed, DeclaredWorkspace, FeedsFile } from './core/feeds-file.js';
import { StartError } from './core/start-error.js';
import { readDeclaredContract } from './declared-contract.js';
import { checkFeedsFile } from './formats/feed-settings.js';
import { readYamlFile } from './yaml-file.js';

const HINT = 'The form of the file is in docs/feeds-file.md and schemas/api/feeds-file.json.';

/**
 * Reads the file that FEEDS_FILE names and applies it, all or nothing. Rejects with a StartError that names every mistake;
 * nothing was changed then.
 */
export async function loadFeedsFile(deps: FeedsFileDeps, path: string): Promise<Applied> {
  const value = await readYamlFile('FEEDS_FILE', path, HINT);
  try {
    return await applyFeedsFile(deps, await withContracts(checkFeedsFile(value), dirname(path)));
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
