import { FeedsError } from '../core/errors.js';
import type { Violation } from '../core/errors.js';
import { checkName } from '../core/feed.js';
import type { DeclaredWorkspace, FeedsFile } from '../core/feed.js';
import { putWorkspace } from '../store/feeds.js';
import { inTransaction } from '../store/transaction.js';
import { putFeedIn } from './change-feed.js';
import type { ChangeDeps, Put } from './change-feed.js';

export interface Applied {
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
}

/**
 * Creates the workspaces and feeds of the file, or replaces their settings; never deletes what it does not name. All in
 * one transaction, or nothing: rejects with `invalid-body`, whose violations name every part that cannot be applied.
 */
export async function applyFeedsFile({ pool, memory }: ChangeDeps, file: FeedsFile): Promise<Applied> {
  const mistakes = namesIn(file);
  if (mistakes.length > 0) throw refusal(mistakes);

  const puts = await inTransaction(pool, async (tx) => {
    const done: Put[] = [];
    // In the order of their names, so that two nodes that start together do not wait for each other in a circle.
    for (const { workspace, path } of byName(file)) {
      await putWorkspace(tx, workspace);
      for (const [index, { name, settings }] of workspace.feeds.entries()) {
        try {
          done.push(await putFeedIn(tx, { workspace: workspace.name, name }, settings, { restore: true }));
        } catch (error) {
          if (!(error instanceof FeedsError)) throw error;
          mistakes.push({ path: `${path}/feeds/${String(index)}`, message: error.message });
        }
      }
    }
    if (mistakes.length > 0) throw refusal(mistakes);
    return done;
  });

  const count = (kind: Put): number => puts.filter((put) => put === kind).length;
  const applied = { created: count('created'), changed: count('changed'), unchanged: count('unchanged') };
  if (applied.created + applied.changed > 0) memory.changed();
  return applied;
}

function byName(file: FeedsFile): { workspace: DeclaredWorkspace; path: string }[] {
  return file.workspaces
    .map((workspace, index) => ({ workspace, path: `/workspaces/${String(index)}` }))
    .sort((a, b) => (a.workspace.name < b.workspace.name ? -1 : 1));
}

/** Names that cannot be one, and names given twice. */
function namesIn(file: FeedsFile): Violation[] {
  const mistakes: Violation[] = [];
  const check = (kind: 'workspace' | 'feed', name: string, path: string, seen: Set<string>): void => {
    try {
      checkName(kind, name);
      if (seen.has(name)) throw new FeedsError('conflict', `the ${kind} "${name}" is in the file twice`);
    } catch (error) {
      if (!(error instanceof FeedsError)) throw error;
      mistakes.push({ path, message: error.message });
    }
    seen.add(name);
  };
  const workspaces = new Set<string>();
  file.workspaces.forEach((workspace, at) => {
    const path = `/workspaces/${String(at)}`;
    check('workspace', workspace.name, `${path}/name`, workspaces);
    const feeds = new Set<string>();
    workspace.feeds.forEach(({ name }, index) => {
      check('feed', name, `${path}/feeds/${String(index)}/name`, feeds);
    });
  });
  return mistakes;
}

function refusal(violations: readonly Violation[]): FeedsError {
  return new FeedsError('invalid-body', 'what the file declares cannot be applied; nothing was changed', {
    violations,
  });
}
