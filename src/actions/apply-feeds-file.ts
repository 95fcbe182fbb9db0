import { FEEDS_FILE } from '../core/access.js';
import type { Grant } from '../core/access.js';
import { AUDIT_FEED, SYSTEM_WORKSPACE } from '../core/audit.js';
import { FeedsError } from '../core/errors.js';
import type { Violation } from '../core/errors.js';
import { checkName } from '../core/feed.js';
import type { DeclaredWorkspace, FeedsFile } from '../core/feeds-file.js';
import type { Tx } from '../store/db.js';
import { administer } from './administer.js';
import type { Tell } from './administer.js';
import { putFeedIn } from './change-feed.js';
import type { ChangeDeps, Put } from './change-feed.js';
import { putGrantsIn } from './change-grants.js';
import { putWorkspaceIn } from './change-workspace.js';
import { carryOut, planContract } from './plan-contracts.js';
import type { ContractPlan, PlanDeps } from './plan-contracts.js';

export interface Applied {
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
}

export type FeedsFileDeps = ChangeDeps & PlanDeps;

/** Somebody else may change a contract while those of the file are judged. */
const TRIES = 5;

/**
 * Creates the workspaces, grants and feeds of the file, or replaces what they are, brings back what was deleted, and adds each contract
 * that is not in force yet; never deletes what it does not name. All in one transaction, or nothing: rejects with
 * `invalid-body`, whose violations name every part that cannot be applied.
 */
export async function applyFeedsFile(deps: FeedsFileDeps, file: FeedsFile): Promise<Applied> {
  const mistakes = namesIn(file);
  if (mistakes.length > 0) throw refusal(mistakes);
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    const puts = await attemptToApply(deps, file);
    if (puts === undefined) continue;
    const count = (kind: Put): number => puts.filter((put) => put === kind).length;
    const applied = { created: count('created'), changed: count('changed'), unchanged: count('unchanged') };
    deps.memory.changed();
    return applied;
  }
  throw refusal([{ path: '', message: 'others are changing contracts of these feeds at the same time; try again' }]);
}

/** Gives a transaction up in which the feeds are not what they were when their contracts were judged. */
class Outdated extends Error {}

async function attemptToApply(deps: FeedsFileDeps, file: FeedsFile): Promise<Put[] | undefined> {
  const planned = await planAll(deps, file);
  try {
    return await administer(deps, FEEDS_FILE, (tx, tell) => applyFeedsFileIn(tx, tell, file, planned));
  } catch (error) {
    if (error instanceof Outdated) return undefined;
    throw error;
  }
}

/** What is to become of the contracts, by the paths of their feeds, and what is wrong with them or can be told of the file alone. */
interface Planned {
  readonly plans: ReadonlyMap<string, ContractPlan>;
  readonly mistakes: readonly Violation[];
}

const NO_CONTRACTS: Planned = { plans: new Map(), mistakes: [] };

async function planAll(deps: FeedsFileDeps, file: FeedsFile): Promise<Planned> {
  const plans = new Map<string, ContractPlan>();
  const mistakes: Violation[] = [];
  for (const [at, workspace] of file.workspaces.entries()) {
    mistakes.push(...serversOwnIn(workspace, `/workspaces/${String(at)}`));
    for (const [index, feed] of workspace.feeds.entries()) {
      if (feed.contract === undefined) continue;
      const path = `/workspaces/${String(at)}/feeds/${String(index)}`;
      const planned = await planContract(deps, workspace.name, feed, feed.contract);
      if (planned.mistakes.length === 0) plans.set(path, planned.plan);
      mistakes.push(...planned.mistakes.map((one) => ({ ...one, path: `${path}/contract${one.path}` })));
    }
  }
  return { plans, mistakes };
}

/**
 * The same with names that are known to be good, as a part of a greater transaction, with the contracts as they were planned. After its
 * commit all heads are to be forgotten.
 */
export async function applyFeedsFileIn(tx: Tx, tell: Tell, file: FeedsFile, planned = NO_CONTRACTS): Promise<Put[]> {
  const mistakes = [...planned.mistakes];
  const puts: Put[] = [];
  const attempt = async (path: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof FeedsError)) throw error;
      mistakes.push({ path, message: error.message });
    }
  };
  // In the order of their names, so that two nodes that start together do not wait for each other in a circle.
  for (const { workspace, path } of byName(file)) {
    // The server's own is there, and stays as it is.
    if (workspace.name !== SYSTEM_WORKSPACE) await attempt(path, () => putWorkspaceIn(tx, tell, workspace));
    for (const [index, { principal, grants }] of (workspace.grants ?? []).entries()) {
      const grantee = { workspace: workspace.name, principal };
      const inWorkspace = grants.map((grant): Grant => ({ workspace: workspace.name, ...grant }));
      await attempt(`${path}/grants/${String(index)}`, () => putGrantsIn(tx, tell, FEEDS_FILE, grantee, inWorkspace));
    }
    for (const [index, feed] of workspace.feeds.entries()) {
      const at = `${path}/feeds/${String(index)}`;
      const name = { workspace: workspace.name, name: feed.name };
      await attempt(at, async () => {
        const put = await putFeedIn(tx, tell, name, feed.settings, { restore: true });
        const plan = planned.plans.get(at);
        if (plan !== undefined && !(await carryOut(tx, tell, plan, name))) throw new Outdated();
        puts.push(put === 'unchanged' && plan?.added !== undefined ? 'changed' : put);
      });
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
    const grantees = new Set<string>();
    (workspace.grants ?? []).forEach(({ principal }, index) => {
      const message = `grants to "${principal.slice(0, 140)}" are in the file twice`;
      if (grantees.has(principal)) mistakes.push({ path: `${path}/grants/${String(index)}/principal`, message });
      grantees.add(principal);
    });
    const feeds = new Set<string>();
    workspace.feeds.forEach(({ name }, index) => {
      check('feed', name, `${path}/feeds/${String(index)}/name`, feeds);
    });
  });
  return mistakes;
}

/** What a file cannot say of the server's own workspace: its feed's settings are all. */
function serversOwnIn(workspace: DeclaredWorkspace, path: string): Violation[] {
  if (workspace.name !== SYSTEM_WORKSPACE) return [];
  const message =
    `the workspace "${SYSTEM_WORKSPACE}" is the server's own: a file may say the settings of its feed "${AUDIT_FEED.name}", and ` +
    `nothing else`;
  const members = (['title', 'quotas', 'grants'] as const).filter((member) => workspace[member] !== undefined);
  return members.map((member) => ({ path: `${path}/${member}`, message }));
}

function refusal(violations: readonly Violation[]): FeedsError {
  return new FeedsError('invalid-body', 'what the file declares cannot be applied; nothing was changed', {
    violations,
  });
}
