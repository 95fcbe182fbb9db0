import type { Grant } from './access.js';
import type { Contract, ContractKind } from './contract.js';
import type { ChosenSettings, Workspace } from './feed.js';

/** Workspaces and feeds as a file declares them, their contracts as `C`. */
export interface FeedsFile<C = Contract> {
  readonly workspaces: readonly DeclaredWorkspace<C>[];
}

export interface DeclaredWorkspace<C = Contract> extends Workspace {
  readonly grants?: readonly DeclaredGrants[];
  readonly feeds: readonly DeclaredFeed<C>[];
}

/** What somebody is to be granted in the workspace. */
export interface DeclaredGrants {
  readonly principal: string;
  readonly grants: readonly Omit<Grant, 'workspace'>[];
}

export interface DeclaredFeed<C = Contract> {
  readonly name: string;
  readonly settings: ChosenSettings;
  readonly contract?: C;
}

/** A contract as it stands in the file: the members of schemas/api/contract.json, or where to find them. */
export interface DeclaredContract {
  readonly kind?: ContractKind;
  readonly schema?: unknown;
  /** Instead of `schema`. */
  readonly schemaFile?: string;
  /** Instead of all others. */
  readonly folder?: string;
}
