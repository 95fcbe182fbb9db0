import { FEEDS_FILE } from '../core/access.js';
import { FeedsError } from '../core/errors.js';
import type { Violation } from '../core/errors.js';
import { checkName } from '../core/feed.js';
import type { DeclaredWorkspace, FeedsFile } from '../core/feed.js';
import type { Tx } from '../store/db.js';
import { administer } from './administer.js';
import type { Tell } from './administer.js';
import { putFeedIn } from './change-feed.js';
import type { ChangeDeps, Put } from './change-feed.js';
import { putWorkspaceIn } from './change-workspace.js';

export interface Applied {
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
}

/**
 * Creates the workspaces and feeds of the file, or replaces their settings; never deletes what it does not name. All in
 * one transaction, or nothing: rejects with `invalid-body`, whose violations name every part that cannot be applied.
 */
export async function applyFeedsFile(deps: ChangeDeps, file: FeedsFile): Promise<Applied> {
  const mistakes = namesIn(file);
  if (mistakes.length > 0) throw refusal(mistakes);
  const puts = await administer(deps, FEEDS_FILE, (tx, tell) => applyFeedsFileIn(tx, tell, file));
  const count = (kind: Put): number => puts.filter((put) => put === kind).length;
  const applied = { created: count('created'), changed: count('changed'), unchanged: count('unchanged') };
  if (applied.created + applied.changed > 0) deps.memory.changed();
  return applied;
}

/** The same with names that are known to be good, as a part of a greater transaction. After its commit all heads are to be forgotten. */
export async function applyFeedsFileIn(tx: Tx, tell: Tell, file: FeedsFile): Promise<Put[]> {
  const mistakes: Violation[] = [];
  const puts: Put[] = [];
  // In the order of their names, so that two nodes that start together do not wait for each other in a circle.
  for (const { workspace, path } of byName(file)) {
    await putWorkspaceIn(tx, tell, workspace);
    for (const [index, { name, settings }] of workspace.feeds.entries()) {
      try {
        puts.push(await putFeedIn(tx, tell, { workspace: workspace.name, name }, settings));
      } catch (error) {
        if (!(error instanceof FeedsError)) throw error;
        mistakes.push({ path: `${path}/feeds/${String(index)}`, message: error.message });
      }
    }
  }
  if (mistakes.length > 0) throw refusal(mistakes);
  return puts;
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
