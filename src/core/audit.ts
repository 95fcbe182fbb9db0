import { isDeepStrictEqual } from 'node:util';
import type { Instant } from './entry.js';
import type { RefusalReason } from './refusals.js';

/** What is told of administrative acts and of refusals, in the server's own feed (docs/audit.md). */

/** The workspace that the server has for itself. */
export const SYSTEM_WORKSPACE = 'system';
/** The feed that tells who did what. */
export const AUDIT_FEED = { workspace: SYSTEM_WORKSPACE, name: 'audit' } as const;

export function isAuditFeed({ workspace, name }: { readonly workspace: string; readonly name: string }): boolean {
  return workspace === AUDIT_FEED.workspace && name === AUDIT_FEED.name;
}

export type ActName =
  | 'workspace.created'
  | 'workspace.changed'
  | 'workspace.deleted'
  | 'feed.created'
  | 'feed.changed'
  | 'feed.deleted'
  | 'feed.restored'
  | 'feed.purged'
  | 'contract.registered'
  | 'contract.retired'
  | 'contract.reinstated'
  | 'token.created'
  | 'token.revoked'
  | 'user.created'
  | 'user.changed'
  | 'user.deleted'
  | 'grants.changed'
  | 'grants.deleted'
  | 'export.created'
  | 'export.changed'
  | 'export.deleted'
  | 'export.reset'
  | 'export.replayed'
  | 'export.letters-deleted'
  | 'admin-token.created'
  | 'epoch.began';

/** What was done something to, or what belongs to it: the first of them that is there is the thing itself. */
export interface ActTarget {
  readonly token?: string;
  readonly user?: string;
  readonly export?: string;
  /** Whom something was granted. */
  readonly principal?: string;
  /** Of the feed's contract. */
  readonly version?: number;
  readonly feed?: string;
  readonly workspace?: string;
  readonly partition?: number;
}

/** What a member was and what it now is; one that is missing was not there, or no longer is. */
export interface Change {
  readonly from?: unknown;
  readonly to?: unknown;
}

/** Something that somebody did on purpose. Never with a secret in it, nor with what one could be found out by. */
export interface Act {
  readonly act: ActName;
  readonly target: ActTarget;
  readonly changes?: Readonly<Record<string, Change>> | undefined;
}

/** What an entry of the audit feed tells. */
export type AuditRecord =
  | (Act & { readonly outcome: 'allowed'; readonly by: string; readonly address?: string | undefined })
  | {
      readonly act: 'access.refused';
      readonly outcome: 'refused';
      readonly by: string;
      readonly address: string;
      readonly reason: RefusalReason;
      readonly count: number;
      readonly first: Instant;
      readonly last: Instant;
      /** What was asked for, most first; `more` counts the requests for anything else. */
      readonly requests: readonly { readonly method: string; readonly path: string; readonly count: number }[];
      readonly more: number;
    };

/** A record that waits to be published. */
export interface WaitingRecord {
  /** A UUID; the `atom:id` is made of it. */
  readonly id: string;
  readonly record: AuditRecord;
}

/** The members that differ. */
export function changesBetween(before: object, after: object): Record<string, Change> {
  const [from, to] = [before as Record<string, unknown>, after as Record<string, unknown>];
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return Object.fromEntries(
    names
      .filter((name) => !isDeepStrictEqual(from[name], to[name]))
      .map((name) => [name, { from: from[name], to: to[name] }]),
  );
}

/** Longer texts are cut: what a stranger chose must not fill the log. */
const LONGEST_TEXT = 250;

/** The value with every text in it cut, and without what neither XML nor Postgres' JSON takes. */
export function legible<T>(value: T): T {
  if (typeof value === 'string') return legibleText(value) as T;
  if (Array.isArray(value)) return value.map(legible) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, legible<unknown>(one)])) as T;
}

function legibleText(text: string): string {
  const cut = text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT - 1)}…`;
  return cut.toWellFormed().replaceAll(/[\p{Cc}\ufffe\uffff]/gu, ' ');
}
